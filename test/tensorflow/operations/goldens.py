"""Results of single ops as TensorFlow has them: python test/tensorflow/operations/goldens.py

Writes results.golden.json, a list of calls: the op's name in tfjs, tensors, further arguments, and what comes out. Where TensorFlow
takes fewer dtypes than tfjs, the reference is TensorFlow's op of the numbers as float32 (`floats`), or NumPy's (`plain`).
"""

import json
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

cases = []


def number(value):
    if isinstance(value, (bool, np.bool_)):
        return int(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if np.isnan(value):
        return "NaN"
    if np.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return float(f"{float(value):.7g}")


def tensor(array):
    array = np.asarray(array)
    flat = array.ravel()
    if array.dtype.kind == "c":
        flat = np.stack([flat.real, flat.imag], -1).ravel()
    return {"dtype": str(array.dtype), "shape": list(array.shape), "values": [number(value) for value in flat]}


def add(op, inputs, arguments, *outputs):
    """A call, and its results, which are tensors of TensorFlow or arrays."""
    cases.append(
        {
            "op": op,
            "inputs": [tensor(one) for one in inputs],
            "arguments": arguments,
            "outputs": [tensor(one.numpy() if hasattr(one, "numpy") else one) for one in outputs],
        }
    )


def values(shape, dtype="float32", salt=1):
    """Numbers from -2 to 2 that repeat from run to run."""
    count = int(np.prod(shape, dtype=np.int64))
    wave = 2 * np.sin(1.7 * np.arange(count) + salt)
    if dtype == "bool":
        return (wave > 0).reshape(shape)
    if dtype == "int32":
        return np.round(2 * wave).astype("int32").reshape(shape)
    if dtype == "complex64":
        return (wave + 2j * np.cos(1.3 * np.arange(count) + salt)).astype("complex64").reshape(shape)
    return wave.astype("float32").reshape(shape)


def matrices():
    shapes = [(1, 1), (3, 3), (3, 2), (2, 3), (4, 1), (1, 4), (2, 3, 2), (2, 2, 3), (2, 1, 3, 3), (0, 2, 2), (2, 0, 3), (3, 0)]
    for shape in shapes:
        for full in (False, True):
            add("linalg.qr", [values(shape)], [full], *tf.linalg.qr(values(shape), full_matrices=full))
    # Nothing to reflect, a column of zeros, and a product of columns.
    for matrix in (np.eye(3), [[0, 1], [0, 2], [0, 3]], [[1, 2], [2, 4]]):
        matrix = np.array(matrix, "float32")
        add("linalg.qr", [matrix], [], *tf.linalg.qr(matrix))
    add("linalg.qr", [values((2, 3, 2), "complex64")], [], *tf.linalg.qr(values((2, 3, 2), "complex64")))
    whole = values((3, 2), "int32")
    add("linalg.qr", [whole], [], *tf.linalg.qr(whole.astype("float32")))
    for shape in [(3, 4), (0, 3), (3, 0), (0, 1, 3), (2, 3, 3), (2, 0, 2, 2)]:
        for lower, upper in [(0, 0), (-1, 0), (0, -1), (1, 1), (1, 0), (-1, -1)]:
            if lower <= shape[-2] and upper <= shape[-1]:
                x = values(shape)
                add("linalg.bandPart", [x], [lower, upper], tf.linalg.band_part(x, lower, upper))
    for dtype in ("int32", "bool", "complex64"):
        add("linalg.bandPart", [values((3, 3), dtype)], [1, 0], tf.linalg.band_part(values((3, 3), dtype), 1, 0))


def one_hot():
    for shape in [(), (3,), (2, 2), (2, 0)]:
        for depth in (0, 1, 3):
            indices = np.mod(values(shape, "int32"), 4) - 1
            for dtype in ("int32", "float32", "bool"):
                on, off = (True, False) if dtype == "bool" else (5, -1)
                expected = tf.one_hot(indices, depth, on, off, dtype=dtype)
                add("oneHot", [indices], [depth, int(on), int(off), dtype], expected)


def depth_to_space():
    for block in (2, 3):
        for dtype in ("float32", "int32", "bool", "complex64"):
            for shape in [(1, 2, 3), (2, 1, 1), (0, 2, 2)]:
                x = values((*shape, 2 * block * block), dtype)
                wide = tf.nn.depth_to_space(x, block).numpy()
                add("depthToSpace", [x], [block], wide)
                add("depthToSpace", [x.transpose(0, 3, 1, 2)], [block, "NCHW"], wide.transpose(0, 3, 1, 2))


def where():
    shapes = [
        [(2, 3), (2, 3), (2, 3)],
        [(3,), (2, 3), (2, 3)],
        [(2, 1), (1, 3), ()],
        [(), (3,), (2, 1)],
        [(2, 3), (), (3,)],
        [(1, 2, 1, 2), (2, 1, 1, 1), (3, 1)],
        [(0, 1), (1, 3), (0, 3)],
        [(0, 0), (0, 1), (0, 0)],
    ]
    for c, a, b in shapes:
        for dtypes in [("float32", "float32"), ("int32", "int32"), ("bool", "bool"), ("float32", "int32"), ("bool", "int32")]:
            one, other = values(a, dtypes[0]), values(b, dtypes[1], 3)
            common = np.result_type(np.float32 if "float32" in dtypes else one.dtype, one.dtype if dtypes[0] != "int32" else other.dtype)
            common = "float32" if "float32" in dtypes else "int32" if "int32" in dtypes else common
            condition = values(c, "bool", 2)
            add("where", [condition, one, other], [], tf.where(condition, one.astype(common), other.astype(common)))
    condition = values((2,), "bool", 2)
    one, other = values((2, 2), "complex64"), values((2,), "complex64", 3)
    add("where", [condition, one, other], [], tf.where(condition, one, other))


def ranges():
    calls = [(0, 3, 1), (0, 3, 2), (-2, 1, 0.5), (3, -1, -1), (2, -2, -0.5), (0, 1, 0.25), (1, 4, 7), (5, 1, -7)]
    for start, stop, step in calls:
        add("range", [], [start, stop, step], tf.range(float(start), float(stop), float(step), tf.float32))
        if step == int(step):
            add("range", [], [start, stop, step, "int32"], tf.range(start, stop, step, tf.int32))
    # TensorFlow refuses a step in the wrong direction; NumPy's range is empty, and so is tfjs's for a step of 2.
    for start, stop, step in [(1, 0, 1), (2, -2, 0.5), (40, 3, 2), (3, 10, -2), (3, 3, 1), (3, 3, -0.5), (0, 1, -0.25)]:
        add("range", [], [start, stop, step], np.arange(start, stop, step).astype("float32"))
    add("range", [], [1, 0, 1, "int32"], np.arange(1, 0, 1).astype("int32"))
    add("range", [], [0, 2.5, 1, "int32"], np.arange(0, 2.5, 1).astype("int32"))
    add("range", [], [0, -2.5, -1, "int32"], np.arange(0, -2.5, -1).astype("int32"))


def spectra():
    for batch in [(), (2,), (2, 3), (2, 1, 2), (0,)]:
        for length in (2, 3, 4, 5):
            x = values((*batch, length), "complex64")
            if length > 2:
                add("spectral.irfft", [x], [], tf.signal.irfft(x))
            add("spectral.rfft", [values((*batch, length))], [], tf.signal.rfft(values((*batch, length))))
            add("spectral.fft", [x], [], tf.signal.fft(x))


def boxes():
    corners = np.array(
        [[0, 0, 1, 1], [0, 0, 1, 1], [0, 0.1, 1, 1.1], [0, 0.5, 1, 1.5], [1, 2, 0, 3], [0, 2, 1, 2.5], [0, 0, 0, 0]], "float32"
    )
    scores = np.array([0.9, 0.8, 0.9, 0.3, 0.6, 0.6, 0.1], "float32")
    V5 = tf.raw_ops.NonMaxSuppressionV5
    for most in (0, 3, 10):
        for iou in (0.0, 0.3, 0.5, 1.0):
            for least in (-1.0, 0.3):
                size, iou_t, least_t = np.int32(most), np.float32(iou), np.float32(least)
                kept = tf.image.non_max_suppression(corners, scores, size, iou_t, least_t)
                for ending in ("", "Async"):
                    add(f"image.nonMaxSuppression{ending}", [corners, scores], [most, iou, least], kept)
                for pad in (False, True):
                    r = tf.raw_ops.NonMaxSuppressionV4(
                        boxes=corners, scores=scores, max_output_size=size, iou_threshold=iou_t, score_threshold=least_t,
                        pad_to_max_output_size=pad,
                    )  # fmt: skip
                    for ending in ("", "Async"):
                        add(f"image.nonMaxSuppressionPadded{ending}", [corners, scores], [most, iou, least, pad], *r)
                for sigma in (0.0, 0.5):
                    r = V5(
                        boxes=corners, scores=scores, max_output_size=size, iou_threshold=iou_t, score_threshold=least_t,
                        soft_nms_sigma=np.float32(sigma),
                    )  # fmt: skip
                    for ending in ("", "Async"):
                        name = f"image.nonMaxSuppressionWithScore{ending}"
                        add(name, [corners, scores], [most, iou, least, sigma], r[0], r[1])
    none = np.zeros((0, 4), "float32")
    add("image.nonMaxSuppression", [none, scores[:0]], [3], tf.image.non_max_suppression(none, scores[:0], 3))


FLOATS = {
    "acos": tf.acos, "acosh": tf.acosh, "asin": tf.asin, "asinh": tf.asinh, "atan": tf.atan, "atanh": tf.atanh, "cos": tf.cos,
    "cosh": tf.cosh, "elu": tf.nn.elu, "erf": tf.math.erf, "exp": tf.exp, "expm1": tf.math.expm1, "isFinite": tf.math.is_finite,
    "isInf": tf.math.is_inf, "isNaN": tf.math.is_nan, "log": tf.math.log, "log1p": tf.math.log1p,
    "logSigmoid": tf.math.log_sigmoid, "logSoftmax": tf.nn.log_softmax, "logSumExp": tf.reduce_logsumexp,
    "euclideanNorm": tf.math.reduce_euclidean_norm, "norm": tf.norm, "reciprocal": tf.math.reciprocal, "rsqrt": tf.math.rsqrt, "selu": tf.nn.selu,
    "sigmoid": tf.sigmoid, "sin": tf.sin, "sinh": tf.sinh, "softmax": tf.nn.softmax, "softplus": tf.math.softplus,
    "sqrt": tf.sqrt, "tan": tf.tan, "tanh": tf.tanh,
}  # fmt: skip
COMPLEX = "acos acosh asin asinh atan atanh cos cosh exp expm1 log log1p reciprocal rsqrt sigmoid sin sinh sqrt tan tanh".split()


def norms():
    x = values((2, 3, 4))
    for order in ("euclidean", 1):
        for axes in ([0, 1], [1, 0], [1, 2], [-2, -1], [-1, -3], [2, -2]):
            for keep in (False, True):
                add("norm", [x], [order, axes, keep], tf.norm(x, order, axes, keep))
    for axes in ([0, 1], [-2, -1], [-1, 0]):
        add("norm", [x], ["Infinity", axes, False], tf.norm(x, np.inf, axes))
    for axes in ([0, 1, 2], [-1, 0, 1], [0, -1], [1], None):
        add("euclideanNorm", [x], [axes, True], tf.math.reduce_euclidean_norm(x, axes, True))


def others():
    for dtype in ("float32", "int32", "bool", "complex64"):
        one, other = values((3,), dtype), values((2,), "float32")
        for indexing in ("xy", "ij"):
            add("meshgrid", [one, other], [{"indexing": indexing}], *np.meshgrid(one, other, indexing=indexing))
    for dtype in ("float32", "int32"):
        x = values((7,), dtype)
        add("signal.frame", [x], [3, 2, True, 1], tf.signal.frame(x, 3, 2, True, 1))
    volume = values((1, 3, 4, 3, 2), "int32")
    for size, stride, padding in [(2, 1, "same"), (2, 2, "valid"), (1, 2, "same"), (3, 2, "same")]:
        pooled = tf.nn.max_pool3d(volume.astype("float32"), size, stride, padding.upper())
        add("maxPool3d", [volume], [size, stride, padding], pooled)


def floats():
    for name, op in FLOATS.items():
        for dtype in ("int32", "bool"):
            x = values((2, 3), dtype)
            add(name, [x], [], op(x.astype("float32")))
        special = np.array([[np.nan, np.inf], [-np.inf, 0.5]], "float32")
        if name.startswith("is"):
            add(name, [special], [], op(special))
    for name in COMPLEX:
        x = values((5,), "complex64") / np.complex64(2)
        add(name, [x], [], FLOATS[name](x))
    for first, second in [("int32", "int32"), ("bool", "bool"), ("int32", "float32")]:
        one, other = values((2, 3), first), values((3,), second, 3)
        add("atan2", [one, other], [], tf.atan2(one.astype("float32"), other.astype("float32")))
    infinite = np.array([[np.inf, 1], [-np.inf, -np.inf], [-np.inf, 2]], "float32")
    add("logSumExp", [infinite], [1], tf.reduce_logsumexp(infinite, 1))
    for name in ("ceil", "floor", "round"):
        for dtype in ("int32", "bool"):
            add(name, [values((2, 3), dtype)], [], values((2, 3), dtype))


COMPARISONS = {
    "greater": np.greater, "greaterEqual": np.greater_equal, "less": np.less, "lessEqual": np.less_equal, "equal": np.equal,
    "notEqual": np.not_equal,
}  # fmt: skip


def truths():
    one, other = values((2, 3), "bool"), values((3,), "bool", 3)
    for name, compare in COMPARISONS.items():
        add(name, [one, other], [], compare(one, other))
        add(name, [one, values((3,), "int32")], [], compare(one, values((3,), "int32")))
    for axis in (0, 1, None):
        for keep in (False, True):
            x = values((2, 3), "bool", 4)
            add("max", [x], [axis, keep], tf.reduce_any(x, axis, keep))
            add("min", [x], [axis, keep], tf.reduce_all(x, axis, keep))
    none = values((2, 0), "bool")
    for axis in (1, None):
        add("max", [none], [axis, False], tf.reduce_any(none, axis))
        add("min", [none], [axis, False], tf.reduce_all(none, axis))
    for exclusive in (False, True):
        for reverse in (False, True):
            for name, op in {"cumsum": tf.cumsum, "cumprod": tf.math.cumprod}.items():
                add(name, [one], [-1, exclusive, reverse], op(one.astype("int32"), -1, exclusive, reverse))
    top = tf.math.top_k(one.astype("int32"), 2)
    add("topk", [one], [2, True], top.values.numpy().astype(bool), top.indices)
    ids = np.array([1, 1], "int32")
    add("unsortedSegmentSum", [one, ids], [2], tf.math.unsorted_segment_sum(one.astype("int32"), ids, 2))
    for name in ("abs", "relu", "relu6", "sign", "square"):
        add(name, [one], [], one)
    add("diag", [other], [], np.diag(other))
    x = values((1, 2, 4, 1), "bool")
    wide = tf.space_to_batch(x.astype("int32"), [1, 2], [[0, 0], [1, 1]])
    add("spaceToBatchND", [x], [[1, 2], [[0, 0], [1, 1]]], wide.numpy().astype(bool))
    back = tf.batch_to_space(wide, [1, 2], [[0, 0], [1, 1]])
    add("batchToSpaceND", [wide.numpy().astype(bool)], [[1, 2], [[0, 0], [1, 1]]], back.numpy().astype(bool))
    for name, op in {"maximum": np.maximum, "minimum": np.minimum}.items():
        add(name, [one, other], [], op(one, other).astype("int32"))


for make in (matrices, one_hot, depth_to_space, where, ranges, spectra, boxes, norms, others, floats, truths):
    make()
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "results.golden.json"), "w", encoding="utf-8") as file:
    lines = ",\n".join(json.dumps(one, separators=(",", ":")) for one in cases)
    file.write(f"[\n{lines}\n]\n")
