"""Writes h5/other-*.golden.*.gz and h5/others.golden.json: models whose optimizer tfjs lacks, of Keras 2 (package tf_keras) and
of Keras 3, and files whose weights are float16.

    python test/keras/make-h5-others.py
"""

import gzip
import json
import os
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import h5py  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402
import tf_keras  # noqa: E402

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "h5")

X = np.sin(0.7 * np.arange(24, dtype="float32")).reshape(8, 3)
Y = np.cos(0.3 * np.arange(8, dtype="float32")).reshape(8, 1)


def build(k, dtype=None):
    L = k.layers
    model = k.Sequential([k.Input((3,)), L.Dense(4, activation="tanh", name="a", dtype=dtype), L.Dense(1, name="b")])
    for index, weight in enumerate(model.weights):
        values = 0.5 * np.sin(1.3 * np.arange(int(np.prod(weight.shape))) + index).reshape(weight.shape)
        weight.assign(values.astype("float32"))
    return model


def halved(path):
    """Stores all floats of an HDF5 file as float16."""
    with h5py.File(path, "r+") as file:
        arrays = []
        file.visititems(lambda name, item: arrays.append(name) if isinstance(item, h5py.Dataset) else None)
        for name in arrays:
            values = file[name][()]
            if values.dtype == np.float32:
                del file[name]
                file[name] = values.astype(np.float16)


def save(write, name, change=None):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, name)
        write(path)
        if change is not None:
            change(path)
        with open(path, "rb") as file, open(os.path.join(FOLDER, f"{name}.gz"), "wb") as packed:
            with gzip.GzipFile("", "wb", 9, packed, mtime=0) as stream:
                stream.write(file.read())


def numbers(model):
    return [float(f"{value:.7g}") for value in np.asarray(model.predict(X, verbose=0)).flatten()]


def main():
    answers = {}
    kinds = [
        ("keras2-nadam", tf_keras, lambda: tf_keras.optimizers.Nadam(0.01)),
        ("keras2-legacy-nadam", tf_keras, lambda: tf_keras.optimizers.legacy.Nadam(0.01)),
        ("keras3-nadam", keras, lambda: keras.optimizers.Nadam(0.01)),
        ("keras2-adamw", tf_keras, lambda: tf_keras.optimizers.AdamW(0.01)),
        ("keras3-adamw", keras, lambda: keras.optimizers.AdamW(0.01)),
        ("keras3-adamw-plain", keras, lambda: keras.optimizers.AdamW(0.01, weight_decay=0.0)),
        ("keras3-lion", keras, lambda: keras.optimizers.Lion(0.01)),
    ]
    for name, k, make in kinds:
        model = build(k)
        model.compile(optimizer=make(), loss="mse")
        model.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0)
        for ending in ["keras", "h5"] if k is keras else ["h5"]:
            save(model.save, f"other-{name}.golden.{ending}")
        before = numbers(model)
        model.fit(X, Y, batch_size=8, epochs=2, shuffle=False, verbose=0)
        answers[name] = {"before": before, "after": numbers(model)}
    model = build(keras)
    save(model.save, "other-float16.golden.h5", halved)
    save(model.save_weights, "other-float16.golden.weights.h5", halved)
    for weight in model.weights:
        weight.assign(np.asarray(weight).astype("float16").astype("float32"))
    answers["float16"] = {"before": numbers(model)}
    save(build(keras, "float16").save, "other-policy.golden.h5")
    with open(os.path.join(FOLDER, "others.golden.json"), "w", encoding="utf-8") as file:
        json.dump(answers, file)
        file.write("\n")


main()
