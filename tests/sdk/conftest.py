import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from wheel_package import install

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    """The folder of the installed wheel (PARALLELRUN_WHEEL, else that of build/bin), first on sys.path."""
    return install(tmp_path_factory.mktemp("package"))


@pytest.fixture
def parallelrun(package, monkeypatch):
    monkeypatch.syspath_prepend(str(package))
    import parallelrun

    assert parallelrun.__file__.startswith(str(package))
    return parallelrun


@pytest.fixture
def folder(tmp_path):
    """Ten files with a number each, and a table of them."""
    (tmp_path / "in").mkdir()
    for number in range(10):
        (tmp_path / "in" / f"{number}.txt").write_text(str(number))
    (tmp_path / "table.csv").write_text("code,value\n" + "".join(f"00{n},{n}.5\n" for n in range(10)))
    return tmp_path


@pytest.fixture
def python(package, folder):
    """python(text) -> the end of a Python that runs the text as a program of its own, in the folder."""

    def run(text, check=True):
        file = folder / "program.py"
        file.write_text(textwrap.dedent(text))
        done = subprocess.run(
            [sys.executable, file],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(package)},
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    return run
