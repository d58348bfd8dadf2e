"""An API server that only lists: many jobs that have ended, with their pods and Services, made up on the fly.
Watches stay silent. Over plain HTTP."""

import json
import time
from urllib.parse import parse_qs, urlsplit

from loopback import Handler, LoopbackServer
from world import ended, manifest, termination_message

_NAMESPACES = 50
_MANAGED = [
    {
        "manager": manager,
        "operation": "Update",
        "apiVersion": "v1",
        "time": "2026-01-01T00:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": {f"f:field{number}": {"f:part": {}} for number in range(40)},
    }
    for manager in ("parallelrun-operator", "kubelet")
]


class Listing(LoopbackServer):
    def __init__(self, jobs, pods_of_a_job, scratch):
        super().__init__(_Lists)
        self._jobs = jobs
        self._pods_of_a_job = pods_of_a_job
        self.writes = 0
        self.kubeconfig = self.write_kubeconfig(scratch)

    def size(self, plural):
        if plural == "parallelrundatasets":
            return 0
        return self._jobs * (self._pods_of_a_job if plural == "pods" else 1)

    def item(self, plural, number):
        job = number // self._pods_of_a_job if plural == "pods" else number
        name, namespace = f"predict-digits-{job:05}", f"team-{job % _NAMESPACES:02}"
        uid = f"{job:08x}-0000-4000-8000-000000000000"
        if plural == "parallelrunjobs":
            return self._job(name, namespace, uid)
        metadata = {
            "namespace": namespace,
            "uid": f"{number:08x}-1111-4000-8000-000000000000",
            "resourceVersion": str(1_000_000 + number),
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "managedFields": _MANAGED,
            "labels": {
                "app.kubernetes.io/name": "parallelrun",
                "app.kubernetes.io/managed-by": "parallelrun-operator",
                "parallelrun.dev/job": name,
            },
            "ownerReferences": [{"kind": "ParallelRunJob", "name": name, "uid": uid, "controller": True}],
        }
        if plural == "services":
            return {
                "metadata": {**metadata, "name": f"{name}-orchestrator"},
                "spec": {"clusterIP": "10.0.0.1"},
            }
        place = number % self._pods_of_a_job
        role = "worker" if place else "orchestrator"
        metadata["name"] = f"{name}-worker-{place - 1}-0" if place else f"{name}-orchestrator-0"
        metadata["labels"].update(
            {
                "parallelrun.dev/role": role,
                "parallelrun.dev/index": str(max(0, place - 1)),
                "parallelrun.dev/incarnation": "0",
            }
        )
        metadata["annotations"] = {"parallelrun.dev/secret-generation": "1"}
        volumes = [
            {"name": f"volume-{n}", "persistentVolumeClaim": {"claimName": f"data-{n}"}} for n in range(4)
        ]
        variables = [{"name": f"VARIABLE_{n}", "value": "value " * 4} for n in range(12)]
        spec = {
            "nodeName": f"node-{number % 100}",
            "volumes": volumes,
            "containers": [{"name": "runner", "image": "parallelrun/runner:0.1", "env": variables}],
        }
        status = ended(0, "" if place else termination_message())
        return {"metadata": metadata, "spec": spec, "status": status}

    def _job(self, name, namespace, uid):
        job = manifest(name, workers=self._pods_of_a_job - 1)
        job["metadata"].update(
            {
                "namespace": namespace,
                "uid": uid,
                "generation": 1,
                "resourceVersion": "500",
                "creationTimestamp": "2026-01-01T00:00:00Z",
                "managedFields": _MANAGED,
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(job)},
            }
        )
        conditions = [
            {
                "type": kind,
                "status": status,
                "reason": "Completed",
                "message": "9 of 10 items succeeded",
                "observedGeneration": 1,
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
            for kind, status in (("Running", "False"), ("Complete", "True"))
        ]
        job["status"] = {
            "state": "Complete",
            "observedGeneration": 1,
            "conditions": conditions,
            "startTime": "2026-01-01T00:00:00Z",
            "completionTime": "2026-01-01T00:10:00Z",
            "specHash": "1-" + "0" * 64,
            "message": "9 of 10 items succeeded",
            "orchestrator": {"incarnation": 0},
            "replicas": 0,
            "readyReplicas": 0,
            "progress": {"percent": 100, "items": "9 / 10", "itemsSucceeded": 9, "itemsFailed": 1},
        }
        return job


class _Lists(Handler):
    def do_GET(self):
        lists = self.server.owner
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        if query.get("watch") == "true":
            self.begin_stream()
            time.sleep(3600)
        plural = address.path.rpartition("/")[2]
        begin = int(query.get("continue", 0))
        end = min(begin + int(query["limit"]), lists.size(plural))
        metadata = {"resourceVersion": "2000000"}
        if end < lists.size(plural):
            metadata["continue"] = str(end)
        items = [lists.item(plural, number) for number in range(begin, end)]
        self.answer(200, json.dumps({"metadata": metadata, "items": items}).encode())

    def _refuse(self):
        self.server.owner.writes += 1
        self.answer(500)

    do_POST = do_PUT = do_PATCH = do_DELETE = _refuse
