"""The classes of Azure's SDK v1 over a workspace that is a folder: the flow of its sample notebook, and what it refuses."""

import json
import os
import subprocess
import warnings
from importlib import import_module

import pandas
import pytest
import yaml
from checkout import BUILD

SIZES = """\
import os

def init():
    pass

def run(mini_batch):
    return [f"{os.path.basename(path)} {len(mini_batch)}" for path in mini_batch]
"""
TABLE = """\
def init():
    pass

def run(mini_batch):
    return mini_batch.assign(kind=str(mini_batch.dtypes.iloc[0]))
"""


@pytest.fixture
def azureml(parallelrun):
    """All names that the programs import, in one place."""
    found = {}
    for path in ("core", "core.compute", "core.compute_target", "core.conda_dependencies", "core.runconfig"):
        found.update(vars(import_module(f"parallelrun.azureml.{path}")))
    for path in (
        "data",
        "data.dataset_type_definitions",
        "data.dataset_consumption_config",
        "pipeline.core",
        "pipeline.steps",
    ):
        found.update(vars(import_module(f"parallelrun.azureml.{path}")))
    return type("azureml", (), {name: staticmethod(value) for name, value in found.items()})


@pytest.fixture
def ws(azureml, folder, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "sizes.py").write_text(SIZES)
    (folder / "table.py").write_text(TABLE)
    return azureml.Workspace(folder=folder / "ws")


def config(azureml, **settings):
    return azureml.ParallelRunConfig(**{"entry_script": "sizes.py", "mini_batch_size": 4, **settings})


def step(azureml, **changed):
    given = {
        "name": "sizes",
        "parallel_run_config": None,
        "inputs": [azureml.Dataset.File.from_files("in").as_named_input("files")],
        **changed,
    }
    if given["parallel_run_config"] is None:
        given["parallel_run_config"] = config(azureml)
    return azureml.ParallelRunStep(**given)


def finished(azureml, ws, *steps, **parameters):
    run = azureml.Experiment(ws, "e").submit(azureml.Pipeline(ws, list(steps)), parameters)
    assert run.wait_for_completion(show_output=False) == "Finished"
    return run


def test_the_flow_of_the_sample_notebook(azureml, ws, folder, capsys):
    """Upload, register, environment, parameters, submit, download, and again with other values."""
    store = ws.get_default_datastore()
    data = store.upload(src_dir="in", target_path="mnist")
    dataset = azureml.Dataset.File.from_files(path=data, validate=False)
    dataset = dataset.register(workspace=ws, name="mnist_sample_data", create_new_version=True)
    environment = azureml.Environment(name="batch")
    with pytest.warns(UserWarning, match=r"azureml-core of the environment 'batch': not installed"):
        environment.python.conda_dependencies = azureml.CondaDependencies.create(
            python_version="3.7", pip_packages=["azureml-core"]
        )
        environment.docker.base_image = azureml.DEFAULT_CPU_IMAGE
        run_config = azureml.ParallelRunConfig(
            source_directory=".",
            entry_script="sizes.py",
            mini_batch_size=azureml.PipelineParameter(name="batch_size_param", default_value="5"),
            error_threshold=10,
            output_action="append_row",
            append_row_file_name="sizes_outputs.txt",
            environment=environment,
            compute_target=azureml.AmlCompute.create(ws, "cpu", None),
            process_count_per_node=azureml.PipelineParameter(name="process_count_param", default_value=2),
            node_count=2,
        )
    # The source directory is the test's folder; what jobs write there is no code.
    output = azureml.OutputFileDatasetConfig(name="inferences")
    one = azureml.ParallelRunStep(
        name="predict-sizes",
        parallel_run_config=run_config,
        inputs=[dataset.as_named_input("mnist_sample_data")],
        output=output,
        allow_reuse=False,
    )
    experiment = azureml.Experiment(ws, "digit_identification")
    pipeline = azureml.Pipeline(workspace=ws, steps=[one])
    assert pipeline.validate() == []
    run = experiment.submit(pipeline)
    assert run.get_status() in ("Running", "NotStarted")
    assert run.wait_for_completion(show_output=True) == "Finished"
    batch_run = run.find_step_run(one.name)[0]
    batch_output = batch_run.get_output_data(output.name)
    assert batch_output.download(local_path=str(folder / "target")) > 1
    result_file = folder / "target" / batch_output.path_on_datastore / run_config.append_row_file_name
    assert sorted(result_file.read_text().splitlines()) == [f"{n}.txt 5" for n in range(10)]

    again = experiment.submit(
        pipeline, pipeline_parameters={"batch_size_param": "1", "process_count_param": 1}
    )
    again.wait_for_completion()
    import_module("parallelrun.azureml.widgets").RunDetails(again).show()
    assert capsys.readouterr().out.endswith("Finished>\n  predict-sizes: Finished, 10 of 10 items\n")
    (second,) = again.get_steps()
    assert set(second.job.results()["row"]) == {f"{n}.txt 1" for n in range(10)}
    assert second.manifest["spec"]["processCountPerNode"] == 1
    assert [each["id"] for each in experiment.get_runs()] == [again.id, run.id]


def test_only_the_six_may_be_parameters(azureml, ws):
    parameter = azureml.PipelineParameter("p", 3)
    six = "mini_batch_size node_count process_count_per_node run_invocation_timeout run_max_try".split()
    for name in six:
        config(azureml, **{name: parameter})
    config(azureml, logging_level=azureml.PipelineParameter("level", "DEBUG"))
    for name in ("error_threshold", "append_row_file_name", "entry_script"):
        with pytest.raises(
            ValueError, match=f"{name} is a PipelineParameter, but only these may be: mini_batch_size"
        ):
            config(azureml, **{name: parameter})
    one = step(azureml, parallel_run_config=config(azureml, run_max_try=parameter))
    with pytest.raises(ValueError, match="there is no pipeline parameter 'pp'; did you mean 'p'?"):
        azureml.Experiment(ws, "e").submit(azureml.Pipeline(ws, [one]), {"pp": 1})


def test_what_is_invalid_is_said_where_the_step_is_made(azureml, ws):
    with pytest.raises(ValueError, match="the step 'sizes' is not valid:\nspec.miniBatchSize"):
        step(azureml, parallel_run_config=config(azureml, mini_batch_size=0))
    with pytest.raises(ValueError, match="spec.runMaxTries: unknown field; did you mean 'runMaxTry'?"):
        step(azureml, parallel_run_config=config(azureml, run_max_tries=2))
    with pytest.raises(ValueError, match="metadata.name"):
        step(azureml, name="X")


def test_a_finished_step_is_used_again(azureml, ws, folder):
    first = finished(azureml, ws, step(azureml)).get_steps()[0]
    second = finished(azureml, ws, step(azureml)).get_steps()[0]
    assert not first.reused and second.reused
    assert second.output_directory == first.output_directory
    # For a result of another run the six parameters count as settings, although the runner would go on with others.
    wider = step(azureml, parallel_run_config=config(azureml, process_count_per_node=2))
    other = finished(azureml, ws, wider).get_steps()[0]
    assert not other.reused and other.output_directory != first.output_directory
    # Changed code is another job: the runner refuses the old directory, and the step gets its own.
    (folder / "sizes.py").write_text(SIZES + "# changed\n")
    third = finished(azureml, ws, step(azureml)).get_steps()[0]
    assert not third.reused and third.output_directory != first.output_directory
    assert len(third.job.results()) == 10
    fourth = finished(azureml, ws, step(azureml, allow_reuse=False)).get_steps()[0]
    assert not fourth.reused and fourth.output_directory != third.output_directory


def test_what_would_give_other_rows_is_not_used_again(azureml, ws, folder):
    """Also where the runner would say that the job is complete: a file beside the script, a file more, a file's content."""
    (folder / "code").mkdir()
    (folder / "code" / "sizes.py").write_text(
        "import os\n\ndef init(): pass\n\ndef run(mini_batch):\n"
        "    word = open('word.txt').read()\n    return [word + open(path).read() for path in mini_batch]\n"
    )
    (folder / "code" / "word.txt").write_text("a")
    inputs = [azureml.Dataset.File.from_files("in").as_named_input("files")]

    def rows():
        settings = config(azureml, source_directory="code")
        done = finished(azureml, ws, step(azureml, inputs=inputs, parallel_run_config=settings)).get_steps()[
            0
        ]
        return done.reused, sorted(map(str, done.job.results()["row"]))

    assert rows() == (False, [f"a{n}" for n in range(10)])
    assert rows() == (True, [f"a{n}" for n in range(10)])
    (folder / "code" / "word.txt").write_text("b")
    assert rows() == (False, [f"b{n}" for n in range(10)])
    (folder / "in" / "10.txt").write_text("x")
    assert rows() == (False, sorted([*(f"b{n}" for n in range(10)), "bx"]))
    (folder / "in" / "10.txt").write_text("yy")
    assert rows() == (False, sorted([*(f"b{n}" for n in range(10)), "byy"]))
    (folder / "code" / "notes.ipynb").write_text("{}")
    (folder / "code" / "__pycache__").mkdir(exist_ok=True)
    (folder / "code" / "__pycache__" / "x.pyc").write_text("")
    assert rows()[0] is True


def test_a_run_goes_on_when_it_is_submitted_again(azureml, ws, folder):
    (folder / "sizes.py").write_text(
        SIZES.replace("    return", "    import time; time.sleep(0.3)\n    return")
    )
    count = azureml.PipelineParameter("processes", 1)
    size = azureml.PipelineParameter("size", 1)
    one = step(
        azureml, parallel_run_config=config(azureml, mini_batch_size=size, process_count_per_node=count)
    )
    run = azureml.Experiment(ws, "e").submit(azureml.Pipeline(ws, [one]))
    (first,) = run.get_steps()
    while not (first.job and first.job.progress.get("miniBatchesProcessed", 0) >= 2):
        assert run.get_status() in ("NotStarted", "Running")
    run.cancel()
    assert run.get_status() == first.get_status() == "Canceled"
    again = run.resubmit({"processes": 4})
    assert again.wait_for_completion(show_output=False) == "Finished"
    (second,) = again.get_steps()
    assert second.output_directory == first.output_directory and len(second.job.results()) == 10
    other = run.resubmit({"size": 5})
    assert other.wait_for_completion(show_output=False) == "Finished"
    (third,) = other.get_steps()
    assert third.output_directory != first.output_directory
    assert third.job.progress["miniBatchesProcessed"] == 2


def test_a_failed_step_ends_the_run(azureml, ws, folder):
    (folder / "bad.py").write_text("def init(): pass\ndef run(mini_batch): raise ValueError('never')\n")
    output = azureml.OutputFileDatasetConfig("scores")
    bad = step(
        azureml,
        name="bad",
        output=output,
        parallel_run_config=config(azureml, entry_script="bad.py", run_max_try=1),
    )
    after = step(azureml, name="after", inputs=[output.as_input("scores")])
    run = azureml.Experiment(ws, "e").submit(azureml.Pipeline(ws, [after, bad]))
    with pytest.raises(Exception, match="never") as caught:
        run.wait_for_completion(show_output=False)
    assert caught.value.status == "Failed"
    assert [(each.name, each.get_status()) for each in run.get_steps()] == [
        ("bad", "Failed"),
        ("after", "NotStarted"),
    ]
    assert run.wait_for_completion(show_output=False, raise_on_error=False) == run.status == "Failed"
    stored = json.loads((folder / "ws" / "runs" / run.id / "run.json").read_text())
    assert stored["status"] == "Failed"


def test_steps_that_read_each_others_outputs(azureml, ws, folder):
    """By files, and as a table; what a step wrote may be registered."""
    files = azureml.OutputFileDatasetConfig("files").register_on_complete("names")
    csv = azureml.OutputFileDatasetConfig("csv")
    rows = config(azureml, entry_script="table.py", append_row_file_name="rows.csv")
    first = step(azureml, name="first", output=files)
    second = step(
        azureml,
        name="second",
        parallel_run_config=rows,
        inputs=[
            azureml.Dataset.Tabular.from_delimited_files("table.csv", set_column_types={"code": "string"})
        ],
        output=csv,
    )
    third = step(azureml, name="third", inputs=[files.as_input("files")])
    fourth = step(
        azureml,
        name="fourth",
        inputs=[csv.read_delimited_files(separator=" ", glob="rows.csv").as_input("rows")],
        parallel_run_config=config(azureml, entry_script="table.py", header=None),
    )
    run = finished(azureml, ws, fourth, third, second, first)
    by_name = {each.name: each for each in run.get_steps()}
    assert list(by_name).index("third") > list(by_name).index("first")
    assert by_name["third"].job.results()["row"].tolist() == ["parallel_run_step.txt 1"]
    assert len(by_name["second"].job.results()) == 10
    assert len(by_name["fourth"].job.results()) == 9  # the first row is taken for a header
    names = azureml.Dataset.get_by_name(ws, "names")
    assert names.parts[0]["glob"] == "parallel_run_step.txt"
    with pytest.raises(ValueError, match="reads the output 'files', which no step of the pipeline writes"):
        azureml.Pipeline(ws, [third])


def test_files_that_only_the_script_knows(azureml, ws, folder):
    """What summary_only leaves is named by a glob; the directory has logs and more."""
    (folder / "write.py").write_text(
        "import os\nfrom azureml_user.parallel_run import EntryScript\n\ndef init(): pass\n\ndef run(mini_batch):\n"
        "    for path in mini_batch:\n"
        "        open(os.path.join(str(EntryScript().output_dir), os.path.basename(path) + '.dat'), 'w').close()\n"
        "    return mini_batch\n"
    )
    writes = config(azureml, entry_script="write.py", output_action="summary_only")
    with pytest.raises(
        ValueError, match="is registered as 'all', but with output_action='summary_only' only the script"
    ):
        step(
            azureml,
            parallel_run_config=writes,
            output=azureml.OutputFileDatasetConfig().register_on_complete("all"),
        )
    output = azureml.OutputFileDatasetConfig().register_on_complete("files", glob="*.dat")
    first = step(azureml, name="first", parallel_run_config=writes, output=output)
    reads = step(azureml, name="reads", inputs=[output.as_input("files", glob="*.dat")])
    run = finished(azureml, ws, first, reads)
    assert len(run.find_step_run("reads")[0].job.results()) == 10
    assert azureml.Dataset.get_by_name(ws, "files").parts[0]["glob"] == "*.dat"
    blind = step(azureml, name="blind", inputs=[output.as_input("files")])
    failed = azureml.Experiment(ws, "e").submit(azureml.Pipeline(ws, [first, blind]))
    with pytest.raises(ValueError, match="so only its script knows the files; name them"):
        failed.wait_for_completion(show_output=False)


def test_versions_of_a_dataset_never_change(azureml, ws, folder):
    make = azureml.Dataset.File.from_files
    one = make("in").register(ws, "numbers", description="all")
    assert (one.version, make("in").register(ws, "numbers").version) == (1, 1)
    before = yaml.safe_load((folder / "ws" / "datasets" / "numbers.yaml").read_text())
    with pytest.raises(
        ValueError, match="'numbers' is there with other content, version 1; register it with create_new"
    ):
        make("in/*.txt").register(ws, "numbers")
    assert make("in/*.txt").register(ws, "numbers", create_new_version=True).version == 2
    after = yaml.safe_load((folder / "ws" / "datasets" / "numbers.yaml").read_text())
    assert after["kind"] == "ParallelRunDataset" and after["metadata"] == {"name": "numbers"}
    assert after["spec"]["type"] == "file" and after["spec"]["versions"][0] == before["spec"]["versions"][0]
    assert after["spec"]["versions"][1]["source"] == {"local": {"path": str(folder / "in")}}
    get = azureml.Dataset.get_by_name
    assert [get(ws, "numbers", version).version for version in (1, "latest")] == [1, 2]
    assert ws.datasets["numbers"].version == 2
    with pytest.raises(ValueError, match="there is no dataset 'nmbers'; did you mean 'numbers'?"):
        get(ws, "nmbers")
    with pytest.raises(ValueError, match="the dataset 'numbers' has no version 3; it has: 1, 2"):
        get(ws, "numbers", 3)
    with pytest.raises(ValueError, match="has the type file, and all its versions have"):
        azureml.Dataset.Tabular.from_delimited_files("table.csv").register(
            ws, "numbers", create_new_version=True
        )


def test_the_command_line_has_the_same_datasets(azureml, ws, folder):
    """A workspace's folder is one of `parallelrun datasets`, both ways."""
    place = folder / "ws" / "datasets"

    program = import_module("parallelrun._bundle_folder").program()

    def datasets(*words):
        command = [program, "datasets", *words, "--datasets", place, "-o", "json"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    make = azureml.Dataset.File.from_files
    make(["in", "in/*.txt"]).register(ws, "numbers", tags={"a": "b"})
    (version,) = datasets("show", "numbers")["spec"]["versions"]
    assert version["version"] == 1 and len(version["parts"]) == 2 and version["tags"] == {"a": "b"}
    assert datasets("register", "numbers", "--path", folder / "in", "--glob", "*.txt")["version"] == 2
    taken = azureml.Dataset.get_by_name(ws, "numbers")
    assert (taken.version, taken.parts) == (2, make("in/*.txt").parts)
    assert make("in").register(ws, "numbers", create_new_version=True).version == 3


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("in", [("in", None)]),
        ("in/3.txt", [("in", "3.txt")]),
        ("in/*.txt", [("in", "*.txt")]),
        ("in/**", [("in", "**/*")]),
        (["in/3.txt", "in/4.txt"], [("in", "{3.txt,4.txt}")]),
        (["in/3.txt", "table.csv"], [("in", "3.txt"), (".", "table.csv")]),
    ],
)
def test_paths_of_a_dataset(azureml, ws, folder, path, parts):
    dataset = azureml.Dataset.File.from_files(path)
    found = [(part["source"]["local"]["path"], part.get("glob")) for part in dataset.parts]
    assert found == [(os.path.normpath(str(folder / at)), glob) for at, glob in parts]


def test_partition_keys_of_paths(azureml, ws, folder):
    """Azure's partition_format is a path pattern; all items with equal values are one mini-batch."""
    for user in ("ann", "bob"):
        for number in range(3):
            (folder / "songs" / user / f"g{number % 2}").mkdir(parents=True, exist_ok=True)
            (folder / "songs" / user / f"g{number % 2}" / f"{number}.mp3").write_text("")
    make = azureml.Dataset.File.from_files
    songs = make("songs", partition_format="/{user}/{genre}/*.mp3")
    keys = config(azureml, mini_batch_size=None, partition_keys=["user", "genre"])
    done = finished(azureml, ws, step(azureml, inputs=[songs], parallel_run_config=keys)).get_steps()[0]
    assert sorted(done.job.results()["row"]) == [
        "0.mp3 2",
        "0.mp3 2",
        "1.mp3 1",
        "1.mp3 1",
        "2.mp3 2",
        "2.mp3 2",
    ]
    assert done.manifest["spec"]["inputs"][0]["pathPattern"] == "{user}/{genre}/*.mp3"
    with pytest.raises(ValueError, match="only names may stand in braces"):
        make("songs", partition_format="{user}/{day:yyyy}/*.mp3")
    with pytest.raises(ValueError, match="give the folder alone as the path"):
        make("songs/*.mp3", partition_format="{user}/*.mp3")
    table = azureml.Dataset.Tabular.from_delimited_files("in", partition_format="{user}.csv")
    with pytest.raises(
        ValueError,
        match="the table 'x' has partition_format, whose names are columns only with partition_keys",
    ):
        step(azureml, inputs=[table.as_named_input("x")])


def test_several_paths_are_read_as_one_dataset(azureml, ws, folder):
    (folder / "more").mkdir()
    (folder / "more" / "11.txt").write_text("11")
    data = azureml.Dataset.File.from_files(["in/3.txt", "in/4.txt", "more"])
    job = finished(azureml, ws, step(azureml, inputs=[data.as_named_input("x")])).get_steps()[0].job
    assert sorted(job.results()["row"]) == ["11.txt 1", "3.txt 2", "4.txt 2"]


def test_kinds_of_tables(azureml, ws, folder):
    (folder / "x.jsonl").write_text('{"code": "a", "value": 1}\n{"code": "b", "value": 2}\n')
    (folder / "x.txt").write_text("00a;1\n00b;2\n")
    pandas.DataFrame({"code": ["a", "b", "c"], "value": [1, 2, 3]}).to_parquet(folder / "x.parquet")
    make = azureml.Dataset.Tabular
    none = azureml.PromoteHeadersBehavior.NO_HEADERS
    for data, rows in [
        (make.from_json_lines_files("x.jsonl"), 2),
        (make.from_parquet_files("x.parquet"), 3),
        (make.from_delimited_files("x.txt", separator=";", header=none), 2),
        (make.from_delimited_files("table.csv", encoding="iso88591"), 10),
    ]:
        table = config(azureml, entry_script="table.py", mini_batch_size=None)
        assert len(finished(azureml, ws, step(azureml, parallel_run_config=table, inputs=[data])).get_steps()[0].job.results()) == rows  # fmt: skip


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (
            lambda a, ws: a.Dataset.Tabular.from_sql_query(a.Datastore(ws)),
            TypeError,
            "must be a SELECT, or a pair of a datastore and a SELECT",
        ),
        (
            lambda a, ws: a.Dataset.File.from_files("nowhere"),
            FileNotFoundError,
            "nothing at the dataset's path",
        ),
        (lambda a, ws: a.Dataset.File.from_files("https://x/y"), ValueError, "is an address"),
        (lambda a, ws: a.Dataset.File.from_files(3), TypeError, "a dataset's path is int"),
        (
            lambda a, ws: a.Dataset.File.from_files((a.Datastore(ws), "../x")),
            ValueError,
            "leaves the datastore",
        ),
        (
            lambda a, ws: a.Dataset.Tabular.from_delimited_files("in", include_path=True),
            ValueError,
            "mini_batch_context",
        ),
        (lambda a, ws: a.Datastore(ws, "workspaceblob"), ValueError, "did you mean 'workspaceblobstore'"),
        (
            lambda a, ws: a.Datastore.register_azure_blob_container(ws, "d", "c"),
            ValueError,
            "datastore 'd': container_name and account_name are missing",
        ),
        (
            lambda a, ws: a.Datastore.register_azure_blob_container(ws, "d", "c", "account"),
            NotImplementedError,
            "keeps no keys; write them into a file that only you may read",
        ),
        (
            lambda a, ws: a.Datastore.register_source(ws, "d", {"sql": {}}),
            ValueError,
            "or a store (azureBlob, s3, gcs)",
        ),
        (
            lambda a, ws: a.Datastore.register_source(ws, "d", {"s3": {"bucket": "b"}}, "nowhere.yaml"),
            FileNotFoundError,
            "the file with the keys of the datastore 'd' is not there",
        ),
        (
            lambda a, ws: a.Workspace(namespace="x", folder="y"),
            ValueError,
            "folder is 'y' and namespace is 'x', but a workspace is one of them",
        ),
        (lambda a, ws: a.Workspace("i", "g", "w", context="x"), ValueError, "name it: namespace=..."),
        (lambda a, ws: a.Datastore.register_claim(ws, "d", "c"), ValueError, "Datastore.register_folder"),
        (lambda a, ws: a.Workspace("id", "group"), ValueError, "workspace_name is None"),
        (
            lambda a, ws: a.Environment.get(ws, "AzureML-Minimal"),
            ValueError,
            "Azure's curated ones are not here",
        ),
        (lambda a, ws: a.Model(ws, "mnist"), ValueError, "there is no model 'mnist'"),
        (lambda a, ws: a.Pipeline(ws, [object()]), TypeError, "only ParallelRunStep runs here"),
        (lambda a, ws: step(a, inputs=["in"]), TypeError, "inputs has a str, but must have datasets"),
        (
            lambda a, ws: step(a, arguments=[a.Dataset.File.from_files("in").as_named_input("x")]),
            ValueError,
            "neither inputs nor side_inputs",
        ),
        (
            lambda a, ws: step(a, inputs=[a.DatasetConsumptionConfig("x", a.PipelineParameter("p", None))]),
            TypeError,
            "make a step for each dataset",
        ),
        (lambda a, ws: a.Run.get_context(), RuntimeError, "entry scripts only"),
    ],
)
def test_what_is_refused_names_the_way_out(azureml, ws, make, error, said):
    with pytest.raises(error) as caught:
        make(azureml, ws)
    assert said in str(caught.value)


def test_models_that_the_script_names(azureml, ws, folder):
    """A file and a folder; one that the script does not name is not given to it."""
    (folder / "one.bin").write_text("file")
    (folder / "two").mkdir()
    (folder / "two" / "part.bin").write_text("folder")
    for path, name in (("one.bin", "one"), ("two", "two"), ("one.bin", "three")):
        azureml.Model.register(ws, path, name)
    azureml.Model.register(workspace=ws, model_path="one.bin", model_name="one")
    assert [model.version for model in azureml.Model.list(ws, "one")] == [1, 2]
    (folder / "sizes.py").write_text(
        "import os, sys\nfrom azureml.core import Model\n\ndef init():\n    pass\n\ndef run(mini_batch):\n"
        "    paths = [Model.get_model_path('one'), os.path.join(Model.get_model_path(sys.argv[1]), 'part.bin')]\n"
        "    return [' '.join(open(path).read() for path in paths)] * len(mini_batch)\n"
    )
    done = finished(azureml, ws, step(azureml, arguments=["two"])).get_steps()[0]
    assert set(done.job.results()["row"]) == {"file folder"}
    assert [each["name"] for each in done.manifest["spec"]["sideInputs"]] == ["one", "two"]
    assert done.manifest["spec"]["sideInputs"][0]["source"]["local"]["path"].endswith(
        "/one/2/content/one.bin"
    )


def test_arguments(azureml, ws, folder):
    """Paths of inputs and outputs, values of parameters; what looks like a placeholder of ours is the script's."""
    (folder / "sizes.py").write_text(
        "import sys\n\ndef init():\n    pass\n\ndef run(mini_batch):\n    return [sys.argv[1:]] * len(mini_batch)\n"
    )
    files = azureml.Dataset.File.from_files("in")
    side = azureml.Dataset.File.from_files("table.csv")
    output = azureml.OutputFileDatasetConfig("scores")
    given = [
        files,
        side.as_named_input("side"),
        side,
        output,
        azureml.PipelineParameter("p", 1.5),
        "$(5)",
        "$(sideInputs.side)",
    ]
    one = step(
        azureml,
        inputs=[files.as_named_input("files")],
        side_inputs=[given[1]],
        arguments=given,
        output=output,
        parallel_run_config=config(azureml, run_max_try=azureml.PipelineParameter("tries", 2)),
    )
    done = finished(azureml, ws, one, p="x").get_steps()[0]
    assert done.job.results()["row"][0] == str(
        [
            str(folder / "in"),
            str(folder / "table.csv"),
            str(folder / "table.csv"),
            done.output_directory,
            "x",
            "$(5)",
            "$(sideInputs.side)",
        ]
    )


def test_what_the_script_logs_comes_back(azureml, ws, folder):
    (folder / "sizes.py").write_text(
        "from azureml.core import Run\n\ndef init():\n    Run.get_context().tag('kind', 'x')\n\n"
        "def run(mini_batch):\n    run = Run.get_context()\n    run.log('files', len(mini_batch))\n"
        "    if len(mini_batch) == 2:\n        run.log('rest', 2)\n"
        "    run.log_row('sizes', count=len(mini_batch), half=len(mini_batch) / 2)\n    return mini_batch\n"
    )
    done = finished(azureml, ws, step(azureml)).get_steps()[0]
    metrics = done.get_metrics()
    assert set(metrics) == {"files", "rest", "sizes"} and metrics["rest"] == 2
    assert sorted(metrics["files"]) == [2, 4, 4] and sorted(metrics["sizes"]["half"]) == [1.0, 2.0, 2.0]
    assert done.get_metrics("rest") == {"rest": 2} and done.get_metrics("none") == {}


def test_environments(azureml, ws, folder):
    (folder / "env.yml").write_text(
        "dependencies:\n- python=3.8\n- pip\n- conda-forge::numpy=1.21\n- xz\n- pip: [azureml-defaults, 'pillow>9']\n"
    )
    (folder / "r.txt").write_text("pillow>9  # images\n\n# more\nxz\n")
    made = azureml.Environment.from_conda_specification("c", "env.yml")
    made.environment_variables = {"A": 1}
    assert made.spec() == {"requirements": ["numpy==1.21.*", "xz", "pillow>9"], "variables": {"A": "1"}}
    made.register(ws)
    assert azureml.Environment.get(ws, "c").spec() == made.spec()
    assert azureml.Environment.from_pip_requirements("p", "r.txt").spec() == {
        "requirements": ["pillow>9", "xz"]
    }


def test_a_workspace_is_found_by_its_config(azureml, ws, folder, monkeypatch):
    ws.write_config(folder)
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    assert azureml.Workspace.from_config().folder == ws.folder
    with pytest.raises(FileNotFoundError, match="write_config"):
        azureml.Workspace.from_config("/proc")


def test_what_has_no_effect_is_said_at_the_users_line(azureml, ws):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        azureml.ComputeTarget(ws, "gpu")
        config(azureml, compute_target="gpu")
        azureml.Dataset.File.from_files("in").as_named_input("x").as_download()
        step(azureml, side_inputs=[azureml.Dataset.File.from_files("in/*.txt").as_named_input("side")])
    assert {os.path.basename(each.filename) for each in said} == {"test_workspace.py"}
    assert len(said) == 4 and all(each.category.__name__ == "AcceptedWithoutEffect" for each in said)


def test_a_query_of_a_database(azureml, ws, folder, monkeypatch):
    import sqlite3

    with sqlite3.connect(folder / "a.db") as database:
        database.execute("CREATE TABLE t AS SELECT 1 AS code, 2 AS value UNION ALL SELECT 3, 4")
    database.close()
    monkeypatch.setenv("PARALLELRUN_SQL_URL", f"sqlite:///{folder / 'a.db'}")
    # What reads it is installed once for all tests.
    monkeypatch.setenv("XDG_CACHE_HOME", str(BUILD / "store-cache"))
    with pytest.warns(UserWarning, match="PARALLELRUN_SQL_URL names the database"):
        data = azureml.Dataset.Tabular.from_sql_query(
            (azureml.Datastore(ws), "select * from t"),
            set_column_types={"code": azureml.DataType.to_string()},
            partition_column="value",
        )
    table = config(azureml, entry_script="table.py", mini_batch_size="1KB")
    job = finished(azureml, ws, step(azureml, parallel_run_config=table, inputs=[data])).get_steps()[0].job
    assert len(job.results()) == 2
