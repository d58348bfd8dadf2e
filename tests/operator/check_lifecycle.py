"""A job's life, with a kubelet that is played by writing pod status."""

import json
import subprocess
import time
from base64 import b64decode

import pytest
from program import Operator
from waiting import wait_for
from world import manifest, termination_message


def check_objects_of_a_job(operator, world):
    job = world.submit("digits", workers=2)
    pods = world.awaits_pods("digits", "orchestrator-0", "worker-0-0", "worker-1-0")
    owner = {
        "apiVersion": "parallelrun.dev/v1alpha1",
        "kind": "ParallelRunJob",
        "name": "digits",
        "uid": job["metadata"]["uid"],
        "controller": True,
    }
    secrets = world.items("secrets")
    services = world.items("services")
    assert [secret["metadata"]["name"] for secret in secrets] == ["digits-runner"]
    assert [service["metadata"]["name"] for service in services] == ["digits-orchestrator"]
    for found in [*pods.values(), *secrets, *services]:
        assert found["metadata"]["ownerReferences"] == [owner]
        assert "finalizers" not in found["metadata"]
    assert {account["metadata"]["name"] for account in world.items("serviceaccounts")} >= {
        "parallelrun-orchestrator"
    }
    status = world.status("digits")
    assert status["state"] == "Pending"
    assert status["startTime"] and status["specHash"]
    assert status["observedGeneration"] == 1


def check_a_job_that_completes(operator, world):
    world.submit("digits", workers=2)
    world.awaits_pods("digits", "orchestrator-0", "worker-0-0", "worker-1-0")
    world.run_pods("digits")
    world.awaits("digits", "Running")
    assert world.condition("digits", "Running")["status"] == "True"
    wait_for(lambda: world.status("digits").get("readyReplicas") == 2, lambda: world.status("digits"))
    world.complete("digits")
    for worker in ("digits-worker-0-0", "digits-worker-1-0"):
        world.end_pod(worker)
    status = world.awaits("digits", "Complete")
    assert status["completionTime"]
    assert world.condition("digits", "Complete")["status"] == "True"
    assert "9 of 10 items succeeded" in status["message"]
    assert "1 of 10 items failed" in status["message"]
    # No orchestrator has written any of it: the operator takes it from the last words.
    progress = status["progress"]
    assert (progress["percent"], progress["items"]) == (100, "9 / 10")
    assert (progress["miniBatchSecondsTotal"], progress["updateTime"]) == (1.5, status["completionTime"])
    operator.counts("parallelrun_jobs_finished_total", 1, result="Complete")
    operator.counts("parallelrun_mini_batch_seconds_sum", 1.5)
    assert operator.metric("parallelrun_mini_batch_seconds_sum") == 1.5
    assert operator.metric("parallelrun_items_total", result="succeeded") == 9
    assert operator.metric("parallelrun_items_total", result="failed") == 1
    assert operator.metric("parallelrun_mini_batches_total", result="succeeded") == 2


def check_a_job_that_fails(operator, world):
    world.submit("digits", workers=1)
    world.awaits_pods("digits", "orchestrator-0", "worker-0-0")
    world.run_pods("digits")
    said = termination_message("Failed", reason="ErrorThresholdExceeded", message="11 items failed, 10 may")
    world.end_pod("digits-orchestrator-0", 1, said)
    status = world.awaits("digits", "Failed")
    assert world.condition("digits", "Failed")["reason"] == "ErrorThresholdExceeded"
    assert "11 items failed" in status["message"]
    failures = {"result": "Failed", "reason": "ErrorThresholdExceeded"}
    operator.counts("parallelrun_jobs_finished_total", 1, **failures)
    assert operator.metric("parallelrun_jobs_finished_total", **failures) == 1
    events = wait_for(
        lambda: [event for event in _events(world) if event["reason"] == "Failed"], lambda: _events(world)
    )
    assert events[0]["type"] == "Warning"
    assert events[0]["regarding"]["name"] == "digits"


def _events(world):
    return world.server.request("GET", f"/apis/events.k8s.io/v1/namespaces/{world.namespace}/events").body[
        "items"
    ]


def check_an_evicted_worker_is_replaced(operator, world):
    world.submit("digits", workers=2)
    world.awaits_pods("digits", "orchestrator-0", "worker-0-0", "worker-1-0")
    world.run_pods("digits")
    world.awaits("digits", "Running")
    evicted = {
        "phase": "Failed",
        "reason": "Evicted",
        "message": "The node was low on resource: memory.",
        "conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet"}],
    }
    world.set_pod("digits-worker-1-0", evicted)
    wait_for(lambda: "digits-worker-1-1" in world.pods("digits"), lambda: sorted(world.pods("digits")))
    (worker,) = world.status("digits")["workers"]
    assert (worker["index"], worker["incarnation"]) == (1, 1)
    assert world.state("digits") == "Running"


def check_pauses_between_failures(operator, world):
    """5, 5, 5, 8 s and more from the end of the container on, the last failed pod is kept for its log, and the job
    goes on with the worker that is well."""
    world.submit("digits", workers=2)
    world.awaits_pods("digits", "orchestrator-0", "worker-0-0", "worker-1-0")
    world.run_pods("digits")
    world.awaits("digits", "Running")
    said = json.dumps(
        {"state": "Interrupted", "reason": "WorkerFailed", "message": "the source directory changed"}
    )
    pauses = []
    for incarnation in range(4):
        failed, successor = (f"digits-worker-1-{number}" for number in (incarnation, incarnation + 1))
        world.run_pod(failed)
        world.end_pod(failed, 1, said)
        ended_at = time.monotonic() - 0.2
        while successor not in (pods := world.pods("digits")):
            assert failed in pods, "its log is gone before its successor is there"
            assert time.monotonic() - ended_at < 30, world.status("digits")
            time.sleep(0.1)
        pauses.append(round(time.monotonic() - ended_at, 1))
    print(f"pauses between replacements: {pauses}")
    assert all(pause >= 5 for pause in pauses) and pauses[3] >= 8, pauses
    assert max(pauses[:3]) < 9, pauses
    assert world.state("digits") == "Running"
    condition = world.condition("digits", "Running")
    assert (condition["status"], condition["reason"]) == ("True", "WorkersMissing"), condition
    assert "the source directory changed" in world.status("digits")["message"]
    replaced = [event for event in _events(world) if event["reason"] == "WorkerReplaced"]
    assert len(replaced) == 1, "one cause is one event, which is counted"
    assert replaced[0]["series"]["count"] == 4
    assert "the source directory changed" in replaced[0]["note"]


def check_complete_with_failures_says_so(operator, world):
    world.submit("digits", workers=1)
    world.awaits_pods("digits", "orchestrator-0", "worker-0-0")
    assert world.status("digits")["message"], "never empty"
    world.run_pods("digits")
    world.awaits("digits", "Running")
    assert "lists the input" in world.status("digits")["message"]
    counts = {"itemsTotal": 30_000, "itemsSucceeded": 29_500, "itemsFailed": 500}
    world.complete("digits", reason="Completed", message="all 3000 mini-batches are processed", **counts)
    status = world.awaits("digits", "Complete")
    assert "500 of 30000 items failed" in status["message"]
    condition = world.condition("digits", "Complete")
    assert condition["reason"] == "CompletedWithFailures"
    assert "500 of 30000 items failed" in condition["message"]
    events = wait_for(
        lambda: [event for event in _events(world) if event["reason"] == "CompletedWithFailures"],
        lambda: _events(world),
    )
    assert "500 of 30000 items failed" in events[0]["note"]


def check_a_job_of_many_workers_holds_no_other_up(operator, world):
    assert world.jobs.create(manifest("larger", workers=100_000_000)).status == 422
    world.submit("large", workers=10_000)
    wait_for(lambda: len(world.pods("large")) > 100, lambda: len(world.pods("large")))
    world.submit("small", workers=1)
    world.awaits_pods("small", "orchestrator-0", "worker-0-0")
    assert len(world.pods("large")) < 10_001, "the small one waited for the large one"
    assert operator.resident_bytes() < 300e6
    assert world.server.request("DELETE", world.jobs.path("large")).accepted


def check_a_lost_orchestrator_is_replaced(operator, world):
    world.submit("digits", workers=1)
    world.awaits_pods("digits", "orchestrator-0", "worker-0-0")
    world.run_pods("digits")
    world.awaits("digits", "Running")
    world.delete_pod("digits-orchestrator-0")
    world.awaits_pods("digits", "orchestrator-1", "worker-0-0")
    assert world.status("digits")["orchestrator"]["incarnation"] == 1
    world.run_pods("digits")
    world.complete("digits", incarnation=1)
    world.awaits("digits", "Complete")


def check_scale_and_suspend(operator, world):
    world.submit("digits", workers=1)
    world.awaits_pods("digits", "orchestrator-0", "worker-0-0")
    world.run_pods("digits")
    assert world.jobs.merge("digits", {"spec": {"replicas": 3}}, "scale").accepted
    world.awaits_pods("digits", "orchestrator-0", "worker-0-0", "worker-1-0", "worker-2-0")
    # The Secret has the new manifest, and pods and Service say so.
    secret = world.items("secrets")[0]
    assert secret["metadata"]["annotations"]["parallelrun.dev/generation"] == "2"
    assert world.jobs.merge("digits", {"spec": {"suspend": True}}).accepted
    world.awaits_pods("digits")
    world.awaits("digits", "Suspended")
    assert world.jobs.merge("digits", {"spec": {"suspend": False}}).accepted
    wait_for(lambda: len(world.pods("digits")) == 4, lambda: sorted(world.pods("digits")))


def check_an_invalid_edit_of_a_running_job_waits_to_be_corrected(operator, world):
    world.submit("digits", workers=1)
    world.awaits_pods("digits", "orchestrator-0", "worker-0-0")
    world.run_pods("digits")
    world.awaits("digits", "Running")
    clash = {"volumes": [{"name": "scratch", "emptyDir": {}}]}
    assert world.jobs.merge("digits", {"spec": {"worker": clash, "nodeCount": 2}}).accepted

    def refused():
        return world.condition("digits", "Running")["reason"] == "InvalidSpec"

    wait_for(refused, lambda: world.status("digits"))
    assert world.state("digits") == "Running"
    assert "spec.worker.volumes[0].name: 'scratch'" in world.status("digits")["message"]
    assert world.items("secrets")[0]["metadata"]["annotations"]["parallelrun.dev/generation"] == "1"
    assert sorted(world.pods("digits")) == ["digits-orchestrator-0", "digits-worker-0-0"]
    assert world.jobs.merge("digits", {"spec": {"worker": None}}).accepted
    world.awaits_pods("digits", "orchestrator-0", "worker-0-0", "worker-1-0")
    assert world.condition("digits", "Running")["reason"] == "Running"
    assert world.items("secrets")[0]["metadata"]["annotations"]["parallelrun.dev/generation"] == "3"


def check_unknown_fields_survive(operator, world):
    """A newer version's members of status, foreign conditions and labels are nobody's to remove."""
    world.submit("digits", workers=1)
    world.awaits_pods("digits", "orchestrator-0", "worker-0-0")
    foreign = {
        "type": "Audited",
        "status": "True",
        "reason": "Audited",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    conditions = world.status("digits").get("conditions", [])
    patch = {"status": {"conditions": [*conditions, foreign], "progress": {"fieldOfTomorrow": {"a": [1]}}}}
    assert world.server.request(
        "PATCH",
        world.jobs.path("digits", "status"),
        patch,
        content="application/merge-patch+json",
    ).accepted
    assert world.jobs.merge("digits", {"metadata": {"labels": {"team": "vision"}}}).accepted
    world.run_pods("digits")
    world.complete("digits")
    world.awaits("digits", "Complete")
    job = world.jobs.get("digits")
    assert foreign in job["status"]["conditions"]
    assert job["status"]["progress"]["fieldOfTomorrow"] == {"a": [1]}
    assert job["metadata"]["labels"] == {"team": "vision"}


def check_progress_is_never_lost(operator, world, audit):
    """The orchestrator applies its progress while the operator writes status, again and again."""
    world.submit("digits", workers=1)
    world.awaits_pods("digits", "orchestrator-0", "worker-0-0")
    for count in range(1, 61):
        progress = {
            "apiVersion": "parallelrun.dev/v1alpha1",
            "kind": "ParallelRunJob",
            "metadata": {"name": "digits"},
            "status": {"progress": {"itemsSucceeded": count, "miniBatchesSucceeded": count}},
        }
        # Status changes at the same time: the worker's pod is ready, or is not.
        ready = "True" if count % 2 else "False"
        world.set_pod(
            "digits-worker-0-0",
            {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]},
        )
        if count % 3:
            time.sleep(0.05)  # about when the operator decides
        applied = world.server.request(
            "PATCH",
            world.jobs.path("digits", "status") + "?fieldManager=parallelrun-orchestrator&force=true",
            progress,
            content="application/apply-patch+yaml",
        )
        assert applied.accepted, applied
        assert world.status("digits")["progress"]["itemsSucceeded"] == count
    world.run_pods("digits")
    wait_for(lambda: world.status("digits").get("readyReplicas") == 1, lambda: world.status("digits"))
    assert world.status("digits")["progress"]["itemsSucceeded"] == 60
    wait_for(
        lambda: operator.metric("parallelrun_items_total", result="succeeded") == 60, "60 items are counted"
    )
    writes = [entry for entry in audit(world.namespace) if entry[1] == "parallelrunjobs/status"]
    conflicts = [entry for entry in writes if entry[3] == 409]
    assert len(conflicts) < len(writes), writes
    print(f"status writes beside 60 of progress: {len(writes)}, of them conflicts: {len(conflicts)}")


def check_a_deleted_job_leaves_nothing(operator, world):
    for name in ("one", "two"):
        world.submit(name, workers=1)
        world.awaits_pods(name, "orchestrator-0", "worker-0-0")
    assert world.server.request("DELETE", world.jobs.path("one")).accepted
    wait_for(lambda: not world.pods("one"), lambda: sorted(world.pods("one")))
    wait_for(lambda: len(world.items("secrets")) == 1, lambda: world.items("secrets"))
    wait_for(lambda: len(world.items("services")) == 1, lambda: world.items("services"))
    # And it may come again under its name.
    again = world.submit("one", workers=1)
    pods = world.awaits_pods("one", "orchestrator-0", "worker-0-0")
    uids = {pod["metadata"]["ownerReferences"][0]["uid"] for pod in pods.values()}
    assert uids == {again["metadata"]["uid"]}
    assert len(world.pods("two")) == 2


def check_a_job_deleted_in_the_middle(operator, world):
    """Right after it was made, with whatever the operator has in flight."""
    for number in range(10):
        world.submit("digits", workers=3)
        time.sleep(number * 0.01)
        assert world.server.request("DELETE", world.jobs.path("digits")).accepted
        wait_for(lambda: not world.pods("digits"), lambda: sorted(world.pods("digits")))
    wait_for(lambda: not world.items("secrets"), lambda: world.items("secrets"))
    wait_for(lambda: not world.items("services"), lambda: world.items("services"))
    assert operator.process.poll() is None


def check_a_namespace_that_is_deleted(operator, world):
    world.submit("digits", workers=2)
    world.awaits_pods("digits", "orchestrator-0", "worker-0-0", "worker-1-0")
    assert world.server.request("DELETE", f"/api/v1/namespaces/{world.namespace}").accepted
    path = f"/api/v1/namespaces/{world.namespace}"
    wait_for(
        lambda: world.server.request("GET", path).status == 404,
        lambda: world.server.request("GET", path).body,
    )
    assert operator.process.poll() is None


def check_time_to_live(operator, world):
    world.submit("digits", workers=1, ttlSecondsAfterFinished=1)
    world.awaits_pods("digits", "orchestrator-0", "worker-0-0")
    world.run_pods("digits")
    world.complete("digits")
    wait_for(lambda: world.server.request("GET", world.jobs.path("digits")).status == 404, "the job is gone")
    wait_for(lambda: not world.pods("digits"), lambda: sorted(world.pods("digits")))


def check_quota(operator, world, audit):
    """A quota that is full is told, is not hammered at, and is no end."""
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none"},
        "spec": {"hard": {"pods": "0"}},
    }
    made = world.server.request("POST", world.path("resourcequotas"), quota)
    assert made.accepted
    # Nobody else writes its status here.
    made.body["status"] = {"hard": {"pods": "0"}, "used": {"pods": "0"}}
    assert world.server.request("PUT", world.path("resourcequotas", "none", "status"), made.body).accepted
    pod = {"metadata": {"name": "any"}, "spec": {"containers": [{"name": "any", "image": "any"}]}}
    wait_for(
        lambda: world.server.request("POST", world.path("pods") + "?dryRun=All", pod).status == 403,
        "the quota holds",
    )
    world.submit("digits", workers=20)
    wait_for(
        lambda: (world.condition("digits", "Running") or {}).get("reason") == "QuotaExceeded",
        lambda: world.status("digits"),
    )
    time.sleep(3)
    refused = [entry for entry in audit(world.namespace) if entry[1] == "pods" and entry[3] == 403]
    assert 1 <= len(refused) <= 12, refused
    assert world.server.request("DELETE", world.path("resourcequotas", "none")).accepted
    wait_for(lambda: len(world.pods("digits")) == 21, lambda: sorted(world.pods("digits")))
    wait_for(
        lambda: world.condition("digits", "Running")["reason"] != "QuotaExceeded",
        lambda: world.status("digits"),
    )


def check_a_secret_that_is_there_is_brought_up_to_date(kubeconfig, world):
    """An operator that died left it behind; the job was edited since."""
    job = world.submit("digits", workers=1)
    owner = {key: job[key] for key in ("apiVersion", "kind")} | {
        "name": "digits",
        "uid": job["metadata"]["uid"],
        "controller": True,
    }
    metadata = {
        "name": "digits-runner",
        "ownerReferences": [owner],
        "annotations": {"parallelrun.dev/generation": "1"},
    }
    made = world.server.request(
        "POST", world.path("secrets"), {"metadata": metadata, "data": {"ca.crt": "eA=="}}
    )
    assert made.accepted, made
    assert world.jobs.merge("digits", {"spec": {"errorThreshold": 7}}).accepted
    with Operator(kubeconfig) as operator:
        operator.leading()
        pods = world.awaits_pods("digits", "orchestrator-0", "worker-0-0")
        for pod in pods.values():
            assert pod["metadata"]["annotations"]["parallelrun.dev/secret-generation"] == "2"
        secret = world.items("secrets")[0]
        assert secret["metadata"]["annotations"]["parallelrun.dev/generation"] == "2"
        # Of an operator that kept no key: its certificates are made anew.
        assert b"BEGIN CERTIFICATE" in b64decode(secret["data"]["ca.crt"])
        assert {"ca.key", "orchestrator.key", "worker-0.crt", "worker-0.key"} <= secret["data"].keys()
        assert json.loads(b64decode(secret["data"]["job.json"]))["spec"]["errorThreshold"] == 7
        assert operator.stop()[0] == 0


def check_workers_that_come_later_have_certificates_of_the_same_authority(kubeconfig, world, tmp_path):
    """Signed by another operator than the one that has made the authority."""
    world.submit("digits", workers=1)
    with Operator(kubeconfig) as operator:
        operator.leading()
        world.awaits_pods("digits", "orchestrator-0", "worker-0-0")
        first = world.items("secrets")[0]["data"]
        assert operator.stop()[0] == 0
    assert world.jobs.merge("digits", {"spec": {"nodeCount": 3}}).accepted
    with Operator(kubeconfig) as operator:
        operator.leading()
        pods = world.awaits_pods("digits", "orchestrator-0", "worker-0-0", "worker-1-0", "worker-2-0")
        data = world.items("secrets")[0]["data"]
        assert operator.stop()[0] == 0
    for name in ("ca.crt", "ca.key", "orchestrator.key", "worker-0.crt", "worker-0.key"):
        assert data[name] == first[name], name
    (tmp_path / "ca.crt").write_bytes(b64decode(data["ca.crt"]))
    for index in range(3):
        certificate = tmp_path / f"worker-{index}.crt"
        certificate.write_bytes(b64decode(data[certificate.name]))
        shown = subprocess.run(
            ["openssl", "verify", "-purpose", "sslclient", "-CAfile", tmp_path / "ca.crt", certificate],
            capture_output=True,
            text=True,
        )
        assert shown.returncode == 0, shown
        subject = subprocess.run(
            ["openssl", "x509", "-noout", "-subject", "-in", certificate], capture_output=True, text=True
        ).stdout
        assert f"CN = worker-{index}" in subject and "O = worker" in subject, subject
    for name, pod in pods.items():
        (volume,) = [one for one in pod["spec"]["volumes"] if one["name"] == "job"]
        keys = {item["key"] for item in volume["secret"]["items"]}
        own = "orchestrator" if "orchestrator" in name else name.removeprefix("digits-").rsplit("-", 1)[0]
        assert {key for key in keys if key.endswith(".key")} == {f"{own}.key"}, (name, keys)


@pytest.mark.parametrize("foreign", ["secret", "service"])
def check_a_name_that_is_taken(operator, world, foreign):
    objects = {
        "secret": ("secrets", {"metadata": {"name": "digits-runner"}, "data": {}}),
        "service": (
            "services",
            {"metadata": {"name": "digits-orchestrator"}, "spec": {"ports": [{"port": 1}]}},
        ),
    }
    plural, body = objects[foreign]
    assert world.server.request("POST", world.path(plural), body).accepted
    world.submit("digits", workers=1)
    wait_for(
        lambda: "does not belong to this job" in json.dumps(world.status("digits")),
        lambda: world.status("digits"),
    )
    assert not world.pods("digits")
    name = body["metadata"]["name"]
    found = world.server.request("GET", world.path(plural, name)).body
    assert "ownerReferences" not in found["metadata"]
    assert world.server.request("DELETE", world.path(plural, name)).accepted
    world.awaits_pods("digits", "orchestrator-0", "worker-0-0")
