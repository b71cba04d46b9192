"""Plain values as a tree of JSON, and back. The same rules as plain-values.ts.

A value that JSON cannot express is an object with the key "$", which names its kind. Kinds that are not known here belong to
tensorcell_conversion (tensors, tables), which is loaded when the first of them comes by.
"""

import base64
import datetime
import math
import os
import sys

#: Deeper than anybody nests on purpose; less than where Python's or JavaScript's stack ends.
DEEPEST = 200
#: Integers that JavaScript's numbers hold exactly.
SAFE = 2**53 - 1

_conversion = None


class CannotConvert(TypeError):
    code = "cannot-convert"


def conversion():
    """The helper for tensors and tables."""
    global _conversion
    if _conversion is None:
        import importlib.util

        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tensorcell_conversion.py")
        spec = importlib.util.spec_from_file_location("tensorcell_conversion", path)
        module = importlib.util.module_from_spec(spec)
        sys.modules["tensorcell_conversion"] = module
        spec.loader.exec_module(module)
        _conversion = module
    return _conversion


def encode(value, options=None):
    return _encode(value, options or {}, "the value", [])


def _encode(value, options, where, above):
    kind = type(value)
    if value is None or kind is bool or kind is str:
        return value
    if kind is int:
        return value if -SAFE <= value <= SAFE else {"$": "bigint", "value": str(value)}
    if kind is float:
        if math.isfinite(value) and not (value == 0 and math.copysign(1, value) < 0):
            return value
        return {"$": "number", "value": repr(value)}
    if kind in (list, tuple, dict, set, frozenset):
        if any(outer is value for outer in above):
            raise CannotConvert("%s contains itself" % where)
        if len(above) >= DEEPEST:
            raise CannotConvert("%s is nested more than %d deep" % (where, DEEPEST))
        above.append(value)
        try:
            return _encode_container(value, kind, options, where, above)
        finally:
            above.pop()
    if kind in (bytes, bytearray):
        return {"$": "bytes", "value": base64.b64encode(value).decode()}
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            # As everywhere in Python: the machine's own zone.
            value = value.astimezone()
        return {"$": "date", "value": value.timestamp() * 1000}
    if isinstance(value, datetime.date):
        day = datetime.datetime(value.year, value.month, value.day, tzinfo=datetime.timezone.utc)
        return {"$": "date", "value": day.timestamp() * 1000}
    helper = conversion()
    leaf = helper.encode_leaf(value, options)
    if leaf is not None:
        return leaf
    for plain in (bool, int, float, str):  # subclasses, such as enumerations of integers
        if isinstance(value, plain):
            return _encode(plain(value), options, where, above)
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return _encode(value._asdict(), options, where, above)
    for container in (dict, list, tuple, set):
        if isinstance(value, container):
            return _encode(container(value), options, where, above)
    if hasattr(value, "__index__") or hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return _encode(value.item() if hasattr(value, "item") else int(value), options, where, above)
    name = "%s.%s" % (type(value).__module__, type(value).__qualname__)
    raise CannotConvert(
        "%s is %s, which has no counterpart in TypeScript: extract the values that you need in Python first" % (where, name)
    )


def _encode_container(value, kind, options, where, above):
    if kind is list or kind is tuple:
        return [_encode(item, options, "%s[%d]" % (where, at), above) for at, item in enumerate(value)]
    if kind is set or kind is frozenset:
        return {"$": "set", "value": [_encode(item, options, "%s's element" % where, above) for item in value]}
    if all(type(key) is str for key in value):
        fields = {key: _encode(item, options, "%s[%r]" % (where, key), above) for key, item in value.items()}
        return {"$": "object", "value": list(fields.items())} if "$" in fields or "__proto__" in fields else fields
    return {
        "$": "map",
        "value": [
            [_encode(key, options, "a key of %s" % where, above), _encode(item, options, "%s[%r]" % (where, key), above)]
            for key, item in value.items()
        ],
    }


def decode(tree):
    if isinstance(tree, list):
        return [decode(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    kind = tree.get("$")
    if kind is None:
        return {key: decode(item) for key, item in tree.items()}
    if kind == "bigint":
        return int(tree["value"])
    if kind == "number":
        return float(tree["value"])
    if kind == "undefined":
        return None
    if kind == "bytes":
        return base64.b64decode(tree["value"])
    if kind == "date":
        epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
        return epoch + datetime.timedelta(milliseconds=tree["value"])
    if kind == "set":
        return {_hashable(decode(item)) for item in tree["value"]}
    if kind == "map":
        return {_hashable(decode(key)): decode(item) for key, item in tree["value"]}
    if kind == "object":
        return {key: decode(item) for key, item in tree["value"]}
    helper = conversion()
    if kind not in helper.LEAVES:
        raise CannotConvert("Python's side knows no value of kind %r" % kind)
    return helper.decode_leaf(tree)


def _hashable(value):
    return tuple(_hashable(item) for item in value) if isinstance(value, list) else value


def describe(value):
    """A word for the TypeScript type that the value will have on the other side."""
    kind = type(value)
    if value is None:
        return "null"
    if kind is bool:
        return "boolean"
    if kind is int:
        return "number" if -SAFE <= value <= SAFE else "bigint"
    if kind is float:
        return "number"
    if kind is str:
        return "string"
    if kind in (bytes, bytearray):
        return "bytes"
    if isinstance(value, (datetime.datetime, datetime.date)):
        return "date"
    found = _describe_array(value)
    if found is not None:
        return found
    if isinstance(value, (list, tuple)):
        kinds = {describe(item) for item in value[:100]} if len(value) else set()
        one = kinds.pop() if len(kinds) == 1 else None
        return one + "[]" if one in ("number", "string", "boolean", "tensor") and len(value) <= 100 else "list"
    if isinstance(value, dict):
        return "object" if all(type(key) is str for key in value) else "map"
    if isinstance(value, (set, frozenset)):
        return "set"
    return "unknown"


#: The dtypes of tfjs; arrays of others arrive as typed arrays with a dtype and a shape.
TENSOR_DTYPES = {"float32", "int32", "bool", "complex64"}


def _describe_array(value):
    package = type(value).__module__.partition(".")[0]
    if package in ("pandas", "polars", "pyarrow"):
        return "table" if hasattr(value, "columns") or hasattr(value, "to_frame") else "unknown"
    if package not in ("numpy", "torch", "tensorflow", "keras", "jax", "jaxlib"):
        return None
    dtype = getattr(value, "dtype", None)
    if dtype is None or not hasattr(value, "shape"):
        return None
    name = getattr(dtype, "name", None) or str(dtype).replace("torch.", "")
    if package == "numpy" and not hasattr(value, "__setitem__"):
        kinds = {"b": "boolean", "i": "number", "u": "number", "f": "number", "U": "string"}
        return kinds.get(dtype.kind, "unknown")
    return "tensor" if name in TENSOR_DTYPES else "array"


class _Operations(dict):
    """Those of the helper, loaded when one is requested."""

    def __missing__(self, op):
        operations = conversion().OPERATIONS
        if op not in operations:
            raise KeyError("Python's side knows no operation %r" % op)
        return operations[op]


OPERATIONS = _Operations()
