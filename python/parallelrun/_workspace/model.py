"""Models: files or folders that a workspace keeps, with numbered versions."""

import json
import os
import re
import shutil
from typing import Any, Dict, List, Mapping, Optional

from parallelrun._inputs import PathLike
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

    @staticmethod
    def register(
        workspace: Any,
        model_path: PathLike,
        model_name: str,
        tags: Optional[Mapping[str, str]] = None,
        properties: Optional[Mapping[str, str]] = None,
        description: Optional[str] = None,
        **_: Any,
    ) -> "Model":
        """Copies a file or a folder into the workspace, as the next version of that name."""
        path = os.path.abspath(os.path.expanduser(os.fspath(model_path)))
        if not _NAME.fullmatch(model_name):
            raise ValueError(
                f"the model's name is '{model_name}', but must begin with a letter or '_' and have at most 63 letters, "
                "digits, '_', '.', '-'"
            )
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
        found = []
        for each in [name] if name else _names(workspace):
            versions = _versions(_folder(workspace, each))
            found += [Model(workspace, each, version) for version in (versions[-1:] if latest else versions)]
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
        return Model(_workspace, model_name, version).path

    def download(self, target_dir: PathLike = ".", exist_ok: bool = False, **_: Any) -> str:
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
        return f"<Model {self.name}:{self.version}: {self.path}>"


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
