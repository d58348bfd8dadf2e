"""The Pythons of this machine, environments of them with the wheel, and a job of ten files."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EMBEDDED = "/usr/bin/python3"
OLDEST = (3, 9)


def version_of(python):
    """(3, 11, 2), or None where it does not run or is no CPython."""
    question = (
        "import platform, sys; "
        "print(*sys.version_info[:3] if platform.python_implementation() == 'CPython' else ())"
    )
    done = subprocess.run([python, "-I", "-c", question], capture_output=True, text=True)
    return tuple(map(int, done.stdout.split())) or None if done.returncode == 0 else None


def pythons():
    """Every CPython of this machine that is found: Debian's, those of pyenv, and those on PATH or named."""
    named = os.environ.get("PARALLELRUN_WHEEL_PYTHONS", "").split(":")
    installed = sorted((Path.home() / ".pyenv" / "versions").glob("*/bin/python3"))
    on_path = [Path(folder) / f"python3.{n}" for folder in os.get_exec_path() for n in range(8, 20)]
    found = {}
    for python in [EMBEDDED, *filter(None, named), *installed, *on_path]:
        if os.access(python, os.X_OK) and "shims" not in str(python):
            found.setdefault(os.path.realpath(python), version_of(python))
    return {python: version for python, version in found.items() if version}


FOUND = pythons()
SUPPORTED = [python for python, version in FOUND.items() if version >= OLDEST]
# A virtual environment with pip takes four seconds: the fast loop has Debian's, the oldest and the newest.
if not os.environ.get("PARALLELRUN_WHEEL_ALL"):
    SUPPORTED = [
        python
        for python in SUPPORTED
        if python in (SUPPORTED[0], min(SUPPORTED, key=FOUND.get), max(SUPPORTED, key=FOUND.get))
    ]
TOO_OLD = [python for python, version in FOUND.items() if (3,) <= version < OLDEST]


def words_of(python):
    return ".".join(map(str, FOUND[python])) + (" of Debian" if python.startswith("/usr/bin/") else "")


@dataclass(frozen=True)
class Environment:
    """A virtual environment into which the wheel is installed by its own pip."""

    folder: Path

    @property
    def python(self):
        return self.folder / "bin" / "python"

    @property
    def site_packages(self):
        (found,) = self.folder.glob("lib/python3.*/site-packages")
        return found

    def pip(self, *words, check=True):
        options = ("--no-index", "--disable-pip-version-check")
        install = words[0] == "install"
        command = [self.python, "-m", "pip", words[0], *(options if install else options[1:]), *words[1:]]
        done = subprocess.run(command, capture_output=True, text=True)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def run(self, *words, check=True, **variables):
        """The installed command, without the environment being active."""
        clean = {
            name: value
            for name, value in os.environ.items()
            if name not in ("VIRTUAL_ENV", "PYTHONPATH", "PARALLELRUN_LAUNCHER")
        }
        done = subprocess.run(
            [self.folder / "bin" / "parallelrun", *words],
            capture_output=True,
            text=True,
            env={**clean, **variables},
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done


@dataclass(frozen=True)
class Job:
    folder: Path

    @property
    def manifest(self):
        return self.folder / "job.yaml"

    def rows(self):
        """What the script read, and the prefix of the Python that ran it."""
        lines = (self.folder / "out" / "parallel_run_step.txt").read_text().splitlines()
        return sorted(line.split(" ", 1)[0] for line in lines), {line.split(" ", 1)[1] for line in lines}

    def launcher(self):
        (log,) = (self.folder / "out" / "logs").rglob("environment.txt")
        return log.read_text()
