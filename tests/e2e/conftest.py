"""Fixtures: the cluster, the images, the chart, and for each test a namespace with a volume.

KUBECONFIG names any cluster. PARALLELRUN_E2E_IMAGES=PREFIX:TAG then says where its nodes pull PREFIX/operator:TAG, PREFIX/runner:TAG
and PREFIX/examples:TAG (examples/Dockerfile) from, and PARALLELRUN_E2E_STORAGE_CLASS gives ReadWriteMany volumes. Without KUBECONFIG a
kind cluster is brought up, with images from build/bin or, if PARALLELRUN_E2E_IMAGES is set, those of this machine's Docker engine;
PARALLELRUN_E2E_IP_FAMILY=ipv6|dual makes it one of these addresses.
"""

import os
import re
import shutil
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest
from kubernetes import REPOSITORY, Cluster, Space, environment_of_test_cluster

CHART = REPOSITORY / "helm" / "parallelrun"


@dataclass(frozen=True)
class Images:
    operator: str
    runner: str
    examples: str  # FROM the runner, with what the examples import


@pytest.fixture(scope="session")
def any_cluster():
    environment, ours = environment_of_test_cluster()
    return Cluster(environment), ours


@pytest.fixture(scope="session")
def cluster(any_cluster):
    return any_cluster[0]


@pytest.fixture(scope="session")
def images(any_cluster):
    cluster, ours = any_cluster
    prefix, _, tag = os.environ.get("PARALLELRUN_E2E_IMAGES", "").rpartition(":")
    names = [
        f"{prefix or 'parallelrun'}/{part}:{tag or 'e2e'}" for part in ("operator", "runner", "examples")
    ]
    made = Images(*names)
    if ours and not prefix:
        # The runner's image carries the page of `parallelrun ui`, where it can be built.
        if shutil.which("npm"):
            subprocess.run([str(REPOSITORY / "tools" / "ui.sh")], check=True)
        build = Path(os.environ.get("PARALLELRUN_BUILD_DIR", REPOSITORY / "build"))
        tool = [str(REPOSITORY / "tools" / "images.sh"), "--prebuilt", str(build / "bin"), "--tag", "e2e"]
        subprocess.run(tool, check=True, env=cluster.environment)
    if ours:
        build_examples_image(cluster, made)
        load = [str(REPOSITORY / "tests" / "cluster" / "cluster"), "load-image"]
        subprocess.run([*load, *names], check=True, env=cluster.environment)
    return made


def build_examples_image(cluster, made):
    """From wheels that this machine fetches: an image's build may not reach a package index."""
    wheels = REPOSITORY / "build" / "e2e" / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(wheels)),
            *("--only-binary=:all:", "--python-version=3.11", "--implementation=cp"),
            *("-r", str(REPOSITORY / "examples" / "digits" / "requirements.txt")),
        ],
        check=True,
    )
    subprocess.run(
        [
            *("docker", "build", "--quiet", "--tag", made.examples, "--build-arg", f"RUNNER={made.runner}"),
            *("--file", str(REPOSITORY / "examples" / "Dockerfile"), str(wheels)),
        ],
        check=True,
        env=cluster.environment,
    )


@dataclass(frozen=True)
class Chart:
    cluster: Cluster
    images: Images

    def upgrade(self, *more):
        def image(key, name):
            repository, _, tag = name.rpartition(":")
            return ["--set", f"{key}.repository={repository}", "--set-string", f"{key}.tag={tag}"]

        self.cluster.helm(
            *(
                "upgrade",
                "--install",
                "parallelrun",
                str(CHART),
                "--namespace",
                "parallelrun",
                "--create-namespace",
            ),
            *image("operator.image", self.images.operator),
            *image("runner.image", self.images.runner),
            *("--wait", "--timeout", "300s", *more),
        )


@pytest.fixture(scope="session")
def chart(cluster, images):
    chart = Chart(cluster, images)
    chart.upgrade()
    return chart


def shared_folder_volumes(cluster):
    """A folder that all nodes of the kind cluster have, as a static ReadWriteMany volume."""
    return lambda namespace: shared_folder_volume(cluster, namespace, "data", namespace)


def shared_folder_volume(cluster, namespace, claim, name):
    """The volume of the name and its claim; the folder on this machine has the volume's name."""
    folder = Path(cluster.environment["PARALLELRUN_CLUSTER_SHARED"]) / name
    folder.mkdir()
    folder.chmod(0o777)
    on_node = f"{cluster.environment['PARALLELRUN_CLUSTER_SHARED_ON_NODE']}/{name}"
    shape = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            **shape,
            "capacity": {"storage": "1Gi"},
            "hostPath": {"path": on_node, "type": "Directory"},
            "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {"namespace": namespace, "name": claim},
        },
    }
    return [
        volume,
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": claim, "namespace": namespace},
            "spec": {**shape, "volumeName": name, "resources": {"requests": {"storage": "1Gi"}}},
        },
    ]


def claimed_volumes(namespace):
    return [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data", "namespace": namespace},
            "spec": {
                "accessModes": ["ReadWriteMany"],
                "storageClassName": os.environ["PARALLELRUN_E2E_STORAGE_CLASS"],
                "resources": {"requests": {"storage": "1Gi"}},
            },
        }
    ]


SCRIPT = (Path(__file__).parent / "work.py").read_text()


@pytest.fixture
def space(request, any_cluster, images, chart):
    cluster, ours = any_cluster
    word = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())[:40].strip("-")
    volumes = shared_folder_volumes(cluster) if ours else claimed_volumes
    space = Space(cluster, f"{word}-{uuid.uuid4().hex[:6]}", volumes, images)
    space.code("code", {"work.py": SCRIPT})
    space.make_files("input", 60)
    yield space
    if not request.config.getoption("--keep"):
        space.remove()


def pytest_addoption(parser):
    parser.addoption("--keep", action="store_true", help="leave the namespaces of the tests")


EXPECTED = [f"{i:05}.txt" for i in range(60)]


@pytest.fixture
def expected():
    return EXPECTED
