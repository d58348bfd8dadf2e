"""Few writes, few rights, few seconds: what an operator costs."""

import socket
import subprocess
import time
import urllib.error

import pytest
from program import PROGRAM, Operator
from server import Server
from waiting import wait_for
from world import PlayedKubelet, World, manifest

# What a job of one orchestrator and three workers takes from its creation to its end.
CREATES = {"pods": 4, "secrets": 1, "services": 1}


def check_nothing_is_written_at_rest(kubeconfig, world):
    """Renewals of the Lease apart."""
    with Operator(kubeconfig, "--leader-election=false") as operator:
        operator.leading()
        for name in ("running", "waiting"):
            world.submit(name, workers=2)
            world.awaits_pods(name, "orchestrator-0", "worker-0-0", "worker-1-0")
        world.run_pods("running")
        wait_for(lambda: world.status("running").get("readyReplicas") == 2, lambda: world.status("running"))
        writes = operator.settled()
        cpu = operator.metric("process_cpu_seconds_total")
        began = time.monotonic()
        time.sleep(15)
        assert operator.writes() == writes
        share = (operator.metric("process_cpu_seconds_total") - cpu) / (time.monotonic() - began)
        print(f"CPU at rest: {share:.2%} of a core")
        assert operator.stop()[0] == 0


def check_a_restart_writes_nothing(kubeconfig, world):
    """What there is to know is read from the caches: Secrets are not touched to find out about them."""
    with Operator(kubeconfig, "--leader-election=false") as first:
        first.leading()
        for name in ("one", "two"):
            world.submit(name, workers=1)
            world.awaits_pods(name, "orchestrator-0", "worker-0-0")
        world.jobs.merge("two", {"spec": {"nodeCount": 2}})
        world.awaits_pods("two", "orchestrator-0", "worker-0-0", "worker-1-0")
        first.settled()
        first.stop()
    with Operator(kubeconfig, "--leader-election=false") as second:
        second.leading()
        time.sleep(2)
        assert second.writes() == 0
        assert second.stop()[0] == 0


def check_writes_of_a_job(folder, operator, world, audit):
    """No write is repeated or refused on the way of a job that just works."""
    names = [f"job-{number}" for number in range(5)]
    with PlayedKubelet(folder, world.namespace, workers=3):
        for name in names:
            world.submit(name, workers=3)
        for name in names:
            world.awaits(name, "Complete")

    def creates(resource):
        return [entry for entry in audit(world.namespace) if entry[:2] == ("create", resource)]

    # The server writes its log a little after its answers.
    for resource, count in CREATES.items():
        wait_for(lambda at=(resource, count): len(creates(at[0])) >= at[1] * len(names), resource)
    time.sleep(1)
    entries = audit(world.namespace)
    shared = {"serviceaccounts", "rolebindings", "events"}
    wasted = [entry for entry in entries if entry[3] >= 400 and entry[1] not in shared]
    assert not wasted
    for resource, count in CREATES.items():
        made = creates(resource)
        assert len(made) == count * len(names), (resource, made)
    status = [entry for entry in entries if entry[1] == "parallelrunjobs/status"]
    events = [entry for entry in entries if entry[1] == "events"]
    print(
        f"writes of a job of 1+3 pods: {(len(entries) - len(events)) / len(names):.1f}, of status "
        f"{len(status) / len(names):.1f}, and {len(events) / len(names):.1f} events"
    )


def check_it_ends_in_seconds(kubeconfig, world):
    with Operator(kubeconfig) as operator:
        operator.leading()
        for number in range(10):
            world.submit(f"job-{number}", workers=3)
        code, seconds = operator.stop()
        assert code == 0
        assert seconds < 30, "then a kubelet kills it"
        lease = world.server.request(
            "GET", "/apis/coordination.k8s.io/v1/namespaces/default/leases/parallelrun-operator"
        )
        assert not lease.body["spec"].get("holderIdentity")
        print(f"ended {seconds:.2f} s after SIGTERM, with ten jobs just begun")


def check_exit_codes(tmp_path, kubeconfig):
    def code(*words):
        return subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=60).returncode

    assert code("--version") == 0
    assert code("--help") == 0
    assert code("--no-such-option") == 2
    assert code("--worker-resources", "5Gi") == 2
    assert code("--kubeconfig", str(tmp_path / "none")) == 1
    taken = socket.create_server(("127.0.0.1", 0))
    address = f"127.0.0.1:{taken.getsockname()[1]}"
    assert code("--kubeconfig", str(kubeconfig), "--metrics-address", address) == 1


def check_pages(operator, world):
    assert operator.page("/healthz") == "ok\n"
    assert operator.page("/readyz") == "ok\n"
    with pytest.raises(urllib.error.HTTPError):
        operator.page("/secrets")
    world.submit("one", workers=1)
    world.awaits_pods("one", "orchestrator-0", "worker-0-0")
    operator.counts("parallelrun_jobs", 1, state="Pending")
    operator.counts("controller_runtime_reconcile_total", 1, controller="parallelrunjob")
    operator.counts("workqueue_adds_total", 1, name="parallelrunjob")
    operator.counts("rest_client_requests_total", 5, method="POST", code="201")
    assert operator.metric("leader_election_master_status", name="parallelrun-operator") == 1
    text = operator.page("/metrics")
    for name in ("process_resident_memory_bytes", "workqueue_depth", "controller_runtime_active_workers"):
        assert f"\n{name}" in text, name
    # Not one of them may tell jobs, pods or namespaces apart.
    assert world.namespace not in text


def check_a_silent_client_is_sent_away(operator):
    port = int(operator.says(r"/metrics at port ([0-9]+)").group(1))
    with socket.create_connection(("127.0.0.1", port)) as silent:
        silent.sendall(b"GET /metr")
        silent.settimeout(30)
        assert silent.recv(1) == b""
    with socket.create_connection(("127.0.0.1", port)) as rude:
        rude.sendall(b"GET /" + b"a" * 100_000)
        rude.settimeout(30)
        try:
            while rude.recv(1000):
                pass
        except ConnectionResetError:
            pass
    assert "workqueue_depth" in operator.page("/metrics")


def check_only_the_named_namespaces(kubeconfig, server, world):
    other = World(server, "default")
    with Operator(kubeconfig, "--namespaces", world.namespace, "--leader-election=false") as operator:
        operator.leading()
        other.submit("elsewhere", workers=1)
        try:
            world.submit("here", workers=1)
            world.awaits_pods("here", "orchestrator-0", "worker-0-0")
            assert not other.pods("elsewhere")
        finally:
            server.request("DELETE", other.jobs.path("elsewhere"))
        assert operator.stop()[0] == 0


def check_logs_hold_no_secret(operator, world):
    world.submit("one", workers=1)
    world.awaits_pods("one", "orchestrator-0", "worker-0-0")
    secret = world.items("secrets")[0]["data"]
    log = "\n".join(operator.lines)
    assert "BEGIN" not in log
    for value in secret.values():
        assert value not in log


def check_speed(operator, folder, world):
    """Printed, not judged: tests/benchmarks/cluster does that."""
    path = world.path("pods") + "?watch=true&allowWatchBookmarks=false&resourceVersion="
    version = world.server.request("GET", world.path("pods")).body["metadata"]["resourceVersion"]
    watcher = Server(folder)
    watcher._connection.request("GET", path + version, headers={"Accept": "application/json"})
    answer = watcher._connection.getresponse()
    taken = []
    for number in range(100):
        made = world.jobs.create(manifest(f"job-{number}", workers=3))
        assert made.accepted
        began = time.monotonic()
        while f'"job-{number}-' not in answer.readline().decode():
            pass
        taken.append(time.monotonic() - began)
        time.sleep(0.05)
    taken.sort()
    count = operator.metric("controller_runtime_reconcile_time_seconds_count")
    slow = count - operator.metric("controller_runtime_reconcile_time_seconds_bucket", le="0.025")
    print(
        f"apply to first pod: p50 {taken[50] * 1000:.0f} ms, p99 {taken[98] * 1000:.0f} ms; "
        f"reconciles {count:.0f}, over 25 ms {slow:.0f}; {operator.resident_bytes() / 1e6:.0f} MB"
    )
