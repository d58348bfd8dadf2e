"""Jobs that are resubmissions of others, and the verb that makes them. The kubelet is played."""

import base64

import pytest
from calls import ended
from waiting import PATIENCE, wait_for
from world import manifest

RESULTS = {"persistentVolumeClaim": {"claimName": "results"}}


def output(folder):
    return {"source": {**RESULTS, "subPath": folder}}


def reason(world, job):
    return (world.condition(job, "Running") or {}).get("reason")


def awaits_reason(world, job, word):
    wait_for(lambda: reason(world, job) == word, lambda: f"{job} {word}: {world.status(job)}")
    return world.status(job)["message"]


def orchestrator_of(world, job):
    pod = world.awaits_pods(job, "orchestrator-0", "worker-0-0")[f"{job}-orchestrator-0"]
    (container,) = pod["spec"]["containers"]
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    return container["args"], mounts


def check_a_job_waits_for_the_earlier_one_and_reads_its_output(operator, world):
    again = manifest("again", workers=1, resubmissionOf="digits", output=output("again"))
    assert world.jobs.create(again).accepted
    assert "there is no job 'digits'" in awaits_reason(world, "again", "EarlierJobMissing")
    world.submit("digits", workers=1, output=output("2026/digits"))
    assert "has not ended" in awaits_reason(world, "again", "EarlierJobActive")
    world.awaits_pods("digits", "orchestrator-0", "worker-0-0")
    world.run_pods("digits")
    world.awaits("digits", "Running")
    assert world.pods("again") == {}
    world.complete("digits")
    world.awaits("digits", "Complete")
    args, mounts = orchestrator_of(world, "again")
    assert args == ["pod-orchestrator", "--take-over-job", "digits", "--take-over", "2026/digits"]
    assert mounts["/parallelrun/earlier-output"] == {
        "name": mounts["/parallelrun/output"]["name"],
        "mountPath": "/parallelrun/earlier-output",
        "readOnly": True,
    }
    recorded = world.status("again")["resubmission"]
    uid = world.jobs.get("digits")["metadata"]["uid"]
    assert recorded == {"name": "digits", "uid": uid, "subPath": "2026/digits"}
    # It stays so, whatever becomes of the earlier job.
    assert world.server.request("DELETE", world.jobs.path("digits")).accepted
    world.run_pods("again")
    world.awaits("again", "Running")
    world.delete_pod("again-orchestrator-0")
    pods = world.awaits_pods("again", "orchestrator-1", "worker-0-0")
    assert "--take-over-job" in pods["again-orchestrator-1"]["spec"]["containers"][0]["args"]
    answer = world.jobs.merge("again", {"spec": {"resubmissionOf": None}})
    assert answer.status == 422, answer


def check_another_volume(operator, world):
    world.submit("digits", workers=1, output=output("digits"))
    world.awaits_pods("digits", "orchestrator-0", "worker-0-0")
    world.complete("digits")
    world.awaits("digits", "Complete")
    elsewhere = {"source": {"persistentVolumeClaim": {"claimName": "others"}, "subPath": "again"}}
    again = manifest("again", workers=1, resubmissionOf="digits", output=elsewhere)
    assert world.jobs.create(again).accepted
    message = awaits_reason(world, "again", "EarlierJobElsewhere")
    assert "(the claim 'results') than this job's (the claim 'others')" in message
    # The way out that the message names.
    assert world.jobs.merge("again", {"spec": {"output": output("again")}}).accepted
    orchestrator_of(world, "again")


def check_resubmit(verbs):
    world = verbs.world
    first = manifest("digits", output=output("2026/digits"), miniBatchSize=10, suspend=False)
    first["metadata"]["labels"] = {"team": "a"}
    assert world.jobs.create(first).accepted
    assert "has not ended (Pending)" in verbs.refused("resubmit", "digits")
    verbs.write("digits", {"state": "Complete", "startTime": "2026-01-01T00:00:00Z"})
    done = verbs("resubmit", "digits", "--set", "miniBatchSize=20", "--no-wait")
    assert "submitted the job 'digits-2'" in done.stderr
    made = world.jobs.get("digits-2")
    assert made["metadata"]["labels"] == {"team": "a"} and "status" not in made
    spec = made["spec"]
    assert (spec["resubmissionOf"], spec["miniBatchSize"]) == ("digits", 20)
    assert spec["output"]["source"] == {**RESULTS, "subPath": "2026/digits-2"}
    before = world.jobs.get("digits")["spec"]
    for same in ("entryScript", "sourceDirectory", "inputs", "nodeCount"):
        assert spec[same] == before[same]

    taken = {"from": "digits", "miniBatches": 7, "items": 35, "left": 1, "leftItems": 5, "again": ["why"]}
    verbs.write("digits-2", {"state": "Running", "progress": {"miniBatchesCreated": 8, "takenOver": taken}})
    assert "  taken over: 35 items in 7 mini-batches of 'digits'\n" in verbs("status", "digits-2").stdout

    # The next free number, and a name of the user's.
    verbs("resubmit", "digits", "--no-wait", "--set", "allowReuse=false")
    third = world.jobs.get("digits-3")["spec"]
    assert third["output"]["source"]["subPath"] == "2026/digits-3" and third["allowReuse"] is False
    verbs("resubmit", "digits", "--name", "again", "--no-wait")
    assert world.jobs.get("again")["spec"]["output"]["source"]["subPath"] == "2026/again"
    verbs("resubmit", "digits", "--name", "other", "--output", "results/x/y", "--no-wait")
    assert world.jobs.get("other")["spec"]["output"]["source"]["subPath"] == "x/y"

    assert "there is a job 'again' already" in verbs.refused("resubmit", "digits", "--name", "again")
    assert "is in another volume" in verbs.refused("resubmit", "digits", "--output", "others/x")
    assert "--credentials is for a job of this machine" in verbs.refused(
        "resubmit", "digits", "--credentials", "a=b"
    )
    assert "nodeCount" in verbs("resubmit", "digits", "--set", "nodeCount=x", code=2).stderr
    assert "there is no job 'digist'" in verbs.refused("resubmit", "digist")


def check_resubmit_has_its_own_code(verbs, made):
    """The ConfigMap of the earlier job goes with that."""
    world = verbs.world
    verbs("submit", made, "--input", "data=photos/2026", "--output", "results/first", "--no-wait")
    verbs.write("first", {"state": "Failed", "startTime": "2026-01-01T00:00:00Z"})
    done = verbs("resubmit", "first", "--no-wait")
    assert "as the ConfigMap 'first-2-code', which goes with the job" in done.stderr
    first, second = (world.jobs.get(name) for name in ("first", "first-2"))
    source = second["spec"]["sourceDirectory"]["configMap"]
    assert source == {**first["spec"]["sourceDirectory"]["configMap"], "name": "first-2-code"}
    maps = [
        world.server.request("GET", world.path("configmaps", name)).body
        for name in ("first-code", "first-2-code")
    ]
    assert maps[0]["data"] == maps[1]["data"] and maps[0]["binaryData"] == maps[1]["binaryData"]
    assert maps[1]["metadata"]["ownerReferences"][0]["uid"] == second["metadata"]["uid"]
    assert maps[1]["metadata"]["labels"]["parallelrun.dev/code-of"] == "first-2"

    # Other code, if the user says so; and what to do where it is gone.
    (made / "score.py").write_text("# changed\n")
    verbs("resubmit", "first", "--name", "third", "--source-directory", made, "--no-wait")
    third = world.server.request("GET", world.path("configmaps", "third-code")).body
    assert "# changed\n" in third["data"].values()
    assert base64.b64decode(next(iter(third["binaryData"].values()))) == b"\x00\xff"
    assert world.server.request("DELETE", world.path("configmaps", "first-code")).accepted
    words = verbs.refused("resubmit", "first")
    assert (
        "the ConfigMap 'first-code', which is not there any more" in words and "--source-directory" in words
    )


def check_resubmit_from_python(verbs, parallelrun, tmp_path, monkeypatch):
    """A Job, and a name: with what may be changed, and code that is functions of this program."""
    world = verbs.world
    monkeypatch.setenv("KUBECONFIG", verbs.environment["KUBECONFIG"])
    (tmp_path / "score.py").write_text("def init(): pass\ndef run(batch): return batch\n")
    job = parallelrun.submit(
        tmp_path / "score.py",
        parallelrun.claim("photos", "2026"),
        parallelrun.claim("results", "first"),
        backend="kubernetes",
        namespace=world.namespace,
        name="first",
    )
    wait_for(lambda: "spec" in world.jobs.get("first"), "the job is there")
    with pytest.raises(parallelrun.ClusterError, match="^the job 'first' has not ended"):
        job.resubmit(mini_batch_size=20)
    verbs.write("first", ended())
    assert job.wait(timeout=PATIENCE).taken_over is None

    again = job.resubmit(mini_batch_size=20, output_format="csv", output_order="input")
    assert again.name == "first-2"
    made = world.jobs.get("first-2")["spec"]
    assert (made["resubmissionOf"], made["miniBatchSize"]) == ("first", 20)
    written = made["output"]
    assert (written["format"], written["order"]) == ("csv", "input")
    assert written["source"] == output("first-2")["source"]
    assert made["sourceDirectory"]["configMap"]["name"] == "first-2-code"
    assert again.manifest["spec"]["output"]["format"] == "csv"
    taken = {"from": "first", "miniBatches": 7, "items": 35, "left": 1, "leftItems": 5, "again": ["why"]}
    status = ended()
    verbs.write("first-2", {**status, "progress": {**status["progress"], "takenOver": taken}})
    assert again.wait(timeout=PATIENCE).taken_over["items"] == 35
    # Of a resubmission, too; and by its name alone, from a program that did not submit it.
    assert again.resubmit(name="third").name == "third"
    moved = parallelrun.resubmit(
        "first-2",
        namespace=world.namespace,
        script=lambda batch: [len(batch)],
        arguments=["--size", 3],
        inputs={"files": parallelrun.claim("photos", "2025")},
        side_inputs={"labels": parallelrun.claim("labels")},
        output=parallelrun.claim("results", "x/y"),
    )
    made = world.jobs.get(moved.name)["spec"]
    assert (moved.name, made["resubmissionOf"], made["arguments"]) == ("first-3", "first-2", ["--size", "3"])
    assert made["output"]["source"] == output("x/y")["source"]
    assert made["inputs"][0]["source"]["subPath"] == "2025"
    assert made["sideInputs"][0]["source"] == {"persistentVolumeClaim": {"claimName": "labels"}}
    code = world.server.request("GET", world.path("configmaps", "first-3-code")).body
    # The script that was made of the function, and the function.
    assert made["entryScript"] in code["data"] and code["binaryData"]

    for act, error, said in (
        (lambda: job.resubmit(output="here"), TypeError, "must be parallelrun.claim"),
        (
            lambda: job.resubmit(overwrite=True),
            ValueError,
            "overwrite is not for a resubmission in a cluster",
        ),
        (
            lambda: job.resubmit(output=parallelrun.claim("others", "x")),
            parallelrun.ClusterError,
            "is in another volume",
        ),
        (lambda: job.resubmit(mini_batch_size="x"), parallelrun.ClusterError, "miniBatchSize"),
        (
            lambda: parallelrun.resubmit("frist", namespace=world.namespace),
            parallelrun.ClusterError,
            "there is no job 'frist'",
        ),
        (
            lambda: parallelrun.resubmit(job, namespace=world.namespace),
            ValueError,
            "a Job knows its cluster",
        ),
    ):
        with pytest.raises(error, match=said):
            act()
