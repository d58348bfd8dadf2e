"""One job as the operator would run it, with processes in place of pods: directories for its volumes,
certificates, and `parallelrun pod-orchestrator` and `pod-agent` over mutual TLS on the loopback interface,
against a real API server."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import textwrap
from pathlib import Path

from authority import Authority
from checkout import PROGRAM
from processes import command_line, descendants
from service import Service
from waiting import PATIENCE

# A script for jobs that something befalls while they run.
SLOW = """
    import os, time
    def init():
        pass
    def run(mini_batch):
        time.sleep(0.05)
        return [os.path.basename(path) for path in mini_batch]
"""


def held_port():
    """A free one, and what keeps it from everybody but a listener that asks for SO_REUSEADDR, as ours do."""
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    return holder.getsockname()[1], holder


class PodProcess:
    """A process in place of a pod's container. `output` grows while it runs."""

    def __init__(self, name, command, environment, folder):
        self.name = name
        self._output = folder / "output"
        self.termination_log = folder / "termination-log"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)

    @property
    def output(self):
        return self._output.read_text(errors="replace")

    @property
    def message(self):
        """The termination message; {} while there is none."""
        text = self.termination_log.read_bytes() if self.termination_log.exists() else b""
        assert len(text) <= 4096
        return json.loads(text.decode("utf-8")) if text else {}

    def wait(self, patience=PATIENCE):
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} does not end:\n{self.output}") from None

    def expect(self, code):
        ended = self.wait()
        assert ended == code, (
            f"{self.name}: exit code {ended}, expected {code}\n{self.output}\n{self.message}"
        )
        return self

    def signal(self, number):
        """To the process and to those below it, as freezing or killing a container does."""
        for pid in [self.process.pid, *descendants(self.process.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def child(self):
        """The orchestrator process below pod-orchestrator."""
        found = [pid for pid in descendants(self.process.pid) if "orchestrator" in command_line(pid)]
        return found[0] if found else None

    def destroy(self):
        self.signal(signal.SIGKILL)
        self.process.wait()


class PodWorld:
    def __init__(self, root, api, namespace):
        self.root = Path(root)
        self.api = api
        self.namespace = namespace
        self.name = "test-job"
        self.service = Service()
        self.volumes = self.root / "parallelrun"
        self.code = self.volumes / "source-volume"
        self.data = self.volumes / "inputs" / "files"
        self.output_volume = self.volumes / "output"
        self.out = self.output_volume / "results"
        for folder in (self.code, self.data, self.output_volume):
            folder.mkdir(parents=True)
        self.authority = Authority(self.root / "authority")
        self.authority.issue(self.root / "orchestrator-files", "orchestrator")
        self.spec = {
            "sourceDirectory": {"configMap": {"name": "code"}},
            "entryScript": "entry.py",
            "inputs": [
                {"name": "files", "type": "file", "source": {"persistentVolumeClaim": {"claimName": "data"}}}
            ],
            "output": {"source": {"persistentVolumeClaim": {"claimName": "out"}, "subPath": "results"}},
            "resourceMonitorInterval": 0,
            "nodeCount": 2,
        }
        self.uid = ""
        self.processes = []
        self._held = []
        self.port = None  # of the orchestrator that was started last
        self.lease_duration = 5
        self.kubeconfig = None

    # The job.

    def script(self, text, name="entry.py"):
        path = self.code / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return self

    def files(self, count):
        for index in range(count):
            (self.data / f"f{index:06}.txt").write_text("x")
        return self

    def set(self, **fields):
        self.spec.update(fields)
        return self

    def apply(self):
        """Creates the resource and what the operator would put into the Secret."""
        manifest = {
            "apiVersion": "parallelrun.dev/v1alpha1",
            "kind": "ParallelRunJob",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": self.spec,
        }
        made = self.api.request("POST", self.jobs_path(), manifest)
        assert made.accepted, made
        self.uid = made.body["metadata"]["uid"]
        manifest["metadata"]["uid"] = self.uid
        (self.root / "orchestrator-files" / "job.json").write_text(json.dumps(manifest))
        return self

    def jobs_path(self, name=""):
        path = f"/apis/parallelrun.dev/v1alpha1/namespaces/{self.namespace}/parallelrunjobs"
        return f"{path}/{name}" if name else path

    def progress(self):
        found = self.api.request("GET", self.jobs_path(self.name))
        return found.body.get("status", {}).get("progress", {}) if found.accepted else {}

    def lease(self):
        path = f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases/{self.name}-orchestrator"
        return self.api.request("GET", path)

    def steal_lease(self, holder):
        """As a contender that is wrong about the time would."""
        path = f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases/{self.name}-orchestrator"
        while True:
            lease = self.lease().body
            lease["spec"]["holderIdentity"] = holder
            lease["spec"]["leaseTransitions"] += 1
            answer = self.api.request("PUT", path, lease)
            if answer.status != 409:
                assert answer.accepted, answer
                return

    # Its pods.

    def orchestrator(
        self,
        incarnation=0,
        *,
        ended=(),
        files="orchestrator-files",
        extra=(),
        address="[::]",
        ip="127.0.0.1",
        earlier_runs=(),
        environment=None,
    ):
        """`earlier_runs`: what the operator would name of other jobs of the namespace."""
        name = f"{self.name}-orchestrator-{incarnation}"
        folder = self._pod_folder(name)
        self.port, holder = held_port()
        self._held.append(holder)
        port = self.port
        self.service.select(port)
        command = [
            PROGRAM, "pod-orchestrator", "--kubeconfig", self.kubeconfig or self.api.folder / "kubeconfig",
            "--listen", f"{address}:{port}", "--termination-log", folder / "termination-log",
            "--lease-duration", self.lease_duration, *self._places(folder, files), *extra,
        ]  # fmt: skip
        for pod in ended:
            command += ["--ended", f"{self.name}-orchestrator-{pod}.{self._uid_of_pod(pod)[:8]}"]
        variables = {"JOB_NAME": self.name, "JOB_UID": self.uid, "POD_UID": self._uid_of_pod(incarnation)}
        if earlier_runs:
            variables["PARALLELRUN_EARLIER_RUNS"] = json.dumps(list(earlier_runs))
        variables |= environment or {}
        return self._start(name, command, folder, POD_IP=ip, **variables)

    @staticmethod
    def _uid_of_pod(incarnation):
        return f"{incarnation:08}-5eed-4000-8000-000000000000"

    def worker(self, index=0, incarnation=0, *, files=None, connect=None, ip=None, environment=None):
        """`environment` is what the kubelet would make of the job's environment.env."""
        name = f"{self.name}-worker-{index}-{incarnation}"
        files = files or self._files_of_worker(index)
        folder = self._pod_folder(name)
        command = [
            PROGRAM, "pod-agent", "--connect", connect or f"localhost:{self.service.port}",
            "--name", f"worker-{index}", "--termination-log", folder / "termination-log",
            *self._places(folder, files),
        ]  # fmt: skip
        variables = {"POD_IP": ip or f"127.0.0.{index + 1}"} | (environment or {})
        return self._start(name, command, folder, **variables)

    def _files_of_worker(self, index):
        """The items of the job's Secret that this worker mounts."""
        files = f"worker-{index}-files"
        if not (self.root / files).exists():
            self.authority.issue(self.root / files, "worker", name=f"worker-{index}")
        return files

    def _pod_folder(self, name):
        folder = self.root / name
        folder.mkdir()
        (folder / "tmp").mkdir()
        return folder

    def _places(self, folder, files):
        return ["--root", self.root, "--job-files", self.root / files,
                "--source-copy", folder / "source", "--scratch", folder / "scratch"]  # fmt: skip

    def _start(self, name, command, folder, **variables):
        environment = dict(os.environ)
        environment.pop("PYTHONPATH", None)
        environment |= {
            "POD_NAME": name,
            "POD_NAMESPACE": self.namespace,
            "HOME": str(folder),
            "TMPDIR": str(folder / "tmp"),
        }
        environment |= variables
        process = PodProcess(name, [str(word) for word in command], environment, folder)
        self.processes.append(process)
        return process

    def destroy(self):
        for process in self.processes:
            process.destroy()
        for holder in self._held:
            holder.close()
        self.service.close()

    # What the job left.

    def rows(self):
        path = self.out / "parallel_run_step.txt"
        text = path.read_text() if path.exists() else ""
        assert text == "" or text.endswith("\n"), "the last row is torn"
        return text.split("\n")[:-1]

    def overview(self):
        return (self.out / "logs" / "job_progress_overview.txt").read_text()

    def expect_every_file_once(self, count):
        assert sorted(self.rows()) == [f"f{index:06}.txt" for index in range(count)]
        assert (self.out / "_SUCCESS").exists()
