"""MLTable files: which files a table has, and how they are read."""

import os
from typing import Any, Dict, List, NamedTuple, Optional

from parallelrun._convert import lined
from parallelrun._convert.lined import Lined, Section
from parallelrun._convert.places import Place, place
from parallelrun._convert.report import Report

_TYPES = {"int": "int64", "float": "float64", "boolean": "bool", "string": "string", "datetime": "datetime"}
_ENCODINGS = {
    "utf8": None,
    "utf-8": None,
    "ascii": "ascii",
    "utf8bom": "utf-8-sig",
    "iso88591": "iso-8859-1",
    "latin1": "iso-8859-1",
    "utf16": "utf-16",
    "utf32": "utf-32",
    "windows1252": "cp1252",
}
_PLAIN = {
    "$schema": "",
    "type": "",
    "metadata": "it describes the table",
    "name": "",
    "version": "",
    "description": "",
}


class Table(NamedTuple):
    """`kind`: tabular, or file where nothing says how to read it. `fields`: of inputs[]."""

    kind: str
    places: List[Place]
    fields: Dict[str, Any]


def table(folder: str, report: Report) -> Optional[Table]:
    """The MLTable of a folder; None: it has none."""
    path = os.path.join(folder, "MLTable")
    if not os.path.isfile(path):
        return None
    whole = Section(
        lined.read(path), "", report.of(os.path.join(os.path.dirname(report.file), _shown(path, report)))
    )
    places = [_path(each, folder, whole.report) for each in _list(whole.take("paths"))]
    fields: Dict[str, Any] = {}
    for each in _list(whole.take("transformations")):
        _transform(each, fields, whole.report)
    whole.rest(_PLAIN)
    return Table("tabular" if "format" in fields else "file", [at for at in places if at], fields)


def _shown(path: str, report: Report) -> str:
    return os.path.relpath(path, os.path.dirname(os.path.abspath(report.file)))


def _list(given: Optional[Lined]) -> List[Lined]:
    return given.value if given is not None and isinstance(given.value, list) else []


def _path(given: Lined, folder: str, report: Report) -> Optional[Place]:
    entry = Section(given, "paths", report)
    found = None
    for kind in ("file", "folder", "pattern"):
        said = entry.take(kind)
        if said:
            found = place(str(said.value), "table", folder, is_file=kind == "file")
    entry.rest({})
    return found


def _transform(given: Lined, fields: Dict[str, Any], report: Report) -> None:
    # A transformation without settings is a text, one with settings a mapping of one key.
    if isinstance(given.value, dict):
        entry = Section(given, "transformations", report)
        names = entry.keys()
    else:
        entry = Section(lined.from_plain({str(given.value): {}}, given.line), "transformations", report)
        names = [str(given.value)]
    for name in names:
        read = _READERS.get(name)
        if read is None:
            entry.leave(name, "it is not applied; do it in run(), which gets a DataFrame")
        else:
            read(entry, name, fields)


def _delimited(entry: Section, name: str, fields: Dict[str, Any]) -> None:
    options = entry.section(name)
    fields["format"] = "csv"
    delimiter = options.value("delimiter")
    if delimiter not in (None, ","):
        fields["delimiter"] = delimiter
    encoding = options.value("encoding")
    if encoding is not None and _ENCODINGS.get(str(encoding), encoding) is not None:
        fields["encoding"] = _ENCODINGS.get(str(encoding), encoding)
    header = options.value("header")
    if header in ("no_header", False):
        fields["header"] = False
    elif header in ("from_first_file", "all_files_different_headers"):
        options.leave("header", "each file is read apart, so each needs the header itself")
    if options.value("include_path_column"):
        options.leave(
            "include_path_column", "run(mini_batch, mini_batch_context) has the file: mini_batch_context.file"
        )
    if options.value("infer_column_types") is False:
        options.leave("infer_column_types", "types are inferred unless they are declared in columns")
    if options.value("empty_as_string"):
        options.leave("empty_as_string", "an empty field is a gap; fill it in run()")
    options.take("support_multi_line")  # quoted fields may always have line breaks
    options.rest({"path_column": "", "partition_size": "miniBatchSize says how much a mini-batch has"})


def _whole_format(kind: str) -> Any:
    def read(entry: Section, name: str, fields: Dict[str, Any]) -> None:
        options = entry.section(name)
        fields["format"] = kind
        if options.value("include_path_column"):
            options.leave(
                "include_path_column",
                "run(mini_batch, mini_batch_context) has the file: mini_batch_context.file",
            )
        encoding = options.value("encoding")
        if encoding not in (None, "utf8", "utf-8"):
            options.leave("encoding", "JSON lines are UTF-8; convert the files")
        if options.value("invalid_lines") == "drop":
            options.leave("invalid_lines", "a line that is no JSON fails its mini-batch")
        options.rest({})

    return read


def _types(entry: Section, name: str, fields: Dict[str, Any]) -> None:
    given = entry.take(name)
    for each in _list(given):
        one = Section(each, f"transformations.{name}", entry.report)
        columns, kind = one.value("columns"), one.value("column_type")
        word = next(iter(kind)) if isinstance(kind, dict) and kind else kind
        known = isinstance(word, str) and word in _TYPES
        if not known or isinstance(kind, dict) and kind[word]:
            one.report.leave(
                one.line_of("column_type"), one.named("column_type"), "no such type; convert it in run()"
            )
            continue
        for column in columns if isinstance(columns, list) else [columns]:
            fields.setdefault("columns", {})[str(column)] = _TYPES[word]
        one.rest({})


def _keep(entry: Section, name: str, fields: Dict[str, Any]) -> None:
    entry.leave(name, "all columns are read; choose them in run(), or for Parquet by declaring columns")


_READERS = {
    "read_delimited": _delimited,
    "read_parquet": _whole_format("parquet"),
    "read_json_lines": _whole_format("jsonl"),
    "convert_column_types": _types,
    "keep_columns": _keep,
}
