"""What a shell offers while somebody types: verbs, options, output directories, names of jobs of a cluster."""

import json
import os
import pty
import re
import select
import shutil
import socket
import subprocess
import time

import pytest
from checkout import PROGRAM
from waiting import PATIENCE

ECHO = "def init(): pass\ndef run(batch): return batch\n"


@pytest.fixture
def results(embedded_job):
    """A folder in which results/digits is a complete job, results/letters one that failed, and results/notes is none."""
    job = embedded_job.files(2).script(ECHO).set(runMaxTry=1)
    os.makedirs(job.root / "results" / "notes")
    job.set(output={"source": {"local": {"path": "results/digits"}}}).run(env=surroundings(job)).expect(0)
    job.script("def init(): pass\ndef run(batch): raise ValueError(1)\n").set(errorThreshold=0)
    job.set(output={"source": {"local": {"path": "results/letters"}}}).run(env=surroundings(job)).expect(1)
    return job


def surroundings(job, **more):
    """Variables of somebody without a cluster, with an index of runs of his own."""
    own = {
        "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}",
        "HOME": str(job.root),
        "XDG_STATE_HOME": str(job.root / "state"),
        "PARALLELRUN_RUN_INDEX": str(job.root / "state" / "runs"),
    }
    variables = {**job.environment(), **own, **more}
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        if name not in more:
            variables.pop(name, None)
    return variables


def offered(job, *words, cwd=None, program="parallelrun", **more):
    """The words of `__complete`, each with what it is; and the last line."""
    done = subprocess.run(
        [program, "__complete", *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=cwd or job.root,
        env=surroundings(job, **more),
    )
    assert done.returncode == 0 and done.stderr == "", done
    lines = done.stdout.splitlines()
    return dict(line.split("\t") for line in lines if not line.startswith(":")), lines[-1] if lines else ""


def test_output_directories(results):
    both = {"results/digits": "test-job: Complete", "results/letters": "test-job: Failed"}
    for name in ("status", "errors", "resubmit", "replay"):
        assert offered(results, name, "") == (both, ":0"), name
    assert offered(results, "status", "results/d")[0] == {"results/digits": "test-job: Complete"}
    assert offered(results, "status", "./results/d")[0] == {"./results/digits": "test-job: Complete"}
    assert offered(results, "status", "-w", "-o", "json", "results/l")[0].keys() == {"results/letters"}
    here = f"{results.root}/results/"
    assert offered(results, "logs", here)[0].keys() == {here + "digits", here + "letters"}
    assert offered(results, "status", "", cwd=results.root / "results")[0].keys() == {"digits", "letters"}
    # Only the first word is a job; and these verbs take files.
    assert offered(results, "status", "results/digits", "")[0] == {}
    assert offered(results, "run", "") == ({}, ":0")


def test_values_of_options(results):
    forms = ("json", "name", "text", "wide", "yaml")
    assert offered(results, "status", "-o", "") == (dict.fromkeys(forms, ""), ":4")
    assert offered(results, "cancel", "results/digits", "-o", "n") == ({"name": ""}, ":4")
    assert offered(results, "failed", "results/letters", "--format", "c") == ({"csv": ""}, ":4")
    found, besides = offered(results, "resubmit", "results/digits", "--set", "runM")
    assert set(found) == {"runMaxTry="} and besides == ":6", "no space behind it"
    assert found["runMaxTry="], "the field is described"
    assert {"output.format=", "environment.variables."} <= set(offered(results, "run", "--set", "")[0])
    levels, besides = offered(results, "submit", "--set", "loggingLevel=")
    assert (
        set(levels) == {"loggingLevel=DEBUG", "loggingLevel=INFO", "loggingLevel=WARNING"} and besides == ":4"
    )
    assert set(offered(results, "run", "--set", "allowReuse=t")[0]) == {"allowReuse=true"}
    assert offered(results, "run", "--set", "nodeCount=") == ({}, ":4")
    # Nobody knows the values of others; they may be files. Without a cluster there are no namespaces.
    assert offered(results, "run", "job.json", "--output", "") == ({}, ":0")
    assert offered(results, "status", "-n", "") == ({}, ":4")
    assert set(offered(results, "datasets", "l")[0]) == {"list"}
    assert offered(results, "datasets", "list", "-o", "j") == ({"json": ""}, ":4")


def test_logs_of_an_output_directory(results):
    found, files = offered(results, "logs", "results/letters", "")
    assert files == ":4" and {
        "user",
        "user/error",
        "user/error.txt",
        "sys/master_role.txt",
        "process000",
    } <= set(found), found
    assert found["process000"] == "this process on all nodes" and "folder" in found["user/error"]
    for word in found:
        seen = subprocess.run(
            [PROGRAM, "logs", "results/letters", word], capture_output=True, text=True, cwd=results.root
        )
        assert seen.returncode == 0 and seen.stderr == "", f"{word} is offered, and names nothing"
    found = offered(results, "logs", "-f", "results/letters", "70_driver_log.txt", "sys/m")[0]
    assert set(found) == {"sys/master_role.txt"}, "more than one log may be named"
    assert offered(results, "logs", "results/notes", "") == ({}, ":4")
    assert offered(results, "logs", "no-such-job", "") == ({}, ":4")


def test_failed_mini_batches_of_an_output_directory(results):
    assert offered(results, "replay", "results/letters", "") == ({"0": "ValueError: 1"}, ":4")
    assert offered(results, "replay", "results/letters", "1") == ({}, ":4")
    assert offered(results, "replay", "results/letters", "0", "") == ({}, ":4"), "items have no list"
    assert offered(results, "replay", "results/digits", "") == ({}, ":4"), "nothing of it failed"


def test_runs_that_lie_elsewhere(results, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    complete = str(results.root / "results" / "digits")
    assert offered(results, "status", "", cwd=elsewhere)[0] == {complete: "test-job: Complete"}
    # The one that failed is not in the index, but found from its folder.
    assert offered(results, "status", complete[:-3], cwd=elsewhere)[0].keys() == {complete}
    assert offered(results, "status", "/nothing/of/this", cwd=elsewhere)[0] == {}


def test_verbs_and_options(results):
    verbs, files = offered(results, "re")
    assert set(verbs) == {"resubmit", "replay", "resume"} and files == ":4"
    assert "run" in offered(results, "")[0] and "orchestrator" not in offered(results, "")[0]
    options = offered(results, "status", "--")[0]
    assert {"--watch", "--namespace", "--format", "--help"} <= set(
        options
    ) and "until the job ends" in options["--watch"]
    assert offered(results, "no-such-verb", "")[0] == {} and offered(results)[0] != {}


def test_a_cluster_that_does_not_answer_holds_nobody_up(results):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cluster = {"server": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        kubeconfig = results.root / "kubeconfig"
        context = {"cluster": "c", "user": "u", "namespace": "team"}
        kubeconfig.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [{"name": "c", "cluster": cluster}],
                    "users": [{"name": "u", "user": {}}],
                    "contexts": [{"name": "x", "context": context}],
                    "current-context": "x",
                }
            )
        )
        began = time.monotonic()
        found, _ = offered(results, "status", "", KUBECONFIG=str(kubeconfig))
        assert set(found) == {"results/digits", "results/letters"}, "what is known without it is offered"
        assert offered(results, "suspend", "", KUBECONFIG=str(kubeconfig))[0] == {}
        assert set(offered(results, "cancel", "", KUBECONFIG=str(kubeconfig))[0]) == set(found)
        assert time.monotonic() - began < PATIENCE
        # Of a path it is not asked at all.
        silent.close()
    assert offered(results, "status", "results/", KUBECONFIG=str(kubeconfig))[1] == ":0"


def need(shell):
    path = shutil.which(shell)
    if not path:
        pytest.skip(f"{shell} is not installed")
    return path


class Typist:
    """Somebody at a shell."""

    def __init__(self, job, words, env):
        self.master, slave = pty.openpty()
        self.shell = subprocess.Popen(
            words, stdin=slave, stdout=slave, stderr=slave, cwd=job.root, env=env, start_new_session=True
        )
        os.close(slave)
        self.seen = ""

    def until(self, pattern):
        end = time.monotonic() + PATIENCE
        shown = ""
        while not re.search(pattern, shown):
            ready = select.select([self.master], [], [], max(0, end - time.monotonic()))[0]
            assert ready, f"no {pattern!r} in {self.seen + shown!r}"
            part = os.read(self.master, 65536).decode(errors="replace")
            assert part, f"no {pattern!r} in {self.seen + shown!r}"
            shown += part
        self.seen += shown
        return shown

    def type(self, text):
        os.write(self.master, text.encode())

    def leave(self):
        self.shell.kill()
        self.shell.wait()
        os.close(self.master)


def test_in_bash(results):
    env = {**surroundings(results), "PS1": "ready> ", "TERM": "dumb", "INPUTRC": "/dev/null"}
    typist = Typist(results, [need("bash"), "--norc", "--noprofile", "-i"], env)
    try:
        typist.until("ready> $")
        typist.type("bind 'set enable-bracketed-paste off'; source <(parallelrun completion bash)\n")
        typist.until("\nready> $|\rready> $")
        typist.type("parallelrun stat\t")
        typist.until("parallelrun status $")
        typist.type("-o name res\t")
        typist.until("ults/")
        typist.type("d\t\n")
        assert "test-job" in typist.until("ready> $"), typist.seen
        # Fields of --set, and their words behind the '=', where bash cuts. No space between.
        typist.type("parallelrun validate job.json --set loggingL\tD\t\n")
        typist.until("--set loggingLevel=DEBUG")
        assert "is valid" in typist.until("ready> $"), typist.seen
        typist.type("parallelrun list -o na\tres\t\n")
        typist.until("digits")
        typist.until("ready> $")
        # What a foreign name of a log says is a word of the line, and no command.
        odd = results.root / "results" / "digits" / "logs" / "user" / "odd $(touch seen).txt"
        odd.write_text("here\n")
        typist.type("parallelrun logs results/digits user/od\t\n")
        assert "here" in typist.until("ready> $") and not (results.root / "seen").exists(), typist.seen
        odd.unlink()
        # A file, where no job begins so.
        typist.type("parallelrun validate job.j\t\n")
        assert "is valid" in typist.until("ready> $"), typist.seen
    finally:
        typist.leave()


def test_in_zsh(results):
    env = {**surroundings(results), "TERM": "dumb", "ZDOTDIR": str(results.root)}
    (results.root / ".zshrc").write_text(
        "PS1='ready> '\nunsetopt zle_bracketed_paste 2>/dev/null\nautoload -U compinit\ncompinit -u -D\n"
        "source <(parallelrun completion zsh)\n"
    )
    typist = Typist(results, [need("zsh"), "-d", "-i"], env)
    try:
        typist.until("ready> ")
        typist.type("parallelrun status -o name results/d\t\n")
        assert "test-job" in typist.until("test-job"), typist.seen
        typist.type("parallelrun errors --bri\tresults/l\t\n")
        typist.until("ValueError: 1")
        typist.type("parallelrun validate job.json --set loggingL\tD\t\n")
        typist.until("--set loggingLevel=DEBUG")
        typist.until("is valid")
    finally:
        typist.leave()


def test_in_fish(results):
    def complete(line):
        asked = f'parallelrun completion fish | source; complete -C "{line}"'
        return subprocess.check_output(
            [need("fish"), "--no-config", "-c", asked],
            cwd=results.root,
            env={**surroundings(results), "TERM": "dumb"},
            text=True,
            timeout=PATIENCE,
        ).splitlines()

    assert [line.split("\t")[0] for line in complete("parallelrun statu")] == ["status"]
    assert "results/digits\ttest-job: Complete" in complete("parallelrun status results/d")
    found = complete("parallelrun resubmit ")
    assert "results/digits\ttest-job: Complete" in found and "results/letters\ttest-job: Failed" in found
    assert not [line for line in found if line.startswith(":")]
    assert [line.split("\t")[0] for line in complete("parallelrun run --set loggingLe")] == ["loggingLevel="]
    assert complete("parallelrun run --set loggingLevel=D") == ["loggingLevel=DEBUG"]
    assert complete("parallelrun status -o js") == ["json"]


def test_in_kubectl(results):
    """kubectl asks the program kubectl_complete-PLUGIN of the PATH."""
    kubectl = need("kubectl")
    folder = results.root / "bin"
    folder.mkdir()
    (folder / "kubectl-parallelrun").symlink_to(PROGRAM)
    script = folder / "kubectl_complete-parallelrun"
    script.write_text(
        subprocess.check_output([PROGRAM, "completion", "kubectl"], text=True, env=surroundings(results))
    )
    script.chmod(0o755)
    env = surroundings(results)
    env["PATH"] = f"{folder}:{env['PATH']}"

    def complete(*words):
        return subprocess.check_output(
            [kubectl, "__complete", "parallelrun", *words],
            cwd=results.root,
            env=env,
            text=True,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE,
        ).splitlines()

    assert [line.split("\t")[0] for line in complete("statu")] == ["status", ":4"]
    assert complete("status", "--watc")[0].startswith("--watch\t")
    # There a word without / is a name, and there is no cluster here; one with it is a folder.
    assert complete("status", "") == [":4"]
    assert complete("status", "-o", "js")[0].split("\t")[0] == "json"
    assert complete("resubmit", "x", "--set", "runMaxT")[-1] == ":6"
    assert complete("replay", "results/d")[0] == "results/digits\ttest-job: Complete"
