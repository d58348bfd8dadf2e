"""The verbs that look at a job by its output directory, and `init` and `completion`."""

import base64
import csv
import hashlib
import io
import json
import os
import pty
import re
import shutil
import signal
import subprocess

import pytest
import yaml
from checkout import PROGRAM
from terminal import without_colours
from waiting import PATIENCE, wait_for

FAILS_AT_SEVEN = """
    def init(): pass
    def run(batch):
        out = []
        print("a mini-batch of", len(batch))
        for path in batch:
            if path.endswith("7.txt"):
                raise ValueError(f"bad digit in {path}")
            out.append(path)
        return out
"""
SLOW = """
    import os, time
    def init(): pass
    def run(batch):
        while not os.path.exists(os.environ["GO"]):
            time.sleep(0.01)
        return batch
"""


def verb(*words, code=0, cwd=None, **variables):
    done = subprocess.run(
        [str(PROGRAM), *map(str, words)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=cwd,
        env={**os.environ, **variables},
    )
    assert done.returncode == code, f"{words}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
    return done


@pytest.fixture
def failed_job(embedded_job):
    """40 files by 2: four mini-batches fail, for files 7, 17, 27 and 37."""
    job = embedded_job.files(40).script(FAILS_AT_SEVEN)
    job.set(miniBatchSize=2, runMaxTry=2, runRetryDelay=0)
    job.run().expect(0)
    return job


def test_status_of_a_complete_job(failed_job):
    words = verb("status", failed_job.out).stdout
    assert words.startswith("test-job: Complete: 8 of 40 items failed"), words
    assert "20/20 mini-batches, 32 items succeeded, 8 failed" in words
    assert f"output: {failed_job.out}/parallel_run_step.txt" in words
    assert f"parallelrun failed {failed_job.out}" in words and "first error: ValueError: bad digit" in words
    document = json.loads(verb("status", failed_job.out, "-o", "json").stdout)
    assert document["state"] == "Complete" and document["reason"] == "Completed"
    assert document["itemsFailed"] == 8 and document["name"] == "test-job" and document["elapsedSeconds"] > 0
    assert verb("status", failed_job.out, "-o", "name").stdout == "test-job\n"
    yaml = pytest.importorskip("yaml")
    assert yaml.safe_load(verb("status", failed_job.out, "-o", "yaml").stdout) == document
    assert verb("status", "-w", failed_job.out).stdout == words


def test_status_of_a_failed_job(failed_job):
    failed_job.set(errorThreshold=0)
    failed_job.run().expect(1)
    words = verb("status", failed_job.out).stdout
    assert words.startswith("test-job: Failed (ErrorThresholdExceeded)"), words
    assert verb("status", "-w", failed_job.out, code=1).stdout == words


def test_a_job_is_watched_before_it_has_begun(embedded_job):
    """`parallelrun run job.yaml & parallelrun status -w out`"""
    job = embedded_job.files(3).script("def init(): pass\ndef run(batch): return batch\n")
    watching = subprocess.Popen(
        [str(PROGRAM), "status", "-w", str(job.out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    said = watching.stderr.readline()
    assert f"no job has begun in '{job.out}' yet; waiting up to 10 seconds for it" in said
    job.run().expect(0)
    words, said = watching.communicate(timeout=PATIENCE)
    assert watching.returncode == 0 and "test-job: Complete" in words, words + said

    done = verb("status", "-w", job.root / "nothing", code=2)
    assert "gave up after 10 seconds" in done.stderr and "'" + str(job.root / "nothing") + "'" in done.stderr
    assert "waiting" not in verb("status", job.root / "nothing", code=2).stderr


def test_a_job_is_watched_until_it_ends(embedded_job, tmp_path):
    go = tmp_path / "go"
    job = embedded_job.files(30).script(SLOW)
    process = job.start(env=job.environment(GO=str(go)))
    wait_for(lambda: (job.out / "logs/sys/progress.json").exists(), "the first progress")
    wait_for(
        lambda: '"planComplete":true' in verb("status", job.out, "-o", "json").stdout.replace(" ", ""),
        "a plan",
    )
    words = verb("status", job.out).stdout
    assert words.startswith("test-job: Running"), words
    assert "0/3 mini-batches" in words and "runs for 0:" in words

    master, slave = pty.openpty()
    subprocess.run(["stty", "cols", "60", "rows", "24"], stdin=slave, check=True)
    watching = subprocess.Popen(
        [str(PROGRAM), "status", "-w", str(job.out)], stdout=slave, env={**os.environ, "TERM": "xterm"}
    )
    os.close(slave)
    drawn = os.read(master, 4096).decode()
    go.touch()
    assert watching.wait(timeout=PATIENCE) == 0
    assert process.wait(timeout=PATIENCE) == 0
    while True:
        try:
            part = os.read(master, 4096)
        except OSError:
            break
        drawn += part.decode(errors="replace")
    os.close(master)
    assert "\r\x1b[2K" in drawn and "0/3 mini-batches" in drawn
    assert "test-job: Complete" in without_colours(drawn)
    for line in drawn.split("\r\x1b[2K")[1:-1]:
        assert len(line) <= 60, line


def test_a_killed_job_is_interrupted(embedded_job, tmp_path):
    job = embedded_job.files(30).script(SLOW)
    process = job.start(env=job.environment(GO=str(tmp_path / "never")), start_new_session=True)
    wait_for(lambda: (job.out / "logs/sys/progress.json").exists(), "the first progress")
    children = subprocess.run(
        ["pgrep", "-P", str(process.pid)], capture_output=True, text=True
    ).stdout.split()
    os.kill(process.pid, signal.SIGKILL)
    for child in children:
        try:
            os.kill(int(child), signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.wait()
    wait_for(lambda: "Interrupted" in verb("status", job.out).stdout, "the orchestrator's end")
    assert "start the same job again" in verb("status", job.out).stdout
    assert verb("status", "-w", job.out, code=1).stdout.startswith("test-job: Interrupted")


def test_a_lock_that_is_being_written(failed_job):
    """It is empty for a moment, and stays so where its writer was killed just then."""
    (failed_job.out / ".parallelrun" / "lock").write_text("")
    assert verb("status", failed_job.out).stdout.startswith("test-job: Interrupted")


def test_errors_are_grouped_with_one_traceback_each(failed_job):
    words = verb("errors", failed_job.out).stdout
    assert words.startswith("8 x in run: ValueError: bad digit in "), words
    assert (
        words.count("Traceback (most recent call last)") == 1 and "logs/user/error/run-ValueError-" in words
    )
    assert "Traceback" not in verb("errors", failed_job.out, "--brief").stdout
    document = json.loads(verb("errors", failed_job.out, "-o", "json").stdout)
    (group,) = document["errors"]
    assert group["count"] == 8 and group["type"] == "ValueError" and "bad digit" in group["traceback"]
    assert (failed_job.out / group["file"]).is_file() and document["others"] == 0

    failed_job.run("--retry-failed").expect(0)
    groups = json.loads(verb("errors", failed_job.out, "-o", "json").stdout)["errors"]
    assert [group["earlierStart"] for group in groups] == [False, True]
    assert "before the last start: 8 x in run" in verb("errors", failed_job.out).stdout


def test_a_job_without_errors_says_so(embedded_job):
    job = embedded_job.files(3).script("def init(): pass\ndef run(b): return b\n")
    job.run().expect(0)
    done = verb("errors", job.out)
    assert done.stdout == "" and done.stderr.startswith("no errors of the script. test-job: Complete")
    assert json.loads(verb("errors", job.out, "-o", "json").stdout) == {"errors": [], "others": 0}
    assert verb("failed", job.out).stderr == "no failed items\n"
    assert json.loads(verb("failed", job.out, "-o", "json").stdout) == []


def test_files_that_somebody_has_removed_are_not_taken_for_a_job_without_errors(failed_job):
    out = failed_job.out
    for file, name, words in [
        ("failed_items.jsonl", "failed", "parallelrun: the job has 8 failed items, but '"),
        ("logs/user/errors.json", "errors", "parallelrun: the script of the job had errors, but '"),
        ("parallel_run_step.txt", "output", "parallelrun: '"),
    ]:
        (out / file).unlink()
        for form in ([], ["-o", "json"]) if name != "output" else ([], ["--to", "-"]):
            done = verb(name, out, *form, code=1)
            assert done.stdout == "" and done.stderr.startswith(words), done.stderr
            assert f"{out / file}' is not there any more" in done.stderr
    # A link to nothing, and logs that were removed as a whole.
    shutil.rmtree(out / "logs")
    assert "errors.json' is not there any more" in verb("errors", out, code=1).stderr


def test_failed_items_as_table_csv_and_json(failed_job):
    lines = verb("failed", failed_job.out).stdout.splitlines()
    assert lines[0].split() == ["MINI-BATCH", "INPUT", "ITEM", "ITEMS", "TRIES", "ERROR"]
    assert len(lines) == 1 + 8 and all("ValueError: bad digit" in line for line in lines[1:])
    rows = list(csv.DictReader(io.StringIO(verb("failed", failed_job.out, "-o", "csv").stdout)))
    wanted = {str(failed_job.data / f"f{n:06}.txt") for n in (6, 7, 16, 17, 26, 27, 36, 37)}
    assert {row["item"] for row in rows} == wanted and {row["tries"] for row in rows} == {"2"}
    assert {row["item"] for row in json.loads(verb("failed", failed_job.out, "-o", "json").stdout)} == wanted
    few = verb("failed", failed_job.out, "--limit", "3")
    assert len(few.stdout.splitlines()) == 4 and "there are more" in few.stderr


def test_forms_that_users_of_kubectl_expect(failed_job):
    out = failed_job.out
    as_json = json.loads(verb("failed", out, "-o", "json").stdout)
    assert yaml.safe_load(verb("failed", out, "-o", "yaml").stdout) == as_json and len(as_json) == 8
    assert verb("failed", out, "-o", "name").stdout.split() == [row["item"] for row in as_json]
    assert verb("failed", out, "-o", "wide").stdout == verb("failed", out).stdout
    few = verb("failed", out, "-o", "yaml", "--limit", "2")
    assert yaml.safe_load(few.stdout) == as_json[:2] and "there are more" in few.stderr
    logs = json.loads(verb("logs", out, "-o=json").stdout)
    assert yaml.safe_load(verb("logs", out, "-oyaml").stdout) == logs
    assert {"name": "user/error.txt", "bytes": (out / "logs/user/error.txt").stat().st_size} in logs
    assert verb("logs", out, "-o", "name").stdout.split() == [each["name"] for each in logs]
    assert verb("status", out, "-o", "wide").stdout == verb("status", out).stdout
    empty = failed_job.out.parent / "empty"
    shutil.copytree(out, empty)
    (empty / "failed_items.jsonl").write_text("")
    assert verb("failed", empty, "-o", "yaml").stdout == "[]\n"


def test_a_form_that_a_verb_does_not_have(failed_job):
    """The refusal names what there is."""
    refused = verb("logs", failed_job.out, "user/error.txt", "-o", "json", code=2).stderr
    assert refused == (
        "parallelrun: --format is for the list of logs, which `parallelrun logs JOB` prints; "
        "a log is printed as it is\n"
    )
    assert "use one of json, text, yaml" in verb("errors", failed_job.out, "-o", "name", code=2).stderr
    for words, besides in (
        (("run", failed_job.manifest()), " (for programs it has --json)"),
        (("output", failed_job.out), ""),
        (("validate", failed_job.manifest()), ""),
    ):
        refused = verb(*words, "-o", "json", code=2).stderr
        assert refused.startswith(
            f"parallelrun: `{words[0]}` has no -o{besides}; these verbs have it: list, status, "
        )
        assert refused.count("\n") == 1 and refused.endswith(", datasets\n")
    # Every verb that is named has it.
    for name in refused.partition("have it: ")[2].removesuffix(", datasets\n").split(", "):
        assert "--format WORD" in verb(name, "--help").stdout, name


def test_failed_rows_of_a_table(embedded_job):
    job = embedded_job.tabular().set(miniBatchSize=20, runMaxTry=1)
    job.file("a.csv", "n\n" + "".join(f"{n}\n" for n in range(30)))
    job.script(
        "def init(): pass\ndef run(b):\n    if (b.n == 15).any(): raise KeyError('15')\n    return b[:-1]\n"
    )
    job.run().expect(0)
    rows = list(csv.DictReader(io.StringIO(verb("failed", job.out, "-o", "csv").stdout)))
    failed = [row for row in rows if row["kind"] == "failed"]
    assert len(failed) == 1 and failed[0]["item"].startswith(f"{job.data}/a.csv, records ")
    short = [row for row in rows if row["kind"] == "shortfall"]
    assert short and all(row["count"] == "1" and "run() returned" in row["error"] for row in short)


def test_logs_by_file_folder_process_and_node(failed_job):
    names = [line.split()[-1] for line in verb("logs", failed_job.out).stdout.splitlines()[1:]]
    on_disk = {
        str(p.relative_to(failed_job.out / "logs"))
        for p in (failed_job.out / "logs").rglob("*")
        if p.is_file()
    }
    assert set(names) == on_disk
    overview = (failed_job.out / "logs/job_progress_overview.txt").read_text()
    for name in ("job_progress_overview.txt", "logs/job_progress_overview.txt"):
        assert verb("logs", failed_job.out, name).stdout == overview
    assert (
        verb("logs", failed_job.out, "error.txt").stdout
        == (failed_job.out / "logs/user/error.txt").read_text()
    )
    process = verb("logs", failed_job.out, "process000").stdout
    assert "==> sys/node/127.0.0.1/process000.txt <==" in process
    assert "==> sys/node/127.0.0.1/process000.txt <==" in verb("logs", failed_job.out, "127.0.0.1").stdout
    text = (failed_job.out / "logs/sys/node/127.0.0.1/process000.txt").read_text()
    last = verb("logs", failed_job.out, "sys/node/127.0.0.1/process000.txt", "--tail", "3").stdout
    assert last.splitlines() == text.splitlines()[-3:]
    assert verb("logs", failed_job.out, "error.txt", "--tail", "0").stdout == ""
    wrong = verb("logs", failed_job.out, "eror.txt", code=2).stderr
    assert "there is no log 'eror.txt'" in wrong and "lists all" in wrong


def test_logs_are_followed_until_the_end(embedded_job, tmp_path):
    job = embedded_job.files(30).script(SLOW)
    process = job.start(env=job.environment(GO=str(tmp_path / "go")))
    wait_for(lambda: (job.out / "logs/sys/master_role.txt").exists(), "a log")
    following = subprocess.Popen(
        [str(PROGRAM), "logs", str(job.out), "-f"], stdout=subprocess.PIPE, text=True
    )
    assert following.stdout.readline()
    (tmp_path / "go").touch()
    rest = following.communicate(timeout=PATIENCE)[0]
    assert process.wait(timeout=PATIENCE) == 0 and following.returncode == 0
    assert "result: Complete" in rest


def test_what_a_script_printed_does_not_steer_the_terminal(embedded_job):
    job = embedded_job.files(1).script(
        "def init(): pass\ndef run(b):\n    print('a\\x1b]0;stolen\\x07b')\n    return b\n"
    )
    job.run().expect(0)
    log = "user/stdout/127.0.0.1/process000.stdout.txt"
    assert "\x1b" in verb("logs", job.out, log).stdout  # as it is, for programs
    master, slave = pty.openpty()
    subprocess.run([str(PROGRAM), "logs", str(job.out), log], stdout=slave, check=True)
    os.close(slave)
    shown = os.read(master, 65536).decode()
    os.close(master)
    assert "\x1b" not in shown and "stolen" in shown


def test_first_rows_and_a_copy_of_the_output(failed_job, tmp_path):
    rows = failed_job.rows()
    assert verb("output", failed_job.out, "--rows", "3").stdout.splitlines() == rows[:3]
    assert verb("output", failed_job.out).stdout.splitlines() == rows[:10]
    copy = tmp_path / "copy.txt"
    verb("output", failed_job.out, "--to", copy)
    assert copy.read_bytes() == (failed_job.out / "parallel_run_step.txt").read_bytes()
    assert "there already" in verb("output", failed_job.out, "--to", copy, code=2).stderr
    assert verb("output", failed_job.out, "--rows", "3", "--to", copy, code=2)


def test_csv_output_has_its_header_besides(embedded_job):
    job = embedded_job.tabular().set(output={"source": {"local": {"path": "out"}}, "format": "csv"})
    job.file("a.csv", "n\n1\n2\n3\n").script("def init(): pass\ndef run(b): return b\n")
    job.run().expect(0)
    assert verb("output", job.out, "--rows", "2").stdout == "n\n1\n2\n"


def test_no_output_of_a_script_that_stores_its_own(embedded_job):
    job = (
        embedded_job.files(2)
        .set(outputAction="summary_only")
        .script("def init(): pass\ndef run(b): return b\n")
    )
    job.run().expect(0)
    assert "summary_only" in verb("output", job.out, code=1).stderr


def test_output_to_standard_output(failed_job):
    whole = (failed_job.out / "parallel_run_step.txt").read_text()
    assert verb("output", failed_job.out, "--to", "-").stdout == whole


@pytest.mark.parametrize(
    "words", [["errors"], ["failed", "-o", "csv"], ["logs", "user/error.txt"], ["logs", "none"]]
)
def test_what_a_pod_looks_at_arrives_as_it_is(failed_job, tmp_path, words):
    """What runs in the pod of a user who looks at a job in a cluster: its log, and its termination message."""
    there = [words[0], failed_job.out, *words[1:]]
    plain = subprocess.run([str(PROGRAM), *map(str, there)], capture_output=True)
    message = tmp_path / "termination-log"
    lines = verb("look", "--message", message, "--", *there).stdout.split()
    assert b"".join(map(base64.b64decode, lines)) == plain.stdout
    assert all(len(line) < 16 * 1024 for line in lines)  # a container's log would break longer ones
    told = json.loads(message.read_text())
    assert told["exitCode"] == plain.returncode and told["errors"] == plain.stderr.decode()
    assert (told["bytes"], told["sha256"]) == (len(plain.stdout), hashlib.sha256(plain.stdout).hexdigest())


def test_explain_says_where_the_time_went(embedded_job):
    """Of a job whose run() only waits."""
    job = embedded_job.files(40).set(miniBatchSize=2)
    job.script("import time\ndef init(): pass\ndef run(b):\n    time.sleep(0.1)\n    return b\n")
    job.run().expect(0)
    words = verb("explain", job.out).stdout
    assert "20 tries of mini-batches" in words and "run() mostly waits" in words, words
    assert "a larger processCountPerNode" in words
    told = json.loads(verb("explain", job.out, "-o", "json").stdout)
    shares = told["shareOfRun"] + told["shareOfReadingAndWriting"] + told["shareOfIdle"]
    assert abs(shares - 1) < 1e-6 and told["medianRunSeconds"] >= 0.1
    assert sum(process["miniBatches"] for process in told["processes"]) == 20
    job.out.joinpath("logs/sys/node/127.0.0.1/process000.txt").unlink()
    assert "no mini-batch that is done" in verb("explain", job.out, code=1).stderr


def test_list_finds_the_jobs_of_a_folder(failed_job):
    second = shutil.copytree(failed_job.out, failed_job.root / "deep" / "er" / "second")
    lines = verb("list", failed_job.root).stdout.splitlines()
    assert lines[0].split("  ")[0] == "NAME" and len(lines) == 3
    assert lines[1].split()[:4] == ["test-job", "Complete", "20/20", "8"] and lines[1].endswith(str(second))
    assert verb("list", "-o", "name", cwd=failed_job.root).stdout == "deep/er/second\nout\n"
    assert verb("list", "--depth", "1", "-o", "name", cwd=failed_job.root).stdout == "out\n"
    # As shells complete it.
    assert verb("list", "deep/", "-o", "name", cwd=failed_job.root).stdout == "deep/er/second\n"
    jobs = json.loads(verb("list", failed_job.root, "-o", "json").stdout)
    assert [job["state"] for job in jobs] == ["Complete", "Complete"]
    assert "Completed" in verb("list", failed_job.root, "-o", "wide").stdout
    (second / ".parallelrun" / "result.json").write_text("{")
    done = verb("list", failed_job.root)
    assert len(done.stdout.splitlines()) == 2 and "result.json' is damaged" in done.stderr


@pytest.mark.parametrize("name", ["status", "logs", "errors", "failed", "output"])
def test_a_directory_that_is_no_output(failed_job, name):
    # Without a cluster; with one it would be the name of a job there.
    nowhere = {"KUBECONFIG": "", "KUBERNETES_SERVICE_HOST": "", "HOME": str(failed_job.root)}
    error = verb(name, "nothing", code=2, cwd=failed_job.root, **nowhere).stderr
    assert "'nothing' is no output directory of a job" in error and "output directories here: 'out'" in error
    assert len(error.splitlines()) == 1
    assert "use one of" in verb(name, failed_job.out, "-o", "xml", code=2).stderr or name in (
        "logs",
        "output",
    )


@pytest.mark.parametrize("kind", ["file", "tabular"])
def test_init_writes_a_job_that_runs(tmp_path, kind):
    folder = tmp_path / "My first_Job 2"
    words = verb("init", folder, "--type", kind).stdout
    assert "parallelrun run" in words
    verb("validate", folder / "job.yaml")
    (folder / "data").mkdir()
    (folder / "data" / "a.csv").write_text("n\n1\n2\n")
    done = verb("run", folder / "job.yaml", TERM="dumb")
    assert "Complete" in done.stdout and "{name: my-first-job-2}" in (folder / "job.yaml").read_text()
    rows = (folder / "output" / "parallel_run_step.txt").read_text().splitlines()
    assert rows == (["a.csv: 6 bytes"] if kind == "file" else ["1 1", "2 1"])
    assert "there already; nothing is overwritten" in verb("init", folder, code=2).stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell, tmp_path):
    script = verb("completion", shell).stdout
    assert "status" in script and "watch" in script and "pod-agent" not in script
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "completion").write_text(script)
    if shell == "bash":
        asked = "source completion; COMP_WORDS=(parallelrun sta); COMP_CWORD=1; _parallelrun; echo ${COMPREPLY[@]}"
        assert subprocess.check_output(["bash", "-c", asked], cwd=tmp_path, text=True) == "status\n"
        asked = "source completion; COMP_WORDS=(parallelrun logs --fol); COMP_CWORD=2; _parallelrun; echo ${COMPREPLY[@]}"
        assert subprocess.check_output(["bash", "-c", asked], cwd=tmp_path, text=True) == "--follow\n"
    else:
        subprocess.run([shell, "-n", "completion"], cwd=tmp_path, check=True)


def verbs_below(*words):
    """That --help names, and those of each of them."""
    text = verb(*words, "--help").stdout
    below = text.split("\nSubcommands:\n")[1] if "\nSubcommands:\n" in text else ""
    for name in re.findall(r"^  ([a-z-]+) ", below.split("\n\n")[0], re.MULTILINE):
        yield (*words, name)
        yield from verbs_below(*words, name)


def test_every_verb_has_an_example():
    names = list(verbs_below())
    assert ("datasets", "register") in names and ("replay",) in names and len(names) > 20
    for words in names:
        assert "Example: " in verb(*words, "--help").stdout, words
