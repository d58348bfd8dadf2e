"""The chart on a real API server: dry runs, install, upgrade, uninstall. In the order of the file."""

import json
import shutil
from pathlib import Path

import pytest
from chart import CHART, OPERATOR, PAGE, VALUES, helm, is_hook, named, one, options_of, render
from waiting import wait_for

DEFINITION = "parallelrunjobs.parallelrun.dev"
DATASETS = "parallelrundatasets.parallelrun.dev"
NAMESPACE = "parallelrun"


@pytest.fixture(scope="module")
def ready(cluster):
    """What the values files name: namespaces, and the definitions of the Prometheus operator."""
    for name in (NAMESPACE, "jobs-one", "jobs-two"):
        cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    definitions = Path(__file__).parent / "monitoring-definitions.yaml"
    assert cluster.kubectl("apply", "-f", definitions).returncode == 0
    for kind in ("podmonitors.monitoring.coreos.com", "servicemonitors.monitoring.coreos.com"):
        cluster.await_served(kind)
    return cluster


def job(namespace, name="numbers", **spec):
    return {
        "apiVersion": "parallelrun.dev/v1alpha1",
        "kind": "ParallelRunJob",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "entryScript": "entry.py",
            "sourceDirectory": {"configMap": {"name": "code"}},
            "inputs": [
                {"name": "data", "type": "file", "source": {"persistentVolumeClaim": {"claimName": "d"}}}
            ],
            "output": {"source": {"persistentVolumeClaim": {"claimName": "results"}}},
            **spec,
        },
    }


def run(cluster, *words, values=None):
    done = helm(*words, *options_of(values), kubeconfig=cluster.kubeconfig)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "Helm warns"
    return done.stdout


def stored(cluster, kind, name, namespace=None):
    where = ("--namespace", namespace) if namespace else ()
    done = cluster.kubectl("get", kind, name, *where, "-o", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def check_server_takes_every_object(ready, values):
    """A dry run with strict field validation of each rendered object. The jobs' definition first, for good."""
    objects = render(values, namespace=NAMESPACE)
    ready.create(*named(render(), "CustomResourceDefinition"))
    ready.await_served(DEFINITION)
    for item in objects:
        if item["kind"] == "Pod":  # The server looks for its account, which a dry run does not make.
            item["spec"].pop("serviceAccountName")
        done = ready.kubectl(
            *(
                "apply",
                "--server-side",
                "--force-conflicts",
                "--dry-run=server",
                "--validate=strict",
                "-f",
                "-",
            ),
            stdin=json.dumps(item),
        )
        assert done.returncode == 0, f"{item['kind']} {item['metadata']['name']}: {done.stderr}"
        assert "Warning" not in done.stderr, done.stderr
    ready.kubectl("delete", "crd", DEFINITION, DATASETS, "--wait=true")


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def check_server_takes_the_job_of_the_test(ready, values):
    """`helm test` makes it from a ConfigMap."""
    ready.create(*named(render(), "CustomResourceDefinition"))
    ready.await_served(DEFINITION)
    (texts,) = [item["data"] for item in named(render(values), "ConfigMap") if "job.json" in item["data"]]
    for name in ("job.json", "claim.json"):
        if name in texts:
            done = ready.kubectl(
                "create", "--dry-run=server", "--validate=strict", "-f", "-", stdin=texts[name]
            )
            assert done.returncode == 0 or "already exists" in done.stderr, done.stderr
    ready.kubectl("delete", "crd", DEFINITION, DATASETS, "--wait=true")


def check_install(ready):
    said = run(ready, "install", "parallelrun", CHART, "--namespace", NAMESPACE)
    assert "helm test parallelrun" in said
    ready.await_served(DEFINITION)
    listed = json.loads(run(ready, "list", "--namespace", NAMESPACE, "-o", "json"))
    assert [release["status"] for release in listed] == ["deployed"]
    policy = stored(ready, "validatingadmissionpolicy", "parallelrun-orchestrator")
    assert "expressionWarnings" not in policy.get("status", {}).get("typeChecking", {}), policy["status"]
    ready.create(job("jobs-one"))


def check_upgrade_brings_a_changed_definition(ready, tmp_path):
    """And a job that is there stays what it is, uid and generation included."""
    newer = tmp_path / "parallelrun"
    shutil.copytree(CHART, newer)
    file = newer / "files" / "parallelrunjobs.yaml"
    text = file.read_text()
    assert text.count("activeDeadlineSeconds:") == 1
    file.write_text(
        text.replace(
            "activeDeadlineSeconds:",
            "aFieldOfTheNextVersion: {type: string, description: Added.}\n              activeDeadlineSeconds:",
        )
    )
    before = stored(ready, "prj", "numbers", "jobs-one")
    deployment = stored(ready, "deployment", OPERATOR, NAMESPACE)
    run(ready, "upgrade", "parallelrun", newer, "--namespace", NAMESPACE, values={"operator.replicas": 2})
    schema = stored(ready, "crd", DEFINITION)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert "aFieldOfTheNextVersion" in schema["properties"]["spec"]["properties"]
    after = stored(ready, "prj", "numbers", "jobs-one")
    for unchanged in ("uid", "generation", "resourceVersion"):
        assert after["metadata"][unchanged] == before["metadata"][unchanged]
    now = stored(ready, "deployment", OPERATOR, NAMESPACE)
    assert (now["metadata"]["uid"], now["spec"]["replicas"]) == (deployment["metadata"]["uid"], 2)
    run(ready, "rollback", "parallelrun", "1", "--namespace", NAMESPACE)
    schema = stored(ready, "crd", DEFINITION)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert "aFieldOfTheNextVersion" not in schema["properties"]["spec"]["properties"]


def check_second_release_beside_the_first(ready):
    values = next(path for path in VALUES if path.stem == "second-release")
    run(ready, "install", "second-parallelrun", CHART, "--namespace", "jobs-two", values=values)
    run(ready, "uninstall", "second-parallelrun", "--namespace", "jobs-two")
    assert stored(ready, "crd", DEFINITION)


def can(cluster, account, verb, resource, namespace, name=None):
    resource = f"{resource}/{name}" if name else resource
    done = cluster.kubectl(
        *("auth", "can-i", verb, *resource.split(" "), "--namespace", namespace, "--as", account),
    )
    return done.stdout.strip().startswith("yes")


ACCOUNT = f"system:serviceaccount:{NAMESPACE}:{OPERATOR}"


@pytest.mark.parametrize(
    ("verb", "resource", "allowed"),
    [
        ("watch", "parallelrunjobs.parallelrun.dev", True),
        ("list", "parallelrundatasets.parallelrun.dev", True),
        ("watch", "parallelrundatasets.parallelrun.dev", True),
        ("patch", "parallelrundatasets.parallelrun.dev", False),
        ("delete", "parallelrundatasets.parallelrun.dev", False),
        ("get", "serviceaccounts", False),
        ("delete", "parallelrunjobs.parallelrun.dev", True),
        ("create", "parallelrunjobs.parallelrun.dev", False),
        ("patch", "parallelrunjobs.parallelrun.dev --subresource=status", True),
        ("create", "pods", True),
        ("create", "pods --subresource=exec", False),
        ("create", "secrets", True),
        ("get", "secrets", False),
        ("list", "secrets", False),
        ("create", "rolebindings.rbac.authorization.k8s.io", True),
        ("delete", "rolebindings.rbac.authorization.k8s.io", False),
        ("bind", "clusterroles.rbac.authorization.k8s.io/parallelrun-orchestrator", True),
        ("bind", "clusterroles.rbac.authorization.k8s.io/cluster-admin", False),
        ("bind", "clusterroles.rbac.authorization.k8s.io", False),
        ("escalate", "clusterroles.rbac.authorization.k8s.io", False),
        ("create", "deployments.apps", False),
        ("get", "nodes", False),
    ],
)
def check_rights_of_the_operator(ready, verb, resource, allowed):
    wait_for(
        lambda: can(ready, ACCOUNT, verb, resource, "jobs-one") is allowed, f"allowed: {allowed}", pause=0.3
    )


def check_operator_makes_only_the_account_and_binding_of_orchestrators(ready):
    """What RBAC cannot say: the admission policy does."""
    token = ready.token(NAMESPACE, OPERATOR)

    def make(item):
        return ready.with_token(token, "create", "--validate=false", "-f", "-", stdin=json.dumps(item))

    def account(name):
        return {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": name, "namespace": "jobs-one"},
        }

    def binding(name, role, subject):
        return {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": name, "namespace": "jobs-one"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", **subject}],
        }

    ours = {"name": "parallelrun-orchestrator", "namespace": "jobs-one"}
    refused = [
        account("another"),
        binding("another", "parallelrun-orchestrator", ours),
        binding("parallelrun-orchestrator", "parallelrun-orchestrator", {**ours, "name": "default"}),
        binding("parallelrun-orchestrator", "parallelrun-orchestrator", {**ours, "namespace": "jobs-two"}),
        binding("parallelrun-orchestrator", "cluster-admin", ours),
    ]
    for item in refused:
        done = make(item)
        assert done.returncode != 0, item
        assert "the operator" in done.stderr or "attempting to grant RBAC permissions" in done.stderr, (
            done.stderr
        )
    for item in (
        account("parallelrun-orchestrator"),
        binding("parallelrun-orchestrator", "parallelrun-orchestrator", ours),
    ):
        done = make(item)
        assert done.returncode == 0, done.stderr
    ready.kubectl(
        "delete", "rolebinding,serviceaccount", "parallelrun-orchestrator", "--namespace", "jobs-one"
    )


def pod_of_a_job(**changes):
    """As the operator makes one, for the job `numbers`."""
    metadata = {
        "name": "numbers-worker-0-0",
        "namespace": "jobs-one",
        "labels": {
            "app.kubernetes.io/managed-by": "parallelrun-operator",
            "parallelrun.dev/job": "numbers",
            "parallelrun.dev/role": "worker",
        },
        "ownerReferences": [owner_of_kind("ParallelRunJob")],
    }
    spec = {
        "automountServiceAccountToken": False,
        "containers": [{"name": "runner", "image": "parallelrun/runner:0.1"}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**metadata, **changes.get("metadata", {})},
        "spec": {**spec, **changes.get("spec", {})},
    }


def service_of_a_job(**changes):
    pod = pod_of_a_job()
    metadata = {**pod["metadata"], "name": "numbers-orchestrator", **changes.get("metadata", {})}
    spec = {"selector": {"parallelrun.dev/job": "numbers"}, "ports": [{"port": 7443}]}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {**spec, **changes.get("spec", {})},
    }


def owner_of_kind(kind, version="parallelrun.dev/v1alpha1", controller=True):
    return {
        "apiVersion": version,
        "kind": kind,
        "name": "numbers",
        "uid": "11111111-2222-3333-4444-555555555555",
        "controller": controller,
    }


PRIVILEGED = {"name": "runner", "image": "i", "securityContext": {"privileged": True}}


def labelled(**labels):
    """The labels of a worker's pod, changed; None takes one away."""
    names = {
        "job": "parallelrun.dev/job",
        "role": "parallelrun.dev/role",
        "by": "app.kubernetes.io/managed-by",
    }
    all_of_them = {
        **pod_of_a_job()["metadata"]["labels"],
        **{names[key]: value for key, value in labels.items()},
    }
    return {"labels": {key: value for key, value in all_of_them.items() if value is not None}}


@pytest.mark.parametrize(
    ("item", "says"),
    [
        (pod_of_a_job(metadata={"namespace": "kube-system"}), "kube-system"),
        (service_of_a_job(metadata={"namespace": "kube-system"}), "kube-system"),
        (pod_of_a_job(metadata={"labels": {}}), "owned by it"),
        (pod_of_a_job(metadata=labelled(job="another")), "owned by it"),
        (pod_of_a_job(metadata=labelled(job=None)), "owned by it"),
        (pod_of_a_job(metadata=labelled(by="Helm")), "owned by it"),
        (pod_of_a_job(metadata={"ownerReferences": []}), "owned by it"),
        (pod_of_a_job(metadata={"ownerReferences": [owner_of_kind("Job", "batch/v1")]}), "owned by it"),
        (
            pod_of_a_job(metadata={"ownerReferences": [owner_of_kind("ParallelRunJob", controller=False)]}),
            "owned by it",
        ),
        (pod_of_a_job(metadata={"name": "coredns-0"}), "after its job and its role"),
        (pod_of_a_job(metadata=labelled(role="other")), "after its job and its role"),
        (pod_of_a_job(spec={"hostNetwork": True}), "privileged"),
        (pod_of_a_job(spec={"hostPID": True}), "privileged"),
        (pod_of_a_job(spec={"containers": [PRIVILEGED]}), "privileged"),
        (pod_of_a_job(spec={"initContainers": [{**PRIVILEGED, "name": "init"}]}), "privileged"),
        (pod_of_a_job(spec={"automountServiceAccountToken": True}), "token only to orchestrators"),
        (
            pod_of_a_job(
                metadata={"name": "numbers-orchestrator-0", **labelled(role="orchestrator")},
                spec={"serviceAccountName": "default"},
            ),
            "token only to orchestrators",
        ),
        (service_of_a_job(metadata={"ownerReferences": []}), "owned by it"),
        (service_of_a_job(metadata={"name": "kubernetes"}), "services only for the orchestrators"),
        (service_of_a_job(spec={"type": "NodePort"}), "services only for the orchestrators"),
        (service_of_a_job(spec={"selector": {"app": "theirs"}}), "services only for the orchestrators"),
        (service_of_a_job(spec={"externalIPs": ["192.0.2.1"]}), "services only for the orchestrators"),
    ],
    ids=str,
)
def check_operator_makes_only_pods_and_services_of_jobs(ready, item, says):
    token = ready.token(NAMESPACE, OPERATOR)

    def make(one):
        return ready.with_token(token, "create", "--validate=false", "-f", "-", stdin=json.dumps(one))

    done = make(item)
    assert done.returncode != 0, item
    assert says in done.stderr, done.stderr


def check_what_the_operator_makes_passes(ready):
    token = ready.token(NAMESPACE, OPERATOR)
    for item in (pod_of_a_job(), service_of_a_job()):
        done = ready.with_token(token, "create", "--validate=false", "-f", "-", stdin=json.dumps(item))
        assert done.returncode == 0, done.stderr
    ready.kubectl(
        "delete", "pod,service", "numbers-worker-0-0", "numbers-orchestrator", "--namespace", "jobs-one"
    )
    for item in (pod_of_a_job(metadata={"name": "theirs", "labels": {}, "ownerReferences": []}),):
        ready.create(item)  # others are not held


@pytest.mark.parametrize(
    ("role", "verb", "resource", "allowed"),
    [
        ("view", "list", "parallelrunjobs.parallelrun.dev", True),
        ("view", "get", "parallelrunjobs.parallelrun.dev --subresource=status", True),
        ("view", "create", "parallelrunjobs.parallelrun.dev", False),
        ("edit", "create", "parallelrunjobs.parallelrun.dev", True),
        ("edit", "delete", "parallelrunjobs.parallelrun.dev", True),
        ("edit", "patch", "parallelrunjobs.parallelrun.dev --subresource=scale", True),
        ("edit", "patch", "parallelrunjobs.parallelrun.dev --subresource=status", False),
        ("admin", "create", "parallelrunjobs.parallelrun.dev", True),
        ("view", "list", "parallelrundatasets.parallelrun.dev", True),
        ("view", "create", "parallelrundatasets.parallelrun.dev", False),
        ("edit", "create", "parallelrundatasets.parallelrun.dev", True),
        ("edit", "delete", "parallelrundatasets.parallelrun.dev", True),
    ],
)
def check_roles_of_users(ready, role, verb, resource, allowed):
    """The cluster's own roles view, edit and admin, bound to a user in one namespace."""
    user = f"{role}er"
    ready.create(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": user, "namespace": "jobs-one"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        }
    )
    # A controller aggregates the roles.
    wait_for(
        lambda: can(ready, user, verb, resource, "jobs-one") is allowed, f"allowed: {allowed}", pause=0.3
    )
    assert not can(ready, user, verb, resource, "jobs-two")


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def check_restricted_namespace_takes_the_pods(ready, values):
    """Of the Deployments and of `helm test`, at the level the strictest namespaces enforce."""
    level = {"pod-security.kubernetes.io/enforce": "restricted"}
    namespace = ready.namespace("restricted", level)
    objects = render(values)
    pods = [("operator", one(objects, "Deployment", OPERATOR)["spec"]["template"]["spec"])]
    pods += [("page", page["spec"]["template"]["spec"]) for page in named(objects, "Deployment", PAGE)]
    test = one([item for item in objects if is_hook(item)], "Pod")
    for name, spec in (*pods, ("test", test["spec"])):
        spec = {
            key: value
            for key, value in spec.items()
            if key not in ("serviceAccountName", "priorityClassName")
        }
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace},
            "spec": spec,
        }
        done = ready.apply(pod, options=["--dry-run=server"])
        assert done.returncode == 0, done.stderr
    for container in spec["containers"]:
        container["securityContext"]["allowPrivilegeEscalation"] = True
    done = ready.apply(pod, options=["--dry-run=server"])
    assert "restricted" in done.stderr, "this server takes any pod: the check above says nothing"


def check_uninstall_leaves_definition_and_jobs(ready):
    before = stored(ready, "prj", "numbers", "jobs-one")
    run(ready, "uninstall", "parallelrun", "--namespace", NAMESPACE)
    assert stored(ready, "prj", "numbers", "jobs-one")["metadata"] == before["metadata"]
    left = ready.kubectl(
        *("get", "deployment,serviceaccount,role,rolebinding,pdb,networkpolicy,configmap,secret"),
        *("--namespace", NAMESPACE, "-o", "name", "-l", "app.kubernetes.io/instance=parallelrun"),
    )
    assert left.stdout.strip() == ""
    wide = ready.kubectl(
        *("get", "clusterrole,clusterrolebinding,validatingadmissionpolicy,validatingadmissionpolicybinding"),
        *("-o", "name", "-l", "app.kubernetes.io/instance=parallelrun"),
    )
    assert wide.stdout.strip() == ""


def check_install_again_takes_the_definition_over(ready):
    """What an uninstall has left belongs to the next release of that name and namespace."""
    run(ready, "install", "parallelrun", CHART, "--namespace", NAMESPACE)
    assert stored(ready, "prj", "numbers", "jobs-one")
    run(ready, "uninstall", "parallelrun", "--namespace", NAMESPACE)
    ready.kubectl("delete", "crd", DEFINITION, DATASETS)
