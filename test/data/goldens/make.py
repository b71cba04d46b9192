"""Makes the files next to it: arrays as NumPy writes them, and pictures as TensorFlow's Python reads them.

Needs numpy and tensorflow: python make.py
"""

import json
from pathlib import Path

import numpy as np
import tensorflow as tf

HERE = Path(__file__).parent

numbers = np.arange(-3, 9).reshape(3, 4)
np.savez_compressed(
    HERE / "arrays.npz",
    i1=numbers.astype("i1"),
    i8=numbers.astype("i8"),
    u2=np.abs(numbers).astype("u2"),
    big=(numbers * 1000).astype(">i4"),
    half=(numbers / 8).astype("f2"),
    f4=(numbers / 8).astype("f4"),
    f8=(numbers / 8).astype(">f8"),
    truth=numbers > 0,
    fortran=np.asfortranarray(numbers.astype("f4")),
    scalar=np.float32(2.5),
    wide=np.array([1, 2**40]),
)
np.save(HERE / "text.npy", np.array(["a", "b"]))

y, x = np.mgrid[0:24, 0:32]
picture = np.stack([x * 8, y * 10, (x + y) * 4], axis=-1).astype("uint8")
(HERE / "picture.jpg").write_bytes(tf.io.encode_jpeg(picture, quality=90).numpy())
(HERE / "picture.png").write_bytes(tf.io.encode_png(picture[..., :1]).numpy())
expected = {}
for name in ["picture.jpg", "picture.png"]:
    decoded = tf.io.decode_image((HERE / name).read_bytes(), channels=3, expand_animations=False)
    resized = tf.image.resize(decoded, [5, 7])
    expected[name] = [round(float(v), 4) for v in resized.numpy().ravel()]
(HERE / "pictures.golden.json").write_text(json.dumps(expected) + "\n")
