"""Writes h5/*.golden.h5 and h5/answers.golden.json: models of Keras 2 (package tf_keras) and of Keras 3 in one HDF5 file.

    python test/keras/make-h5-cases.py [--only joined,measured]

With --only the other files stay as they are, and those of Keras 2 are left out.
"""

import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import keras  # noqa: E402
import numpy as np  # noqa: E402

ONLY = sys.argv[sys.argv.index("--only") + 1].split(",") if "--only" in sys.argv else None
if ONLY is None:
    import tf_keras

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(HERE, "h5")


def fill(shape, salt):
    """Numbers in -1 to 1, the same as in layer-cases.ts."""
    count = int(np.prod(shape, dtype=np.int64))
    mask = np.uint64(0xFFFFFFFF)
    h = ((np.arange(count, dtype=np.uint64) + np.uint64(salt * 7919)) * np.uint64(2654435761)) & mask
    h ^= h >> np.uint64(15)
    h = (h * np.uint64(2246822519)) & mask
    h ^= h >> np.uint64(13)
    return (h.astype("float64") / 2**31 - 1).astype("float32").reshape(shape)


def convolutional(k):
    L = k.layers
    return k.Sequential([
        k.Input((8, 8, 2)),
        L.Conv2D(4, 3, activation="relu", padding="same"),
        L.BatchNormalization(),
        L.LeakyReLU(0.1),
        L.SeparableConv2D(3, 3),
        L.UpSampling2D(interpolation="bilinear"),
        L.DepthwiseConv2D(3, dilation_rate=2),
        L.Dropout(0.2),
        L.GlobalAveragePooling2D(),
        L.Dense(2, activation="softmax"),
    ], name="convolutional")


def recurrent(k):
    L = k.layers
    return k.Sequential([
        k.Input((5, 3)),
        L.Masking(),
        L.Bidirectional(L.LSTM(3, return_sequences=True, recurrent_activation="hard_sigmoid")),
        L.GRU(3, return_sequences=True),
        L.GRU(2, reset_after=False),
        L.Dense(1, activation="hard_sigmoid"),
    ], name="recurrent")


def nested(k):
    """A frozen base with batch normalization, a layer used twice, and a merge."""
    L = k.layers
    base = k.Sequential([k.Input((4,)), L.Dense(4, name="first"), L.BatchNormalization(name="norm"), L.Dense(4, name="second")], name="base")
    base.trainable = False
    x, y = k.Input((4,), name="x"), k.Input((4,), name="y")
    shared = L.Dense(4, activation="swish", name="shared")
    z = L.Add(name="sum")([shared(base(x)), shared(y)])
    return k.Model([x, y], L.Dense(2, name="head")(z), name="outer")


def thawed(k):
    """Layers that were set back inside of frozen models: weights of trained layers come first in these files."""
    L = k.layers
    inner = k.Sequential([k.Input((4,)), L.Dense(3, name="first"), L.BatchNormalization(name="norm")], name="inner")
    x = k.Input((4,), name="x")
    middle = k.Model(x, L.Dense(2, name="between")(inner(x)), name="middle")
    y = k.Input((4,), name="y")
    outer = k.Model(y, L.Dense(5, name="behind")(middle(y)), name="shell")
    z = k.Input((4,), name="z")
    model = k.Model(z, L.Dense(2, name="head")(outer(z)), name="thawed")
    outer.get_layer("middle").trainable = False
    inner.get_layer("norm").trainable = True
    outer.get_layer("behind").trainable = False
    return model


def masked(k):
    L = k.layers
    tokens = k.Input((6,), dtype="int32", name="tokens")
    x = L.Embedding(9, 4, mask_zero=True, name="words")(tokens)
    return k.Model(tokens, L.LSTM(3, name="memory")(x), name="masked")


def joined(k):
    """Masks through Concatenate, and the states of stacked cells."""
    L = k.layers
    a, b = k.Input((6,), dtype="int32", name="a"), k.Input((6,), dtype="int32", name="b")
    x, y = L.Embedding(9, 4, mask_zero=True, name="first")(a), L.Embedding(9, 3, mask_zero=True, name="second")(b)
    z = L.LSTM(3, name="memory")(L.Concatenate(name="both")([x, y]))
    series = k.Input((5, 3), name="series")
    out, *states = L.RNN([L.LSTMCell(2), L.GRUCell(3)], return_state=True, name="stacked")(series)
    return k.Model([a, b, series], L.Concatenate(name="all")([z, out, *k.tree.flatten(states)]), name="joined")


def measured(k):
    """Mean and variance of data; the number of samples is among the weights, and whole."""
    L = k.layers
    normalize = L.Normalization(name="normalize")
    normalize.adapt(fill((20, 3), 9) * 3 + 1)
    return k.Sequential([k.Input((3,)), normalize, L.Dense(2, name="dense")], name="measured")


def inputs(model):
    made = []
    for index, tensor in enumerate(model.inputs):
        shape = (2, *tensor.shape[1:])
        values = fill(shape, 60 + index)
        if "int" in str(tensor.dtype):
            values = np.floor((values.astype("float64") + 1) / 2 * 9).astype("int32")
        elif model.name == "recurrent":
            values[0, -2:] = 0
        made.append(values)
    return made


def main():
    target = os.path.join(FOLDER, "answers.golden.json")
    answers = {} if ONLY is None else json.load(open(target))
    for label, library in (*([("keras2", tf_keras)] if ONLY is None else []), ("keras3", keras)):
        for make in (convolutional, recurrent, nested, thawed, masked, *([joined, measured] if library is keras else [])):
            if ONLY is not None and make.__name__ not in ONLY:
                continue
            library.backend.clear_session()
            model = make(library)
            for index, variable in enumerate(model.weights):
                values = fill(variable.shape, index + 1) * np.float32(0.5)
                if "variance" in getattr(variable, "path", variable.name):
                    values = np.abs(values) + np.float32(0.5)
                if "float" in str(variable.dtype):
                    variable.assign(values)
            for layer in model.layers:
                if hasattr(layer, "finalize_state"):
                    layer.finalize_state()
            if make is convolutional:
                model.compile(optimizer=library.optimizers.Adam(0.01), loss="categorical_crossentropy", metrics=["accuracy"])
            name = f"{label}-{model.name}"
            model.save(os.path.join(FOLDER, f"{name}.golden.h5"))
            given = inputs(model)
            output = np.asarray(model(given if len(given) > 1 else given[0], training=False))
            answers[name] = {
                "inputs": [[list(map(int, v.shape)), "int" if v.dtype == np.int32 else "float"] for v in given],
                "hidden": model.name == "recurrent",
                "output": [float(f"{v:.7g}") for v in output.flatten()],
            }
            if make is thawed:
                # How many weights are trained where the file is loaded.
                again = library.models.load_model(os.path.join(FOLDER, f"{name}.golden.h5"), compile=False)
                answers[name]["trained"] = len(again.trainable_weights)
    with open(target, "w") as file:
        json.dump(answers, file)
        file.write("\n")


main()
