"""Waits for the job of `helm test` and checks what became of it. Runs in the runner image, as a pod."""

import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


def get(path):
    host = os.environ["KUBERNETES_SERVICE_HOST"]
    host = "[%s]" % host if ":" in host else host
    with open(ACCOUNT + "/token", encoding="ascii") as token:
        request = urllib.request.Request(
            "https://%s:%s%s" % (host, os.environ["KUBERNETES_SERVICE_PORT"], path),
            headers={"Authorization": "Bearer " + token.read()},
        )
    context = ssl.create_default_context(cafile=ACCOUNT + "/ca.crt")
    # The API server is inside: no proxy of the environment leads there.
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    with opener.open(request, timeout=10) as answer:
        return json.load(answer)


def main():
    namespace, name, files, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    path = "/apis/parallelrun.dev/v1alpha1/namespaces/%s/parallelrunjobs/%s" % (namespace, name)
    deadline = time.monotonic() + seconds
    said, status = None, {}
    while time.monotonic() < deadline:
        try:
            status = get(path).get("status", {})
        except (urllib.error.URLError, OSError) as error:
            print("waiting:", error, flush=True)
        words = (status.get("state"), status.get("message"))
        if words != said:
            print("%s: %s" % words, flush=True)
            said = words
        if status.get("state") == "Complete":
            progress = status.get("progress", {})
            if (progress.get("itemsSucceeded"), progress.get("itemsFailed")) != (files, 0):
                return "the job is Complete, but its counts are wrong: %s" % progress
            print("all %d items succeeded" % files)
            return 0
        if status.get("state") == "Failed":
            return "the job failed"
        time.sleep(1)
    return "the job was not Complete within %d s; its status: %s" % (seconds, json.dumps(status))


if __name__ == "__main__":
    sys.exit(main())
