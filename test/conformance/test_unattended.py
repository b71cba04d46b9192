"""Notebooks executed by programs: nbclient, nbconvert and papermill lose nothing that a cell leaves behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

LATE = {
    "timer": "setTimeout(() => console.log('late'), 300)",
    "promise": "void new Promise((done) => setTimeout(done, 300)).then(() => console.log('late'));",
    "listener": "const events = new EventTarget(); events.addEventListener('x', () => console.log('late'));\n"
    "setTimeout(() => events.dispatchEvent(new Event('x')), 300);",
}

FAILING = {
    "rejection": "void Promise.reject(new Error('lost'));",
    "timer": "setTimeout(() => { throw new Error('lost'); }, 200);",
    "late rejection": "void (async () => { await new Promise((done) => setTimeout(done, 200)); throw new Error('lost'); })();",
}


def notebook(*cells: str) -> nbformat.NotebookNode:
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    made.metadata["kernelspec"] = {"name": "tensorcell", "display_name": "TypeScript", "language": "typescript"}
    return made


def printed(cell: nbformat.NotebookNode) -> str:
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def test_late_output_is_in_its_cell():
    made = notebook(*(f"{{\n{code}\n}}" for code in LATE.values()))
    NotebookClient(made, timeout=60).execute()
    assert [printed(cell) for cell in made.cells] == ["late\n"] * len(LATE)


@pytest.mark.parametrize("code", FAILING.values(), ids=FAILING.keys())
def test_unhandled_error_fails_the_run(code: str):
    with pytest.raises(CellExecutionError, match="(?s)lost.*in cell 2"):
        NotebookClient(notebook("1", code, "2"), timeout=60).execute()


def test_type_errors_are_in_the_executed_notebook():
    made = notebook("const text: string = 5;")
    NotebookClient(made, timeout=60).execute()
    assert "is not assignable to type 'string'" in printed(made.cells[0])


def test_nbconvert_ends_with_an_error(tmp_path: Path):
    path = tmp_path / "floating.ipynb"
    nbformat.write(notebook(FAILING["late rejection"]), path)
    done = subprocess.run(
        [sys.executable, "-m", "jupyter", "nbconvert", "--execute", "--to", "notebook", "--stdout", str(path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "in cell 1: no code awaits or catches it" in done.stderr
