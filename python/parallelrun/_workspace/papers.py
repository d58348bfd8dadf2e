"""What a workspace keeps in JSON documents with names: files of its folder, or one ConfigMap of its namespace."""

import json
import os
import re
from typing import Any, Callable, Dict, List, Optional

from parallelrun._cluster import Cluster, Object
from parallelrun._workspace.written import locked, write_whole

Document = Dict[str, Any]
# Gives the new document of the one that is there.
Change = Callable[[Optional[Document]], Document]

# The ConfigMap of a namespace.
MAP = "parallelrun-workspace"

_KEY = re.compile(r"[-._a-zA-Z0-9]{1,200}")


class FolderPapers:
    """`NAME.json` below a folder; a name may have one '/'."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def read(self, name: str) -> Optional[Document]:
        try:
            with open(self._file(name), encoding="utf-8") as file:
                document: Document = json.load(file)
                return document
        except FileNotFoundError:
            return None

    def change(self, name: str, change: Change) -> None:
        with locked(self._folder):
            write_whole(self._file(name), json.dumps(change(self.read(name)), indent=2) + "\n")

    def names(self, kind: str) -> List[str]:
        """Of the documents `kind/NAME`."""
        try:
            found = os.listdir(os.path.join(self._folder, kind))
        except FileNotFoundError:
            return []
        return sorted(name[:-5] for name in found if name.endswith(".json"))

    def _file(self, name: str) -> str:
        return os.path.join(self._folder, f"{name}.json")


class ConfigMapPapers:
    """Keys of the ConfigMap `parallelrun-workspace`: the whole team has them."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def read(self, name: str) -> Optional[Document]:
        return self._in(self._cluster.get("ConfigMap", MAP), name)

    def change(self, name: str, change: Change) -> None:
        key = self._key(name)

        def changed(there: Optional[Object]) -> Object:
            text = json.dumps(change(self._in(there, name)), indent=2)
            return {"data": {key: text + "\n"}}

        self._cluster.change("ConfigMap", MAP, changed)

    def names(self, kind: str) -> List[str]:
        there = self._cluster.get("ConfigMap", MAP) or {}
        keys = [key for key in there.get("data") or {} if key.startswith(f"{kind}.")]
        return sorted(key[len(kind) + 1 : -len(".json")] for key in keys)

    def _in(self, there: Optional[Object], name: str) -> Optional[Document]:
        text = ((there or {}).get("data") or {}).get(self._key(name))
        if text is None:
            return None
        document: Document = json.loads(text)
        return document

    @staticmethod
    def _key(name: str) -> str:
        key = name.replace("/", ".", 1)
        if not _KEY.fullmatch(key):
            raise ValueError(
                f"the name is '{name.split('/')[-1]}', but a workspace that is a namespace keeps names of letters, digits, '-', "
                "'_' and '.' only"
            )
        return key + ".json"
