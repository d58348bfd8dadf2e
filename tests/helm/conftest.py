import json
import os
import ssl
import subprocess
import urllib.error
import urllib.request

import pytest
from server import Server, api_server
from waiting import wait_for

# Roles are aggregated and namespaces get their default account by these.
_CONTROLLERS = (
    "clusterrole-aggregation-controller,serviceaccount-controller,root-ca-certificate-publisher-controller"
)


class Cluster(Server):
    """An API server without nodes, with what a chart may expect of a cluster."""

    def create(self, *objects, user=()):
        done = self.apply(*objects, user=user)
        assert done.returncode == 0, done.stderr

    def apply(self, *objects, user=(), options=()):
        """Creates or changes objects, the answer unjudged. `user` is what `as_user` gives."""
        return self.kubectl(
            *("apply", "--server-side", "--force-conflicts", "-f", "-", *options, *user),
            stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}),
        )

    def await_served(self, kind):
        wait_for(
            lambda: self.kubectl("get", kind, "--all-namespaces").returncode == 0, f"{kind} served", pause=0.3
        )

    def token(self, namespace, account, pod=None):
        """Of a service account; bound to a pod where one is named."""
        bound = ("--bound-object-kind", "Pod", "--bound-object-name", pod) if pod else ()
        done = self.kubectl("create", "token", account, "--namespace", namespace, *bound)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def with_token(self, token, *words, stdin=None):
        """kubectl, as who holds the token and nobody else."""
        return subprocess.run(
            [
                *(self.kubectl_program, "--kubeconfig", os.devnull, "--server", self.url),
                *("--certificate-authority", self.authority, "--token", token),
                *map(str, words),
            ],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def merge_with_token(self, token, path, patch):
        """The text of the server's answer. (kubectl would read the object first.)"""
        request = urllib.request.Request(
            self.url + path,
            method="PATCH",
            data=json.dumps(patch).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/merge-patch+json"},
        )
        trusted = ssl.create_default_context(cafile=self.authority)
        try:
            with urllib.request.urlopen(request, context=trusted, timeout=60) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.read().decode()


@pytest.fixture(scope="session")
def cluster():
    with api_server("--controllers", _CONTROLLERS) as folder:
        yield Cluster(folder)
