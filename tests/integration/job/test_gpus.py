"""Each worker process has GPUs of its own; here they are names alone."""

import pytest

TELLS = """
    import glob, os, time

    def init():
        name = os.environ.get("CUDA_VISIBLE_DEVICES", "all")
        open(f"{os.environ['HERE']}/{os.getpid()}-{name}", "w").close()

    def run(mini_batch):
        # Until all processes are at work.
        end = time.monotonic() + 60
        while len(os.listdir(os.environ["HERE"])) < int(os.environ["PROCESSES"]) and time.monotonic() < end:
            time.sleep(0.01)
        return mini_batch
"""


@pytest.mark.parametrize(
    "nodes, processes, where, devices, got",
    [
        (2, 2, "variables", "0,1,2,3", ["0", "1", "2", "3"]),
        (2, 1, "environment", "0,1,GPU-5f,MIG-7", ["0,1", "GPU-5f,MIG-7"]),
        (1, 3, "environment", "0,1", ["0", "0", "1"]),
        (1, 2, "environment", "none", ["all", "all"]),
    ],
    ids=["of-several-agents", "several-each", "shared-in-turn", "none"],
)
def test_gpus_are_dealt_out_over_all_processes(embedded_job, nodes, processes, where, devices, got):
    job = embedded_job.files(40).set(miniBatchSize=1, nodeCount=nodes, processCountPerNode=processes)
    job.script(TELLS)
    here = job.root / "here"
    here.mkdir()
    variables = {"HERE": str(here), "PROCESSES": str(nodes * processes)}
    environment = job.environment()
    for name in ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"):
        environment.pop(name, None)
    (variables if where == "variables" else environment)["NVIDIA_VISIBLE_DEVICES"] = devices
    job.set(environment={"variables": variables})
    job.run(env=environment).expect(0)
    assert sorted(path.name.split("-", 1)[1] for path in here.iterdir()) == got
    told = [line for line in job.log("sys/node/*/environment.txt").splitlines() if "CUDA_VISIBLE" in line]
    if devices == "none":
        assert told == []
        return
    assert len(told) == nodes * processes
    for line in told:
        assert line.startswith("process00") and "GPUs of NVIDIA_VISIBLE_DEVICES" in line, line
    assert sum("only for this process" in line for line in told) == (
        1 if nodes * processes == 3 else len(told)
    )
