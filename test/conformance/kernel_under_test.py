"""A Tensorcell kernel of this checkout, driven by jupyter_client: Jupyter's own idea of the protocol."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator

ROOT = Path(__file__).resolve().parent.parent.parent
NODE = os.environ.get("TENSORCELL_TEST_NODE") or shutil.which("node") or "node"
DEADLINE = 20.0

_folder = tempfile.mkdtemp(prefix="tensorcell-conformance-")


def _write_kernelspec() -> None:
    """A kernelspec in a folder of the tests, so that nothing of the user is read or written."""
    folder = Path(_folder) / "kernels" / "tensorcell"
    folder.mkdir(parents=True)
    spec = {
        "argv": [NODE, str(ROOT / "dist" / "kernel.cjs"), "--connection-file", "{connection_file}"],
        "display_name": "TypeScript (Tensorcell)",
        "language": "typescript",
        "interrupt_mode": "message",
        "kernel_protocol_version": "5.5",
        "metadata": {"supported_encryption": "curve"},
    }
    (folder / "kernel.json").write_text(json.dumps(spec))


_write_kernelspec()
os.environ["JUPYTER_PATH"] = _folder
os.environ["TENSORCELL_HISTORY"] = str(Path(_folder) / "history.sqlite")
os.environ["JUPYTER_RUNTIME_DIR"] = str(Path(_folder) / "runtime")
# The paths above have to be set before jupyter_core reads them.
from jupyter_client.blocking import BlockingKernelClient  # noqa: E402
from jupyter_client.manager import KernelManager  # noqa: E402


def remove_folder() -> None:
    shutil.rmtree(_folder, ignore_errors=True)


@dataclass
class Run:
    """One request: its reply, and what iopub said under its parent."""

    id: str
    reply: dict[str, Any]
    messages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def content(self) -> dict[str, Any]:
        return self.reply["content"]

    @property
    def states(self) -> list[str]:
        return [m["content"]["execution_state"] for m in self.messages if m["msg_type"] == "status"]

    def of(self, msg_type: str) -> list[dict[str, Any]]:
        return [m["content"] for m in self.messages if m["msg_type"] == msg_type]

    def text(self, name: str = "stdout") -> str:
        return "".join(c["text"] for c in self.of("stream") if c["name"] == name)

    @property
    def result(self) -> str | None:
        results = self.of("execute_result")
        return results[0]["data"]["text/plain"] if results else None


class Kernel:
    """Kernel and client together; messages that no request caused are kept in `stray`."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager = manager
        self.client = client
        self.stray: list[dict[str, Any]] = []

    @property
    def pid(self) -> int:
        return self.manager.provisioner.process.pid  # type: ignore[union-attr]

    def iopub(self, parent: str, timeout: float = DEADLINE) -> dict[str, Any]:
        """The next iopub message with this parent."""
        for at, message in enumerate(self.stray):
            if message["parent_header"].get("msg_id") == parent:
                return self.stray.pop(at)
        end = time.monotonic() + timeout
        while True:
            message = self.client.get_iopub_msg(timeout=max(0.01, end - time.monotonic()))
            if message["parent_header"].get("msg_id") == parent:
                return message
            self.stray.append(message)

    def until_idle(self, parent: str, timeout: float = DEADLINE) -> list[dict[str, Any]]:
        messages = []
        while True:
            messages.append(self.iopub(parent, timeout))
            if messages[-1]["content"].get("execution_state") == "idle":
                return messages

    def reply(self, parent: str, channel: str = "shell", timeout: float = DEADLINE) -> dict[str, Any]:
        get = getattr(self.client, f"get_{channel}_msg")
        while True:
            message = get(timeout=timeout)
            if message["parent_header"].get("msg_id") == parent:
                return message
            self.kept.append(message)

    kept: list[dict[str, Any]]

    def send(self, channel: str, msg_type: str, content: dict[str, Any], header: dict[str, Any] | None = None) -> str:
        message = self.client.session.msg(msg_type, content)
        if header:
            message["header"].update(header)
        getattr(self.client, f"{channel}_channel").send(message)
        return message["header"]["msg_id"]

    def request(
        self,
        channel: str,
        msg_type: str,
        content: dict[str, Any],
        header: dict[str, Any] | None = None,
        timeout: float = DEADLINE,
    ) -> Run:
        return self.finish(self.send(channel, msg_type, content, header), channel, timeout)

    def finish(self, msg_id: str, channel: str = "shell", timeout: float = DEADLINE) -> Run:
        self.kept = []
        return Run(msg_id, self.reply(msg_id, channel, timeout), self.until_idle(msg_id, timeout))

    def execute(self, code: str, timeout: float = DEADLINE, **options: Any) -> Run:
        options.setdefault("allow_stdin", True)
        return self.finish(self.client.execute(code, **options), "shell", timeout)

    def wait_for_output(self, msg_id: str, timeout: float = DEADLINE) -> dict[str, Any]:
        """The first message of a running cell that is not a status or its input."""
        while True:
            message = self.iopub(msg_id, timeout)
            if message["msg_type"] not in ("status", "execute_input"):
                return message


@contextmanager
def kernel(**manager_options: Any) -> Iterator[Kernel]:
    env = manager_options.pop("env", {})
    manager = KernelManager(kernel_name="tensorcell", **manager_options)
    manager.start_kernel(env={**os.environ, **env}, stderr=subprocess.DEVNULL)
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        if manager.is_alive():
            manager.shutdown_kernel()


def descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found: list[int] = []
    todo = [pid]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone_within(pids: list[int], seconds: float) -> list[int]:
    """Those that are still there after the time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not any(alive(pid) for pid in pids):
            return []
        time.sleep(0.02)
    return [pid for pid in pids if alive(pid)]


Empty = queue.Empty
