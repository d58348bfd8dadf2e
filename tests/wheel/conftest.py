import os
import subprocess
from pathlib import Path

import pytest
from wheel_environments import EMBEDDED, ROOT, Environment, Job

ENTRY = """\
import sys

def init():
    pass

def run(mini_batch):
    return [open(path).read() + " " + sys.prefix for path in mini_batch]
"""
MANIFEST = """\
apiVersion: parallelrun.dev/v1alpha1
kind: ParallelRunJob
metadata: {name: ten-files}
spec:
  sourceDirectory: {local: {path: .}}
  entryScript: entry.py
  inputs:
  - {name: files, type: file, source: {local: {path: in}}}
  output: {source: {local: {path: out}}}
  miniBatchSize: 2
"""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """PARALLELRUN_WHEEL, else the wheel of the programs of build/bin."""
    if given := os.environ.get("PARALLELRUN_WHEEL"):
        return Path(given)
    subprocess.run([ROOT / "tools" / "wheel.sh"], cwd=ROOT, check=True)
    (built,) = (ROOT / "build" / "wheel").glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(tmp_path_factory, wheel):
    """One with the wheel, for tests that leave it as it is."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([EMBEDDED, "-m", "venv", folder], check=True)
    made = Environment(folder)
    made.pip("install", str(wheel))
    return made


@pytest.fixture
def environment(tmp_path, wheel):
    """environment(python, name) -> a fresh one with the wheel."""

    def make(python=EMBEDDED, name="venv"):
        folder = tmp_path / name
        subprocess.run([python, "-m", "venv", folder], check=True)
        made = Environment(folder)
        made.pip("install", str(wheel))
        return made

    return make


@pytest.fixture
def job(tmp_path):
    folder = tmp_path / "job"
    (folder / "in").mkdir(parents=True)
    for number in range(10):
        (folder / "in" / f"{number}.txt").write_text(str(number))
    (folder / "entry.py").write_text(ENTRY)
    (folder / "job.yaml").write_text(MANIFEST)
    return Job(folder)
