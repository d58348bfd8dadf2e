import json
import subprocess

import pytest
import yaml
from checkout import BUILD, REPOSITORY

PROGRAM = BUILD / "tests" / "spec_fields"


@pytest.fixture(scope="session")
def fields():
    """The table of fields (common/spec/field_table.cpp), by path."""
    assert PROGRAM.exists(), f"{PROGRAM} is missing: build the target spec_fields"
    printed = subprocess.run([PROGRAM], check=True, capture_output=True, text=True).stdout
    return {field["path"]: field for field in json.loads(printed)}


@pytest.fixture(scope="session")
def root_schema():
    text = (REPOSITORY / "crds" / "parallelrunjobs.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


@pytest.fixture(scope="session")
def schema(root_schema):
    return root_schema["properties"]["spec"]
