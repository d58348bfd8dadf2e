#!/usr/bin/env python3
"""Writes what is made of the definition and of the table of fields:

- parallelrundatasets.yaml, from parallelrundatasets.in.yaml and the fields of a job's inputs;
- docs/crd-reference.md, every field of the resources, from the schemas in parallelrunjobs.yaml and parallelrundatasets.yaml;
- the chart's copies of these files, since Helm warns of a link at each call;
- the table of fields in docs/reference.md, from common/spec/field_table.cpp (build the target spec_fields first);
- python/parallelrun/_fields.py, the same table for Python.

usage: crds/reference.py [--stdout | --check]     (needs PyYAML)
  --stdout: docs/crd-reference.md alone, to standard output
  --check: writes nothing, and fails where parallelrundatasets.yaml, the table in docs/reference.md or
           python/parallelrun/_fields.py is another one
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import datasets_definition
import python_fields
import yaml

HERE = Path(__file__).resolve().parent
DEFINITION = HERE / "parallelrunjobs.yaml"
PAGE = HERE.parent / "docs" / "crd-reference.md"
DATASETS = HERE / "parallelrundatasets.yaml"
OF_DATASETS = HERE / "parallelrundatasets.in.yaml"
COPIES = HERE.parent / "helm" / "parallelrun" / "files"
REFERENCE = HERE.parent / "docs" / "reference.md"
PYTHON = HERE.parent / "python" / "parallelrun" / "_fields.py"
FIELDS = Path(os.environ.get("PARALLELRUN_BUILD_DIR", HERE.parent / "build")) / "tests" / "spec_fields"
BEGIN = "<!-- made by crds/reference.py from common/spec/field_table.cpp -->\n"
END = "<!-- end -->\n"
HIGHEST_INT32 = 2**31 - 1

# Parts that occur in several places get a section of their own.
SHARED = {
    "source": "A source",
    "sourceDirectory": "A source",
    "orchestrator": "A pod",
    "worker": "A pod",
}

INTRODUCTION = """# ParallelRunJob and ParallelRunDataset, field by field

`crds/reference.py` makes this page from the schemas of [jobs](../crds/parallelrunjobs.yaml) and
[datasets](../crds/parallelrundatasets.yaml). `kubectl explain prj.spec` prints the same text. Fields in bold are required.
Fields marked *identity* cannot change after the start. [The reference](reference.md) describes scripts and jobs, and
[data.md](data.md#registered-datasets) datasets.
"""


def one_type(field):
    if field.get("x-kubernetes-int-or-string"):
        return "integer or string"
    if field.get("type") == "array":
        return f"list of {one_type(field['items'])}"
    if "additionalProperties" in field:
        return f"map to {one_type(field['additionalProperties'])}"
    return field.get("type", "any")


def limits(field):
    """The bounds that a user may run into, in words."""
    said = []
    if "enum" in field:
        said.append("one of " + ", ".join(f"`{value}`" for value in field["enum"] if value != ""))
    if "minimum" in field and "maximum" in field:
        said.append(f"{field['minimum']} to {field['maximum']}")
    elif "minimum" in field:
        said.append(f"from {field['minimum']}")
    if "maxItems" in field:
        said.append(f"at most {field['maxItems']}")
    return said


def row(path, field, required, identity):
    # A bar would end the cell.
    notes = [field.get("description", "").strip().replace("|", "\\|")]
    if "default" in field:
        value = field["default"]
        shown = str(value).lower() if isinstance(value, bool) else value
        notes.append(f"Default: `{shown}`.")
    if limits(field):
        notes.append(f"Allowed: {'; '.join(limits(field))}.")
    if identity:
        notes.append("*identity*")
    name = f"**`{path}`**" if required else f"`{path}`"
    return f"| {name} | {one_type(field)} | {' '.join(notes)} |"


def rows(schema, prefix="", identity=frozenset(), inside_shared=False):
    for name, field in schema.get("properties", {}).items():
        path = prefix + name
        yield row(path, field, name in schema.get("required", []), path in identity)
        if name in SHARED and not inside_shared:
            continue
        inner, mark = field, ""
        while inner.get("type") == "array":
            inner, mark = inner["items"], mark + "[]"
        yield from rows(inner, f"{path}{mark}.", identity, inside_shared)


def table(lines):
    return "\n".join(["| field | type | |", "|---|---|---|", *lines, ""])


def schema_of(definition):
    loaded = yaml.safe_load(definition.read_text(encoding="utf-8"))
    return loaded["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def datasets():
    return datasets_definition.text(
        OF_DATASETS.read_text(encoding="utf-8"), DEFINITION.read_text(encoding="utf-8")
    )


def page():
    root = schema_of(DEFINITION)
    spec, status = root["properties"]["spec"], root["properties"]["status"]
    identity = {
        rule["fieldPath"].removeprefix(".spec.")
        for rule in root["x-kubernetes-validations"]
        if rule["message"].startswith("identifies the job")
    }
    fields = spec["properties"]
    sections = [
        ("spec", rows(spec, identity=identity)),
        (SHARED["source"], rows(fields["sourceDirectory"], inside_shared=True)),
        (SHARED["worker"], rows(fields["worker"], inside_shared=True)),
        ("status", rows(status, inside_shared=True)),
    ]
    sections.append(("ParallelRunDataset: spec", rows(schema_of(DATASETS)["properties"]["spec"])))
    return INTRODUCTION + "".join(f"\n## {title}\n\n{table(lines)}" for title, lines in sections)


def range_of(field):
    if field["highest"] == HIGHEST_INT32:
        return f"from {field['lowest']}"
    return f"{field['lowest']} to {field['highest']:,}"


SHOWN = {
    "boolean": "bool",
    "character": "one ASCII character",
    "character or nothing": 'one ASCII character, or `""`',
    "strings": "list of strings",
}


def value_of(field):
    """Type, bounds and default, in words."""
    kind, default = field["type"], field.get("default")
    if kind == "word":
        said = ", ".join(f"`{word}`{' (default)' if word == default else ''}" for word in field["words"])
        default = None
    elif kind in ("integer", "number"):
        said = range_of(field)
    elif kind == "seconds":
        said = f"seconds, {range_of(field)}"
    else:
        said = SHOWN.get(kind, kind)
    if field["required"]:
        said += ", required"
    if default is not None:
        said += f", default `{json.dumps(default) if not isinstance(default, str) else default}`"
    if "defaultInWords" in field:
        said += f", default: {field['defaultInWords']}"
    return said


CHANGE = {"job": "another job", "start": "refused on a cluster", "none": ""}
OF = {"tabular": "tabular: ", "csv": "CSV: ", "all": ""}


def field_row(field):
    return f"| `{field['path']}` | {value_of(field)} | {CHANGE[field['identity']]} | {OF[field['of']]}{field['about']} |"


def fields():
    printed = subprocess.run([FIELDS], check=True, capture_output=True, text=True).stdout
    return json.loads(printed)


def fields_table():
    lines = map(field_row, fields())
    return "\n".join(["| field | value | changed after the start | |", "|---|---|---|---|", *lines, ""])


def reference():
    """The page with its table made anew."""
    before, _, rest = REFERENCE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + fields_table() + END + after


def main():
    if "--stdout" in sys.argv[1:]:
        sys.stdout.write(page())
        return
    if "--check" not in sys.argv[1:]:
        DATASETS.write_text(datasets(), encoding="utf-8")
        PAGE.write_text(page(), encoding="utf-8")
        for definition in (DEFINITION, DATASETS):
            (COPIES / definition.name).write_bytes(definition.read_bytes())
    elif datasets() != DATASETS.read_text(encoding="utf-8"):
        sys.exit("crds/parallelrundatasets.yaml is of another schema: run crds/reference.py")
    if not FIELDS.exists():
        sys.exit(f"{FIELDS} is missing: cmake --build --preset release --target spec_fields")
    if "--check" not in sys.argv[1:]:
        REFERENCE.write_text(reference(), encoding="utf-8")
        PYTHON.write_text(python_fields.text(fields()), encoding="utf-8")
    elif python_fields.text(fields()) != PYTHON.read_text(encoding="utf-8"):
        sys.exit("python/parallelrun/_fields.py is of another table: run crds/reference.py")
    elif reference() != REFERENCE.read_text(encoding="utf-8"):
        sys.exit("the table of fields in docs/reference.md is another one: run crds/reference.py")


if __name__ == "__main__":
    main()
