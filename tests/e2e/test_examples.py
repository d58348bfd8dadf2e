"""The two examples as the READMEs tell, on nodes: real data, real models, results that are right."""

import io
import re
import subprocess
import sys
import tarfile
import time
from pathlib import Path

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


# What the README's section on Kubernetes has the reader do where these tests have done it, or cannot.
NOT_REPEATED = {
    "kind create cluster": "there is a cluster",
    "tests/cluster/cluster up": "there is a cluster",
    "make images": "the fixture `images`",
    "kind load docker-image parallelrun/operator": "the fixture `images`",
    "helm install": "the fixture `chart`",
    "kubectl apply -f examples/digits/kubernetes/job.yaml": "pods of a test cluster reach no package index",
    "kubectl get prj -w": "it does not end by itself",
    "helm uninstall": "other tests need the chart",
    "kubectl delete crd": "other tests need the definition",
    "kubectl delete namespace parallelrun": "other tests need the chart",
}

# What kubectl says of the log of a pod that is not there, or has not started.
NOT_YET = ("No resources found", "is waiting to start")


def commands_of_the_readme():
    text = (REPOSITORY / "README.md").read_text()
    section = text[text.index("\n## On Kubernetes\n") :]
    section = section[: section.index("\n## ", 1)]
    return re.findall(r"^\$ (.*)$", section, re.MULTILINE)


def in_a_shell(command, cluster):
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=REPOSITORY,
        env=cluster.environment,
        capture_output=True,
        text=True,
        timeout=900,
    )


def test_readme_word_by_word(any_cluster, images, chart, example_python):
    cluster, ours = any_cluster
    if not ours:
        pytest.skip("the README's volume is a folder of the cluster that the tests bring up")
    subprocess.run([example_python, str(EXAMPLES / "digits" / "prepare.py")], check=True)
    version = re.search(
        r"^project\(parallelrun VERSION (\S+)", (REPOSITORY / "CMakeLists.txt").read_text(), re.M
    )
    runner = f"parallelrun/runner:{version.group(1)}"
    cluster.run("docker", "tag", images.runner, runner)
    cluster.run("kind", "load", "docker-image", runner)
    said = {}
    skipped = set()
    for command in commands_of_the_readme():
        left_out = [start for start in NOT_REPEATED if command.startswith(start)]
        skipped.update(left_out)
        if not left_out:
            done = in_a_shell(command, cluster)
            # A reader has seen with `get -w` that it runs; and one node may do all of it before the other starts.
            end = time.monotonic() + 120
            while any(words in done.stderr for words in NOT_YET) and time.monotonic() < end:
                time.sleep(2)
                done = in_a_shell(command, cluster)
            said[command] = done.stdout
            print(f"$ {command}\n{done.stdout}{done.stderr}", end="")
            assert done.returncode == 0, f"{command}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
    assert skipped == set(NOT_REPEATED), "the README has no such command"
    (accuracy,) = [text for command, text in said.items() if "accuracy.py" in command]
    assert "of 2000 images" in accuracy and float(accuracy.split()[1].rstrip("%")) > 95
    (story,) = [text for command, text in said.items() if command.startswith("kubectl logs -f")]
    assert "starts work on job default/predict-digits-mnist" in story and "Complete" in story
    for kind in (
        "prj",
        "pods",
        "pvc",
        "configmaps",
        "services",
        "secrets",
        "serviceaccounts",
        "rolebindings",
    ):
        left = [item["metadata"]["name"] for item in cluster.items(kind, "-n", "default")]
        assert not [name for name in left if "digits" in name or "parallelrun" in name], (kind, left)
    assert cluster.get("pv", "digits") is None
    assert not list((Path(cluster.environment["PARALLELRUN_CLUSTER_SHARED"]) / "digits").iterdir())


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
