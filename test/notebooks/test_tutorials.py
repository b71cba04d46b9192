"""Every tutorial, executed from top to bottom by the real kernel, and the figures that it prints read."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))


def text(cell):
    """All plain text that a cell shows."""
    parts = []
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            parts.append(output.text)
        elif output.output_type == "error":
            parts.append("\n".join(output.traceback))
        else:
            parts.append(output.data.get("text/plain", ""))
    return "\n".join(parts)


def number(shown, pattern):
    """The figure that a pattern's only group finds."""
    found = re.search(pattern, shown)
    assert found, f"{pattern!r} is not in what the notebook shows:\n{shown[-3000:]}"
    return float(found[1])


def first_network(shown, notebook):
    assert "images to learn from: [ 60000, 28, 28 ]" in shown
    assert "images to test with:  [ 10000, 28, 28 ]" in shown
    # 97.45 % on average, as in Keras, with a standard deviation of 0.17: one run in 200 is below 97.
    assert number(shown, r"Test accuracy: ([\d.]+) %") >= 96.5
    assert number(shown, r"(\d+) mistakes in 10,000 images") <= 350


def tensors_and_gradients(shown, notebook):
    assert "f(3)  = 9" in shown and "f'(3) = 6" in shown
    assert "x at the lowest point: 0.0001" in shown
    assert abs(number(shown, r"slope (-?[\d.]+), offset") - 2) <= 0.1
    assert abs(number(shown, r"offset (-?[\d.]+)") + 1) <= 0.1


def your_gpu(shown, notebook):
    assert "backend  tensorflow" in shown
    assert "size: 1024" in shown
    assert number(shown, r"cpu: ([\d.]+) ms") > 0
    assert "100 MB for 25 million numbers" in shown
    assert "tensors now: 0 more than before" in shown


def convolutions(shown, notebook):
    fast = os.environ.get("TENSORCELL_FAST") == "1"
    assert "108,618 parameters" in shown
    assert "Weights of sequential" in shown
    assert number(shown, r"Test accuracy: ([\d.]+) %") >= (85 if fast else 99)


def tabular_data(shown, notebook):
    assert "1461 days, from 2012-01-01 to 2015-12-31" in shown
    assert "it rains on 42.6 % of all days" in shown
    assert "tomorrow is like today: 70.3 % right" in shown
    assert number(shown, r"the network: ([\d.]+) % right") >= 68
    assert number(shown, r"ROC curve with an area of ([\d.]+)") >= 0.72
    assert "3,000,000 examples in 93,750 batches of 32" in shown
    assert "20.0 % of 3,000,000 flights were more than a quarter of an hour late" in shown


def sequences(shown, notebook):
    assert "loss of a pure guess: 3.37" in shown
    fast = os.environ.get("TENSORCELL_FAST") == "1"
    assert number(shown, r"Trained \d+ epochs in .* loss ([\d.]+)") <= (3.2 if fast else 1.9)


def images_and_transfer(shown, notebook):
    assert number(shown, r"with the trained base: ([\d.]+) % of the new digits right") >= 60
    assert "both are far better than the 20 % of a guess: true" in shown
    assert "the same after saving and loading: true" in shown


def own_training_loop(shown, notebook):
    assert number(shown, r"before learning: ([\d.]+) % right") <= 30
    assert number(shown, r"after learning: ([\d.]+) % of the test images right") >= 85
    assert "10 more steps left 20 tensors behind" in shown


def from_python(shown, notebook):
    # The losses that Keras 3.15 printed; its run is in the text.
    here = [float(loss) for loss in re.search(r"losses here: +([\d., ]+)", shown)[1].split(", ")]
    there = [float(loss) for loss in re.search(r"losses there: +([\d., ]+)", shown)[1].split(", ")]
    assert there == [4.8689, 0.6875, 0.3747, 0.2931, 0.2459]
    assert max(abs(a - b) for a, b in zip(here, there, strict=True)) <= 2e-3
    assert number(shown, r"greatest difference between the predictions: ([\d.e-]+)") <= 1e-5
    assert "layer memory: hard_sigmoid is another function in Keras 3 than in tfjs" in shown
    assert "2000 and 1 new tensor" in shown


def pytorch_beside_typescript(shown, notebook):
    assert "x: [ 800, 2 ] float32  y: [ 800, 1 ]" in shown
    assert number(shown, r"PyTorch: ([\d.]+) % right") >= 95
    assert "greatest difference: less than 0.00001" in shown
    assert "a point of the first spiral:  { second: false }" in shown
    assert "a point of the second spiral: { second: true }" in shown
    assert number(shown, r"trained in TypeScript, asked in PyTorch: ([\d.]+) % right") >= 95
    assert "5188 bytes: 0.bias, 0.weight, 2.bias, 2.weight, 4.bias, 4.weight" in shown


def from_a_cuda_script(shown, notebook):
    assert "27,210 parameters" in shown
    assert "greatest difference: less than 0.001" in shown
    for who in ("PyTorch", "TypeScript"):
        assert re.search(r"'[\d.]+' *│ *'" + who, shown)


def torch_is_missing():
    """Debian's Python, for which .ci/run installs PyTorch and ipykernel."""
    try:
        return subprocess.run(["/usr/bin/python3", "-c", "import torch, ipykernel"], capture_output=True).returncode != 0
    except OSError:
        return True


def faster(shown, notebook):
    assert number(shown, r"compiled is ([\d.]+) times faster") > 1.2
    assert "compiled, traced 1 time" in shown
    assert "a custom loss: " in shown
    assert shown.count("runs eagerly") == 1
    assert "runs eagerly: the value of a tensor is read" in shown
    assert number(shown, r"accuracy: float32 ([\d.]+) %") >= 85
    assert number(shown, r", mixed ([\d.]+) %") >= 85
    assert number(shown, r"read from files: [\d.]+ ms a step, loss ([\d.]+)") < 1.5
    assert 0 < number(shown, r"ops take (\d+) % of the time") <= 100


# The output that each tutorial has to show, by the start of its name. One that is not listed here fails.
EXPECTED = {
    "01": first_network,
    "02": tensors_and_gradients,
    "03": your_gpu,
    "04": convolutions,
    "05": tabular_data,
    "06": sequences,
    "07": images_and_transfer,
    "08": own_training_loop,
    "09": from_python,
    "10": faster,
    "11": pytorch_beside_typescript,
    "12": from_a_cuda_script,
}


def test_there_are_tutorials():
    assert [path.name[:2] for path in NOTEBOOKS] == sorted(EXPECTED)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_stripped(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_tutorial(path, tmp_path):
    if path.name[:2] in ("11", "12") and torch_is_missing():
        pytest.skip("/usr/bin/python3 has no PyTorch or no ipykernel (Debian: python3-torch, python3-ipykernel)")
    folder = tmp_path / "notebooks"
    shutil.copytree(path.parent, folder, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    # Tutorials find their data in the packages above them.
    (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    notebook = nbformat.read(folder / path.name, as_version=4)
    client = NotebookClient(
        notebook, timeout=900, kernel_name="tensorcell", resources={"metadata": {"path": str(folder)}}
    )
    try:
        client.execute()
    finally:
        saved = ROOT / "test-output" / "notebooks" / path.name
        saved.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, saved)
    errors = [
        output for cell in notebook.cells for output in cell.get("outputs", []) if output.output_type == "error"
    ]
    assert errors == []
    shown = "\n".join(text(cell) for cell in notebook.cells)
    assert "type error" not in shown
    # No tutorial leaks more than it should.
    assert "behind that nothing refers to" not in shown
    EXPECTED[path.name[:2]](shown, notebook)
