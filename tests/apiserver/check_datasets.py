"""ParallelRunDataset as an object: versions are added, and what is there never changes and never goes."""

import copy
import re

import pytest
import yaml
from checkout import REPOSITORY
from server import Datasets

CLAIM = {"persistentVolumeClaim": {"claimName": "data"}}


def version(number, **more):
    return {"version": number, "source": {**CLAIM, "subPath": str(number)}, "glob": "*.png", **more}


def dataset(*versions, kind="file", name="mnist"):
    return {
        "apiVersion": "parallelrun.dev/v1alpha1",
        "kind": "ParallelRunDataset",
        "metadata": {"name": name},
        "spec": {"type": kind, "versions": list(versions)},
    }


@pytest.fixture(scope="module")
def datasets(server):
    """A namespace that the cases share; each has a name of its own."""
    return Datasets(server, server.namespace("datasets"))


TABLE = {"version": 2, "source": CLAIM, "delimiter": ";", "columns": {"code": "string"}, "naValues": ["-"]}
PARTS = {"version": 9, "parts": [{"source": CLAIM, "glob": "a/*"}, {"source": {"s3": {"bucket": "b"}}}]}


@pytest.mark.parametrize(
    "made",
    [
        dataset(version(1)),
        dataset(version(3, description="cleaned", created="2026-01-01T00:00:00Z", tags={"a": "b"}), PARTS),
        dataset(TABLE, kind="tabular"),
    ],
    ids=["one", "several", "table"],
)
def check_what_is_stored_is_what_was_written(datasets, made):
    answer = datasets.create(made, dry_run=True)
    assert answer.accepted, answer
    assert answer.body["spec"] == made["spec"]


def check_the_type_is_file_unless_it_is_said(datasets):
    made = dataset(version(1))
    del made["spec"]["type"]
    assert datasets.create(made, dry_run=True).body["spec"]["type"] == "file"


@pytest.mark.parametrize(
    ("made", "field", "words"),
    [
        (dataset(), "spec.versions", "at least 1"),
        (dataset(version(1), version(1)), "spec.versions[1]", "Duplicate value"),
        (dataset(version(0)), "spec.versions[0].version", "greater than or equal to 1"),
        (dataset({"version": 1}), "spec.versions[0]", "needs source, or parts"),
        (dataset({**version(1), "parts": [{"source": CLAIM}]}), "spec.versions[0]", "needs source, or parts"),
        (dataset({**PARTS, "glob": "*"}), "spec.versions[0]", "say it in each part"),
        (dataset(version(1, delimiter=";")), "spec.versions", "are for tabular datasets"),
        (dataset(version(1, pathPattern="{a}/*")), "spec.versions[0].pathPattern", "together with glob"),
        (dataset({"version": 1, "source": {"local": {"path": "d"}}}), "spec.versions[0].source.local", "one machine"),
        (dataset({"version": 1, "source": {**CLAIM, "nfs": {"server": "s", "path": "/"}}}), "spec.versions[0].source",
         "exactly one source"),
        (dataset(version(1), name="Mnist"), "metadata.name", "lower case"),
    ],
)  # fmt: skip
def check_refused_with_the_reason(datasets, made, field, words):
    answer = datasets.create(made, dry_run=True)
    assert answer.status == 422, answer
    assert (field, True) in [(place, words in text) for place, text in answer.causes], answer


def check_a_dataset_is_no_other_dataset(datasets):
    answer = datasets.create(dataset({"version": 1, "source": {"dataset": {"name": "other"}}}), dry_run=True)
    assert not answer.accepted and "dataset" in answer.message


def check_versions_are_added(datasets):
    assert datasets.create(dataset(version(1), version(4), name="grows")).accepted
    answer = datasets.merge("grows", {"spec": {"versions": [version(2), version(4), version(1)]}})
    assert answer.accepted, answer
    assert [one["version"] for one in datasets.get("grows")["spec"]["versions"]] == [2, 4, 1]


@pytest.fixture(scope="module")
def kept(datasets):
    made = dataset(version(1, description="raw"), PARTS, name="kept")
    assert datasets.create(made).accepted
    return made


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda versions: versions[0].update(glob="*.jpg"), "never changes"),
        (lambda versions: versions[0]["source"].update(subPath="2"), "never changes"),
        (lambda versions: versions[0].update(description="Raw"), "never changes"),
        (lambda versions: versions[1]["parts"].pop(), "never changes"),
        (lambda versions: versions.pop(0), "a version that is there stays"),
        (lambda versions: versions.__setitem__(0, version(2)), "a version that is there stays"),
    ],
    ids=["glob", "source", "description", "parts", "removed", "renumbered"],
)
def check_a_version_never_changes(datasets, kept, change, words):
    versions = copy.deepcopy(kept["spec"]["versions"])
    change(versions)
    answer = datasets.merge("kept", {"spec": {"versions": versions}})
    assert answer.status == 422, answer
    assert words in answer.message
    assert datasets.get("kept")["spec"] == kept["spec"]


def check_the_type_never_changes(datasets, kept):
    answer = datasets.merge("kept", {"spec": {"type": "tabular"}})
    assert answer.status == 422 and "cannot change" in answer.message, answer


def check_the_largest_dataset_is_accepted(datasets):
    """A rule that passes the estimate may still cost too much when it runs; and again when a version is added."""
    made = dataset(*(version(number, description="d" * 500) for number in range(1, 256)), name="large")
    answer = datasets.create(made)
    assert answer.accepted, answer
    more = {"spec": {"versions": [*made["spec"]["versions"], version(256)]}}
    answer = datasets.merge("large", more)
    assert answer.accepted, answer


def check_the_example_of_the_documentation(datasets):
    page = (REPOSITORY / "docs" / "data.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(apiVersion.*?kind: ParallelRunDataset\n.*?)```", page, re.DOTALL)
    answer = datasets.create(yaml.safe_load(example), dry_run=True)
    assert answer.accepted, answer
