"""A real API server for tests: brought up and taken down, asked in JSON as an administrator, and by kubectl."""

import contextlib
import http.client
import itertools
import json
import os
import shutil
import ssl
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

from checkout import REPOSITORY
from waiting import PATIENCE, wait_for

APISERVER = REPOSITORY / "tests/cluster/apiserver"
CRD = REPOSITORY / "crds" / "parallelrunjobs.yaml"
DATASETS_CRD = REPOSITORY / "crds" / "parallelrundatasets.yaml"
CRD_NAME = "parallelrunjobs.parallelrun.dev"
GROUP = "parallelrun.dev"
VERSION = "v1alpha1"

_numbers = itertools.count()
_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
# The server gives up a connection that was idle for 90 s.
_LONGEST_IDLE = 30


@contextlib.contextmanager
def api_server(*options):
    """The folder of a server that is up within the `with` block; `options` are those of `apiserver up`."""
    up = [APISERVER, "up", *options]
    folder = subprocess.run(up, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    try:
        yield Path(folder)
    finally:
        subprocess.run([APISERVER, "down", "--dir", folder], check=True)


@contextlib.contextmanager
def server_with_resource():
    """A server that serves our resource: the one that PARALLELRUN_APISERVER names, which stays, or one of its own."""
    with contextlib.ExitStack() as stack:
        server = Server(os.environ.get("PARALLELRUN_APISERVER") or stack.enter_context(api_server()))
        server.define_jobs()
        yield server


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
            [APISERVER, "env", "--dir", self.folder], check=True, stdout=subprocess.PIPE, text=True
        ).stdout
        pairs = (line.removeprefix("export ").split("=", 1) for line in exports.splitlines())
        self.variables = {name: value.strip("'") for name, value in pairs}
        self.kubectl_program = self.variables["PARALLELRUN_KUBECTL"]
        self.kubeconfig = self.variables["KUBECONFIG"]
        # Of its own: the user's is by address, and an earlier server may have had the same.
        self.kubectl_cache = self.folder / "kubectl-cache"
        self.url = self.variables["PARALLELRUN_APISERVER_URL"]
        self.authority = self.variables["PARALLELRUN_APISERVER_CA"]
        self.context = ssl.create_default_context(cafile=self.authority)
        certificates = self.folder / "certificates"
        self.context.load_cert_chain(certificates / "client-admin.crt", certificates / "client-admin.key")
        address = urlsplit(self.url)
        self._connection = http.client.HTTPSConnection(
            address.hostname, address.port, context=self.context, timeout=PATIENCE
        )
        self._used = time.monotonic()

    def request(self, method, path, body=None, content="application/json", accept="application/json"):
        text = None if body is None else json.dumps(as_clients_write(body))
        if time.monotonic() - self._used > _LONGEST_IDLE:
            self._connection.close()  # the request opens it again
        self._used = time.monotonic()
        self._connection.request(method, path, body=text, headers={"Content-Type": content, "Accept": accept})
        response = self._connection.getresponse()
        answer = response.read()
        if not response.getheader("Content-Type", "").startswith("application/json"):
            return Answer(response.status, {"message": answer.decode(errors="replace")})
        return Answer(response.status, json.loads(answer))

    def define_jobs(self):
        """Applies the definitions of our resources and waits until the server has them."""
        applied = self.kubectl("apply", "-f", CRD, "-f", DATASETS_CRD)
        assert applied.returncode == 0, applied.stderr
        # Not by kubectl wait: it takes a definition that has no conditions yet for an error, and Established is
        # said a moment before the last handler serves the schema.
        for served in (Jobs(self, "default"), Datasets(self, "default")):
            listed = served.path()
            wait_for(lambda: self.request("GET", listed).accepted, f"{served.plural} are served", pause=0.1)
        wait_for(self._tells_of_jobs, "discovery and OpenAPI have the resources", pause=0.1)
        # What kubectl has learnt to apply them is older, and some of its commands do not ask again.
        shutil.rmtree(self.kubectl_cache, ignore_errors=True)

    def _tells_of_jobs(self):
        """Each of the two is made anew by a controller of its own, some time after the resource is served."""
        discovered = self.request("GET", "/apis", accept=_DISCOVERY).body
        versions = [
            version
            for group in discovered["items"]
            if group["metadata"]["name"] == GROUP
            for version in group["versions"]
        ]
        known = {resource["resource"] for version in versions for resource in version.get("resources", [])}
        schemas = self.request("GET", f"/openapi/v3/apis/{GROUP}/{VERSION}")
        return {Jobs.plural, Datasets.plural} <= known and all(
            f"/{kind.plural}" in json.dumps(schemas.body) for kind in (Jobs, Datasets)
        )

    def namespace(self, prefix, labels=None):
        """The name of a new one."""
        name = f"{prefix}-{os.getpid()}-{next(_numbers)}"
        metadata = {"name": name, "labels": labels or {}}
        made = self.request(
            "POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
        )
        assert made.accepted, made
        return name

    def kubectl(self, *words, stdin=None):
        """Runs to the end whatever comes of it; the caller looks at returncode."""
        return subprocess.run(
            [
                self.kubectl_program,
                "--kubeconfig",
                self.kubeconfig,
                "--cache-dir",
                self.kubectl_cache,
                *map(str, words),
            ],  # fmt: skip
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

    plural = "parallelrunjobs"

    def __init__(self, server, namespace):
        self.server = server
        self.namespace = namespace

    def path(self, name="", subresource=""):
        parts = ["/apis", GROUP, VERSION, "namespaces", self.namespace, self.plural, name, subresource]
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


class Datasets(Jobs):
    """ParallelRunDatasets of one namespace."""

    plural = "parallelrundatasets"
