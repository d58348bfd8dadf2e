"""The table of fields (common/spec/field_table.cpp) is the only place that says what a field is. The resource's schema,
its rules and the tables of docs/reference.md are held to it."""

import re
import subprocess
import sys

import pytest
from checkout import BUILD, REPOSITORY

HIGHEST_INT32 = 2**31 - 1
INSIDE = ("inputs[]", "sideInputs[]", "output", "environment")


def parent_of(path):
    """What holds the field: "inputs[].glob" -> "inputs[]"."""
    return path.rpartition(".")[0]


def name_of(path):
    return path.rpartition(".")[2]


def node_at(schema, path):
    """The schema of a field, or of an item of a list."""
    for part in path.split(".") if path else []:
        schema = schema["properties"][part.removesuffix("[]")]
        if part.endswith("[]"):
            schema = schema["items"]
    return schema


def rules_of(node, message):
    found = [rule for rule in node["x-kubernetes-validations"] if re.search(message, rule["message"])]
    assert found, f"no rule says {message!r}"
    return found


def wrong_type(field, node):
    """In what the schema of a field is another type than the table's; nothing where it is the same."""
    kind = field["type"]
    simple = {
        "boolean": "boolean",
        "integer": "integer",
        "seconds": "integer",
        "number": "number",
        "string": "string",
        "word": "string",
        "character": "string",
        "character or nothing": "string",
        "strings": "array",
        "list": "array",
        "source": "object",
        "object": "object",
        "map": "object",
    }
    if kind in ("size", "integer or size"):
        return None if node.get("x-kubernetes-int-or-string") else "is no integer or string"
    if node.get("type") != simple[kind]:
        return f"has the type {node.get('type')}, the table has {kind}"
    if kind == "word" and node.get("enum") != field["words"]:
        return f"has the words {node.get('enum')}, the table has {field['words']}"
    if kind.startswith("character") and node.get("maxLength") != 1:
        return "may have more than one character"
    if kind == "strings" and node["items"].get("type") != "string":
        return "is no list of strings"
    if kind == "map" and "additionalProperties" not in node:
        return "is no map"
    return None


def wrong_bounds(field, node):
    if "lowest" not in field:
        return None
    # An int32 needs no maximum of its own.
    highest = node.get("maximum", HIGHEST_INT32 if node.get("format") == "int32" else None)
    bounds = (node.get("minimum"), highest)
    wanted = (field["lowest"], field["highest"])
    return None if bounds == wanted else f"goes from {bounds[0]} to {bounds[1]}, in the table {wanted}"


def wrong_default(field, node):
    """A default that other fields or the arguments may change cannot be the schema's."""
    said = field.get("default")
    depends = "option" in field or field["of"] != "all"
    if "defaultInWords" in field:
        if "default" not in node:
            return None
        shown = str(node["default"]).lower()
        return None if field["defaultInWords"] == f"`{shown}`" else f"has the default {shown}"
    if depends:
        return "has a default, but an argument or another field decides it" if "default" in node else None
    return None if node.get("default") == said else f"has the default {node.get('default')}, the table {said}"


def differences(fields, schema, judge):
    found = {path: judge(field, node_at(schema, path)) for path, field in fields.items()}
    return {path: what for path, what in found.items() if what}


@pytest.mark.parametrize("judge", [wrong_type, wrong_bounds, wrong_default])
def test_the_schema_says_what_the_table_says(fields, schema, judge):
    assert not differences(fields, schema, judge)


@pytest.mark.parametrize("holder", ["", *INSIDE])
def test_the_schema_has_the_fields_of_the_table(fields, schema, holder):
    node = node_at(schema, holder)
    here = {name_of(path): field for path, field in fields.items() if parent_of(path) == holder}
    assert set(node["properties"]) == set(here)
    assert set(node.get("required", [])) == {name for name, field in here.items() if field["required"]}


def test_what_identifies_a_job_cannot_change(fields, root_schema):
    rules = rules_of(root_schema, "^identifies the job")
    held = {rule["fieldPath"].removeprefix(".spec."): rule["rule"] for rule in rules}
    identity = {path for path, field in fields.items() if "." not in path and field["identity"] != "none"}
    assert set(held) == identity
    for name, rule in held.items():
        assert f"self.spec.{name} == oldSelf.spec.{name}" in rule


def test_a_rule_holds_a_field_with_all_that_is_inside(fields):
    """The schema's rules compare whole fields of spec: nothing in one may be freer, or more bound, than that."""
    for path, field in fields.items():
        if "." in path:
            outer = fields[path.partition(".")[0].removesuffix("[]")]
            assert (field["identity"] == "none") == (outer["identity"] == "none"), path


@pytest.mark.parametrize(
    ("message", "kinds"), [("are for tabular inputs", ("tabular", "csv")), ("are for CSV", ("csv",))]
)
def test_fields_of_some_inputs_are_refused_in_others(fields, schema, message, kinds):
    (rule,) = rules_of(node_at(schema, "inputs[]"), message)
    names = [name_of(path) for path, field in fields.items() if field["of"] in kinds]
    guarded = set(re.findall(r"has\(self\.(\w+)\)", rule["rule"].replace("has(self.format) ?", "")))
    assert guarded - {"type", "glob", "pathPattern"} == set(names)
    assert all(name in rule["message"] for name in names), rule["message"]


def test_options_among_the_arguments_are_checked(fields, schema):
    node = node_at(schema, "arguments")
    rules = node["x-kubernetes-validations"] + node["items"]["x-kubernetes-validations"]
    for path, field in fields.items():
        if "option" not in field:
            continue
        text = [rule["rule"] for rule in rules if field["option"] in rule["rule"]]
        assert len(text) == 2, f"{path}: as two arguments, and with '='"
        assert field["option"] in node_at(schema, path)["description"]


def test_no_field_is_from_the_future(fields):
    text = (REPOSITORY / "CMakeLists.txt").read_text(encoding="utf-8")
    (version,) = re.findall(r"project\(parallelrun VERSION ([\d.]+)", text)
    for path, field in fields.items():
        assert [int(part) for part in field["since"].split(".")] <= [int(n) for n in version.split(".")], path


def test_the_reference_has_the_tables_of_the_fields():
    program = REPOSITORY / "crds" / "reference.py"
    done = subprocess.run(
        [sys.executable, program, "--check"],
        capture_output=True,
        text=True,
        env={"PARALLELRUN_BUILD_DIR": str(BUILD)},
    )
    assert done.returncode == 0, done.stderr
