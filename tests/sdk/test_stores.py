"""Jobs from Python whose results lie in a store: a real S3 server."""

import sys
from importlib import import_module
from pathlib import Path

import pytest
from checkout import BUILD

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration" / "store"))
from s3_server import Bucket, s3_server  # noqa: E402

KEYS = "accessKeyId: test-key\nsecretAccessKey: 'a-Secret/of+the=tests'\n"
SCRIPT = """\
import os
from azureml.core import Run

def init():
    Run.get_context().log("ready", 1)

def run(mini_batch):
    names = [os.path.basename(path) for path in mini_batch]
    if "7.txt" in names:
        raise ValueError("seven")
    return [{"name": name, "size": os.path.getsize(path)} for name, path in zip(names, mini_batch)]
"""


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    with s3_server(tmp_path_factory.mktemp("s3")) as address:
        yield address


@pytest.fixture
def store(folder, s3, request, monkeypatch):
    """A bucket, and the file with its keys."""
    monkeypatch.chdir(folder)
    # What reads stores is installed once for all tests.
    monkeypatch.setenv("XDG_CACHE_HOME", str(BUILD / "store-cache"))
    monkeypatch.setenv("PARALLELRUN_CACHE_DIR", str(folder / "cache"))
    monkeypatch.setenv("PARALLELRUN_STORE_PATIENCE", "20")
    (folder / "score.py").write_text(SCRIPT)
    (folder / "keys.yaml").write_text(KEYS)
    (folder / "keys.yaml").chmod(0o600)
    name = request.node.name.replace("_", "-").lower()[:60]
    return Bucket(s3, name)


def place(store, prefix, **more):
    inside = {"bucket": store.name, "prefix": prefix, "region": "us-east-1", "endpoint": store.address}
    return {"s3": {**inside, **more}}


SECRET = {"credentials": {"secretName": "keys"}}


def test_run_reads_what_it_has_put_there(parallelrun, store, folder):
    output = place(store, "out/monday", **SECRET)
    given = {"mini_batch_size": 2, "run_max_try": 1, "credentials": {"keys": "keys.yaml"}}
    job = parallelrun.run("score.py", "in", output, show_output=False, **given)
    assert job.output_directory == "" and f"output s3://{store.name}/out/monday" in repr(job)
    rows = job.results()
    assert sorted(rows["name"]) == [f"{n}.txt" for n in range(10) if n not in (6, 7)]
    assert set(rows["size"]) == {1}
    failed = job.failed_items()
    assert len(failed) == 1 and list(failed["count"]) == [2]
    assert [error["message"] for error in job.errors()] == ["seven"]
    assert {"70_driver_log.txt", "user/errors.json", "user/metrics.jsonl"} <= set(job.logs())
    assert "Complete" in job.logs("job_progress_overview.txt")
    with pytest.raises(FileNotFoundError, match="there is no log 'user/x.txt'; there are: 70_driver_log.txt"):
        job.logs("user/x.txt")
    with pytest.raises(ValueError, match="are not taken over; give another output"):
        job.resubmit(mini_batch_size=3)
    # Submitted once more, the same job goes on there: nothing is left to do.
    again = parallelrun.run("score.py", "in", output, show_output=False, **given)
    assert len(again.results()) == 8
    # Anybody else's keys do not read it, and no key is told.
    (folder / "keys.yaml").write_text("accessKeyId: test-key\n")
    with pytest.raises(
        RuntimeError,
        match=f"what the job has left in s3://{store.name}/out/monday cannot be read: output: .*lacks secretAccessKey",
    ):
        job.results()


def test_a_datastore_of_a_folder(parallelrun, store, folder):
    azureml = {}
    for path in ("core", "data", "pipeline.core", "pipeline.steps"):
        azureml.update(vars(import_module(f"parallelrun.azureml.{path}")))
    ws = azureml["Workspace"](folder=folder / "ws")
    with pytest.raises(PermissionError, match="other users may read the keys .*chmod 600"):
        (folder / "keys.yaml").chmod(0o644)
        azureml["Datastore"].register_source(ws, "results", place(store, "base"), "keys.yaml")
    (folder / "keys.yaml").chmod(0o600)
    made = azureml["Datastore"].register_source(ws, "results", place(store, "base"), "keys.yaml")
    assert (
        repr(azureml["Datastore"].get(ws, "results"))
        == repr(made)
        == f"<Datastore results: s3://{store.name}/base>"
    )
    assert sorted(ws.datastores) == ["results", "workspaceblobstore"]
    assert "a-Secret" not in (folder / "ws" / "datastores.json").read_text()
    for number in range(4):
        store.put(f"base/images/{number}.txt", "x" * number)
    images = azureml["Dataset"].File.from_files((made, "images/*.txt"))
    config = azureml["ParallelRunConfig"](
        entry_script="score.py", mini_batch_size=2, append_row_file_name="sizes.txt"
    )
    output = azureml["OutputFileDatasetConfig"]("sizes", destination=(made, "out/{run-id}"))
    first = azureml["ParallelRunStep"]("first", config, [images.as_named_input("images")], output)
    # What the first one has written is read there by the second, whose results are in a folder.
    second = azureml["ParallelRunStep"](
        "second",
        azureml["ParallelRunConfig"](entry_script="score.py", mini_batch_size=1),
        [output.as_input("rows")],
    )
    run = azureml["Experiment"](ws, "e").submit(azureml["Pipeline"](ws, [first, second]))
    assert run.wait_for_completion(show_output=False) == "Finished"
    (one,), (two,) = run.find_step_run("first"), run.find_step_run("second")
    assert one.output_directory == f"s3://{store.name}/base/out/{one.id}"
    assert one.get_metrics("ready") is not None
    assert sorted(one.job.results()["row"])[0].startswith("{'name': '0.txt'")
    assert one.get_output_data("sizes").download(folder / "got") > 3
    assert len((folder / "got" / f"out/{one.id}" / "sizes.txt").read_text().splitlines()) == 4
    assert "'name': 'sizes.txt'" in two.job.results()["row"][0]
    for method, given in (("upload", "in"), ("download", "x")):
        with pytest.raises(NotImplementedError, match=f"{method}.*: the datastore 'results' lies in s3://"):
            getattr(made, method)(given)
    # The plain way knows it too.
    job = parallelrun.run(
        "score.py", "in", (made, "plain"), show_output=False, mini_batch_size=5, error_threshold=-1
    )
    assert len(job.failed_items()) == 1 and store.keys("base/plain/_SUCCESS") == ["base/plain/_SUCCESS"]


def test_what_is_refused(parallelrun, store):
    with pytest.raises(ValueError, match="credentials are files of this machine"):
        parallelrun.submit("score.py", "in", "out", backend="kubernetes", credentials={"keys": "keys.yaml"})
    with pytest.raises(TypeError, match="'a', 'b'. is no place: it must be a path, .datastore, path. with a"):
        parallelrun.submit("score.py", "in", ("a", "b"))
    job = parallelrun.submit(
        "score.py", "in", place(store, "out", **SECRET), credentials={"others": "keys.yaml"}
    )
    with pytest.raises(parallelrun.JobError, match="others"):
        job.wait()
