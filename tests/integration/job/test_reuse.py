"""A job whose results are there already: `allowReuse`, the index of the user's runs, `--explain`."""

import json
import os
import shutil
import signal
import subprocess
import time

import pytest
from checkout import PROGRAM
from processes import descendants
from waiting import wait_for

SCRIPT = """
    import os
    def init(): pass
    def run(mini_batch):
        with open(os.environ["CALLS"], "a") as calls: calls.write("x")
        return [f"{os.path.basename(path)}:{open(path).read()}" for path in mini_batch]
"""


class Reused:
    """One job that is started again and again, each time with another output directory."""

    def __init__(self, job):
        self.job = job
        self.calls = job.root / "calls"
        self.index = job.root / "state" / "runs"
        self.starts = 0
        job.script(SCRIPT).files(20).set(miniBatchSize=5)

    def environment(self, **extra):
        own = {"CALLS": str(self.calls), "PARALLELRUN_RUN_INDEX": str(self.index)}
        return self.job.environment(**{**own, **extra})

    def start(self, *options, code=0, output=None, **extra):
        """(finished event, all events). The output directory becomes the job's `out`."""
        self.starts += 1
        self.job.out = self.job.root / (output or f"out{self.starts}")
        command = ["--output", str(self.job.out), "--json", *options]
        outcome = self.job.run(*command, env=self.environment(**extra)).expect(code)
        events = [json.loads(line) for line in outcome.stdout.splitlines()]
        return events[-1], events

    def worked(self):
        """Mini-batches since the last question."""
        done = len(self.calls.read_text()) if self.calls.exists() else 0
        self.calls.unlink(missing_ok=True)
        return done

    def runs_anew(self, *options, **extra):
        finished, events = self.start(*options, **extra)
        assert finished["reason"] == "Completed", finished
        assert self.worked() > 0
        return notes(events)

    def is_reused(self, *options, **extra):
        finished, _ = self.start(*options, **extra)
        assert finished["reason"] == "Reused", finished
        assert self.worked() == 0
        return finished


def notes(events):
    return "\n".join(event["message"] for event in events if event["event"] == "note")


@pytest.fixture
def reused(embedded_job):
    return Reused(embedded_job)


def test_errors_of_a_reused_run_are_not_missed(reused):
    """One try failed, and the next one did not: the results are good, and the errors are where they happened."""
    reused.job.script(
        SCRIPT.replace(
            "        return",
            """        if not os.path.exists(os.environ["CALLS"] + ".failed"):
            open(os.environ["CALLS"] + ".failed", "x").close()
            raise ValueError("once")
        return""",
        )
    ).set(processCountPerNode=1)
    reused.start()
    assert reused.worked() == 5  # tries
    errors = [PROGRAM, "errors", str(reused.job.out)]
    assert "ValueError: once" in subprocess.run(errors, capture_output=True, text=True, check=True).stdout
    assert reused.is_reused()["state"] == "Complete"
    errors[-1] = str(reused.job.out)
    again = subprocess.run(errors, capture_output=True, text=True)
    assert again.returncode == 0 and "removed" not in again.stderr, again.stderr


def test_another_output_directory_gets_the_results_without_a_worker(reused):
    job = reused.job
    assert reused.runs_anew() == ""
    first, rows = job.out, job.rows()
    finished = reused.is_reused()
    assert finished["state"] == "Complete" and finished["reusedFrom"] == str(first)
    assert finished["itemsSucceeded"] == 20 and finished["miniBatchesProcessed"] == 4
    assert f"Reused the results of '{first}' (finished 2" in finished["message"]
    assert "allowReuse: false runs it anew" in finished["message"]
    assert job.rows() == rows and (job.out / "_SUCCESS").exists()
    assert (job.out / "parallel_run_step.txt").stat().st_ino != (
        first / "parallel_run_step.txt"
    ).stat().st_ino
    for text in (job.overview(), job.log("70_driver_log.txt"), job.log("sys/master_role.txt")):
        assert f"Reused the results of '{first}'" in text
    assert job.result()["reason"] == "Reused" and job.result()["reusedFrom"] == str(first)

    def verb(*words):
        return subprocess.run([PROGRAM, *words], capture_output=True, text=True, check=True).stdout

    status = json.loads(verb("status", str(job.out), "-o", "json"))
    assert (status["state"], status["reason"], status["itemsSucceeded"]) == ("Complete", "Reused", 20)
    assert verb("output", str(job.out)).splitlines()[0] == rows[0]
    assert str(job.out) in verb("list", str(job.root), "-o", "name")
    assert json.loads(verb("failed", str(job.out), "-o", "json")) == []

    # The same job on the same output is complete, as ever, and the terminal says it in words.
    finished, _ = reused.start(output=job.out.name)
    assert finished["reason"] == "AlreadyComplete"
    job.out = job.root / "terminal"
    outcome = job.run("--output", str(job.out), env=reused.environment()).expect(0)
    assert "Complete: Reused the results of '" in outcome.stdout and reused.worked() == 0

    # A copy stands for itself: the first output may go.
    for gone in (first, job.out):
        shutil.rmtree(gone)
    reused.is_reused()
    shutil.rmtree(job.out)
    shutil.rmtree(job.root / "out2")
    assert "there is no earlier run" in reused.runs_anew("--explain")


def test_what_makes_another_job(reused):
    job = reused.job
    job.spec["sideInputs"] = [{"name": "labels", "source": {"local": {"path": "labels"}}}]
    (job.root / "labels").mkdir()
    (job.root / "labels" / ".hidden").write_text("a")
    (job.code / "table.csv").write_text("1")
    (job.code / "reqs.txt").write_text("")
    job.spec["environment"] = {"requirementsFile": "reqs.txt"}
    reused.runs_anew()
    reused.is_reused("--set", "errorThreshold=7")

    changes = {
        "input files: 1 file has changed: f000003.txt changed": lambda: job.file("f000003.txt", "y"),
        "input files: 1 file is new: g.txt is new": lambda: job.file("g.txt", "y"),
        "input files: 1 file is gone: f000004.txt is gone": lambda: (job.data / "f000004.txt").unlink(),
        "code: entry.py changed": lambda: job.script(SCRIPT + "    # again\n"),
        "code: table.csv changed": lambda: (job.code / "table.csv").write_text("2"),
        "code: reqs.txt changed": lambda: (job.code / "reqs.txt").write_text("# more\n"),
        "side input labels: 1 file has changed: .hidden changed": lambda: (
            job.root / "labels" / ".hidden"
        ).write_text("b"),
        'arguments: was [], now ["--x"]': lambda: job.set(arguments=["--x"]),
        'environment.variables: was not set, now {"A":"sha256:': lambda: job.spec["environment"].update(
            variables={"A": "b"}
        ),
        "miniBatchSize: was 5, now 6": lambda: job.set(miniBatchSize=6),
    }
    for words, change in changes.items():
        change()
        told = reused.runs_anew("--explain")
        assert words in told or words.replace("was [], now", "was not set, now") in told, told
    reused.is_reused()


def test_a_file_that_is_only_touched_is_the_same_and_one_that_hides_its_change_is_not(reused):
    job = reused.job
    time.sleep(2.1)  # what was written just now may be written again without a trace
    reused.runs_anew()
    for path in job.data.iterdir():
        os.utime(path)
    reused.is_reused()
    path = job.data / "f000007.txt"
    before = path.stat()
    path.write_text("z")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "f000007.txt changed" in reused.runs_anew("--explain")


def test_allow_reuse_false_runs_anew_and_the_newest_results_are_taken(reused):
    reused.runs_anew()
    assert "allowReuse is false" in reused.runs_anew("--explain", "--set", "allowReuse=false")
    assert reused.is_reused()["reusedFrom"].endswith("out2")


def test_an_output_that_was_changed_is_not_reused(reused):
    job = reused.job
    reused.runs_anew()
    rows = job.out / "parallel_run_step.txt"
    right = job.rows()
    text = rows.read_bytes()
    rows.write_bytes(text[:-3] + b"!" + text[-2:])
    told = reused.runs_anew()
    assert "are not reused, and the job runs" in told and "warning" in told
    assert sorted(job.rows()) == sorted(right) and job.failed_items() == []
    assert reused.is_reused()["reusedFrom"] == str(job.root / "out2")
    # What was committed to it, and what it was computed from, too.
    for name in ("journal", "contents"):
        for output in job.root.glob("out*"):
            path = output / ".parallelrun" / name
            if path.exists():
                data = bytearray(path.read_bytes())
                data[len(data) // 2] ^= 1
                path.write_bytes(data)
        assert "not reused" in reused.runs_anew("--explain")


def test_results_that_are_not_the_runner_s_alone_are_not_reused(reused):
    job = reused.job
    job.set(arguments=["$(output)/own"])
    told = reused.runs_anew() + reused.runs_anew("--explain")
    assert "an argument names the output directory" in told
    job.set(arguments=None, outputAction="summary_only")
    reused.runs_anew()
    assert "summary_only" in reused.runs_anew("--explain")
    job.set(outputAction=None)
    job.script(SCRIPT.replace("def init(): pass", 'def init(): open(os.environ["OWN"], "w").close()'))
    for name in ("own1", "own2"):
        reused.runs_anew(output=name, OWN=str(job.root / name / "own.txt"))
        assert "'own.txt' in the output directory" in job.log("sys/master_role.txt")


def test_a_job_with_failed_items_is_not_reused(reused):
    job = reused.job
    job.script(
        SCRIPT.replace("return [", 'if "f000000" in mini_batch[0]: raise ValueError("bad")\n        return [')
    )
    job.set(errorThreshold=-1, runMaxTry=1)
    for _ in range(2):
        finished, _ = reused.start()
        assert finished["itemsFailed"] == 5 and finished["reason"] == "Completed"


def test_two_jobs_at_once_both_run_and_a_third_reuses(reused):
    job = reused.job
    environment = reused.environment()
    jobs = [job.start("--output", str(job.root / f"both{i}"), env=environment) for i in range(2)]
    for process in jobs:
        assert process.wait(timeout=120) == 0
        process.communicate()
    assert reused.worked() == 8
    reused.is_reused()


def test_a_damaged_or_unusable_index_costs_the_reuse_alone(reused):
    job = reused.job
    reused.runs_anew()
    (entry,) = reused.index.iterdir()
    entry.write_text(entry.read_text().replace("finished", "fonished"))
    assert "is damaged or cannot be read" in reused.runs_anew()
    reused.is_reused()
    reused.index.chmod(0o777)
    assert "others may write there" in reused.runs_anew("--explain")
    assert "others may write there" in job.log("sys/master_role.txt")
    assert "there is no index" in reused.runs_anew("--explain", PARALLELRUN_RUN_INDEX="off")


def test_the_index_lies_in_the_user_s_state(reused):
    job = reused.job
    environment = job.environment(CALLS=str(reused.calls), HOME=str(job.root / "home"))
    environment.pop("PARALLELRUN_RUN_INDEX")
    environment.pop("XDG_STATE_HOME", None)
    (job.root / "home").mkdir()
    job.run(env=environment).expect(0)
    index = job.root / "home" / ".local" / "state" / "parallelrun" / "runs"
    assert index.stat().st_mode & 0o777 == 0o700
    assert len(list(index.iterdir())) == 1


def test_a_kill_while_results_are_copied_leaves_nothing_that_a_new_start_cannot_use(reused):
    job = reused.job
    job.script(SCRIPT.replace(":{open(path).read()}", "{'y' * 400_000}"))
    reused.runs_anew()
    right = job.rows()
    killed = 0
    for attempt in range(6):
        job.out = job.root / "killed"
        process = job.start("--output", str(job.out), env=reused.environment())
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and process.poll() is None:
            if (job.out / ".parallelrun" / "journal.reused").exists() or attempt == 5:
                break
        for child in [*descendants(process.pid), process.pid]:
            try:
                os.kill(child, signal.SIGKILL)
                killed += 1
            except ProcessLookupError:
                pass
        process.wait()
        process.communicate()
    assert killed > 0
    finished, _ = reused.start(output="killed")
    assert finished["reason"] in ("Reused", "AlreadyComplete") and finished["state"] == "Complete"
    assert reused.worked() == 0 and job.rows() == right


def test_results_of_two_versions_of_a_table_are_not_reused(reused):
    """A table beside the code may change while a job is stopped, and the job goes on."""
    job = reused.job
    go = job.root / "go"
    job.script(
        SCRIPT.replace(
            "        with",
            '        while "f000010" <= min(map(os.path.basename, mini_batch)) and '
            'not os.path.exists(os.environ["GO"]): pass\n        with',
        )
    )
    (job.code / "table.csv").write_text("1")
    job.out = job.root / "stopped"
    process = job.start("--output", str(job.out), env=reused.environment(GO=str(go)))
    wait_for(lambda: reused.calls.exists() and len(reused.calls.read_text()) >= 2, "no mini-batch was done")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    (job.code / "table.csv").write_text("2")
    go.touch()
    finished, _ = reused.start(output="stopped", GO=str(go))
    assert finished["reason"] == "Completed"
    assert "the job was begun with other settings" in job.log("sys/master_role.txt")
    assert reused.worked() == 4
    reused.runs_anew(GO=str(go))
    reused.is_reused(GO=str(go))


@pytest.mark.parametrize(
    "output", [{"format": "text"}, {"format": "parquet"}, {"format": "csv", "order": "input"}]
)
def test_rows_of_tables_are_reused_in_each_form(reused, output):
    job = reused.job
    for path in job.data.iterdir():
        path.unlink()
    job.file("a.csv", "k,v\n" + "".join(f"{n % 3},{n}.5\n" for n in range(90)))
    job.tabular().set(miniBatchSize=200, appendRowFileName="rows")
    job.spec["output"].update(output)
    job.script("""
        import os
        def init(): pass
        def run(table):
            with open(os.environ["CALLS"], "a") as calls: calls.write("x")
            return table
    """)
    reused.runs_anew()
    rows = (job.out / "rows").read_bytes()
    assert reused.is_reused()["itemsSucceeded"] == 90
    assert (job.out / "rows").read_bytes() == rows
    assert (job.out / ".parallelrun" / "types.json").exists()
    job.set(partitionKeys=["k"], miniBatchSize=None)
    reused.runs_anew()
    assert reused.is_reused()["miniBatchesProcessed"] == 3


def test_what_is_installed_in_the_active_environment_counts(reused, tmp_path):
    """Also where another python3 is on PATH. A Python that prints at its start ends the job with a sentence."""
    venv = tmp_path / "venv"
    subprocess.run([shutil.which("python3"), "-m", "venv", "--without-pip", str(venv)], check=True)
    packages = next(venv.glob("lib/python*/site-packages"))
    active = {"VIRTUAL_ENV": str(venv)}
    reused.runs_anew(**active)
    reused.is_reused(**active)
    (packages / "thing-2.0.dist-info").mkdir()
    reused.runs_anew(**active)
    (packages / "loud.pth").write_text("import sys; print('hello')\n")
    finished, _ = reused.start(code=1, **active)
    assert "bin/python3' does not run" in finished["message"]
