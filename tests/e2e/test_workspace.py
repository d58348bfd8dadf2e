"""A program for Azure ML on a real cluster: a snippet of the page, with a workspace that is the namespace of the test."""

import re
import uuid
from importlib import import_module

import pytest
from kubernetes import PATIENCE, REPOSITORY
from python_package import lay_out

SNIPPETS = REPOSITORY / "tests" / "sdk" / "snippets"
SCRIPT = """\
import argparse, os
from azureml.core import Model, Run

def init():
    global labels, weight
{labels_argument}
    with open(os.path.join(labels_path, "labels.csv")) as file:
        labels = dict(line.strip().split(",") for line in file)
    with open(os.path.join(Model.get_model_path("mnist"), "weight.txt")) as file:
        weight = file.read()

def run(mini_batch):
    Run.get_context().log("files", len(mini_batch))
    return [f"{{os.path.basename(path)}}: {{labels[os.path.basename(path)]}} {{weight}}" for path in mini_batch]
"""
PUT = (
    "import sys, os\npath = '/data/' + sys.argv[1]; os.makedirs(os.path.dirname(path), exist_ok=True)\n"
    "open(path, 'w').write(sys.argv[2])"
)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return lay_out(tmp_path_factory.mktemp("package"))


@pytest.fixture
def ours(package, space, monkeypatch, recwarn):
    """ours("core") -> parallelrun.azureml.core, in the cluster of the test."""
    monkeypatch.syspath_prepend(str(package))
    monkeypatch.setenv("KUBECONFIG", space.cluster.environment["KUBECONFIG"])
    return lambda path: import_module(f"parallelrun.azureml.{path}")


def snippet(name):
    text = (SNIPPETS / f"{name}.txt").read_text()
    return re.sub(r"^from azureml", "from parallelrun.azureml", text, flags=re.MULTILINE)


def test_a_snippet_of_the_page(ours, space, expected, tmp_path, monkeypatch):
    """side_input_mounted and labels_argument, with a model and a registered dataset; then a second step that reads the
    rows of the first, and the same again with another mini-batch size."""
    monkeypatch.chdir(tmp_path)
    labels = "".join(f"{name},{int(name[:5]) % 10}\n" for name in expected)
    space.python(PUT, "labels/labels.csv", labels)
    space.python(PUT, "models/mnist/weight.txt", "w")
    (tmp_path / "src").mkdir()
    argument = "".join(f"    {line}\n" for line in snippet("labels_argument").splitlines())
    (tmp_path / "src" / "entry.py").write_text(SCRIPT.format(labels_argument=argument.rstrip()))
    (tmp_path / "src" / "count.py").write_text(
        "def init():\n    pass\n\ndef run(mini_batch):\n"
        "    return [len(open(path).readlines()) for path in mini_batch]\n"
    )

    core, data, steps = ours("core"), ours("data"), ours("pipeline.steps")
    ws = core.Workspace.from_namespace(space.name)
    core.Datastore.register_claim(ws, "data", "data")
    store = ws.get_default_datastore()
    core.Model.register(ws, (store, "models/mnist"), "mnist")
    names = {
        "uuid": uuid,
        "ParallelRunStep": steps.ParallelRunStep,
        "label_ds": core.Dataset.File.from_files((store, "labels")).register(ws, "labels"),
        "input_images": core.Dataset.File.from_files((store, "input")).register(ws, "images"),
        "output_dir": data.OutputFileDatasetConfig(name="scores").register_on_complete("scores"),
        "parallel_step_name": "batch-scoring",
        "parallel_run_config": steps.ParallelRunConfig(
            source_directory="src",
            entry_script="entry.py",
            node_count=2,
            mini_batch_size=ours("pipeline.core").PipelineParameter("size", 5),
        ),
    }
    exec(snippet("side_input_mounted"), names)
    count = steps.ParallelRunStep(
        name="count",
        parallel_run_config=steps.ParallelRunConfig(source_directory="src", entry_script="count.py"),
        inputs=[names["output_dir"].as_input("rows")],
    )
    pipeline = ours("pipeline.core").Pipeline(ws, [names["batch_score_step"], count])
    experiment = core.Experiment(ws, "digits")
    run = experiment.submit(pipeline)
    assert run.wait_for_completion(show_output=False, timeout_seconds=3 * PATIENCE) == "Finished"
    (scored,) = run.find_step_run("batch-scoring")
    (counted,) = run.find_step_run("count")
    rows = sorted(f"{name}: {int(name[:5]) % 10} w" for name in expected)
    assert sorted(scored.job.results()["row"]) == rows
    assert counted.job.results()["row"].tolist() == ["60"]
    assert sum(scored.get_metrics()["files"]) == 60
    found = scored.get_output_data("scores")
    assert found.download(tmp_path / "here") == 1
    copy = tmp_path / "here" / found.path_on_datastore / "parallel_run_step.txt"
    assert sorted(copy.read_text().splitlines()) == rows
    assert core.Dataset.get_by_name(ws, "scores").version == 1
    status = space.status(scored.job.name)
    assert {each["name"] for each in status["datasets"]} == {"images", "labels", "mnist.model"}

    again = run.resubmit({"size": 10})
    assert again.wait_for_completion(show_output=False, timeout_seconds=3 * PATIENCE) == "Finished"
    (second,) = again.find_step_run("batch-scoring")
    assert second.job.taken_over["items"] == 60 and second.job.taken_over["from"] == scored.job.name
    assert sorted(second.job.results()["row"]) == rows
    assert [record["status"] for record in experiment.get_runs()] == ["Finished", "Finished"]
