"""The cluster that the tests use, as a user sees it: through kubectl and helm."""

import json
import os
import subprocess
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
JOBS = "parallelrunjobs.parallelrun.dev"
USER = 65532  # of the runner image

RESTRICTED = {
    "runAsNonRoot": True,
    "runAsUser": USER,
    "runAsGroup": USER,
    "fsGroup": USER,
    "seccompProfile": {"type": "RuntimeDefault"},
}
RESTRICTED_CONTAINER = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


# Of waits that only a failure lets end.
PATIENCE = 300

# At once, for a script reads it meanwhile; and for other users to change, since a test has one of its own.
LET = (
    "import os, sys; folder, files = sys.argv[1:]; os.umask(0); os.makedirs(folder, exist_ok=True)\n"
    "with open(folder + '/next', 'w') as file: file.write(files)\n"
    "os.replace(folder + '/next', folder + '/limit')"
)


def wait_until(what, check, seconds, interval=0.3, say=lambda: ""):
    """What `check` returned once it is true. `say` tells how things stand when it never was."""
    deadline = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}\n{say()}")
        time.sleep(interval)


class Cluster:
    """`environment` names the kubeconfig and has kubectl and helm on its PATH."""

    def __init__(self, environment):
        self.environment = environment

    def run(self, *words, stdin=None, check=True, seconds=PATIENCE + 60):
        done = subprocess.run(
            words,
            env=self.environment,
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            timeout=seconds,
        )
        if check and done.returncode != 0:
            shown = " ".join(str(word) for word in words)
            raise AssertionError(f"{shown}: exit code {done.returncode}\n{done.stderr.decode()}")
        return done

    def kubectl(self, *words, stdin=None, check=True):
        return self.run("kubectl", *words, stdin=stdin, check=check).stdout.decode()

    def helm(self, *words):
        return self.run("helm", *words, seconds=600).stdout.decode()

    def apply(self, *objects):
        document = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        return self.kubectl("apply", "-f", "-", stdin=json.dumps(document))

    def get(self, *words):
        """The object as JSON; None when there is none."""
        done = self.run("kubectl", "get", *words, "-o", "json", check=False)
        if done.returncode != 0:
            if b"NotFound" in done.stderr:
                return None
            raise AssertionError(done.stderr.decode())
        return json.loads(done.stdout)

    def items(self, *words):
        return self.get(*words)["items"]


class Space:
    """A namespace of one test with a volume `data`, which the pod `files` shows to the test."""

    def __init__(self, cluster, name, volumes, images):
        self.cluster, self.name, self.images = cluster, name, images
        cluster.apply(
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {
                    "name": name,
                    "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
                },
            }
        )
        cluster.apply(*volumes(name), self._files_pod())
        cluster.kubectl("wait", "-n", name, "--for=condition=Ready", "pod/files", f"--timeout={PATIENCE}s")

    def _files_pod(self):
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "files", "namespace": self.name},
            "spec": {
                "securityContext": RESTRICTED,
                "terminationGracePeriodSeconds": 0,
                "containers": [
                    {
                        "name": "files",
                        "image": self.images.runner,
                        "imagePullPolicy": "IfNotPresent",
                        "command": ["python3", "-c", "import time; time.sleep(1e6)"],
                        "securityContext": RESTRICTED_CONTAINER,
                        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                    }
                ],
                "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
            },
        }

    # -- the volume
    def python(self, code, *arguments, stdin=None):
        return self.cluster.run(
            "kubectl",
            "exec",
            "-i",
            "-n",
            self.name,
            "files",
            "--",
            "python3",
            "-c",
            code,
            *arguments,
            stdin=stdin,
        ).stdout

    def upload(self, archive, folder):
        """Unpacks a tar archive (bytes) below `folder` of the volume."""
        code = (
            "import sys, tarfile, os; os.makedirs(sys.argv[1], exist_ok=True)\n"
            "tarfile.open(fileobj=sys.stdin.buffer, mode='r|*').extractall(sys.argv[1])"
        )
        self.python(code, f"/data/{folder}", stdin=archive)

    def make_files(self, folder, count):
        code = (
            "import sys, os; os.makedirs(sys.argv[1], exist_ok=True)\n"
            "for i in range(int(sys.argv[2])): open(f'{sys.argv[1]}/{i:05}.txt', 'w').write(str(i))"
        )
        self.python(code, f"/data/{folder}", str(count))

    def read(self, path):
        return self.python("import sys; sys.stdout.write(open(sys.argv[1]).read())", f"/data/{path}").decode()

    def tree(self, folder):
        code = (
            "import sys, os\n"
            "for d, _, names in os.walk(sys.argv[1]):\n"
            "    for n in names: print(os.path.relpath(os.path.join(d, n), sys.argv[1]))"
        )
        return sorted(self.python(code, f"/data/{folder}").decode().split())

    # -- jobs
    def code(self, name, files):
        self.cluster.apply(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": name, "namespace": self.name},
                "data": files,
            }
        )

    def volume(self, sub_path, claim="data"):
        return {"persistentVolumeClaim": {"claimName": claim}, "subPath": sub_path}

    def submit(self, name, held_after=None, **spec):
        """A job over the files of `input` with the script of ConfigMap `code`, but for what `spec` says.

        With `held_after` it comes no further than to this file until `let` is called: what is to befall a job at work
        befalls it at work, however fast or slow the machine is.
        """
        if held_after is not None:
            self.let(name, held_after)
            gate = {"name": "gate", "source": self.volume(f"gates/{name}")}
            spec["sideInputs"] = [*spec.get("sideInputs", []), gate]
            spec["arguments"] = [*spec.get("arguments", []), "--gate", "$(sideInputs.gate)"]
            spec["runInvocationTimeout"] = 3600
        job = {
            "entryScript": "work.py",
            "sourceDirectory": {"configMap": {"name": "code"}},
            "inputs": [{"name": "files", "source": self.volume("input")}],
            "output": {"source": self.volume(f"out/{name}")},
        }
        job.update(spec)
        self.cluster.apply(
            {
                "apiVersion": "parallelrun.dev/v1alpha1",
                "kind": "ParallelRunJob",
                "metadata": {"name": name, "namespace": self.name},
                "spec": job,
            }
        )

    def let(self, name, files=1_000_000):
        """A job that is held goes on until so many files are done."""
        self.python(LET, f"/data/gates/{name}", str(files))

    def patch(self, name, **spec):
        self.cluster.kubectl(
            "patch", "-n", self.name, JOBS, name, "--type=merge", "-p", json.dumps({"spec": spec})
        )

    def job(self, name):
        return self.cluster.get("-n", self.name, JOBS, name)

    def status(self, name):
        return (self.job(name) or {}).get("status", {})

    def condition(self, name, kind):
        for condition in self.status(name).get("conditions", []):
            if condition["type"] == kind:
                return condition
        return {}

    def pods(self, name, role=None):
        """Pods that are not on their way out, by name."""
        selector = f"parallelrun.dev/job={name}" + (f",parallelrun.dev/role={role}" if role else "")
        found = self.cluster.items("-n", self.name, "pods", "-l", selector)
        return {pod["metadata"]["name"]: pod for pod in found if "deletionTimestamp" not in pod["metadata"]}

    def uids(self, name, part):
        """Of the pods of a job whose name has `part` and that still work or have ended well."""
        return {
            pod["metadata"]["uid"]
            for pod_name, pod in self.pods(name).items()
            if part in pod_name and pod["status"]["phase"] != "Failed"
        }

    def delete_pod(self, name, *options):
        self.cluster.kubectl("delete", "pod", "-n", self.name, name, *options, "--wait=false")

    def wait_state(self, name, state, seconds=PATIENCE):
        def reached():
            now = self.status(name).get("state")
            if now != state and now in ("Complete", "Failed"):
                raise AssertionError(f"{name} is {now}, not {state}\n{self.story(name)}")
            return now == state

        wait_until(f"{name} is {state}", reached, seconds, say=lambda: self.story(name))
        return self.status(name)

    def wait_progress(self, name, mini_batches, seconds=PATIENCE):
        wait_until(
            f"{mini_batches} mini-batches of {name}",
            lambda: self.status(name).get("progress", {}).get("miniBatchesProcessed", 0) >= mini_batches,
            seconds,
            say=lambda: self.story(name),
        )

    def wait_workers(self, name, count):
        wait_until(
            f"{count} workers of {name} are ready",
            lambda: self.status(name).get("readyReplicas", 0) == count,
            PATIENCE,
            say=lambda: self.story(name),
        )

    def wait_reason(self, name, reason, seconds=PATIENCE):
        wait_until(
            f"{name} says {reason}",
            lambda: (
                self.condition(name, "Running").get("reason") == reason
                or self.condition(name, "Failed").get("reason") == reason
            ),
            seconds,
            say=lambda: self.story(name),
        )
        return self.status(name)["message"]

    def wait_events(self, name, *reasons):
        """Events are written a moment after the status that they are about."""
        wait_until(
            f"events {reasons} of {name}",
            lambda: set(reasons) <= set(self.events(name)),
            PATIENCE,
            say=lambda: self.story(name),
        )

    def events(self, name):
        found = self.cluster.items(
            "-n", self.name, "events", "--field-selector", f"involvedObject.name={name}"
        )
        return [event["reason"] for event in found]

    def rows(self, name):
        return sorted(self.read(f"out/{name}/parallel_run_step.txt").split())

    def story(self, name):
        parts = [json.dumps(self.status(name), indent=1)]
        for words in (
            ("get", "pods", "-o", "wide"),
            ("get", "events", "--sort-by=.lastTimestamp"),
            ("logs", "-l", f"parallelrun.dev/job={name},parallelrun.dev/role=orchestrator", "--tail=40"),
            (
                "logs",
                "-l",
                f"parallelrun.dev/job={name},parallelrun.dev/role=worker",
                "--tail=15",
                "--prefix",
                "--all-containers",
            ),
            # Of tests with a store: what was asked of it, and when for the last time.
            ("logs", "object-store", "--tail=15", "--timestamps"),
        ):
            parts.append(self.cluster.kubectl(*words, "-n", self.name, check=False))
        parts.append(
            self.cluster.kubectl(
                "logs", "-n", "parallelrun", "deploy/parallelrun-operator", "--tail=30", check=False
            )
        )
        return "\n".join(parts)

    def remove(self):
        self.cluster.kubectl("delete", "namespace", self.name, "--wait=false")


def environment_of_test_cluster():
    """Of KUBECONFIG where that is set; else of the cluster of tests/cluster, which is brought up."""
    environment = dict(os.environ)
    if environment.get("KUBECONFIG"):
        return environment, False
    program = str(REPOSITORY / "tests" / "cluster" / "cluster")
    family = environment.get("PARALLELRUN_E2E_IP_FAMILY", "ipv4")
    subprocess.run([program, "up", "--nodes", "3", "--ip-family", family], check=True)
    for line in subprocess.run(
        [program, "env"], check=True, capture_output=True, text=True
    ).stdout.splitlines():
        name, _, value = line.removeprefix("export ").partition("=")
        environment[name] = subprocess.run(
            ["bash", "-c", f"printf %s {value}"], check=True, capture_output=True, text=True
        ).stdout
    return environment, True
