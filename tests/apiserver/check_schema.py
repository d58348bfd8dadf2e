"""The definition itself: size, descriptions, bounds, and that the server agrees with it."""

import json
import subprocess
import sys

import pytest
import yaml
from checkout import REPOSITORY
from server import CRD, CRD_NAME, DATASETS_CRD

# Of all annotations of an object; `kubectl apply` keeps the whole definition in one.
MOST_APPLIED_BYTES = 262_144
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture(scope="module", params=[CRD, DATASETS_CRD], ids=["jobs", "datasets"])
def definition(request):
    return yaml.safe_load(request.param.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def schema(definition):
    return definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def fields(node, path=""):
    """Every field below `node`, with its path and schema; items of lists and values of maps too."""
    for name, field in node.get("properties", {}).items():
        yield f"{path}.{name}", field
        yield from fields(field, f"{path}.{name}")
    for key, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(node.get(key), dict):
            yield path + mark, node[key]
            yield from fields(node[key], path + mark)


def check_size_applied(server, definition, record_property):
    written = len(json.dumps(definition, separators=(",", ":"), ensure_ascii=False).encode())
    stored = server.request("GET", f"{DEFINITIONS}/{definition['metadata']['name']}").body
    annotations = stored["metadata"]["annotations"]
    applied = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
    record_property(f"applied_bytes_of_{definition['metadata']['name'].split('.')[0]}", applied)
    assert written < MOST_APPLIED_BYTES
    assert written <= applied < MOST_APPLIED_BYTES


def check_no_condition_complains(server, definition):
    stored = server.request("GET", f"{DEFINITIONS}/{definition['metadata']['name']}").body
    conditions = {condition["type"]: condition for condition in stored["status"]["conditions"]}
    assert conditions["Established"]["status"] == "True"
    assert conditions["NamesAccepted"]["status"] == "True"
    assert conditions.get("NonStructuralSchema", {}).get("status", "False") == "False", conditions


def check_every_field_is_described(schema):
    silent = [
        path
        for path, field in fields(schema)
        if not path.startswith(".metadata")
        and not path.endswith(("[]", "{}"))
        and not field.get("description")
    ]
    assert not silent
    # A comma in an unquoted description of a flow map cuts it and leaves a key without a value.
    broken = [path for path, field in fields(schema) if any(value is None for value in field.values())]
    assert not broken


def check_everything_is_bounded(schema):
    """Without bounds the cost of a rule cannot be, and a rule that is added later would not be accepted."""
    unbounded = []
    for path, field in fields(schema):
        kind = field.get("type")
        text = kind == "string" and not ("maxLength" in field or "enum" in field)
        a_list = kind == "array" and "maxItems" not in field
        a_map = "additionalProperties" in field and "maxProperties" not in field
        if text or a_list or a_map:
            unbounded.append(path)
    assert not [path for path in unbounded if not path.startswith((".metadata", ".apiVersion", ".kind"))]


def check_every_list_says_how_it_merges(schema):
    wrong = [
        path
        for path, field in fields(schema)
        if field.get("type") == "array"
        and field.get("x-kubernetes-list-type") not in ("map", "set", "atomic")
    ]
    assert not wrong


def check_rules_have_messages(definition, schema):
    nodes = [("", schema), *fields(schema)]
    rules = [(path, rule) for path, node in nodes for rule in node.get("x-kubernetes-validations", [])]
    assert len(rules) >= (40 if definition["metadata"]["name"] == CRD_NAME else 8)
    assert not [(path, rule["rule"]) for path, rule in rules if not rule.get("message")]


def check_explain(server):
    """kubectl explain is the reference at hand."""
    told = server.kubectl("explain", "prj.spec.inputs.source.persistentVolumeClaim.claimName")
    assert told.returncode == 0, told.stderr
    assert "Name of the claim" in told.stdout


def check_the_reference_page_is_generated():
    program = REPOSITORY / "crds" / "reference.py"
    made = subprocess.run(
        [sys.executable, program, "--stdout"], check=True, capture_output=True, text=True
    ).stdout
    written = (REPOSITORY / "docs" / "crd-reference.md").read_text(encoding="utf-8")
    assert written == made, "run crds/reference.py"
