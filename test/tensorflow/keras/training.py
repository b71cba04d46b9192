"""Trainings of many kinds in Keras 3: writes training.golden.json into this folder, the cases with their results.

    python training.py        (with tensorflow-cpu 2.21 and keras 3.15)

A case names layers and options as Keras does; training-cases.ts builds the same models of tfjs's layers.
"""

import json
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import warnings  # noqa: E402

warnings.filterwarnings("ignore")
import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from keras.src.trainers.data_adapters import data_adapter_utils  # noqa: E402

SAMPLES, BATCH = 7, 3


def bits(shape, salt):
    """Numbers of 32 bits that training-cases.ts makes as well."""
    h = (np.arange(int(np.prod(shape)), dtype=np.uint32) + np.uint32(salt * 7919)) * np.uint32(2654435761)
    h ^= h >> np.uint32(15)
    h *= np.uint32(2246822519)
    h ^= h >> np.uint32(13)
    return h.reshape(shape)


def values(spec):
    """A tensor of a specification: kind, shape (without samples), salt, type, and the steps that are hidden."""
    shape = [SAMPLES, *spec["shape"]]
    h = bits(shape, spec["salt"])
    kind, classes = spec["kind"], spec.get("classes", 2)
    if kind == "float":
        x = (h / 2.0**31 - 1).astype(np.float32) * np.float32(spec.get("scale", 1))
    elif kind == "unit":
        x = (h / 2.0**32).astype(np.float32) * np.float32(spec.get("scale", 1))
    elif kind == "index":
        x = h % classes + spec.get("from", 0)
    elif kind == "onehot":
        x = np.eye(classes, dtype=np.float32)[h % classes]
    else:
        raise ValueError(kind)
    x = x.astype(spec.get("dtype", "float32"))
    if "hidden" in spec:
        steps = x.shape[1]
        for sample in range(SAMPLES):
            count = min((sample + spec["hidden"].get("from", 0)) % steps, steps - 1)
            if spec["hidden"].get("all") == sample:
                count = steps
            where = slice(0, count) if spec["hidden"]["side"] == "left" else slice(steps - count, steps)
            x[sample, where] = spec["hidden"]["value"]
    return x


def layer(name, class_name, config):
    config = dict(config)
    if class_name == "Model":
        made = model_of(config["model"], name)
        return made
    for key in ("layer",):
        if key in config:
            config[key] = layer(None, *config[key])
    if name is not None:
        config["name"] = name
    return getattr(keras.layers, class_name)(**config)


def model_of(spec, name=None):
    tensors = {key: keras.Input(shape, name=f"{name or 'main'}_{key}") for key, shape in spec["inputs"].items()}
    inputs = list(tensors.values())
    layers = {}
    for key, class_name, config, source in spec["layers"]:
        # A layer that was made before is applied again.
        if class_name != "again":
            layers[key] = layer(key, class_name, config)
        applied = layers[config["of"]] if class_name == "again" else layers[key]
        given = [tensors[one] for one in source] if isinstance(source, list) else tensors[source]
        tensors[key] = applied(given)
    outputs = [tensors[key] for key in spec["outputs"]]
    return keras.Model(inputs, outputs if len(outputs) > 1 else outputs[0], name=name)


def find(model, path):
    for name in path.split("/"):
        model = model.get_layer(name)
    return model


def number(value):
    value = float(value)
    return value if np.isfinite(value) else str(value)


def run(case):
    model = model_of(case["model"])
    for i, weight in enumerate(model.weights):
        if "moving_variance" not in weight.path:
            weight.assign((bits(weight.shape, 10 + i) / 2.0**31 - 1).astype(np.float32) * np.float32(case.get("scale", 0.5)))
        else:
            weight.assign((bits(weight.shape, 10 + i) / 2.0**32).astype(np.float32) + np.float32(0.5))
    for path in case.get("frozen", []):
        (model if path == "" else find(model, path)).trainable = False
    for path in case.get("thawed", []):
        find(model, path).trainable = True
    x = [values(spec) for spec in case["x"]]
    x = x if len(x) > 1 else x[0]
    result = {}
    if "loss" not in case:
        return {"predict": [np.asarray(one, dtype=np.float32).ravel().tolist() for one in listed(model(x, training=False))]}
    y = [values(spec) for spec in case["y"]]
    y = y if len(y) > 1 else y[0]
    weights = None
    if "sampleWeight" in case:
        weights = [values(spec) for spec in case["sampleWeight"]]
        weights = weights if len(weights) > 1 else weights[0]
    model.compile(
        optimizer=keras.optimizers.SGD(case.get("rate", 0.1)),
        loss=case["loss"],
        loss_weights=case.get("lossWeights"),
        metrics=case.get("metrics"),
        run_eagerly=True,
    )
    of_training = weights
    if "classWeight" in case:
        by_class = {int(key): value for key, value in case["classWeight"].items()}
        of_training = data_adapter_utils.class_weight_to_sample_weights(y, by_class)

    def epoch(step, given):
        """The logs of evaluate and fit: the metrics after the last batch. Their data pipelines would take minutes."""
        model.reset_metrics()
        batches = [slice(at, at + BATCH) for at in range(0, SAMPLES, BATCH)]
        return [step((cut(x, at), cut(y, at), cut(given, at))) for at in batches][-1]

    def evaluate():
        return epoch(model.test_step, weights)

    def train():
        return epoch(model.train_step, of_training)

    result["evaluate"] = evaluate()
    epochs = [{**train(), **{f"val_{key}": value for key, value in evaluate().items()}} for _ in range(2)]
    result["fit"] = {key: [one[key] for one in epochs] for key in epochs[0]}
    result["train"] = model.train_on_batch(x, y, sample_weight=weights, return_dict=True)
    result["train"] = {key: value for key, value in result["train"].items() if "loss" in key}
    result["predict"] = [np.asarray(one).ravel().tolist() for one in listed(model(x, training=False))]
    return tree(result)


def cut(values, at):
    if values is None:
        return None
    if isinstance(values, list):
        return [cut(one, at) for one in values]
    return tf.convert_to_tensor(values[at])


def listed(one):
    return one if isinstance(one, list) else [one]


def tree(value):
    if isinstance(value, dict):
        return {key: tree(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [tree(one) for one in value]
    return number(f"{float(value):.8g}")


CASES = []


def case(name, **parts):
    CASES.append({"name": name, **parts})


# ---- losses and metrics: masks, weights, types of labels, shapes, extreme values

FLOATS = ["mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_logarithmic_error"]
SERIES, VECTOR = [4, 3], [3]
HIDDEN = {"side": "right", "value": 0, "from": 0}


def series(salt, **more):
    return {"kind": "float", "shape": SERIES, "salt": salt, **more}


def net(shape, units, activation, masking):
    layers = [["hide", "Masking", {"mask_value": 0.0}, "x"]] if masking else []
    layers.append(["out", "Dense", {"units": units, "activation": activation}, "hide" if masking else "x"])
    return {"inputs": {"x": shape}, "layers": layers, "outputs": ["out"]}


LOSSES = {
    "mean_squared_error": ("linear", {"kind": "float", "scale": 3}, ["mae", "mse"]),
    "mean_absolute_error": ("linear", {"kind": "float", "scale": 3}, ["mape", "msle"]),
    "mean_absolute_percentage_error": ("linear", {"kind": "float"}, ["mse"]),
    "mean_squared_logarithmic_error": ("sigmoid", {"kind": "unit", "scale": 3}, ["cosine_similarity"]),
    "squared_hinge": ("linear", {"kind": "index"}, ["hinge"]),
    "hinge": ("linear", {"kind": "index"}, ["squared_hinge"]),
    "categorical_hinge": ("linear", {"kind": "onehot"}, ["categorical_accuracy"]),
    "huber": ("linear", {"kind": "float", "scale": 3}, ["mae"]),
    "log_cosh": ("linear", {"kind": "float", "scale": 50}, ["poisson"]),
    "categorical_crossentropy": ("softmax", {"kind": "onehot"}, ["categorical_accuracy", "categorical_crossentropy", "top_k_categorical_accuracy"]),
    "sparse_categorical_crossentropy": ("softmax", {"kind": "index"}, ["sparse_categorical_accuracy", "sparse_categorical_crossentropy", "sparse_top_k_categorical_accuracy"]),
    "binary_crossentropy": ("sigmoid", {"kind": "index"}, ["binary_accuracy", "binary_crossentropy", "precision", "recall"]),
    "kl_divergence": ("sigmoid", {"kind": "unit", "scale": 3}, ["kl_divergence"]),
    "poisson": ("sigmoid", {"kind": "unit", "scale": 4}, ["mean_squared_error"]),
    "cosine_similarity": ("linear", {"kind": "float"}, ["mae"]),
}


def target(loss, kind, shape, salt):
    """Of the shape of the output, or of its indices."""
    if kind["kind"] == "onehot":
        return {**kind, "shape": shape[:-1], "classes": shape[-1], "salt": salt}
    if loss.startswith("sparse"):
        return {**kind, "shape": [*shape[:-1], 1], "classes": shape[-1], "salt": salt}
    return {**kind, "shape": shape, "salt": salt}


for loss, (activation, kind, metrics) in LOSSES.items():
    for where, shape, units in (("vectors", VECTOR, 3), ("series", SERIES, 7)):
        y = target(loss, kind, [*shape[:-1], units], 5)
        # Slopes of 100 / |target| would make numbers that grow, and roundings with them.
        common = {"loss": loss, "metrics": metrics, "y": [y], "rate": 1e-4 if "percentage" in loss else 0.1}
        x = {"kind": "float", "shape": shape, "salt": 3}
        case(f"{loss} of {where}", model=net(shape, units, activation, False), x=[x], **common)
        weights = {"kind": "unit", "scale": 2, "shape": [], "salt": 8}
        if where == "vectors":
            case(f"{loss} with weights", model=net(shape, units, activation, False), x=[x], sampleWeight=[weights], **common)
            continue
        x = {**x, "hidden": HIDDEN}
        case(f"{loss} with a mask", model=net(shape, units, activation, True), x=[x], **common)
        each = {**weights, "shape": [4]}
        case(f"{loss} with a mask and weights", model=net(shape, units, activation, True), x=[x], sampleWeight=[each], **common)
    # Outputs where a probability is 0 or 1 in float32, with slopes.
    extreme = {"kind": "float", "shape": VECTOR, "salt": 3, "scale": 200}
    case(f"{loss} of extreme values", model=net(VECTOR, 3, activation, False), x=[extreme], loss=loss, rate=1e-6, metrics=metrics[:1], y=[target(loss, kind, VECTOR, 5)])
    if kind["kind"] in ("index", "onehot"):
        y = {**target(loss, kind, VECTOR, 5), "dtype": "int32"}
        case(f"{loss} of int32 labels", model=net(VECTOR, 3, activation, False), x=[{**extreme, "scale": 1}], loss=loss, metrics=metrics, y=[y])

for dtype in ("int32", "float32"):
    for ends in ([], [1]):
        y = {"kind": "index", "classes": 5, "shape": [4, *ends], "salt": 5, "dtype": dtype}
        for masking in (False, True):
            x = series(3, **({"hidden": HIDDEN} if masking else {}))
            case(
                f"sparse targets {dtype} [N,T{',1' if ends else ''}]{' with a mask' if masking else ''}",
                model=net(SERIES, 5, "softmax", masking), x=[x], y=[y], loss="sparse_categorical_crossentropy",
                metrics=["accuracy", "sparse_categorical_accuracy", "sparse_top_k_categorical_accuracy"],
            )
    case(
        f"sparse targets {dtype} [N]", model=net(VECTOR, 5, "softmax", False), x=[{**series(3), "shape": VECTOR}],
        y=[{"kind": "index", "classes": 5, "shape": [], "salt": 5, "dtype": dtype}], loss="sparse_categorical_crossentropy", metrics=["accuracy"],
    )
    case(
        f"targets {dtype} [N] of one probability", model=net(VECTOR, 1, "sigmoid", False), x=[{**series(3), "shape": VECTOR}],
        y=[{"kind": "index", "shape": [], "salt": 5, "dtype": dtype}], loss="binary_crossentropy", metrics=["accuracy", "precision", "recall"],
    )
case(
    "classes with weights", model=net(VECTOR, 3, "softmax", False), x=[{**series(3), "shape": VECTOR}], loss="categorical_crossentropy",
    y=[{"kind": "onehot", "classes": 3, "shape": [], "salt": 5}], metrics=["accuracy"], classWeight={"0": 2, "1": 0.5, "2": 1},
)
case(
    "a sample that is hidden everywhere", model=net(SERIES, 2, "linear", True), x=[series(3, hidden={**HIDDEN, "all": 2})],
    y=[{"kind": "float", "shape": [4, 2], "salt": 5}], loss="mse", metrics=["mae"],
)

# ---- several outputs

TWO = {
    "inputs": {"x": [3]},
    "layers": [["h", "Dense", {"units": 4, "activation": "tanh"}, "x"], ["a", "Dense", {"units": 2}, "h"], ["b", "Dense", {"units": 3, "activation": "softmax"}, "h"]],
    "outputs": ["a", "b"],
}
THREE = {**TWO, "layers": [*TWO["layers"], ["c", "Dense", {"units": 1, "activation": "sigmoid"}, "h"]], "outputs": ["a", "b", "c"]}
X = [{"kind": "float", "shape": [3], "salt": 3}]
A = {"kind": "float", "shape": [2], "salt": 5}
B = {"kind": "onehot", "classes": 3, "shape": [], "salt": 6}
C = {"kind": "index", "shape": [1], "salt": 7}
for name, parts in {
    "one loss": {"loss": "mse"},
    "a list of losses": {"loss": ["mse", "categorical_crossentropy"]},
    "losses by name": {"loss": {"a": "mse", "b": "categorical_crossentropy"}},
    "metrics for each": {"loss": ["mse", "categorical_crossentropy"], "metrics": [["mae", "mse"], ["categorical_accuracy"]]},
    "a flat list of metrics": {"loss": ["mse", "categorical_crossentropy"], "metrics": ["mae", "categorical_accuracy"]},
    "metrics by name": {"loss": {"b": "categorical_crossentropy", "a": "mse"}, "metrics": {"b": ["categorical_accuracy", "precision"]}},
    "metrics of the first": {"loss": "mse", "metrics": {"a": ["mae"]}},
    "weights of losses": {"loss": ["mse", "categorical_crossentropy"], "lossWeights": [0.3, 2], "metrics": [["mae"], []]},
    "weights of losses by name": {"loss": {"a": "mae", "b": "mse"}, "lossWeights": {"a": 0, "b": 0.5}},
    "weights of samples": {"loss": "mse", "sampleWeight": [{"kind": "unit", "shape": [], "salt": 8}, {"kind": "unit", "shape": [], "salt": 9}], "metrics": {"a": ["mae"]}},
}.items():
    case(f"two outputs: {name}", model=TWO, x=X, y=[A, B], **parts)
case("three outputs", model=THREE, x=X, y=[A, B, C], loss={"a": "mse", "b": "categorical_crossentropy", "c": "binary_crossentropy"}, metrics={"a": ["mae"], "b": ["accuracy"], "c": ["accuracy", "recall"]}, lossWeights={"a": 1, "b": 0.2, "c": 3})
case(
    "two outputs, one with a mask",
    model={
        "inputs": {"x": SERIES}, "outputs": ["a", "b"],
        "layers": [["hide", "Masking", {}, "x"], ["a", "Dense", {"units": 2}, "hide"], ["flat", "Flatten", {}, "x"], ["b", "Dense", {"units": 2}, "flat"]],
    },
    x=[series(3, hidden=HIDDEN)], y=[{"kind": "float", "shape": [4, 2], "salt": 5}, {"kind": "float", "shape": [2], "salt": 6}], loss="mse", metrics={"a": ["mae"], "b": ["mae"]},
)

# ---- regularization and constraints


def l2(factor):
    return {"class_name": "L2", "config": {"l2": factor}}


REGULAR = {"units": 3, "kernel_regularizer": l2(0.1), "bias_regularizer": l2(0.2)}
for name, layers, more in (
    ("one layer", [["out", "Dense", REGULAR, "x"]], {}),
    ("a layer that is used twice", [["h", "Dense", REGULAR, "x"], ["out", "again", {"of": "h"}, "h"]], {}),
    ("a frozen layer", [["h", "Dense", REGULAR, "x"], ["out", "Dense", REGULAR, "h"]], {"frozen": ["h"]}),
    ("a model inside", [["in", "Model", {"model": {"inputs": {"x": [3]}, "layers": [["h", "Dense", REGULAR, "x"]], "outputs": ["h"]}}, "x"], ["out", "Dense", {"units": 3}, "in"]], {}),
):
    case(f"regularization of {name}", model={"inputs": {"x": [3]}, "layers": layers, "outputs": ["out"]}, x=X, y=[{"kind": "float", "shape": [3], "salt": 5}], loss="mse", metrics=["mae"], **more)
RECURRENT = {"units": 2, "kernel_regularizer": l2(0.1), "recurrent_regularizer": l2(0.3), "bias_regularizer": l2(0.2)}
for name, one in (
    ("an LSTM", ["LSTM", RECURRENT]),
    ("both directions", ["Bidirectional", {"layer": ["GRU", {**RECURRENT, "reset_after": True}], "merge_mode": "sum"}]),
    ("each step", ["TimeDistributed", {"layer": ["Dense", {**REGULAR, "units": 2}]}]),
):
    steps = name == "each step"
    case(f"regularization of {name}", model={"inputs": {"x": SERIES}, "layers": [["out", *one, "x"]], "outputs": ["out"]}, x=[series(3)], y=[{"kind": "float", "shape": [4, 2] if steps else [2], "salt": 5}], loss="mse")
for name, constraint in (
    ("NonNeg", {"class_name": "NonNeg", "config": {}}),
    ("MaxNorm", {"class_name": "MaxNorm", "config": {"max_value": 0.5, "axis": 0}}),
    ("UnitNorm", {"class_name": "UnitNorm", "config": {"axis": 0}}),
    ("MinMaxNorm", {"class_name": "MinMaxNorm", "config": {"min_value": 0.2, "max_value": 0.4, "rate": 0.8, "axis": 0}}),
):
    case(
        f"constraint {name}", x=X, y=[{"kind": "float", "shape": [2], "salt": 5}], loss="mse",
        model={"inputs": {"x": [3]}, "layers": [["h", "Dense", {"units": 3, "kernel_constraint": constraint}, "x"], ["out", "Dense", {"units": 2}, "h"]], "outputs": ["out"]},
    )

# ---- frozen normalization

NORMED = {"inputs": {"x": [3]}, "layers": [["d", "Dense", {"units": 4}, "x"], ["bn", "BatchNormalization", {"momentum": 0.7}, "d"]], "outputs": ["bn"]}
DEEP = {"inputs": {"x": [3]}, "layers": [["inner", "Model", {"model": NORMED}, "x"], ["act", "Activation", {"activation": "tanh"}, "inner"]], "outputs": ["act"]}


def on(base, name):
    return {"inputs": {"x": [3]}, "layers": [[name, "Model", {"model": base}, "x"], ["out", "Dense", {"units": 2}, name]], "outputs": ["out"]}


FLAT = {**NORMED, "layers": [*NORMED["layers"], ["out", "Dense", {"units": 2}, "bn"]], "outputs": ["out"]}
for name, model, more in (
    ("not frozen", FLAT, {}),
    ("the layer", FLAT, {"frozen": ["bn"]}),
    ("the whole model", FLAT, {"frozen": [""], "thawed": ["out"]}),
    ("a model inside", on(NORMED, "base"), {"frozen": ["base"]}),
    ("a layer of a model inside", on(NORMED, "base"), {"frozen": ["base/bn"]}),
    ("a model inside of a model inside", on(DEEP, "base"), {"frozen": ["base"]}),
    ("all but the normalization", on(DEEP, "base"), {"frozen": ["base"], "thawed": ["base/inner/bn"]}),
):
    case(f"frozen: {name}", model=model, x=X, y=[A], loss="mse", **more)

# ---- masks through layers

IDS = {"kind": "index", "classes": 5, "from": 1, "shape": [4], "salt": 3}
SOURCES = {}
for side in ("left", "right"):
    hidden = {"side": side, "value": 0, "from": 1}
    SOURCES[f"embedding, {side}"] = ([["m", "Embedding", {"input_dim": 6, "output_dim": 3, "mask_zero": True}, "x"]], [4], {**IDS, "hidden": hidden})
    SOURCES[f"masking of 0, {side}"] = ([["m", "Masking", {}, "x"]], SERIES, series(3, hidden=hidden))
    SOURCES[f"masking of -1, {side}"] = ([["m", "Masking", {"mask_value": -1.0}, "x"]], SERIES, series(3, hidden={**hidden, "value": -1}))
SOURCES["embedding without a mask"] = ([["m", "Embedding", {"input_dim": 6, "output_dim": 3}, "x"]], [4], {**IDS, "hidden": hidden})
DENSE = ["Dense", {"units": 3}]
THROUGH = {
    "nothing": [],
    "Dense": [["Dense", {"units": 3, "activation": "tanh"}]],
    "Dropout": [["Dropout", {"rate": 0.4}]],
    "SpatialDropout1D": [["SpatialDropout1D", {"rate": 0.4}]],
    "GaussianNoise": [["GaussianNoise", {"stddev": 0.4}]],
    "GaussianDropout": [["GaussianDropout", {"rate": 0.4}]],
    "Activation": [["Activation", {"activation": "relu"}]],
    "ReLU": [["ReLU", {}]],
    "LeakyReLU": [["LeakyReLU", {"negative_slope": 0.2}]],
    "ELU": [["ELU", {}]],
    "PReLU": [["PReLU", {}]],
    "BatchNormalization": [["BatchNormalization", {}]],
    "LayerNormalization": [["LayerNormalization", {}]],
    "SimpleRNN": [["SimpleRNN", {"units": 3, "return_sequences": True}]],
    "LSTM": [["LSTM", {"units": 3, "return_sequences": True}]],
    "LSTM backwards": [["LSTM", {"units": 3, "return_sequences": True, "go_backwards": True}]],
    "GRU": [["GRU", {"units": 3, "return_sequences": True, "reset_after": True}]],
    "GRU without reset_after": [["GRU", {"units": 3, "return_sequences": True, "reset_after": False}]],
    **{f"Bidirectional {mode}": [["Bidirectional", {"layer": ["LSTM", {"units": 3, "return_sequences": True}], "merge_mode": mode}]] for mode in ("concat", "sum", "ave", "mul")},
    "TimeDistributed": [["TimeDistributed", {"layer": DENSE}]],
    "TimeDistributed BatchNormalization": [["TimeDistributed", {"layer": ["BatchNormalization", {}]}]],
    "two LSTMs": [["LSTM", {"units": 3, "return_sequences": True}], ["LSTM", {"units": 3, "return_sequences": True}]],
    "Reshape": [["Reshape", {"target_shape": [4, 3]}]],
    "Permute": [["Permute", {"dims": [1, 2]}]],
    "Conv1D": [["Conv1D", {"filters": 3, "kernel_size": 2, "padding": "same"}]],
    "MaxPooling1D": [["MaxPooling1D", {"pool_size": 1}]],
    "a model": [["Model", {"model": {"inputs": {"z": SERIES}, "layers": [["i", *DENSE, "z"], ["j", "LSTM", {"units": 3, "return_sequences": True}, "i"]], "outputs": ["j"]}}]],
    "a model that masks": [["Model", {"model": {"inputs": {"z": SERIES}, "layers": [["i", "Masking", {"mask_value": 0.25}, "z"]], "outputs": ["i"]}}]],
}
ENDS = {
    "GlobalAveragePooling1D": [["GlobalAveragePooling1D", {}]],
    "GlobalMaxPooling1D": [["GlobalMaxPooling1D", {}]],
    "Flatten": [["Flatten", {}]],
    "LSTM": [["LSTM", {"units": 2}]],
    "GRU": [["GRU", {"units": 2}]],
    "LSTM backwards": [["LSTM", {"units": 2, "go_backwards": True}]],
    "Bidirectional": [["Bidirectional", {"layer": ["GRU", {"units": 2, "reset_after": True}]}]],
}


def chain(layers, steps, start="m"):
    last = start
    for step, (class_name, config) in enumerate(steps):
        name = f"l{step}_{len(layers)}"
        layers.append([name, class_name, config, last])
        last = name
    return last


for source, (begin, shape, x) in SOURCES.items():
    for through, steps in THROUGH.items():
        # Each source with the plain way, each way with one source.
        if steps and source not in ("embedding, left", "masking of 0, right"):
            continue
        for end, last in ENDS.items():
            if steps and end not in ("GlobalAveragePooling1D", "LSTM"):
                continue
            if steps and source == "masking of 0, right" and end == "LSTM":
                continue
            layers = [list(one) for one in begin]
            out = chain(layers, [*steps, *last])
            case(f"mask: {source}, {through}, {end}", model={"inputs": {"x": shape}, "layers": layers, "outputs": [out]}, x=[x])
    layers = [list(one) for one in begin]
    out = chain(layers, [["LSTM", {"units": 2, "return_sequences": True}]])
    case(f"mask of the loss: {source}", model={"inputs": {"x": shape}, "layers": layers, "outputs": [out]}, x=[x], y=[{"kind": "float", "shape": [4, 2], "salt": 5}], loss="mse", metrics=["mae"])
for through in ("BatchNormalization", "GRU", "Bidirectional concat", "TimeDistributed", "a model", "Conv1D"):
    begin, shape, x = SOURCES["embedding, left"]
    layers = [list(one) for one in begin]
    out = chain(layers, THROUGH[through])
    width = 6 if "concat" in through else 3
    case(f"mask of the loss: {through}", model={"inputs": {"x": shape}, "layers": layers, "outputs": [out]}, x=[x], y=[{"kind": "float", "shape": [4, width], "salt": 5}], loss="mse", metrics=["mae"])

MERGES = {**{name: {} for name in ("Add", "Average", "Maximum", "Minimum", "Multiply")}, "Concatenate": {"axis": -1}, "Concatenate of time": {"axis": 1}, "Dot": {"axes": 2}}
for name, config in MERGES.items():
    for count, masked in ((2, "both"), (2, "first"), (2, "second"), (3, "all"), (2, "none")):
        if name == "Dot" and count == 3:
            continue
        inputs = {f"x{i}": SERIES for i in range(count)}
        layers, sources = [], []
        for i in range(count):
            if masked in ("both", "all") or masked == ("first", "second")[min(i, 1)]:
                layers.append([f"m{i}", "Masking", {}, f"x{i}"])
                sources.append(f"m{i}")
            else:
                sources.append(f"x{i}")
        layers.append(["merge", name.split(" ")[0], config, sources])
        layers.append(["out", "GlobalAveragePooling1D", {}, "merge"])
        xs = [series(3 + i, hidden={"side": ("left", "right")[i % 2], "value": 0, "from": i}) for i in range(count)]
        case(f"mask: {name}, {masked}", model={"inputs": inputs, "layers": layers, "outputs": ["out"]}, x=xs)

if __name__ == "__main__":
    for index, one in enumerate(CASES):
        if index % 20 == 0:
            print(index, "of", len(CASES), flush=True)
        try:
            one["expected"] = tree(run(one))
        except Exception as error:
            raise RuntimeError(one["name"]) from error
    text = ",\n".join(json.dumps(one, separators=(",", ":")) for one in CASES)
    Path(__file__).with_name("training.golden.json").write_text(f'{{"keras": "{keras.__version__}", "tensorflow": "{tf.__version__}", "samples": {SAMPLES}, "batch": {BATCH}, "cases": [\n{text}\n]}}\n')
