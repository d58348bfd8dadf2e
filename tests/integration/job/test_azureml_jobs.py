"""What scripts of ParallelRunStep and of batch endpoints get from the stand-in for `azureml`, in whole jobs."""

import json

from waiting import wait_for


def metrics(job):
    return [json.loads(line) for line in (job.out / "logs/user/metrics.jsonl").read_text().splitlines()]


def test_metrics_of_many_processes_are_one_file_of_whole_lines(job):
    job.files(200).set(nodeCount=2, processCountPerNode=2, miniBatchSize=2)
    job.script("""
        import os
        from azureml.core import Run
        def init(): Run.get_context().tag("stage", "test")
        def run(b):
            for path in b: Run.get_context().log("bytes", os.path.getsize(path))
            Run.get_context().log_list("names", [os.path.basename(path) for path in b] * 200)
            return [Run.get_context().id] * len(b)
    """)
    done = job.run().expect(0)
    assert set(job.rows()) == {"OfflineRun_test-job"}
    records = metrics(job)
    assert sum(record["name"] == "bytes" for record in records) == 200
    assert sorted({n for r in records if r["name"] == "names" for n in r["value"]}) == [
        f"f{i:06}.txt" for i in range(200)
    ]
    assert {record["mini_batch"] for record in records if record["kind"] != "tag"} == set(range(100))
    places = {(record["agent"], record["node"], record["process"]) for record in records}
    assert places <= {
        (f"agent00{a}", f"127.0.0.{a + 1}", f"process00{p}") for a in range(2) for p in range(2)
    }
    assert sum(record["name"] == "stage" for record in records) >= len(places)
    assert not (job.out / "logs/user/metrics").exists(), "what agents send is in the one file alone"
    for said in (done.stdout, job.log("70_driver_log.txt")):
        assert "of 3 names in logs/user/metrics.jsonl" in said
        assert "  bytes: 200 values, last 1, lowest 1, highest 1, mean 1" in said
        assert "  names: 100 lists, last 400 values" in said
        assert "  stage: test" in said


def test_metrics_of_a_job_that_goes_on_and_of_one_that_is_killed(embedded_job):
    """What was logged before a process died is there, and a restart appends."""
    job = embedded_job.files(3).set(miniBatchSize=1, runMaxTry=1)
    job.script("""
        import os, signal
        from azureml.core import Run
        def init(): pass
        def run(b):
            Run.get_context().log("before", os.path.basename(b[0]))
            if not os.path.exists(os.environ["GO"]): os.kill(os.getpid(), signal.SIGKILL)
            return b
    """)
    job.set(environment={"variables": {"GO": str(job.root / "go")}})
    job.run().expect(1)
    assert sorted(record["value"] for record in metrics(job)) == [f"f{i:06}.txt" for i in range(3)]
    (job.root / "go").touch()
    done = job.run().expect(0)
    assert sorted(record["value"] for record in metrics(job)) == sorted(
        [f"f{i:06}.txt" for i in range(3)] * 2
    )
    assert "metrics: 3 values of 1 name in logs/user/metrics.jsonl, since this start" in done.stdout
    last = json.loads(job.run("--json").expect(0).stdout.splitlines()[-1])
    assert "metrics" not in last, "nothing ran"


def test_metrics_are_seen_while_the_job_runs(embedded_job):
    job = embedded_job.files(1)
    job.script("""
        import os, time
        from azureml.core import Run
        def init(): pass
        def run(b):
            Run.get_context().log("early", 1)
            while not os.path.exists(os.environ["GO"]): time.sleep(0.01)
            return b
    """)
    job.set(environment={"variables": {"GO": str(job.root / "go")}})
    process = job.start("--json")
    file = job.out / "logs/user/metrics.jsonl"
    wait_for(lambda: file.exists() and '"name":"early"' in file.read_text(), "the value")
    (job.root / "go").touch()
    out, _ = process.communicate()
    finished = json.loads(out.splitlines()[-1])
    assert finished["metrics"] == {
        "values": 1,
        "names": 1,
        "shown": [
            {"name": "early", "kind": "scalar", "values": 1, "last": 1, "lowest": 1, "highest": 1, "mean": 1}
        ],
    }


def test_what_a_script_writes_into_the_descriptor_is_no_line_of_the_file(embedded_job):
    job = embedded_job.files(1)
    job.script("""
        import os
        from azureml.core import Run
        def init(): pass
        def run(b):
            os.write(6, b"\\x1b[2J not json\\n")
            os.write(6, b'{"kind":"scalar","name":"half')
            Run.get_context().log("good", 1)
            return b
    """)
    job.run().expect(0)
    assert [record["name"] for record in metrics(job)] == ["good"]
    assert "2 lines of metrics could not be read and are left out" in job.log("sys/master_role.txt")


def test_a_model_of_one_file_and_the_folders_of_a_batch_endpoint(job):
    (job.root / "model.bin").write_text("42")
    job.files(1).set(sideInputs=[{"name": "mnist", "source": {"local": {"path": "model.bin"}}}])
    job.set(arguments=["--model", "$(sideInputs.mnist)"], outputAction="summary_only")
    job.script("""
        import os, sys
        from azureml.core.model import Model
        def init():
            path = Model.get_model_path("mnist", version=3)
            assert os.path.isfile(path) and path == sys.argv[2], path
            assert path == os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.bin")
        def run(b):
            with open(os.path.join(os.environ["AZUREML_BI_OUTPUT_PATH"], "own.txt"), "w") as own:
                own.write(open(Model.get_model_path("mnist")).read())
            return b
    """)
    job.run().expect(0)
    assert (job.out / "own.txt").read_text() == "42"


def test_a_model_may_be_given_as_a_file_on_the_command_line(embedded_job):
    job = embedded_job.files(1)
    (job.root / "model.bin").write_text("42")
    volume = {"persistentVolumeClaim": {"claimName": "models"}, "subPath": "mnist/model.bin"}
    job.set(sideInputs=[{"name": "mnist", "source": volume}])
    job.script("""
        from azureml.core.model import Model
        def init(): pass
        def run(b): return [open(Model.get_model_path("mnist")).read()]
    """)
    job.run("--side-input", f"mnist={job.root / 'model.bin'}").expect(0)
    assert job.rows() == ["42"]
    refused = job.run("--side-input", "mnist=/dev/null", "--overwrite").expect(2)
    assert "--side-input mnist=DIR: the path '/dev/null' is neither a file nor a directory" in refused.stderr
