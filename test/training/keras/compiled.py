"""Models that Keras compiled in many ways, saved after three steps: the reference of compiled-files.test.ts.

    python compiled.py     (Keras 3; writes compiled/*.golden.keras and compiled.golden.json)
"""

import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import numpy as np

from recipe import FOLDER

O, L, M = keras.optimizers, keras.losses, keras.metrics


def values(shape, shift):
    return np.sin(shift + 1.3 * np.arange(np.prod(shape))).reshape(shape).astype("float32")


def network(outputs):
    x = keras.Input((3,), name="x")
    hidden = keras.layers.Dense(4, activation="tanh", name="hidden")(x)
    heads = [keras.layers.Dense(2, activation=act, name=name)(hidden) for name, act in (("a", None), ("b", "softmax"))]
    model = keras.Model(x, heads if outputs == 2 else heads[0])
    model.set_weights([0.5 * values(w.shape, i) for i, w in enumerate(model.get_weights())])
    return model


X, A = values((8, 3), 0), values((8, 2), 5)
B = np.eye(2, dtype="float32")[np.arange(8) % 2]

# name: (outputs, arguments of compile, steps before it is saved)
CASES = {
    "sgd": (1, lambda: {"optimizer": O.SGD(0.1), "loss": "mse"}, 3),
    "nesterov": (1, lambda: {"optimizer": O.SGD(0.1, momentum=0.8, nesterov=True), "loss": "mae", "metrics": ["mse"]}, 3),
    "adam": (1, lambda: {"optimizer": O.Adam(0.05), "loss": L.Huber(), "metrics": [M.MeanAbsoluteError()]}, 3),
    "adamax": (1, lambda: {"optimizer": O.Adamax(0.05), "loss": L.mean_squared_error}, 3),
    "adagrad": (1, lambda: {"optimizer": O.Adagrad(0.05, initial_accumulator_value=0.3), "loss": "log_cosh"}, 3),
    "rmsprop": (1, lambda: {"optimizer": O.RMSprop(0.05), "loss": "mse"}, 3),
    "rmsprop-momentum": (1, lambda: {"optimizer": O.RMSprop(0.02, momentum=0.5), "loss": "mse"}, 3),
    "rmsprop-centered": (1, lambda: {"optimizer": O.RMSprop(0.02, centered=True), "loss": "mse"}, 3),
    "rmsprop-both": (1, lambda: {"optimizer": O.RMSprop(0.02, momentum=0.5, centered=True), "loss": "cosine_similarity"}, 3),
    "fresh": (1, lambda: {"optimizer": O.Adam(0.05), "loss": "mse"}, 0),
    "losses-listed": (2, lambda: {
        "optimizer": O.Adam(0.05), "loss": ["mse", "categorical_crossentropy"], "loss_weights": [1, 0.5],
        "metrics": [None, ["accuracy", M.CategoricalCrossentropy()]]}, 3),
    "losses-named": (2, lambda: {
        "optimizer": O.SGD(0.1), "loss": {"b": L.KLDivergence(), "a": L.MeanAbsoluteError()}, "loss_weights": {"a": 0.3, "b": 1.0},
        "metrics": {"a": "mse", "b": [M.CategoricalAccuracy()]}}, 3),
    "metrics-flat": (2, lambda: {"optimizer": O.SGD(0.1), "loss": "mse", "metrics": ["mae", M.MeanSquaredError()]}, 3),
    "one-loss-for-both": (2, lambda: {"optimizer": O.SGD(0.1), "loss": "mse", "metrics": [["mae"], ["mae"]]}, 3),
}

results = {}
for name, (outputs, arguments, steps) in CASES.items():
    model = network(outputs)
    model.compile(**arguments())
    targets = [A, B] if outputs == 2 else A
    model.fit(X, targets, batch_size=8, epochs=steps, shuffle=False, verbose=0)
    model.save(os.path.join(FOLDER, "compiled", f"{name}.golden.keras"))
    history = model.fit(X, targets, batch_size=8, epochs=2, shuffle=False, verbose=0).history
    weights = {f"{layer.name}/{i}": w.flatten().tolist() for layer in model.layers for i, w in enumerate(layer.get_weights())}
    results[name] = {"outputs": outputs, "history": history, "weights": weights}

with open(os.path.join(FOLDER, "compiled.golden.json"), "w") as file:
    json.dump(results, file, default=lambda x: round(float(x), 8))
    file.write("\n")
