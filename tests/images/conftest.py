import os
import subprocess
from dataclasses import dataclass

import pytest
from containers import REPOSITORY, Docker


@dataclass(frozen=True)
class Images:
    operator: str
    runner: str


@pytest.fixture(scope="session")
def docker():
    docker = Docker()
    yield docker
    docker.remove_what_was_built()


@pytest.fixture(scope="session")
def images(docker):
    if given := os.environ.get("PARALLELRUN_IMAGES"):
        prefix, _, tag = given.rpartition(":")
        return Images(f"{prefix}/operator:{tag}", f"{prefix}/runner:{tag}")
    programs = os.environ.get("PARALLELRUN_PROGRAMS", str(REPOSITORY / "build" / "bin"))
    tool = [REPOSITORY / "tools" / "images.sh", "--prebuilt", programs, "--tag", "test"]
    subprocess.run(tool, check=True, env=docker.environment)
    return Images("parallelrun/operator:test", "parallelrun/runner:test")
