import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from worker_harness import Launcher, WorkerProcess


def _other_python():
    """A python3 that is not the one the tests run with: PARALLELRUN_OTHER_PYTHON, or one on PATH."""
    candidates = [os.environ.get("PARALLELRUN_OTHER_PYTHON")]
    names = ["python3"] + ["python3.%d" % minor for minor in range(14, 7, -1)]
    for folder in os.environ["PATH"].split(os.pathsep):
        candidates += [shutil.which(name, path=folder) for name in names]
    question = (
        "import sys; assert sys.version_info >= (3, 8); print(sys.executable, sys.base_prefix, sep='\\n')"
    )
    for candidate in filter(None, candidates):
        asked = subprocess.run([candidate, "-c", question], capture_output=True, text=True)
        if asked.returncode == 0:
            executable, base = asked.stdout.split("\n")[:2]
            if base != sys.base_prefix:
                return executable
    return None


OTHER_PYTHON = _other_python()
LAUNCHERS = [Launcher("embedded", sys.executable, True), Launcher("python", sys.executable, False)]
if OTHER_PYTHON:
    LAUNCHERS.append(Launcher("other-python", OTHER_PYTHON, False))
WITH_PANDAS = LAUNCHERS[:2]
# Environments with other pandas: PARALLELRUN_PANDAS_PYTHONS, paths of their python3 with : between.
for path in filter(None, os.environ.get("PARALLELRUN_PANDAS_PYTHONS", "").split(os.pathsep)):
    WITH_PANDAS.append(Launcher(Path(path).parents[1].name, path, False))


@pytest.fixture(params=LAUNCHERS, ids=repr)
def launcher(request):
    return request.param


@pytest.fixture(params=WITH_PANDAS, ids=repr)
def tabular_launcher(request):
    """The tests' own environment, which has pandas, with both launchers."""
    return request.param


class Scripts:
    def __init__(self, folder: Path):
        self.folder = folder

    def write(self, text, name="entry.py"):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path


@pytest.fixture
def scripts(tmp_path):
    return Scripts(tmp_path / "code")


@pytest.fixture
def start(scripts):
    """start(launcher, script text, **config) -> WorkerProcess"""
    started = []

    def begin(launcher, text, environment=None, name="entry.py", **config):
        worker = WorkerProcess(launcher, scripts.write(text, name), environment, **config)
        started.append(worker)
        return worker

    yield begin
    for worker in started:
        worker.__exit__()
