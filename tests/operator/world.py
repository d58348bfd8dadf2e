"""Jobs, their pods, and a kubelet that is played by writing what one would write."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from server import Jobs, Server
from waiting import PATIENCE, wait_for


def manifest(name, *, workers=2, **spec):
    data, results = ({"persistentVolumeClaim": {"claimName": claim}} for claim in ("data", "results"))
    return {
        "apiVersion": "parallelrun.dev/v1alpha1",
        "kind": "ParallelRunJob",
        "metadata": {"name": name},
        "spec": {
            "entryScript": "score.py",
            "sourceDirectory": {"configMap": {"name": "code"}},
            "inputs": [{"name": "images", "type": "file", "source": data}],
            "output": {"source": results},
            "outputAction": "append_row",
            "nodeCount": workers,
            **spec,
        },
    }


def termination_message(state="Complete", **more):
    counts = {"itemsTotal": 10, "itemsSucceeded": 9, "itemsFailed": 1, "itemsUnknown": 0}
    batches = {"miniBatchesCreated": 2, "miniBatchesProcessed": 2, "miniBatchesSucceeded": 2}
    said = {"state": state, "message": "9 of 10 items succeeded", "miniBatchSecondsTotal": 1.5}
    return json.dumps({**said, **counts, **batches, "miniBatchesFailed": 0, **more})


class World:
    """One namespace. Not for use by several threads."""

    def __init__(self, server, namespace):
        self.server = server
        self.namespace = namespace
        self.jobs = Jobs(server, namespace)

    def path(self, plural, name="", subresource=""):
        parts = ["/api/v1/namespaces", self.namespace, plural, name, subresource]
        return "/".join(part for part in parts if part)

    def submit(self, name, **options):
        made = self.jobs.create(manifest(name, **options))
        assert made.accepted, made
        return made.body

    def status(self, name):
        return self.jobs.get(name).get("status", {})

    def state(self, name):
        return self.status(name).get("state")

    def awaits(self, name, state):
        wait_for(lambda: self.state(name) == state, lambda: f"{name} {state}: {self.status(name)}")
        return self.status(name)

    def condition(self, name, kind):
        for condition in self.status(name).get("conditions", []):
            if condition["type"] == kind:
                return condition
        return None

    def items(self, plural, selector=""):
        query = f"?labelSelector={selector}" if selector else ""
        return self.server.request("GET", self.path(plural) + query).body["items"]

    def pods(self, job):
        """By name."""
        found = self.items("pods", f"parallelrun.dev/job%3D{job}")
        return {pod["metadata"]["name"]: pod for pod in found}

    def awaits_pods(self, job, *names):
        """Waits until the job has these pods and no other; names without that of the job."""
        wanted = {f"{job}-{name}" for name in names}
        wait_for(
            lambda: set(self.pods(job)) == wanted, lambda: f"{sorted(wanted)}, not {sorted(self.pods(job))}"
        )
        return self.pods(job)

    def delete_pod(self, name):
        return self.server.request("DELETE", self.path("pods", name), {"gracePeriodSeconds": 0})

    def set_pod(self, name, status):
        """Merges into the pod's status, as a kubelet would."""
        answer = self.server.request(
            "PATCH",
            self.path("pods", name, "status"),
            {"status": status},
            content="application/strategic-merge-patch+json",
        )
        assert answer.accepted or answer.status == 404, answer
        return answer.accepted

    def run_pod(self, name):
        return self.set_pod(name, running())

    def end_pod(self, name, code=0, message="", reason=""):
        """A kubelet tells the terminated container first, while the pod's phase is still Running."""
        status = ended(code, message, reason)
        if not self.set_pod(name, {**status, "phase": "Running"}):
            return False
        time.sleep(0.2)
        return self.set_pod(name, status)

    def run_pods(self, job):
        for name in self.pods(job):
            self.run_pod(name)

    def complete(self, job, incarnation=0, **more):
        """The orchestrator's pod ends with a result."""
        self.end_pod(f"{job}-orchestrator-{incarnation}", 0, termination_message(**more))


def running():
    return {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [container({"running": {"startedAt": now()}}, ready=True)],
    }


def ended(code=0, message="", reason=""):
    end = {"exitCode": code, "message": message, "startedAt": now(), "finishedAt": now()}
    end["reason"] = reason or ("Completed" if code == 0 else "Error")
    return {
        "phase": "Succeeded" if code == 0 else "Failed",
        "conditions": [{"type": "Ready", "status": "False"}],
        "containerStatuses": [container({"terminated": end}, ready=False)],
    }


def container(state, ready):
    return {
        "name": "runner",
        "image": "runner",
        "imageID": "",
        "ready": ready,
        "restartCount": 0,
        "started": ready,
        "state": state,
    }


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class PlayedKubelet:
    """Takes every pod of a namespace through its life: it runs; once all workers run, the orchestrator ends
    with its result; workers end after it. A thread of its own."""

    def __init__(self, folder, namespace, workers):
        self._world = World(Server(folder), namespace)
        self._workers = workers
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.failure = None

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, *_):
        self._stop.set()
        self._thread.join(PATIENCE)
        assert kind is not None or self.failure is None, self.failure

    def _run(self):
        try:
            while not self._stop.is_set():
                self._step()
                self._stop.wait(0.05)
        except Exception as failure:
            self.failure = failure

    def _step(self):
        by_job = {}
        for pod in self._world.items("pods"):
            by_job.setdefault(pod["metadata"]["labels"]["parallelrun.dev/job"], []).append(pod)
        for pods in by_job.values():
            live = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
            phases = {"orchestrator": [], "worker": []}
            for pod in live:
                role = pod["metadata"]["labels"]["parallelrun.dev/role"]
                phases[role].append((pod["status"].get("phase"), pod["metadata"]["name"]))
            everyone = len(phases["worker"]) == self._workers and all(
                phase == "Running" for phase, _ in phases["worker"]
            )
            over = any(phase == "Succeeded" for phase, _ in phases["orchestrator"])
            for phase, name in phases["orchestrator"] + phases["worker"]:
                if phase == "Pending":
                    self._world.run_pod(name)
            for phase, name in phases["orchestrator"]:
                if phase == "Running" and everyone:
                    self._world.end_pod(name, 0, termination_message())
            for phase, name in phases["worker"]:
                if phase == "Running" and over:
                    self._world.end_pod(name)


def side_by_side(count, task):
    """Runs task(0..count-1) on a few threads; raises what one raised."""
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(task, range(count)))
