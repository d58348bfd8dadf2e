"""python/parallelrun/_fields.py: the fields of a manifest as types for editors and type checkers."""

import json
import re

HEAD = '''\
# Made by crds/reference.py from common/spec/field_table.cpp.
"""The fields of a manifest in Python's spelling, for editors and type checkers. The program checks values; nothing here does."""

from typing import Any, Literal, Mapping, Sequence, TypedDict, Union
'''

# What `submit` has parameters of its own for.
GIVEN = {"sourceDirectory", "entryScript", "inputs", "sideInputs", "output", "arguments"}
TYPES = {
    "boolean": "bool",
    "integer": "int",
    "seconds": "int",
    "number": "float",
    "integer or size": "Union[int, str]",
    "size": "Union[int, str]",
    "strings": "Sequence[str]",
    "list": "Sequence[Mapping[str, Any]]",
    "map": "Mapping[str, str]",
    "object": "Mapping[str, Any]",
    "source": "Mapping[str, Any]",
    "string": "str",
    "character": "str",
    "character or nothing": "str",
}


def snake(name):
    """The spelling of Python: `miniBatchSize` is `mini_batch_size`."""
    return re.sub(r"[A-Z]", lambda match: "_" + match.group().lower(), name)


def type_of(field):
    if field["type"] == "word":
        return f"Literal[{', '.join(json.dumps(word) for word in field['words'])}]"
    return "Environment" if field["path"] == "environment" else TYPES[field["type"]]


def about(field):
    """One paragraph, as a docstring; links lead nowhere in Python."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", field["about"])
    text = text[0].upper() + text[1:] if text[0].islower() else text
    default = field.get("defaultInWords") or (json.dumps(field["default"]) if "default" in field else None)
    said = f"{text}. Default: {default}." if default is not None else f"{text}."
    # Backslashes and quotes at the end would be Python's.
    return said.replace("\\", "\\\\").replace('"""', "'''")


def typed(name, doc, members):
    lines = ["", "", f"class {name}(TypedDict, total=False):", f'    """{doc}"""', ""]
    for spelled, field in members:
        lines += [f"    {spelled}: {type_of(field)}", f'    """{about(field)}"""', ""]
    return "\n".join(lines[:-1]) + "\n"


def inside(fields, holder):
    return [
        (field["path"].rpartition(".")[2], field)
        for field in fields
        if field["path"].rpartition(".")[0] == holder
    ]


def text(fields):
    """The module. `fields`: what the program spec_fields prints."""
    inputs = [
        (name, field) for name, field in inside(fields, "inputs[]") if name not in ("name", "type", "source")
    ]
    top = [(name, field) for name, field in inside(fields, "") if name not in GIVEN]
    output = [
        (name, field)
        for name, field in inside(fields, "output")
        if name not in ("source", "overwrite", "format")
    ]
    return (
        HEAD
        + typed(
            "Environment",
            "`environment` of a manifest, in the manifest's spelling.",
            inside(fields, "environment"),
        )
        + typed(
            "FileFields",
            "Of `parallelrun.files(path, ...)`.",
            [(snake(name), field) for name, field in inputs if field["of"] == "all"],
        )
        + typed(
            "TableFields",
            "Of `parallelrun.table(path, ...)`.",
            [(snake(name), field) for name, field in inputs],
        )
        + typed(
            "Settings",
            "Of `parallelrun.run(script, inputs, output, ...)` and `submit`, besides their parameters.",
            [(snake(name), field) for name, field in top]
            + [(f"output_{snake(name)}", field) for name, field in output],
        )
        + "\n\nOUTPUT_FIELDS = ("
        + "".join(f"\n    {json.dumps(f'output_{snake(name)}')}," for name, _ in output)
        + "\n)\n"
    )
