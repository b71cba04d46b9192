"""Writes h5/trained-*.golden.*.gz and h5/trained.golden.json: models with the state of their optimizer, of Keras 2 (package
tf_keras) and of Keras 3, and what two more steps make of them.

    python test/keras/make-h5-training.py
"""

import gzip
import json
import os
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import keras  # noqa: E402
import numpy as np  # noqa: E402
import tf_keras  # noqa: E402

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "h5")

X = np.sin(0.7 * np.arange(24, dtype="float32")).reshape(8, 3)
Y = np.cos(0.3 * np.arange(8, dtype="float32")).reshape(8, 1)


def optimizers(o):
    return {
        "sgd": lambda: o.SGD(0.1),
        "momentum": lambda: o.SGD(0.1, momentum=0.9),
        "nesterov": lambda: o.SGD(0.1, momentum=0.9, nesterov=True),
        "adam": lambda: o.Adam(0.01),
        "rmsprop": lambda: o.RMSprop(0.01),
        "rmsprop-momentum": lambda: o.RMSprop(0.01, momentum=0.5),
        "rmsprop-centred": lambda: o.RMSprop(0.01, centered=True, epsilon=1e-3),
        "rmsprop-both": lambda: o.RMSprop(0.01, momentum=0.5, centered=True, epsilon=1e-3),
        "adagrad": lambda: o.Adagrad(0.1),
    }


def build(k):
    L = k.layers
    model = k.Sequential(
        [
            k.Input((3,)),
            L.Dense(4, activation="tanh", name="a"),
            L.BatchNormalization(name="norm"),
            L.Dense(4, activation="tanh", name="frozen", trainable=False),
            L.Dense(4, activation="tanh", name="b"),
            L.Dense(1, name="c"),
        ]
    )
    for index, weight in enumerate(model.weights):
        values = 0.5 * np.sin(1.3 * np.arange(int(np.prod(weight.shape))) + index).reshape(weight.shape)
        if "variance" in getattr(weight, "path", weight.name):
            values = np.abs(values) + 0.5
        weight.assign(values.astype("float32"))
    return model


def train(model, steps):
    model.fit(X, Y, batch_size=8, epochs=steps, shuffle=False, verbose=0)


def save(model, name):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, name)
        model.save(path)
        with open(path, "rb") as file, open(os.path.join(FOLDER, f"{name}.gz"), "wb") as packed:
            with gzip.GzipFile("", "wb", 9, packed, mtime=0) as stream:
                stream.write(file.read())


def main():
    answers = {}
    libraries = [
        ("keras2", tf_keras, tf_keras.optimizers),
        ("keras2-legacy", tf_keras, tf_keras.optimizers.legacy),
        ("keras3", keras, keras.optimizers),
    ]
    for label, k, o in libraries:
        for name, make in optimizers(o).items():
            model = build(k)
            model.compile(optimizer=make(), loss="mse")
            train(model, 3)
            # Keras 3 takes the optimizer out of the configuration while it writes the older format.
            for ending in ["keras", "h5"] if label == "keras3" else ["h5"]:
                save(model, f"trained-{label}-{name}.golden.{ending}")
            train(model, 2)
            values = np.asarray(model.predict(X, verbose=0)).flatten()
            answers[f"{label}-{name}"] = [float(f"{value:.7g}") for value in values]
    with open(os.path.join(FOLDER, "trained.golden.json"), "w") as file:
        json.dump(answers, file)
        file.write("\n")


main()
