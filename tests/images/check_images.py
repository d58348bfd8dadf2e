"""What is in the images, and what is not."""

import json
import re
import subprocess

import pytest
from containers import REPOSITORY

# Generous: they say when something large has slipped in. Figures of a build are in docs/install.md.
LARGEST = {"operator": 130e6, "runner": 665e6}


@pytest.fixture(params=["operator", "runner"])
def name(request):
    return request.param


def check_user_and_labels(docker, images, name):
    config = docker.inspect(getattr(images, name))["Config"]
    assert config["User"] == "65532:65532"
    labels = {key.removeprefix("org.opencontainers.image."): value for key, value in config["Labels"].items()}
    version = re.search(
        r"project\(parallelrun VERSION ([0-9.]+)", (REPOSITORY / "CMakeLists.txt").read_text()
    )
    assert labels["version"] == version.group(1)
    assert labels["title"] == f"parallelrun/{name}"
    assert labels["description"] and labels["revision"]


def check_size(docker, images, name):
    assert docker.inspect(getattr(images, name))["Size"] < LARGEST[name]


def check_nothing_of_the_build_is_left(docker, images, name):
    found = docker.run(
        getattr(images, name),
        *(
            "sh",
            "-c",
            "ls /var/lib/apt/lists; ls -d /src /build /setup /wheels /etc/apt/apt.conf.d/*mirror; true",
        ),
        options=("--entrypoint", ""),
    )
    assert found.stdout.strip() in ("", "lock\npartial", "partial"), found.stdout
    tools = docker.run(
        getattr(images, name),
        *(
            "sh",
            "-c",
            "for t in gcc g++ cc c++ ld cmake ninja make git curl wget; do command -v $t; done; true",
        ),
        options=("--entrypoint", ""),
    )
    assert tools.stdout == ""


def check_no_file_of_ours_can_be_changed_by_the_user(docker, images, name):
    found = docker.run(
        getattr(images, name),
        *(
            "sh",
            "-c",
            "find /opt/parallelrun -writable ! -type l; find / -xdev -perm -4000 -newer /opt/parallelrun 2>&-; true",
        ),
        options=("--entrypoint", ""),
    )
    assert found.stdout == ""


def check_operator_starts_with_a_read_only_root(docker, images):
    restricted = (
        "--read-only",
        "--cap-drop",
        "ALL",
        "--security-opt",
        "no-new-privileges",
        "--tmpfs",
        "/tmp",
    )
    done = docker.run(images.operator, "--version", options=restricted)
    assert re.fullmatch(r"parallelrun-operator [0-9.]+\n", done.stdout)


def check_runner_starts_with_a_read_only_root(docker, images):
    restricted = (
        "--read-only",
        "--cap-drop",
        "ALL",
        "--security-opt",
        "no-new-privileges",
        "--tmpfs",
        "/tmp",
    )
    done = docker.run(images.runner, "/opt/parallelrun/bin/parallelrun", "--version", options=restricted)
    assert re.fullmatch(r"parallelrun [0-9.]+\n", done.stdout)


def check_runner_embeds_its_own_python(docker, images):
    """Without this every job would take the second launcher."""
    own = docker.run(images.runner, "/opt/parallelrun/bin/parallelrun-worker", "--python-info").stdout
    question = "import json, platform, sys; print(json.dumps([platform.python_version(), sys.base_prefix]))"
    python = json.loads(docker.run(images.runner, "python3", "-c", question).stdout)
    assert [json.loads(own)["version"], json.loads(own)["base_prefix"]] == python


def check_runner_has_the_pinned_packages(docker, images):
    pinned = re.findall(
        r"^([a-z-]+)==([^ ]+)", (REPOSITORY / "docker" / "requirements.txt").read_text(), re.M
    )
    lines = docker.run(images.runner, "pip", "list", "--format=freeze").stdout.lower().splitlines()
    assert pinned and {f"{package}=={version}" for package, version in pinned} <= set(lines)
    docker.run(images.runner, "python3", "-c", "import numpy, pandas, pyarrow, pyarrow.csv")


def check_requirements_are_those_of_the_tests():
    """What the tests run with is what the image has."""
    pinned = dict(
        re.findall(r"^([a-z-]+)==([^ ]+)", (REPOSITORY / "docker" / "requirements.txt").read_text(), re.M)
    )
    tested = dict(
        re.findall(r"^([a-z-]+)==(\S+)", (REPOSITORY / "tests" / "requirements.txt").read_text(), re.M)
    )
    for package in ("pandas", "pyarrow", "numpy"):
        assert pinned[package] == tested[package]


def check_the_bill_of_an_image(docker, images, name, tmp_path):
    """What tools/release.sh puts beside an image names what is copied into it, and the image's own packages."""
    tool = [
        REPOSITORY / "tools" / "components.py",
        "--image",
        getattr(images, name),
        "--sbom",
        tmp_path / "bill",
    ]
    subprocess.run(tool, check=True, env=docker.environment)
    components = json.loads((tmp_path / "bill").read_text())["components"]
    purls = [component["purl"] for component in components if "purl" in component]
    assert len(purls) == len(set(purls))
    packages = {purl.split("@")[0].removeprefix("pkg:") for purl in purls}
    # Of the programs' libraries, of those that are compiled in, and of the base image.
    assert {"deb/debian/libcpprest2.10", "deb/debian/nlohmann-json3-dev", "deb/debian/dpkg"} <= packages
    assert ({"pypi/numpy", "pypi/pandas", "pypi/pyarrow"} <= packages) == (name == "runner")
    files = {component["name"] for component in components if component["type"] == "file"}
    assert "/opt/parallelrun/lib/libssl.so.3" in files
