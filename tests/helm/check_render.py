"""What Helm makes of the chart, without a cluster."""

import json
import re
import tarfile

import pytest
import yaml
from chart import CHART, DEFINITIONS, OPERATOR, VALUES, helm, is_hook, named, one, refusal, render

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text())


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def check_lint(values):
    done = helm("lint", "--strict", CHART, "--values", values)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def check_objects_have_names_and_labels(values):
    objects = render(values)
    seen = [(item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]) for item in objects]
    assert len(seen) == len(set(seen)), "an object is there twice"
    for item in objects:
        labels = item["metadata"].get("labels", {})
        assert "app.kubernetes.io/name" in labels, seen
        assert len(item["metadata"]["name"]) <= 63 or item["kind"] == "CustomResourceDefinition"


def check_every_value_is_described():
    """Strict at each level, and what values.yaml has is what the schema has."""

    def compare(schema, values, where):
        assert schema.get("description"), f"{where} has no description"
        if "properties" not in schema:
            return
        assert schema["additionalProperties"] is False, f"{where} lets unknown values through"
        known = set(schema["properties"]) - {"global"}
        assert known == set(values), f"{where}: {known ^ set(values)}"
        for key in known:
            compare(schema["properties"][key], values[key], f"{where}.{key}")

    compare(SCHEMA, DEFAULTS, "values")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"operator.replica": 2}, "replica"),
        ({"operator.replicas": -1}, "replicas"),
        ({"operator.replicas": "many"}, "replicas"),
        ({"operator.image.digest": "sha256:1234"}, "digest"),
        ({"operator.image.pullPolicy": "Sometimes"}, "pullPolicy"),
        ({"operator.log.level": "loud"}, "level"),
        ({"operator.resources.request.cpu": 1}, "resources"),
        ({"operator.metricsPort": 70000}, "metricsPort"),
        ({"namespaces": "{Not_A_Name}"}, "namespaces"),
        ({"runner.imagePullSecrets": "{-x}"}, "imagePullSecrets"),
        ({"networkPolicy.apiServer.cidrs": "{10.0.0.1}"}, "cidrs"),
        ({"networkPolicy.apiServer.ports": "{https}"}, "ports"),
        ({"monitoring.podMonitor.interval": "often"}, "interval"),
        ({"rbac.create": "maybe"}, "create"),
        ({"operator.serviceAccount.create": "false"}, "serviceAccount.name is needed"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def check_wrong_values_are_refused(values, said):
    assert said in refusal(values)


def check_helm_says_its_kubernetes_version():
    """Without a cluster and without --kube-version: the chart is for 1.30 and later."""
    done = helm("template", "parallelrun", CHART)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "helm warns at each call"


def check_operator_says_what_storage_it_takes():
    resources = one(render(), "Deployment")["spec"]["template"]["spec"]["containers"][0]["resources"]
    for kind in ("requests", "limits"):
        assert {"memory", "ephemeral-storage"} <= set(resources[kind]), resources


def check_definition_is_that_of_the_project():
    """One source of truth: the chart's files are copies of it (a link would make helm warn), their text is what is
    installed, and it stays."""
    assert not any(path.is_symlink() for path in CHART.rglob("*"))
    installed = {
        item["metadata"]["name"]: item for item in render() if item["kind"] == "CustomResourceDefinition"
    }
    assert len(installed) == len(DEFINITIONS)
    for definition in DEFINITIONS:
        assert (CHART / "files" / definition.name).read_bytes() == definition.read_bytes()
        wanted = yaml.safe_load(definition.read_text())
        there = installed[wanted["metadata"]["name"]]
        assert there["spec"] == wanted["spec"]
        assert there["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert not (CHART / "crds").exists(), "Helm never upgrades what is in the chart's folder crds/"


def check_package_is_whole(tmp_path):
    """A package made from the checkout renders the same as the checkout."""
    done = helm("package", CHART, "--destination", tmp_path)
    assert done.returncode == 0, done.stderr
    (package,) = tmp_path.glob("parallelrun-*.tgz")
    with tarfile.open(package) as archive:
        for definition in DEFINITIONS:
            member = archive.getmember(f"parallelrun/files/{definition.name}")
            assert member.isfile(), "a link in a package leads nowhere"
    assert render(chart=package) == render()


def check_images():
    everything = next(path for path in VALUES if path.stem == "everything")
    container = one(render(everything), "Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "registry.example.org:5000/team/operator@sha256:" + "0123456789abcdef" * 4
    assert "--runner-image=registry.example.org:5000/team/runner:1.2.3-gpu" in container["args"]
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    container = one(render(), "Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == f"parallelrun/operator:{version}"
    assert f"--runner-image=parallelrun/runner:{version}" in container["args"]


def check_version_is_the_project_s():
    version = re.search(
        r"project\(parallelrun VERSION ([0-9.]+)", (CHART.parents[1] / "CMakeLists.txt").read_text()
    )
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == version.group(1)


def check_disruption_budget_needs_a_second_replica():
    assert named(render({"operator.replicas": 1}), "PodDisruptionBudget") == []
    budget = one(render({"operator.replicas": 2}), "PodDisruptionBudget")
    pod = one(render({"operator.replicas": 2}), "Deployment")["spec"]["template"]
    assert budget["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()


def check_upgrade_changes_no_selector():
    """A Deployment's selector cannot be changed: it holds nothing that a version or a value changes."""
    everything = next(path for path in VALUES if path.stem == "everything")
    assert (
        one(render(), "Deployment")["spec"]["selector"]
        == one(render(everything), "Deployment")["spec"]["selector"]
    )


def rules_of(objects, kind):
    return [(item["metadata"].get("namespace"), item["rules"]) for item in named(objects, kind, OPERATOR)]


def check_roles_of_named_namespaces():
    values = next(path for path in VALUES if path.stem == "named-namespaces")
    objects = render(values)
    assert rules_of(objects, "ClusterRole") == []
    assert named(objects, "ClusterRoleBinding") == []
    everywhere = rules_of(render(), "ClusterRole")[0][1]
    assert rules_of(objects, "Role") == [("jobs-one", everywhere), ("jobs-two", everywhere)]


def check_operator_reads_no_secret_and_grants_one_role():
    for rule in rules_of(render(), "ClusterRole")[0][1]:
        assert "*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"], rule
        if "secrets" in rule["resources"]:
            assert set(rule["verbs"]) <= {"create", "patch"}, rule
        if "clusterroles" in rule["resources"] or {"bind", "escalate", "impersonate"} & set(rule["verbs"]):
            assert rule["verbs"] == ["bind"], rule
            assert rule["resourceNames"] == ["parallelrun-orchestrator"], rule


def check_second_release_has_nothing_of_the_cluster():
    values = next(path for path in VALUES if path.stem == "second-release")
    cluster_wide = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"}
    assert not cluster_wide & {item["kind"] for item in render(values)}


def check_dashboard():
    board = json.loads(
        one(render({"monitoring.dashboard.enabled": "true"}), "ConfigMap", "parallelrun-dashboard")["data"][
            "parallelrun.json"
        ]
    )
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    assert panels
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]]
    assert len(places) == len(set(places)), "two panels at one place"
    for panel in panels:
        assert all(target["expr"].count("(") == target["expr"].count(")") for target in panel["targets"]), (
            panel["title"]
        )


def check_hooks_are_tests_only():
    """Nothing runs at install or upgrade. And the test is one pod: `helm test --logs` takes each hook for one."""
    hooks = [item for item in render() if is_hook(item)]
    assert [(item["kind"], item["metadata"]["annotations"]["helm.sh/hook"]) for item in hooks] == [
        ("Pod", "test")
    ]
