"""Keras's callbacks on a small regression, as JSON: the reference of callbacks.test.ts.

Run it again after a change: python callbacks.py (writes callbacks.golden.json) (Keras 3, any backend).
"""

import json
import math
import os
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import numpy as np


def values(shape, scale, shift):
    count = math.prod(shape)
    return (scale * np.sin(shift + 1.7 * np.arange(count))).reshape(shape).astype("float32")


def data(count, shift):
    x = values((count, 4), 1.0, shift)
    y = (np.cos(x.sum(axis=1, keepdims=True)) + 0.8 * values((count, 1), 1.0, shift + 5)).astype("float32")
    return x, y


def train(callbacks, epochs=30, rate=0.45, scale=0.5):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, activation="tanh"), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(rate), loss="mse", metrics=["mae"])
    model.set_weights([values((4, 8), scale, 1), values((8,), 0.1, 2), values((8, 1), scale, 3), values((1,), 0.1, 4)])
    rates = []

    class Rates(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            rates.append(float(self.model.optimizer.learning_rate))

    x, y = data(24, 0)
    history = model.fit(
        x, y, batch_size=8, epochs=epochs, shuffle=False, validation_data=data(16, 9), verbose=0,
        callbacks=[*callbacks, Rates()],
    )
    return {
        "epochs": history.epoch,
        "history": {k: [float(v) for v in vs] for k, vs in history.history.items()},
        "rates": rates,
        "weights": [float(v) for w in model.get_weights() for v in w.flatten()],
    }


def csv(append):
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "log.csv")
        train([keras.callbacks.CSVLogger(file)], epochs=2)
        if append:
            train([keras.callbacks.CSVLogger(file, separator=";", append=True)], epochs=1)
        with open(file, newline="") as opened:
            return opened.read()


def checkpoints(**options):
    with tempfile.TemporaryDirectory() as folder:
        train([keras.callbacks.ModelCheckpoint(os.path.join(folder, "{epoch:02d}-{val_loss:.3f}.keras"), **options)], epochs=12)
        return sorted(os.listdir(folder))


c = keras.callbacks
s = keras.optimizers.schedules
schedules = {
    "cosine": s.CosineDecay(0.1, 10, alpha=0.1),
    "warmup": s.CosineDecay(0.0, 10, warmup_target=0.2, warmup_steps=5),
    "restarts": s.CosineDecayRestarts(0.1, 4, t_mul=2.0, m_mul=0.5, alpha=0.05),
    "restartsEven": s.CosineDecayRestarts(0.1, 4, t_mul=1.0, m_mul=0.9),
    "exponential": s.ExponentialDecay(0.1, 5, 0.5),
    "staircase": s.ExponentialDecay(0.1, 5, 0.5, staircase=True),
    "inverse": s.InverseTimeDecay(0.1, 5, 0.5),
    "polynomial": s.PolynomialDecay(0.1, 10, power=2.0),
    "piecewise": s.PiecewiseConstantDecay([3, 7], [0.1, 0.05, 0.01]),
}
text = (
    json.dumps(
        {
            "keras": keras.__version__,
            "plain": train([]),
            "earlyStopping": train([c.EarlyStopping(patience=2)]),
            "earlyStoppingRestore": train([c.EarlyStopping(patience=3, restore_best_weights=True)]),
            "earlyStoppingDelta": train([c.EarlyStopping(monitor="mae", min_delta=0.01, patience=1)]),
            "earlyStoppingBaseline": train([c.EarlyStopping(baseline=0.01, patience=4, start_from_epoch=2)]),
            "reduceOnPlateau": train([c.ReduceLROnPlateau(factor=0.5, patience=2, cooldown=1, min_lr=0.03)]),
            "scheduler": train([c.LearningRateScheduler(lambda epoch, rate: rate * 0.9 if epoch % 2 else rate)], epochs=8),
            "schedule": train([], rate=s.CosineDecay(0.2, 20, alpha=0.1), epochs=8),
            "terminateOnNaN": train([c.TerminateOnNaN()], rate=1e4),
            "csv": csv(False),
            "csvAppend": csv(True),
            "checkpointEvery": checkpoints(),
            "checkpointBest": checkpoints(save_best_only=True),
            "schedules": {name: [float(schedule(step)) for step in range(20)] for name, schedule in schedules.items()},
        },
        allow_nan=True,
    ).replace(": NaN", ": null").replace("[NaN", "[null").replace(", NaN", ", null").replace("Infinity", "null")
)
with open(os.path.join(os.path.dirname(__file__), "callbacks.golden.json"), "w") as file:
    file.write(text + "\n")
