"""Registered datasets of a namespace: the resource ParallelRunDataset."""

from typing import Any, Dict, List, Mapping, Optional, Union

from parallelrun._cluster import Cluster, Object
from parallelrun._workspace.cluster_names import object_name, said_name
from parallelrun._workspace.dataset_versions import Stored, as_content, stored_in, version_of
from parallelrun._workspace.far_datastore import in_words
from parallelrun._workspace.names import unknown

# Of an object that is a model: its name. It is no dataset of the workspace.
MODEL = "parallelrun.dev/model"

# The name that the program gave, where the object's is another one.
_GIVEN = "parallelrun.dev/name"


def register(
    cluster: Cluster,
    name: str,
    kind: str,
    parts: List[Dict[str, Any]],
    description: Optional[str],
    tags: Optional[Mapping[str, str]],
    create_new_version: bool,
    level: int,
) -> int:
    """The version that has this content: a new one, or one that is there. ValueError: neither. `level`: the user's line."""
    check_places(cluster, f"the dataset '{name}'", parts)
    metadata = {"annotations": {_GIVEN: name}}
    return add_version(
        cluster,
        said_name("dataset", name, level + 1),
        name,
        kind,
        as_content(parts),
        metadata,
        description,
        tags,
        create_new_version,
    )


def add_version(
    cluster: Cluster,
    object_named: str,
    name: str,
    kind: str,
    content: Dict[str, Any],
    metadata: Dict[str, Any],
    description: Optional[str],
    tags: Optional[Mapping[str, str]],
    create_new_version: bool,
) -> int:
    number = 0

    def changed(there: Optional[Object]) -> Optional[Object]:
        nonlocal number
        if there is not None:
            _check_name(there, object_named, name, metadata)
        spec = {"type": kind, "versions": []} if there is None else there["spec"]
        number, added = version_of(spec, name, kind, content, description, tags, create_new_version)
        if added is None:
            return None
        versions = [*spec["versions"], added]
        if there is None:
            return {"metadata": metadata, "spec": {"type": kind, "versions": versions}}
        return {"spec": {"versions": versions}}

    cluster.change("ParallelRunDataset", object_named, changed)
    return number


def read(cluster: Cluster, name: str, version: Union[int, str] = "latest") -> Stored:
    """ValueError: there is no such dataset or version."""
    there = cluster.get("ParallelRunDataset", object_name(name))
    if there is None or MODEL in _labels(there):
        known = [each["metadata"]["name"] for each in _datasets(cluster)]
        raise ValueError(
            unknown("dataset", name, known) + f" in {cluster} (Dataset.register(ws, name) makes one)"
        )
    return stored_in(there, there["metadata"]["name"], version)


def newest_of_all(cluster: Cluster) -> List[Stored]:
    return [stored_in(each, each["metadata"]["name"], "latest") for each in _datasets(cluster)]


def models(cluster: Cluster) -> Dict[str, Object]:
    """By the names that they were registered under."""
    found = cluster.list("ParallelRunDataset", MODEL)
    return {_annotations(each).get(_GIVEN, each["metadata"]["name"]): each for each in found}


def check_places(cluster: Cluster, what: str, parts: List[Dict[str, Any]]) -> None:
    """ValueError: pods of the namespace do not see it."""
    for part in parts:
        local = part["source"].get("local")
        if local is not None:
            raise ValueError(
                f"{what} lies in {local['path']}, a folder of this machine, where pods of {cluster} do not see it; put it onto a "
                "volume or into a store, and name that: (datastore, path), or parallelrun.claim(name, folder)"
            )
        sql = part["source"].get("sql")
        if sql is not None and "credentials" not in sql:
            raise ValueError(
                f"{what} is a query, and {cluster} does not know of which database; name a datastore: "
                "from_sql_query((Datastore(ws, name), query))"
            )


def check_here(what: str, source: Mapping[str, Any]) -> None:
    """ValueError: it is of a cluster, and a job of this machine cannot have it."""
    if "dataset" in source or "persistentVolumeClaim" in source:
        raise ValueError(
            f"{what} is {in_words(source)} of a cluster, and the workspace is a folder of this machine; open the namespace: "
            "Workspace.from_namespace(...)"
        )


def given_name(name: str) -> Dict[str, Any]:
    """Annotations of an object that stands for this name."""
    return {_GIVEN: name}


def _datasets(cluster: Cluster) -> List[Object]:
    return cluster.list("ParallelRunDataset", f"!{MODEL}")


def _check_name(there: Object, object_named: str, name: str, metadata: Mapping[str, Any]) -> None:
    """Two names of Azure may be one here; they are not mixed. The name of the object itself is always right."""
    same_kind = (MODEL in _labels(there)) == (MODEL in metadata.get("labels", {}))
    before = _annotations(there).get(_GIVEN)
    if same_kind and (before in (None, name) or name == object_named):
        return
    raise ValueError(
        f"'{name}' is the object '{object_named}' in the cluster, and there is one, which was registered as '{before or object_named}'; give it "
        "another name"
    )


def _labels(there: Object) -> Dict[str, str]:
    return there["metadata"].get("labels") or {}


def _annotations(there: Object) -> Dict[str, str]:
    return there["metadata"].get("annotations") or {}
