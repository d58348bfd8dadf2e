"""A whole job of pod-orchestrator and pod-agents."""

import json

NAMES = """
    import os
    def init():
        print("ready", flush=True)
    def run(mini_batch):
        return [os.path.basename(path) for path in mini_batch]
"""


def test_a_job_with_two_workers(world):
    world.script(NAMES).files(200).set(miniBatchSize=3).apply()
    orchestrator = world.orchestrator()
    workers = [world.worker(index) for index in range(2)]
    orchestrator.expect(0)
    for worker in workers:
        worker.expect(0)
    # One of them may have done it all before the other was up.
    assert any("process000: ready" in worker.output for worker in workers)
    world.expect_every_file_once(200)
    assert orchestrator.message["state"] == "Complete"
    assert orchestrator.message["itemsSucceeded"] == 200
    assert orchestrator.message["logs"] == "results/logs"
    progress = world.progress()
    assert progress["percent"] == 100
    assert progress["items"] == "200 / 200"
    assert world.lease().body["spec"].get("holderIdentity", "") == ""


def test_the_driver_log_tells_what_was_made_from_which_spec(world):
    variables = {"API_TOKEN": "hunter2hunter2"}
    world.script(NAMES).files(6).set(
        miniBatchSize=3, nodeCount=1, environment={"variables": variables}
    ).apply()
    orchestrator = world.orchestrator()
    world.worker()
    orchestrator.expect(0)
    log = (world.out / "logs" / "70_driver_log.txt").read_text()
    assert f"pod {world.name}-orchestrator-0 starts work on job {world.namespace}/{world.name}" in log
    assert "1 node x 1 process" in log
    spec = json.loads(next(line.split(" spec: ")[1] for line in log.splitlines() if " spec: " in line))
    assert spec["spec"]["entryScript"] == "entry.py"
    assert spec["spec"]["environment"]["variables"] == {"API_TOKEN": "***"}
    assert "hunter2" not in log
    assert "worker worker-0 on 127.0.0.1 joined" in log
    assert "Complete" in log and log.rstrip().endswith("exit code 0")


def test_variables_have_what_the_kubelet_made_of_them(world):
    env = [{"name": "ROOT", "value": "/data"}, {"name": "CACHE", "value": "$(ROOT)/cache"}]
    world.script(
        """
        import os
        def init(): pass
        def run(mini_batch):
            return [f"{os.environ['CACHE']} {os.environ['MODE']}" for _ in mini_batch]
        """
    )
    world.files(2).set(environment={"env": env, "variables": {"MODE": "$(ROOT)"}}, nodeCount=1).apply()
    orchestrator = world.orchestrator()
    world.worker(environment={"ROOT": "/data", "CACHE": "/data/cache"})
    orchestrator.expect(0)
    assert world.rows() == ["/data/cache $(ROOT)"] * 2


def test_a_side_input_of_one_file_and_what_the_script_logs_of_its_run(world):
    models = world.volumes / "side-inputs" / "mnist" / "models"
    models.mkdir(parents=True)
    (models / "model.bin").write_text("42")
    source = {"persistentVolumeClaim": {"claimName": "models"}, "subPath": "models/model.bin"}
    world.script(
        """
        from azureml.core import Model, Run
        def init(): pass
        def run(mini_batch):
            Run.get_context().log("files", len(mini_batch))
            return [open(Model.get_model_path("mnist")).read()] * len(mini_batch)
        """
    )
    world.files(4).set(miniBatchSize=2, nodeCount=1, sideInputs=[{"name": "mnist", "source": source}]).apply()
    orchestrator = world.orchestrator()
    world.worker()
    orchestrator.expect(0)
    assert world.rows() == ["42"] * 4
    records = (world.out / "logs/user/metrics.jsonl").read_text().splitlines()
    assert [json.loads(record)["agent"] for record in records] == ["worker-0"] * 2
    for said in (orchestrator.output, (world.out / "logs" / "70_driver_log.txt").read_text()):
        assert "metrics: 2 values of 1 name in logs/user/metrics.jsonl" in said
        assert "files: 2 values, last 2, lowest 2, highest 2, mean 2" in said
