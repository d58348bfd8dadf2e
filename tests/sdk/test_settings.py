"""What Python says of fields is made of the table of fields, and it is the manifest's spelling in Python's."""

import re
from importlib import import_module

import pytest
import yaml
from conftest import ROOT


@pytest.fixture(scope="session")
def schema():
    text = (ROOT / "crds" / "parallelrunjobs.yaml").read_text()
    return yaml.safe_load(text)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"][
        "properties"
    ]


def test_every_field_has_its_name_in_python(parallelrun, schema):
    camel = import_module("parallelrun._inputs").camel
    settings = set(parallelrun.Settings.__annotations__)
    of_output = {name for name in settings if name.startswith("output_") and name != "output_action"}
    assert {camel(name) for name in settings - of_output} | {
        "sourceDirectory", "entryScript", "inputs", "sideInputs", "output", "arguments"
    } == set(schema)  # fmt: skip
    assert {camel(name[len("output_") :]) for name in of_output} | {"source", "overwrite", "format"} == set(
        schema["output"]["properties"]
    )
    inputs = schema["inputs"]["items"]["properties"]
    assert {camel(name) for name in parallelrun.TableFields.__annotations__} | {
        "name",
        "type",
        "source",
    } == set(inputs)
    assert set(parallelrun.FileFields.__annotations__) < set(parallelrun.TableFields.__annotations__)


def test_every_field_has_words(parallelrun):
    text = (ROOT / "python" / "parallelrun" / "_fields.py").read_text()
    for name in (*parallelrun.Settings.__annotations__, *parallelrun.TableFields.__annotations__):
        assert re.search(rf'^    {name}: .*\n    """[A-Z`0-9].*\."""$', text, re.MULTILINE), name


def test_fields_of_the_output(parallelrun, folder):
    job = parallelrun.run(
        list, folder / "in", folder / "out", output_mount_on_workers=True, show_output=False
    )
    assert job.manifest["spec"]["output"]["mountOnWorkers"] is True
    with pytest.raises(parallelrun.JobError, match="spec.outputMountOnWorker: unknown field"):
        parallelrun.run(list, folder / "in", folder / "out", output_mount_on_worker=True, show_output=False)
