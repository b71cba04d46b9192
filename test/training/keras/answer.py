"""python answer.py FILE.keras SHAPE OUTPUTS: Keras's answers with a model that Tensorcell saved, and after one more step."""

import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras

from recipe import inputs, step

file, shape, outputs = sys.argv[1], tuple(json.loads(sys.argv[2])), int(sys.argv[3])
model = keras.saving.load_model(file)
x, y = inputs(shape, outputs)
predictions = model.predict(x, verbose=0).flatten().tolist()
iterations = int(model.optimizer.iterations.numpy()) if model.optimizer else None
print("ANSWER" + json.dumps({"predictions": predictions, "iterations": iterations, "afterOneMoreStep": step(model, x, y)}))
