"""SavedModels of TensorFlow's Python side, with what they answer: the reference of saved-model.test.ts.

python saved_models.py writes saved-models/ into its folder.
"""

import json
import os
import shutil

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np
import tensorflow as tf

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "saved-models")
shutil.rmtree(FOLDER, ignore_errors=True)


class Dense(tf.Module):
    """One input, one output, weights."""

    def __init__(self):
        super().__init__()
        self.kernel = tf.Variable(tf.reshape(tf.range(6, dtype=tf.float32) / 10, [3, 2]))
        self.bias = tf.Variable([0.5, -0.5])

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="features")])
    def serve(self, features):
        return {"scores": tf.nn.softmax(features @ self.kernel + self.bias)}


class Several(tf.Module):
    """Two inputs of different kinds, two outputs."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 2], tf.float32, name="numbers"),
            tf.TensorSpec([None], tf.int32, name="factors"),
        ]
    )
    def serve(self, numbers, factors):
        scaled = numbers * tf.cast(factors, tf.float32)[:, None]
        return {"scaled": scaled, "largest": tf.argmax(scaled, 1, output_type=tf.int32)}


def save(name, module, arguments):
    signature = module.serve.get_concrete_function()
    tf.saved_model.save(module, os.path.join(FOLDER, name), signatures={"serving_default": signature})
    # Fingerprints and debug information say nothing of the model.
    os.remove(os.path.join(FOLDER, name, "fingerprint.pb"))
    outputs = module.serve(*[tf.constant(value) for value in arguments])
    return {
        "inputs": [np.asarray(value).tolist() for value in arguments],
        "outputs": {key: value.numpy().tolist() for key, value in outputs.items()},
    }


rng = np.random.default_rng(1)
answers = {
    "dense": save("dense", Dense(), [rng.normal(size=(5, 3)).astype(np.float32)]),
    "several": save(
        "several",
        Several(),
        [rng.normal(size=(4, 2)).astype(np.float32), np.array([1, -2, 3, 0], np.int32)],
    ),
}
with open(os.path.join(FOLDER, "answers.golden.json"), "w") as file:
    json.dump(answers, file, indent=1)
