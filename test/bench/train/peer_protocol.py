"""The common part of the Python peers: the data, the weights, and the loop that answers requests."""

import functools
import json
import sys
import time

import numpy as np


def data(request):
    """The same numbers as `data` in models.ts: inputs in -1 to 1, classes in turn."""
    return numbers(request["batch"] * request["steps"], tuple(request["input"]), request["classes"])


@functools.lru_cache(maxsize=1)
def numbers(count, shape, kinds):
    """Kept: what is timed from the building of a network on has its data before."""
    size = count * int(np.prod(shape))
    i = np.arange(size, dtype=np.uint32)
    h = i * np.uint32(2654435761)
    h ^= h >> np.uint32(15)
    h *= np.uint32(2246822519)
    h ^= h >> np.uint32(13)
    x = (h / np.float32(2**31) - 1).astype(np.float32).reshape([count, *shape])
    classes = (np.arange(count, dtype=np.int64) * 7) % kinds
    return x, np.eye(kinds, dtype=np.float32)[classes], classes


def batches(request, *arrays):
    """The arrays cut into batches before the clock starts."""
    size = request["batch"]
    return [tuple(a[k * size : (k + 1) * size] for a in arrays) for k in range(request["steps"])]


def weights(request):
    """The arrays of the safetensors file that weights.ts wrote, by `layer/weight`, in the layouts of Keras."""
    with open(request["weights"], "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        numbers = file.read()
    return {
        name: np.frombuffer(numbers[slice(*entry["data_offsets"])], np.float32).reshape(entry["shape"]).copy()
        for name, entry in header.items()
    }


class Taken(dict):
    """Weights of which none may be left over: one that no layer took would be one that the peer drew itself."""

    def __init__(self, request):
        super().__init__(weights(request))
        self.left = set(self)

    def __getitem__(self, name):
        self.left.discard(name)
        return super().__getitem__(name)

    def check(self):
        if self.left:
            raise ValueError(f"nothing took {sorted(self.left)}")


def serve(about, prepare, ready=data):
    """
    `prepare(request)` gives an object with two methods: `first_steps(count)` trains one step on each of the first
    batches and returns their losses; `train(epochs)` returns the mean loss of its last epoch. `ready(request)` makes
    and keeps the data.
    """
    trainers = {}
    print(json.dumps({"about": about}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        ask, count = request.pop("ask"), request.pop("count")
        key = json.dumps(request, sort_keys=True)
        try:
            if ask == "forget":
                trainers.clear()
                answer = {}
            elif ask == "cold":
                ready(request)
                start = time.perf_counter()
                loss = prepare(request).train(count)
                ms = (time.perf_counter() - start) * 1000
                answer = {"ms": ms, "loss": loss} if np.isfinite(loss) else {"failed": f"its loss is {loss}"}
            else:
                if key not in trainers:
                    trainers[key] = prepare(request)
                    # A process that was started anew in the middle of a row.
                    if ask == "train":
                        trainers[key].train(1)
                if ask == "begin":
                    answer = {"losses": trainers[key].first_steps(count)}
                else:
                    start = time.perf_counter()
                    loss = trainers[key].train(count)
                    ms = (time.perf_counter() - start) * 1000 / (request["steps"] * count)
                    answer = {"ms": ms, "loss": loss}
                    if not np.isfinite(loss):
                        answer = {"failed": f"its loss is {loss}"}
        except Exception as error:  # noqa: BLE001
            answer = {"failed": f"{type(error).__name__}: {error}"[:200]}
        print(json.dumps(answer), flush=True)
