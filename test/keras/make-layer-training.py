"""Writes layer-training.golden.json: the losses of Keras over four steps of SGD, for each layer with default options.

    python test/keras/make-layer-training.py

Layers with random numbers are left out. Run make-layer-cases.py first: the cases are the same.
"""

import importlib.util
import json
import os

import keras
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
spec = importlib.util.spec_from_file_location("cases", os.path.join(HERE, "make-layer-cases.py"))
cases = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cases)

# Random numbers, and classes that are refused here.
LEFT_OUT = ("Dropout", "Noise", "Random", "AdditiveAttention", "EinsumDense", "ReversibleEmbedding", "SpectralNormalization")


def losses(model, inputs, kinds):
    cases.set_weights(model)
    values = [cases.make_input(shape, kind, 60 + i) for i, (shape, kind) in enumerate(zip(inputs, kinds))]
    x = values if len(values) > 1 else values[0]
    target = cases.fill(model(x, training=False).shape, 70)
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mean_squared_error", jit_compile=False)
    return cases.plain([model.train_on_batch(x, target) for _ in range(4)])


def main():
    found = {}
    for table in cases.SPECS:
        variant = next((v for v in table["inputs"] if v.get("when") is None or v["when"]({})), None)
        if variant is None or any(word in table["layer"] for word in LEFT_OUT):
            continue
        kinds = variant.get("kinds") or ["float"] * len(variant["shapes"])
        keras.utils.clear_session()
        try:
            made = {k: (v() if callable(v) else v) for k, v in table.get("base", {}).items()}
            layer = getattr(cases.L, table["layer"])(**made, name="layer")
            if "prepare" in table:
                table["prepare"](layer)
            model = cases.build(layer, variant["shapes"], kinds, variant.get("call"))
            if len(model.outputs) > 1 or not model.trainable_weights:
                continue
            note = f" {variant['note']}" if "note" in variant else ""
            found[f"{table['layer']}(defaults){note}"] = losses(model, variant["shapes"], kinds)
        except Exception as error:
            print(table["layer"], type(error).__name__, str(error).splitlines()[:1])
    for name in cases.ACTIVATIONS:
        if name == "glu":
            continue
        keras.utils.clear_session()
        model = cases.build(cases.L.Dense(3, activation=name, name="layer"), [(4,)], ["float"])
        found[f"Dense(activation={name})"] = losses(model, [(4,)], ["float"])
    for name, (make, inputs, kinds) in cases.MODELS.items():
        if name in ("states", "stateful", "stateless", "layer as activation", "masked", "transformer", "transformer of two blocks"):
            continue
        keras.utils.clear_session()
        model = make()
        if len(model.outputs) == 1:
            found[f"model {name}"] = losses(model, inputs, kinds)
    with open(os.path.join(HERE, "layer-training.golden.json"), "w") as file:
        json.dump(found, file, indent=0)
        file.write("\n")
    print(len(found), "models")


main()
