"""Models trained and saved by Keras, with what they answer and how they train on: the reference of model-files.test.ts.

python models.py writes *.golden.keras and models.golden.json into its folder (Keras 3 on TensorFlow).
"""

import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import numpy as np

from recipe import FOLDER, inputs, step

L = keras.layers
keras.utils.set_random_seed(1)


def convolutional():
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            L.Conv2D(3, 3, activation="relu", kernel_regularizer=keras.regularizers.L2(0.01)),
            L.BatchNormalization(),
            L.MaxPooling2D(),
            L.Conv2D(2, 2, padding="same", use_bias=False),
            L.LeakyReLU(negative_slope=0.2),
            L.Flatten(),
            L.Dropout(0.0),
            L.Dense(3, activation="softmax"),
        ]
    ), ((8, 8, 1), 3), "adam", "categorical_crossentropy"


def branches():
    a = keras.Input((6,), name="numbers")
    x = L.Dense(4, activation="tanh", name="left")(a)
    y = L.Dense(4, activation="elu", name="right")(a)
    z = L.Concatenate()([x, y, L.Multiply()([x, y])])
    z = L.LayerNormalization()(z)
    return keras.Model(a, L.Dense(2)(z)), ((6,), 2), keras.optimizers.SGD(0.05, momentum=0.9), "mse"


def recurrent():
    return keras.Sequential(
        [
            keras.Input((5, 3)),
            L.Bidirectional(L.LSTM(4, return_sequences=True)),
            L.GRU(3, reset_after=False, return_sequences=True),
            L.TimeDistributed(L.Dense(2, activation="relu")),
            L.GlobalAveragePooling1D(),
            L.Dense(1, activation="sigmoid"),
        ]
    ), ((5, 3), 1), keras.optimizers.RMSprop(0.01), "binary_crossentropy"


def main():
    reference = {}
    for make in (convolutional, branches, recurrent):
        model, (shape, outputs), optimizer, loss = make()
        model.compile(optimizer=optimizer, loss=loss, metrics=["mae"])
        x, y = inputs(shape, outputs)
        model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
        model.save(os.path.join(FOLDER, f"{make.__name__}.golden.keras"))
        answers = model.predict(x, verbose=0)
        reference[make.__name__] = {
            "shape": shape,
            "outputs": outputs,
            "predictions": answers.flatten().tolist(),
            "afterOneMoreStep": step(model, x, y),
        }
    refused = keras.Sequential([keras.Input((4,)), L.SpectralNormalization(L.Dense(2), name="spectral")])
    refused.save(os.path.join(FOLDER, "refused.golden.keras"))
    with open(os.path.join(FOLDER, "models.golden.json"), "w") as file:
        json.dump(reference, file)
        file.write("\n")


main()
