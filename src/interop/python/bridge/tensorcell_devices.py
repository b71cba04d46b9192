"""The devices of PyTorch and TensorFlow in this Python, as JSON.

Imported by the bridge it looks only at packages that the user's code has loaded; run as a program it loads them.
"""

import json
import os
import sys


def _said(action, default=None):
    """Drivers and packages of every age are asked here: one that fails says nothing."""
    try:
        return action()
    except Exception:
        return default


def _torch(torch):
    cuda = getattr(torch, "cuda", None)
    available = bool(_said(lambda: cuda.is_available(), False))
    # Questions that would set up a driver's context, which takes memory, are asked only where there is one.
    active = bool(_said(lambda: cuda.is_initialized(), False))
    devices = []
    for index in range(_said(lambda: cuda.device_count(), 0) if available else 0):
        free, total = _said(lambda: cuda.mem_get_info(index), (None, None)) if active else (None, None)
        devices.append(
            {
                "name": _said(lambda: cuda.get_device_name(index)),
                "freeBytes": free,
                "totalBytes": total,
                "tensorBytes": _said(lambda: cuda.memory_allocated(index)) if active else None,
                "reservedBytes": _said(lambda: cuda.memory_reserved(index)) if active else None,
            }
        )
    return {
        "version": str(torch.__version__),
        "cuda": _said(lambda: torch.version.cuda),
        "available": available,
        "devices": devices,
    }


def _directml(package):
    count = _said(lambda: package.device_count(), 0)
    return {
        "version": str(getattr(package, "__version__", "")),
        "devices": [str(_said(lambda: package.device_name(index), "")) for index in range(count)],
    }


def _tensorflow(tensorflow):
    build = _said(lambda: tensorflow.sysconfig.get_build_info(), {})
    gpus = _said(lambda: tensorflow.config.list_physical_devices("GPU"), [])
    growth = [_said(lambda: tensorflow.config.experimental.get_memory_growth(gpu)) for gpu in gpus]
    started = bool(_said(lambda: tensorflow.python.eager.context.context()._initialized, False))
    memory = [
        _said(lambda: tensorflow.config.experimental.get_memory_info("GPU:%d" % index)["current"])
        for index in range(len(gpus) if started else 0)
    ]
    return {
        "version": str(tensorflow.__version__),
        "cuda": str(build.get("cuda_version", "")) or None,
        "devices": [gpu.name for gpu in gpus],
        "growth": all(bool(each) for each in growth),
        "tensorBytes": sum(memory) if memory and None not in memory else None,
    }


DESCRIBED = {"torch": _torch, "torch_directml": _directml, "tensorflow": _tensorflow}


def describe():
    """Of the packages that are loaded."""
    found = {"pid": os.getpid(), "version": "%d.%d.%d" % sys.version_info[:3], "executable": sys.executable}
    for name, about in DESCRIBED.items():
        package = sys.modules.get(name)
        if package is not None and hasattr(package, "__version__") or name == "torch_directml" and package is not None:
            found[name] = about(package)
    return found


def main():
    failed = {}
    # The output of packages while they load is not for us.
    out = os.dup(1)
    os.dup2(2, 1)
    for name in DESCRIBED:
        try:
            __import__(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                failed[name] = str(error)
        except Exception as error:
            failed[name] = "%s: %s" % (type(error).__name__, error)
    os.write(out, json.dumps(dict(describe(), failed=failed)).encode())


if __name__ == "__main__":
    main()
