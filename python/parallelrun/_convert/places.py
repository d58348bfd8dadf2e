"""Where data lies: paths of Azure ML as sources of a manifest."""

import os
import re
from typing import Any, Dict, NamedTuple, Optional

_DATASTORE = re.compile(r"azureml://(?:subscriptions/.*/)?datastores/([^/]+)/paths/?(.*)")
_ASSET = re.compile(r"azureml:(?!//)([^:@]+)(?:[:@].*)?")
_REGISTRY = re.compile(r"azureml://registries/[^/]+/\w+/([^/]+)(?:/.*)?")
_BLOB = re.compile(
    r"https?://(?P<account>[^./]+)\.(?:blob|dfs)\.core\.windows\.net/(?P<container>[^/?]+)/?(?P<below>[^?]*)"
)
_WASB = re.compile(r"(?:wasbs?|abfss?)://(?P<container>[^@/]+)@(?P<account>[^./]+)\.[^/]+/?(?P<below>.*)")


class Place(NamedTuple):
    """`source` of a manifest. `claim`: a claim stands for what is no folder of this machine; None: it is one.
    `blob`: the source where files may lie in a container; tables may not."""

    source: Dict[str, Any]
    glob: Optional[str]
    claim: Optional[str]
    blob: Optional[Dict[str, Any]] = None

    @property
    def path(self) -> Optional[str]:
        local = self.source.get("local")
        return local["path"] if local else None


def claim_name(text: str) -> str:
    """A name that a PersistentVolumeClaim takes, from any text."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:63].strip("-") or "data"


def place(path: Optional[str], name: str, base: str, is_file: bool = False) -> Place:
    """`path` as a file writes it; None: it does not say. `base`: the folder that relative paths begin at."""
    if path is None:
        return _claim(name, "")
    match = _DATASTORE.fullmatch(path)
    if match:
        return _claim(match.group(1), match.group(2))
    match = _BLOB.fullmatch(path) or _WASB.fullmatch(path)
    if match:
        return in_container(match["account"], match["container"], match["below"])
    match = _REGISTRY.fullmatch(path) or _ASSET.fullmatch(path)
    if match:
        return _claim(match.group(1), "")
    if "://" in path:
        return _claim(name, "")
    local = os.path.normpath(os.path.join(base, path.replace("file:", "")))
    folder, glob = _split(local, is_file)
    return Place({"local": {"path": folder}}, glob, None)


def in_container(account: str, container: str, below: str) -> Place:
    """A folder or file of a container of Azure Blob Storage."""
    at = _claim(container, below)
    blob = {"account": account, "container": container}
    if "subPath" in at.source:
        blob["prefix"] = at.source["subPath"]
    return at._replace(blob={"azureBlob": blob})


def _claim(name: str, below: str) -> Place:
    folder, glob = _split("/" + below.strip("/"), bool(re.search(r"\.\w+$", below)))
    claim = claim_name(name)
    source: Dict[str, Any] = {"persistentVolumeClaim": {"claimName": claim}}
    if folder.strip("/"):
        source["subPath"] = folder.strip("/")
    return Place(source, glob, claim)


def _split(path: str, is_file: bool) -> "tuple[str, Optional[str]]":
    words = path.split("/")
    for index, word in enumerate(words):
        if set("*?[]{}") & set(word):
            glob = "/".join(words[index:])
            return "/".join(words[:index]) or "/", glob + "/*" if words[-1] == "**" else glob
    if is_file or os.path.isfile(path):
        folder, name = os.path.split(path)
        return folder, name
    return path, None
