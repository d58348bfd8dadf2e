"""A datastore that this machine reaches by no path: in a namespace, or in a store. And what its place is as a source."""

import os
import re
from typing import Any, Dict, List, Mapping

from parallelrun._stored_output import STORES
from parallelrun._workspace.datastore import Datastore


class FarDatastore(Datastore):
    """`place`: a source of a manifest. This program copies nothing from or to it."""

    place: Dict[str, Any]
    _of_steps = "the rows of a step come"  # with get_output_data()

    def _where(self) -> str:
        """Where it lies, in messages."""
        raise NotImplementedError

    def _tools(self) -> str:
        """What copies from and to it."""
        return "the store's own tools"

    def source(self, path: str) -> Dict[str, Any]:
        return source_below(self.place, self.below(path))

    def local_path(self, path: str) -> str:
        raise ValueError(
            f"the datastore '{self.name}' lies in {self._where()} and has no path on this machine"
        )

    def upload(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError(self._by_hand("upload", "put the files there"))

    def upload_files(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError(self._by_hand("upload_files", "put the files there"))

    def download(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError(
            self._by_hand("download", "fetch them")
            + f"; {self._of_steps} with get_output_data(name).download(folder)"
        )

    def _by_hand(self, method: str, deed: str) -> str:
        return (
            f"{method}(): the datastore '{self.name}' lies in {self._where()}, and this program copies nothing from or to it; "
            f"{deed} with {self._tools()} and name the place: (datastore, path)"
        )


def source_below(place: Mapping[str, Any], path: str) -> Dict[str, Any]:
    """A folder or file below a volume or store."""
    path = path.strip("/")
    if not path:
        return dict(place)
    for kind in STORES:
        if kind in place:
            return {kind: {**place[kind], "prefix": _joined(place[kind].get("prefix", ""), path)}}
    if not is_volume(place):
        raise ValueError(f"{in_words(place)} has no folders, so '{path}' cannot be named in it")
    return {**place, "subPath": _joined(place.get("subPath", ""), path)}


def is_volume(place: Mapping[str, Any]) -> bool:
    """Not a store or a database."""
    return not any(kind in place for kind in (*STORES, "http", "sql"))


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
