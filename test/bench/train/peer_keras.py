"""Keras 3 on TensorFlow as a peer of the training benchmark."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"
import keras  # noqa: E402
import tensorflow  # noqa: E402
from keras import layers as L  # noqa: E402
from peer_protocol import data, serve  # noqa: E402


def dense(request, sizes):
    return keras.Sequential(
        [keras.Input(request["input"])]
        + [L.Dense(units, activation="relu") for units in sizes]
        + [L.Dense(request["classes"], activation="softmax")]
    )


def cnn(request):
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            L.Conv2D(16, 3, activation="relu"),
            L.MaxPooling2D(2),
            L.Conv2D(32, 3, activation="relu"),
            L.MaxPooling2D(2),
            L.Flatten(),
            L.Dense(10, activation="softmax"),
        ]
    )


def lstm(request):
    return keras.Sequential([keras.Input((20, 16)), L.LSTM(32), L.Dense(10, activation="softmax")])


def resnet20(request):
    def conv(filters, size, strides):
        return L.Conv2D(filters, size, strides=strides, padding="same", use_bias=False)

    inputs = keras.Input((32, 32, 3))
    x = L.ReLU()(L.BatchNormalization()(conv(16, 3, 1)(inputs)))
    for stage, filters in enumerate([16, 32, 64]):
        for block in range(3):
            strides = 2 if stage > 0 and block == 0 else 1
            y = L.ReLU()(L.BatchNormalization()(conv(filters, 3, strides)(x)))
            y = L.BatchNormalization()(conv(filters, 3, 1)(y))
            shortcut = x if strides == 1 else L.BatchNormalization()(conv(filters, 1, strides)(x))
            x = L.ReLU()(L.Add()([y, shortcut]))
    x = L.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, L.Dense(10, activation="softmax")(x))


def transformer(request):
    inputs = keras.Input((64, 64))
    x = inputs
    for _ in range(2):
        y = L.LayerNormalization(epsilon=1e-5)(x)
        x = L.Add()([x, L.MultiHeadAttention(4, 16)(y, y)])
        y = L.LayerNormalization(epsilon=1e-5)(x)
        x = L.Add()([x, L.Dense(64)(L.Dense(256, activation="relu")(y))])
    x = L.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, L.Dense(10, activation="softmax")(x))


builders = {
    "mlp": lambda request: dense(request, [128, 128]),
    "deep": lambda request: dense(request, [64] * request["depth"]),
    "cnn": cnn,
    "lstm": lstm,
    "resnet20": resnet20,
    "transformer": transformer,
    "wide": lambda request: dense(request, []),
    "logistic": lambda request: dense(request, []),
}


def prepare(request):
    x, y, _ = data(request)
    model = builders[request["name"]](request)
    jit = {"default": "auto", "off": False, "on": True}[request["variant"]]
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"], jit_compile=jit)
    batch = request["batch"]
    return lambda: model.fit(x, y, batch_size=batch, shuffle=False, epochs=1, verbose=0).history["loss"][0]


serve(f"Keras {keras.__version__} on TensorFlow {tensorflow.__version__}", prepare)
