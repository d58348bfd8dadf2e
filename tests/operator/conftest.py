import json
import subprocess
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from calls import Verbs
from checkout import PROGRAM as PARALLELRUN
from checkout import REPOSITORY
from program import PROGRAM, Operator
from python_package import lay_out
from server import APISERVER, Server, api_server
from world import World

RULES = REPOSITORY / "helm/parallelrun/files/operator-rules.yaml"
USER = "system:serviceaccount:parallelrun-system:parallelrun-operator"
# Who wrote what: one line for each request that may change something.
AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "verbs": ["create", "update", "patch", "delete", "deletecollection"]}],
}


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Of an API server with garbage collection and an audit log, where the operator's user may do what the
    chart lets it."""
    scratch = tmp_path_factory.mktemp("audit")
    policy = scratch / "policy.json"
    policy.write_text(json.dumps(AUDIT))
    options = (
        "--controllers=garbage-collector-controller,namespace-controller",
        f"--server-flag=--audit-policy-file={policy}",
        f"--server-flag=--audit-log-path={scratch / 'audit.log'}",
    )
    with api_server(*options) as place:
        server = Server(place)
        server.define_jobs()
        _create_roles(server)
        (place / "audit").symlink_to(scratch / "audit.log")
        yield place


def _create_roles(server):
    roles = [
        _role("ClusterRole", "parallelrun-operator", yaml.safe_load(RULES.read_text())),
        _role("ClusterRole", "parallelrun-orchestrator", []),
        _binding("ClusterRoleBinding", "ClusterRole", "parallelrun-operator"),
        _role("Role", "parallelrun-leader", _leader_rules(), "default"),
        _binding("RoleBinding", "Role", "parallelrun-leader", "default"),
    ]
    for role in roles:
        place = f"/namespaces/{role['metadata']['namespace']}" if "namespace" in role["metadata"] else ""
        plural = role["kind"].lower() + "s"
        made = server.request("POST", f"/apis/rbac.authorization.k8s.io/v1{place}/{plural}", role)
        assert made.accepted, made


def _leader_rules():
    return [
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
        {
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "resourceNames": ["parallelrun-operator"],
            "verbs": ["get", "update"],
        },
    ]


def _role(kind, name, rules, namespace=None):
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": metadata,
        "rules": rules,
    }


def _binding(kind, role_kind, name, namespace=None):
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": name},
        "subjects": [{"kind": "User", "name": USER, "apiGroup": "rbac.authorization.k8s.io"}],
    }


@pytest.fixture(scope="session")
def kubeconfig(folder):
    """Of a user who may do exactly what the chart's role says."""
    assert PROGRAM.exists(), f"{PROGRAM} is not built"
    made = subprocess.run(
        [APISERVER, "user", USER, "--dir", folder], check=True, stdout=subprocess.PIPE, text=True
    )
    return Path(made.stdout.strip())


@pytest.fixture(scope="session")
def server(folder):
    return Server(folder)


@pytest.fixture
def world(server):
    """An empty namespace. Its jobs go at the end, so that they are no work for later operators."""
    world = World(server, server.namespace("jobs"))
    yield world
    server.request("DELETE", world.jobs.path(), {"propagationPolicy": "Background"})
    for pod in world.items("pods"):
        world.delete_pod(pod["metadata"]["name"])


@pytest.fixture
def verbs(world, server, tmp_path):
    """The command line of somebody who may do everything in the namespace."""
    return Verbs(world, server.kubeconfig, tmp_path)


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    return lay_out(tmp_path_factory.mktemp("package"))


@pytest.fixture
def parallelrun(package, monkeypatch):
    """The Python package of this checkout."""
    monkeypatch.syspath_prepend(str(package))
    return import_module("parallelrun")


@pytest.fixture
def made(tmp_path):
    """What `parallelrun init` makes, with a package and a picture beside the script."""
    folder = tmp_path / "first"
    subprocess.run([PARALLELRUN, "init", folder, "--name", "first"], check=True, capture_output=True)
    (folder / "pkg").mkdir()
    (folder / "pkg" / "model.py").write_text("x = 1\n")
    (folder / "logo.bin").write_bytes(b"\x00\xff")
    (folder / "data").mkdir()
    (folder / "data" / "a.txt").write_text("a")
    return folder


@pytest.fixture
def operator(kubeconfig, world):
    """One that leads."""
    with Operator(kubeconfig) as process:
        yield process.leading()
        code, _ = process.stop()
        assert code == 0


@pytest.fixture
def audit(folder):
    """Gives the writes of the operator's user in a namespace so far: (verb, resource, name, status code)."""

    def read(namespace):
        found = []
        # The server may be in the middle of the last line.
        for line in (folder / "audit").read_text().rpartition("\n")[0].splitlines():
            entry = json.loads(line)
            place = entry.get("objectRef", {})
            if entry["user"]["username"] == USER and place.get("namespace") == namespace:
                resource = "/".join(filter(None, (place.get("resource"), place.get("subresource"))))
                found.append((entry["verb"], resource, place.get("name"), entry["responseStatus"]["code"]))
        return found

    return read
