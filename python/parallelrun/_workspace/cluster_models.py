"""Models of a namespace. Each is a ParallelRunDataset with a label, so that versions never change and a job's status says
which one it has; its data lies on a volume or in a store."""

import os
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from parallelrun._claim import Claim
from parallelrun._cluster import Cluster, Object
from parallelrun._workspace import cluster_datasets
from parallelrun._workspace.cluster_datastore import ClusterDatastore
from parallelrun._workspace.cluster_names import object_name
from parallelrun._workspace.dataset_versions import stored_in
from parallelrun._workspace.far_datastore import in_words
from parallelrun._workspace.names import unknown


class Stored(NamedTuple):
    """One version."""

    name: str
    version: int
    description: Optional[str]
    tags: Dict[str, str]
    source: Dict[str, Any]  # as a side input has it


def register(
    cluster: Cluster,
    name: str,
    place: Any,
    description: Optional[str],
    tags: Optional[Mapping[str, str]],
) -> int:
    """The next version, or the one that is there with the same place."""
    metadata = {
        "labels": {cluster_datasets.MODEL: "true"},
        "annotations": cluster_datasets.given_name(name),
    }
    return cluster_datasets.add_version(
        cluster,
        _object(name),
        name,
        "file",
        {"source": _source(cluster, name, place)},
        metadata,
        description,
        tags,
        create_new_version=True,
    )


def read(cluster: Cluster, name: str, version: Optional[int]) -> Stored:
    """ValueError: there is no such model or version."""
    known = cluster_datasets.models(cluster)
    if name not in known:
        raise ValueError(unknown("model", name, known) + f" in {cluster} (Model.register(...) makes one)")
    return _stored(known[name], name, version)


def versions(cluster: Cluster, name: Optional[str], latest: bool) -> List[Tuple[str, int]]:
    found = []
    for each, there in sorted(cluster_datasets.models(cluster).items()):
        if name in (None, each):
            numbers = sorted(int(version["version"]) for version in there["spec"]["versions"])
            found += [(each, number) for number in (numbers[-1:] if latest else numbers)]
    return found


def _stored(there: Object, name: str, version: Optional[int]) -> Stored:
    one = stored_in(there, name, version or "latest")
    (written,) = [each for each in there["spec"]["versions"] if int(each["version"]) == one.version]
    source = {"dataset": {"name": there["metadata"]["name"], "version": one.version}}
    return Stored(name, one.version, one.description, dict(written.get("tags") or {}), source)


def _object(name: str) -> str:
    return f"{object_name(name)}.model"


def _source(cluster: Cluster, name: str, place: Any) -> Dict[str, Any]:
    """A model is one place, a folder or a file."""
    if isinstance(place, Claim):
        return place.source()
    if isinstance(place, ClusterDatastore):
        return place.source("")
    if isinstance(place, tuple) and len(place) == 2 and isinstance(place[0], ClusterDatastore):
        return place[0].source(os.fspath(place[1]))
    shown = in_words(place) if isinstance(place, Mapping) else str(place)
    raise ValueError(
        f"model_path of '{name}' is {shown}, but pods of {cluster} see no folder of this machine; put the model onto a volume or into a "
        "store, and name that: model_path=(datastore, path), or parallelrun.claim(name, folder)"
    )
