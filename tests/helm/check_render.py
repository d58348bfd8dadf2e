"""What Helm makes of the chart, without a cluster."""

import json
import re
import tarfile

import pytest
import yaml
from chart import CHART, DEFINITIONS, OPERATOR, PAGE, VALUES, helm, is_hook, named, one, refusal, render

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
        ({"ui.enabled": "true"}, "must not cross the network in the clear"),
        ({"ui.enabled": "true", "ui.behindProxy": "true", "ui.tls.secretName": "x"}, "either TLS or plain"),
        ({"ui.enabled": "true", "ui.behindProxy": "true", "ui.ingress.enabled": "true"}, "needs ui.hosts"),
        ({"ui.hosts": "{Jobs.example.org}"}, "hosts"),
        ({"ui.hosts": "{jobs.example.org:8443}"}, "hosts"),
        ({"ui.namespaces": "{a/b}"}, "namespaces"),
        ({"ui.service.type": "ExternalName"}, "type"),
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
    resources = one(render(), "Deployment", OPERATOR)["spec"]["template"]["spec"]["containers"][0][
        "resources"
    ]
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
    container = one(render(everything), "Deployment", OPERATOR)["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "registry.example.org:5000/team/operator@sha256:" + "0123456789abcdef" * 4
    assert "--runner-image=registry.example.org:5000/team/runner:1.2.3-gpu" in container["args"]
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    container = one(render(), "Deployment", OPERATOR)["spec"]["template"]["spec"]["containers"][0]
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
    pod = one(render({"operator.replicas": 2}), "Deployment", OPERATOR)["spec"]["template"]
    assert budget["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()


def check_upgrade_changes_no_selector():
    """A Deployment's selector cannot be changed: it holds nothing that a version or a value changes."""
    everything = next(path for path in VALUES if path.stem == "everything")
    assert (
        one(render(), "Deployment", OPERATOR)["spec"]["selector"]
        == one(render(everything), "Deployment", OPERATOR)["spec"]["selector"]
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


UI = {"ui.enabled": "true", "ui.tls.secretName": "page-tls"}


def of_the_page(objects):
    return [item for item in objects if item["metadata"]["name"] == PAGE]


def check_without_the_switch_there_is_no_page():
    assert of_the_page(render()) == []
    assert of_the_page(render({"networkPolicy.ui.enabled": "true"})) == []


def check_the_page_has_no_rights():
    """No role names its account, its pods have no token, and it may use nothing of the node."""
    everything = next(path for path in VALUES if path.stem == "everything")
    for values in (UI, everything):
        objects = render(values)
        account = one(objects, "ServiceAccount", PAGE)
        assert account["automountServiceAccountToken"] is False
        for item in objects:
            for subject in item.get("subjects", []):
                assert subject["name"] != PAGE, item
        spec = one(objects, "Deployment", PAGE)["spec"]["template"]["spec"]
        assert spec["serviceAccountName"] == PAGE and spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        (container,) = spec["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"] and container["resources"]["requests"]["cpu"]
        assert set(container) >= {"startupProbe", "livenessProbe", "readinessProbe"}
        # Nothing but the cluster's authority and its own certificate; above all no token.
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        assert set(volumes) == {"cluster", "tls"}
        assert volumes["cluster"]["configMap"]["name"] == "kube-root-ca.crt"
        assert volumes["tls"]["secret"]["secretName"] == "page-tls"


def check_the_page_speaks_tls_or_says_that_it_does_not():
    args = one(render(UI), "Deployment", PAGE)["spec"]["template"]["spec"]["containers"][0]
    assert "--tls-certificate=/etc/parallelrun/tls/tls.crt" in args["args"]
    assert "--behind-proxy" not in args["args"]
    assert args["livenessProbe"]["httpGet"]["scheme"] == "HTTPS"
    plain = render({"ui.enabled": "true", "ui.behindProxy": "true"})
    spec = one(plain, "Deployment", PAGE)["spec"]["template"]["spec"]
    assert "--behind-proxy" in spec["containers"][0]["args"]
    assert spec["containers"][0]["livenessProbe"]["httpGet"]["scheme"] == "HTTP"
    assert [volume["name"] for volume in spec["volumes"]] == ["cluster"]


def check_the_page_is_reached_by_its_names_alone():
    everything = next(path for path in VALUES if path.stem == "everything")
    objects = render(everything)
    container = one(objects, "Deployment", PAGE)["spec"]["template"]["spec"]["containers"][0]
    assert {
        "--host=jobs.example.org",
        "--host=batch.example.org",
        "--namespace=jobs-one",
        "--namespace=jobs-two",
    } <= set(container["args"])
    assert container["image"] == "registry.example.org:5000/team/runner:1.2.3-gpu"
    ingress = one(objects, "Ingress", PAGE)["spec"]
    assert ingress["tls"] == [{"hosts": ["jobs.example.org", "batch.example.org"], "secretName": "jobs-tls"}]
    assert [rule["host"] for rule in ingress["rules"]] == ["jobs.example.org", "batch.example.org"]
    service = one(objects, "Service", PAGE)["spec"]
    pod = one(objects, "Deployment", PAGE)["spec"]["template"]["metadata"]["labels"]
    assert service["selector"].items() <= pod.items()
    operator = one(objects, "Deployment", OPERATOR)["spec"]["selector"]["matchLabels"]
    assert not operator.items() <= pod.items(), "the operator's Deployment would take the page's pods"
    policy = one(objects, "NetworkPolicy", PAGE)["spec"]
    assert policy["podSelector"]["matchLabels"] == service["selector"]
    (ingress,) = policy["ingress"]
    assert ingress["from"] and ingress["ports"] == [{"port": "page", "protocol": "TCP"}]
    assert named(render(UI), "NetworkPolicy", PAGE) == []
