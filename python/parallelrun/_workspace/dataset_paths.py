"""The paths of a dataset as sources: a folder each, with a glob where one is needed."""

import functools
import os
import re
from typing import Any, Callable, Dict, List, Optional, Tuple

from parallelrun._claim import Claim
from parallelrun._inputs import GLOB_LETTERS
from parallelrun._workspace.cluster_datastore import ClusterDatastore
from parallelrun._workspace.datastore import DataPath, Datastore
from parallelrun._workspace.far_datastore import looks_like_a_file, source_below
from parallelrun._workspace.store_datastore import StoreDatastore

Part = Dict[str, Any]  # source, and glob where there is one: fields of inputs[]


def parts_of(path: Any, validate: bool = True, is_file: bool = False) -> List[Part]:
    """`path`: a path, a pair (datastore, path), a claim, or several of them in a list. Paths may have wildcards.

    FileNotFoundError: nothing lies there (unless `validate` is false). ValueError: it is no path. What lies in a cluster
    nobody looks for: `is_file` says that it is a file, and so does an ending like that of `labels.csv`.
    """
    elsewhere, paths = _sorted(path)
    places: List[Tuple[str, str]] = []
    for each in (found for one in paths for found in _each(one)):
        place = _split(each)
        if validate and not os.path.exists(os.path.join(*place) if _plain(place[1]) else place[0]):
            raise FileNotFoundError(
                f"there is nothing at the dataset's path {each}; with validate=False it may come later"
            )
        places.append(place)
    parts = _joined(places, lambda folder: {"local": {"path": folder}})
    for source, below in elsewhere:
        parts += _joined(
            [_split_blindly(each, is_file) for each in below], functools.partial(source_below, source)
        )
    if not parts:
        raise ValueError("a dataset needs one path or more")
    return parts


def with_pattern(parts: List[Part], partition_format: Optional[str]) -> List[Part]:
    """The parts with Azure's `partition_format`, `{user}/{genre}/*.mp3`, as the path pattern that it is here."""
    if partition_format is None:
        return parts
    pattern = path_pattern(partition_format)
    if pattern is None:
        raise ValueError(
            f"partition_format is '{partition_format}', but only names may stand in braces, such as {{user}}; a date is parsed in "
            "run(), which gets the path"
        )
    globs = [part["glob"] for part in parts if part.get("glob") not in (None, "**/*")]
    if globs:
        raise ValueError(
            f"the dataset has the path '{globs[0]}' and partition_format '{partition_format}', which says the files too; "
            "give the folder alone as the path"
        )
    return [{"source": part["source"], "pathPattern": pattern} for part in parts]


def path_pattern(partition_format: str) -> Optional[str]:
    """`pathPattern` of a manifest; None: it has more than names in braces."""
    if not re.fullmatch(r"(?:[^{}]|\{[A-Za-z_]\w*\})*", partition_format):
        return None
    return partition_format.lstrip("/")


def _sorted(path: Any) -> Tuple[List[Tuple[Dict[str, Any], List[str]]], List[Any]]:
    """The places in a cluster, each with the paths below it, and the paths of this machine."""
    elsewhere: List[Tuple[Dict[str, Any], List[str]]] = []
    here: List[Any] = []

    def put(source: Dict[str, Any], below: str) -> None:
        for known, paths in elsewhere:
            if known == source:
                paths.append(below)
                return
        elsewhere.append((source, [below]))

    for each in path if isinstance(path, list) else [path]:
        store = each if isinstance(each, Datastore) else each[0] if isinstance(each, tuple) and each else None
        if isinstance(each, Claim):
            put(each.source(), "")
        elif isinstance(store, (ClusterDatastore, StoreDatastore)):
            inner = "" if store is each else each[1]
            for one in inner if isinstance(inner, (list, tuple)) else [inner]:
                put(store.place, store.below(os.fspath(one)))
        elif isinstance(each, tuple) and not isinstance(store, Datastore):
            inner_elsewhere, inner_here = _sorted(list(each))
            for source, paths in inner_elsewhere:
                for one in paths:
                    put(source, one)
            here += inner_here
        else:
            here.append(each)
    return elsewhere, here


def _each(path: Any) -> List[str]:
    if isinstance(path, DataPath):
        return [path.local_path]
    if isinstance(path, Datastore):
        return [path.folder]
    if isinstance(path, tuple) and len(path) == 2 and isinstance(path[0], Datastore):
        inner = path[1] if isinstance(path[1], (list, tuple)) else [path[1]]
        return [path[0].local_path(os.fspath(each)) for each in inner]
    if isinstance(path, (str, os.PathLike)):
        text = os.fspath(path)
        if "://" in text:
            raise ValueError(
                f"the path '{text}' is an address, and a dataset's path is a folder or file of this machine; copy or "
                "mount the data, and give its folder"
            )
        return [os.path.abspath(os.path.expanduser(text))]
    if isinstance(path, (list, tuple)):
        return [found for each in path for found in _each(each)]
    raise TypeError(
        f"a dataset's path is {type(path).__name__}, but must be a path, (datastore, path), or a list of them"
    )


def _split(path: str) -> Tuple[str, str]:
    """Folder and glob; a glob of "" is the whole folder."""
    wild = _split_wild(path)
    if wild is not None:
        return wild
    if os.path.isfile(path):
        return os.path.split(path)
    return path, ""


def _split_blindly(path: str, is_file: bool) -> Tuple[str, str]:
    """The same for a path that this machine does not see."""
    wild = _split_wild(path)
    if wild is not None:
        return wild
    if is_file or looks_like_a_file(path):
        return os.path.split(path)
    return path.rstrip("/"), ""


def _split_wild(path: str) -> Optional[Tuple[str, str]]:
    words = path.split("/")
    for index, word in enumerate(words):
        if GLOB_LETTERS & set(word):
            root = "/" if path.startswith("/") else ""
            folder, glob = "/".join(words[:index]) or root, "/".join(words[index:])
            # What is below a folder, as Azure means it.
            return folder, glob + "/*" if words[-1] == "**" else glob
    return None


def _plain(glob: str) -> bool:
    return not GLOB_LETTERS & set(glob)


def _joined(places: List[Tuple[str, str]], source_of: Callable[[str], Dict[str, Any]]) -> List[Part]:
    """Files of one folder are one source, so that mini-batches hold several of them."""
    by_folder: Dict[str, List[str]] = {}
    for folder, glob in places:
        by_folder.setdefault(folder, []).append(glob)
    parts: List[Part] = []
    for folder, globs in by_folder.items():
        names = [glob for glob in globs if glob and _plain(glob) and "," not in glob]
        if len(names) > 1:
            parts.append(_part(source_of(folder), "{" + ",".join(names) + "}"))
            globs = [glob for glob in globs if glob not in names]
        parts += [_part(source_of(folder), glob) for glob in globs]
    return parts


def _part(source: Dict[str, Any], glob: str) -> Part:
    part: Part = {"source": source}
    if glob:
        part["glob"] = glob
    return part
