"""Writes layer-training.golden.json.gz: what Keras computes in training, for each layer with each option alone.

    python test/keras/make-layer-training.py [--only A,B]

Run make-layer-cases.py first: names, inputs and first values of the weights are the same. Pairs of options are left to it.
A case has four lists:

    losses     of two steps of SGD (mean squared error and regularization, a rate of 0.1)
    outputs    of a call in training mode before them: for each a sum times `fill`
    gradients  of the sum over those outputs times `fill`: float inputs first, then trained weights, as sums times `fill`
    weights    after the steps, in the order of `model.weights`, as sums times `fill`; null where one is no float

PyTorch computes, since TensorFlow has no gradients of convolutions whose channels come first on a CPU. TensorFlow computes
what Keras refuses on PyTorch, and the groups in which PyTorch has another meaning (`BY_TENSORFLOW`). Rates of dropout and noise are 0, since random numbers of two libraries differ. `left_out` names the cases that Keras
cannot train on either. With --only the other layers keep what they have.
"""

import gzip
import importlib.util
import json
import os
import subprocess
import sys
import warnings

os.environ.setdefault("KERAS_BACKEND", "torch")
warnings.filterwarnings("ignore")
import keras  # noqa: E402
import numpy as np  # noqa: E402

if keras.backend.backend() == "torch":
    import torch

    torch.set_num_threads(1)

HERE = os.path.dirname(os.path.abspath(__file__))
spec = importlib.util.spec_from_file_location("cases", os.path.join(HERE, "make-layer-cases.py"))
cases = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cases)

TARGET = os.path.join(HERE, "layer-training.golden.json.gz")
# Bicubic interpolation, and attention of positions that see nothing.
BY_TENSORFLOW = {"MultiHeadAttention", "Resizing", "UpSampling2D", "models"}
# Keras computes attention with dropout in another way where a position sees nothing, also at a rate of 0.
OTHER_FORM = {"MultiHeadAttention(dropout=0.3) of masked steps"}
RATES = ("rate", "stddev", "dropout", "recurrent_dropout")
# Their output is random even at a rate of 0, or they are refused here altogether.
LAYERS = {"AdditiveAttention", "Attention", "EinsumDense", "Hashing", "IntegerLookup", "Discretization", "Lambda", "RandomFlip",
          "RandomZoom", "ReversibleEmbedding", "SpectralNormalization"}


def without_randomness(layer, seen):
    """Sets the rates of a layer and of all inside of it to 0."""
    if id(layer) in seen:
        return
    seen.add(id(layer))
    for name in RATES:
        # Attention has a property that only reads; its dropout is a layer inside of it.
        if isinstance(getattr(layer, name, None), float) and not isinstance(getattr(type(layer), name, None), property):
            setattr(layer, name, 0.0)
    for inner in layer._layers:
        without_randomness(inner, seen)


def reset(model):
    for layer in model.layers:
        if getattr(layer, "stateful", False) and hasattr(layer, "reset_state"):
            layer.reset_state()


def total(values, salt):
    flat = np.ravel(values).astype("float64")
    return float(np.dot(flat, cases.fill((len(flat),), salt)))


def listed(value):
    return list(value) if isinstance(value, (list, tuple)) else [value]


def forward(model, tensors):
    return listed(model(tensors if len(tensors) > 1 else tensors[0], training=True))


def objective(outputs):
    """The sum whose gradients are wanted."""
    factors = [keras.ops.convert_to_tensor(cases.fill(tuple(output.shape), 50 + i)) for i, output in enumerate(outputs)]
    return sum(keras.ops.sum(keras.ops.multiply(output, factor)) for output, factor in zip(outputs, factors))


def gradients(model, values):
    """(outputs, gradients) of a call in training mode."""
    floats = [value.dtype == np.float32 for value in values]
    variables = model.trainable_variables
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tensors = [tf.constant(value) for value in values]
        with tf.GradientTape() as tape:
            tape.watch([tensor for tensor, is_float in zip(tensors, floats) if is_float])
            outputs = forward(model, tensors)
            result = objective(outputs)
        wanted = [tensor for tensor, is_float in zip(tensors, floats) if is_float] + [v.value for v in variables]
        found = [None if g is None else np.asarray(tf.convert_to_tensor(g)) for g in tape.gradient(result, wanted)]
    else:
        tensors = [keras.ops.convert_to_tensor(value) for value in values]
        for tensor, is_float in zip(tensors, floats):
            tensor.requires_grad_(is_float)
        outputs = forward(model, tensors)
        objective(outputs).backward()
        wanted = [tensor for tensor, is_float in zip(tensors, floats) if is_float] + [v.value for v in variables]
        found = [None if tensor.grad is None else tensor.grad.numpy() for tensor in wanted]
        model.zero_grad()
    return [keras.ops.convert_to_numpy(output) for output in outputs], found


def training(model, inputs, kinds):
    without_randomness(model, set())
    cases.set_weights(model)
    values = [cases.make_input(shape, kind, 60 + i) for i, (shape, kind) in enumerate(zip(inputs, kinds))]
    if any(not keras.backend.is_float_dtype(output.dtype) for output in model.outputs):
        raise ValueError("its outputs are no floats")
    reset(model)
    outputs, found = gradients(model, values)
    result = {
        "outputs": [total(output, 99) for output in outputs],
        "gradients": [None if gradient is None else total(gradient, 98) for gradient in found],
    }
    if model.trainable_variables:
        targets = [cases.fill(output.shape, 70 + i) for i, output in enumerate(outputs)]
        model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mean_squared_error", run_eagerly=True)
        x, y = (values if len(values) > 1 else values[0]), (targets if len(targets) > 1 else targets[0])
        losses = []
        for _ in range(2):
            reset(model)
            model.reset_metrics()
            losses.append(float(np.ravel(model.train_on_batch(x, y))[0]))
        result["losses"] = losses
        result["weights"] = [
            total(keras.ops.convert_to_numpy(v), 97) if str(v.dtype).startswith("float") else None for v in model.weights
        ]
    rounded = {key: [None if v is None else cases.plain([v])[0] for v in values] for key, values in result.items()}
    if not all(v is None or np.isfinite(v) for values in rounded.values() for v in values):
        raise ValueError("its numbers are not finite")
    return rounded


def all_cases():
    """(group, name, a function that makes the model, shapes, kinds), as make-layer-cases.py names them."""
    for table in cases.SPECS:
        if table["layer"] not in LAYERS:
            for name, options, make, inputs, kinds in cases.variants(table):
                if len(options) > 1:
                    continue
                yield table["layer"], name, make, inputs, kinds
    for name in cases.ACTIVATIONS:

        def alone(name=name):
            return cases.build(cases.L.Activation(name, name="layer"), [(3, 4)], ["float"])

        def inside(name=name):
            return cases.build(cases.L.Dense(3, activation=name, name="layer"), [(4,)], ["float"])

        yield "activations", f"activation {name}", alone, [(3, 4)], ["float"]
        if name != "glu":
            yield "activations", f"Dense(activation={name})", inside, [(4,)], ["float"]
    for name, (make, inputs, kinds) in cases.MODELS.items():
        if name != "layer as activation":
            yield "models", f"model {name}", make, inputs, kinds


def computed(wanted):
    """The computations of one backend: results by name, and reasons by name where it cannot."""
    found, failed = {}, {}
    for _, name, make, inputs, kinds in all_cases():
        # Two values of an option may have one name: the first is meant.
        if name not in wanted or name in found:
            continue
        if name in OTHER_FORM:
            failed[name] = "has another form with dropout"
            continue
        try:
            found[name] = training(make(), inputs, kinds)
        except Exception as error:
            failed[name] = f"{type(error).__name__} {(str(error).splitlines() or [''])[0][:160]}"
    return found, failed


def by_tensorflow(names):
    """The same in another process: Keras has one backend in each."""
    done = subprocess.run(
        [sys.executable, os.path.abspath(__file__), "--stdin"], input=json.dumps(names), stdout=subprocess.PIPE, text=True, check=True,
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
    )
    return json.loads(done.stdout.splitlines()[-1])


def main():
    if "--stdin" in sys.argv:
        print(json.dumps(computed(set(json.load(sys.stdin)))))
        return
    only = sys.argv[sys.argv.index("--only") + 1].split(",") if "--only" in sys.argv else None
    known = {case["name"]: case["group"] for case in json.loads(gzip.open(os.path.join(HERE, "layer-cases.golden.json.gz")).read())["cases"]}
    names = [name for group, name, *_ in all_cases() if name in known and (only is None or group in only)]
    preferred = {name for name in names if known[name] in BY_TENSORFLOW}
    found, failed = computed(set(names) - preferred)
    others, left = by_tensorflow(sorted(preferred | set(failed)))
    found.update(others)
    left_out = sorted(left)
    if only is not None:
        before = json.loads(gzip.open(TARGET).read()) if os.path.exists(TARGET) else {"cases": {}, "left_out": []}
        found = {**{name: case for name, case in before["cases"].items() if known.get(name) not in only}, **found}
        left_out = sorted({*[name for name in before["left_out"] if known.get(name) not in only], *left_out})
    blob = json.dumps({"keras": keras.__version__, "left_out": left_out, "cases": dict(sorted(found.items()))}, separators=(",", ":")).encode()
    with open(TARGET, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as file:
        file.write(blob)
    print(f"{len(found)} cases, {len(others)} of them by TensorFlow, {len(blob)} bytes, {os.path.getsize(TARGET)} compressed")
    print("left out:", *[f"{name}: {reason}; with PyTorch {failed.get(name, 'not tried')}" for name, reason in left.items()], sep="\n  ")


main()
