"""Makes the job of `helm test`, waits for its end and checks what became of it. Runs in the runner image, as a pod.

Arguments: a folder with job.json and, where the job's output is a claim to be made, claim.json; how many files the job
has; the seconds it may take. Job and claim stay where something went wrong, until the next test.
"""

import json
import os
import ssl
import sys
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


def watch(job, files, deadline):
    """What went wrong, or an empty string."""
    said = status = None
    while time.monotonic() < deadline:
        try:
            status = (job.get() or {}).get("status", {})
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
            print("all %d items succeeded" % files)
            return ""
        if status.get("state") == "Failed":
            return "the job failed"
        time.sleep(0.5)
    return "the job is not Complete in time; its status: %s" % json.dumps(status)


def main():
    folder, files, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    deadline = time.monotonic() + seconds
    objects = []
    for name in ("claim.json", "job.json"):
        if os.path.exists(os.path.join(folder, name)):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                objects.append(Object(json.load(file)))
    # Another job each time: one whose results are there already would have nothing to do.
    objects[-1].manifest["spec"]["arguments"] = ["--started", str(time.time())]
    for each in reversed(objects):
        each.remove(deadline)
    for each in objects:
        each.make()
    wrong = watch(objects[-1], files, deadline)
    if wrong:
        return wrong
    for each in reversed(objects):
        each.remove(deadline)
    return 0


if __name__ == "__main__":
    sys.exit(main())
