"""The chart, as Helm renders and installs it."""

import subprocess
from pathlib import Path

import yaml
from bringup import parts

REPOSITORY = Path(__file__).resolve().parents[2]
CHART = REPOSITORY / "helm" / "parallelrun"
DEFINITIONS = [REPOSITORY / "crds" / f"{name}.yaml" for name in ("parallelrunjobs", "parallelrundatasets")]
VALUES = sorted((Path(__file__).parent / "values").glob("*.yaml"))
OPERATOR = "parallelrun-operator"
PAGE = "parallelrun-ui"

# Without a cluster Helm renders for the version of the libraries it was built with.
KUBERNETES = "1.30.0"


def program():
    parts.build(parts.HELM)
    return parts.HELM.program("helm")


def helm(*words, kubeconfig=None):
    """Runs to the end whatever comes of it; the caller looks at returncode."""
    options = ["--kubeconfig", kubeconfig] if kubeconfig else []
    return subprocess.run(
        [str(word) for word in (program(), *words, *options)], capture_output=True, text=True, timeout=300
    )


def options_of(values):
    """Helm's options for a file of values, or for a dictionary of --set words."""
    if isinstance(values, Path):
        return ["--values", values]
    return [word for key, value in (values or {}).items() for word in ("--set", f"{key}={value}")]


def render(values=None, *, chart=CHART, release="parallelrun", namespace="parallelrun"):
    """The objects of the chart, hooks included."""
    words = ("template", release, chart, "--namespace", namespace, "--kube-version", KUBERNETES)
    done = helm(*words, *options_of(values))
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def refusal(values):
    """What Helm says about values that the schema does not let through."""
    done = helm("template", "parallelrun", CHART, "--kube-version", KUBERNETES, *options_of(values))
    assert done.returncode != 0, f"the schema lets {values} through"
    return done.stderr


def named(objects, kind, name=None):
    return [
        item
        for item in objects
        if item["kind"] == kind and (name is None or item["metadata"]["name"] == name)
    ]


def one(objects, kind, name=None):
    found = named(objects, kind, name)
    assert len(found) == 1, [(item["kind"], item["metadata"]["name"]) for item in objects]
    return found[0]


def is_hook(item):
    return "helm.sh/hook" in item["metadata"].get("annotations", {})
