"""Starts the ipykernel that Tensorcell talks to. Run as: python tensorcell_bridge.py CONNECTION_FILE [options].

It is an ordinary ipykernel with three additions: it ends with the process that started it, its cells carry the numbers
of the notebook's cells, and the message `tensorcell_request` reads, sets and calls what is in its namespace.
"""

import asyncio
import difflib
import importlib.util
import inspect
import json
import os
import signal
import sys
import threading

# Script and helpers are no modules of the user's.
HERE = os.path.dirname(os.path.abspath(__file__))
if sys.path and os.path.abspath(sys.path[0] or ".") == HERE:
    del sys.path[0]

#: In bytes; the kernel process takes a little more.
LARGEST = 100 * 2**20

#: Nothing is ever written to it: it ends when the kernel process is gone, however that came about.
LIFELINE = 3


def watch_lifeline():
    os.set_inheritable(LIFELINE, False)

    def watch():
        try:
            while os.read(LIFELINE, 1):
                pass
        except OSError:
            pass
        if os.getpgrp() == os.getpid():
            os.killpg(os.getpid(), signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=watch, name="tensorcell-lifeline", daemon=True).start()


def load_helper(name):
    """A module of this folder, which is not on sys.path."""
    if name in sys.modules:
        return sys.modules[name]
    path = os.path.join(HERE, name + ".py")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def current_directory():
    """None when the folder was removed."""
    try:
        return os.getcwd()
    except OSError:
        return None


class UnknownName(Exception):
    """Said as a NameError, with what the user may have meant."""


def look_up(name, namespace):
    """The value of a name, or of any expression."""
    if name.isidentifier():
        if name in namespace:
            return namespace[name]
        builtins = namespace.get("__builtins__", {})
        builtins = builtins if isinstance(builtins, dict) else vars(builtins)
        if name in builtins:
            return builtins[name]
        known = [other for other in namespace if not other.startswith("_")]
        near = difflib.get_close_matches(name, known, 1)
        hint = ": did you mean %s?" % near[0] if near else ""
        raise UnknownName("Python has no variable %s%s" % (name, hint))
    return eval(compile(name, "<python.get>", "eval"), namespace)


async def finished(value):
    return await value if inspect.isawaitable(value) else value


class Operations:
    """The operations of `tensorcell_request`."""

    def __init__(self, shell):
        self.shell = shell
        self.values = load_helper("tensorcell_values")
        self.known = (current_directory(), dict(os.environ))

    @property
    def namespace(self):
        return self.shell.user_ns

    async def get(self, argument):
        value = await finished(look_up(argument["name"], self.namespace))
        return self.values.encode(value, argument.get("options") or {})

    async def set(self, argument):
        # All are read before any is assigned: either all of them are new, or none.
        fresh = {name: self.values.decode(tree) for name, tree in argument["values"].items()}
        self.shell.push(fresh, interactive=True)

    async def call(self, argument):
        function = look_up(argument["name"], self.namespace)
        if not callable(function):
            raise TypeError("%s is not a function but %s" % (argument["name"], type(function).__name__))
        args = [self.values.decode(tree) for tree in argument["args"]]
        kwargs = {name: self.values.decode(tree) for name, tree in argument["kwargs"].items()}
        value = await finished(function(*args, **kwargs))
        return self.values.encode(value, argument.get("options") or {})

    async def describe(self, argument):
        """Kinds of values, for the types of the variables that they become."""
        return [self.values.describe(look_up(name, self.namespace)) for name in argument["names"]]

    async def devices(self, argument):
        return load_helper("tensorcell_devices").describe()

    async def surroundings(self, argument):
        """Takes over what the session has changed, and returns what Python has changed since the last call."""
        known_directory, known = self.known
        directory, environment = current_directory(), dict(os.environ)
        changed = {name: value for name, value in environment.items() if known.get(name) != value}
        changed.update((name, None) for name in known if name not in environment)
        if argument.get("directory"):
            try:
                os.chdir(argument["directory"])
            except OSError as error:
                print("Python cannot change to the folder of the session: %s" % error, file=sys.stderr)
        for name, value in (argument.get("environment") or {}).items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self.known = (current_directory(), dict(os.environ))
        moved = directory is not None and directory != known_directory
        return {"directory": directory if moved else None, "environment": changed}

    async def names(self, argument):
        hidden = getattr(self.shell, "user_ns_hidden", {})
        return sorted(name for name in self.namespace if not name.startswith("_") and name not in hidden)


def main():
    watch_lifeline()
    from ipykernel.ipkernel import IPythonKernel
    from ipykernel.kernelapp import IPKernelApp

    class TensorcellKernel(IPythonKernel):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.shell_handlers["tensorcell_request"] = self.tensorcell_request
            self.operations = Operations(self.shell)

        async def execute_request(self, stream, ident, parent):
            count = (parent.get("metadata") or {}).get("tensorcell_count")
            if isinstance(count, int):
                self.shell.execution_count = count
            try:
                await super().execute_request(stream, ident, parent)
            except KeyboardInterrupt:
                # It hit ipykernel itself, on its way to the cell or back: without this no request would be answered.
                content = {
                    "status": "error",
                    "ename": "KeyboardInterrupt",
                    "evalue": "",
                    "traceback": ["\x1b[31mKeyboardInterrupt\x1b[39m"],
                }
                self.session.send(stream, "execute_reply", content, parent=parent, ident=ident)

        async def tensorcell_request(self, stream, ident, parent):
            # From here on SIGINT means this request.
            self.session.send(self.iopub_socket, "tensorcell_begun", {}, parent=parent)
            try:
                op, argument = parent["content"]["op"], parent["content"]["argument"]
                handler = getattr(self.operations, op, None)
                if handler is not None:
                    value = await handler(argument)
                else:
                    value = self.operations.values.OPERATIONS[op](argument)
                self.check_size(value)
                content = {"status": "ok", "value": value}
            except (Exception, KeyboardInterrupt, asyncio.CancelledError) as error:
                content = self.tensorcell_error(error)
            self.session.send(stream, "tensorcell_reply", content, parent=parent, ident=ident)

        def check_size(self, value):
            # A larger message would be refused at the other end, where the request to answer is not known any more.
            if not isinstance(value, (dict, list, str)):
                return
            size = len(json.dumps(value))
            if size > LARGEST:
                error = TypeError(
                    "%d MB of plain values are too many for one message (at most %d MB): pass a NumPy array or a table"
                    % (size >> 20, LARGEST >> 20)
                )
                error.code = "cannot-convert"
                raise error

        def tensorcell_error(self, error):
            if isinstance(error, UnknownName):
                name, traceback = "NameError", ["\x1b[31mNameError\x1b[39m: %s" % error]
                code = "unknown-name"
            else:
                name, code = type(error).__name__, None
                frames = error.__traceback__
                while frames is not None and frames.tb_frame.f_code.co_filename.startswith(HERE):
                    frames = frames.tb_next
                cannot_convert = frames is None
                if cannot_convert:
                    traceback = ["\x1b[31m%s\x1b[39m: %s" % (name, error)]
                    code = getattr(error, "code", "cannot-convert" if isinstance(error, TypeError) else None)
                else:
                    traceback = self.shell.InteractiveTB.structured_traceback(type(error), error, frames)
            return {
                "status": "error",
                "ename": name,
                "evalue": str(error),
                "traceback": traceback,
                "code": code if isinstance(code, str) else None,
            }

    connection, *options = sys.argv[1:]
    IPKernelApp.launch_instance(
        argv=["-f", connection, "--HistoryManager.enabled=False", *options],
        kernel_class=TensorcellKernel,
    )


if __name__ == "__main__":
    main()
