"""etcd and kube-apiserver alone, in a folder of their own: an API without nodes, ready in seconds.

The controller manager, the scheduler and kwok (which plays nodes and pods) can be put beside them.
"""

from __future__ import annotations

import contextlib
import json
import random
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import parts, process
from .certificates import Authority, encoded
from .commands import run, wait_until
from .failure import Failure
from .places import remove_tree

_START_SECONDS = 120
_START_TRIES = 5
_RECORD = "apiserver.json"
_STAGES = ("node/fast", "node/heartbeat-with-lease", "pod/fast")


@dataclass(frozen=True)
class Companions:
    """What runs beside the API server. Flags are added to the end of the program's command line."""

    controllers: str = ""  # A list for --controllers of kube-controller-manager; empty: it does not run.
    scheduler: bool = False
    kwok: bool = False
    kwok_nodes: int = 0
    kwok_config: tuple[str, ...] = ()  # Files with stages in place of kwok's own.
    server_flags: tuple[str, ...] = ()
    controller_flags: tuple[str, ...] = ()
    scheduler_flags: tuple[str, ...] = ()
    kwok_flags: tuple[str, ...] = ()


class ControlPlane:
    """One API server with its store, in `folder`, which nothing else uses."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._authority = Authority(folder / "certificates")
        self._programs = parts.control_plane()

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def url(self) -> str:
        return self._settings()["url"]

    @property
    def certificate_authority(self) -> Path:
        return self._authority.certificate

    def exists(self) -> bool:
        return (self.folder / _RECORD).exists()

    def up(self, companions: Companions) -> None:
        parts.build(parts.ETCD, self._programs, parts.KUBECTL, *([parts.KWOK] if companions.kwok else []))
        self._authority.create()
        server = self._authority.server(
            ["localhost", "kubernetes.default.svc"], ["127.0.0.1", "::1", "10.0.0.1"]
        )
        tokens = self._authority.signing_key()
        admin = self._authority.client("admin", ["system:masters"])
        self._start_etcd()
        self._start_server(server, tokens, companions)
        self._write_kubeconfig(self.kubeconfig, "admin", admin)
        self._start_companions(companions, tokens)

    def down(self) -> None:
        """Kills all of it and removes the folder: nothing in it is worth an orderly end."""
        for record in self.folder.glob("*.process"):
            running = process.recall(record)
            if running is not None:
                running.kill()
        remove_tree(self.folder)

    def stop_server(self) -> None:
        """Kills the API server alone: what is stored stays, and `restart_server` brings it back."""
        running = process.recall(self._record("kube-apiserver"))
        if running is not None:
            running.kill()

    def restart_server(self) -> None:
        """Kills the API server and starts it again at the same address: every connection and watch is cut."""
        self.stop_server()
        self._launch("kube-apiserver", self._settings()["command"])
        self._await_server()

    def user(self, name: str, groups: Sequence[str]) -> Path:
        """A kubeconfig of another user, with a client certificate. What he may do is up to RBAC."""
        file = self.folder / f"kubeconfig-{name.replace(':', '-')}"
        self._write_kubeconfig(file, name, self._authority.client(name, list(groups)))
        return file

    def kubectl(self, *words: str | Path, stdin: bytes | None = None) -> str:
        return run([parts.KUBECTL.program("kubectl"), "--kubeconfig", self.kubeconfig, *words], stdin=stdin)

    def _start_etcd(self) -> None:
        def command(ports: list[int]) -> list[str]:
            client, peer = (f"http://127.0.0.1:{port}" for port in ports)
            return [
                str(parts.ETCD.program("etcd")),
                "--name=tests",
                f"--data-dir={self.folder / 'etcd'}",
                f"--listen-client-urls={client}",
                f"--advertise-client-urls={client}",
                f"--listen-peer-urls={peer}",
                f"--initial-advertise-peer-urls={peer}",
                f"--initial-cluster=tests={peer}",
                "--unsafe-no-fsync",
                "--log-level=warn",
                f"--quota-backend-bytes={8 << 30}",
            ]

        def ready(ports: list[int]) -> bool:
            return _http_answers(f"http://127.0.0.1:{ports[0]}/health", None)

        ports, _ = self._start_on_free_ports("etcd", 2, command, ready)
        self._save({"etcd": f"http://127.0.0.1:{ports[0]}"})

    def _start_server(
        self, server: tuple[Path, Path], tokens: tuple[Path, Path], companions: Companions
    ) -> None:
        etcd = self._settings()["etcd"]

        def command(ports: list[int]) -> list[str]:
            return [
                str(self._programs.program("kube-apiserver")),
                f"--etcd-servers={etcd}",
                "--bind-address=127.0.0.1",
                f"--secure-port={ports[0]}",
                f"--cert-dir={self.folder / 'server'}",
                f"--tls-cert-file={server[0]}",
                f"--tls-private-key-file={server[1]}",
                f"--client-ca-file={self.certificate_authority}",
                "--authorization-mode=RBAC",
                "--service-account-issuer=https://kubernetes.default.svc",
                f"--service-account-key-file={tokens[1]}",
                f"--service-account-signing-key-file={tokens[0]}",
                "--service-cluster-ip-range=10.0.0.0/16",
                "--allow-privileged=true",
                "--endpoint-reconciler-type=none",
                *_admission(companions),
                *companions.server_flags,
            ]

        ports, words = self._start_on_free_ports("kube-apiserver", 1, command, self._server_ready)
        self._save({"url": f"https://127.0.0.1:{ports[0]}", "command": words})

    def _start_companions(self, companions: Companions, tokens: tuple[Path, Path]) -> None:
        if companions.controllers:
            self._launch(
                "kube-controller-manager",
                [
                    str(self._programs.program("kube-controller-manager")),
                    f"--kubeconfig={self.kubeconfig}",
                    f"--controllers={companions.controllers}",
                    "--leader-elect=false",
                    "--secure-port=0",
                    f"--service-account-private-key-file={tokens[0]}",
                    f"--root-ca-file={self.certificate_authority}",
                    *companions.controller_flags,
                ],
            )
        if companions.scheduler:
            self._launch(
                "kube-scheduler",
                [
                    str(self._programs.program("kube-scheduler")),
                    f"--kubeconfig={self.kubeconfig}",
                    f"--authentication-kubeconfig={self.kubeconfig}",
                    f"--authorization-kubeconfig={self.kubeconfig}",
                    "--leader-elect=false",
                    "--secure-port=0",
                    *companions.scheduler_flags,
                ],
            )
        if companions.kwok:
            self._start_kwok(companions)

    def _start_kwok(self, companions: Companions) -> None:
        configs = [Path(file).resolve() for file in companions.kwok_config] or _kwok_stages()
        self._launch(
            "kwok",
            [
                str(parts.KWOK.program("kwok")),
                f"--kubeconfig={self.kubeconfig}",
                "--manage-all-nodes=true",
                "--node-lease-duration-seconds=40",
                *[f"--config={file}" for file in configs],
                *companions.kwok_flags,
            ],
        )
        nodes = [_fake_node(number) for number in range(companions.kwok_nodes)]
        if nodes:
            listing = {"apiVersion": "v1", "kind": "List", "items": nodes}
            self.kubectl("create", "-f", "-", stdin=json.dumps(listing).encode())
            self.kubectl("wait", "nodes", "--all", "--for=condition=Ready", f"--timeout={_START_SECONDS}s")

    def _start_on_free_ports(self, name: str, count: int, command, ready) -> tuple[list[int], list[str]]:
        """A port may be taken between our look and the program's start: then it ends, and we try again."""
        for attempt in range(_START_TRIES):
            ports = _free_ports(count)
            words = command(ports)
            started = self._launch(name, words)
            try:
                wait_until(
                    f"{name}'s start",
                    lambda ports=ports: ready(ports),
                    seconds=_START_SECONDS,
                    alive=started.runs,
                )
                return ports, words
            except Failure as failure:
                started.kill()
                log = (self.folder / f"{name}.log").read_text(errors="replace")
                if "address already in use" not in log or attempt + 1 == _START_TRIES:
                    last = "\n".join(log.splitlines()[-10:])
                    raise Failure(f"{failure}; the end of its log:\n{last}") from failure
                (self.folder / f"{name}.log").unlink()
        raise AssertionError("unreachable")

    def _launch(self, name: str, words: Sequence[str]) -> process.Process:
        started = process.start(words, self.folder / f"{name}.log")
        process.remember(started, self._record(name))
        return started

    def _await_server(self) -> None:
        port = int(self.url.rpartition(":")[2])
        wait_until(
            "kube-apiserver's start",
            lambda: self._server_ready([port]),
            seconds=_START_SECONDS,
            alive=lambda: process.recall(self._record("kube-apiserver")) is not None,
        )

    def _server_ready(self, ports: list[int]) -> bool:
        context = ssl.create_default_context(cafile=str(self.certificate_authority))
        admin = self.folder / "certificates"
        context.load_cert_chain(admin / "client-admin.crt", admin / "client-admin.key")
        return _http_answers(f"https://127.0.0.1:{ports[0]}/readyz", context)

    def _write_kubeconfig(self, file: Path, user: str, client: tuple[Path, Path]) -> None:
        """kubeconfig as JSON, which is YAML too, with everything inside, so that it may be moved."""
        cluster = {"server": self.url, "certificate-authority-data": encoded(self.certificate_authority)}
        login = {"client-certificate-data": encoded(client[0]), "client-key-data": encoded(client[1])}
        file.touch(mode=0o600)
        file.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "tests",
                    "clusters": [{"name": "tests", "cluster": cluster}],
                    "users": [{"name": user, "user": login}],
                    "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": user}}],
                },
                indent=1,
            )
            + "\n"
        )

    def _record(self, name: str) -> Path:
        return self.folder / f"{name}.process"

    def _settings(self) -> dict:
        try:
            return json.loads((self.folder / _RECORD).read_text())
        except OSError as error:
            raise Failure(
                f"{self.folder} holds no API server: `apiserver up` prints the folder of one"
            ) from error

    def _save(self, settings: dict) -> None:
        known = self._settings() if self.exists() else {}
        (self.folder / _RECORD).write_text(json.dumps({**known, **settings}))


def _admission(companions: Companions) -> list[str]:
    """Takes out what waits for a controller that does not run."""
    controllers = companions.controllers.split(",")
    idle = []
    if not {"*", "serviceaccount-controller"}.intersection(controllers):
        idle.append("ServiceAccount")  # Nobody makes the default service account of a namespace.
    if not {"*", "node-lifecycle-controller"}.intersection(controllers):
        idle.append("TaintNodesByCondition")  # Nobody takes the taint from a node that became Ready.
    return ["--disable-admission-plugins", ",".join(idle)] if idle else []


def _free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, all different.

    The kernel gives none of them to a client (but where somebody has widened its range): else one could have the
    server's port while that restarts.
    """
    ports: list[int] = []
    for port in random.sample(range(20_000, 30_000), 1_000):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            ports.append(port)
        if len(ports) == count:
            return ports
    raise RuntimeError("of a thousand ports between 20000 and 30000 hardly one is free on 127.0.0.1")


def _http_answers(url: str, context: ssl.SSLContext | None) -> bool:
    # A proxy of the environment has no part in talking to this machine.
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    try:
        with opener.open(url, timeout=5) as answer:
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False


def _kwok_stages() -> list[Path]:
    stages = parts.upstream(parts.KWOK) / "kustomize" / "stage"
    files = [file for folder in _STAGES for file in sorted((stages / folder).glob("*.yaml"))]
    return [file for file in files if file.name != "kustomization.yaml"]


def _fake_node(number: int) -> dict:
    capacity = {"cpu": "64", "memory": "256Gi", "pods": "1000"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": f"fake-{number:04d}",
            "labels": {"kubernetes.io/os": "linux", "type": "kwok"},
            "annotations": {"kwok.x-k8s.io/node": "fake"},
        },
        "spec": {},
        "status": {"capacity": capacity, "allocatable": capacity},
    }
