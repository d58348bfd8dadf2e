"""A job that may have the results of another one: what its orchestrator is offered, and when its workers start."""

import json
import time

from program import Operator
from waiting import wait_for

RECORD = "a" * 64


def finish(world, name, **more):
    world.submit(name, workers=1, **more)
    world.awaits_pods(name, "orchestrator-0", "worker-0-0")
    world.run_pods(name)
    world.complete(name, runRecord=RECORD)
    world.awaits(name, "Complete")


def offered(world, name):
    pod = world.pods(name)[f"{name}-orchestrator-0"]
    variables = {one["name"]: one.get("value") for one in pod["spec"]["containers"][0]["env"]}
    return json.loads(variables.get("PARALLELRUN_EARLIER_RUNS", "null")), pod["metadata"]["annotations"]


def output(claim, folder):
    return {"source": {"persistentVolumeClaim": {"claimName": claim}, "subPath": folder}}


def check_a_job_that_is_reused_starts_no_worker(operator, world):
    finish(world, "first", output=output("results", "1st"))
    reuse = world.status("first")["reuse"]
    assert reuse["record"] == RECORD and len(reuse["spec"]) == 64
    world.submit("second", workers=2, output=output("results", "2nd"))
    world.awaits_pods("second", "orchestrator-0")
    runs, annotations = offered(world, "second")
    assert runs == [{"job": "first", "subPath": "1st", "record": RECORD}]
    assert annotations["parallelrun.dev/may-reuse"] == "true"
    world.run_pods("second")
    world.awaits("second", "Running")
    # The last progress is there before the pod has ended.
    progress = {"miniBatchesCreated": 4, "miniBatchesProcessed": 4, "planComplete": True}
    assert world.jobs.merge("second", {"status": {"progress": progress}}, "status").accepted
    time.sleep(1)
    assert set(world.pods("second")) == {"second-orchestrator-0"}
    world.complete("second", reason="Reused", message="Reused the results of job 'first'", reusedFrom="first")
    status = world.awaits("second", "Complete")
    assert status["reuse"]["from"] == "first"
    condition = world.condition("second", "Reused")
    assert (condition["status"], condition["reason"]) == ("True", "Reused")
    assert set(world.pods("second")) == {"second-orchestrator-0"}


def check_workers_start_once_nothing_is_reused(operator, world):
    finish(world, "first")
    world.submit("second", workers=2)
    world.awaits_pods("second", "orchestrator-0")
    world.run_pods("second")
    # An orchestrator that has found nothing begins, and says so.
    progress = {"miniBatchesCreated": 0, "planComplete": False}
    assert world.jobs.merge("second", {"status": {"progress": progress}}, "status").accepted
    world.awaits_pods("second", "orchestrator-0", "worker-0-0", "worker-1-0")
    world.run_pods("second")
    world.complete("second", notReused="nothing is reused: a.txt changed", runRecord=RECORD)
    world.awaits("second", "Complete")
    condition = world.condition("second", "Reused")
    assert (condition["status"], condition["reason"]) == ("False", "NothingReused")
    assert condition["message"] == "nothing is reused: a.txt changed"


def check_which_jobs_are_offered(operator, world):
    finish(world, "alike")
    finish(world, "different", miniBatchSize=7)
    finish(world, "elsewhere", output=output("another", ""))
    world.submit("next", workers=1, miniBatchSize=8)
    # None of them has the same spec: they are there to tell what differs, and workers start at once.
    world.awaits_pods("next", "orchestrator-0", "worker-0-0")
    runs, annotations = offered(world, "next")
    assert {run["job"] for run in runs} == {"alike", "different"}
    assert "parallelrun.dev/may-reuse" not in annotations
    assert world.server.request("DELETE", world.jobs.path("alike")).accepted
    wait_for(lambda: not world.jobs.get("alike").get("metadata"), "the job is still there")
    world.submit("anew", workers=1, allowReuse=False)
    world.awaits_pods("anew", "orchestrator-0", "worker-0-0")
    assert offered(world, "anew")[0] is None
    world.submit("last", workers=1)
    world.awaits_pods("last", "orchestrator-0", "worker-0-0")
    assert {run["job"] for run in offered(world, "last")[0]} == {"different"}


def check_an_operator_that_starts_knows_the_jobs_that_are_finished(kubeconfig, world):
    with Operator(kubeconfig, "--leader-election=false") as operator:
        operator.leading()
        finish(world, "first")
        operator.stop()
    with Operator(kubeconfig, "--leader-election=false") as operator:
        operator.leading()
        world.submit("second", workers=1)
        world.awaits_pods("second", "orchestrator-0")
        assert [run["job"] for run in offered(world, "second")[0]] == ["first"]
        operator.stop()
