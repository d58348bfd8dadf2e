"""A workspace: a folder with datastores, datasets, models, environments and runs."""

import json
import os
from typing import Any, Dict, List, Mapping, Optional

from parallelrun._inputs import PathLike
from parallelrun._workspace.accepted import accepted

ROOT_VARIABLE = "PARALLELRUN_WORKSPACES"


def _folder_of(name: str) -> str:
    root = os.environ.get(ROOT_VARIABLE) or os.path.join("~", ".parallelrun", "workspaces")
    return os.path.join(os.path.abspath(os.path.expanduser(root)), name)


class Workspace:
    """A folder. `Workspace(folder="w")` names it; `Workspace(..., workspace_name="w")` is the folder `w` below
    `~/.parallelrun/workspaces`, or below what PARALLELRUN_WORKSPACES names. It is made where it is missing.

    What Azure needs besides (subscription, resource group, authentication) is taken and not used. A namespace of a
    cluster is no workspace yet.
    """

    def __init__(
        self,
        subscription_id: Optional[str] = None,
        resource_group: Optional[str] = None,
        workspace_name: Optional[str] = None,
        auth: Any = None,
        *,
        folder: Optional[PathLike] = None,
        namespace: Optional[str] = None,
        **others: Any,
    ) -> None:
        if namespace is not None:
            raise NotImplementedError(
                f"namespace is '{namespace}', but a workspace is a folder; a job goes to a cluster by "
                "parallelrun.submit(..., backend='kubernetes', namespace=...)"
            )
        if folder is None:
            if not workspace_name or "/" in workspace_name or workspace_name in (".", ".."):
                raise ValueError(
                    f"workspace_name is {workspace_name!r}, but must be the name of a folder; or give folder=PATH"
                )
            folder = _folder_of(workspace_name)
        self.folder = os.path.abspath(os.path.expanduser(os.fspath(folder)))
        self.name = workspace_name or os.path.basename(self.folder)
        self.subscription_id = subscription_id
        self.resource_group = resource_group
        self.location = "local"
        os.makedirs(self.folder, exist_ok=True)
        if others:
            accepted(
                f"Workspace({', '.join(sorted(others))})",
                f"not used; the workspace is the folder {self.folder}",
            )

    @classmethod
    def create(
        cls, name: str, auth: Any = None, *, folder: Optional[PathLike] = None, **_: Any
    ) -> "Workspace":
        """The folder of that name; it is made where it is missing."""
        return cls(workspace_name=name, auth=auth, folder=folder)

    @classmethod
    def get(cls, name: str, auth: Any = None, **_: Any) -> "Workspace":
        return cls(workspace_name=name, auth=auth)

    @classmethod
    def from_config(cls, path: Optional[PathLike] = None, auth: Any = None, **_: Any) -> "Workspace":
        """The workspace of a config.json: here, in `.azureml`, or in a folder above. `folder` in it names the folder,
        else it is that of `workspace_name`."""
        found = _config_file(os.path.abspath(os.path.expanduser(os.fspath(path or os.curdir))))
        with open(found, encoding="utf-8") as file:
            said: Dict[str, Any] = json.load(file)
        folder = said.get("folder")
        if folder is not None:
            folder = os.path.join(os.path.dirname(found), os.path.expanduser(folder))
        return cls(
            said.get("subscription_id"),
            said.get("resource_group"),
            said.get("workspace_name"),
            auth,
            folder=folder,
        )

    def write_config(self, path: Optional[PathLike] = None, file_name: str = "config.json") -> None:
        """Writes `.azureml/config.json`, which from_config() finds."""
        target = os.path.join(os.path.abspath(os.fspath(path or os.curdir)), ".azureml")
        os.makedirs(target, exist_ok=True)
        said = {
            "subscription_id": self.subscription_id,
            "resource_group": self.resource_group,
            "workspace_name": self.name,
            "folder": self.folder,
        }
        with open(os.path.join(target, file_name), "w", encoding="utf-8") as file:
            json.dump(said, file, indent=2)

    # --- what is in it ---

    @property
    def datastores(self) -> Mapping[str, Any]:
        from parallelrun._workspace.datastore import Datastore

        return {name: Datastore(self, name) for name in Datastore.names(self)}

    def get_default_datastore(self) -> Any:
        from parallelrun._workspace.datastore import Datastore

        return Datastore(self)

    def set_default_datastore(self, name: str) -> None:
        from parallelrun._workspace.datastore import Datastore

        Datastore.make_default(self, name)

    @property
    def datasets(self) -> Mapping[str, Any]:
        from parallelrun._workspace.dataset import Dataset

        return Dataset.get_all(self)

    @property
    def models(self) -> Mapping[str, Any]:
        from parallelrun._workspace.model import Model

        return {model.name: model for model in Model.list(self, latest=True)}

    @property
    def environments(self) -> Mapping[str, Any]:
        from parallelrun._workspace.environment import Environment

        return Environment.list(self)

    @property
    def compute_targets(self) -> Mapping[str, Any]:
        """Empty: a program that asks whether its compute target is there then makes it, which is this machine."""
        return {}

    def __repr__(self) -> str:
        return f"<Workspace {self.name}: {self.folder}>"


def _config_file(start: str) -> str:
    if os.path.isfile(start):
        return start
    at = start
    while True:
        tried: List[str] = [os.path.join(at, ".azureml", "config.json"), os.path.join(at, "config.json")]
        for each in tried:
            if os.path.isfile(each):
                return each
        if os.path.dirname(at) == at:
            raise FileNotFoundError(
                f"there is no config.json or .azureml/config.json in {start} or above; write one with "
                "Workspace(folder=...).write_config()"
            )
        at = os.path.dirname(at)
