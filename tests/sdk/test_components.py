"""parallel_run_function and what belongs to it of the SDK v2, with the imports alone changed: real jobs of this machine."""

import warnings
from importlib import import_module

import pytest

SCORE = """\
import argparse, os

def init():
    global options
    parser = argparse.ArgumentParser()
    parser.add_argument("--model")
    parser.add_argument("--threshold", type=float)
    parser.add_argument("--out")
    options, _ = parser.parse_known_args()

def run(mini_batch):
    model = open(os.path.join(options.model, "model.txt")).read()
    return [f"{os.path.basename(path)} {len(mini_batch)} {model} {options.threshold}" for path in mini_batch]
"""
TABLE = (
    "def init(): pass\ndef run(mini_batch): return mini_batch.assign(kind=str(mini_batch.dtypes.iloc[0]))\n"
)


@pytest.fixture
def v2(parallelrun):
    """All names that programs import, in one place."""
    found = {}
    for path in ("", ".parallel", ".constants", ".entities", ".dsl"):
        found.update(vars(import_module(f"parallelrun.azure.ai.ml{path}")))
    return type("v2", (), {name: staticmethod(value) for name, value in found.items()})


@pytest.fixture
def client(v2, folder, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "src").mkdir()
    (folder / "src" / "score.py").write_text(SCORE)
    (folder / "src" / "table.py").write_text(TABLE)
    (folder / "model").mkdir()
    (folder / "model" / "model.txt").write_text("good")
    (folder / "mltable").mkdir()
    (folder / "mltable" / "MLTable").write_text(
        "paths: [{file: ../table.csv}]\ntransformations:\n- read_delimited: {delimiter: ','}\n"
        "- convert_column_types: [{columns: code, column_type: string}]\n"
    )
    return v2.MLClient(folder=folder / "ws")


def scoring(v2, **changed):
    return v2.parallel_run_function(**{
        "name": "file_batch_score",
        "display_name": "Batch Score with File Dataset",
        "inputs": {
            "data": v2.Input(type=v2.AssetTypes.URI_FOLDER),
            "model": v2.Input(type=v2.AssetTypes.CUSTOM_MODEL),
            "threshold": v2.Input(type="number", default=0.5),
        },
        "outputs": {"rows": v2.Output(type=v2.AssetTypes.URI_FILE)},
        "input_data": "${{inputs.data}}",
        "instance_count": 2,
        "max_concurrency_per_instance": 1,
        "mini_batch_size": "3",
        "mini_batch_error_threshold": 1,
        "retry_settings": {"max_retries": 2, "timeout": 60},
        "logging_level": "DEBUG",
        "task": v2.RunFunction(
            code="./src",
            entry_script="score.py",
            program_arguments="--model ${{inputs.model}} --threshold ${{inputs.threshold}} --out ${{outputs.rows}}",
            append_row_to="${{outputs.rows}}",
        ),
        **changed,
    })  # fmt: skip


def table(v2):
    return v2.parallel_run_function(
        name="tabular_batch",
        inputs=dict(data=v2.Input(type=v2.AssetTypes.MLTABLE)),
        outputs=dict(scored=v2.Output(type=v2.AssetTypes.URI_FILE)),
        input_data="${{inputs.data}}",
        mini_batch_size="10kb",
        task=v2.RunFunction(code="src", entry_script="table.py", append_row_to="${{outputs.scored}}"),
    )


def steps_of(client, job):
    client.jobs.stream(job.name)
    assert job.status == "Completed"
    return {step.name: step for step in job.run.get_steps()}


def test_a_node_is_a_job(v2, client, folder):
    node = scoring(v2)(data=v2.Input(path="in"), model="model")
    node.max_concurrency_per_instance = 2
    job = client.jobs.create_or_update(node, experiment_name="samples")
    (step,) = steps_of(client, job).values()
    spec = step.manifest["spec"]
    wanted = {
        "miniBatchSize": 3, "nodeCount": 2, "processCountPerNode": 2, "allowedFailedCount": 1, "runMaxTry": 3,
        "runInvocationTimeout": 60, "loggingLevel": "DEBUG", "outputAction": "append_row",
        "arguments": ["--model", "$(sideInputs.model)", "--threshold", "0.5", "--out", "$(output)"],
    }  # fmt: skip
    assert {key: spec[key] for key in wanted} == wanted
    rows = sorted(step.job.results()["row"])
    assert rows[0] == "0.txt 3 good 0.5" and len(rows) == 10
    client.jobs.download(job.name, download_path=folder / "copy", output_name="rows")
    assert sorted((folder / "copy" / "parallel_run_step.txt").read_text().splitlines()) == rows


def test_a_pipeline_of_components(v2, client, folder):
    """One reads what another writes; a table; an output with a path; a dataset of the workspace."""
    dataset = import_module("parallelrun.azureml.core").Dataset
    dataset.File.from_files("in").register(client.workspace, "numbers")
    score, tabular = scoring(v2), table(v2)

    @v2.pipeline()
    def scores(data, model):
        first = score(data=data, model=model)
        second = score(data=first.outputs.rows, model=model, threshold=1)
        rows = tabular(data=v2.Input(type=v2.AssetTypes.MLTABLE, path="mltable"))
        rows.outputs.scored.path = "final"
        rows.outputs.scored.mode = v2.InputOutputModes.MOUNT
        return {"rows": second.outputs.rows, "table": rows.outputs.scored}

    made = scores(data=v2.Input(path="azureml:numbers:1"), model=v2.Input(path="model"))
    made.settings.default_compute = "cpu-cluster"
    with pytest.warns(UserWarning, match="compute 'cpu-cluster': it stands for this machine"):
        job = client.jobs.create_or_update(made)
    steps = steps_of(client, job)
    assert list(steps) == ["file-batch-score", "file-batch-score-2", "tabular-batch"]
    assert steps["file-batch-score-2"].job.results()["row"].tolist() == ["parallel_run_step.txt 1 good 1.0"]
    (entry,) = steps["tabular-batch"].manifest["spec"]["inputs"]
    assert entry["columns"] == {"code": "string"} and entry["type"] == "tabular"
    assert job.folder_of("table") == str(folder / "final")
    assert len((folder / "final" / "parallel_run_step.txt").read_text().splitlines()) == 10


def test_data_assets(v2, client, folder):
    """Of a folder: what create_or_update gives is the path of an Input."""
    made = client.data.create_or_update(v2.Data(name="numbers", path="in", description="ten files"))
    assert (made.id, made.type, made.description) == ("azureml:numbers:1", "uri_folder", "ten files")
    rows = client.data.create_or_update(v2.Data(name="rows", path="mltable", type=v2.AssetTypes.MLTABLE))
    assert [(each.name, each.type) for each in client.data.list()] == [
        ("numbers", "uri_folder"),
        ("rows", "mltable"),
    ]
    assert client.data.get("rows").id == rows.id and client.data.list("rows")[0].version == "1"
    (part,) = import_module("parallelrun.azureml.core").Dataset.get_by_name(client.workspace, "rows").parts
    assert part["columns"] == {"code": "string"}
    node = scoring(v2)(data=v2.Input(path=made.path), model="model")
    (step,) = steps_of(client, client.create_or_update(node)).values()
    assert len(step.job.results()) == 10


def test_an_output_with_a_path_is_never_another_one(v2, client, folder):
    """A finished job of equal settings elsewhere does not stand for it."""
    first = table(v2)(data=v2.Input(type="mltable", path="mltable"))
    steps_of(client, client.create_or_update(first))
    second = table(v2)(data=v2.Input(type="mltable", path="mltable"))
    second.outputs.scored.path = "here"
    (step,) = steps_of(client, client.create_or_update(second)).values()
    assert not step.reused and (folder / "here" / "parallel_run_step.txt").exists()


def test_files_that_only_the_script_knows_are_no_input(v2, client, folder):
    """The output directory of a job without rows has its logs and more; they would be taken for items."""
    task = v2.RunFunction(code="src", entry_script="score.py", program_arguments="--model ${{inputs.model}}")
    silent = scoring(v2, name="silent", task=task)

    @v2.pipeline
    def both():
        rows = silent(data=v2.Input(path="in"), model="model").outputs.rows
        return {"rows": scoring(v2)(data=rows, model="model").outputs.rows}

    job = client.jobs.create_or_update(both())
    with pytest.raises(
        ValueError, match="cuts the output 'rows' of silent into mini-batches, but only its script knows"
    ):
        client.jobs.stream(job.name)
    first, _ = job.run.get_steps()
    assert first.get_status() == "Finished" and job.status == "Failed"


def test_environments(v2, client, folder):
    conda = {"dependencies": ["python=3.8", {"pip": ["azureml-defaults"]}]}
    task = dict(code="src", entry_script="table.py", append_row_to="${{outputs.scored}}")
    for environment, said in (
        ("azureml:AzureML-sklearn:1", "used only if the workspace has one of that name"),
        (v2.Environment(image="mcr.microsoft.com/x", conda_file=conda), "the image mcr.microsoft.com/x"),
    ):
        with pytest.warns(UserWarning, match=said):
            component = v2.parallel_run_function(
                name="with-environment",
                inputs={"data": v2.Input(type="mltable", path="mltable")},
                outputs={"scored": v2.Output(type="uri_file")},
                input_data="${{inputs.data}}",
                task=v2.RunFunction(environment=environment, **task),
            )
        (step,) = steps_of(client, client.create_or_update(component)).values()
        assert "environment" not in step.manifest["spec"] and len(step.job.results()) == 10


def test_what_has_no_effect_is_said_where_it_is_submitted(v2, client):
    component = scoring(v2, instance_type="Standard_D2", identity="user", is_deterministic=False)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        job = client.jobs.create_or_update(component(data="in", model="model"), compute="cpu")
    assert [str(each.message).partition(",")[0] for each in said] == [
        "compute 'cpu': it stands for this machine; instance_count agents are started here",
        "file_batch_score: resources.instance_type: choose nodes with worker.nodeSelector",
        "file_batch_score: identity: credentials are those of the pods or of the user",
    ]
    assert {each.filename for each in said} == {__file__}
    (step,) = steps_of(client, job).values()
    assert step.manifest["spec"]["allowReuse"] is False


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda v2, c: scoring(v2, task=None), ValueError, "task is missing"),
        (lambda v2, c: scoring(v2, input_data=None), ValueError, "input_data is missing"),
        (lambda v2, c: scoring(v2)("in"), TypeError, "takes its inputs by name: data, model, threshold"),
        (lambda v2, c: scoring(v2)(data="in"), ValueError, "file_batch_score() needs the inputs model"),
        (lambda v2, c: scoring(v2)(data="in", modl="x"), ValueError, "did you mean 'model'?"),
        (lambda v2, c: scoring(v2)(data="in", model="m").outputs.row, AttributeError, "did you mean 'rows'?"),
        (
            lambda v2, c: c.jobs.create_or_update("x"),
            TypeError,
            "the job is str, but only parallel_run_function",
        ),
        (lambda v2, c: c.jobs.get("x"), ValueError, "there is no job of this program 'x'"),
        (lambda v2, c: v2.pipeline(lambda: None)(), ValueError, "calls no parallel component"),
        (lambda v2, c: v2.MLClient(object()), ValueError, "workspace_name is None"),
        (lambda v2, c: v2.MLClient(namespace=""), ValueError, "namespace is empty"),
        (
            lambda v2, c: v2.MLClient(context="c", folder="w"),
            ValueError,
            "for a workspace that is a namespace",
        ),
        (lambda v2, c: c.data.get("numbers"), ValueError, "there is no dataset 'numbers'"),
        (lambda v2, c: c.data.create_or_update(v2.Data(name="x", path="none")), FileNotFoundError, "none"),
        (
            lambda v2, c: c.data.create_or_update(v2.Data(name="x", path="in", type="mltable")),
            ValueError,
            "no file MLTable",
        ),
    ],
)
def test_what_is_refused_names_the_way_out(v2, client, make, error, said):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(error) as caught:
            make(v2, client)
    assert said in str(caught.value)


def test_what_is_invalid_fails_the_job(v2, client):
    job = client.jobs.create_or_update(scoring(v2, mini_batch_size="0")(data="in", model="model"))
    with pytest.raises(Exception, match="spec.miniBatchSize"):
        client.jobs.stream(job.name)
    assert job.status == "Failed"
