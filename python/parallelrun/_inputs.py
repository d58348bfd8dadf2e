"""What a job reads: `inputs[]` of the manifest."""

import os
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Sequence, Tuple, Union

from parallelrun._claim import Claim

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from parallelrun._fields import FileFields, TableFields

PathLike = Union[str, "os.PathLike[str]"]
Place = Union[PathLike, Claim]
# Of an output and of side inputs also a source in the manifest's words, or (datastore, path).
AnyPlace = Union[Place, Mapping[str, Any], Tuple[Any, str]]
Input = Union[Place, Mapping[str, Any]]
Inputs = Union[Input, Sequence[Input], Mapping[str, Input]]

GLOB_LETTERS = set("*?[]{}\\")


def camel(name: str) -> str:
    """The manifest's spelling: `mini_batch_size` is `miniBatchSize`."""
    first, *others = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in others)


def source_of(place: AnyPlace) -> Dict[str, Any]:
    """`source` of a folder of this machine, a claim, a place in a datastore, or in the manifest's words."""
    if isinstance(place, Claim):
        return place.source()
    if isinstance(place, Mapping):
        return dict(place)
    if isinstance(place, tuple):
        datastore, path = _pair(place)
        source: Dict[str, Any] = datastore.source(os.fspath(path))
        return source
    return {"local": {"path": os.path.abspath(os.path.expanduser(os.fspath(place)))}}


def keys_of(place: Any) -> Dict[str, str]:
    """The file with the keys of a place in a datastore, by the name that its source has for it."""
    return dict(_pair(place)[0].keys) if isinstance(place, tuple) else {}


def _pair(place: Any) -> Tuple[Any, Any]:
    from parallelrun._workspace.datastore import Datastore

    if len(place) == 2 and isinstance(place[0], Datastore):
        return place[0], place[1]
    raise TypeError(
        f"{place!r} is no place: it must be a path, (datastore, path) with a Datastore, or a source such as {{'s3': {{...}}}}"
    )


def files(path: Place, *, name: str = "files", **fields: "Unpack[FileFields]") -> Dict[str, Any]:
    """Files below a folder, or one file. `run` gets lists of paths. Fields: `glob="**/*.png"`."""
    return _input("file", path, name, fields)


def table(path: Place, *, name: str = "table", **fields: "Unpack[TableFields]") -> Dict[str, Any]:
    """Rows of CSV, JSON lines or Parquet files below a folder, or of one file. `run` gets DataFrames.

    Fields (parallelrun.TableFields has all): `glob`, `format`, `delimiter`, `encoding`, `columns={"code": "string"}`.
    """
    return _input("tabular", path, name, fields)


def _input(kind: str, path: Place, name: str, fields: Mapping[str, Any]) -> Dict[str, Any]:
    entry: Dict[str, Any] = {"name": name, "type": kind}
    if isinstance(path, Claim):
        return {**entry, "source": path.source(), **{camel(field): value for field, value in fields.items()}}
    folder = os.path.abspath(os.path.expanduser(os.fspath(path)))
    if os.path.isfile(folder):
        folder, file = os.path.split(folder)
        if GLOB_LETTERS & set(file):
            raise ValueError(f"the file name '{file}' has letters of a glob; give its folder and a glob")
        entry["glob"] = file
    entry["source"] = {"local": {"path": folder}}
    entry.update({camel(field): value for field, value in fields.items()})
    return entry


def listed(inputs: Inputs) -> List[Dict[str, Any]]:
    """One input, several, or names with inputs; a path alone means files."""
    if isinstance(inputs, (str, os.PathLike, Claim)):
        return [files(inputs)]
    if isinstance(inputs, Mapping):
        if "source" in inputs:
            return [dict(inputs)]
        return [{**_one(value), "name": name} for name, value in inputs.items()]
    return [_one(value) for value in inputs]


def _one(value: Input) -> Dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (str, os.PathLike, Claim)):
        return files(value)
    raise TypeError(
        f"an input is {type(value).__name__}, but must be a path, parallelrun.files(...) or parallelrun.table(...)"
    )
