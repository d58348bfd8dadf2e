"""Runs the job of `helm test` in this container, then on the cluster, and checks what became of it. In the runner image.

Arguments: a folder with job.json, the files it reads and, where the job's output is a claim to be made, claim.json; how
many files these are; the seconds that all of it may take. Job and claim stay where something went wrong, until the next
test.
"""

import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
PATHS = {
    "ParallelRunJob": "/apis/parallelrun.dev/v1alpha1/namespaces/%s/parallelrunjobs",
    "PersistentVolumeClaim": "/api/v1/namespaces/%s/persistentvolumeclaims",
}


def ask(method, path, body=None):
    """The answer as JSON; None where there is no such object."""
    host = os.environ["KUBERNETES_SERVICE_HOST"]
    host = "[%s]" % host if ":" in host else host
    with open(ACCOUNT + "/token", encoding="ascii") as token:
        request = urllib.request.Request(
            "https://%s:%s%s" % (host, os.environ["KUBERNETES_SERVICE_PORT"], path),
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": "Bearer " + token.read(), "Content-Type": "application/json"},
        )
    context = ssl.create_default_context(cafile=ACCOUNT + "/ca.crt")
    # The API server is inside: no proxy of the environment leads there.
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    try:
        with opener.open(request, timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == 404 and method != "POST":
            return None
        said = json.loads(error.read() or b"{}").get("message", "")
        raise SystemExit("%s %s: %s %s" % (method, path, error, said)) from error


class Object:
    def __init__(self, manifest):
        self.manifest = manifest
        self.collection = PATHS[manifest["kind"]] % manifest["metadata"]["namespace"]
        self.path = self.collection + "/" + manifest["metadata"]["name"]

    def get(self):
        return ask("GET", self.path)

    def make(self):
        ask("POST", self.collection, self.manifest)

    def remove(self, deadline):
        ask("DELETE", self.path, {"propagationPolicy": "Foreground"})
        while self.get() is not None:
            if time.monotonic() > deadline:
                raise SystemExit("%s is still being deleted" % self.path)
            time.sleep(0.5)


def run_here(folder, files, deadline):
    """The runner image by itself, as on one machine. What went wrong, or an empty string."""
    with tempfile.TemporaryDirectory() as output:
        instead = ["--input", "texts=" + folder, "--source-directory", folder, "--output", output]
        job = os.path.join(folder, "job.json")
        try:
            done = subprocess.run(
                ["parallelrun", "run", "--quiet", job, *instead],
                timeout=deadline - time.monotonic(),
            )
        except subprocess.TimeoutExpired:
            return "in this container: the job was not complete in time"
        if done.returncode != 0:
            return "in this container: parallelrun run ended with %d" % done.returncode
        with open(os.path.join(output, "parallel_run_step.txt"), encoding="utf-8") as rows:
            found = sorted(rows.read().splitlines())
        if found != ["text%d.txt %d" % (index, index + 1) for index in range(files)]:
            return "in this container: the output is wrong: %s" % found
    print("in this container: all %d items succeeded" % files, flush=True)
    return ""


def waits_for_a_class(claim, status):
    """Whether the job cannot run for want of a volume that nobody will make: no class was named, and none is the default.

    The API server names the default class in a claim when it takes the claim.
    """
    running = [each for each in status.get("conditions", []) if each["type"] == "Running"]
    if claim is None or not running or running[0]["reason"] != "Unschedulable":
        return False
    stored = claim.get() or {}
    unbound = stored.get("status", {}).get("phase") == "Pending"
    return unbound and not stored.get("spec", {}).get("storageClassName")


def watch(job, claim, files, deadline):
    """What went wrong, or an empty string."""
    said = status = None
    while time.monotonic() < deadline:
        try:
            status = (job.get() or {}).get("status", {})
            if waits_for_a_class(claim, status):
                print(
                    "The operator has made the pods of the job. They wait for its output: this cluster has no default"
                    " StorageClass. To let the job run to its end, set test.storageClassName or test.output."
                )
                return ""
        except OSError as error:
            print("waiting:", error, flush=True)
            time.sleep(1)
            continue
        words = ": ".join(filter(None, (status.get("state"), status.get("message"))))
        if words and words != said:
            print(words, flush=True)
            said = words
        if status.get("state") == "Complete":
            progress = status.get("progress", {})
            if (progress.get("itemsSucceeded"), progress.get("itemsFailed")) != (files, 0):
                return "the job is Complete, but its counts are wrong: %s" % progress
            print("on the cluster: all %d items succeeded" % files)
            return ""
        if status.get("state") == "Failed":
            return "the job failed"
        time.sleep(0.5)
    return "the job was not Complete in time; its status: %s" % json.dumps(status)


def main():
    folder, files, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    deadline = time.monotonic() + seconds
    wrong = run_here(folder, files, deadline)
    if wrong:
        return wrong

    def read(name):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            return Object(json.load(file))

    job = read("job.json")
    claim = read("claim.json") if os.path.exists(os.path.join(folder, "claim.json")) else None
    objects = [each for each in (claim, job) if each is not None]
    # Another job each time: one whose results are there already would have nothing to do.
    job.manifest["spec"]["arguments"] = ["--started", str(time.time())]
    for each in reversed(objects):
        each.remove(deadline)
    for each in objects:
        each.make()
    wrong = watch(job, claim, files, deadline)
    if wrong:
        return wrong
    for each in reversed(objects):
        each.remove(deadline)
    return 0


if __name__ == "__main__":
    sys.exit(main())
