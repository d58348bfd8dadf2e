"""Registered datasets: `datasets/NAME.yaml` of a workspace, in the form of the resource ParallelRunDataset.

It is a folder as `parallelrun datasets --datasets FOLDER/datasets` has it; common/spec/dataset.h says what the form is."""

import datetime
import os
import re
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple, Union

from parallelrun._workspace.names import unknown
from parallelrun._workspace.written import locked, write_whole

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,252}")
_NOT_CONTENT = ("version", "description", "created", "tags")


class Stored(NamedTuple):
    """One version."""

    name: str
    version: int
    kind: str
    parts: List[Dict[str, Any]]
    description: Optional[str]


def version_of(
    spec: Mapping[str, Any],
    name: str,
    kind: str,
    content: Dict[str, Any],
    description: Optional[str],
    tags: Optional[Mapping[str, str]],
    create_new_version: bool,
) -> Tuple[int, Optional[Dict[str, Any]]]:
    """The number of the version of a dataset's `spec` that has this content, and the version to add to it; None: it is there.
    ValueError: neither."""
    if spec["type"] != kind:
        raise ValueError(
            f"the dataset '{name}' has the type {spec['type']}, and all its versions have; this one is {kind}: give it another name"
        )
    versions = spec["versions"]
    for version in versions:
        if content_of(version) == content:
            return int(version["version"]), None
    if versions and not create_new_version:
        raise ValueError(
            f"the dataset '{name}' is there with other content, version {versions[-1]['version']}; register it with "
            "create_new_version=True, or under another name"
        )
    number = 1 + max((int(version["version"]) for version in versions), default=0)
    return number, new_version(number, content, description, tags)


def register(
    folder: str,
    name: str,
    kind: str,
    parts: List[Dict[str, Any]],
    description: Optional[str],
    tags: Optional[Mapping[str, str]],
    create_new_version: bool,
) -> int:
    """The version that has this content: a new one, or one that is there. ValueError: neither."""
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"the dataset's name is '{name}', but must be letters, digits, '_', '.', '-', and begin with a letter or digit"
        )
    content = as_content(parts)
    # The lock of `parallelrun datasets`, which may write there too.
    with locked(os.path.join(folder, "datasets")):
        document = _read(folder, name) or {
            "apiVersion": "parallelrun.dev/v1alpha1",
            "kind": "ParallelRunDataset",
            "metadata": {"name": name},
            "spec": {"type": kind, "versions": []},
        }
        number, added = version_of(
            document["spec"], name, kind, content, description, tags, create_new_version
        )
        if added is None:
            return number
        document["spec"]["versions"].append(added)
        from parallelrun._vendor import yaml

        write_whole(_file(folder, name), yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
        return number


def new_version(
    number: int,
    content: Mapping[str, Any],
    description: Optional[str],
    tags: Optional[Mapping[str, str]],
) -> Dict[str, Any]:
    """As it stands among the versions."""
    added: Dict[str, Any] = {"version": number, **content}
    if description:
        added["description"] = description
    if tags:
        added["tags"] = {key: str(value) for key, value in tags.items()}
    added["created"] = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return added


def as_content(parts: List[Dict[str, Any]]) -> Dict[str, Any]:
    """One source is the version's own, as in the resource; several are its parts."""
    return dict(parts[0]) if len(parts) == 1 else {"parts": parts}


def read(folder: str, name: str, version: Union[int, str] = "latest") -> Stored:
    """ValueError: there is no such dataset or version."""
    document = _read(folder, name) if _NAME.fullmatch(name) else None
    if document is None:
        raise ValueError(unknown("dataset", name, names(folder)) + " (Dataset.register(ws, name) makes one)")
    return stored_in(document, name, version)


def stored_in(document: Mapping[str, Any], name: str, version: Union[int, str]) -> Stored:
    """A version of the resource. ValueError: there is no such version."""
    versions = {int(each["version"]): each for each in document["spec"]["versions"]}
    wanted = max(versions) if version in ("latest", None) else int(version)
    if wanted not in versions:
        raise ValueError(
            f"the dataset '{name}' has no version {wanted}; it has: {', '.join(map(str, sorted(versions)))}"
        )
    found = versions[wanted]
    content = content_of(found)
    return Stored(
        name, wanted, document["spec"]["type"], content.get("parts") or [content], found.get("description")
    )


def names(folder: str) -> List[str]:
    try:
        found = os.listdir(os.path.join(folder, "datasets"))
    except FileNotFoundError:
        return []
    return sorted(name[:-5] for name in found if name.endswith(".yaml"))


def content_of(version: Mapping[str, Any]) -> Dict[str, Any]:
    return {key: value for key, value in version.items() if key not in _NOT_CONTENT}


def _file(folder: str, name: str) -> str:
    return os.path.join(folder, "datasets", f"{name}.yaml")


def _read(folder: str, name: str) -> Optional[Dict[str, Any]]:
    from parallelrun._vendor import yaml

    try:
        with open(_file(folder, name), encoding="utf-8") as file:
            document: Dict[str, Any] = yaml.safe_load(file)
            return document
    except FileNotFoundError:
        return None
