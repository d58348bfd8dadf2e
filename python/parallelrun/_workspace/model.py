"""Models: files or folders that a workspace keeps, with numbered versions. A namespace keeps only where they lie."""

import json
import os
import re
import shutil
from typing import Any, Dict, List, Mapping, Optional

from parallelrun._inputs import PathLike
from parallelrun._workspace import cluster_models
from parallelrun._workspace.names import unknown
from parallelrun._workspace.written import locked, write_whole

# A model becomes a side input of that name.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,62}")


class Model:
    """A registered model. A step gives it to a script that calls `Model.get_model_path("its name")`."""

    def __init__(
        self, workspace: Any, name: Optional[str] = None, version: Optional[int] = None, **_: Any
    ) -> None:
        if name is None:
            raise ValueError("Model(workspace, name): the name is missing")
        if workspace.cluster is not None:
            self._of_cluster(cluster_models.read(workspace.cluster, name, version), workspace)
            return
        folder = _folder(workspace, name)
        known = _versions(folder)
        if not known:
            raise ValueError(unknown("model", name, _names(workspace)) + " (Model.register(...) makes one)")
        self.workspace = workspace
        self.name = name
        self.version = version or known[-1]
        if self.version not in known:
            raise ValueError(
                f"the model '{name}' has no version {version}; it has: {', '.join(map(str, known))}"
            )
        with open(os.path.join(folder, str(self.version), "model.json"), encoding="utf-8") as file:
            said: Dict[str, Any] = json.load(file)
        self.description: Optional[str] = said.get("description")
        self.tags: Dict[str, str] = said.get("tags") or {}
        self.path = os.path.join(folder, str(self.version), "content", said["entry"])
        self.source: Dict[str, Any] = {"local": {"path": self.path}}

    def _of_cluster(self, found: "cluster_models.Stored", workspace: Any) -> None:
        self.workspace = workspace
        self.name, self.version = found.name, found.version
        self.description, self.tags = found.description, found.tags
        self.path = ""  # none on this machine
        self.source = found.source

    @staticmethod
    def register(
        workspace: Any,
        model_path: Any,
        model_name: str,
        tags: Optional[Mapping[str, str]] = None,
        properties: Optional[Mapping[str, str]] = None,
        description: Optional[str] = None,
        **_: Any,
    ) -> "Model":
        """Copies a file or a folder into the workspace, as the next version of that name. In a namespace it lies on a volume or
        in a store already, and nothing is copied: `model_path=(datastore, "models/mnist")`."""
        if not _NAME.fullmatch(model_name):
            raise ValueError(
                f"the model's name is '{model_name}', but must begin with a letter or '_' and have at most 63 letters, "
                "digits, '_', '.', '-'"
            )
        if workspace.cluster is not None:
            number = cluster_models.register(workspace.cluster, model_name, model_path, description, tags)
            return Model(workspace, model_name, number)
        path = os.path.abspath(os.path.expanduser(os.fspath(model_path)))
        if not os.path.exists(path):
            raise FileNotFoundError(f"model_path is not there: {path}")
        folder = _folder(workspace, model_name)
        with locked(folder):
            number = (_versions(folder) or [0])[-1] + 1
            target = os.path.join(folder, str(number))
            entry = os.path.basename(path)
            # What a crash left of a version that was never complete.
            shutil.rmtree(target, ignore_errors=True)
            os.makedirs(os.path.join(target, "content"))
            copy = os.path.join(target, "content", entry)
            if os.path.isdir(path):
                shutil.copytree(path, copy)
            else:
                shutil.copyfile(path, copy)
            said = {"entry": entry, "description": description, "tags": dict(tags or {})}
            write_whole(
                os.path.join(target, "model.json"), json.dumps(said) + "\n"
            )  # last: with it, it is whole
        return Model(workspace, model_name, number)

    @staticmethod
    def list(workspace: Any, name: Optional[str] = None, latest: bool = False, **_: Any) -> "List[Model]":
        if workspace.cluster is not None:
            versions = cluster_models.versions(workspace.cluster, name, latest)
            return [Model(workspace, *each) for each in versions]
        found = []
        for each in [name] if name else _names(workspace):
            numbers = _versions(_folder(workspace, each))
            found += [Model(workspace, each, number) for number in (numbers[-1:] if latest else numbers)]
        return found

    @staticmethod
    def get_model_path(
        model_name: str, version: Optional[int] = None, _workspace: Optional[Any] = None
    ) -> str:
        """Where the model lies, a file or a folder. Entry scripts call it without a workspace, and get the side input."""
        if _workspace is None:
            raise ValueError(
                f"Model.get_model_path('{model_name}'): give _workspace=ws; without one it works in entry scripts only, "
                "which import it as 'from azureml.core import Model'"
            )
        model = Model(_workspace, model_name, version)
        if not model.path:
            raise ValueError(_not_here(model))
        return model.path

    def download(self, target_dir: PathLike = ".", exist_ok: bool = False, **_: Any) -> str:
        if not self.path:
            raise NotImplementedError(_not_here(self))
        target = os.path.join(os.fspath(target_dir), os.path.basename(self.path))
        if os.path.exists(target) and not exist_ok:
            raise FileExistsError(f"{target} is there; with exist_ok=True it is replaced")
        if os.path.isdir(self.path):
            shutil.copytree(self.path, target, dirs_exist_ok=True)
        else:
            os.makedirs(os.fspath(target_dir), exist_ok=True)
            shutil.copyfile(self.path, target)
        return target

    def __repr__(self) -> str:
        return f"<Model {self.name}:{self.version}: {self.path or self.workspace.cluster}>"


def _not_here(model: Model) -> str:
    return (
        f"the model '{model.name}' lies in {model.workspace.cluster} and has no path on this machine; a step gives it to a script that "
        "names it"
    )


def _folder(workspace: Any, name: str) -> str:
    return os.path.join(workspace.folder, "models", name)


def _names(workspace: Any) -> List[str]:
    try:
        found = os.listdir(os.path.join(workspace.folder, "models"))
    except FileNotFoundError:
        return []
    return sorted(name for name in found if _versions(_folder(workspace, name)))


def _versions(folder: str) -> List[int]:
    try:
        found = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(
        int(name)
        for name in found
        if name.isdigit() and os.path.isfile(os.path.join(folder, name, "model.json"))
    )
