"""What the Python peers share: the data, and the loop that answers requests."""

import json
import sys
import time

import numpy as np


def data(request):
    """The same numbers as `data` in models.ts: inputs in -1 to 1, classes in turn."""
    count = request["batch"] * request["steps"]
    size = count * int(np.prod(request["input"]))
    i = np.arange(size, dtype=np.uint32)
    h = i * np.uint32(2654435761)
    h ^= h >> np.uint32(15)
    h *= np.uint32(2246822519)
    h ^= h >> np.uint32(13)
    x = (h / np.float32(2**31) - 1).astype(np.float32).reshape([count, *request["input"]])
    classes = (np.arange(count, dtype=np.int64) * 7) % request["classes"]
    return x, np.eye(request["classes"], dtype=np.float32)[classes], classes


def batches(request, *arrays):
    """The arrays cut into batches before the clock starts."""
    size = request["batch"]
    return [tuple(a[k * size : (k + 1) * size] for a in arrays) for k in range(request["steps"])]


def serve(about, prepare):
    """`prepare(request)` gives a function that trains one epoch and returns its mean loss as a number."""
    trainers = {}
    print(json.dumps({"about": about}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        epochs = request.pop("epochs")
        key = json.dumps(request, sort_keys=True)
        try:
            if key not in trainers:
                trainers[key] = prepare(request)
                for _ in range(2):
                    trainers[key]()
            start = time.perf_counter()
            for _ in range(epochs):
                loss = trainers[key]()
            ms = (time.perf_counter() - start) * 1000 / (request["steps"] * epochs)
            if not np.isfinite(loss):
                raise ValueError(f"its loss is {loss}")
            print(json.dumps({"ms": ms}), flush=True)
        except Exception as error:  # noqa: BLE001
            print(json.dumps({"failed": f"{type(error).__name__}: {error}"[:200]}), flush=True)
