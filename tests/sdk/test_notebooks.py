"""The notebooks of examples/notebooks, run from top to bottom in a kernel with the wheel."""

import functools
import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))
RUN = """\
import sys
import nbclient, nbformat

notebook = nbformat.read(sys.argv[1], as_version=4)
nbclient.NotebookClient(notebook, timeout=240, kernel_name="python3", resources={"metadata": {"path": sys.argv[2]}}).execute()
nbformat.write(notebook, sys.argv[3])
"""


@pytest.fixture(scope="module")
def kernel():
    """The Python of an environment with a kernel (tools/venv.sh makes it)."""
    requirements = ROOT / "tests" / "sdk" / "notebooks" / "requirements.txt"
    subprocess.run([ROOT / "tools" / "venv.sh", "notebooks", requirements], check=True, cwd=ROOT)
    return ROOT / "build" / "venvs" / "notebooks" / "bin" / "python"


@pytest.fixture(scope="module")
def executed(kernel, package, tmp_path_factory):
    """executed(path) -> the cells of code with their outputs. An error in a cell fails the test."""

    @functools.lru_cache(maxsize=None)
    def run(path):
        tmp_path = tmp_path_factory.mktemp("notebook")
        environment = {
            name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")
        }
        environment.update(PYTHONPATH=str(package), IPYTHONDIR=str(tmp_path / "ipython"))
        done = subprocess.run(
            [kernel, "-c", RUN, path, tmp_path, tmp_path / "executed.ipynb"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=500,
        )
        assert done.returncode == 0, done.stderr
        cells = json.loads((tmp_path / "executed.ipynb").read_text())["cells"]
        return [cell for cell in cells if cell["cell_type"] == "code"]

    return run


def text_of(cell):
    return "".join("".join(output.get("text", "")) for output in cell["outputs"])


def shown(cell, kind):
    return ["".join(output["data"][kind]) for output in cell["outputs"] if kind in output.get("data", {})]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(executed, path):
    assert executed(path)


def test_the_first_job(executed):
    cells = executed(ROOT / "examples" / "notebooks" / "first-job.ipynb")
    by_source = {"".join(cell["source"]).split("\n")[0][:20]: cell for cell in cells}
    job = by_source["job = parallelrun.ru"]
    # One display, redrawn in place: its last state stays.
    (bar, _) = shown(job, "text/plain")
    assert bar == "run: 300 / 300 items"
    (table,) = shown(job, "text/html")
    assert "300 of 300" in table and "12 of 12" in table and "Complete: all 12 mini-batches" in table
    assert text_of(job) == ""  # no lines besides
    assert "300 rows, accuracy 9" in text_of(by_source["results = job.result"])
    assert "<table" in shown(by_source["results = job.result"], "text/html")[0]
    assert "12 mini-batches; same rows: True" in text_of(by_source["again = job.resubmit"])
    broken = by_source['(images / "digit-999']
    assert "UnidentifiedImageError x 1" in text_of(broken)
    assert "digit-999.png" in shown(broken, "text/html")[-1]


def test_notebooks_are_kept_without_outputs():
    for path in NOTEBOOKS:
        for cell in json.loads(path.read_text())["cells"]:
            assert not cell.get("outputs") and not cell.get("execution_count"), f"clear the outputs of {path}"
