"""The page of a cluster's jobs (`parallelrun ui -n`), against a real API server. Nobody runs the jobs: their status is
what a test writes, and their output is one of this machine."""

import contextlib
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from calls import JOB_STATUS, ended
from check_looks import at_work  # noqa: F401 (fixture)
from checkout import PROGRAM, REPOSITORY
from diced_proxy import DicedProxy
from log_kubelet import LogKubelet
from server import APISERVER
from waiting import PATIENCE, wait_for

sys.path.insert(0, str(REPOSITORY / "tests" / "integration" / "web"))
from web_client import Page  # noqa: E402

SCRIPT = """
def init(): pass
def run(batch):
    print("a mini-batch")
    if any("3" in path.rsplit("/", 1)[1] for path in batch):
        raise ValueError("bad digit")
    return batch
"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    (folder / "index.html").write_text("<!doctype html>")
    return folder


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    folder = tmp_path_factory.mktemp("job")
    subprocess.run([PROGRAM, "init", folder, "--name", "digits"], check=True, capture_output=True)
    (folder / "score.py").write_text(SCRIPT)
    (folder / "data").mkdir()
    for number in range(10):
        (folder / "data" / f"{number}.txt").write_text("x")
    words = [PROGRAM, "run", folder / "job.yaml", "--quiet"]
    for field in ("errorThreshold=-1", "runMaxTry=1", "miniBatchSize=1"):
        words += ["--set", field]
    subprocess.run(words, check=True, timeout=PATIENCE)
    return folder / "output"


@pytest.fixture
def page(verbs, pages):
    with Page(pages=pages, options=verbs.place, cwd=verbs.scratch, env=verbs.environment) as server:
        yield server


def check_jobs_of_a_namespace(verbs, page):
    about = page.get("/api/worlds")
    assert about["directories"] == [] and about["cluster"]["namespace"] == verbs.world.namespace
    events = page.events()
    verbs.job("digits")
    shown = events.next("job", lambda job: job["state"] == "Running")
    assert (
        shown["name"] == "digits"
        and shown["world"] == "cluster"
        and shown["namespace"] == verbs.world.namespace
    )
    assert shown["progress"]["miniBatchesProcessed"] == 10 and shown["reason"] == "WorkersMissing"
    assert page.get("/api/jobs")["unread"] == [] and page.jobs()["digits"]["id"] == shown["id"]
    verbs.write("digits", ended())
    assert events.next("job", lambda job: job["state"] == "Complete")["progress"]["itemsFailed"] == 1
    assert verbs.world.server.request("DELETE", verbs.world.jobs.path("digits")).accepted
    assert events.next("gone") == {"id": shown["id"]}
    events.close()
    assert "deleted" in page.send(f"/api/jobs/{shown['id']}").refused(404, "NotFound")
    verbs.job("digits")
    again = wait_for(lambda: page.jobs().get("digits"), "one of the same name")
    assert again["id"] != shown["id"]


class AwayProxy(DicedProxy):
    """An API server that goes away: what is open ends, and nothing new begins."""

    def __init__(self, kubeconfig, scratch):
        super().__init__(kubeconfig, scratch, seed=0)
        self.away = False
        self._connections = []

    def fault_of(self, method, path):
        return {"cut": "request"} if self.away else {}

    def connect(self):
        self._connections.append(super().connect())
        return self._connections[-1]

    def leave(self):
        self.away = True
        for connection in self._connections:
            if connection.sock is not None:
                with contextlib.suppress(OSError):
                    connection.sock.shutdown(socket.SHUT_RDWR)


def check_an_api_server_that_is_away_is_told_by_itself(verbs, pages, tmp_path):
    verbs.job("digits")
    with AwayProxy(Path(verbs.environment["KUBECONFIG"]), tmp_path) as proxy:
        environment = {**verbs.environment, "KUBECONFIG": str(proxy.kubeconfig)}
        with Page(pages=pages, options=verbs.place, cwd=verbs.scratch, env=environment) as page:
            wait_for(lambda: page.jobs().get("digits"), "the job")
            path = page.of("digits")
            everything, one = page.events(), page.events(job=page.jobs()["digits"]["id"])
            proxy.leave()
            # The list and the job are read again, without a click, and say what is wrong.
            assert everything.next("reload") == {} and one.next("reload") == {}
            (unread,) = page.get("/api/jobs")["unread"]
            assert "does not answer" in unread, unread
            assert page.jobs()["digits"]["state"], "what was known stays"
            page.send(path).refused(503, "Unreachable")
            proxy.away = False
            back = time.monotonic()
            assert everything.next("reload") == {} and one.next("reload") == {}
            # Nothing changes in this cluster: the API server's own next word would come after a minute.
            assert time.monotonic() - back < 40
            wait_for(lambda: page.get("/api/jobs")["unread"] == [], "the end of the trouble")
            assert page.get(path)["name"] == "digits"


def check_events_have_their_times(verbs, page):
    verbs.job("digits")
    event = {
        "metadata": {"name": "digits.1"},
        "involvedObject": {
            "apiVersion": "parallelrun.dev/v1alpha1",
            "kind": "ParallelRunJob",
            "name": "digits",
            "namespace": verbs.world.namespace,
            "uid": verbs.world.jobs.get("digits")["metadata"]["uid"],
        },
        "type": "Warning",
        "reason": "WorkersMissing",
        "message": "a worker pod is missing",
        "count": 3,
        "firstTimestamp": "2026-11-30T10:00:00Z",
        "lastTimestamp": "2026-11-30T10:05:00Z",
    }
    events = f"/api/v1/namespaces/{verbs.world.namespace}/events"
    assert verbs.world.server.request("POST", events, event).accepted
    wait_for(lambda: page.jobs().get("digits"), "the job")
    (shown,) = page.get(page.of("digits"))["events"]
    assert shown == {
        "type": "Warning",
        "reason": "WorkersMissing",
        "message": "a worker pod is missing",
        "count": 3,
        "first": "2026-11-30T10:00:00Z",
        "last": "2026-11-30T10:05:00Z",
    }


def check_a_job_with_its_buttons(verbs, page):
    verbs.job("digits", arguments=["--note", "<b>bold</b>"])
    wait_for(lambda: page.jobs().get("digits", {}).get("state") == "Running", "the job")
    path = page.of("digits")
    job = page.get(path)
    assert job["conditions"][0]["reason"] == "WorkersMissing" and job["events"] == [] and job["pods"] == []
    assert (
        "<b>bold</b>" in job["manifest"] and "managedFields" not in job["manifest"] and job["warnings"] == []
    )
    allowed = {verb for verb, state in job["verbs"].items() if state["allowed"]}
    assert allowed == {"cancel", "suspend", "scale"}
    assert (
        job["verbs"]["scale"]["command"]
        == f"parallelrun scale digits --nodes {{nodes}} -n {verbs.world.namespace}"
    )
    assert "not suspended" in job["verbs"]["resume"]["why"]

    assert "3 nodes in place of 2" in page.post(path + "/scale", {"nodes": 3}).json["message"]
    assert verbs.world.jobs.get("digits")["spec"]["nodeCount"] == 3
    for nodes in (0, -1, 10_001, "3", 1.5, None):
        assert "nodes must be" in page.post(path + "/scale", {"nodes": nodes}).refused(400, "Invalid")
    assert "will be suspended" in page.post(path + "/suspend").json["message"]
    assert verbs.world.jobs.get("digits")["spec"]["suspend"] is True
    assert page.post(path + "/suspend").refused(409, "Invalid") == "the job is suspended already"
    assert page.post(path + "/resume").status == 200
    assert verbs.world.jobs.get("digits")["spec"]["suspend"] is False
    assert "cancelled and deleted" in page.post(path + "/cancel").json["message"]
    wait_for(lambda: "digits" not in page.jobs(), "it is gone")
    page.post(path + "/cancel").refused(404, "NotFound")


def check_the_output_is_read_by_a_pod(verbs, page, output, tmp_path):
    verbs.job("digits", ended())
    with LogKubelet(verbs.world.server.folder, verbs.world.namespace, tmp_path, output):
        path = wait_for(lambda: "digits" in page.jobs() and page.of("digits"), "the job")
        (group,) = page.get(path + "/errors")["errors"]
        assert group["type"] == "ValueError" and "Traceback" in group["traceback"]
        assert not verbs.world.items("pods"), "the pod is there for one answer"
        # The first pod has answered these too.
        files = [file["path"] for file in page.get(path + "/logs")["files"]]
        assert page.get(path + "/timeline")["tries"] == 10 and page.get(path + "/explain")["processes"]
        stdout = next(name for name in files if name.startswith("user/stdout/"))
        piece = page.get(path + "/log", path=stdout)
        assert piece["text"].startswith("a mini-batch\n") and piece["next"] == piece["size"]
        assert page.get(path + "/rows", limit=2)["truncated"]
        assert "must be one that `logs` lists" in page.send(path + "/log?path=../x").refused(400, "Invalid")
        wait_for(lambda: not verbs.world.items("pods"), "no pod is left")
    verbs.job("fresh", {**JOB_STATUS, "runnerImage": None})
    path = wait_for(lambda: "fresh" in page.jobs() and page.of("fresh"), "the job")
    assert "has not started" in page.send(path + "/errors").refused(404, "NotFound")


def check_outputs_whose_pods_do_not_come_up_hold_up_nothing_else(verbs, page):
    """No kubelet is here, so each of these waits for minutes."""
    names = [f"slow-{number}" for number in range(4)]
    for name in names:
        verbs.job(name)
    wait_for(lambda: set(names) <= set(page.jobs()), "the jobs")
    asked = [page.ask(page.of(name) + about) for name in names for about in ("/errors", "/timeline")]
    wait_for(lambda: verbs.world.items("pods"), "a pod of a look")
    events = page.events()
    verbs.job("fresh")
    assert events.next("job", lambda job: job["name"] == "fresh")
    assert page.get(page.of("fresh"))["verbs"]["suspend"]["allowed"]
    assert "will be suspended" in page.post(page.of("fresh") + "/suspend").json["message"]
    events.close()
    for connection in asked:
        connection.sock.setblocking(False)
        with pytest.raises(BlockingIOError):  # it has no answer yet
            connection.sock.recv(1)
        connection.close()


def check_a_log_is_followed_by_a_pod_of_its_own(verbs, page, at_work, tmp_path):  # noqa: F811
    verbs.job("slow", {**ended(), "state": "Running"})
    path = wait_for(lambda: "slow" in page.jobs() and page.of("slow"), "the job")
    job, name = path.rpartition("/")[2], "sys/master_role.txt"
    log = at_work / "logs" / name
    with LogKubelet(verbs.world.server.folder, verbs.world.namespace, tmp_path, at_work) as kubelet:
        # Whoever leaves takes his pod along.
        events = page.events(job=job, path=name)
        assert "being started" in events.next("log")["words"]
        first = events.next("log", lambda log: log.get("size"))
        assert first["follows"] and "reads this log for you while you follow it" in first["words"]
        assert first["size"] == log.stat().st_size and len(verbs.world.items("pods")) == 1
        events.close()
        wait_for(lambda: not verbs.world.items("pods"), "no pod is left")

        events = page.events(job=job, path=name)
        first = events.next("log", lambda log: log.get("size"))
        (pod,) = verbs.world.items("pods")
        # What is followed is read where it is kept: no further pod for each look.
        whole = page.get(path + "/log", path=name, offset=-100_000)
        assert whole["text"] == log.read_text()[: whole["size"]] and whole["offset"] == 0
        (tmp_path / "go").touch()
        last = events.next("log", lambda log: not log["follows"])
        assert "does not grow" in last["words"] and last["size"] == log.stat().st_size > first["size"]
        more = page.get(path + "/log", path=name, offset=whole["next"])
        assert whole["text"] + more["text"] == log.read_text() and "Complete" in more["text"]
        assert list(kubelet.containers)[1:] == [pod["metadata"]["name"]]
        wait_for(lambda: not verbs.world.items("pods"), "no pod is left")
        events.close()

        verbs.write("slow", ended())
        wait_for(lambda: page.jobs()["slow"]["state"] == "Complete", "it has ended")
        events = page.events(job=job, path=name)
        assert "does not grow" in events.next("log", lambda log: not log["follows"])["words"]
        assert not verbs.world.items("pods")
        events.close()


def check_a_followed_log_that_cannot_be_followed_any_more(verbs, page, at_work, tmp_path):  # noqa: F811
    verbs.job("slow", {**ended(), "state": "Running"})
    path = wait_for(lambda: "slow" in page.jobs() and page.of("slow"), "the job")
    job, name = path.rpartition("/")[2], "sys/master_role.txt"
    with LogKubelet(verbs.world.server.folder, verbs.world.namespace, tmp_path, at_work):
        for wrong, words in (("../../x", "one that `logs` lists"), ("no/such.txt", "not there")):
            events = page.events(job=job, path=wrong)
            assert words in events.next("log", lambda log: not log["follows"])["words"]
            events.close()
        events = page.events(job=job, path=name)
        events.next("log", lambda log: log.get("size"))
        assert verbs.world.server.request("DELETE", verbs.world.jobs.path("slow")).accepted
        for pod in verbs.world.items("pods"):  # as the garbage collector and a kubelet do
            gone = verbs.world.path("pods", pod["metadata"]["name"])
            assert verbs.world.server.request("DELETE", gone, {"gracePeriodSeconds": 0}).accepted
        last = events.next("log", lambda log: not log["follows"])
        assert "it was deleted from the cluster" in last["words"]
        events.close()


def check_without_rights_buttons_are_off(verbs, pages):
    """Who may only look sees why."""
    verbs.job("digits")
    server, namespace = verbs.world.server, verbs.world.namespace
    place = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    rules = [
        {
            "apiGroups": ["parallelrun.dev"],
            "resources": ["parallelrunjobs"],
            "verbs": ["get", "list", "watch"],
        }
    ]
    name = f"reader-of-{namespace}"
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "reader"}}
    assert server.request("POST", place + "/roles", {**role, "rules": rules}).accepted
    binding = {
        **role,
        "kind": "RoleBinding",
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [{"kind": "User", "name": name, "apiGroup": "rbac.authorization.k8s.io"}],
    }
    assert server.request("POST", place + "/rolebindings", binding).accepted
    user = subprocess.run(
        [APISERVER, "user", name, "--dir", server.folder], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()
    environment = {**verbs.environment, "KUBECONFIG": user}
    with Page(pages=pages, options=verbs.place, cwd=verbs.scratch, env=environment) as page:
        path = wait_for(lambda: "digits" in page.jobs() and page.of("digits"), "the job")
        job = page.get(path)
        assert not any(verb["allowed"] for verb in job["verbs"].values())
        assert "no right to patch parallelrunjobs.parallelrun.dev" in job["verbs"]["suspend"]["why"]
        assert "no right to delete" in job["verbs"]["cancel"]["why"]
        assert "no right to delete" in page.post(path + "/cancel").refused(403, "NoRights")
        assert any("events are not shown: you have no right" in words for words in job["warnings"])
        assert "no right to create pods" in page.send(path + "/errors").refused(403, "NoRights")
    assert verbs.world.jobs.get("digits")["spec"]["nodeCount"] == 2
    with Page(pages=pages, options=("-A",), cwd=verbs.scratch, env=environment) as page:
        unread = wait_for(
            lambda: [w for w in page.get("/api/jobs")["unread"] if "no right" in w], "the refusal"
        )
        assert "no right to list" in unread[0]
