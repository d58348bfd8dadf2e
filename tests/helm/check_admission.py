"""The admission policy, with tokens as pods have them: what an orchestrator may write, and what not."""

import json

import pytest
from chart import named, render
from waiting import wait_for

ACCOUNT = "parallelrun-orchestrator"


def lease(namespace, name, holder):
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15},
    }


class Orchestrators:
    """Two jobs, `first` and `second`, in a namespace as the operator has prepared it."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.namespace = cluster.namespace("jobs")
        cluster.create(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": self._named(ACCOUNT)},
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "RoleBinding",
                "metadata": self._named(ACCOUNT),
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ACCOUNT},
                "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": self.namespace}],
            },
            *(self._job(name) for name in ("first", "second")),
        )
        for name in ("first", "second"):
            self.write_status(
                name, {"state": "Running", "message": "as the operator wrote it", "replicas": 1}
            )

    def _named(self, name):
        return {"name": name, "namespace": self.namespace}

    def _job(self, name):
        claim = {"persistentVolumeClaim": {"claimName": "data"}}
        return {
            "apiVersion": "parallelrun.dev/v1alpha1",
            "kind": "ParallelRunJob",
            "metadata": self._named(name),
            "spec": {
                "entryScript": "entry.py",
                "sourceDirectory": {"configMap": {"name": "code"}},
                "inputs": [{"name": "data", "type": "file", "source": claim}],
                "output": {"source": {"persistentVolumeClaim": {"claimName": "results"}}},
            },
        }

    def write_status(self, job, status):
        """As an administrator."""
        done = self.cluster.kubectl(
            *("patch", "prj", job, "--namespace", self.namespace, "--subresource=status", "--type=merge"),
            *("--patch", json.dumps({"status": status})),
        )
        assert done.returncode == 0, done.stderr

    def pod(self, name, account=ACCOUNT):
        self.cluster.create(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": self._named(name),
                "spec": {
                    "serviceAccountName": account,
                    "containers": [{"name": "runner", "image": "parallelrun/runner"}],
                },
            }
        )
        return self.cluster.token(self.namespace, account, name)

    def apply(self, token, job, status, manager=ACCOUNT):
        """Server-side apply of the status, as the orchestrator does it."""
        body = {
            "apiVersion": "parallelrun.dev/v1alpha1",
            "kind": "ParallelRunJob",
            "metadata": self._named(job),
            "status": status,
        }
        return self.cluster.with_token(
            token,
            *(
                "apply",
                "--server-side",
                "--force-conflicts",
                "--subresource=status",
                "--field-manager",
                manager,
            ),
            *("--validate=false", "-f", "-"),
            stdin=json.dumps(body),
        )

    def merge(self, token, job, status):
        """A merge patch, with which a field can be removed too: what the server answers."""
        path = f"/apis/parallelrun.dev/v1alpha1/namespaces/{self.namespace}/parallelrunjobs/{job}/status"
        return self.cluster.merge_with_token(token, path, {"status": status})

    def write_lease(self, token, name, verb="create"):
        # `replace` sends the whole object, as the orchestrator renews it.
        return self.cluster.with_token(
            token, verb, "--validate=false", "-f", "-", stdin=json.dumps(lease(self.namespace, name, "me"))
        )

    def status(self, job):
        done = self.cluster.kubectl("get", "prj", job, "--namespace", self.namespace, "-o", "json")
        return json.loads(done.stdout)["status"]


@pytest.fixture(scope="module")
def orchestrators(cluster):
    kinds = (
        *("CustomResourceDefinition", "ClusterRole"),
        *("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
    )
    objects = [item for kind in kinds for item in named(render(), kind)]
    cluster.create(*objects)
    cluster.await_served("prj")
    made = Orchestrators(cluster)
    # A policy is in force a moment after it is there.
    stranger = made.pod("stranger")
    progress = {"progress": {"percent": 1}}
    wait_for(
        lambda: made.apply(stranger, "first", progress).returncode != 0, "the policy is in force", pause=0.3
    )
    yield made
    for item in objects:
        cluster.kubectl("delete", item["kind"], item["metadata"]["name"], "--wait=true")


@pytest.fixture(scope="module")
def own(orchestrators):
    return orchestrators.pod("first-orchestrator-0")


def refused(done, why):
    assert done.returncode != 0, "it was let through"
    assert why in done.stderr, done.stderr


def check_own_progress_passes(orchestrators, own):
    progress = {
        "percent": 40,
        "items": "4 / 10",
        "itemsSucceeded": 4,
        "aNewerField": {"of": ["any", "shape"]},
    }
    for percent in (40, 50):
        done = orchestrators.apply(own, "first", {"progress": {**progress, "percent": percent}})
        assert done.returncode == 0, done.stderr
    status = orchestrators.status("first")
    assert status["progress"] == {**progress, "percent": 50}
    assert status["message"] == "as the operator wrote it"


def check_progress_of_a_later_incarnation_passes(orchestrators):
    done = orchestrators.apply(
        orchestrators.pod("second-orchestrator-12"), "second", {"progress": {"percent": 1}}
    )
    assert done.returncode == 0, done.stderr


def check_first_progress_of_a_job_without_status_passes(orchestrators):
    orchestrators.cluster.create(orchestrators._job("third"))
    token = orchestrators.pod("third-orchestrator-0")
    done = orchestrators.apply(token, "third", {"progress": {"percent": 1}})
    assert done.returncode == 0, done.stderr
    refused(
        orchestrators.apply(token, "third", {"state": "Complete", "progress": {"percent": 1}}),
        "only status.progress",
    )


@pytest.mark.parametrize(
    "status",
    [
        {"state": "Complete"},
        {"message": "another"},
        {"specHash": "0", "progress": {"percent": 1}},
        {"replicas": 2},
        {"conditions": []},
        {"workers": [{"index": 0, "incarnation": 3}]},
    ],
    ids=lambda status: next(iter(status)),
)
def check_other_fields_of_its_status_are_refused(orchestrators, own, status):
    before = orchestrators.status("first")
    refused(orchestrators.apply(own, "first", status), "only status.progress")
    assert "only status.progress" in orchestrators.merge(own, "first", status)
    assert orchestrators.status("first") == before


def check_removal_of_other_fields_is_refused(orchestrators, own):
    assert "only status.progress" in orchestrators.merge(own, "first", {"message": None})
    assert "only status.progress" in orchestrators.merge(own, "first", None)
    assert '"percent":77' in orchestrators.merge(own, "first", {"progress": {"percent": 77}})


def check_another_job_is_refused(orchestrators, own):
    refused(
        orchestrators.apply(own, "second", {"progress": {"percent": 99}}),
        "it is not an orchestrator of that job",
    )


@pytest.mark.parametrize(
    "pod",
    [
        "first-worker-0-0",
        "first-orchestrator",
        "first-orchestrator-0-0",
        "first-orchestrator-x",
        "xfirst-orchestrator-0",
        "first-orchestrator-orchestrator-0",
    ],
)
def check_pods_of_other_names_are_refused(orchestrators, pod):
    refused(
        orchestrators.apply(orchestrators.pod(pod), "first", {"progress": {"percent": 99}}),
        "it is not an orchestrator of that job",
    )
    refused(
        orchestrators.write_lease(
            orchestrators.cluster.token(orchestrators.namespace, ACCOUNT, pod), "first-orchestrator"
        ),
        "it is not an orchestrator of that job",
    )


def check_token_without_pod_is_refused(orchestrators):
    token = orchestrators.cluster.token(orchestrators.namespace, ACCOUNT)
    refused(
        orchestrators.apply(token, "first", {"progress": {"percent": 99}}), "only with the token of a pod"
    )


def check_own_lease_passes(orchestrators, own):
    done = orchestrators.write_lease(own, "first-orchestrator")
    assert done.returncode == 0, done.stderr
    for _ in range(2):
        done = orchestrators.write_lease(own, "first-orchestrator", "replace")
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "name", ["second-orchestrator", "first", "first-orchestrator-0", "parallelrun-operator"]
)
def check_another_lease_is_refused(orchestrators, own, name):
    refused(orchestrators.write_lease(own, name), "it is not an orchestrator of that job")
    orchestrators.cluster.create(lease(orchestrators.namespace, name, "another"))
    refused(orchestrators.write_lease(own, name, "replace"), "it is not an orchestrator of that job")


def check_what_the_role_lacks_is_refused(orchestrators, own):
    where = ("--namespace", orchestrators.namespace)
    for words in (
        ("delete", "lease", "first-orchestrator"),
        ("delete", "prj", "first"),
        ("patch", "prj", "first", "--type=merge", "--patch", '{"spec":{"nodeCount":9}}'),
        ("get", "secrets"),
        ("get", "pods"),
        ("get", "prj"),
    ):
        refused(orchestrators.cluster.with_token(own, *words, *where), "forbidden")


def check_account_of_that_name_with_more_rights_is_held_too(orchestrators, own):
    """Whatever else a user binds to the account: of jobs it writes its own progress only."""
    orchestrators.cluster.create(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "more", "namespace": orchestrators.namespace},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "cluster-admin",
            },
            "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": orchestrators.namespace}],
        }
    )
    where = ("--namespace", orchestrators.namespace)
    scale = ("patch", "prj", "first", "--type=merge", "--patch", '{"spec":{"nodeCount":9}}')

    def answer():
        done = orchestrators.cluster.with_token(own, *scale, *where)
        return None if "cannot patch" in done.stderr else done

    refused(wait_for(answer, "the role is bound", pause=0.3), "only the status of a job")
    refused(orchestrators.cluster.with_token(own, "delete", "prj", "first", *where), "may delete nothing")
    refused(
        orchestrators.cluster.with_token(own, "delete", "lease", "first-orchestrator", *where),
        "may delete nothing",
    )


def check_others_are_not_held(orchestrators):
    """The policy is about orchestrators: an administrator, and any other account with the rights, goes on."""
    orchestrators.write_status("second", {"message": "of an administrator"})
    assert orchestrators.status("second")["message"] == "of an administrator"
