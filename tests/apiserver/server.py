"""A real API server as the checks see it: JSON requests as an administrator, and kubectl."""

import http.client
import json
import os
import ssl
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

REPOSITORY = Path(__file__).resolve().parents[2]
CRD = REPOSITORY / "crds" / "parallelrunjobs.yaml"
CRD_NAME = "parallelrunjobs.parallelrun.dev"
GROUP = "parallelrun.dev"
VERSION = "v1alpha1"

# Nothing here takes longer on a loaded two-core machine unless it hangs.
PATIENCE = 120


class Answer:
    """Status and body of one response."""

    def __init__(self, status, body):
        self.status = status
        self.body = body

    @property
    def accepted(self):
        return 200 <= self.status < 300

    @property
    def message(self):
        return "" if self.accepted else str(self.body.get("message", self.body))

    @property
    def causes(self):
        """(field, message) of each thing that is wrong, as far as the server tells them apart."""
        details = {} if self.accepted else self.body.get("details", {})
        return [(cause.get("field", ""), cause.get("message", "")) for cause in details.get("causes", [])]

    def __repr__(self):
        return f"<{self.status} {self.message or 'accepted'}>"


class Server:
    """One API server, in the folder that `apiserver up` printed. Not for use by several threads."""

    def __init__(self, folder):
        self.folder = Path(folder)
        exports = subprocess.run(
            [REPOSITORY / "tests/cluster/apiserver", "env", "--dir", self.folder],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        variables = dict(line.removeprefix("export ").split("=", 1) for line in exports.splitlines())
        self._kubectl = variables["PARALLELRUN_KUBECTL"].strip("'")
        self._kubeconfig = variables["KUBECONFIG"].strip("'")
        address = urlsplit(variables["PARALLELRUN_APISERVER_URL"].strip("'"))
        context = ssl.create_default_context(cafile=variables["PARALLELRUN_APISERVER_CA"].strip("'"))
        certificates = self.folder / "certificates"
        context.load_cert_chain(certificates / "client-admin.crt", certificates / "client-admin.key")
        self._connection = http.client.HTTPSConnection(
            address.hostname, address.port, context=context, timeout=PATIENCE
        )

    def request(self, method, path, body=None, content="application/json", accept="application/json"):
        text = None if body is None else json.dumps(as_clients_write(body))
        self._connection.request(method, path, body=text, headers={"Content-Type": content, "Accept": accept})
        response = self._connection.getresponse()
        return Answer(response.status, json.loads(response.read()))

    def kubectl(self, *words, stdin=None):
        """Runs to the end whatever comes of it; the caller looks at returncode."""
        return subprocess.run(
            [self._kubectl, "--kubeconfig", self._kubeconfig, *map(str, words)],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env={**os.environ, "KUBECTL_KUBERC": "false"},
        )


def as_clients_write(value):
    """Whole numbers without a point: 2.0 of a YAML file travels as 2, as Go's JSON has it."""
    if isinstance(value, dict):
        return {key: as_clients_write(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_clients_write(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Jobs:
    """ParallelRunJobs of one namespace."""

    def __init__(self, server, namespace):
        self.server = server
        self.namespace = namespace

    def path(self, name="", subresource=""):
        parts = ["/apis", GROUP, VERSION, "namespaces", self.namespace, "parallelrunjobs", name, subresource]
        return "/".join(part for part in parts if part)

    def create(self, manifest, *, strict=True, dry_run=False):
        """`strict` is how kubectl asks: unknown fields are refused. Otherwise they are dropped."""
        validation = "Strict" if strict else "Ignore"
        query = f"?fieldValidation={validation}" + ("&dryRun=All" if dry_run else "")
        return self.server.request("POST", self.path() + query, manifest)

    def get(self, name):
        return self.server.request("GET", self.path(name)).body

    def merge(self, name, patch, subresource=""):
        return self.server.request(
            "PATCH",
            self.path(name, subresource) + "?fieldValidation=Strict",
            patch,
            content="application/merge-patch+json",
        )

    def apply(self, name, manifest, manager, subresource=""):
        """Server-side apply."""
        return self.server.request(
            "PATCH",
            self.path(name, subresource) + f"?fieldManager={manager}",
            manifest,
            content="application/apply-patch+yaml",
        )
