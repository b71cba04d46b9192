"""Keras 3 trained from a tf.data pipeline: a peer of the benchmark of data sets."""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "train"))
import keras  # noqa: E402
import tensorflow as tf  # noqa: E402
from keras import layers as L  # noqa: E402
from peer_protocol import data, serve  # noqa: E402


def mlp(request):
    return keras.Sequential(
        [
            keras.Input(request["input"]),
            L.Dense(128, activation="relu"),
            L.Dense(128, activation="relu"),
            L.Dense(10, activation="softmax"),
        ]
    )


def cnn(request):
    return keras.Sequential(
        [
            keras.Input(request["input"]),
            L.Conv2D(16, 3, activation="relu"),
            L.MaxPooling2D(2),
            L.Conv2D(32, 3, activation="relu"),
            L.MaxPooling2D(2),
            L.Flatten(),
            L.Dense(10, activation="softmax"),
        ]
    )


class Trainer:
    def __init__(self, request):
        x, y, _ = data(request)
        self.model = {"mlp": mlp, "cnn": cnn}[request["name"]](request)
        self.model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
        dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(request["batch"], drop_remainder=True)
        self.dataset = dataset.prefetch(tf.data.AUTOTUNE)

    def train(self, epochs):
        return self.model.fit(self.dataset, epochs=epochs, verbose=0).history["loss"][-1]


serve(f"Keras {keras.__version__} on TensorFlow {tf.__version__}", Trainer)
