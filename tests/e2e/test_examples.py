"""The two examples as their README tells, on nodes: real data, real models, results that are right."""

import io
import subprocess
import sys
import tarfile

import pytest
import yaml
from kubernetes import REPOSITORY

EXAMPLES = REPOSITORY / "examples"
DEMO = REPOSITORY / "build" / "demo"


@pytest.fixture(scope="session")
def example_python():
    """An environment with what the examples need to make their data."""
    digits = EXAMPLES / "digits"
    subprocess.run(
        [
            str(REPOSITORY / "tools" / "venv.sh"),
            "examples",
            str(digits / "requirements.txt"),
            str(digits / "requirements-no-deps.txt"),
        ],
        check=True,
    )
    return str(REPOSITORY / "build" / "venvs" / "examples" / "bin" / "python")


def archive(folder):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(folder, arcname=".")
    return packed.getvalue()


def run_example(space, name, folders, claim, code):
    for folder in folders:
        space.upload(archive(DEMO / name / folder), folder)
    source = [f"--from-file={EXAMPLES / name / file}" for file in code[1]]
    space.cluster.kubectl("create", "configmap", "-n", space.name, code[0], *source)
    job = yaml.safe_load((EXAMPLES / name / "kubernetes" / "job.yaml").read_text())
    # The volume of the test, and an image with the packages: pods of a test cluster reach no package index.
    text = yaml.safe_dump(job["spec"]).replace(f"claimName: {claim}", "claimName: data")
    spec = yaml.safe_load(text)
    spec["environment"] = {
        "image": space.images.examples,
        "variables": spec["environment"]["variables"],
    }
    space.submit(job["metadata"]["name"], **spec)
    status = space.wait_state(job["metadata"]["name"], "Complete", 300)
    return status, space.read("output/parallel_run_step.txt")


def test_digits(space, example_python, tmp_path):
    subprocess.run([example_python, str(EXAMPLES / "digits" / "prepare.py")], check=True)
    code = ("digits-code", ["digit_identification.py"])
    status, rows = run_example(space, "digits", ["images", "model", "labels"], "digits", code)
    assert status["progress"]["itemsSucceeded"] == 2000 and len(rows.splitlines()) == 2000
    output = tmp_path / "rows.txt"
    output.write_text(rows)
    told = subprocess.run(
        [sys.executable, str(EXAMPLES / "digits" / "accuracy.py"), str(output)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    print(told)
    assert float(told.split()[1].rstrip("%")) > 95, told


def test_tabular(space, example_python):
    requirements = EXAMPLES / "tabular" / "requirements.txt"
    subprocess.run([str(REPOSITORY / "tools" / "venv.sh"), "tabular", str(requirements)], check=True)
    python = str(REPOSITORY / "build" / "venvs" / "tabular" / "bin" / "python")
    subprocess.run([python, str(EXAMPLES / "tabular" / "prepare.py")], check=True)
    status, rows = run_example(
        space, "tabular", ["input", "model"], "biopsies", ("biopsies-code", ["score.py"])
    )
    records = sum(
        len(file.read_text().splitlines()) - 1 for file in (DEMO / "tabular" / "input").glob("*.csv")
    )
    assert status["progress"]["itemsSucceeded"] == records
    assert len(rows.splitlines()) == records
