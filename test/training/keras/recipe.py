"""Data that Python and TypeScript make alike, and one step of training."""

import math
import os

import numpy as np

FOLDER = os.path.dirname(os.path.abspath(__file__))


def inputs(shape, outputs, count=16):
    size = math.prod(shape)
    x = np.sin(0.7 * np.arange(count * size)).reshape((count, *shape)).astype("float32")
    y = np.zeros((count, outputs), "float32")
    y[np.arange(count), np.arange(count) % outputs] = 1 if outputs > 1 else 0
    if outputs == 1:
        y[::2] = 1
    return x, y


def step(model, x, y):
    model.fit(x, y, batch_size=16, epochs=1, shuffle=False, verbose=0)
    return model.predict(x, verbose=0).flatten().tolist()
