"""A node that runs the one kind of pod by which a user looks at an output, as a process of this machine, and serves its
log as a kubelet does: the API server fetches it from here."""

import os
import signal
import ssl
import subprocess
import threading
import time

from authority import Authority
from checkout import PROGRAM
from loopback import Handler, LoopbackServer
from server import Server
from world import World, container, now, running


class LogKubelet(LoopbackServer):
    """`output` stands in for the volume of the output, and folders for other claims and ConfigMaps, by their names.
    Within its `with` block."""

    def __init__(self, folder, namespace, scratch, output, **others):
        super().__init__(_Logs)
        certificate = Authority(scratch / "authority").issue(scratch / "node", "node", "IP:127.0.0.1")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate / "tls.crt", certificate / "tls.key")
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._world = World(Server(folder), namespace)
        self._scratch = scratch
        self._output, self._others = output, others
        self._node = f"node-of-{namespace}"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.containers = {}  # by pod
        self.cut_once_after = None  # bytes of a log, after which its connection breaks, once
        self.lost_bytes = 0  # of the beginning of each log, as by a rotation
        self.failure = None

    def __enter__(self):
        super().__enter__()
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": self._node}}
        made = self._world.server.request("POST", "/api/v1/nodes", node)
        assert made.accepted, made
        port = int(self.address.rpartition(":")[2])
        status = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        }
        told = self._world.server.request(
            "PATCH",
            f"/api/v1/nodes/{self._node}/status",
            {"status": status},
            content="application/merge-patch+json",
        )
        assert told.accepted, told
        self._thread.start()
        return self

    def __exit__(self, kind, *_):
        self._stop.set()
        self._thread.join(30)
        for started in self.containers.values():
            started.end()
        self._world.server.request("DELETE", f"/api/v1/nodes/{self._node}")
        super().__exit__(kind, *_)
        assert kind is not None or self.failure is None, self.failure

    def pods(self):
        return [pod for pod in self._world.items("pods") if "-look-" in pod["metadata"]["name"]]

    def _run(self):
        try:
            while not self._stop.wait(0.05):
                self._step()
        except Exception as failure:
            self.failure = failure

    def _step(self):
        there = {pod["metadata"]["name"]: pod for pod in self.pods()}
        for name, pod in there.items():
            if name not in self.containers:
                self._start(name, pod["spec"])
        for name, started in self.containers.items():
            if name not in there:
                started.end()
            elif not started.told and started.process.poll() is not None:
                self._tell_end(name, started)

    def _start(self, name, spec):
        places = self._places(spec)
        words = [_here(word, places) for word in spec["containers"][0]["args"]]
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": name},
            "target": {"apiVersion": "v1", "kind": "Node", "name": self._node},
        }
        bound = self._world.server.request("POST", self._world.path("pods", name, "binding"), binding)
        assert bound.accepted, bound
        self.containers[name] = _Container(self._scratch / name, words)
        self._world.set_pod(name, running())

    def _places(self, spec):
        """Where on this machine the mounts of a pod are, by their paths."""
        folders = {volume["name"]: self._folder(volume) for volume in spec["volumes"]}
        mounts = spec["containers"][0]["volumeMounts"]
        assert all(mount["readOnly"] for mount in mounts), mounts
        return {
            mount["mountPath"]: f"{folders[mount['name']]}/{mount.get('subPath', '')}".rstrip("/")
            for mount in mounts
        }

    def _folder(self, volume):
        if volume["name"] == "output":
            return self._output
        name = volume.get("persistentVolumeClaim", {}).get("claimName") or volume["configMap"]["name"]
        return self._others[name]

    def _tell_end(self, name, started):
        started.told = True
        code = started.process.returncode
        state = {
            "exitCode": code,
            "reason": "Error" if code else "Completed",
            "message": started.message(),
            "startedAt": now(),
            "finishedAt": now(),
        }
        status = {"phase": "Failed" if code else "Succeeded"}
        status["containerStatuses"] = [container({"terminated": state}, ready=False)]
        self._world.set_pod(name, status)


def _here(word, places):
    option, sign, path = word.rpartition("=") if word.startswith("--") else ("", "", word)
    for place, folder in places.items():
        if path == place or path.startswith(place + "/"):
            return option + sign + folder + path[len(place) :]
    return word


class _Container:
    def __init__(self, folder, words):
        folder.mkdir()
        self._message = folder / "termination-log"
        self.log = folder / "log"
        assert words[0] == "look", words
        self.told = False
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [str(PROGRAM), "look", "--message", str(self._message), *words[1:]],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def message(self):
        return self._message.read_text() if self._message.exists() else ""

    def end(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class _Logs(Handler):
    def do_GET(self):
        kubelet = self.server.owner
        _, kind, _, pod, *_ = self.path.partition("?")[0].split("/")
        assert kind == "containerLogs", self.path
        started = kubelet.containers[pod]
        self.begin_stream()
        sent = kubelet.lost_bytes
        while True:
            over = started.process.poll() is not None
            with open(started.log, "rb") as log:
                log.seek(sent)
                piece = log.read(8192)
            limit = kubelet.cut_once_after
            if limit is not None and sent + len(piece) > limit:
                kubelet.cut_once_after = None
                self.chunk(piece[: limit - sent] or b"\n")
                self.cut()
                return
            if piece:
                sent += len(piece)
                self.chunk(piece)
            elif over:
                self.chunk(b"")
                return
            else:
                time.sleep(0.02)
