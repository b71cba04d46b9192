"""Writes h5/seeded.golden.keras, .h5 and .json: a model with seeds in layers and initializers, after three steps.

    python test/keras/make-seeded.py

Keras keeps the state of its seed generators among the weights of a `.keras` file; here they have none.
"""

import json
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import layers as L  # noqa: E402

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "h5")


def values(shape, shift):
    return np.sin(shift + 1.3 * np.arange(np.prod(shape))).reshape(shape).astype("float32")


x = keras.Input((4, 3), name="x")
y = L.LSTM(3, dropout=0.2, recurrent_dropout=0.2, seed=5, return_sequences=True, kernel_initializer=keras.initializers.HeUniform(seed=1), name="lstm")(x)
y = L.SpatialDropout1D(0.3, seed=6, name="channels")(y)
y = L.MultiHeadAttention(1, 2, dropout=0.2, seed=8, name="attend")(y, y)
y = L.GaussianNoise(0.1, seed=9, name="noise")(y)
y = L.GaussianDropout(0.1, seed=10, name="scaled")(y)
y = L.AlphaDropout(0.1, seed=11, name="alpha")(y)
y = L.Dropout(0.4, seed=7, name="units")(L.Flatten()(y))
y = L.Dense(2, kernel_initializer=keras.initializers.RandomNormal(stddev=0.5, seed=3), name="last")(y)
model = keras.Model(x, y, name="seeded")
model.compile(optimizer=keras.optimizers.SGD(0.05), loss="mse")
for _ in range(3):
    model.train_on_batch(values((4, 4, 3), 0), values((4, 2), 5))
for ending in ("keras", "h5"):
    model.save(os.path.join(FOLDER, f"seeded.golden.{ending}"))
states = [v.path for v in model.variables if "seed_generator" in v.path]
with open(os.path.join(FOLDER, "seeded.golden.json"), "w") as file:
    json.dump({"states": states, "output": [float(f"{v:.7g}") for v in np.ravel(model(values((4, 4, 3), 0), training=False))]}, file)
    file.write("\n")
