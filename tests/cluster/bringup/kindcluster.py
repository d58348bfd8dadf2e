"""A kind cluster: created whole or not at all, and found again by its record."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path

from . import parts
from .commands import run, say, succeeds, wait_until
from .engine import Engine
from .failure import Failure
from .nodeimage import NodeImage
from .places import NODE, cluster_state, remove_tree

# Where every node sees the folder `shared` of the cluster's state: a ReadWriteMany volume by hostPath.
SHARED_ON_NODE = "/shared"
IP_FAMILIES = ("ipv4", "ipv6", "dual")
_ANYWHERE = {4: "0.0.0.0/0", 6: "::/0"}
_READY_SECONDS = 240
_API_SECONDS = 30


@dataclass(frozen=True)
class _Node:
    """A node as the pod network sees it: a subnet and an address for each IP family of the cluster."""

    name: str
    subnets: list[str]
    addresses: list[str]

    @staticmethod
    def of(found: dict) -> _Node:
        addresses = [a["address"] for a in found["status"]["addresses"] if a["type"] == "InternalIP"]
        return _Node(found["metadata"]["name"], found["spec"].get("podCIDRs", []), addresses)

    def ranges(self) -> list[list[dict]]:
        return [[{"subnet": subnet}] for subnet in self.subnets]

    def default_routes(self) -> list[dict]:
        return [{"dst": _ANYWHERE[ip_network(subnet).version]} for subnet in self.subnets]

    def ways(self) -> list[tuple[str, str]]:
        """Each pod subnet with the address of the same family that leads there."""
        families = {ip_address(address).version: address for address in self.addresses}
        return [(subnet, families[ip_network(subnet).version]) for subnet in self.subnets]


@dataclass(frozen=True)
class Cluster:
    name: str
    engine: Engine

    @property
    def state(self) -> Path:
        return cluster_state(self.name)

    @property
    def kubeconfig(self) -> Path:
        return self.state / "kubeconfig"

    @property
    def shared(self) -> Path:
        return self.state / "shared"

    @property
    def environment(self) -> dict[str, str]:
        return {**self.engine.environment, "KUBECONFIG": str(self.kubeconfig)}

    def up(self, image: NodeImage, nodes: int, ip_family: str) -> None:
        """Leaves a cluster of that many Ready nodes: the one that is there if it is whole, else a new one."""
        wanted = {"nodes": nodes, "image": image.name, "ipFamily": ip_family}
        if self._is_whole(wanted):
            say(f"cluster {self.name} is up")
            return
        self.down()
        say(f"creating cluster {self.name}: {nodes} node{'s' if nodes > 1 else ''}, {ip_family}")
        begin = time.monotonic()
        self.shared.mkdir(parents=True, exist_ok=True)
        self.shared.chmod(0o1777)
        self._create(image, nodes, ip_family)
        if not image.published:
            self._make_pod_network()
        self._await_ready()
        self._record_file().write_text(json.dumps({**wanted, "containers": self._containers()}))
        say(f"  {self.name}: {time.monotonic() - begin:.0f} s")

    def down(self) -> None:
        """Removes the cluster, or what an interrupted `up` has made of it."""
        parts.build(parts.KIND)
        self._record_file().unlink(missing_ok=True)
        self._kind("delete", "cluster", "--name", self.name, "--kubeconfig", self.kubeconfig)
        remove_tree(self.state)

    def _is_whole(self, wanted: dict) -> bool:
        """Whether it is the cluster that was made, its containers never restarted, and all nodes Ready."""
        record = self._record()
        if record is None or record != {**wanted, "containers": self._containers()}:
            return False
        patience = f"--timeout={_API_SECONDS}s"
        try:
            self.kubectl("wait", "nodes", "--all", "--for=condition=Ready", patience)
        except Failure:
            return False
        return True

    def node_names(self) -> list[str]:
        return sorted(self._kind("get", "nodes", "--name", self.name).split())

    def load(self, images: list[str]) -> None:
        """Copies images of the engine to every node."""
        for image in images:
            if not self.engine.has_image(image):
                raise Failure(
                    f"the engine has no image {image!r}: build it with the DOCKER_HOST of `cluster env`"
                )
        self._kind("load", "docker-image", "--name", self.name, *images)

    def kubectl(self, *words: str | Path, stdin: bytes | None = None) -> str:
        return run([parts.KUBECTL.program("kubectl"), "--kubeconfig", self.kubeconfig, *words], stdin=stdin)

    def _create(self, image: NodeImage, nodes: int, ip_family: str) -> None:
        configuration = self.state / "kind.json"
        configuration.write_text(json.dumps(self._configuration(image, nodes, ip_family), indent=1))
        chosen = [] if not image.name else ["--image", image.name]
        try:
            self._kind(
                "create",
                "cluster",
                "--name",
                self.name,
                "--config",
                configuration,
                "--retain",
                "--kubeconfig",
                self.kubeconfig,
                *chosen,
            )
        except Failure as failure:
            logs = self.state / "logs"
            export = [parts.KIND.program("kind"), "export", "logs", "--name", self.name, logs]
            succeeds(export, env=self.engine.environment, timeout=60)
            raise Failure(
                f"{failure}\nthe logs of the nodes lie in {logs} until the next `up` or `down`"
            ) from failure

    def _configuration(self, image: NodeImage, nodes: int, ip_family: str) -> dict:
        """kind's configuration, as JSON, which is YAML too."""
        mount = {"hostPath": str(self.shared), "containerPath": SHARED_ON_NODE}
        roles = ["control-plane"] + ["worker"] * (nodes - 1)
        configuration: dict = {
            "kind": "Cluster",
            "apiVersion": "kind.x-k8s.io/v1alpha4",
            "nodes": [{"role": role, "extraMounts": [mount]} for role in roles],
            "networking": {"ipFamily": ip_family, "disableDefaultCNI": not image.published},
        }
        if not Path("/sys/fs/cgroup/cgroup.controllers").exists():
            # The kubelet refuses cgroup v1 unless it is told otherwise.
            patch = {
                "kind": "KubeletConfiguration",
                "apiVersion": "kubelet.config.k8s.io/v1beta1",
                "failCgroupV1": False,
            }
            configuration["kubeadmConfigPatches"] = [json.dumps(patch)]
        return configuration

    def _make_pod_network(self) -> None:
        """Gives each node a CNI configuration for its pods and routes to the pods of the others."""
        wait_until(
            "the pod subnets of the nodes", lambda: all(node.subnets for node in self._nodes()), seconds=60
        )
        nodes = self._nodes()
        template = (NODE / "pod-network.json").read_text()
        program = (NODE / "pod-network").read_bytes()
        for node in nodes:
            configuration = template.replace("@RANGES@", json.dumps(node.ranges()))
            configuration = configuration.replace("@ROUTES@", json.dumps(node.default_routes()))
            ways = [way for other in nodes if other != node for way in other.ways()]
            words = [configuration, *(word for way in ways for word in way)]
            self.engine.docker("exec", "--interactive", node.name, "bash", "-s", "--", *words, stdin=program)

    def _nodes(self) -> list[_Node]:
        return [_Node.of(found) for found in json.loads(self.kubectl("get", "nodes", "-o", "json"))["items"]]

    def _await_ready(self) -> None:
        patience = f"--timeout={_READY_SECONDS}s"
        self.kubectl("wait", "nodes", "--all", "--for=condition=Ready", patience)
        self.kubectl("wait", "deployment/coredns", "-n", "kube-system", "--for=condition=Available", patience)
        wait_until(
            "the default service account",
            lambda: "default" in self.kubectl("get", "serviceaccounts", "-n", "default", "-o", "name"),
            seconds=_API_SECONDS,
        )

    def _containers(self) -> list[str]:
        """Id and start of each node's container that runs: a restarted one has lost its routes."""
        label = f"label=io.x-k8s.kind.cluster={self.name}"
        ids = self.engine.docker("ps", "--quiet", "--filter", label).split()
        if not ids:
            return []
        shown = self.engine.docker("inspect", "--format", "{{.Id}} {{.State.StartedAt}}", *ids)
        return sorted(shown.splitlines())

    def _kind(self, *words: str | Path) -> str:
        parts.build(parts.KIND)
        return run([parts.KIND.program("kind"), *words], env=self.engine.environment)

    def _record_file(self) -> Path:
        return self.state / "cluster.json"

    def _record(self) -> dict | None:
        try:
            return json.loads(self._record_file().read_text())
        except (OSError, ValueError):
            return None


def all_names(engine: Engine) -> list[str]:
    """The clusters of this engine, half-made ones included."""
    label = "io.x-k8s.kind.cluster"
    shown = f'{{{{.Label "{label}"}}}}'
    return sorted(set(engine.docker("ps", "--all", "--filter", f"label={label}", "--format", shown).split()))


def must_be_up(name: str, engine: Engine | None) -> Cluster:
    if engine is None or not (cluster_state(name) / "cluster.json").exists():
        raise Failure(
            f"there is no cluster {name}: `{os.path.relpath(NODE.parent / 'cluster')} up` brings it up"
        )
    return Cluster(name, engine)
