"""Keras as a peer of the training benchmark: reads one request a line, answers milliseconds a step, one line each."""

import json
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np  # noqa: E402
import keras  # noqa: E402
from keras import layers as L  # noqa: E402


def mlp(inputs, sizes, classes):
    return keras.Sequential(
        [keras.Input((inputs,))]
        + [L.Dense(units, activation="relu") for units in sizes]
        + [L.Dense(classes, activation="softmax")]
    )


def cnn():
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


def lstm():
    return keras.Sequential([keras.Input((20, 16)), L.LSTM(32), L.Dense(10, activation="softmax")])


def resnet20():
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


builders = {
    "mlp": lambda: mlp(64, [128, 128], 10),
    "cnn": cnn,
    "lstm": lstm,
    "resnet20": resnet20,
    "wide": lambda: mlp(10_000, [], 10),
    "logistic": lambda: mlp(16, [], 2),
}
models = {}


def measure(request):
    key = (request["name"], request["jit"])
    batch, steps = request["batch"], request["steps"]
    count = batch * steps
    rng = np.random.default_rng(1)
    x = rng.standard_normal([count, *request["input"]], dtype=np.float32)
    y = np.eye(request["classes"], dtype=np.float32)[rng.integers(0, request["classes"], count)]
    if key not in models:
        model = builders[request["name"]]()
        model.compile("adam", "categorical_crossentropy", metrics=["accuracy"], jit_compile=request["jit"])
        model.fit(x, y, batch_size=batch, epochs=2, verbose=0)
        models[key] = model
    start = time.perf_counter()
    models[key].fit(x, y, batch_size=batch, epochs=request["epochs"], verbose=0)
    return (time.perf_counter() - start) * 1000 / (steps * request["epochs"])


print(json.dumps({"version": keras.__version__, "backend": keras.backend.backend()}), flush=True)
for line in sys.stdin:
    try:
        print(json.dumps({"ms": measure(json.loads(line))}), flush=True)
    except Exception as error:  # noqa: BLE001
        print(json.dumps({"failed": str(error)[:200]}), flush=True)
