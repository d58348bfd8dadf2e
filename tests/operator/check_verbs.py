"""The verbs of the command line that speak to a cluster, against a real API server. Nobody runs the jobs: their
status is what a test writes."""

import base64
import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
import yaml
from calls import JOB_STATUS, ended
from checkout import PROGRAM, REPOSITORY
from diced_proxy import DicedProxy
from server import APISERVER
from terminal import without_colours
from waiting import PATIENCE, wait_for
from world import manifest, side_by_side

CLAIMS = ("--input", "data=photos/2026", "--output", "results/first")


def check_list(verbs):
    assert "no jobs in the namespace" in verbs("list").stderr
    verbs.job("digits")
    verbs.job("letters", ended())
    verbs.world.submit("new")
    lines = verbs("list").stdout.splitlines()
    assert lines[0].split() == ["NAME", "STATE", "DONE", "ITEMS", "FAILED", "ITEMS", "AGE"]
    assert [line.split()[:2] for line in lines[1:]] == [
        ["digits", "Running"],
        ["letters", "Complete"],
        ["new", "Pending"],
    ]
    assert "25%" in lines[1] and "99 / 400" in lines[1]
    assert verbs("list", "-o", "name").stdout == "digits\nletters\nnew\n"
    assert "399 of 400 items succeeded" in verbs("list", "-o", "wide").stdout
    listed = json.loads(verbs("list", "-o", "json").stdout)
    assert [(job["name"], job["state"]) for job in listed] == [
        ("digits", "Running"),
        ("letters", "Complete"),
        ("new", "Pending"),
    ]
    assert listed[0]["miniBatchesProcessed"] == 10
    everywhere = verbs("list", "-A").stdout
    assert everywhere.split()[0] == "NAMESPACE" and verbs.world.namespace in everywhere


def check_names_while_somebody_types(verbs):
    verbs.job("digits")
    verbs.job("letters", ended())

    def offered(*words):
        done = subprocess.run(
            [PROGRAM, "__complete", *words],
            capture_output=True,
            text=True,
            check=True,
            cwd=verbs.scratch,
            env=verbs.environment,
        )
        return done.stdout.splitlines()

    for verb in ("status", "cancel", "logs"):
        assert offered(verb, *verbs.place, "") == ["digits\tRunning", "letters\tComplete", ":4"], verb
    assert offered("scale", "--nodes", "2", f"--namespace={verbs.world.namespace}", "le") == [
        "letters\tComplete",
        ":4",
    ]
    assert offered("status", *verbs.place, "results/") == [":4"]
    # The folder here belongs to another job.
    (verbs.scratch / "digits" / ".parallelrun").mkdir(parents=True)
    (verbs.scratch / "digits" / "logs" / "user").mkdir(parents=True)
    (verbs.scratch / "digits" / "logs" / "user" / "error.txt").touch()
    assert offered("logs", "digits", "use") == ["user\tall files of this folder", "user/error.txt\t0 B", ":4"]
    # Of a job in a cluster there is what its objects say: its files lie on a volume.
    logs = dict(line.split("\t") for line in offered("logs", *verbs.place, "digits", "")[:-1])
    assert {"job_progress_overview.txt", "user/error.txt", "user/stdout", "process000"} <= set(logs)
    processes = verbs.world.jobs.get("digits")["spec"].get("processCountPerNode", 1)
    assert len([name for name in logs if name.startswith("process")]) == processes
    assert offered("logs", *verbs.place, "digits", "user/er") == [
        "user/error.txt\terrors of the script, in groups",
        "user/error\tall files of this folder",
        ":4",
    ]
    assert offered("replay", *verbs.place, "digits", "")[:2] == [
        "0\tof 40 mini-batches",
        "1\tof 40 mini-batches",
    ]
    assert len(offered("replay", *verbs.place, "digits", "")) == 41
    tens = [line.split("\t")[0] for line in offered("replay", *verbs.place, "digits", "3")[:-1]]
    assert tens == ["3", *map(str, range(30, 40))]
    for word in ("40", "03", "x", "-1", "99999999999999999999"):
        assert offered("replay", *verbs.place, "digits", word) == [":4"], word
    assert offered("replay", *verbs.place, "digits", "3", "") == [":4"]
    for verb in ("logs", "replay"):
        assert offered(verb, *verbs.place, "no-such-job", "") == [":4"], verb
    # Namespaces, also while one of them is typed.
    assert f"{verbs.world.namespace}\tActive" in offered("status", "-n", "")
    assert offered("list", "--namespace", verbs.world.namespace) == [f"{verbs.world.namespace}\tActive", ":4"]
    assert offered("resubmit", *verbs.place, "digits", "--set", "nodeC")[0].startswith("nodeCount=\t")


def check_status(verbs):
    verbs.job("digits")
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "digits-worker-0-0",
            "labels": {"parallelrun.dev/job": "digits", "parallelrun.dev/role": "worker"},
        },
        "spec": {"containers": [{"name": "runner", "image": "x"}]},
    }
    assert verbs.world.server.request("POST", verbs.world.path("pods"), pod).accepted
    words = verbs("status", "digits").stdout
    assert words.startswith("digits: Running (WorkersMissing): 1 of 2 workers is ready\n")
    assert "10/40 mini-batches, 99 items succeeded, 1 failed" in words
    assert "1 of 2 nodes ready, 2 processes ready" in words
    assert "WorkersMissing" in words and "digits-worker-0-0  Pending" in words
    assert f"parallelrun failed digits -n {verbs.world.namespace}" in words
    told = json.loads(verbs("status", "digits", "-o", "json").stdout)
    assert told["itemsSucceeded"] == 99 and told["nodesReady"] == 1
    assert told["pods"][0]["name"] == "digits-worker-0-0"
    verbs.write("digits", ended())
    words = verbs("status", "digits").stdout
    assert "Complete (CompletedWithFailures)" in words and "took 10:00" in words
    assert "output: persistentVolumeClaim results/parallel_run_step.txt" in words


def check_status_watches_until_the_end(verbs):
    verbs.job("digits")
    watching = verbs.start("status", "-w", "digits")
    assert "digits: Running" in watching.stdout.readline()
    verbs.write("digits", ended("Failed", "ErrorThresholdExceeded", "5 items failed"))
    out, err = watching.communicate(timeout=PATIENCE)
    assert watching.returncode == 1, err
    assert "digits: Failed (ErrorThresholdExceeded): 5 items failed" in out

    verbs.job("letters")
    watching = verbs.start("status", "-w", "letters", "-o", "json")
    first = json.loads(watching.stdout.readline())
    assert (first["event"], first["state"]) == ("progress", "Running")
    verbs.write("letters", ended())
    out, _ = watching.communicate(timeout=PATIENCE)
    last = json.loads(out.splitlines()[-1])
    assert watching.returncode == 0 and (last["event"], last["state"]) == ("finished", "Complete")


def check_a_job_that_is_deleted_while_it_is_watched(verbs):
    verbs.job("digits")
    watching = verbs.start("status", "-w", "digits")
    watching.stdout.readline()
    verbs("cancel", "digits")
    _, err = watching.communicate(timeout=PATIENCE)
    assert watching.returncode == 1 and "the job 'digits' was deleted" in err


def check_suspend_resume_scale(verbs):
    verbs.job("digits")
    assert "parallelrun resume digits" in verbs("suspend", "digits").stdout
    assert verbs.world.jobs.get("digits")["spec"]["suspend"] is True
    assert "already" in verbs("suspend", "digits").stdout
    verbs("resume", "digits")
    assert verbs.world.jobs.get("digits")["spec"]["suspend"] is False
    assert verbs("scale", "digits", "--nodes", "7").stdout == "digits: 7 nodes in place of 2\n"
    assert verbs.world.jobs.get("digits")["spec"]["nodeCount"] == 7
    assert "--nodes" in verbs("scale", "digits", "--nodes", "0", code=2).stderr
    told = json.loads(verbs("scale", "digits", "--nodes", "3", "-o", "json").stdout)
    assert (told["name"], told["state"], told["nodes"]) == ("digits", "Running", 3)
    assert verbs("suspend", "digits", "-o", "name").stdout == "digits\n"
    told = yaml.safe_load(verbs("suspend", "digits", "-o", "yaml").stdout)
    assert told["name"] == "digits", "already suspended, and said in the same form"
    assert verbs("resume", "digits", "-o", "name").stdout == "digits\n"
    verbs.write("digits", ended())
    for words in (("suspend", "digits"), ("resume", "digits"), ("scale", "digits", "--nodes", "2")):
        assert "has ended (Complete)" in verbs.refused(*words, code=1)


def check_cancel(verbs):
    verbs.job("digits")
    # On a terminal a person is asked first.
    code, shown = verbs.on_terminal(80, "cancel", "digits", answer=b"n\n")
    assert code == 1 and "Cancel it?" in shown and "nothing was done" in shown
    assert verbs.world.jobs.get("digits")["metadata"]["name"] == "digits"
    words = verbs("cancel", "digits").stdout
    assert "Its output and logs stay: persistentVolumeClaim results." in words
    wait_for(lambda: verbs.world.jobs.get("digits").get("code") == 404, "the job is gone")
    assert "there is no job 'digits'" in verbs.refused("cancel", "digits")
    verbs.job("letters")
    assert verbs("cancel", "letters", "-o", "name").stdout == "letters\n"


def check_submit_a_folder(verbs, made):
    done = verbs("submit", made, *CLAIMS, "--set", "nodeCount=3", "--no-wait")
    assert "as the ConfigMap 'first-code', which goes with the job" in done.stderr
    assert f"parallelrun status -w first -n {verbs.world.namespace}" in done.stderr
    job = verbs.world.jobs.get("first")
    assert job["spec"]["nodeCount"] == 3
    assert job["spec"]["inputs"][0]["source"] == {
        "persistentVolumeClaim": {"claimName": "photos"},
        "subPath": "2026",
    }
    code = verbs.world.server.request("GET", verbs.world.path("configmaps", "first-code")).body
    assert code["metadata"]["ownerReferences"][0]["uid"] == job["metadata"]["uid"]
    keys = {item["path"]: item["key"] for item in job["spec"]["sourceDirectory"]["configMap"]["items"]}
    assert set(keys) == {"score.py", "job.yaml", "pkg/model.py", "logo.bin"}
    assert code["data"][keys["pkg/model.py"]] == "x = 1\n"
    assert base64.b64decode(code["binaryData"][keys["logo.bin"]]) == b"\x00\xff"
    assert "there is a job 'first' already (Pending)" in verbs.refused("submit", made, *CLAIMS)
    # The same job again, once it is gone, though its code may not be gone yet.
    verbs("cancel", "first")
    wait_for(lambda: verbs.world.jobs.get("first").get("code") == 404, "the job is gone")
    (made / "score.py").write_text("# changed\n")
    told = json.loads(verbs("submit", made, *CLAIMS, "--no-wait", "-o", "json").stdout)
    assert (told["name"], told["namespace"]) == ("first", verbs.world.namespace)
    assert "excludes" in verbs("submit", made, *CLAIMS, "--json", "-o", "name", code=2).stderr
    code = verbs.world.server.request("GET", verbs.world.path("configmaps", "first-code")).body
    assert "# changed\n" in code["data"].values()


def check_submit_of_more_code_than_a_config_map_holds(verbs, made):
    """A projected volume joins several; the API server takes it, and a resubmission copies all of them."""
    for name in ("a.py", "pkg/b.py", "pkg/c.py"):
        (made / name).write_text((f"# {name}".ljust(63) + "\n") * (600 << 4))
    words = verbs("submit", made, *CLAIMS, "--no-wait").stderr
    job = verbs.world.jobs.get("first")
    sources = job["spec"]["sourceDirectory"]["projected"]["sources"]
    names = [source["configMap"]["name"] for source in sources]
    assert names == ["first-code", *(f"first-code-{number}" for number in range(2, len(names) + 1))]
    assert f"as {len(names)} ConfigMaps, 'first-code' to '{names[-1]}', which go with the job" in words

    def content(job):
        found = {}
        for source in verbs.world.jobs.get(job)["spec"]["sourceDirectory"]["projected"]["sources"]:
            name = source["configMap"]["name"]
            code = verbs.world.server.request("GET", verbs.world.path("configmaps", name)).body
            assert (
                code["metadata"]["ownerReferences"][0]["uid"] == verbs.world.jobs.get(job)["metadata"]["uid"]
            )
            paths = {item["key"]: item["path"] for item in source["configMap"].get("items", [])}
            for key, text in code.get("data", {}).items():
                found[paths.get(key, key)] = text
        return found

    first = content("first")
    assert {name: first[name] for name in ("a.py", "pkg/b.py", "pkg/c.py", "score.py")} == {
        name: (made / name).read_text() for name in ("a.py", "pkg/b.py", "pkg/c.py", "score.py")
    }
    verbs.write("first", ended("Failed", "ErrorThresholdExceeded", "too many"))
    verbs("resubmit", "first", "--name", "second", "--no-wait")
    assert content("second") == first
    # The last of them belongs to somebody else: those that were made are taken away again.
    verbs("cancel", "first")
    wait_for(lambda: verbs.world.jobs.get("first").get("code") == 404, "the job is gone")
    theirs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": names[-1]}, "data": {"a": "b"}}
    path = verbs.world.path("configmaps")
    for name in names:
        verbs.world.server.request("DELETE", f"{path}/{name}")
    assert verbs.world.server.request("POST", path, theirs).accepted
    assert names[-1] in verbs.refused("submit", made, *CLAIMS)
    left = {item["metadata"]["name"] for item in verbs.world.items("configmaps")}
    assert names[-1] in left and not left & set(names[:-1])


def check_submit_of_code_in_an_image(verbs, made):
    image = ("environment.image=registry.example.org/batch/first:1", "sourceDirectory=null")
    fields = [word for field in (*image, "entryScript=/code/score.py") for word in ("--set", field)]
    verbs("submit", made / "job.yaml", *CLAIMS, *fields, "--no-wait")
    spec = verbs.world.jobs.get("first")["spec"]
    assert spec["entryScript"] == "/code/score.py" and "sourceDirectory" not in spec
    assert verbs.world.server.request("GET", verbs.world.path("configmaps", "first-code")).status == 404


def check_submit_follows_the_job(verbs, made):
    submitting = verbs.start("submit", made, *CLAIMS)
    wait_for(lambda: "spec" in verbs.world.jobs.get("first"), "the job is there")
    verbs.write("first", ended())
    out, err = submitting.communicate(timeout=PATIENCE)
    assert submitting.returncode == 0, err
    assert "first: Complete (CompletedWithFailures): 399 of 400 items succeeded" in out
    assert "parallelrun errors first" in out

    submitting = verbs.start("submit", made, *CLAIMS, "--set", "metadata.name=second", "--json")
    events = [json.loads(submitting.stdout.readline())]
    verbs.write("second", ended("Failed", "ErrorThresholdExceeded", "too many"))
    out, err = submitting.communicate(timeout=PATIENCE)
    events += [json.loads(line) for line in out.splitlines()]
    assert submitting.returncode == 1, err
    assert events[0]["event"] == "progress" and events[-1]["event"] == "finished"
    assert (events[-1]["state"], events[-1]["message"]) == ("Failed", "too many")


def check_ctrl_c_leaves_the_job_in_the_cluster(verbs, made):
    submitting = verbs.start("submit", made, *CLAIMS)
    wait_for(lambda: "spec" in verbs.world.jobs.get("first"), "the job is there")
    assert "submitted" in "".join(submitting.stderr.readline() for _ in range(2))
    submitting.send_signal(signal.SIGINT)
    _, err = submitting.communicate(timeout=PATIENCE)
    assert submitting.returncode == 130
    assert "goes on in the cluster" in err and "parallelrun status -w first" in err
    assert "spec" in verbs.world.jobs.get("first")


def check_submit_refuses(verbs, made):
    words = verbs("submit", made, code=2).stderr
    assert "spec.inputs[0].source.local" in words and "--input NAME=CLAIM[/FOLDER]" in words
    assert "spec.output.source.local" in words and "--output CLAIM[/FOLDER]" in words
    with open(made / "weights.bin", "wb") as file:
        file.truncate(2 << 30)
    words = verbs.refused("submit", made, *CLAIMS)
    assert "'weights.bin' 2.0 GiB" in words and "less than 1 MiB" in words
    (made / "weights.bin").unlink()
    assert "nodeCount" in verbs("submit", made, *CLAIMS, "--set", "nodeCount=x", code=2).stderr
    newer = (made / "job.yaml").read_text().replace("v1alpha1", "v2")
    words = verbs("submit", "-", *CLAIMS, stdin=newer, code=2).stderr
    assert "parallelrun.dev/v2" in words and "parallelrun.dev/v1alpha1" in words
    (made / "empty").mkdir()
    assert "has no job.yaml" in verbs.refused("submit", made / "empty")
    # Nothing of all this has reached the cluster.
    assert verbs.world.jobs.get("first")["code"] == 404
    assert verbs.world.server.request("GET", verbs.world.path("configmaps", "first-code")).status == 404


def check_submit_leaves_a_config_map_of_somebody_else_alone(verbs, made):
    theirs = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "first-code"},
        "data": {"k": "mine"},
    }
    assert verbs.world.server.request("POST", verbs.world.path("configmaps"), theirs).accepted
    assert "which `submit` has not made" in verbs.refused("submit", made, *CLAIMS)
    kept = verbs.world.server.request("GET", verbs.world.path("configmaps", "first-code")).body
    assert kept["data"] == {"k": "mine"}
    assert verbs.world.jobs.get("first")["code"] == 404


class Meanwhile(DicedProxy):
    """Something happens, once, before the API server hears of the new job; or in place of that."""

    def __init__(self, verbs, scratch, what, fault=None):
        super().__init__(Path(verbs.environment["KUBECONFIG"]), scratch, seed=0)
        self.environment = {"KUBECONFIG": str(self.kubeconfig)}
        self.happened = False
        self._what = what
        self._fault = fault or {}

    def fault_of(self, method, path):
        if method != "POST" or "/parallelrunjobs" not in path or self.happened:
            return {}
        self.happened = True
        self._what()
        return self._fault


def code_of(verbs, name="first-code"):
    answer = verbs.world.server.request("GET", verbs.world.path("configmaps", name))
    return answer.body if answer.accepted else None


def replaced_by_another_submission(verbs):
    """What `submit` does before it creates its job, with other code under the same name."""
    old = code_of(verbs)
    path = verbs.world.path("configmaps")
    assert verbs.world.server.request("DELETE", f"{path}/first-code").accepted
    metadata = {"name": "first-code", "labels": old["metadata"]["labels"]}
    theirs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"score.py": "theirs"}}
    assert verbs.world.server.request("POST", path, theirs).accepted


def check_two_submissions_of_one_name_and_this_one_gets_the_job(verbs, made, tmp_path):
    with Meanwhile(verbs, tmp_path, lambda: replaced_by_another_submission(verbs)) as proxy:
        verbs("submit", made, *CLAIMS, "--no-wait", **proxy.environment)
        assert proxy.happened
    code = code_of(verbs)
    assert code["data"] != {"score.py": "theirs"} and (made / "score.py").read_text() in code["data"].values()
    job = verbs.world.jobs.get("first")
    assert code["metadata"]["ownerReferences"][0]["uid"] == job["metadata"]["uid"]


def check_two_submissions_of_one_name_and_the_other_gets_the_job(verbs, made, tmp_path):
    def other():
        (made / "score.py").write_text("# the other\n")
        verbs("submit", made, *CLAIMS, "--no-wait")

    with Meanwhile(verbs, tmp_path, other) as proxy:
        assert "there is already a job 'first'" in verbs.refused(
            "submit", made, *CLAIMS, code=1, **proxy.environment
        )
    code = code_of(verbs)
    assert "# the other\n" in code["data"].values()
    job = verbs.world.jobs.get("first")
    assert code["metadata"]["ownerReferences"][0]["uid"] == job["metadata"]["uid"]


def check_a_submission_that_fails_removes_its_own_code_alone(verbs, made, tmp_path):
    refused = {"status": 403}
    with Meanwhile(verbs, tmp_path, lambda: replaced_by_another_submission(verbs), refused) as proxy:
        verbs.refused("submit", made, *CLAIMS, code=1, **proxy.environment)
        assert proxy.happened
    assert code_of(verbs)["data"] == {"score.py": "theirs"}
    assert verbs.world.server.request("DELETE", verbs.world.path("configmaps", "first-code")).accepted
    (tmp_path / "again").mkdir()
    with Meanwhile(verbs, tmp_path / "again", lambda: None, refused) as proxy:
        verbs.refused("submit", made, *CLAIMS, code=1, **proxy.environment)
    assert code_of(verbs) is None


def check_a_name_that_does_not_exist(verbs):
    verbs.job("predict-digits")
    for words in (("status",), ("suspend",), ("cancel",), ("logs",), ("errors",), ("scale", "--nodes", "2")):
        said = verbs.refused(words[0], "predict-digit", *words[1:])
        assert "there is no job 'predict-digit'" in said and "did you mean 'predict-digits'?" in said, said


def check_no_cluster(verbs, server, tmp_path):
    assert "KUBECONFIG" in verbs.refused("status", "digits", KUBECONFIG="")
    assert "no such file" in verbs.refused("status", "digits", KUBECONFIG="/nowhere")
    said = verbs.refused("status", "digits", "--context", "other")
    assert 'there is no context "other"' in said and "contexts:" in said
    there = Path(server.kubeconfig).read_text()
    # A server of the same address that is none of Kubernetes with our resource.
    bare = tmp_path / "bare"
    bare.write_text(there.replace(server.url, server.url + "/elsewhere"))
    said = verbs.refused("list", "--kubeconfig", bare, code=1)
    assert "has no ParallelRunJobs" in said and "Helm chart" in said, said
    silent = tmp_path / "silent"
    silent.write_text(there.replace(server.url, "https://127.0.0.1:1"))
    said = verbs.refused("list", "--kubeconfig", silent, code=1)
    assert "https://127.0.0.1:1 does not answer" in said, said


def check_no_rights(verbs, made, tmp_path):
    user = subprocess.run(
        [APISERVER, "user", "bob", "--dir", verbs.world.server.folder],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    bob = {"KUBECONFIG": user.stdout.strip()}
    verbs.job("digits")
    said = verbs.refused("list", code=1, **bob)
    assert (
        f"no right to list parallelrunjobs.parallelrun.dev in the namespace '{verbs.world.namespace}'" in said
    )
    assert "no right to list" in said and "kubectl auth can-i list" in said
    assert "in all namespaces" in verbs.refused("list", "-A", code=1, **bob)
    assert "no right to get" in verbs.refused("suspend", "digits", code=1, **bob)
    assert "no right to get" in verbs.refused("submit", tmp_path / "first", *CLAIMS, code=1, **bob)


def check_what_a_terminal_shows(verbs):
    verbs.job("digits")
    for columns in (40, 80, 200):
        code, shown = verbs.on_terminal(columns, "list")
        shown = without_colours(shown)
        assert code == 0
        # Where a table has no room, each job is lines of its own.
        assert ("digits  Running" if columns >= 80 else "NAME          digits") in shown
        assert max(map(len, shown.splitlines())) <= columns, shown
        code, shown = verbs.on_terminal(columns, "status", "digits")
        assert code == 0
        if columns >= 80:
            tables = [line for line in shown.splitlines() if "WorkersMissing  " in line]
            assert tables and max(map(len, tables)) <= columns, shown
        watching = verbs.terminal(columns, "status", "-w", "digits")
        shown = watching.until("25%")
        verbs.write("digits", ended())
        rest, code = watching.end()
        shown += rest
        assert code == 0, shown
        bars = [part for part in shown.replace("\r", "\n").split("\n") if "\x1b[2K" in part and "25%" in part]
        assert bars, shown
        assert all(len(bar.replace("\x1b[2K", "")) <= columns for bar in bars), bars
        verbs.write("digits", JOB_STATUS)


def check_a_local_directory_is_no_name(verbs, made):
    (verbs.scratch / "digits").mkdir()
    place, verbs.place = verbs.place, ()
    # A folder of this name that no job wrote is no reason to look here.
    for verb in ("status", "suspend", "cancel"):
        assert "there is no job 'digits'" in verbs.refused(verb, "digits")
    (verbs.scratch / "digits" / ".parallelrun").mkdir()
    # An output directory of this name is meant; with the namespace the job is.
    assert "'digits' is no output directory" in verbs("status", "digits", code=2).stderr
    assert "no output directory" in verbs.refused("suspend", "digits")
    assert "no output directory" in verbs("status", "./letters", code=2).stderr
    assert "there is no job 'letters'" in verbs.refused("status", "letters")
    verbs.place = place
    verbs.job("digits")
    assert "digits: Running" in verbs("status", "digits").stdout


def check_as_a_plugin_of_kubectl(verbs, tmp_path):
    (tmp_path / "kubectl-parallelrun").symlink_to(PROGRAM)
    verbs.job("digits")
    environment = {**verbs.environment, "PATH": f"{tmp_path}:{os.environ['PATH']}"}

    def kubectl(*words):
        command = [verbs.world.server.kubectl_program, "parallelrun", *words]
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=PATIENCE)

    assert "digits  Running" in kubectl("list", *verbs.place).stdout
    assert "kubectl parallelrun failed digits" in kubectl("status", "digits", *verbs.place).stdout
    assert "Example: kubectl parallelrun scale" in kubectl("scale", "--help").stdout
    # It lists jobs of the cluster without being told which.
    assert "no jobs in the namespace 'default'" in kubectl("list").stderr


def check_a_pod_looks_at_the_output_and_goes(verbs):
    """Without a kubelet it never starts. tests/e2e/test_verbs.py has one that does."""
    verbs.world.submit("new")
    assert "has not started" in verbs.refused("logs", "new")
    verbs.job("digits", ended())
    looking = verbs.start("errors", "digits", "--brief")

    def pods():
        found = [pod for pod in verbs.world.items("pods") if "-look-" in pod["metadata"]["name"]]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    (pod,) = wait_for(pods, "a pod")
    assert pod["metadata"]["name"].startswith("digits-look-")
    container = pod["spec"]["containers"][0]
    assert container["args"] == ["look", "--", "errors", "/parallelrun/output", "--brief"]
    assert container["image"] == "registry/runner:1" and container["volumeMounts"][0]["readOnly"]
    unschedulable = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "volume is in use",
    }
    verbs.world.set_pod(pod["metadata"]["name"], {"conditions": [unschedulable]})
    said = looking.stderr.readline()
    assert "waiting for a pod" in said and "Unschedulable: volume is in use" in said
    looking.send_signal(signal.SIGINT)
    looking.communicate(timeout=PATIENCE)
    assert looking.returncode == 130
    wait_for(lambda: not pods(), "the pod is gone")

    looking = verbs.start("failed", "digits")
    (pod,) = wait_for(pods, "a pod")
    waiting = {"waiting": {"reason": "CreateContainerConfigError", "message": "no such volume"}}
    container = {
        "name": "runner",
        "image": "x",
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "state": waiting,
    }
    verbs.world.set_pod(pod["metadata"]["name"], {"containerStatuses": [container]})
    _, err = looking.communicate(timeout=PATIENCE)
    assert looking.returncode == 1 and "CreateContainerConfigError: no such volume" in err
    assert "mount it yourself" in err
    wait_for(lambda: not pods(), "the pod is gone")


def check_an_output_in_a_store(verbs):
    """Reading it is check_stored_looks.py's."""
    verbs.job("stored", ended(), output={"source": {"s3": {"bucket": "results", "prefix": "digits"}}})
    assert "output: s3://results/digits/parallel_run_step.txt" in verbs("status", "stored").stdout
    words = verbs.refused("resubmit", "stored", "--set", "miniBatchSize=3")
    assert "lies in a store (s3://results/digits)" in words and "submit the job as a new one" in words
    verbs("submit", REPOSITORY / "examples" / "bucket" / "to-bucket.yaml", "--no-wait")
    example = verbs.world.jobs.get("total-sales-to-bucket")["spec"]
    assert example["output"]["source"]["s3"]["credentials"] == {"secretName": "keys"}
    assert "configMap" in example["sourceDirectory"]


def check_a_job_from_python(verbs, parallelrun, tmp_path, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", verbs.environment["KUBECONFIG"])
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "score.py").write_text("def init(): pass\ndef run(batch): return batch\n")

    def submit(name, script="code/score.py"):
        return parallelrun.submit(
            tmp_path / script,
            parallelrun.claim("photos", "2026"),
            parallelrun.claim("results", name),
            backend="kubernetes",
            namespace=verbs.world.namespace,
            name=name,
            node_count=3,
        )

    job = submit("scores")
    wait_for(lambda: "spec" in verbs.world.jobs.get("scores"), "the job is there")
    made = verbs.world.jobs.get("scores")["spec"]
    assert made["nodeCount"] == 3 and made["sourceDirectory"] == {"configMap": {"name": "scores-code"}}
    assert made["output"]["source"]["subPath"] == "scores"
    verbs.write("scores", JOB_STATUS)
    wait_for(lambda: job.status == "Running", "it runs")
    assert job.progress["itemsSucceeded"] == 99
    verbs.write("scores", ended())
    assert job.wait(timeout=PATIENCE).status == "Complete"
    assert job.progress["miniBatchesProcessed"] == 40

    job = submit("second")
    wait_for(lambda: "spec" in verbs.world.jobs.get("second"), "the job is there")
    verbs.write("second", ended("Failed", "ErrorThresholdExceeded", "too many"))
    with pytest.raises(parallelrun.JobError, match="the job 'second' is Failed: too many"):
        job.wait(timeout=PATIENCE)

    job = submit("third")
    wait_for(lambda: "spec" in verbs.world.jobs.get("third"), "the job is there")
    assert job.cancel().status == "Interrupted"
    assert verbs.world.jobs.get("third")["code"] == 404

    assert submit("fourth").cancel().status == "Interrupted"  # at once
    assert verbs.world.jobs.get("fourth")["code"] == 404

    job = submit("scores")  # the name is taken
    with pytest.raises(parallelrun.JobError, match="there is a job 'scores' already"):
        job.wait(timeout=PATIENCE)
    assert job.status == "Invalid" and submit("scores").cancel().status == "Invalid"


# Of the bar: 5,000 jobs under 1 s. That many take the server a while to make, so the suite has fewer.
MANY = int(os.environ.get("PARALLELRUN_LISTED_JOBS", "200"))


def check_many_jobs_are_listed_quickly(verbs, record_property):
    def make(number):
        from server import Jobs, Server

        server = _servers.setdefault(threading.get_ident(), None) or Server(verbs.world.server.folder)
        _servers[threading.get_ident()] = server
        made = Jobs(server, verbs.world.namespace).create(manifest(f"job-{number:05}"))
        assert made.accepted, made

    _servers = {}
    side_by_side(MANY, make)
    seconds = []
    for _ in range(3):
        begun = time.monotonic()
        listed = verbs("list").stdout
        seconds.append(time.monotonic() - begun)
    assert listed.count("\n") == MANY + 1
    record_property(f"list_of_{MANY}_jobs_seconds", round(min(seconds), 3))
    assert min(seconds) < max(0.4, MANY / 5000), seconds
