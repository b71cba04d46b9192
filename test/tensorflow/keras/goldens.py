"""The models of keras.test.ts in Keras 3: writes goldens.json into this folder.

    python goldens.py        (with tensorflow-cpu 2.21 and keras 3.15)
"""

import json
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from keras import layers as L, optimizers as O  # noqa: E402


def fill(shape, salt):
    """Numbers in -1 to 1 that keras.test.ts makes as well."""
    h = (np.arange(int(np.prod(shape)), dtype=np.uint32) + np.uint32(salt * 7919)) * np.uint32(2654435761)
    h ^= h >> np.uint32(15)
    h *= np.uint32(2246822519)
    h ^= h >> np.uint32(13)
    return (h / 2.0**31 - 1).astype(np.float32).reshape(shape)


PICTURE, SERIES, VECTOR = [6, 6, 2], [5, 3], [5]
LAYERS = {
    "dense": (VECTOR, lambda: L.Dense(4, activation="tanh")),
    "conv1d": (SERIES, lambda: L.Conv1D(3, 2, activation="relu")),
    "conv2d": (PICTURE, lambda: L.Conv2D(3, 3, strides=2, padding="same", activation="relu")),
    "conv2dTranspose": (PICTURE, lambda: L.Conv2DTranspose(3, 2, strides=2)),
    "depthwiseConv2d": (PICTURE, lambda: L.DepthwiseConv2D(3)),
    "separableConv2d": (PICTURE, lambda: L.SeparableConv2D(3, 3)),
    "maxPooling2d": (PICTURE, lambda: L.MaxPooling2D(2)),
    "averagePooling2d": (PICTURE, lambda: L.AveragePooling2D(2, padding="same")),
    "globalAveragePooling2d": (PICTURE, lambda: L.GlobalAveragePooling2D()),
    "batchNormalization": (VECTOR, lambda: L.BatchNormalization(momentum=0.8)),
    "batchNormalization of pictures": (PICTURE, lambda: L.BatchNormalization()),
    "layerNormalization": (SERIES, lambda: L.LayerNormalization()),
    "prelu": (VECTOR, lambda: L.PReLU()),
    "elu": (VECTOR, lambda: L.ELU()),
    "simpleRNN": (SERIES, lambda: L.SimpleRNN(3)),
    "lstm": (SERIES, lambda: L.LSTM(3)),
    "lstm with sequences": (SERIES, lambda: L.LSTM(3, return_sequences=True, go_backwards=True)),
    "gru": (SERIES, lambda: L.GRU(3, reset_after=False)),
    "bidirectional": (SERIES, lambda: L.Bidirectional(L.LSTM(3))),
    "timeDistributed": (SERIES, lambda: L.TimeDistributed(L.Dense(3))),
}
LOSSES = {
    "meanSquaredError": "mean_squared_error",
    "meanAbsoluteError": "mean_absolute_error",
    "squaredHinge": "squared_hinge",
    "hinge": "hinge",
    "logcosh": "log_cosh",
    "categoricalCrossentropy": "categorical_crossentropy",
    "binaryCrossentropy": "binary_crossentropy",
    "kullbackLeiblerDivergence": "kl_divergence",
    "poisson": "poisson",
}
OPTIMIZERS = {
    "sgd": lambda: O.SGD(0.1),
    "momentum": lambda: O.SGD(0.05, momentum=0.8),
    "nesterov": lambda: O.SGD(0.05, momentum=0.8, nesterov=True),
    "adam": lambda: O.Adam(0.01, epsilon=1e-7),
    "adamax": lambda: O.Adamax(0.01, epsilon=1e-7),
    "rmsprop": lambda: O.RMSprop(0.01, rho=0.9, epsilon=1e-7),
    "adagrad": lambda: O.Adagrad(0.1, initial_accumulator_value=0.1, epsilon=1e-7),
}


def train(shape, layer, loss, optimizer):
    last = {"mean_squared_error": "linear", "mean_absolute_error": "linear", "binary_crossentropy": "sigmoid"}
    inputs = keras.Input(shape)
    x = layer(inputs)
    if len(x.shape) > 2:
        x = L.Flatten()(x)
    model = keras.Model(inputs, L.Dense(3, activation=last.get(loss, "softmax"))(x))
    for i, weight in enumerate(model.weights):
        if weight.name != "moving_variance":
            weight.assign(fill(weight.shape, 10 + i) * np.float32(0.4))
    model.compile(optimizer, loss)
    history = []
    for step in range(10):
        x = fill([4, *shape], 100 + step)
        classes = (np.arange(4) + step) % 3
        y = np.eye(3, dtype=np.float32)[classes]
        # Keras takes 0 for -1 here, tfjs does not.
        y = 2 * y - 1 if "hinge" in loss else y
        history.append(float(model.train_on_batch(x, y)))
    return {"losses": history, "prediction": model.predict(fill([2, *shape], 7), verbose=0).ravel().tolist()}


goldens = {"keras": keras.__version__, "tensorflow": tf.__version__, "layers": {}, "losses": {}, "optimizers": {}}
for name, (shape, layer) in LAYERS.items():
    goldens["layers"][name] = train(shape, layer(), "mean_squared_error", O.SGD(0.05))
for name, loss in LOSSES.items():
    goldens["losses"][name] = train(VECTOR, L.Dense(4, activation="relu"), loss, O.SGD(0.05))
for name, optimizer in OPTIMIZERS.items():
    goldens["optimizers"][name] = train(VECTOR, L.Dense(4, activation="relu"), "mean_squared_error", optimizer())
Path(__file__).with_name("goldens.json").write_text(json.dumps(goldens, indent=1) + "\n")
