"""The tools that run notebooks without a person: nbclient, papermill, nbconvert."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from kernel_under_test import ROOT
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook

ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT / "python"), os.environ.get("PYTHONPATH")])),
}


def notebook(*sources: str, **tags: list[str]):
    cells = [new_code_cell(source) for source in sources]
    spec = {"name": "tensorcell", "display_name": "TypeScript (Tensorcell)", "language": "typescript"}
    return new_notebook(cells=cells, metadata={"kernelspec": spec})


def stdout(cell) -> str:
    return "".join(o.text for o in cell.outputs if o.output_type == "stream" and o.name == "stdout")


@pytest.mark.parametrize("time", range(10))
def test_nbclient_gets_every_one_of_1000_lines_of_a_cell(time: int):
    book = notebook(*(f"for (let i = 0; i < 1000; i++) console.log('{cell}:' + i);" for cell in "abcde"))
    NotebookClient(book, timeout=60, kernel_name="tensorcell").execute()
    for name, cell in zip("abcde", book.cells):
        assert stdout(cell) == "".join(f"{name}:{i}\n" for i in range(1000))
        assert [o.output_type for o in cell.outputs] == ["stream"] * len(cell.outputs)


def test_nbclient_stops_at_an_error():
    book = notebook("const a = 1;", "throw new Error('stop here');", "console.log('never');")
    with pytest.raises(CellExecutionError, match="stop here"):
        NotebookClient(book, timeout=60, kernel_name="tensorcell").execute()
    assert book.cells[2].outputs == []


def test_type_errors_are_in_the_notebook_when_replies_wait_for_them():
    book = notebook("const n: number = 'text';", "console.log(n);")
    env = {**os.environ, "TENSORCELL_HEADLESS": "1"}
    NotebookClient(book, timeout=60, kernel_name="tensorcell").execute(env=env)
    [output] = book.cells[0].outputs
    assert (output.output_type, output.name) == ("stream", "stderr")
    assert "Type 'string' is not assignable to type 'number'" in output.text
    assert stdout(book.cells[1]) == "text\n"


def run(*args: str, cwd: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *args], cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_papermill_passes_parameters(tmp_path: Path):
    book = notebook(
        "let rate = 0.1; let name = 'none'; let sizes: number[] = []; let options: Record<string, unknown> = {}; let flag = false; let nothing: unknown = 1;",
        "console.log(JSON.stringify([rate, name, sizes, options, flag, nothing]));",
    )
    book.cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(book, tmp_path / "in.ipynb")
    (tmp_path / "parameters.yaml").write_text(
        "rate: 0.25\nname: \"Ada \\\"L\\\" ${x} \\n\"\nsizes: [1, 2]\noptions: {a b: null, c: [true]}\nflag: true\nnothing: null\n"
    )
    run("papermill", "in.ipynb", "out.ipynb", "-f", "parameters.yaml", "-k", "tensorcell", cwd=tmp_path)
    done = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    assert done.cells[1].metadata["tags"] == ["injected-parameters"]
    assert stdout(done.cells[2]) == (
        '[0.25,"Ada \\"L\\" ${x} \\n",[1,2],{"a b":null,"c":[true]},true,null]\n'
    )


def test_papermill_fails_when_a_cell_fails(tmp_path: Path):
    nbformat.write(notebook("throw new Error('broken')"), tmp_path / "in.ipynb")
    done = subprocess.run(
        [sys.executable, "-m", "papermill", "in.ipynb", "out.ipynb", "-k", "tensorcell"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode != 0
    assert "broken" in done.stderr


def test_nbconvert_executes_and_writes_html_and_a_script(tmp_path: Path):
    nbformat.write(notebook("const a = 40;\nconsole.log('seen');\na + 2"), tmp_path / "in.ipynb")
    run("nbconvert", "--to", "html", "--execute", "in.ipynb", "--output", "out.html", cwd=tmp_path)
    page = (tmp_path / "out.html").read_text()
    assert "seen" in page and ">42\n" in page.replace("<pre>", ">").replace("</pre>", "")
    run("nbconvert", "--to", "notebook", "--execute", "in.ipynb", "--output", "done.ipynb", cwd=tmp_path)
    run("nbconvert", "--to", "script", "done.ipynb", cwd=tmp_path)
    assert "const a = 40;" in (tmp_path / "done.ts").read_text()
