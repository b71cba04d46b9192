"""Writes layer-cases.golden.json.gz: every layer of Keras 3 with each option alone, and pairs of options that affect shapes.

    python test/keras/make-layer-cases.py

A case has the model's configuration as Keras writes it, where Keras stores each weight, and what Keras computes. Inputs
and weights come from `fill`, which layer-cases.ts repeats, so that they need not be stored. A case that Keras itself refuses is
left out.
"""

import gzip
import itertools
import json
import os
import sys
import tempfile
import zipfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import h5py  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from keras import layers as L  # noqa: E402

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from layer_tables import ACTIVATIONS, MODELS, SPECS  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
BATCH = 2


def fill(shape, salt):
    """Numbers in -1 to 1, the same as in layer-cases.ts."""
    count = int(np.prod(shape, dtype=np.int64))
    mask = np.uint64(0xFFFFFFFF)
    h = ((np.arange(count, dtype=np.uint64) + np.uint64(salt * 7919)) * np.uint64(2654435761)) & mask
    h ^= h >> np.uint64(15)
    h = (h * np.uint64(2246822519)) & mask
    h ^= h >> np.uint64(13)
    return (h.astype("float64") / 2**31 - 1).astype("float32").reshape(shape)


def make_input(shape, kind, salt):
    """`float`, `int:N` (0 to N - 1), `bool`, or `masked`: some steps of the time are 0."""
    whole = (BATCH, *shape)
    if kind.startswith("int:"):
        return np.floor((fill(whole, salt).astype("float64") + 1) / 2 * int(kind[4:])).astype("int32")
    values = fill(whole, salt)
    if kind == "bool":
        return values > -0.3
    if kind == "masked":
        values[0, -1] = 0
        values[1, 0] = 0
        values[1, -2:] = 0
    return values


def plain(values):
    return [float(f"{float(v):.7g}") for v in values]


def summary(array):
    """At most 12 of the numbers, and a sum over all of them."""
    flat = np.asarray(array, "float64").reshape(-1)
    step = max(1, len(flat) // 12)
    weights = fill((len(flat),), 99).astype("float64")
    return {"shape": list(np.shape(array)), "values": plain(flat[::step][:12]), "sum": plain([np.dot(flat, weights)])[0]}


def set_weights(model):
    for index, variable in enumerate(model.weights):
        if not str(variable.dtype).startswith("float"):
            continue
        values = fill(variable.shape, index + 1) * np.float32(0.5)
        if "variance" in variable.path:
            values = np.abs(values) + np.float32(0.5)
        variable.assign(values)
    for layer in model.layers:
        if isinstance(layer, L.Normalization):
            layer.finalize_state()


def stored_weights(model, path):
    """[path in the file, shape, salt, positive] for each array of the weights file."""
    with zipfile.ZipFile(path) as archive, tempfile.NamedTemporaryFile(suffix=".h5") as temporary:
        config = json.loads(archive.read("config.json"))
        temporary.write(archive.read("model.weights.h5"))
        temporary.flush()
        found = []
        with h5py.File(temporary.name, "r") as file:

            def visit(name, item):
                if not isinstance(item, h5py.Dataset) or "seed_generator" in name:
                    return
                value = item[()]
                if not np.issubdtype(value.dtype, np.floating):
                    return
                for index, variable in enumerate(model.weights):
                    if tuple(variable.shape) == value.shape and np.array_equal(np.asarray(variable), value):
                        positive = "variance" in variable.path
                        found.append([name, list(value.shape), index + 1, positive])
                        return
                raise ValueError(f"{name} of shape {value.shape} is none of the model's weights")

            file.visititems(visit)
    config.pop("compile_config", None)
    return config, found


def build(layer, inputs, kinds, call=None):
    """A model of one layer; `call` applies it to the list of its tensors where that is not its only argument."""
    dtypes = {"int": "int32", "bool": "bool"}
    tensors = [
        keras.Input(shape, name=f"input_{i}", dtype=dtypes.get(kind.split(":")[0], "float32"))
        for i, (shape, kind) in enumerate(zip(inputs, kinds))
    ]
    entering = [L.Masking(name=f"hide_{i}")(t) if kind == "masked" else t for i, (t, kind) in enumerate(zip(tensors, kinds))]
    result = call(layer, entering) if call else layer(entering[0] if len(entering) == 1 else entering)
    outputs = list(result) if isinstance(result, (list, tuple)) else result
    return keras.Model(tensors, outputs, name="model")


def gradients(model, values):
    """The gradient of the sum of outputs times `fill`, as sums times `fill`: inputs first, then weights."""
    tensors = [tf.constant(v) for v in values]
    with tf.GradientTape() as tape:
        for tensor in tensors:
            tape.watch(tensor)
        outputs = tf.nest.flatten(model(tensors if len(tensors) > 1 else tensors[0], training=False))
        loss = sum(tf.reduce_sum(o * fill(o.shape, 50 + i)) for i, o in enumerate(outputs) if o.dtype == tf.float32)
    floats = [t for t in tensors if t.dtype == tf.float32]
    wanted = floats + [v.value for v in model.trainable_variables]
    return [
        None if g is None else plain([float(np.dot(np.asarray(g).reshape(-1).astype("float64"), fill((int(np.prod(g.shape)),), 98)))])[0]
        for g in (tf.convert_to_tensor(x) if x is not None else None for x in tape.gradient(loss, wanted))
    ]


def case_of(name, model, inputs, kinds, with_gradient):
    set_weights(model)
    values = [make_input(shape, kind, 60 + i) for i, (shape, kind) in enumerate(zip(inputs, kinds))]
    for layer in model.layers:
        if getattr(layer, "stateful", False) and hasattr(layer, "reset_states"):
            layer.reset_states()
    outputs = tf.nest.flatten(model(values if len(values) > 1 else values[0], training=False))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "case.keras")
        model.save(path)
        config, weights = stored_weights(model, path)
    return {
        "name": name,
        "inputs": [[list(shape), kind] for shape, kind in zip(inputs, kinds)],
        "config": config,
        "weights": weights,
        "outputs": [summary(o) for o in outputs],
        **({"gradients": gradients(model, values)} if with_gradient and outputs[0].dtype == tf.float32 else {}),
    }


def text(value):
    if callable(value) and not isinstance(value, keras.layers.Layer):
        value = value()
    if isinstance(value, (L.RNN, L.StackedRNNCells, L.GRUCell, L.LSTMCell, L.SimpleRNNCell)):
        changed = [k for k in ("return_sequences", "return_state", "go_backwards") if getattr(value, k, False)]
        return "+".join([type(value).__name__, *changed, *(["reset_before"] if getattr(value, "reset_after", True) is False else [])])
    if isinstance(value, keras.layers.Layer):
        return type(value).__name__
    if not isinstance(value, (str, int, float, bool, list, tuple, dict, type(None))):
        return type(value).__name__
    return str(value).replace(" ", "")


def cases_of(spec):
    """Base, each option alone, pairs of those that affect shapes."""
    alone = [{option: value} for option, values in spec.get("options", {}).items() for value in values]
    shaping = spec.get("shaping", [])
    pairs = [
        {a: x, b: y}
        for a, b in itertools.combinations(shaping, 2)
        for x in spec["options"][a]
        for y in spec["options"][b]
    ]
    return [{}, *alone, *pairs, *spec.get("more", [])]


def main():
    """With --only A,B the other layers keep the cases that they have."""
    only = sys.argv[sys.argv.index("--only") + 1].split(",") if "--only" in sys.argv else None
    target = os.path.join(HERE, "layer-cases.golden.json.gz")
    cases, refused, defaults = [], [], {}
    if only is not None:
        before = json.loads(gzip.open(target).read())
        defaults = before["defaults"]
        cases = [case for case in before["cases"] if case["group"] not in only]

    def wanted(group):
        return only is None or group in only

    masking = {}
    for spec in SPECS:
        if wanted(spec["layer"]):
            layer_cases(spec, cases, refused)
            collect_defaults(spec, defaults)
        made = {k: (v() if callable(v) and not isinstance(v, keras.layers.Layer) else v) for k, v in spec.get("base", {}).items()}
        masking[spec["layer"]] = bool(getattr(L, spec["layer"])(**made).supports_masking)
    for name in ACTIVATIONS if wanted("activations") else []:
        keras.utils.clear_session()
        model = build(L.Activation(name, name="layer"), [(3, 4)], ["float"])
        cases.append({"group": "activations", **case_of(f"activation {name}", model, [(3, 4)], ["float"], True)})
        if name != "glu":
            keras.utils.clear_session()
            model = build(L.Dense(3, activation=name, name="layer"), [(4,)], ["float"])
            cases.append({"group": "activations", **case_of(f"Dense(activation={name})", model, [(4,)], ["float"], False)})
    for name, (make, inputs, kinds) in MODELS.items() if wanted("models") else []:
        keras.utils.clear_session()
        cases.append({"group": "models", **case_of(f"model {name}", make(), inputs, kinds, name != "stateful")})
    cases.sort(key=lambda case: (case["group"], case["name"]))
    blob = json.dumps({"keras": keras.__version__, "defaults": defaults, "masking": masking, "cases": cases}, separators=(",", ":")).encode()
    with open(target, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as file:
        file.write(blob)
    print(f"{len(cases)} cases, {len(blob)} bytes, {os.path.getsize(target)} compressed")
    print(f"{len(refused)} refused by Keras:", *(refused if "-v" in sys.argv else []), sep="\n  ")


def variants(spec):
    """(name, options, a function that makes the model, shapes, kinds) of each case of a layer."""
    cls = getattr(L, spec["layer"])
    for variant in spec["inputs"]:
        inputs, when = variant["shapes"], variant.get("when")
        kinds = variant.get("kinds") or ["float"] * len(inputs)
        for options in cases_of(spec):
            if (when is not None and not when(options)) or (variant.get("base_only") and options):
                continue
            label = ",".join(f"{k}={text(v)}" for k, v in options.items()) or "defaults"
            name = f"{spec['layer']}({label})" + (f" {variant['note']}" if "note" in variant else "")

            def make(arguments={**spec.get("base", {}), **options}, inputs=inputs, kinds=kinds, call=variant.get("call")):
                made = {k: (v() if callable(v) and not isinstance(v, keras.layers.Layer) else v) for k, v in arguments.items()}
                layer = cls(**made, name="layer")
                if "prepare" in spec:
                    spec["prepare"](layer)
                return build(layer, inputs, kinds, call)

            yield name, options, make, inputs, kinds


def layer_cases(spec, cases, refused):
    for name, options, make, inputs, kinds in variants(spec):
        keras.utils.clear_session()
        try:
            with_gradient = not options or spec.get("gradients", False)
            cases.append({"group": spec["layer"], **case_of(name, make(), inputs, kinds, with_gradient)})
        except Exception as error:  # Keras refuses it
            refused.append(f"{name}: {type(error).__name__} {(str(error).splitlines() or [''])[0][:160]}")


def collect_defaults(spec, defaults):
    """The value that Keras writes for each option that is not given, of a layer and of those in its base."""

    def collect(name, made):
        config = keras.saving.serialize_keras_object(made)["config"]
        defaults[name] = {k: v for k, v in config.items() if k not in ("name", "trainable", "dtype")}

    made = {k: (v() if callable(v) else v) for k, v in spec.get("base", {}).items()}
    try:
        collect(spec["layer"], getattr(L, spec["layer"])(**made))
    except Exception:
        return
    if spec["layer"] == "RNN":
        for cell in (L.SimpleRNNCell, L.LSTMCell, L.GRUCell):
            collect(cell.__name__, cell(3))


if __name__ == "__main__":
    main()
