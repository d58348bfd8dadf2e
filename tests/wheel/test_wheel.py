"""The wheel in fresh environments of the CPythons of this machine. Other distributions: tests/images."""

import os
import re
import signal
import subprocess
import zipfile
from pathlib import Path

import pytest
from wheel_environments import EMBEDDED, FOUND, ROOT, SUPPORTED, TOO_OLD, words_of

LARGEST = 30_000_000
TEN = sorted(map(str, range(10)))


def version():
    lists = (ROOT / "CMakeLists.txt").read_text()
    return re.search(r"^project\(parallelrun VERSION ([0-9.]+)", lists, re.MULTILINE).group(1)


@pytest.mark.parametrize("python", SUPPORTED, ids=words_of)
def test_installs_and_runs_a_job(environment, job, python):
    fresh = environment(python)
    fresh.run("run", "--quiet", str(job.manifest))
    rows, prefixes = job.rows()
    assert rows == TEN
    # Not the python3 of PATH: that of the environment which the command belongs to.
    assert prefixes == {str(fresh.folder)}
    # The embedded CPython is Debian's; for another one with the same version it would be a wrong one.
    expected = "embedded launcher" if python == os.path.realpath(EMBEDDED) else "second launcher"
    assert expected in job.launcher()


@pytest.mark.parametrize("python", SUPPORTED, ids=words_of)
def test_every_module_can_be_imported(environment, python):
    """Without any other package: optional ones are imported where they are used."""
    program = (
        "import importlib, pkgutil, parallelrun\n"
        "names = [m.name for m in pkgutil.walk_packages(parallelrun.__path__, 'parallelrun.')]\n"
        "names = [name for name in names if '_vendor' not in name and not name.endswith('__main__')]\n"
        "print([importlib.import_module(name) for name in names] and len(names))"
    )
    done = subprocess.run([environment(python).python, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0 and int(done.stdout) > 50, done.stderr


def test_type_checkers_use_its_types(wheel):
    """PEP 561: without the marker they take everything for Any."""
    with zipfile.ZipFile(wheel) as content:
        assert "parallelrun/py.typed" in content.namelist()


@pytest.mark.skipif(not TOO_OLD, reason="this machine has no CPython that is too old")
def test_a_python_that_is_too_old_is_refused_by_pip(tmp_path, wheel):
    folder = tmp_path / "venv"
    subprocess.run([TOO_OLD[-1], "-m", "venv", folder], check=True)
    done = subprocess.run(
        [folder / "bin" / "python", "-m", "pip", "install", "--no-index", wheel],
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "requires a different Python" in done.stderr and ">=3.9" in done.stderr, FOUND


def test_an_active_environment_comes_before_that_of_the_command(installed, job, tmp_path):
    subprocess.run([EMBEDDED, "-m", "venv", "--without-pip", tmp_path / "active"], check=True)
    installed.run("run", "--quiet", str(job.manifest), VIRTUAL_ENV=str(tmp_path / "active"))
    assert job.rows() == (TEN, {str(tmp_path / "active")})


def test_a_path_with_spaces_and_the_module(environment, job):
    fresh = environment(name="a folder, with 'spaces' é")
    subprocess.run(
        [fresh.python, "-m", "parallelrun", "run", "--quiet", job.manifest],
        check=True,
        env={**os.environ, "VIRTUAL_ENV": ""},
    )
    assert job.rows() == (TEN, {str(fresh.folder)})


def test_pip_uninstall_leaves_nothing(environment, job):
    fresh = environment()
    before = {path.name for path in fresh.site_packages.iterdir()}
    assert "parallelrun" in before
    fresh.run("run", "--quiet", str(job.manifest))
    subprocess.run([fresh.python, "-c", "import parallelrun; parallelrun.__version__"], check=True)
    fresh.pip("uninstall", "--yes", "parallelrun")
    left = [str(path) for path in fresh.folder.rglob("*parallelrun*")]
    assert not left


def test_the_versions_are_those_of_the_project(installed):
    assert installed.run("--version").stdout == f"parallelrun {version()}\n"
    say = "import parallelrun; print(parallelrun.__version__)"
    said = subprocess.run([installed.python, "-c", say], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == version()


def test_what_python_ignores_the_program_does_not(installed, job):
    """Python ignores SIGPIPE and SIGXFSZ. The program that takes its place must not inherit that."""
    (job.folder / "entry.py").write_text(
        "import os\n\ndef init():\n    pass\n\n"
        "def of(pid, field):\n    lines = open('/proc/%s/status' % pid).read().splitlines()\n"
        "    return [line.split()[1] for line in lines if line.startswith(field)][0]\n\n"
        "def run(mini_batch):\n"
        "    launcher = of(os.getppid(), 'PPid')\n"
        "    return [of(launcher, 'Name') + ' ' + of(launcher, 'SigIgn')] * len(mini_batch)\n"
    )
    installed.run("run", "--quiet", str(job.manifest))
    (row,) = set((job.folder / "out" / "parallel_run_step.txt").read_text().splitlines())
    name, mask = row.split()
    # Not the loader's name, by which nobody would find it.
    assert name == "parallelrun"
    assert not int(mask, 16) & 1 << signal.SIGXFSZ - 1


def test_a_program_that_cannot_run_is_named(environment):
    fresh = environment()
    program = fresh.site_packages / "parallelrun" / "_bundle" / "bin" / "parallelrun"
    program.chmod(0o644)
    done = fresh.run("--version", check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"parallelrun: '{program}' cannot be run: Permission denied; ")
    program.chmod(0o755)
    loader = next((fresh.site_packages / "parallelrun" / "_bundle" / "lib").glob("ld-linux*"))
    loader.unlink()
    done = fresh.run("--version", check=False)
    assert done.returncode == 127
    assert (
        done.stderr == f"parallelrun: '{loader}' cannot be run: No such file or directory; install it again\n"
    )


def test_installing_the_programs_elsewhere(installed, job, tmp_path):
    """`parallelrun install`, as an init container calls it, copies what runs from anywhere."""
    installed.run("install", str(tmp_path / "copied"))
    program = tmp_path / "copied" / "bin" / "parallelrun"
    subprocess.run(
        [program, "run", "--quiet", job.manifest],
        check=True,
        env={**os.environ, "VIRTUAL_ENV": str(installed.folder)},
    )
    assert job.rows() == (TEN, {str(installed.folder)})


def test_what_is_in_the_wheel(wheel):
    assert wheel.stat().st_size < LARGEST
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        modes = {entry.filename: entry.external_attr >> 16 & 0o777 for entry in archive.infolist()}
        metadata = archive.read(f"parallelrun-{version()}.dist-info/METADATA").decode()
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]
    assert all(mode & 0o444 == 0o444 for mode in modes.values())
    programs = [name for name in names if "/_bundle/bin/parallelrun" in name]
    assert len(programs) == 3 and all(modes[name] == 0o755 for name in programs)
    # The terms of what is given on: ours, and those of each library.
    assert "License-Expression: Apache-2.0" in metadata
    libraries = [Path(name).name for name in names if "/_bundle/lib/lib" in name]
    terms = [Path(name).name for name in names if "/licenses/licenses/" in name]
    assert len(libraries) > 10 and {"libc6.txt", "libssl3.txt", "libstdc++6.txt"} <= set(terms)
    vendored = {name.split("/")[2] for name in names if name.startswith("parallelrun/_vendor/")}
    assert vendored == {"__init__.py", "cloudpickle", "yaml"} and {"cloudpickle.txt", "pyyaml.txt"} <= set(
        terms
    )
    # The compiled parser would bind the wheel to one CPython.
    assert not [
        name for name in names if name.startswith("parallelrun/_vendor/") and not name.endswith(".py")
    ]


def test_digits(installed, tmp_path):
    """The first job of the README, by a command that pip installed, with packages beside it."""
    digits = ROOT / "examples" / "digits"
    lists = [str(digits / name) for name in ("requirements.txt", "requirements-no-deps.txt")]
    subprocess.run([ROOT / "tools" / "venv.sh", "examples", *lists], check=True, cwd=ROOT)
    (packages,) = (ROOT / "build" / "venvs" / "examples").glob("lib/python3*/site-packages")
    python = ROOT / "build" / "venvs" / "examples" / "bin" / "python"
    if not (ROOT / "build" / "demo" / "digits" / "model" / "digits.joblib").is_file():
        subprocess.run([python, digits / "prepare.py"], check=True)
    (installed.site_packages / "examples.pth").write_text(f"{packages}\n")
    output = tmp_path / "output"
    installed.run("run", "--quiet", str(digits / "job.yaml"), "--output", str(output))
    rows = output / "parallel_run_step.txt"
    assert len(rows.read_text().splitlines()) == 2000
    said = subprocess.run([python, digits / "accuracy.py", rows], capture_output=True, text=True, check=True)
    assert float(re.search(r"([0-9.]+) ?%", said.stdout).group(1)) > 90, said.stdout
