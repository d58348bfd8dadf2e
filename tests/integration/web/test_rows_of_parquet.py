"""The first rows of Parquet output on the page (docs/ui.md): read by the pyarrow that wrote them."""

import shutil
import subprocess
import sys

import pytest
from job_folder import JobFolder
from waiting import PATIENCE
from web_client import HOSTILE, Page

pytest.importorskip("pyarrow")
pandas = pytest.importorskip("pandas")

SCRIPT = f"""
    import datetime
    import pandas as pd
    def init(): pass
    def run(batch):
        if batch[0].endswith("7.txt"):
            raise ValueError("bad digit")
        n = int(batch[0][-10:-4])
        return pd.DataFrame({{
            "number": [2**60 + n], "share": [0.5], "words": ["{HOSTILE} \\x1b[31m"], "raw": [b"\\x00\\xff"],
            "day": [datetime.date(2026, 1, 31)], "none": [None], "list": [[n, 1]], "a.b": ["dotted"],
            "long": ["x" * 5000],
        }})
"""


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """A folder with a job whose output is Parquet, with one failed item of ten."""
    job = JobFolder(tmp_path_factory.mktemp("tables")).files(10).script(SCRIPT)
    job.name = "tables"
    job.set(miniBatchSize=1, runMaxTry=1, errorThreshold=-1, processCountPerNode=1)
    job.spec["output"] = {**job.spec["output"], "format": "parquet", "order": "input"}
    job.run().expect(0)
    return job


def test_first_rows_and_failed_items(tables, pages):
    with Page(tables.root, pages=pages) as page:
        path = page.of("tables")
        answer = page.get(path + "/rows", limit=3)
        names = ["number", "share", "words", "raw", "day", "none", "list", "a.b", "long"]
        assert answer["columns"] == names and answer["truncated"] and len(answer["rows"]) == 3
        row = dict(zip(names, answer["rows"][1]))
        assert row["number"] == str(2**60 + 1), "all its digits, which a number in a browser would lose"
        assert row["share"] == "0.5" and row["none"] is None and row["a.b"] == "dotted"
        assert row["words"] == f"{HOSTILE} \\x1b[31m" and row["raw"] == "b'\\x00\\xff'"
        assert row["day"] == "2026-01-31" and row["list"] == "[1, 1]"
        assert row["long"] == "x" * 4096 + "..."
        every = page.get(path + "/rows", limit=500)
        assert len(every["rows"]) == 9 and not every["truncated"]
        (failed,) = page.get(path + "/failed")["items"]
        assert "f000007.txt" in failed["item"] and "bad digit" in failed["error"]


def test_much_is_cut(tables, pages, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(tables.out, out)
    wide = pandas.DataFrame({f"c{number}": ["y" * 1000] * 1000 for number in range(600)})
    wide.to_parquet(out / "parallel_run_step.txt")
    with Page(out, pages=pages) as page:
        answer = page.get(page.of("tables") + "/rows", limit=1000)
        assert len(answer["columns"]) == 500 and answer["truncated"]
        assert 2_000_000 < sum(len(cell) for row in answer["rows"] for cell in row) < 3_000_000


def test_what_is_damaged_and_where_there_is_no_pyarrow(tables, pages, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(tables.out, out)
    (out / "parallel_run_step.txt").write_bytes(b"PAR1 and no more")
    with Page(out, pages=pages) as page:
        message = page.send(page.of("tables") + "/rows").refused(500, "Damaged")
        assert "the Parquet file of the output is damaged" in message
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True, timeout=PATIENCE)
    without = {"VIRTUAL_ENV": str(bare), "PYTHONPATH": ""}
    with Page(tables.root, pages=pages, env=without) as page:
        answer = page.get(page.of("tables") + "/rows")
        assert answer["rows"] == [] and str(bare) in answer["note"]
        assert "start `parallelrun ui` where the job's Python is active" in answer["note"]
    # A module of the folder that the page was started in is not taken for pyarrow.
    (tmp_path / "pyarrow.py").write_text("raise SystemExit('not this one')")
    with Page(tables.root, pages=pages, cwd=tmp_path) as page:
        assert page.get(page.of("tables") + "/rows")["columns"]


def test_a_python_that_takes_too_long_is_ended(tables, pages, tmp_path):
    python = tmp_path / "bin" / "python3"
    python.parent.mkdir()
    python.write_text("#!/bin/sh\nsleep 600\n")
    python.chmod(0o755)
    with Page(tables.root, pages=pages, env={"VIRTUAL_ENV": str(tmp_path)}) as page:
        answer = page.get(page.of("tables") + "/rows")
        assert "cannot be read within 15 s" in answer["note"] and "read_parquet" in answer["note"]
