"""Datastores of a namespace: a volume, or a container of a store, with a name that the whole namespace has."""

from typing import Any, Dict, Mapping, Optional

from parallelrun._workspace.cluster_names import object_name
from parallelrun._workspace.cluster_secret import keep_secret
from parallelrun._workspace.datastore import Datastore
from parallelrun._workspace.far_datastore import FarDatastore, in_words, is_volume
from parallelrun._workspace.names import unknown


class ClusterDatastore(FarDatastore):
    """Data lies where pods of the namespace reach it, and this machine mostly does not: nothing is copied from here."""

    def __init__(self, workspace: Any, name: Optional[str] = None) -> None:
        known = known_places(workspace)
        name = name or known["default"]
        if name is None or name not in known["places"]:
            problem = (
                unknown("datastore", name, known["places"])
                if name
                else f"{workspace.cluster} has no datastore yet"
            )
            raise ValueError(problem + "; Datastore.register_claim(ws, name, claim, folder) makes one")
        self.workspace = workspace
        self.name = name
        self.place: Dict[str, Any] = known["places"][name]

    def _where(self) -> str:
        return str(self.workspace.cluster)

    def _tools(self) -> str:
        return "kubectl cp, by a pod that mounts it," if is_volume(self.place) else super()._tools()

    def __repr__(self) -> str:
        return f"<Datastore {self.name}: {in_words(self.place)}>"


def known_places(workspace: Any) -> Dict[str, Any]:
    """`default`: a name, or None; `places`: sources by name."""
    known: Dict[str, Any] = workspace.papers.read("datastores") or {"default": None, "places": {}}
    return known


def register(workspace: Any, name: str, place: Dict[str, Any]) -> Datastore:
    """The first one is the default until set_default_datastore() says another."""
    if workspace.cluster is None:
        raise ValueError(
            f"the datastore '{name}' is {in_words(place)}, but the workspace is the folder {workspace.folder}, where a datastore is a folder or a "
            "store: Datastore.register_folder(ws, name, folder) or Datastore.register_source(ws, name, source)"
        )
    if "local" in place or "dataset" in place:
        raise ValueError(
            f"the datastore '{name}' is {place}, but must be a volume or a store of the namespace"
        )

    def add(known: Optional[Dict[str, Any]]) -> Dict[str, Any]:
        known = known or {"default": None, "places": {}}
        known["places"][name] = place
        return {**known, "default": known["default"] or name}

    workspace.papers.change("datastores", add)
    return Datastore(workspace, name)


def register_container(
    workspace: Any,
    name: str,
    container: str,
    account: str,
    keys: Mapping[str, Optional[str]],
    secret_name: Optional[str],
    endpoint: Optional[str] = None,
) -> Datastore:
    """A container of Azure. What opens it is in a Secret of the namespace, and nowhere else."""
    given = {key: value for key, value in keys.items() if value}
    if not given and not secret_name and workspace.auth is not None:
        given = workspace.auth.keys()
    if not secret_name and given:
        secret_name = keep_secret(workspace.cluster, f"parallelrun-datastore-{object_name(name)}", given)
    blob: Dict[str, Any] = {"account": account, "container": container}
    if endpoint:
        blob["endpoint"] = endpoint
    if secret_name:
        blob["credentials"] = {"secretName": secret_name}
    return register(workspace, name, {"azureBlob": blob})
