"""A job that is finished already, under another name: pods, volumes and status as they are."""

import json

from kubernetes import PATIENCE, wait_until


def worker_pods(space, name):
    """All that were ever made of it, by the events of their nodes and the scheduler."""
    events = space.cluster.items("-n", space.name, "events")
    return {
        event["involvedObject"]["name"]
        for event in events
        if event["involvedObject"].get("name", "").startswith(f"{name}-worker-")
    }


def test_a_second_job_is_reused_and_one_that_differs_says_in_what(space, expected):
    space.submit("first", nodeCount=2, miniBatchSize=5)
    status = space.wait_state("first", "Complete")
    assert len(status["reuse"]["record"]) == 64, status

    space.submit("second", nodeCount=2, miniBatchSize=5)
    status = space.wait_state("second", "Complete")
    assert status["reuse"]["from"] == "first", status
    assert "Reused the results of job 'first'" in status["message"]
    assert space.condition("second", "Complete")["reason"] == "Reused"
    assert space.condition("second", "Reused")["status"] == "True"
    assert space.rows("second") == expected
    assert status["progress"]["itemsSucceeded"] == 60
    assert worker_pods(space, "first") and not worker_pods(space, "second")
    told = space.cluster.kubectl("logs", "-n", space.name, "second-orchestrator-0")
    assert "Reused the results of job 'first'" in told, told

    # The results of a job stand for themselves.
    space.cluster.kubectl("delete", "-n", space.name, "prj", "first", "--wait")
    space.python("import shutil; shutil.rmtree('/data/out/first')")
    space.submit("third", nodeCount=2, miniBatchSize=5)
    assert space.wait_state("third", "Complete")["reuse"]["from"] == "second"
    assert space.rows("third") == expected

    # The same spec over other data: workers start once the orchestrator has looked.
    space.python("open('/data/input/00007.txt', 'w').write('another')")
    space.submit("changed", nodeCount=2, miniBatchSize=5)
    status = space.wait_state("changed", "Complete")
    assert "from" not in status["reuse"], status
    why = space.condition("changed", "Reused")
    assert (why["status"], why["reason"]) == ("False", "NothingReused")
    assert "00007.txt changed" in why["message"], why
    assert space.rows("changed") == expected and worker_pods(space, "changed")

    space.submit("fresh", nodeCount=2, miniBatchSize=5, allowReuse=False)
    wait_until("workers start at once", lambda: space.pods("fresh", "worker"), PATIENCE)
    status = space.wait_state("fresh", "Complete")
    assert space.condition("fresh", "Complete")["reason"] == "Completed", json.dumps(status)
