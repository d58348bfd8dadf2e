"""Each snippet of the pages, with the imports alone changed, over generated digits and a workspace that is a folder."""

import re
import shutil
import uuid
from importlib import import_module
from pathlib import Path

import digits
import pytest

SNIPPETS = Path(__file__).parent / "snippets"
RUN_ALL = "def init():\n    pass\n\ndef run(mini_batch):\n    return list(mini_batch)\n"


def snippet(name):
    return (SNIPPETS / f"{name}.txt").read_text()


def script(name):
    """An entry script as it is; the cell's magic only says where the cell goes."""
    return snippet(name).replace("%%writefile digit_identification.py\n", "")


def with_our_imports(name):
    return re.sub(r"^from azureml", "from parallelrun.azureml", snippet(name), flags=re.MULTILINE)


@pytest.fixture
def ours(parallelrun, recwarn):
    """ours("core") -> parallelrun.azureml.core. What has no effect is said by warnings, which tests may read."""
    return lambda path: import_module(f"parallelrun.azureml.{path}")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """images/, model/, labels/ and src/; workspaces lie in workspaces/. `truth`: the digits."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PARALLELRUN_WORKSPACES", str(tmp_path / "workspaces"))
    tmp_path.joinpath("src").mkdir()
    truth = digits.write(tmp_path / "images", tmp_path / "model", tmp_path / "labels")
    return tmp_path, truth


def run_to_the_end(ours, workspace, step):
    run = (
        ours("core")
        .Experiment(workspace, "digits")
        .submit(ours("pipeline.core").Pipeline(workspace=workspace, steps=[step]))
    )
    assert run.wait_for_completion(show_output=True) == "Finished"
    (step_run,) = run.get_steps()
    return step_run


def test_the_script_and_the_step(ours, place):
    """digit_identification and parallel_run_step: a model of the workspace reads images."""
    folder, truth = place
    core, steps = ours("core"), ours("pipeline.steps")
    workspace = core.Workspace(folder=folder / "ws")
    core.Model.register(workspace, folder / "model", "mnist")
    (folder / "src" / "digit_identification.py").write_text(script("digit_identification"))
    shutil.copy(SNIPPETS / "tensorflow_1.py", folder / "src" / "tensorflow.py")
    names = {
        "parallel_run_config": steps.ParallelRunConfig(
            source_directory="src",
            entry_script="digit_identification.py",
            mini_batch_size="5",
            error_threshold=10,
            output_action="append_row",
            compute_target=core.ComputeTarget(workspace, "cpu-cluster"),
            node_count=2,
        ),  # fmt: skip
        "input_mnist_ds_consumption": core.Dataset.File.from_files("images").as_named_input("mnist"),
        "output_dir": ours("data").OutputFileDatasetConfig(name="inferences"),
    }
    exec(with_our_imports("parallel_run_step"), names)
    step_run = run_to_the_end(ours, workspace, names["parallelrun_step"])
    rows = step_run.job.results()["row"].tolist()
    assert len(rows) == digits.IMAGES and digits.right(rows, truth) > 0.8 * digits.IMAGES
    assert step_run.job.progress["miniBatchesProcessed"] == digits.IMAGES / 5
    # On a busy machine one of the two nodes may have got all mini-batches.
    printed = [name for name in step_run.job.logs() if name.startswith("user/stdout/")]
    assert "run method start: " in "".join(map(step_run.job.logs, printed))


def test_a_file_beside_the_script(ours, place):
    folder, _ = place
    text = snippet("sibling_file").replace("<file_name>", "table.txt")
    (folder / "src" / "table.txt").write_text("beside it")
    (folder / "src" / "entry.py").write_text(
        f"import os\n{text}\ndef init():\n    pass\n\ndef run(mini_batch):\n"
        "    return [open(file_path).read() for _ in mini_batch]\n"
    )
    workspace = ours("core").Workspace(folder=folder / "ws")
    step = ours("pipeline.steps").ParallelRunStep(
        name="beside",
        parallel_run_config=ours("pipeline.steps").ParallelRunConfig(entry_script="src/entry.py"),
        inputs=[ours("core").Dataset.File.from_files("images/*.png")],
    )
    assert set(run_to_the_end(ours, workspace, step).job.results()["row"]) == {"beside it"}


def test_the_logger(ours, place):
    folder, _ = place
    (folder / "src" / "entry.py").write_text(script("entry_script_logger"))
    workspace = ours("core").Workspace(folder=folder / "ws")
    step = ours("pipeline.steps").ParallelRunStep(
        name="logger",
        parallel_run_config=ours("pipeline.steps").ParallelRunConfig(
            source_directory="src", entry_script="entry.py", logging_level="DEBUG", mini_batch_size=20
        ),
        inputs=[ours("core").Dataset.File.from_files("images").as_named_input("images")],
    )
    job = run_to_the_end(ours, workspace, step).job
    log = job.logs("user/entry_script_log/127.0.0.1/process000.log.txt")
    assert "This will show up in files under logs/user on the Azure portal." in log
    assert re.search(r"entry\.py: \[.*digit-00\.png", log)
    assert len(job.results()) == digits.IMAGES


@pytest.mark.parametrize("form", ["side_input", "side_input_mounted"])
def test_a_side_input_and_its_argument(ours, place, form):
    """side_input (of either page) and labels_argument."""
    folder, truth = place
    core, steps = ours("core"), ours("pipeline.steps")
    (folder / "src" / "entry.py").write_text(
        "import argparse, csv, os\n\ndef init():\n    global labels\n"
        + "".join(f"    {line}\n" for line in snippet("labels_argument").splitlines())
        + "    with open(os.path.join(labels_path, 'labels.csv')) as file:\n"
        "        labels = {row['image']: row['digit'] for row in csv.DictReader(file)}\n\n"
        "def run(mini_batch):\n"
        "    return [f'{os.path.basename(path)}: {labels[os.path.basename(path)]}' for path in mini_batch]\n"
    )
    workspace = core.Workspace(folder=folder / "ws")
    names = {
        "uuid": uuid,
        "ParallelRunStep": steps.ParallelRunStep,
        "label_ds": core.Dataset.File.from_files("labels").register(workspace, "labels"),
        "input_images": core.Dataset.File.from_files("images"),
        "output_dir": ours("data").OutputFileDatasetConfig(name="scores"),
        "parallel_step_name": "batch-scoring",
        "parallel_run_config": steps.ParallelRunConfig(source_directory="src", entry_script="entry.py"),
    }
    exec(snippet(form), names)
    step_run = run_to_the_end(ours, workspace, names["batch_score_step"])
    assert digits.right(step_run.job.results()["row"], truth) == digits.IMAGES
    (side_input,) = step_run.manifest["spec"]["sideInputs"]
    assert side_input.get("mountPath") == names.get("local_path")
    assert step_run.manifest["spec"]["arguments"] == ["--labels_dir", "$(sideInputs.labels_input)"]


def test_the_service_principal(ours, place):
    """Its workspace is a folder, and it has no effect, which is said; its password is kept nowhere."""
    folder, _ = place
    core = ours("core")
    names = {
        **vars(core),
        "ServicePrincipalAuthentication": ours("core.authentication").ServicePrincipalAuthentication,
    }
    store = core.Workspace(workspace_name="***").get_default_datastore()
    store.upload("images", "mnist")
    text = (
        snippet("service_principal")
        .replace("**path***", "mnist/*.png")
        .replace("***dataset-name***", "digits")
    )
    text = text.replace('service_principal_password="***"', 'service_principal_password="top secret"')
    with pytest.warns(
        UserWarning, match="ServicePrincipalAuthentication: it is not used and its password is not kept"
    ):
        exec(text, names)
    registered = names["registered_ds"]
    assert (registered.name, registered.version) == ("digits", 1)
    assert names["ws"].folder == str(folder / "workspaces" / "***")
    stored = [file for file in (folder / "workspaces").rglob("*") if file.suffix in (".yaml", ".json")]
    assert stored and not [file for file in stored if "secret" in file.read_text()]
    assert "secret" not in repr(vars(names["service_principal"]))
    (folder / "src" / "entry.py").write_text(RUN_ALL)
    step = ours("pipeline.steps").ParallelRunStep(
        name="registered",
        parallel_run_config=ours("pipeline.steps").ParallelRunConfig(entry_script="src/entry.py"),
        inputs=[registered.as_named_input("images")],
    )
    assert len(run_to_the_end(ours, names["ws"], step).job.results()) == digits.IMAGES


def test_all_snippets_are_held():
    """A snippet that no test of this file reads is held by none."""
    text = Path(__file__).read_text()
    for file in SNIPPETS.glob("*.txt"):
        assert f'"{file.stem}"' in text, f"no test runs {file.name}"
