"""The machines below the nodes of a kind cluster. What happens to them no user of a cluster can bring about."""

import contextlib
import datetime
import json
import sys
from pathlib import Path

from kubernetes import LET, PATIENCE, wait_until

API_SERVER = "kube-apiserver"
# A program that was killed not long ago may have to wait for that long until the kubelet starts it again.
BACK_OFF = 330
# By their names as the kernel cuts them.
OTHERS = {"kube-controller-manager": "kube-controller", "kube-scheduler": "kube-scheduler"}


class Machines:
    def __init__(self, cluster):
        self._cluster = cluster
        self._back = None  # when the API server was there again

    def _on(self, node, *words, check=True):
        return self._cluster.run("docker", "exec", node, *words, check=check).stdout.decode()

    def control_plane(self):
        (node,) = self._cluster.items("nodes", "-l", "node-role.kubernetes.io/control-plane")
        return node["metadata"]["name"]

    def workers(self):
        nodes = self._cluster.items("nodes", "-l", "!node-role.kubernetes.io/control-plane")
        return sorted(node["metadata"]["name"] for node in nodes)

    def container_log(self, node, name_space, pod):
        """What a runner has said, without asking the API server."""
        return self._on(node, "sh", "-c", f"cat /var/log/pods/{name_space}_{pod}_*/runner/*.log")

    def _volume(self, name_space):
        return Path(self._cluster.environment["PARALLELRUN_CLUSTER_SHARED"]) / name_space

    def output(self, name_space, job):
        """The output directory of a job, without asking the API server."""
        return self._volume(name_space) / "out" / job

    def let(self, name_space, job, files=1_000_000):
        """Space.let, without asking the API server."""
        folder = self._volume(name_space) / "gates" / job
        self._cluster.run(sys.executable, "-c", LET, str(folder), str(files))

    @contextlib.contextmanager
    def api_server_outage(self):
        """The API server leaves requests without an answer, then is killed and starts anew."""
        node = self.control_plane()
        # Without it they would crash again and again, and the kubelet let them wait for long at the end.
        for name in (*OTHERS.values(), API_SERVER):
            self._on(node, "pkill", "-STOP", "-x", name)
        try:
            yield
        finally:
            self._on(node, "pkill", "-KILL", "-x", API_SERVER)
            ready = ("kubectl", "get", "--raw", "/readyz", "--request-timeout=2s")
            wait_until(
                "the API server", lambda: self._cluster.run(*ready, check=False).returncode == 0, BACK_OFF
            )
            self._back = datetime.datetime.now(datetime.UTC)
            # Not to go on where they were: the nodes would be taken for lost.
            for name in OTHERS.values():
                self._on(node, "pkill", "-KILL", "-x", name)

    def await_controllers(self):
        """That they lead again after an outage: without them a namespace gets no service account, say."""
        for name in OTHERS if self._back else ():
            wait_until(f"{name} leads again", lambda name=name: self._renewed(name) > self._back, BACK_OFF)

    def _renewed(self, name):
        lease = self._cluster.get("-n", "kube-system", "lease", name)
        return datetime.datetime.fromisoformat(lease["spec"]["renewTime"])

    @contextlib.contextmanager
    def frozen(self, node):
        """The whole node stands still, kernel aside, and counts as lost; then it goes on as if nothing had been."""
        lost = "node.kubernetes.io/out-of-service=frozen:NoExecute"
        self._cluster.run("docker", "pause", node)
        try:
            # As an administrator says it, and a minute sooner than the cluster would find out.
            self._cluster.kubectl("taint", "node", node, lost)
            yield
        finally:
            self._cluster.run("docker", "unpause", node)
            self._cluster.kubectl("taint", "node", node, f"{lost}-", check=False)
            wait_until(
                f"{node} is back", lambda: self._in_service(node), PATIENCE, say=lambda: self._shown(node)
            )

    def _in_service(self, node):
        found = self._cluster.get("node", node)
        ready = {c["type"]: c["status"] for c in found["status"]["conditions"]}["Ready"]
        return ready == "True" and not found["spec"].get("taints")

    def _shown(self, node):
        found = self._cluster.get("node", node)
        return json.dumps([found["spec"], found["status"]["conditions"]], indent=1)
