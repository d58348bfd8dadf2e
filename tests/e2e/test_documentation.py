"""Blocks of the documentation that need a cluster with nodes, word by word: in the namespace `team` with the volumes that the
pages name, in a folder with what their reader has by then."""

import os
import re
import shutil
import ssl
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import Chart, shared_folder_volume
from kubernetes import PATIENCE, REPOSITORY, Cluster, wait_until
from python_package import lay_out
from terminal import Terminal

sys.path.insert(0, str(REPOSITORY / "tests" / "docs"))
from snippets import blocks_of, commands_of, printed  # noqa: E402

HERE = "tests/e2e/test_documentation.py"
BUILD = Path(os.environ.get("PARALLELRUN_BUILD_DIR", REPOSITORY / "build"))
VOLUMES = {("team", "photos"), ("team", "results"), ("team-a", "data")}

# What these tests have done already when they come to it, or cannot do.
NOT_REPEATED = {
    "kind create cluster": "there is a cluster",
    "make images": "the fixture `images`",
    "kind load docker-image": "the fixture `images`",
    "helm install": "the fixture `chart`",
    "helm test parallelrun --namespace parallelrun": "the page how-to/operate.md has it, with --logs",
}

SCRIPT = """\
import os

def init():
    pass

def run(mini_batch):
    names = [os.path.basename(path) for path in mini_batch]
    if "bad.png" in names:
        raise ValueError("bad.png is no picture")
    return names
"""

JOB = """\
apiVersion: parallelrun.dev/v1alpha1
kind: ParallelRunJob
metadata: {name: NAME}
spec:
  entryScript: score.py
  sourceDirectory: {configMap: {name: score}}
  inputs: [{name: data, source: {persistentVolumeClaim: {claimName: photos}, subPath: "2026"}}]
  output: {source: {persistentVolumeClaim: {claimName: results}, subPath: NAME}}
  outputAction: append_row
  miniBatchSize: 3
  runMaxTry: 1
"""


def blocks():
    """page -> its blocks that this test runs."""
    found = {}
    for path in sorted((REPOSITORY / "docs").rglob("*.md")):
        page = path.relative_to(REPOSITORY / "docs")
        ours = [
            block
            for block in blocks_of(page, path.read_text(encoding="utf-8"))
            if block.marks.get("checked by") == HERE
        ]
        if ours:
            found[str(page)] = ours
    return found


@dataclass
class Reader:
    """Somebody who types what a page says."""

    cluster: Cluster
    chart: Chart
    folder: Path
    environment: dict

    def run(self, command, code=0, cwd=None):
        """What it prints."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=PATIENCE,
            cwd=cwd or self.folder,
            env=self.environment,
        )
        print(f"$ {command}\n{done.stdout}", end="")
        assert done.returncode == code, f"{command}: exit code {done.returncode}\n{done.stdout}"
        return done.stdout

    def serve(self, command, until, look):
        """A command that serves until Ctrl-C. `look` gets what it has printed when it serves."""
        terminal = Terminal(["bash", "-c", f"exec {command}"], self.environment, cwd=self.folder)
        try:
            seen = terminal.until(until)
            if "\n" not in seen.partition(until)[2]:
                seen += terminal.until("\n")
            look(seen)
            terminal.interrupt()
            terminal.end()
            return seen
        finally:
            terminal.kill()

    def debug(self, command):
        terminal = Terminal(["bash", "-c", f"exec {command}"], self.environment, cwd=self.folder)
        try:
            terminal.until("(Pdb)")
            terminal.type("c")
            _, code = terminal.end()
            assert code == 0, f"{command}: exit code {code}\n{terminal.seen}"
            return terminal.seen
        finally:
            terminal.kill()

    def file(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def volume(self, name, claim="photos", namespace="team"):
        """A folder of a volume, on this machine; others may write there."""
        folder = Path(self.cluster.environment["PARALLELRUN_CLUSTER_SHARED"]) / f"{namespace}-{claim}" / name
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o777)
        return folder

    def photos(self, names):
        for name in names:
            (self.volume("2026") / name).write_text(name)

    def status(self, name):
        return (self.cluster.get("-n", "team", "prj", name) or {}).get("status", {})

    def complete(self, name):
        wait_until(f"{name} is complete", lambda: self.status(name).get("state") == "Complete", PATIENCE)


@pytest.fixture(scope="module")
def surroundings(any_cluster, images, chart, tmp_path_factory):
    cluster, ours = any_cluster
    if not ours:
        pytest.skip("the namespaces and volumes of the pages are made in the cluster that the tests bring up")
    programs = tmp_path_factory.mktemp("bin")
    for name in ("parallelrun", "kubectl-parallelrun"):
        (programs / name).symlink_to(BUILD / "bin" / "parallelrun")
    config = tmp_path_factory.mktemp("kube") / "config"
    shutil.copy(cluster.environment["KUBECONFIG"], config)
    environment = {
        **cluster.environment,
        "PATH": f"{programs}:{cluster.environment['PATH']}",
        "HOME": str(tmp_path_factory.mktemp("home")),
        "KUBECONFIG": str(config),
        "PYTHONPATH": str(lay_out(tmp_path_factory.mktemp("package"))),
        "TERM": "dumb",
    }
    chart_of_release = (REPOSITORY / "helm" / "parallelrun" / "Chart.yaml").read_text()
    version = re.search(r'^appVersion: "?([^"\n]+)', chart_of_release, re.MULTILINE).group(1)
    for part, image in (("operator", images.operator), ("runner", images.runner)):
        cluster.run("docker", "tag", image, f"parallelrun/{part}:{version}")
        cluster.run("kind", "load", "docker-image", f"parallelrun/{part}:{version}")
    for namespace in {namespace for namespace, _ in VOLUMES}:
        cluster.kubectl("create", "namespace", namespace)
    for namespace, claim in VOLUMES:
        cluster.apply(*shared_folder_volume(cluster, namespace, claim, f"{namespace}-{claim}"))
    cluster.run(
        "kubectl", "--kubeconfig", str(config), "config", "set-context", "--current", "--namespace=team"
    )
    yield environment
    # Their names are those of the pages, so nothing may be left of them for the next run on this cluster.
    cluster.kubectl("delete", "namespaces", *{namespace for namespace, _ in VOLUMES})
    for namespace, claim in VOLUMES:
        cluster.kubectl("delete", "pv", f"{namespace}-{claim}")
        shutil.rmtree(Path(cluster.environment["PARALLELRUN_CLUSTER_SHARED"]) / f"{namespace}-{claim}")


@pytest.fixture
def reader(any_cluster, chart, surroundings, tmp_path):
    cluster, _ = any_cluster
    reader = Reader(cluster, chart, tmp_path, surroundings)
    yield reader
    cluster.kubectl("delete", "-n", "team", "prj", "--all")
    cluster.kubectl("delete", "-n", "team", "configmap", "score", "--ignore-not-found")
    for namespace, claim in VOLUMES:
        for path in reader.volume("", claim, namespace).iterdir():
            shutil.rmtree(path)


# -- what the reader of a page has before the first block that is run here


def a_first_job(reader):
    reader.run("parallelrun init first")
    reader.photos(f"{i:02}.png" for i in range(12))


def a_first_job_with_a_file(reader):
    reader.run("parallelrun init first && mkdir -p first/data && echo hello > first/data/a.txt")


def the_job_digits(reader):
    """Mini-batch 7 is 1.png; the first one fails."""
    reader.file("score.py", SCRIPT)
    reader.file("job.yaml", JOB.replace("NAME", "digits").replace("miniBatchSize: 3", "miniBatchSize: 1"))
    reader.run("kubectl create configmap score --from-file=score.py")
    reader.photos(["0.png", *(f"0{letter}.png" for letter in "abcdef"), "1.png", "bad.png"])
    reader.run("kubectl apply -f job.yaml")
    reader.complete("digits")


def the_jobs_predict(reader):
    reader.file("score.py", SCRIPT)
    reader.run("kubectl create configmap score --from-file=score.py")
    reader.photos(f"{i:02}.png" for i in range(12))
    for name in ("predict-1", "predict-2"):
        reader.file("job.yaml", JOB.replace("NAME", name))
        reader.run("kubectl apply -f job.yaml")
        reader.complete(name)


def a_script(reader):
    reader.file("score.py", SCRIPT)
    reader.photos(f"{i:02}.png" for i in range(12))


def jobs_to_see(reader):
    """A local one, a chart, and a certificate."""
    reader.run("parallelrun init job && mkdir job/data && echo a > job/data/a.txt")
    reader.run("parallelrun run job/job.yaml --output results/local")
    for namespace in ("red", "blue"):
        reader.cluster.kubectl("create", "namespace", namespace)
    reader.run(f"helm package {REPOSITORY}/helm/parallelrun")
    reader.run(
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout page.key -out page.crt -days 2 -subj /CN=page "
        "-addext subjectAltName=DNS:localhost,DNS:jobs.example.org"
    )


BEFORE = {
    "command-line.md": a_first_job,
    "how-to/clusters.md": a_first_job_with_a_file,
    "how-to/debugging.md": the_job_digits,
    "python.md": a_script,
    "resubmit.md": the_job_digits,
    "reuse.md": the_jobs_predict,
    "ui.md": jobs_to_see,
}


# -- what must be so behind the last one


def of_command_line(reader, said):
    assert sorted((reader.folder / "rows.txt").read_text().split("\n"))[1].startswith("00.png")
    (listed,) = [text for command, text in said.items() if command.startswith("parallelrun list")]
    assert "first" in listed and "Complete" in listed


def of_clusters(reader, said):
    assert reader.cluster.get("-n", "team", "prj", "first")["spec"]["nodeCount"] == 4
    for name in ("first", "second"):
        rows = (reader.volume(name, "results") / "parallel_run_step.txt").read_text()
        assert rows == "a.txt: 6 bytes\n", name
    source = reader.cluster.get("-n", "team", "prj", "second")["spec"]["sourceDirectory"]
    assert source["subPath"] == "code-of-second"


def of_debugging(reader, said):
    plain, debugged = said.values()
    assert "replay: run() returned 1 element for 1 item" in plain
    assert "score.py" in debugged and "replay: run() returned 1 element for 1 item" in debugged


def of_operate(reader, said):
    (told,) = [text for command, text in said.items() if command.startswith("helm test")]
    assert "in this container: all 5 items succeeded" in told
    classes = reader.cluster.items("storageclasses")
    default = "storageclass.kubernetes.io/is-default-class"
    if any(item["metadata"].get("annotations", {}).get(default) == "true" for item in classes):
        assert "on the cluster: all 5 items succeeded" in told
    else:
        assert "this cluster has no default StorageClass" in told
    assert not reader.cluster.items("-n", "parallelrun", "prj,persistentvolumeclaims")


def of_migration(reader, said):
    kept = reader.cluster.get("-n", "team-a", "configmap", "parallelrun-workspace")["data"]
    assert "2026" in str(kept)


def of_python(reader, said):
    rows = (reader.volume("scores", "results") / "parallel_run_step.txt").read_text()
    assert len(rows.splitlines()) == 12


def of_resubmit(reader, said):
    for name in ("digits-2", "digits-small", "digits-3"):
        taken = reader.status(name)["progress"]["takenOver"]
        assert (taken["from"], taken["items"]) == ("digits", 8), taken
    assert reader.cluster.get("-n", "team", "prj", "digits-3")["spec"]["nodeCount"] == 8


def of_ui(reader, said):
    for namespace in ("red", "blue"):
        reader.cluster.kubectl("delete", "namespace", namespace, "--wait=false")
    reader.cluster.kubectl("delete", "secret", "page-tls", "-n", "parallelrun")
    reader.chart.upgrade()


def of_install(reader, said):
    assert reader.cluster.get("namespace", "parallelrun") is None
    assert reader.cluster.get("crd", "parallelrunjobs.parallelrun.dev") is None
    assert reader.cluster.get("-n", "team", "serviceaccount", "parallelrun-orchestrator") is None
    reader.chart.upgrade()


AFTER = {
    "command-line.md": of_command_line,
    "how-to/clusters.md": of_clusters,
    "how-to/debugging.md": of_debugging,
    "how-to/operate.md": of_operate,
    "migration.md": of_migration,
    "python.md": of_python,
    "resubmit.md": of_resubmit,
    "reuse.md": lambda reader, said: None,  # the page says what is printed
    "ui.md": of_ui,
    "install.md": of_install,  # the last one: it removes the chart
}


def look_at_the_link(seen):
    link = re.search(r"http://127\.0\.0\.1:\S+", seen)[0]
    with urllib.request.urlopen(link, timeout=PATIENCE) as page:
        assert page.status == 200


def look_through_the_tunnel(folder):
    def look(_):
        trust = ssl.create_default_context(cafile=str(folder / "page.crt"))
        with urllib.request.urlopen("https://localhost:8443/", timeout=PATIENCE, context=trust) as page:
            assert page.status == 200

    return look


def carry_out(reader, command):
    if command.startswith("parallelrun ui"):
        return reader.serve(command, "http://127.0.0.1:", look_at_the_link)
    if command.startswith("kubectl port-forward"):
        return reader.serve(command, "Forwarding from", look_through_the_tunnel(reader.folder))
    if "--pdb" in command:
        return reader.debug(command)
    in_checkout = command.startswith("helm") and ".tgz" not in command
    return reader.run(command, cwd=REPOSITORY if in_checkout else None)


def commands_in(block):
    """[(command, what the page says that it prints)]"""
    if block.language == "console":
        return commands_of(block.text)
    lines = re.sub(r" *\\\n *", " ", block.text).splitlines()
    return [(line, []) for line in lines if line.strip()]


@pytest.mark.parametrize("page", list(AFTER))
def test_the_commands_of(page, reader):
    if page in BEFORE:
        BEFORE[page](reader)
    said = {}
    left_out = set()
    for block in blocks()[page]:
        if "file" in block.marks:
            reader.file(block.marks["file"], block.text)
            continue
        if block.language == "python":
            reader.file("of_the_page.py", block.text)
            said[block.place] = reader.run(f"{sys.executable} of_the_page.py")
            continue
        for command, expected in commands_in(block):
            repeated = [start for start in NOT_REPEATED if command.startswith(start)]
            left_out.update(repeated)
            if repeated:
                continue
            said[command] = carry_out(reader, command)
            missing = printed(expected, said[command])
            assert missing is None, f"{block.place}: `{command}` did not print {missing!r}:\n{said[command]}"
    AFTER[page](reader, said)
    assert left_out == (set(NOT_REPEATED) if page == "install.md" else set()), left_out


def test_each_page_has_a_test_of_what_comes_of_it():
    assert set(blocks()) == set(AFTER)
