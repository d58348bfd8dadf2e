"""The operator among failures: of the network, of the API server, of itself."""

import json
import random
import signal
import subprocess
import time
import urllib.request

from diced_proxy import DicedProxy
from program import Operator
from server import APISERVER
from waiting import wait_for
from world import PlayedKubelet

SEED = 20261122


def _all_complete(world, names, patience=240):
    def done():
        jobs = world.server.request("GET", world.jobs.path()).body["items"]
        states = {job["metadata"]["name"]: job.get("status", {}).get("state") for job in jobs}
        return all(states.get(name) == "Complete" for name in names)

    wait_for(
        done,
        lambda: {name: world.status(name) for name in names if world.state(name) != "Complete"},
        patience,
    )


def _no_duplicates(world, names, workers):
    """Each place of a job had one pod, of the incarnation that status tells; objects have one owner."""
    for name in names:
        pods = world.pods(name)
        expected = {f"{name}-orchestrator-0", *(f"{name}-worker-{index}-0" for index in range(workers))}
        assert set(pods) == expected
        uids = {pod["metadata"]["ownerReferences"][0]["uid"] for pod in pods.values()}
        assert uids == {world.jobs.get(name)["metadata"]["uid"]}
    assert len(world.items("secrets")) == len(names)
    assert len(world.items("services")) == len(names)


def check_operator_killed_at_any_instant(folder, kubeconfig, world):
    """kill -9 at random instants while jobs live their lives; their pods are never made twice."""
    dice = random.Random(SEED)
    names = [f"job-{number}" for number in range(12)]
    kills = 0
    with PlayedKubelet(folder, world.namespace, workers=2):
        waiting = list(names)
        while True:
            with Operator(kubeconfig, "--leader-election=false") as operator:
                operator.leading()
                for name in [waiting.pop() for _ in range(min(2, len(waiting)))]:
                    world.submit(name, workers=2)
                # Between none and all of the writes that a job takes.
                time.sleep(dice.uniform(0, 0.25))
                operator.kill()
                kills += 1
            if not waiting and kills >= 25:
                break
        with Operator(kubeconfig, "--leader-election=false") as operator:
            operator.leading()
            _all_complete(world, names)
            _no_duplicates(world, names, workers=2)
            operator.stop()
    print(f"operator killed {kills} times (seed {SEED}), {len(names)} jobs Complete")


def check_faulty_network(folder, kubeconfig, world, tmp_path):
    """One of eight requests fails: refused with 429 or 500, lost before or after it took effect; watches end."""
    names = []
    with DicedProxy(kubeconfig, tmp_path, SEED) as proxy:
        with Operator(proxy.kubeconfig, "--leader-election=false") as operator:
            operator.leading()
            proxy.rate = 0.125
            with PlayedKubelet(folder, world.namespace, workers=2):
                # How many requests a job takes depends on what the watches tell together: so go by the faults.
                while proxy.faults < 30:
                    assert len(names) < 200, f"{proxy.faults} faults among the requests of {len(names)} jobs"
                    batch = [f"job-{len(names) + number}" for number in range(4)]
                    names += batch
                    for name in batch:
                        world.submit(name, workers=2)
                    _all_complete(world, batch)
            proxy.rate = 0
            _no_duplicates(world, names, workers=2)
            code, _ = operator.stop()
            assert code == 0
            print(f"{proxy.faults} faults (seed {SEED}), {len(names)} jobs Complete")


def check_api_server_that_restarts(folder, kubeconfig, world):
    """What changed while the watches were down is seen, although their resource version has expired."""
    world.submit("before", workers=1)
    with Operator(kubeconfig, "--leader-election=false") as operator:
        operator.leading()
        world.awaits_pods("before", "orchestrator-0", "worker-0-0")
        operator.process.send_signal(signal.SIGSTOP)
        world.submit("during", workers=1)
        world.delete_pod("before-worker-0-0")
        _compact(folder)
        subprocess.run([APISERVER, "restart", "--dir", folder], check=True)
        operator.process.send_signal(signal.SIGCONT)
        wait_for(lambda: _answers(world), "the API server answers again")
        world.awaits_pods("during", "orchestrator-0", "worker-0-0")
        wait_for(lambda: len(world.pods("before")) == 2, lambda: sorted(world.pods("before")))
        code, _ = operator.stop()
        assert code == 0


def _answers(world):
    try:
        return world.server.request("GET", world.jobs.path()).accepted
    except Exception:
        world.server._connection.close()
        return False


def _compact(folder):
    """Throws the history of the store away, so that no watch can begin in it."""
    etcd = json.loads((folder / "apiserver.json").read_text())["etcd"]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def call(path, body):
        request = urllib.request.Request(f"{etcd}{path}", json.dumps(body).encode())
        with opener.open(request, timeout=60) as answer:
            return json.loads(answer.read())

    revision = call("/v3/kv/range", {"key": "AA=="})["header"]["revision"]
    call("/v3/kv/compaction", {"revision": revision, "physical": True})


def check_two_operators_have_one_leader(kubeconfig, world):
    with Operator(kubeconfig) as first:
        first.leading()
        with Operator(kubeconfig) as second:
            second.says("another operator leads: ")
            assert first.metric("leader_election_master_status", name="parallelrun-operator") == 1
            assert second.metric("leader_election_master_status", name="parallelrun-operator") == 0
            assert second.page("/readyz") == "ok\n"
            world.submit("one", workers=1)
            world.awaits_pods("one", "orchestrator-0", "worker-0-0")
            assert second.writes() == 0
            code, seconds = first.stop()
            assert code == 0
            began = time.monotonic()
            second.leading()
            # The Lease was given back, so nobody waits for it to expire.
            print(f"stopped in {seconds:.1f} s, the other leads {time.monotonic() - began:.1f} s later")
            world.submit("two", workers=1)
            world.awaits_pods("two", "orchestrator-0", "worker-0-0")
            assert second.stop()[0] == 0


def check_an_operator_that_lost_the_lease_leaves(kubeconfig, world):
    """Stopped for longer than its Lease lasts, it finds another one leading and ends with 3."""
    with Operator(kubeconfig) as first:
        first.leading()
        with Operator(kubeconfig) as second:
            second.says("another operator leads: ")
            first.process.send_signal(signal.SIGSTOP)
            second.leading()
            first.process.send_signal(signal.SIGCONT)
            assert first.process.wait(60) == 3
            world.submit("one", workers=1)
            world.awaits_pods("one", "orchestrator-0", "worker-0-0")
            assert second.stop()[0] == 0
