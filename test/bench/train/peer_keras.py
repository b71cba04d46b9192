"""
Keras 3 on TensorFlow as a peer of the training benchmark: `model.fit` on arrays, all epochs of a slice in one call.

Variants: jit_compile as Keras chooses it, off and on, each with a step a call (the default), and off with many steps a
call.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"
import keras  # noqa: E402
import tensorflow  # noqa: E402
from keras import layers as L  # noqa: E402
from peer_protocol import Taken, data, serve  # noqa: E402


def dense(request, sizes):
    return keras.Sequential(
        [keras.Input(request["input"])]
        + [L.Dense(units, activation="relu", name=f"dense{i}") for i, units in enumerate(sizes)]
        + [L.Dense(request["classes"], activation="softmax", name="output")]
    )


def cnn(request):
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            L.Conv2D(16, 3, activation="relu", name="conv0"),
            L.MaxPooling2D(2),
            L.Conv2D(32, 3, activation="relu", name="conv1"),
            L.MaxPooling2D(2),
            L.Flatten(),
            L.Dense(10, activation="softmax", name="output"),
        ]
    )


def lstm(request):
    return keras.Sequential(
        [
            keras.Input((20, 16)),
            L.LSTM(32, name="lstm"),
            L.Dense(10, activation="softmax", name="output"),
        ]
    )


def resnet20(request):
    def conv_norm(name, filters, size, strides, x):
        conv = L.Conv2D(filters, size, strides=strides, padding="same", use_bias=False, name=f"{name}_conv")
        return L.BatchNormalization(name=f"{name}_norm")(conv(x))

    inputs = keras.Input((32, 32, 3))
    x = L.ReLU()(conv_norm("stem", 16, 3, 1, inputs))
    for stage, filters in enumerate([16, 32, 64]):
        for block in range(3):
            name = f"s{stage}b{block}"
            strides = 2 if stage > 0 and block == 0 else 1
            y = L.ReLU()(conv_norm(f"{name}_0", filters, 3, strides, x))
            y = conv_norm(f"{name}_1", filters, 3, 1, y)
            shortcut = x if strides == 1 else conv_norm(f"{name}_short", filters, 1, strides, x)
            x = L.ReLU()(L.Add()([y, shortcut]))
    x = L.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, L.Dense(10, activation="softmax", name="output")(x))


def transformer(request):
    inputs = keras.Input((64, 64))
    x = inputs
    for i in range(2):
        y = L.LayerNormalization(epsilon=1e-5, name=f"b{i}_norm0")(x)
        x = L.Add()([x, L.MultiHeadAttention(4, 16, name=f"b{i}_attention")(y, y)])
        y = L.LayerNormalization(epsilon=1e-5, name=f"b{i}_norm1")(x)
        y = L.Dense(256, activation="relu", name=f"b{i}_dense0")(y)
        x = L.Add()([x, L.Dense(64, name=f"b{i}_dense1")(y)])
    x = L.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, L.Dense(10, activation="softmax", name="output")(x))


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


def set_weights(model, request):
    taken = Taken(request)
    for layer in model.layers:
        for variable in layer.weights:
            # Of attention `…/query/kernel`, which is `query_kernel` with the heads apart.
            if isinstance(layer, L.MultiHeadAttention):
                part, kind = variable.path.split("/")[-2:]
                name = f"{part.replace('attention_', '')}_{kind}"
            else:
                name = variable.path.split("/")[-1]
            if name == "seed_generator_state":
                continue
            variable.assign(taken[f"{layer.name}/{name}"].reshape(variable.shape))
    taken.check()


class Trainer:
    def __init__(self, request):
        self.x, self.y, _ = data(request)
        self.batch = request["batch"]
        keras.utils.set_random_seed(1)
        self.model = builders[request["name"]](request)
        set_weights(self.model, request)
        variant = request["variant"]
        self.model.compile(
            keras.optimizers.Adam(1e-3, epsilon=1e-7),
            "categorical_crossentropy",
            metrics=["accuracy"],
            jit_compile={"default": "auto", "off": False, "on": True, "many": False}[variant],
            steps_per_execution=min(request["steps"], 50) if variant == "many" else 1,
        )

    def fit(self, x, y, epochs):
        fitted = self.model.fit(x, y, batch_size=self.batch, shuffle=False, epochs=epochs, verbose=0)
        return fitted.history["loss"][-1]

    def first_steps(self, count):
        cut = [slice(i * self.batch, (i + 1) * self.batch) for i in range(count)]
        return [self.fit(self.x[part], self.y[part], 1) for part in cut]

    def train(self, epochs):
        return self.fit(self.x, self.y, epochs)


serve(f"Keras {keras.__version__} on TensorFlow {tensorflow.__version__}", Trainer)
