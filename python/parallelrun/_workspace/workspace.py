"""A workspace: a folder, or a namespace of a cluster, with datastores, datasets, models, environments and runs."""

import json
import os
from typing import Any, Dict, List, Mapping, Optional, Union

from parallelrun._cluster import Cluster
from parallelrun._inputs import PathLike
from parallelrun._workspace.accepted import accepted
from parallelrun._workspace.authentication import ServicePrincipalAuthentication, say_not_used
from parallelrun._workspace.papers import ConfigMapPapers, FolderPapers

ROOT_VARIABLE = "PARALLELRUN_WORKSPACES"


def _folder_of(name: str) -> str:
    root = os.environ.get(ROOT_VARIABLE) or os.path.join("~", ".parallelrun", "workspaces")
    return os.path.join(os.path.abspath(os.path.expanduser(root)), name)


class Workspace:
    """A folder, or a namespace of a cluster.

    `Workspace(folder="w")` names a folder; `Workspace(..., workspace_name="w")` is the folder `w` below
    `~/.parallelrun/workspaces`, or below what PARALLELRUN_WORKSPACES names. It is made where it is missing.
    `Workspace.from_namespace("team")`, or `namespace="team"` among the words, is a namespace: steps run there as jobs, data
    lies on its volumes or in stores. `context` and `kubeconfig` are as for kubectl.

    What Azure needs besides (subscription, resource group) is taken and not used.
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
        context: Optional[str] = None,
        kubeconfig: Optional[PathLike] = None,
        **others: Any,
    ) -> None:
        self.subscription_id = subscription_id
        self.resource_group = resource_group
        self.cluster: Optional[Cluster] = None
        self.auth: Optional[ServicePrincipalAuthentication] = None
        if namespace is not None:
            self._open_namespace(Cluster(namespace, context, kubeconfig), folder, auth)
        elif context is not None or kubeconfig is not None:
            raise ValueError(
                "context and kubeconfig are for a workspace that is a namespace; name it: namespace=..."
            )
        else:
            self._open_folder(workspace_name, folder)
            say_not_used(auth, 3)
        if others:
            accepted(f"Workspace({', '.join(sorted(others))})", f"not used; the workspace is {self._where}")

    def _open_folder(self, workspace_name: Optional[str], folder: Optional[PathLike]) -> None:
        if folder is None:
            if not workspace_name or "/" in workspace_name or workspace_name in (".", ".."):
                raise ValueError(
                    f"workspace_name is {workspace_name!r}, but must be the name of a folder; or give folder=PATH, or "
                    "namespace=NAME for a cluster"
                )
            folder = _folder_of(workspace_name)
        self.folder = os.path.abspath(os.path.expanduser(os.fspath(folder)))
        self.name = workspace_name or os.path.basename(self.folder)
        self.location = "local"
        os.makedirs(self.folder, exist_ok=True)
        self.papers: Union[FolderPapers, ConfigMapPapers] = FolderPapers(self.folder)

    def _open_namespace(self, cluster: Cluster, folder: Optional[PathLike], auth: Any) -> None:
        if folder is not None:
            raise ValueError(
                f"folder is '{os.fspath(folder)}' and namespace is '{cluster.namespace}', but a workspace is one of them"
            )
        if not cluster.namespace:
            raise ValueError("namespace is empty; name the namespace of the cluster")
        self.cluster = cluster
        self.folder = ""  # there is none
        self.name = cluster.namespace
        self.location = "kubernetes"
        self.auth = auth if isinstance(auth, ServicePrincipalAuthentication) else None
        self.papers = ConfigMapPapers(cluster)

    @classmethod
    def from_namespace(
        cls,
        namespace: str,
        context: Optional[str] = None,
        kubeconfig: Optional[PathLike] = None,
        auth: Any = None,
    ) -> "Workspace":
        """A namespace of the cluster that the kubeconfig names. Nothing is asked of it yet. Not in Azure's SDK."""
        return cls(namespace=namespace, context=context, kubeconfig=kubeconfig, auth=auth)

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
        """The workspace of a config.json: here, in `.azureml`, or in a folder above. `namespace` in it names a namespace, with
        `context` and `kubeconfig` if they are needed; `folder` names the folder, else it is that of `workspace_name`."""
        found = _config_file(os.path.abspath(os.path.expanduser(os.fspath(path or os.curdir))))
        with open(found, encoding="utf-8") as file:
            said: Dict[str, Any] = json.load(file)
        folder = said.get("folder")
        kubeconfig = said.get("kubeconfig")
        if folder is not None:
            folder = os.path.join(os.path.dirname(found), os.path.expanduser(folder))
        if kubeconfig is not None:
            kubeconfig = os.path.join(os.path.dirname(found), os.path.expanduser(kubeconfig))
        return cls(
            said.get("subscription_id"),
            said.get("resource_group"),
            said.get("workspace_name"),
            auth,
            folder=folder,
            namespace=said.get("namespace"),
            context=said.get("context"),
            kubeconfig=kubeconfig,
        )

    def write_config(self, path: Optional[PathLike] = None, file_name: str = "config.json") -> None:
        """Writes `.azureml/config.json`, which from_config() finds."""
        target = os.path.join(os.path.abspath(os.fspath(path or os.curdir)), ".azureml")
        os.makedirs(target, exist_ok=True)
        said = {
            "subscription_id": self.subscription_id,
            "resource_group": self.resource_group,
            "workspace_name": self.name,
        }
        if self.cluster is None:
            said["folder"] = self.folder
        else:
            said["namespace"] = self.cluster.namespace
            for key in ("context", "kubeconfig"):
                if getattr(self.cluster, key) is not None:
                    said[key] = getattr(self.cluster, key)
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
        """Empty: a program that asks whether its compute target is there then makes it, which is this machine or cluster."""
        return {}

    def __repr__(self) -> str:
        return f"<Workspace {self.name}: {self._where}>"

    @property
    def _where(self) -> str:
        return f"the folder {self.folder}" if self.cluster is None else f"the {self.cluster}"


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
