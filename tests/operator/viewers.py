"""The page as viewers of a cluster have it (`parallelrun ui --listen`), and service accounts to view with."""

import base64
import http.client
import json
import re
import signal
import ssl
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path

from checkout import PROGRAM, REPOSITORY
from waiting import PATIENCE

sys.path.insert(0, str(REPOSITORY / "tests" / "integration" / "web"))
from web_client import Answer  # noqa: E402

RBAC = "/apis/rbac.authorization.k8s.io/v1"
LOOK = {"apiGroups": ["parallelrun.dev"], "resources": ["parallelrunjobs"], "verbs": ["get", "list", "watch"]}
CHANGE = {"apiGroups": ["parallelrun.dev"], "resources": ["parallelrunjobs"], "verbs": ["patch", "delete"]}
PODS = {
    "apiGroups": [""],
    "resources": ["pods", "pods/log"],
    "verbs": ["get", "list", "create", "delete"],
}


class Account:
    """A service account of a namespace, with these rules there."""

    def __init__(self, world, name, *rules, everywhere=False):
        self.world, self.name = world, name
        server, namespace = world.server, world.namespace
        made = server.request("POST", world.path("serviceaccounts"), {"metadata": {"name": name}})
        assert made.accepted, made
        self._uid = made.body["metadata"]["uid"]
        kind = "ClusterRole" if everywhere else "Role"
        self._place = RBAC if everywhere else f"{RBAC}/namespaces/{namespace}"
        self._plural = kind.lower()
        self._role = f"{name}-{namespace}"
        role = {"apiVersion": RBAC.removeprefix("/apis/"), "kind": kind, "metadata": {"name": self._role}}
        made = server.request("POST", f"{self._place}/{self._plural}s", {**role, "rules": list(rules)})
        assert made.accepted, made
        binding = {
            **role,
            "kind": kind + "Binding",
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": self._role},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
        }
        made = server.request("POST", f"{self._place}/{self._plural}bindings", binding)
        assert made.accepted, made

    def set_rules(self, *rules):
        changed = self.world.server.request(
            "PATCH",
            f"{self._place}/{self._plural}s/{self._role}",
            {"rules": list(rules)},
            content="application/merge-patch+json",
        )
        assert changed.accepted, changed

    def let(self, account, *rules):
        """An account of elsewhere gets these rules in this namespace."""
        self.set_rules(*rules)
        subject = {"kind": "ServiceAccount", "name": account.name, "namespace": account.world.namespace}
        changed = self.world.server.request(
            "PATCH",
            f"{self._place}/{self._plural}bindings/{self._role}",
            {"subjects": [subject]},
            content="application/merge-patch+json",
        )
        assert changed.accepted, changed

    def token(self, seconds=3600):
        """As the API server itself makes them, but for as short a time as a test wants."""
        now = int(time.time())
        issuer = "https://kubernetes.default.svc"
        claims = {
            "iss": issuer,
            "aud": [issuer],
            "sub": f"system:serviceaccount:{self.world.namespace}:{self.name}",
            "iat": now,
            "nbf": now,
            "exp": now + seconds,
            "kubernetes.io": {
                "namespace": self.world.namespace,
                "serviceaccount": {"name": self.name, "uid": self._uid},
            },
        }
        text = ".".join(
            _coded(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT"}, claims)
        )
        key = self.world.server.folder / "certificates" / "tokens.key"
        seal = subprocess.run(
            ["openssl", "dgst", "-sha256", "-sign", key], input=text.encode(), check=True, capture_output=True
        ).stdout
        return f"{text}.{_coded(seal)}"


def _coded(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class ViewersPage:
    """The server. A context. `authority`: of its own certificate, where it has TLS."""

    def __init__(self, server, pages, *options, api_server_ca=None, authority=None):
        words = [PROGRAM, "ui", "--listen", "127.0.0.1:0", "--pages", pages, "--api-server", server.url]
        words += ["--api-server-ca", api_server_ca or server.authority, *options]
        if authority is None:
            words.append("--behind-proxy")
        # Nothing of the machine's user: the server has no rights of its own.
        self.process = subprocess.Popen(
            [str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={}
        )
        self.address = self.process.stdout.readline().strip()
        assert self.address.startswith("http"), self.process.stderr.read()
        self.port = urllib.parse.urlsplit(self.address).port
        self.authority = authority
        self.said = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        try:
            out, err = self.process.communicate(timeout=PATIENCE)
            self.said = self.address + out + err
            assert self.process.returncode == 0, self.said
        finally:
            self.process.kill()

    def connect(self):
        if self.authority is None:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        context = ssl.create_default_context(cafile=self.authority)
        return http.client.HTTPSConnection("localhost", self.port, context=context, timeout=PATIENCE)

    def send(self, path, token=None, namespace=None, method="GET", body=None, headers=None):
        connection = self.connect()
        connection.request(
            method, path, body=body, headers={**fields_of(token, namespace), **(headers or {})}
        )
        response = connection.getresponse()
        answer = Answer(response, response.read())
        connection.close()
        return answer

    def resident_bytes(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    def viewer(self, token, namespace=None):
        return Viewer(self, token, namespace)


def fields_of(token, namespace):
    """What a request says of who looks, and at what."""
    fields = {} if token is None else {"Authorization": f"Bearer {token}"}
    return fields if namespace is None else {**fields, "ParallelRun-Namespace": namespace}


class Viewer:
    """Somebody who looks at the page."""

    def __init__(self, page, token, namespace):
        self.page, self.token, self.namespace = page, token, namespace

    def send(self, path, **more):
        return self.page.send(path, self.token, self.namespace, **more)

    def get(self, path):
        answer = self.send(path)
        assert answer.status == 200, (path, answer.status, answer.body)
        return answer.json

    def post(self, path, arguments=None, **headers):
        fields = {"Content-Type": "application/json", **headers}
        return self.send(path, method="POST", body=json.dumps(arguments or {}), headers=fields)

    def jobs(self):
        return {job["name"]: job for job in self.get("/api/jobs")["jobs"]}

    def of(self, name):
        return f"/api/jobs/{self.jobs()[name]['id']}"

    def events(self):
        return Stream(self)

    def may_listen(self):
        connection = self.page.connect()
        connection.request("HEAD", "/api/events", headers=fields_of(self.token, self.namespace))
        status = connection.getresponse().status
        connection.close()
        return status == 200


class Stream:
    """Server-sent events, as they come."""

    def __init__(self, viewer):
        self._connection = viewer.page.connect()
        self._connection.request("GET", "/api/events", headers=fields_of(viewer.token, viewer.namespace))
        self._response = self._connection.getresponse()
        assert self._response.status == 200, self._response.read()
        self.text = ""

    def until(self, words):
        while words not in self.text:
            line = self._response.readline()
            assert line, f"the stream has ended: {self.text}"
            self.text += line.decode()

    def close(self):
        self._response.close()
        self._connection.close()

    def rest(self):
        """What comes until the server ends it."""
        self.text += self._response.read().decode()
        self._connection.close()
        return self.text
