"""Histograms and scalars as TensorFlow's own tf.summary writes them, decoded from its event files.

    python test/tensorflow/summaries/make-goldens.py    # needs tensorflow and tensorboard

Numbers that JSON lacks are texts: "NaN", "Infinity", "-Infinity".
"""

import json
import math
import pathlib
import tempfile

import numpy as np
import tensorflow as tf

INF, NAN = math.inf, math.nan
CASES = [
    # name, dtype, shape, values, buckets, step, description
    ("spread", "float32", [2, 5], [0.1, 0.7, -1.3, 2.25, 0.5, 0.5, 3.9, -0.001, 1e-3, 2], None, 0, None),
    ("few buckets", "float32", [7], [1, 2, 3, 4, 5, 6, 7], 3, 1, None),
    ("one bucket", "float32", [4], [1, 2, 3, 4], 1, 1, None),
    ("equal", "float32", [3], [2, 2, 2], None, 2, None),
    ("equal, five buckets", "float32", [3], [-0.1, -0.1, -0.1], 5, 2, None),
    ("zeros", "float32", [2, 2], [0, 0, 0, 0], None, 2, None),
    ("scalar", "float32", [], [4.5], None, 3, None),
    ("one value", "float32", [1], [0.3], 2, 3, None),
    ("empty", "float32", [0], [], None, 4, None),
    ("empty, two buckets", "float32", [3, 0], [], 2, 4, None),
    ("int32", "int32", [5], [1, -7, 2147483647, 3, 3], 4, 5, None),
    ("equal int32", "int32", [2], [16777217, 16777217], 2, 5, None),
    ("bool", "bool", [4], [1, 0, 1, 1], 2, 5, None),
    ("NaN", "float32", [4], [1, NAN, 2, 3], 3, 6, None),
    ("all NaN", "float32", [2], [NAN, NAN], 2, 6, None),
    ("infinity", "float32", [4], [1, INF, 2, 3], 3, 7, None),
    ("minus infinity", "float32", [4], [1, -INF, 2, 3], 3, 7, None),
    ("both infinities", "float32", [3], [-INF, 0, INF], 3, 7, None),
    ("equal infinities", "float32", [2], [INF, INF], 3, 7, None),
    ("huge", "float32", [3], [-3.4e38, 0, 3.4e38], 4, 8, None),
    ("tiny", "float32", [3], [2e-38, 4e-38, 0], 4, 8, None),
    ("late", "float32", [2], [1, 2], 2, 2**40 + 5, None),
    ("described", "float32", [2], [1, 2], 2, 9, "weights *after* each epoch"),
]


def plain(number):
    number = float(number)
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    return number


def events(folder):
    for file in sorted(pathlib.Path(folder).iterdir()):
        for record in tf.data.TFRecordDataset(str(file)):
            yield tf.compat.v1.Event.FromString(record.numpy())


with tempfile.TemporaryDirectory() as folder:
    writer = tf.summary.create_file_writer(folder)
    with writer.as_default():
        for name, dtype, shape, values, buckets, step, description in CASES:
            data = tf.constant(np.array(values, dtype).reshape(shape))
            tf.summary.histogram(name, data, step=step, buckets=buckets, description=description)
    writer.close()
    written = [(event.step, value) for event in events(folder) for value in event.summary.value]

assert [value.tag for _, value in written] == [case[0] for case in CASES]
cases = []
for (name, dtype, shape, values, buckets, step, description), (seen, value) in zip(CASES, written):
    assert seen == step
    tensor = tf.make_ndarray(value.tensor)
    cases.append(
        {
            "name": name,
            "dtype": dtype,
            "shape": shape,
            "values": [plain(each) for each in values],
            "buckets": buckets,
            "step": step,
            "description": description,
            "written": {
                "dtype": value.tensor.dtype,
                "shape": list(tensor.shape),
                "values": [plain(each) for each in tensor.ravel()],
                "metadata": value.metadata.SerializeToString().hex(),
            },
        }
    )
target = pathlib.Path(__file__).with_name("histograms.golden.json")
target.write_text("[\n" + ",\n".join(json.dumps(case, allow_nan=False) for case in cases) + "\n]\n")
