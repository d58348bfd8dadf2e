"""The program of `helm test` where no volume is to be had: a scheduler, but no StorageClass; the operator, but no kubelet."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from chart import CHART, helm, named, render
from checkout import BUILD
from conftest import Cluster
from server import api_server

NAME = "parallelrun-selftest"
NAMESPACE = "parallelrun"
# What removes a job with all it made, and a claim that is no longer used.
_CONTROLLERS = (
    "serviceaccount-controller,root-ca-certificate-publisher-controller,garbage-collector-controller,"
    "persistentvolumeclaim-protection-controller"
)


@pytest.fixture(scope="module")
def installed():
    with api_server("--kwok", "1", "--scheduler", "--controllers", _CONTROLLERS) as folder:
        cluster = Cluster(folder)
        words = ("install", "parallelrun", CHART, "--namespace", NAMESPACE, "--create-namespace")
        done = helm(*words, kubeconfig=cluster.kubeconfig)
        assert done.returncode == 0, done.stderr
        cluster.await_served("parallelrunjobs.parallelrun.dev")
        yield cluster


@pytest.fixture
def selftest(installed, tmp_path, monkeypatch):
    """Runs the program as the pod of the test does, but for the place. What went wrong, or 0."""
    folder, account = tmp_path / "selftest", tmp_path / "account"
    folder.mkdir()
    account.mkdir()
    (texts,) = [item["data"] for item in named(render(), "ConfigMap") if "job.json" in item["data"]]
    for name, text in texts.items():
        (folder / name).write_text(text)
    (account / "token").write_text(installed.token(NAMESPACE, NAME))
    (account / "ca.crt").write_bytes(Path(installed.authority).read_bytes())
    address = urlsplit(installed.url)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", address.hostname)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(address.port))
    monkeypatch.setenv("PATH", str(BUILD / "bin"), prepend=":")
    spec = importlib.util.spec_from_file_location("selftest_job", folder / "make.py")
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    monkeypatch.setattr(program, "ACCOUNT", str(account))

    def run(seconds):
        monkeypatch.setattr(sys, "argv", ["make.py", str(folder), "5", str(seconds)])
        return program.main()

    return run


@pytest.fixture
def operator(installed, tmp_path):
    words = [
        "--kubeconfig",
        installed.kubeconfig,
        "--metrics-address=127.0.0.1:0",
        "--health-address=127.0.0.1:0",
    ]
    with (tmp_path / "operator.log").open("w") as log:
        running = subprocess.Popen(
            [BUILD / "bin" / "parallelrun-operator", *words, "--leader-election=false"], stderr=log
        )
        yield running
        running.kill()
        running.wait()


def check_without_an_operator_the_test_fails(selftest, capsys):
    assert "not Complete in time" in selftest(20)
    assert "in this container: all 5 items succeeded" in capsys.readouterr().out


def check_without_a_storage_class_the_pods_are_enough(installed, operator, selftest, capsys):
    assert selftest(300) == 0
    said = capsys.readouterr().out
    assert "in this container: all 5 items succeeded" in said
    assert "this cluster has no default StorageClass" in said
    for kind in ("prj", "persistentvolumeclaim"):
        left = installed.kubectl("get", kind, NAME, "--namespace", NAMESPACE)
        assert "NotFound" in left.stderr, left.stdout


def check_a_class_without_a_volume_is_no_excuse(installed, operator, selftest):
    """A claim that names a class waits for its provisioner, and a job that waits for that has not passed."""
    installed.create(
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {
                "name": "empty",
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "provisioner": "kubernetes.io/no-provisioner",
        }
    )
    assert "not Complete in time" in selftest(20)
