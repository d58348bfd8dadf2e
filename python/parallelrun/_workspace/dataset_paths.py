"""The paths of a dataset as sources: a folder each, with a glob where one is needed."""

import os
import re
from typing import Any, Dict, List, Optional, Tuple

from parallelrun._inputs import GLOB_LETTERS
from parallelrun._workspace.datastore import DataPath, Datastore

Part = Dict[str, Any]  # source, and glob where there is one: fields of inputs[]


def parts_of(path: Any, validate: bool = True) -> List[Part]:
    """`path`: a path, a pair (datastore, path), or several of them in a list. Paths may have wildcards.

    FileNotFoundError: nothing lies there (unless `validate` is false). ValueError: it is no path.
    """
    places: List[Tuple[str, str]] = []
    for each in _each(path):
        place = _split(each)
        if validate and not os.path.exists(os.path.join(*place) if _plain(place[1]) else place[0]):
            raise FileNotFoundError(
                f"there is nothing at the dataset's path {each}; with validate=False it may come later"
            )
        places.append(place)
    if not places:
        raise ValueError("a dataset needs one path or more")
    return _joined(places)


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
    words = path.split("/")
    for index, word in enumerate(words):
        if GLOB_LETTERS & set(word):
            folder, glob = "/".join(words[:index]) or "/", "/".join(words[index:])
            # What is below a folder, as Azure means it.
            return folder, glob + "/*" if words[-1] == "**" else glob
    if os.path.isfile(path):
        return os.path.split(path)
    return path, ""


def _plain(glob: str) -> bool:
    return not GLOB_LETTERS & set(glob)


def _joined(places: List[Tuple[str, str]]) -> List[Part]:
    """Files of one folder are one source, so that mini-batches hold several of them."""
    by_folder: Dict[str, List[str]] = {}
    for folder, glob in places:
        by_folder.setdefault(folder, []).append(glob)
    parts: List[Part] = []
    for folder, globs in by_folder.items():
        names = [glob for glob in globs if glob and _plain(glob) and "," not in glob]
        if len(names) > 1:
            parts.append(_part(folder, "{" + ",".join(names) + "}"))
            globs = [glob for glob in globs if glob not in names]
        parts += [_part(folder, glob) for glob in globs]
    return parts


def _part(folder: str, glob: str) -> Part:
    part: Part = {"source": {"local": {"path": folder}}}
    if glob:
        part["glob"] = glob
    return part
