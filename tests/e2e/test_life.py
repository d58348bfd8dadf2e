"""What happens to a job between apply and delete, with nodes, kubelets and volumes as they are."""

import json
import time

from kubernetes import JOBS, PATIENCE, wait_until


def test_each_mini_batch_once_on_several_nodes(space, expected):
    space.submit("plain", held_after=0, nodeCount=2, processCountPerNode=2, miniBatchSize=5)
    # A worker that does not run yet when the job ends is taken away.
    space.wait_workers("plain", 2)
    space.let("plain")
    status = space.wait_state("plain", "Complete")
    assert space.rows("plain") == expected
    assert status["progress"]["itemsSucceeded"] == 60 and status["progress"]["percent"] == 100
    assert status["progress"]["miniBatchesProcessed"] == 12
    assert space.condition("plain", "Complete")["status"] == "True"
    assert space.condition("plain", "Running")["status"] == "False"
    assert status["observedGeneration"] == space.job("plain")["metadata"]["generation"]
    assert "_SUCCESS" in space.tree("out/plain")

    workers = space.pods("plain", "worker")
    assert len(workers) == 2 and len({pod["spec"]["nodeName"] for pod in workers.values()}) == 2
    for pod in workers.values():
        # No credentials of the API in reach of the script.
        mounts = [m["mountPath"] for c in pod["spec"]["containers"] for m in c["volumeMounts"]]
        assert "/var/run/secrets/kubernetes.io/serviceaccount" not in mounts
    logs = space.cluster.kubectl(
        "logs", "-n", space.name, "--prefix", "-l", "parallelrun.dev/role=worker", "--tail=-1"
    )
    assert logs.count("done with") >= 12 and "hello from init" in logs
    told = space.cluster.kubectl("logs", "-n", space.name, "plain-orchestrator-0")
    assert "Complete" in told, told
    listed = space.cluster.kubectl("get", "prj", "plain", "-n", space.name)
    assert "Complete" in listed and "60 / 60" in listed, listed
    tree = space.tree("out/plain/logs")
    assert "job_progress_overview.txt" in tree and any(name.startswith("sys/node/") for name in tree), tree
    space.wait_events("plain", "Started", "Completed")


def test_threshold_aborts(space):
    space.submit(
        "strict",
        arguments=["--bad", "00007.txt", "--sleep", "0.2"],
        miniBatchSize=1,
        errorThreshold=0,
        runMaxTry=1,
    )
    message = space.wait_state("strict", "Failed")["message"]
    assert "00007.txt is bad" in message and "errorThreshold" in message, message
    assert "logs" in message, message
    assert space.condition("strict", "Failed")["reason"] == "ErrorThresholdExceeded"
    rows = space.rows("strict")
    assert "00007.txt" not in rows and len(rows) == len(set(rows))
    space.wait_events("strict", "Failed")


def test_side_inputs(space):
    space.python("import os; os.makedirs('/data/side'); open('/data/side/greeting.txt', 'w').write('hi')")
    side = {"name": "greetings", "source": space.volume("side")}
    space.submit("placeholder", sideInputs=[side], arguments=["--side", "$(sideInputs.greetings)"])
    space.submit(
        "mounted",
        sideInputs=[{**side, "mountPath": "/mnt/greetings"}],
        arguments=["--side", "/mnt/greetings"],
    )
    for name in ("placeholder", "mounted"):  # two jobs at once
        space.wait_state(name, "Complete")
        assert space.rows(name)[0] == "hi-00000.txt" and len(space.rows(name)) == 60
    worker = next(iter(space.pods("mounted", "worker").values()))
    mount = next(
        m for m in worker["spec"]["containers"][0]["volumeMounts"] if m["mountPath"] == "/mnt/greetings"
    )
    assert mount["readOnly"] is True


def test_summary_only(space, expected):
    space.submit(
        "summary",
        outputAction="summary_only",
        arguments=["--store", "$(output)"],
        nodeCount=2,
        miniBatchSize=4,
    )
    space.wait_state("summary", "Complete")
    files = [name for name in space.tree("out/summary") if name.endswith(".txt") and "/" not in name]
    assert sorted(files) == expected
    assert space.status("summary")["progress"]["itemsSucceeded"] == 60


def test_suspend_and_resume(space, expected):
    space.submit("paused", held_after=8, miniBatchSize=2, nodeCount=2)
    space.wait_progress("paused", 4)
    space.patch("paused", suspend=True)
    space.wait_state("paused", "Suspended")
    wait_until("no pods", lambda: not space.pods("paused"), PATIENCE)
    assert space.condition("paused", "Suspended")["status"] == "True"
    assert space.status("paused")["progress"]["miniBatchesProcessed"] == 4
    space.let("paused")
    space.patch("paused", suspend=False)
    status = space.wait_state("paused", "Complete")
    assert space.rows("paused") == expected
    assert status["progress"]["miniBatchesProcessed"] == 30
    space.wait_events("paused", "Suspended", "Resumed")


def test_scale_while_running(space, expected):
    space.submit("elastic", held_after=1, miniBatchSize=1)
    space.wait_progress("elastic", 1)
    space.cluster.kubectl("scale", "-n", space.name, "prj/elastic", "--replicas=4")
    space.wait_workers("elastic", 4)
    space.cluster.kubectl("scale", "-n", space.name, "prj/elastic", "--replicas=2")
    wait_until("2 workers", lambda: len(space.pods("elastic", "worker")) == 2, PATIENCE)
    space.let("elastic")
    status = space.wait_state("elastic", "Complete")
    assert space.rows("elastic") == expected
    assert status["progress"].get("triesFailed", 0) == 0, "handing leases back costs no try"


def test_a_worker_pod_is_replaced(space, expected):
    space.submit("worker-lost", held_after=4, miniBatchSize=1, nodeCount=2)
    space.wait_progress("worker-lost", 4)
    space.delete_pod("worker-lost-worker-0-0")
    wait_until("its replacement", lambda: "worker-lost-worker-0-1" in space.pods("worker-lost"), PATIENCE)
    # Forced, it is gone without a trace, so that its name is free.
    lost = space.pods("worker-lost")["worker-lost-worker-1-0"]["metadata"]["uid"]
    space.delete_pod("worker-lost-worker-1-0", "--grace-period=0", "--force")
    wait_until("another worker 1", lambda: space.uids("worker-lost", "-worker-1-") - {lost}, PATIENCE)
    space.let("worker-lost")
    status = space.wait_state("worker-lost", "Complete")
    assert space.rows("worker-lost") == expected
    assert status["progress"].get("triesFailed", 0) == 0
    space.wait_events("worker-lost", "WorkerReplaced")


def test_the_orchestrator_pod_is_replaced(space, expected):
    space.submit("head-lost", held_after=8, miniBatchSize=1, nodeCount=2)
    space.wait_workers("head-lost", 2)
    workers = space.uids("head-lost", "-worker-")
    for done, force in ((8, ()), (16, ("--grace-period=0", "--force"))):
        space.wait_progress("head-lost", done)
        (lost,) = space.uids("head-lost", "-orchestrator-")
        (name,) = space.pods("head-lost", "orchestrator")
        space.delete_pod(name, *force)
        wait_until(
            "its replacement", lambda uid=lost: space.uids("head-lost", "-orchestrator-") - {uid}, PATIENCE
        )
        space.let("head-lost", done + 8)
    space.let("head-lost")
    space.wait_state("head-lost", "Complete")
    assert space.rows("head-lost") == expected
    assert space.uids("head-lost", "-worker-") == workers, "workers wait for the next orchestrator"


def test_a_lost_account_is_made_again(space, expected):
    space.submit("accountless", held_after=4, miniBatchSize=1)
    space.wait_progress("accountless", 4)
    space.cluster.kubectl("delete", "serviceaccount", "-n", space.name, "parallelrun-orchestrator")
    # So that the pod is over, and kept for its log.
    stop = "import os, signal; os.kill(1, signal.SIGTERM)"
    space.cluster.kubectl("exec", "-n", space.name, "accountless-orchestrator-0", "--", "python3", "-c", stop)
    wait_until(
        "its replacement",
        lambda: "accountless-orchestrator-1" in space.pods("accountless"),
        PATIENCE,
        say=lambda: space.story("accountless"),
    )
    space.let("accountless")
    space.wait_state("accountless", "Complete")
    assert space.rows("accountless") == expected


def test_operator_killed_in_the_middle(space, cluster, expected):
    space.submit("alone", held_after=4, miniBatchSize=2, nodeCount=2)
    space.wait_progress("alone", 2)
    killed = cluster.kubectl(
        *("delete", "pod", "-n", "parallelrun", "-l", "app.kubernetes.io/name=parallelrun-operator"),
        *("--grace-period=0", "--force", "--wait=false"),
    )
    assert "parallelrun-operator" in killed, killed
    space.delete_pod("alone-worker-0-0")
    space.let("alone")
    space.wait_state("alone", "Complete")
    assert space.rows("alone") == expected


def test_ttl_and_delete_leave_nothing(space):
    space.submit(
        "brief", ttlSecondsAfterFinished=20
    )  # of the end of its work, which the operator may see late
    space.submit("gone", held_after=0)
    space.wait_state("brief", "Complete")
    wait_until("the worker of gone", lambda: space.pods("gone", "worker"), PATIENCE)
    space.cluster.kubectl("delete", "-n", space.name, JOBS, "gone", "--wait=false")

    def left():
        kinds = "pods,secrets,services,leases.coordination.k8s.io," + JOBS
        found = space.cluster.items("-n", space.name, kinds)
        return [o["metadata"]["name"] for o in found if o["metadata"]["name"].startswith(("brief", "gone"))]

    wait_until("nothing is left", lambda: not left(), PATIENCE, say=lambda: str(left()))
    assert "_SUCCESS" in space.tree("out/brief"), "the output stays"


def test_deadline(space):
    space.submit("late", held_after=0, activeDeadlineSeconds=8)
    space.wait_state("late", "Failed")
    assert space.condition("late", "Failed")["reason"] == "DeadlineExceeded"
    wait_until("no running pods", lambda: not running(space, "late"), PATIENCE)


def running(space, name):
    return [n for n, pod in space.pods(name).items() if pod["status"]["phase"] in ("Pending", "Running")]


def test_chart_upgrade_while_a_job_runs(space, chart, expected):
    space.submit("steady", held_after=4, miniBatchSize=2, nodeCount=2)
    space.wait_workers("steady", 2)
    space.wait_progress("steady", 2)
    before = {name: pod["metadata"]["uid"] for name, pod in space.pods("steady").items()}
    chart.upgrade("--set-string", f"operator.podAnnotations.upgraded=a{time.time():.0f}")
    space.let("steady")
    space.wait_state("steady", "Complete")
    after = {name: pod["metadata"]["uid"] for name, pod in space.pods("steady").items()}
    assert after.items() <= before.items(), "an upgrade replaces no pod of a job"
    assert space.rows("steady") == expected


def test_a_process_killed_for_memory_costs_one_try(space):
    """A worker process that its container's memory limit kills costs its mini-batch a try, not the pod."""
    space.code(
        "code",
        {
            "work.py": "import os\n"
            "def init(): pass\n"
            "def run(mini_batch):\n"
            "    if any('00007' in name for name in mini_batch):\n"
            "        hog = bytearray(800 << 20)\n"
            "        hog[::4096] = b'x' * len(hog[::4096])\n"
            "    return mini_batch\n"
        },
    )
    space.submit(
        "hungry",
        miniBatchSize=1,
        runMaxTry=2,
        worker={"resources": {"limits": {"memory": "300Mi"}, "requests": {"memory": "200Mi", "cpu": "100m"}}},
    )
    status = space.wait_state("hungry", "Complete")
    assert status["progress"]["itemsSucceeded"] == 59 and status["progress"]["itemsFailed"] == 1
    failed = json.loads(space.read("out/hungry/failed_items.jsonl").splitlines()[0])
    assert "00007" in json.dumps(failed) and "memory" in json.dumps(failed), failed


def test_a_mini_batch_that_gets_its_pod_evicted_is_charged(space):
    """Beyond its limit of storage the kubelet takes the whole pod; whose fault it is shows when it happens again."""
    space.code(
        "code",
        {
            "work.py": "import time\n"
            "def init(): pass\n"
            "def run(mini_batch):\n"
            "    if any('00007' in name for name in mini_batch):\n"
            "        with open('/tmp/much', 'wb') as file:\n"
            "            file.write(b'x' * (64 << 20))\n"
            "        time.sleep(600)\n"
            "    return mini_batch\n"
        },
    )
    storage = {"limits": {"ephemeral-storage": "16Mi"}, "requests": {"ephemeral-storage": "1Mi"}}
    space.submit(
        "greedy", miniBatchSize=1, runMaxTry=1, runInvocationTimeout=900, worker={"resources": storage}
    )
    # Three pods, and a minute between them where each seems to have ended well.
    status = space.wait_state("greedy", "Complete", seconds=600)
    assert status["progress"]["itemsSucceeded"] == 59 and status["progress"]["itemsFailed"] == 1
    assert status["progress"]["lossesCharged"] == 1, status
    assert "1 of 60 items failed" in status["message"], status
    failed = json.loads(space.read("out/greedy/failed_items.jsonl").splitlines()[0])
    # "Evicted?" where the agent ended within the kubelet's one second: then the pod succeeds, without a reason.
    assert "00007" in json.dumps(failed) and "Evicted" in json.dumps(failed), failed
    space.wait_events("greedy", "WorkerReplaced")
