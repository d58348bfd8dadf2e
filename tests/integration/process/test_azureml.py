"""The stand-in for `azureml`, as far as entry scripts of ParallelRunStep and of batch endpoints use it."""

import re

import pytest
from worker_harness import INIT_FAILED, PATIENCE, RESULT, file_set

MODEL = """
    from azureml.core import Model
    from azureml.core.model import Model as Same
    assert Model is Same
    def init(): pass
    def run(mini_batch): return [Model.get_model_path(name) for name in ("weights", "labels")]
    """


def load_failure(worker):
    answer = worker.answer()
    assert answer.kind == INIT_FAILED, answer
    assert worker.process.wait(PATIENCE) == 1
    assert answer.json["phase"] == "load"
    return answer.json


def test_model_stand_in(launcher, start):
    worker = start(launcher, MODEL, side_inputs={"weights": "/w", "labels": "/l"})
    worker.ready()
    assert worker.run(file_set("/a")).rows == b"/w\n/l\n"
    worker = start(launcher, MODEL, side_inputs={"weights": "/w"})
    worker.ready()
    error = worker.run(file_set("/a")).error
    assert error["type"] == "ValueError" and "'labels'" in error["message"] and "weights" in error["message"]


@pytest.mark.parametrize(
    "statement, name, way",
    [
        (
            "from azureml.core import Workspace",
            "azureml.core.Workspace",
            "a registered model is a side input",
        ),
        ("import azureml.core\nws = azureml.core.Workspace", "azureml.core.Workspace", "a side input"),
        ("from azureml.core.dataset import Dataset", "azureml.core.dataset", "spec.inputs"),
        ("from azureml.core.run import get_run", "azureml.core.run.get_run", "sys.argv"),
        ("from azureml.core.model import InferenceConfig", "azureml.core.model.InferenceConfig", "sys.argv"),
        ("import azureml.dataprep", "azureml.dataprep", "spec.inputs"),
        ("from azureml import telemetry", "azureml.telemetry", "sys.argv"),
        ("from azureml.core import Model\nModel.list", "azureml.core.Model.list", "sys.argv"),
        ("from azureml.core import Model\nModel(None, 'x')", "azureml.core.Model(...)", "get_model_path"),
        ("from azureml.core import Run\nRun.list", "azureml.core.Run.list", "sys.argv"),
        ("from azureml.core.run import _OfflineRun\n_OfflineRun.list", "azureml.core.Run.list", "sys.argv"),
        (
            "from azureml.core import Run\nRun.get_context().experiment",
            "azureml.core.Run.experiment",
            "There is no workspace",
        ),
        (
            "from azureml.core import Run\nRun.get_context().input_datasets",
            "azureml.core.Run.input_datasets",
            "$(sideInputs.NAME)",
        ),
        (
            "from azureml.core import Run\nRun.get_context().upload_file('a', 'b')",
            "azureml.core.Run.upload_file",
            "EntryScript().log_dir",
        ),
    ],
)
def test_what_the_stand_in_lacks_is_said(launcher, start, statement, name, way):
    worker = start(launcher, statement + "\ndef init(): pass\ndef run(mini_batch): return []\n")
    message = load_failure(worker)["message"]
    assert message.startswith(name + " is not here"), message
    assert way in message
    assert "Model.get_model_path" in message and "spec.environment.requirements" in message


def test_a_script_may_ask_for_parts_of_azureml_that_are_not_here(launcher, start):
    worker = start(
        launcher,
        """
        try:
            from azureml.core import Workspace
        except ImportError:
            Workspace = None
        from azureml import core
        import azureml.core
        from azureml.core.run import Run, _OfflineRun
        run_of_job = Run.get_context()
        seen = [Workspace, getattr(azureml.core, "__version__", "none"), hasattr(run_of_job, "experiment"),
                isinstance(run_of_job, _OfflineRun), core is azureml.core, hasattr(Run, "list")]
        def init(): pass
        def run(mini_batch): return seen
        """,
    )
    worker.ready()
    assert worker.run(file_set("/a")).rows == b"None\nnone\nFalse\nTrue\nTrue\nFalse\n"


def test_an_installed_azureml_wins(launcher, start, tmp_path):
    installed = tmp_path / "installed" / "azureml" / "core"
    installed.mkdir(parents=True)
    (installed.parent / "__init__.py").write_text("")
    (installed / "__init__.py").write_text("class Model: real = True\n")
    worker = start(
        launcher,
        """
        from azureml.core import Model
        def init(): pass
        def run(mini_batch):
            missing = []
            try:
                import azureml.core.model
            except ImportError:
                missing.append("model")
            try:
                import azureml.core.run
            except ImportError:
                missing.append("run")
            return [Model.real, *missing]
        """,
        environment={"PYTHONPATH": str(tmp_path / "installed")},
    )
    worker.ready()
    assert worker.run(file_set("/a")).rows == b"True\nmodel\nrun\n"


def test_azureml_without_core_gets_the_stand_in(launcher, start, tmp_path):
    installed = tmp_path / "installed" / "azureml"
    installed.mkdir(parents=True)
    (installed / "__init__.py").write_text("")
    worker = start(
        launcher,
        MODEL,
        environment={"PYTHONPATH": str(tmp_path / "installed")},
        side_inputs={"weights": "/w", "labels": "/l"},
    )
    worker.ready()
    assert worker.run(file_set("/a")).rows == b"/w\n/l\n"


# --- Run ---

RUN = """
    from azureml.core import Run
    from azureml.core.run import Run as Same
    assert Run is Same and Run.get_context() is Run.get_context()
    def init():
        Run.get_context().tag("stage", "test")
    def run(mini_batch):
        run = Run.get_context()
        run.log("loss", 0.25, step=3)
        run.log(name="state", value="good", description="how it is")
        run.log_list("curve", [1, 2.5, "x"])
        run.log_row("epoch", number=1, loss=0.5)
        run.log_table("table", {"a": [1, 2], "b": [3, 4]})
        run.flush()
        details = run.get_details()
        return [run.id, details["runId"], details["status"], details["tags"]["stage"], run.get_tags()["stage"]]
    def shutdown():
        Run.get_context().log("last", 1)
    """


def test_what_run_logs(launcher, start):
    worker = start(launcher, RUN, job_name="predict")
    worker.ready()
    rows = worker.run(file_set("/a"), mini_batch=7).rows.decode().splitlines()
    assert rows == ["OfflineRun_predict", "OfflineRun_predict", "Running", "test", "test"]
    worker.shutdown()
    records = worker.metrics()
    for record in records:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", record.pop("time"))
        assert record.pop("pid") == worker.process.pid
    assert records == [
        {"kind": "tag", "name": "stage", "value": "test"},
        {"kind": "scalar", "name": "loss", "value": 0.25, "step": 3, "mini_batch": 7},
        {"kind": "scalar", "name": "state", "value": "good", "description": "how it is", "mini_batch": 7},
        {"kind": "list", "name": "curve", "value": [1, 2.5, "x"], "mini_batch": 7},
        {"kind": "row", "name": "epoch", "value": {"number": 1, "loss": 0.5}, "mini_batch": 7},
        {"kind": "table", "name": "table", "value": {"a": [1, 2], "b": [3, 4]}, "mini_batch": 7},
        {"kind": "scalar", "name": "last", "value": 1},
    ]
    assert worker.stderr() == ""


def test_values_that_json_has_no_word_for(tabular_launcher, start):
    worker = start(
        tabular_launcher,
        """
        import datetime, decimal
        import numpy as np, pandas as pd
        from azureml.core import Run
        class Broken:
            def __str__(self): raise OSError("no words")
        def init(): pass
        def run(mini_batch):
            run = Run.get_context()
            for value in (np.float32(0.5), np.int64(3), np.bool_(True), float("nan"), np.inf, -np.inf, None, True,
                          np.arange(3), pd.Series([1.5, None]), b"x", decimal.Decimal("1.5"), 10 ** 40,
                          datetime.date(2024, 1, 31), "ä\\n\\udcff", {1: {2}}, Broken()):
                run.log("v", value)
            return []
        """,
    )
    worker.ready()
    answer = worker.run(file_set("/a"))
    assert answer.kind == RESULT, answer
    assert [record["value"] for record in worker.metrics()] == [
        0.5,
        3,
        True,
        "NaN",
        "Infinity",
        "-Infinity",
        None,
        True,
        [0, 1, 2],
        [1.5, "NaN"],
        "b'x'",
        "1.5",
        10**40,
        "2024-01-31",
        "ä\n\\udcff",
        {"1": [2]},
        "(str() of it raised OSError)",
    ]


def test_a_value_that_is_too_long_is_left_out_and_said(launcher, start):
    worker = start(
        launcher,
        """
        from azureml.core import Run
        def init(): pass
        def run(mini_batch):
            run = Run.get_context()
            for _ in range(2): run.log_list("huge", range(100_000))
            run.log_list("large", range(10_000))
            run.log("far", 1, step="x" * 100_000)
            return []
        """,
    )
    worker.ready()
    worker.run(file_set("/a"))
    records = worker.metrics()
    assert [record["value"] for record in records[:2]] == [None, None]
    assert records[0]["left_out"] > 500_000
    assert records[2]["value"] == list(range(10_000)) and "left_out" not in records[2]
    assert records[3]["name"] == "far" and records[3]["left_out"] > 100_000 and "step" not in records[3]
    said = worker.stderr()
    assert said.count("'huge'") == 1 and "its value is left out" in said and "log_dir" in said


def test_lines_of_threads_and_forked_children_are_whole(launcher, start):
    worker = start(
        launcher,
        """
        import os, threading
        from azureml.core import Run
        def many(who):
            for i in range(20): Run.get_context().log_list(who, [i] * 5000)
        def init(): pass
        def run(mini_batch):
            threads = [threading.Thread(target=many, args=("thread%d" % i,)) for i in range(4)]
            children = []
            for i in range(4):
                child = os.fork()
                if child == 0:
                    many("child%d" % i)
                    os._exit(0)
                children.append(child)
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            return [os.waitpid(child, 0)[1] for child in children]
        """,
    )
    worker.ready()
    assert worker.run(file_set("/a")).rows == b"0\n" * 4
    by_name = {}
    for record in worker.metrics():
        assert len(set(record["value"])) == 1 and len(record["value"]) == 5000
        by_name.setdefault(record["name"], []).append(record["value"][0])
    assert by_name == {kind + str(i): list(range(20)) for kind in ("thread", "child") for i in range(4)}


def test_a_spawned_process_says_where_its_values_are(launcher, start):
    worker = start(
        launcher,
        """
        import multiprocessing
        from azureml.core import Run
        def work(i):
            Run.get_context().log("inside", i)
            return Run.get_context().id
        def init(): pass
        def run(mini_batch):
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                return pool.map(work, [1])
        """,
        job_name="predict",
    )
    worker.ready()
    assert worker.run(file_set("/a")).rows == b"OfflineRun_predict\n"
    said = worker.stderr()
    assert '"name":"inside","value":1' in said and "not in logs/user/metrics.jsonl" in said
    assert worker.metrics() == []


def test_a_closed_descriptor_costs_the_values_alone(launcher, start):
    worker = start(
        launcher,
        """
        import os
        from azureml.core import Run
        def init(): os.close(6)
        def run(mini_batch):
            Run.get_context().log("a", 1)
            return mini_batch
        """,
    )
    worker.ready()
    assert worker.run(file_set("/a")).rows == b"/a\n"
    assert "closed file descriptor 6" in worker.stderr()


# --- what a batch endpoint's script reads ---

FOLDERS = """
    import os
    def init(): pass
    def run(mini_batch): return [os.environ.get(n, "-") for n in ("AZUREML_MODEL_DIR", "AZUREML_BI_OUTPUT_PATH")]
    """


def folders(launcher, start, **config):
    worker = start(launcher, FOLDERS, **config)
    worker.ready()
    return worker.run(file_set("/a")).rows.decode().split()


def test_folders_of_a_batch_endpoint(launcher, start, tmp_path):
    file = tmp_path / "model.pkl"
    file.write_text("")
    assert folders(launcher, start, side_inputs={"m": "/m"}, output_dir="/out") == ["/m", "/out"]
    assert folders(launcher, start, side_inputs={"m": str(file)}) == [str(tmp_path), "-"]
    assert folders(launcher, start, side_inputs={"model": "/m", "other": "/o"}) == ["/m", "-"]
    assert folders(launcher, start, side_inputs={"m": "/m", "other": "/o"}) == ["-", "-"]
    own = {"AZUREML_MODEL_DIR": "/own"}
    assert folders(launcher, start, side_inputs={"m": "/m"}, environment=own) == ["/own", "-"]


@pytest.mark.parametrize(
    "variable, way",
    [("AZUREML_BI_OUTPUT_PATH", "spec.output.mountOnWorkers"), ("AZUREML_MODEL_DIR", "spec.sideInputs")],
)
def test_a_folder_that_is_not_there_says_how_to_get_it(launcher, start, variable, way):
    text = "import os\nfolder = os.environ[%r]\ndef init(): pass\ndef run(mini_batch): return []\n" % variable
    message = load_failure(start(launcher, text))["message"]
    assert message.startswith("the environment variable '%s' is not set" % variable) and way in message
