"""Datastores of a namespace: a volume, or a container of a store, with a name that the whole namespace has."""

import os
import re
from typing import Any, Dict, List, Mapping, Optional

from parallelrun._workspace.cluster_names import object_name
from parallelrun._workspace.cluster_secret import keep_secret
from parallelrun._workspace.datastore import Datastore
from parallelrun._workspace.names import unknown

# Sources with a folder in them; others are volumes, and have it beside them as subPath.
_STORES = ("azureBlob", "s3", "gcs")


class ClusterDatastore(Datastore):
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

    def source(self, path: str) -> Dict[str, Any]:
        return source_below(self.place, self.below(path))

    def local_path(self, path: str) -> str:
        raise ValueError(
            f"the datastore '{self.name}' lies in {self.workspace.cluster} and has no path on this machine"
        )

    def upload(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError(self._by_hand("upload", "put the files there"))

    def upload_files(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError(self._by_hand("upload_files", "put the files there"))

    def download(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError(
            self._by_hand("download", "fetch them")
            + "; the rows of a step come with get_output_data(name).download(folder)"
        )

    def _by_hand(self, method: str, deed: str) -> str:
        with_what = (
            "kubectl cp, by a pod that mounts it," if is_volume(self.place) else "the store's own tools"
        )
        return (
            f"{method}(): the datastore '{self.name}' lies in {self.workspace.cluster}, and this program copies nothing from or to it; "
            f"{deed} with {with_what} and name the place: (datastore, path)"
        )

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


def source_below(place: Mapping[str, Any], path: str) -> Dict[str, Any]:
    """A folder or file below a volume or store."""
    path = path.strip("/")
    if not path:
        return dict(place)
    for kind in _STORES:
        if kind in place:
            return {kind: {**place[kind], "prefix": _joined(place[kind].get("prefix", ""), path)}}
    if not is_volume(place):
        raise ValueError(f"{in_words(place)} has no folders, so '{path}' cannot be named in it")
    return {**place, "subPath": _joined(place.get("subPath", ""), path)}


def is_volume(place: Mapping[str, Any]) -> bool:
    """Not a store or a database."""
    return not any(kind in place for kind in (*_STORES, "http", "sql"))


def in_words(place: Mapping[str, Any]) -> str:
    """ "persistentVolumeClaim data/mnist"."""
    kind = next((key for key in place if key != "subPath"), "nothing")
    inside = place.get(kind)
    words: List[str] = []
    if isinstance(inside, Mapping):
        words = [str(inside[key]) for key in ("claimName", "account", "bucket", "container") if key in inside]
        words += [str(inside["prefix"])] if "prefix" in inside else []
    words += [str(place["subPath"])] if "subPath" in place else []
    return f"{kind} {'/'.join(words)}".rstrip()


def looks_like_a_file(path: str) -> bool:
    """Nobody can look whether `mnist/labels.csv` is one: an ending of letters says so, and a '/' at the end that it is none."""
    return bool(re.search(r"[^/]\.[A-Za-z]\w*$", path))


def _joined(folder: str, path: str) -> str:
    return os.path.join(folder, path) if folder else path
