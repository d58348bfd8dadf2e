"""Environments of scripts: packages, an image for clusters, variables."""

import os
import re
from typing import Any, Dict, List, Mapping, Optional, Sequence

from parallelrun._inputs import PathLike
from parallelrun._workspace.accepted import accepted
from parallelrun._workspace.names import unknown

# Images that runconfig names. On one machine no image is used, and in a cluster the runner's stands for these two.
DEFAULT_CPU_IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04"
DEFAULT_GPU_IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-cuda11.1-cudnn8-ubuntu20.04"

_STAND_INS = re.compile(r"azureml[-_.]", re.IGNORECASE)
_CONDA = re.compile(r"(?:[\w.-]+::)?([A-Za-z0-9_.-]+)\s*(=?[^=\s].*)?$")


class CondaDependencies:
    """Packages. Those of conda are installed from PyPI under the same names."""

    def __init__(self, conda_dependencies_file_path: Optional[PathLike] = None) -> None:
        self.pip_packages: List[str] = []
        self.conda_packages: List[str] = []
        self.python_version: Optional[str] = None
        if conda_dependencies_file_path is not None:
            self._read(os.path.expanduser(os.fspath(conda_dependencies_file_path)))

    @staticmethod
    def create(
        pip_indexurl: Optional[str] = None,
        pip_packages: Optional[Sequence[str]] = None,
        conda_packages: Optional[Sequence[str]] = None,
        python_version: Optional[str] = None,
        pin_sdk_version: bool = True,
        **_: Any,
    ) -> "CondaDependencies":
        made = CondaDependencies()
        made.pip_packages = list(pip_packages or [])
        made.conda_packages = list(conda_packages or [])
        made.python_version = python_version
        return made

    def add_pip_package(self, pip_package: str) -> None:
        self.pip_packages.append(pip_package)

    def add_conda_package(self, conda_package: str) -> None:
        self.conda_packages.append(conda_package)

    def set_python_version(self, version: str) -> None:
        self.python_version = version

    def requirements(self) -> List[str]:
        """As pip takes them, without those that the runner stands in for."""
        return [each for each in self._all() if not _STAND_INS.match(each)]

    def stood_in_for(self) -> List[str]:
        """Azure's packages, which are not installed: scripts get Model, Run and EntryScript from the runner."""
        return [each for each in self._all() if _STAND_INS.match(each)]

    def _all(self) -> List[str]:
        return [_from_conda(each) for each in self.conda_packages] + self.pip_packages

    def _read(self, path: str) -> None:
        from parallelrun._vendor import yaml

        with open(path, encoding="utf-8") as file:
            self.take(yaml.safe_load(file), path)

    def take(self, said: Any, name: str) -> None:
        """The content of a conda file, which messages call `name`."""
        if not isinstance(said, dict) or not isinstance(said.get("dependencies"), list):
            raise ValueError(f"{name} is no conda file: it has no list 'dependencies'")
        for each in said["dependencies"]:
            if isinstance(each, dict):
                self.pip_packages += each.get("pip") or []
            elif re.match(r"python\b(?!-)", each):
                self.python_version = each[len("python") :].lstrip("= ") or None
            elif not re.match(r"pip\b(?!-)", each):
                self.conda_packages.append(each)


def _from_conda(package: str) -> str:
    """`numpy=1.21` is numpy==1.21.*, `numpy=1.21=py38` numpy==1.21; what pip writes alike stays."""
    match = _CONDA.match(package.strip())
    if not match:
        return package
    name, version = match.group(1), match.group(2) or ""
    if not version.startswith("="):
        return package.split("::")[-1]
    parts = version[1:].split("=")
    exact = len(parts) > 1 or parts[0].endswith("*")
    return f"{name}=={parts[0]}" if exact else f"{name}=={parts[0]}.*"


class _Python:
    def __init__(self) -> None:
        self.conda_dependencies = CondaDependencies()
        self.user_managed_dependencies = False
        self.interpreter_path: Optional[str] = None


class _Docker:
    def __init__(self) -> None:
        self.enabled = False
        self.base_image: Optional[str] = None
        self.base_dockerfile: Optional[str] = None


class Environment:
    """Packages, which are installed on top of the Python that submits; variables; an image, for clusters only."""

    def __init__(self, name: str, **_: Any) -> None:
        self.name = name
        self.version: Optional[str] = None
        self.python = _Python()
        self.docker = _Docker()
        self.environment_variables: Dict[str, str] = {}

    @staticmethod
    def from_pip_requirements(name: str, file_path: PathLike, pip_version: Any = None) -> "Environment":
        made = Environment(name)
        with open(os.path.expanduser(os.fspath(file_path)), encoding="utf-8") as file:
            lines = [re.sub(r"(^|\s)#.*", "", line).strip() for line in file]
        options = [line for line in lines if line.startswith("-")]
        if options:
            raise ValueError(
                f"{os.fspath(file_path)} has the line '{options[0]}', but only packages can be taken from it; put the file into "
                "source_directory and name it: ParallelRunConfig(requirements_file=...)"
            )
        made.python.conda_dependencies.pip_packages = [line for line in lines if line]
        return made

    @staticmethod
    def from_conda_specification(name: str, file_path: PathLike) -> "Environment":
        made = Environment(name)
        made.python.conda_dependencies = CondaDependencies(file_path)
        return made

    @staticmethod
    def from_docker_image(name: str, image: str, **_: Any) -> "Environment":
        made = Environment(name)
        made.docker.base_image = image
        return made

    def spec(self, in_cluster: bool = False) -> Dict[str, Any]:
        """`environment` of the manifest. `in_cluster`: with the image."""
        found: Dict[str, Any] = {}
        image = self.docker.base_image
        if in_cluster and image and image not in (DEFAULT_CPU_IMAGE, DEFAULT_GPU_IMAGE):
            found["image"] = image
        requirements = (
            [] if self.python.user_managed_dependencies else self.python.conda_dependencies.requirements()
        )
        if requirements:
            found["requirements"] = requirements
        if self.environment_variables:
            found["variables"] = {key: str(value) for key, value in self.environment_variables.items()}
        return found

    def say_what_is_not_used(self, level: int) -> None:
        """Warnings, at the line that gives this environment to a step."""
        of = f"of the environment '{self.name}'"
        here = "not used on one machine, where scripts run in the Python that submits the job"
        python = self.python.conda_dependencies.python_version
        if python:
            accepted(
                f"python_version {python} {of}",
                here + ", nor in a cluster, where the image says it",
                level + 1,
            )
        image = self.docker.base_image or ("base_dockerfile" if self.docker.base_dockerfile else None)
        if image:
            accepted(f"the image {image} {of}", here, level + 1)
        packages = self.python.conda_dependencies.stood_in_for()
        if packages:
            accepted(
                f"{', '.join(packages)} {of}",
                "not installed; scripts get azureml.core.Model, Run and EntryScript from the runner",
                level + 1,
            )

    # --- those that a workspace keeps ---

    def register(self, workspace: Any) -> "Environment":
        """Kept in the workspace, as the only one of that name."""
        dependencies = self.python.conda_dependencies
        said = {
            "image": self.docker.base_image,
            "pip": dependencies.pip_packages,
            "conda": dependencies.conda_packages,
            "python": dependencies.python_version,
            "user_managed": self.python.user_managed_dependencies,
            "variables": self.environment_variables,
        }
        workspace.papers.change(_paper(self.name), lambda _: said)
        return self

    @staticmethod
    def get(workspace: Any, name: str, version: Any = None, **_: Any) -> "Environment":
        said = workspace.papers.read(_paper(name))
        if said is None:
            raise ValueError(
                unknown("environment", name, workspace.papers.names("environments"))
                + "; Azure's curated ones are not here, so make one: Environment(name)"
            )
        made = Environment(name)
        made.docker.base_image = said["image"]
        made.python.user_managed_dependencies = said["user_managed"]
        made.python.conda_dependencies = CondaDependencies.create(
            pip_packages=said["pip"], conda_packages=said["conda"], python_version=said["python"]
        )
        made.environment_variables = said["variables"]
        return made

    @staticmethod
    def list(workspace: Any) -> "Mapping[str, Environment]":
        names = workspace.papers.names("environments")
        return {name: Environment.get(workspace, name) for name in names}

    def __repr__(self) -> str:
        return f"<Environment {self.name}>"


def _paper(name: str) -> str:
    if "/" in name:
        raise ValueError(f"the environment's name is '{name}', but must be without '/'")
    return f"environments/{name}"
