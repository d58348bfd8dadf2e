"""A control plane of its own for one measurement: API server, etcd, and kwok that plays nodes and pods.

Pods get their node by an admission policy: a scheduler would only take cores from both contenders.
"""

import os
import shutil
import sys
import time
from pathlib import Path

from api import RequestFailed, Server
from figures import cpu_seconds

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "tests" / "cluster"))

from bringup import parts, process  # noqa: E402
from bringup.commands import wait_until  # noqa: E402
from bringup.controlplane import Companions, ControlPlane  # noqa: E402

_NODES, _PODS_EACH = 10, 8000
_PLAIN_STAGES = (
    "node/fast/node-initialize",
    "node/heartbeat-with-lease/node-heartbeat-with-lease",
    "pod/fast/pod-ready",
    "pod/fast/pod-delete",
)
_MOST_SETTLE_SECONDS, _SETTLED_CPU = 20, 0.1
_OUR_JOBS = "/apis/parallelrun.dev/v1alpha1/parallelrunjobs"
_PROGRAMS = ("kube-apiserver", "etcd", "kwok")


class Arena:
    """Up from construction to close(). `pods_end` says whether played pods end, or stay ready."""

    def __init__(self, folder: Path, namespaces: int, pods_end: bool = True):
        self.folder = folder
        self.plane = ControlPlane(folder / "plane")
        self.plane.down()  # What a killed run left behind.
        shutil.rmtree(folder, ignore_errors=True)
        self.plane.folder.mkdir(parents=True)
        stages = parts.upstream(parts.KWOK) / "kustomize" / "stage"
        configs = [str(stages / f"{name}.yaml") for name in _PLAIN_STAGES]
        configs += [str(HERE / "stages" / "pod-ends.yaml")] if pods_end else []
        # A small heap would have Go's programs collect garbage most of the time, here where two cores serve them all.
        os.environ["GOGC"] = "400"
        try:
            self.plane.up(
                Companions(
                    kwok=True,
                    kwok_config=tuple(configs),
                    server_flags=(
                        f"--audit-policy-file={HERE / 'audit-policy.yaml'}",
                        f"--audit-log-path={self.audit_log}",
                    ),
                    kwok_flags=("--cidr=10.64.0.0/10", "--v=WARN"),
                )
            )
            del os.environ["GOGC"]
            certificates = self.plane.folder / "certificates"
            self.server = Server(
                self.plane.url,
                self.plane.certificate_authority,
                certificates / "client-admin.crt",
                certificates / "client-admin.key",
            )
            self.session = self.server.session()
            for resource in ("parallelrunjobs", "parallelrundatasets"):
                self.plane.kubectl("create", "-f", str(ROOT / "crds" / f"{resource}.yaml"))
            wait_until("the resource's start", lambda: self._served(_OUR_JOBS), seconds=60)
            for number in range(_NODES):
                self.session.create("/api/v1/nodes", _node(number))
            self.plane.kubectl("wait", "nodes", "--all", "--for=condition=Ready", "--timeout=60s")
            self.plane.kubectl("create", "-f", str(HERE / "node-for-each-pod.yaml"))
            self.namespaces = [f"team-{number:02d}" for number in range(namespaces)]
            for name in self.namespaces:
                self.session.create("/api/v1/namespaces", {"metadata": {"name": name}})
            wait_until("the admission policy's start", self._gives_nodes, seconds=60)
            self._settle()
        except BaseException:
            self.close()
            raise

    @property
    def audit_log(self) -> Path:
        return self.folder / "audit.log"

    def pids(self) -> dict:
        """The processes of the control plane."""
        found = {name: process.recall(self.plane.folder / f"{name}.process") for name in _PROGRAMS}
        return {name: running.pid for name, running in found.items() if running is not None}

    def launch(self, name: str, words: list) -> process.Process:
        """A contender; it is killed with the arena at the latest."""
        started = process.start(words, self.folder / f"{name}.log")
        process.remember(started, self.plane.folder / f"{name}.process")
        return started

    def kubeconfig_of(self, user: str) -> Path:
        """Every right, no throttling by the API server; the name is for the audit log."""
        return self.plane.user(user, ["system:masters"])

    def _served(self, collection: str) -> bool:
        try:
            self.session.get(collection)
        except RequestFailed:
            return False
        return True

    def _settle(self) -> None:
        """Waits, for a while, until the API server has done what a start brings: it is no contender's burden."""
        pid = self.pids()["kube-apiserver"]
        for _ in range(_MOST_SETTLE_SECONDS):
            before = cpu_seconds(pid)
            time.sleep(1)
            if cpu_seconds(pid) - before < _SETTLED_CPU:
                return

    def _gives_nodes(self) -> bool:
        pod = {"metadata": {"name": "probe"}, "spec": {"containers": [{"name": "probe", "image": "probe"}]}}
        made = self.session.create("/api/v1/namespaces/default/pods?dryRun=All", pod)
        return "nodeName" in made["spec"]

    def close(self) -> None:
        self.plane.down()

    def __enter__(self) -> "Arena":
        return self

    def __exit__(self, *_) -> None:
        self.close()


def _node(number: int) -> dict:
    capacity = {"cpu": "100000", "memory": "1000Ti", "ephemeral-storage": "1000Ti", "pods": str(_PODS_EACH)}
    return {
        "metadata": {"name": f"fake-{number:04d}", "labels": {"kubernetes.io/os": "linux"}},
        "status": {"capacity": capacity, "allocatable": capacity},
    }


__all__ = ["HERE", "ROOT", "Arena", "parts", "process", "wait_until"]
