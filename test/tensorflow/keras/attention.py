"""Multi-head attention with masks in Keras 3: writes attention.golden.json into this folder.

    python attention.py        (with tensorflow-cpu 2.21 and keras 3.15)
"""

import json
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from keras.src import backend  # noqa: E402

from training import bits, tree  # noqa: E402

BATCH, LENGTH, POSITIONS, WIDTH = 3, 4, 5, 6


def floats(shape, salt):
    return (bits(shape, salt) / 2.0**31 - 1).astype(np.float32)


def padding(steps, side):
    """Sample n has n hidden steps."""
    count = np.arange(BATCH)[:, None]
    at = np.arange(steps)[None]
    return at >= count if side == "left" else at < steps - count


CASES = []
for inputs in (["query"], ["query", "value"], ["query", "value", "key"]):
    for masks in ([], ["query"], ["value"], ["query", "value"], ["query", "value", "key"]):
        if any(one not in inputs for one in masks):
            continue
        for attention in (None, "[B,T,S]", "[B,H,T,S]", "[T,S]"):
            # Keras joins masks of time steps with one that has no heads only.
            if attention == "[B,H,T,S]" and masks:
                continue
            for causal in (False, True):
                CASES.append({"inputs": inputs, "masks": masks, "attention": attention, "causal": causal})


def run(case):
    layer = keras.layers.MultiHeadAttention(num_heads=2, key_dim=3, value_dim=2)
    positions = POSITIONS if len(case["inputs"]) > 1 else LENGTH
    query, value, key = floats([BATCH, LENGTH, WIDTH], 1), floats([BATCH, POSITIONS, WIDTH], 2), floats([BATCH, POSITIONS, WIDTH], 3)
    shape = {"[B,T,S]": [BATCH, LENGTH, positions], "[B,H,T,S]": [BATCH, 2, LENGTH, positions], "[T,S]": [LENGTH, positions]}
    arguments = {"value": query if len(case["inputs"]) == 1 else value}
    if "key" in case["inputs"]:
        arguments["key"] = key
    if case["attention"] is not None:
        arguments["attention_mask"] = bits(shape[case["attention"]], 4) % 3 > 0
    hidden = {"query": padding(LENGTH, "right"), "value": padding(positions, "left"), "key": padding(positions, "right")}
    # Keras reads the mask of the query from the tensor itself, whatever it is given by name.
    tensors = {"query": tf.constant(query), **{key: tf.constant(value) for key, value in arguments.items() if key in ("value", "key")}}
    if len(case["inputs"]) == 1:
        tensors["value"] = tensors["query"]
    for one in case["masks"]:
        backend.set_keras_mask(tensors[one], tf.constant(hidden[one]))
    arguments.update(tensors)
    del arguments["query"]
    layer.build(query.shape, arguments["value"].shape, arguments.get("key", arguments["value"]).shape)
    for i, weight in enumerate(layer.weights):
        weight.assign(floats(weight.shape, 10 + i))
    return layer(tensors["query"], use_causal_mask=case["causal"], **arguments)


if __name__ == "__main__":
    for one in CASES:
        one["expected"] = tree(np.asarray(run(one)).ravel().tolist())
    text = ",\n".join(json.dumps(one, separators=(",", ":")) for one in CASES)
    Path(__file__).with_name("attention.golden.json").write_text(f'{{"keras": "{keras.__version__}", "cases": [\n{text}\n]}}\n')
