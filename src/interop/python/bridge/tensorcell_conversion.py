"""Arrays and tables on their way between Python and TypeScript: Python's side.

Large ones go through memory that both processes map, small ones in the message. NumPy, PyTorch, TensorFlow, pandas,
polars and pyarrow are used where the user's environment has them, and imported only when a value asks for them.
"""

import base64
import itertools
import math
import mmap
import os
import sys
import time

# Below this, bytes travel in the message: opening and mapping a segment costs more.
INLINE_BYTES = 32 * 1024
# A free segment that was not needed for this long is given back to the system.
IDLE_SECONDS = 30.0
PREFIX = "tensorcell-segment"

# The dtypes that are converted. NumPy has no bfloat16 and no 8-bit floats: ml_dtypes gives them where installed.
BYTES = {
    "bool": 1,
    "uint8": 1,
    "int8": 1,
    "uint16": 2,
    "int16": 2,
    "uint32": 4,
    "int32": 4,
    "uint64": 8,
    "int64": 8,
    "float8_e4m3fn": 1,
    "float8_e5m2": 1,
    "float8_e8m0fnu": 1,
    "float16": 2,
    "bfloat16": 2,
    "float32": 4,
    "float64": 8,
    "complex64": 8,
    "complex128": 16,
}
FOREIGN = {"bfloat16": 2, "float8_e4m3fn": 1, "float8_e5m2": 1, "float8_e8m0fnu": 1}


# ---------------------------------------------------------------------------------------------------------- memory


class Segment:
    """Our shared memory that the other process maps."""

    def __init__(self, length):
        self.name = f"{PREFIX}-{os.getpid()}-{next(_numbers)}"
        self.fd = os.memfd_create(f"{self.name}.memory", os.MFD_CLOEXEC)
        try:
            os.ftruncate(self.fd, length)
            self.memory = mmap.mmap(self.fd, length)
        except BaseException:
            os.close(self.fd)
            raise
        self.length = length
        # None: free. "busy": being filled or on its way. A number: the process that may have it mapped.
        self.lent = "busy"
        self.since = time.monotonic()

    def close(self):
        self.memory.close()
        os.close(self.fd)


_numbers = itertools.count(1)
_pool = []


def _mapped_by(pid):
    """The mappings of a process, as text; a process that has ended has none."""
    try:
        with open(f"/proc/{pid}/maps", encoding="latin-1") as maps:
            return maps.read()
    except PermissionError:
        return None
    except OSError:
        return ""


def _segment_length(size):
    step = 4096
    while step * 16 <= size:
        step *= 2
    return -(-max(size, 1) // step) * step


def _reclaim():
    maps = {}
    for segment in _pool:
        if not isinstance(segment.lent, int):
            continue
        if segment.lent not in maps:
            maps[segment.lent] = _mapped_by(segment.lent)
        text = maps[segment.lent]
        if text is not None and f"{segment.name}." not in text:
            segment.lent = None
            segment.since = time.monotonic()


def _trim(older_than=0.0):
    """Gives free segments back, and releases lent ones: the process that maps those keeps their memory alive."""
    _reclaim()
    limit = time.monotonic() - older_than
    for segment in [one for one in _pool if one.lent != "busy" and one.since <= limit]:
        _pool.remove(segment)
        segment.close()


def _take(size):
    _reclaim()
    length = _segment_length(size)
    for segment in _pool:
        if segment.lent is None and segment.length == length:
            segment.lent = "busy"
            segment.since = time.monotonic()
            return segment
    if sum(segment.length for segment in _pool) + length > _total_memory() // 4:
        _trim()
    segment = Segment(length)
    _pool.append(segment)
    return segment


def _total_memory():
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _by_name(name):
    for segment in _pool:
        if segment.name == name:
            return segment
    raise LookupError(f"the segment {name} no longer exists")


def segment_taken(argument):
    """The other process has mapped a segment, or has given up: free once it maps it no more."""
    for segment in _pool:
        if segment.name == argument["name"]:
            segment.lent = int(argument["pid"])
            segment.since = time.monotonic()
    _trim(IDLE_SECONDS)


def segment_as_file(argument):
    """For systems where the other process may not open our memory: a private file with a copy of it."""
    segment = _by_name(argument["name"])
    os.makedirs(argument["folder"], mode=0o700, exist_ok=True)
    path = os.path.join(argument["folder"], f"{PREFIX}-{os.getpid()}-{next(_numbers)}.memory")
    try:
        with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(memoryview(segment.memory)[: int(argument["bytes"])])
    except OSError:
        if os.path.exists(path):
            os.remove(path)
        raise
    finally:
        segment.lent = None
    return path


def segment_probe(argument):
    """Whether we may open the other process's memory."""
    try:
        os.close(os.open(argument["path"], os.O_RDWR))
    except OSError:
        return False
    return True


def segment_counts(_argument):
    """For tests and diagnosis: our segments, and those of other processes that we map."""
    own = f"{PREFIX}-{os.getpid()}-"
    lines = [line for line in (_mapped_by(os.getpid()) or "").splitlines() if PREFIX in line]
    return {
        "segments": len(_pool),
        "bytes": sum(segment.length for segment in _pool),
        "foreign": sum(1 for line in lines if own not in line),
        "descriptors": len(os.listdir("/proc/self/fd")),
    }


def _payload(flat):
    """Where the bytes of a one-dimensional uint8 array are put: the one copy on this side."""
    import numpy

    size = flat.nbytes
    if size <= INLINE_BYTES:
        return {"bytes": size, "data": base64.b64encode(flat.tobytes()).decode("ascii")}
    segment = _take(size)
    try:
        numpy.copyto(numpy.frombuffer(segment.memory, numpy.uint8, size), flat)
    except BaseException:
        segment.lent = None
        raise
    path = f"/proc/{os.getpid()}/fd/{segment.fd}"
    return {"bytes": size, "segment": {"name": segment.name, "path": path, "pid": os.getpid()}}


def _receive(leaf):
    """The bytes of a leaf as a writable buffer: of large ones, the other process's memory itself."""
    size = leaf["bytes"]
    if "data" in leaf:
        data = bytearray(base64.b64decode(leaf["data"]))
        if len(data) != size:
            raise ValueError(f"{len(data)} bytes arrived where {size} were announced")
        return data
    path = leaf["segment"]["path"]
    fd = os.open(path, os.O_RDWR)
    try:
        if os.fstat(fd).st_size < size:
            raise ValueError(f"a segment of {os.fstat(fd).st_size} bytes arrived where {size} were announced")
        return mmap.mmap(fd, size)
    finally:
        os.close(fd)


# ---------------------------------------------------------------------------------------------------------- arrays


def _module(name):
    """A module that the user's code has loaded: a value cannot be of a class of one that was never imported."""
    return sys.modules.get(name)


def _array_leaf(array, shape=None, dtype=None):
    """A NumPy array, in C order and in the machine's byte order."""
    import numpy

    name = dtype or array.dtype.name
    if array.dtype.hasobject or array.dtype.kind in "US":
        return _strings_leaf(array)
    if name not in BYTES:
        raise TypeError(
            f"a NumPy array of {array.dtype} cannot be passed to TypeScript: convert it first, for example with .astype('float32')"
            + (" or .astype('int64')" if array.dtype.kind in "mM" else "")
        )
    shape = list(array.shape if shape is None else shape)
    native = array.dtype.newbyteorder("=") if array.dtype.byteorder not in "=|" else array.dtype
    ordered = numpy.ascontiguousarray(array, native)
    flat = ordered.reshape(-1).view(numpy.uint8) if ordered.size else numpy.empty(0, numpy.uint8)
    return {"$": "array", "dtype": name, "shape": shape, **_payload(flat)}


def _strings_leaf(array):
    values = array.reshape(-1).tolist()
    for value in values:
        if not isinstance(value, str):
            raise TypeError(
                f"a NumPy array of objects cannot be passed to TypeScript, because it holds a {type(value).__name__}: only text does; "
                "convert it first, for example with .astype('float64'), or pass a list"
            )
    return {"$": "strings", "shape": list(array.shape), "values": values}


def _torch_leaf(torch, tensor):
    if tensor.layout is not torch.strided:
        raise TypeError(f"a PyTorch tensor of layout {tensor.layout} cannot be passed to TypeScript: pass tensor.to_dense()")
    if tensor.is_quantized:
        raise TypeError("a quantized PyTorch tensor cannot be passed to TypeScript: pass tensor.dequantize()")
    if tensor.device.type == "meta":
        raise TypeError("a PyTorch tensor on the device 'meta' has no values")
    plain = tensor.detach()
    for resolve in ("resolve_conj", "resolve_neg"):
        plain = getattr(plain, resolve, lambda same=plain: same)()
    plain = plain.cpu()
    name = str(plain.dtype).rpartition(".")[2]
    if name in FOREIGN:
        bits = torch.int16 if FOREIGN[name] == 2 else torch.uint8
        return _array_leaf(plain.contiguous().view(bits).numpy(), plain.shape, name)
    if name not in BYTES:
        raise TypeError(f"a PyTorch tensor of {plain.dtype} cannot be passed to TypeScript: convert it first, for example with .float()")
    return _array_leaf(plain.numpy())


def _tensorflow_leaf(value):
    try:
        array = value.numpy()
    except (AttributeError, NotImplementedError) as error:
        raise TypeError(f"a symbolic {type(value).__name__} has no values yet") from error
    if getattr(array, "dtype", None) is not None and array.dtype.name == "object" or isinstance(array, bytes):
        import numpy

        texts = numpy.asarray(array, dtype=object)
        flat = [text.decode("utf-8") if isinstance(text, bytes) else text for text in texts.reshape(-1).tolist()]
        return {"$": "strings", "shape": list(texts.shape), "values": flat}
    import numpy

    return _array_leaf(numpy.asarray(array))


def _encode_array(value):
    numpy = _module("numpy")
    if numpy is not None:
        if isinstance(value, numpy.ma.MaskedArray):
            raise TypeError("a masked NumPy array cannot be passed to TypeScript: pass array.filled(...) or array.data")
        if isinstance(value, numpy.ndarray):
            return _array_leaf(value)
        if isinstance(value, numpy.generic):
            return _scalar(numpy, value)
    torch = _module("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return _torch_leaf(torch, value)
    tensorflow = _module("tensorflow")
    if tensorflow is not None and isinstance(value, (tensorflow.Tensor, tensorflow.Variable)):
        return _tensorflow_leaf(value)
    keras = _module("keras")
    if keras is not None and hasattr(keras, "Variable") and isinstance(value, keras.Variable):
        return _array_leaf(value.numpy())
    jax = _module("jax")
    if jax is not None and isinstance(value, jax.Array):
        import numpy

        return _array_leaf(numpy.asarray(value))
    return None


def _scalar(numpy, value):
    """A NumPy scalar, as what `.item()` gives: the walk over plain values goes on with it."""
    if isinstance(value, (numpy.bool_, numpy.integer, numpy.floating, numpy.str_)):
        item = value.item()
        if isinstance(item, (bool, str)) or (isinstance(item, int) and abs(item) < 2**53):
            return {"$": "scalar", "value": item}
        if isinstance(item, int):
            return {"$": "scalar", "bigint": str(item)}
        if isinstance(item, float):
            return {"$": "scalar", "value": item} if math.isfinite(item) else {"$": "scalar", "number": repr(item)}
    return _array_leaf(numpy.asarray(value))


def _numpy_of(leaf):
    import numpy

    dtype, shape = leaf["dtype"], leaf["shape"]
    if math.prod(shape) == 0 and dtype not in FOREIGN:
        return numpy.empty(shape, dtype)
    buffer = _receive(leaf)
    if dtype in FOREIGN:
        try:
            import ml_dtypes
        except ImportError as error:
            raise TypeError(
                f"NumPy has no {dtype} without the package ml_dtypes: install it, pass {{ as: 'torch' }}, or convert "
                "the array to float32 first"
            ) from error
        return numpy.frombuffer(buffer, getattr(ml_dtypes, dtype)).reshape(shape)
    return numpy.frombuffer(buffer, numpy.dtype(dtype)).reshape(shape)


def _torch_of(leaf):
    try:
        import torch
    except ImportError as error:
        raise TypeError("this environment has no PyTorch: `pip install torch`, or omit { as: 'torch' }") from error
    dtype, shape = leaf["dtype"], leaf["shape"]
    if not hasattr(torch, dtype):
        raise TypeError(f"this PyTorch ({torch.__version__}) has no {dtype}: convert the array first")
    if math.prod(shape) == 0:
        return torch.empty(shape, dtype=getattr(torch, dtype))
    return torch.frombuffer(_receive(leaf), dtype=getattr(torch, dtype)).reshape(shape)


def _decode_array(leaf):
    wanted = leaf.get("as", "numpy")
    if wanted == "torch":
        return _torch_of(leaf)
    array = _numpy_of(leaf)
    if wanted == "tensorflow":
        try:
            import tensorflow
        except ImportError as error:
            raise TypeError(
                "this environment has no TensorFlow: `pip install tensorflow`, or omit { as: 'tensorflow' }"
            ) from error
        return tensorflow.constant(array)
    return array


def _decode_strings(leaf):
    import numpy

    if leaf.get("as") == "torch":
        raise TypeError("PyTorch has no tensors of text: omit { as: 'torch' }")
    array = numpy.array(leaf["values"], dtype=object).reshape(leaf["shape"])
    if leaf.get("as") == "tensorflow":
        import tensorflow

        return tensorflow.constant(leaf["values"], shape=leaf["shape"])
    return array


# ---------------------------------------------------------------------------------------------------------- tables


def _arrow(why):
    try:
        import pyarrow
    except ImportError as error:
        raise TypeError(f"{why} needs the package pyarrow in Python's environment: `pip install pyarrow`") from error
    return pyarrow


def _stream_leaf(data):
    import numpy

    return {"$": "table", **_payload(numpy.frombuffer(data, numpy.uint8))}


def _arrow_leaf(pyarrow, table):
    # A buffer of Arrow's own: written once, copied once into the segment.
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return _stream_leaf(sink.getvalue())


def _encode_table(value, _options):
    pandas = _module("pandas")
    if pandas is not None and isinstance(value, (pandas.DataFrame, pandas.Series)):
        frame = value.to_frame(value.name if value.name is not None else "value") if isinstance(value, pandas.Series) else value
        pyarrow = _arrow("a pandas table")
        # The index is a column if it says anything; pandas' own numbering says nothing.
        keep = not isinstance(frame.index, pandas.RangeIndex)
        if keep:
            frame = frame.reset_index()
        texts = {column: str(column) for column in frame.columns}
        if len(set(texts.values())) != len(texts) or len(texts) != len(frame.columns):
            raise TypeError("a pandas table with two columns of the same name cannot be passed to TypeScript: rename one")
        frame = frame.rename(columns=texts)
        try:
            table = pyarrow.Table.from_pandas(frame, preserve_index=False)
        except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, pyarrow.ArrowNotImplementedError) as error:
            raise TypeError(f"this pandas table cannot be passed to TypeScript: {error}") from error
        return _arrow_leaf(pyarrow, table.replace_schema_metadata(None))
    polars = _module("polars")
    if polars is not None and isinstance(value, (polars.DataFrame, polars.LazyFrame, polars.Series)):
        import io

        frame = value.collect() if isinstance(value, polars.LazyFrame) else value
        if isinstance(frame, polars.Series):
            frame = frame.to_frame(frame.name or "value")
        sink = io.BytesIO()
        # The oldest level writes text as Arrow 1.0 did: readers of every age take it.
        frame.write_ipc_stream(sink, compat_level=polars.CompatLevel.oldest())
        return _stream_leaf(sink.getbuffer())
    pyarrow = _module("pyarrow")
    if pyarrow is not None and isinstance(value, (pyarrow.Table, pyarrow.RecordBatch)):
        table = pyarrow.Table.from_batches([value]) if isinstance(value, pyarrow.RecordBatch) else value
        return _arrow_leaf(pyarrow, table)
    return None


def _decode_table(leaf):
    wanted = leaf.get("as", "pandas")
    data = _receive(leaf)
    if wanted == "polars":
        try:
            import polars
        except ImportError as error:
            raise TypeError(
                "this environment has no polars: `pip install polars`, or pass { as: 'pandas' }"
            ) from error
        import io

        return polars.read_ipc_stream(io.BytesIO(memoryview(data)[: leaf["bytes"]]))
    pyarrow = _arrow("a table")
    table = pyarrow.ipc.open_stream(pyarrow.py_buffer(memoryview(data)[: leaf["bytes"]])).read_all()
    return table if wanted == "arrow" else table.to_pandas()


# ---------------------------------------------------------------------------------------------------------- border


def encode_leaf(value, options):
    """The leaf of a value that is not plain; None when it is not ours. Raises TypeError when it cannot be converted."""
    leaf = _encode_array(value)
    return leaf if leaf is not None else _encode_table(value, options)


def decode_leaf(leaf):
    return _DECODERS[leaf["$"]](leaf)


_DECODERS = {"array": _decode_array, "strings": _decode_strings, "table": _decode_table}

LEAVES = set(_DECODERS)

OPERATIONS = {
    "segment_taken": segment_taken,
    "segment_as_file": segment_as_file,
    "segment_probe": segment_probe,
    "segment_counts": segment_counts,
}
