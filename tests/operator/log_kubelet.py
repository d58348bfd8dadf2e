"""A node that runs the one kind of pod by which a user looks at an output, as processes of this machine, and serves its
log as a kubelet does: the API server fetches it from here."""

import os
import shutil
import signal
import ssl
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from authority import Authority
from checkout import BUILD, PROGRAM
from loopback import Handler, LoopbackServer
from server import Server
from world import World, container, now, running


class LogKubelet(LoopbackServer):
    """`output` stands in for the volume of the output, and folders for other claims, ConfigMaps and Secrets, by their names.
    Within its `with` block."""

    def __init__(self, folder, namespace, scratch, output=None, **others):
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
        self.data_containers = {}  # the same, of those that have one
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
        for started in [*self.containers.values(), *self.data_containers.values()]:
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
            if name not in self.containers and self._may_start(name, pod["spec"]):
                self._start(name, pod["spec"])
        for name, started in self.data_containers.items():
            if name not in there:
                started.end()
        for name, started in self.containers.items():
            if name not in there:
                started.end()
            elif not started.told and started.process.poll() is not None:
                self._tell_end(name, started)

    def _may_start(self, name, spec):
        """Whether the container `data`, if the pod has one, is ready, as its startup probe finds."""
        if "initContainers" not in spec:
            return True
        if name not in self.data_containers:
            self._bind(name)
            self.data_containers[name] = _DataContainer(self._scratch / f"{name}-data", spec, self._others)
        data = self.data_containers[name]
        if data.process.poll() is None:
            return data.is_ready()
        end = {"exitCode": data.process.returncode, "reason": "Error", "message": data.message()}
        status = container({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}, ready=False)
        status |= {
            "name": "data",
            "lastState": {"terminated": end | {"startedAt": now(), "finishedAt": now()}},
        }
        self._world.set_pod(name, {"phase": "Pending", "initContainerStatuses": [status]})
        return False

    def _start(self, name, spec):
        data = self.data_containers.get(name)
        places = self._places(spec, data)
        words = [_here(word, places) for word in spec["containers"][0]["args"]]
        variables = {one["name"]: _here(one["value"], places) for one in spec["containers"][0].get("env", ())}
        if not data:
            self._bind(name)
        self.containers[name] = _Container(self._scratch / name, words, variables)
        self._world.set_pod(name, running())

    def _bind(self, name):
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": name},
            "target": {"apiVersion": "v1", "kind": "Node", "name": self._node},
        }
        bound = self._world.server.request("POST", self._world.path("pods", name, "binding"), binding)
        assert bound.accepted, bound

    def _places(self, spec, data):
        """Where on this machine the mounts of a pod are, by their paths."""
        own = (
            {f"/parallelrun/{name}": str(data.volumes / name) for name in ("output", "fetched")}
            if data
            else {}
        )
        mounts = [one for one in spec["containers"][0]["volumeMounts"] if one["mountPath"] not in own]
        assert all(mount["readOnly"] for mount in mounts), mounts
        named = {mount["name"] for mount in mounts}
        folders = {one["name"]: self._folder(one) for one in spec["volumes"] if one["name"] in named}
        return own | {
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


class _Process:
    def end(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def message(self):
        return self._message.read_text() if self._message.exists() else ""


class _DataContainer(_Process):
    """Of a pod that looks at an output in a store. `volumes` is what both containers see of their volumes; that only this
    one mounts the Secret is for the tests of the pod to say."""

    def __init__(self, folder, spec, others):
        folder.mkdir()
        (given,) = spec["initContainers"]
        # Not below the test's own folder: the path of a socket has at most 107 bytes.
        self._root = Path(tempfile.mkdtemp(prefix="look-", dir="/tmp"))
        self.volumes = self._root / "parallelrun"
        for name in ("fetched", "output"):
            (self.volumes / name).mkdir(parents=True)
        secrets = {one["name"]: one["secret"]["secretName"] for one in spec["volumes"] if "secret" in one}
        for mount in given["volumeMounts"]:
            if mount["name"] in secrets:
                place = self._root / mount["mountPath"].lstrip("/")
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(others[secrets[mount["name"]]])
        assert given["args"][0] == "pod-data", given
        self._message = folder / "termination-log"
        self.log = folder / "log"
        own = {
            one["name"]: one["value"].replace("/parallelrun", str(self.volumes), 1) for one in given["env"]
        }
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "AZURE_", "GOOGLE_"))
        }
        # In the image there is an environment for it.
        environment |= {"XDG_CACHE_HOME": str(BUILD / "store-cache"), "PARALLELRUN_STORE_PATIENCE": "20"}
        command = [
            PROGRAM,
            "pod-data",
            "--root",
            self._root,
            "--termination-log",
            self._message,
            *given["args"][1:],
        ]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=environment | own,
                start_new_session=True,
            )

    def is_ready(self):
        asked = [str(PROGRAM), "pod-data", "--root", str(self._root), "--ready-within", "1"]
        return subprocess.run(asked, capture_output=True, check=False).returncode == 0

    def end(self):
        super().end()
        shutil.rmtree(self._root, ignore_errors=True)


class _Container(_Process):
    def __init__(self, folder, words, variables):
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
                env={**os.environ, **variables},
                start_new_session=True,
            )


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
