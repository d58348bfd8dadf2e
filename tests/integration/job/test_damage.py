"""Bytes of the output that somebody cuts or changes, while the job runs or after it, are found: never a job that is
complete over a damaged output, never a row taken over that was not written."""

import json
import os
import shutil
import signal

import pytest
from test_resume import hold, release, roles_below, wait_for_rows
from waiting import PATIENCE, wait_for

OUTPUT = "parallel_run_step.txt"
WAY_OUT = "or with parallelrun run --overwrite"

ECHO = """
    import os
    def init(): pass
    def run(mini_batch): return [os.path.basename(p) for p in mini_batch]
"""

# The last mini-batch does something to the rows that are there, and returns its own.
SABOTAGE = """
    import os, time
    def init(): pass
    def run(mini_batch):
        names = [os.path.basename(p) for p in mini_batch]
        if "f000020.txt" in names:
            path = os.environ["ROWS"]
            while os.path.getsize(path) < 60: time.sleep(0.01)
            {deed}
        return names
"""
DEEDS = {
    "truncates": "os.truncate(path, 0)",
    "cuts": "os.truncate(path, os.path.getsize(path) // 2)",
    "extends": "os.truncate(path, os.path.getsize(path) + 5)",
    "flips": "f = open(path, 'r+b'); f.seek(30); f.write(b'\\x7f'); f.close()",
    "punches": "f = open(path, 'r+b'); f.seek(30); f.write(bytes(20)); f.close()",
    "appends": "f = open(path, 'ab'); f.write(b'mine\\n'); f.close()",
    "replaces": "os.rename(path, path + '.old'); open(path, 'w').close()",
    "removes": "os.remove(path)",
}


@pytest.mark.parametrize("deed", DEEDS)
def test_rows_that_the_script_damages_while_the_job_runs_end_it(embedded_job, deed):
    job = embedded_job.files(21).script(SABOTAGE.format(deed=DEEDS[deed]))
    job.set(miniBatchSize=1, environment={"variables": {"ROWS": str(job.out / OUTPUT)}})
    outcome = job.run().expect(1)
    assert not (job.out / "_SUCCESS").exists()
    assert OUTPUT in outcome.stderr and WAY_OUT in outcome.stderr, outcome.words
    assert "cannot be written" not in outcome.stderr, outcome.stderr
    job.script(ECHO)
    job.run("--overwrite").expect(0)
    assert sorted(job.rows()) == [f"f{i:06}.txt" for i in range(21)]


def is_committed(job):
    """The journal is written after the rows and failed items of a commit, and then come those of the next."""
    journal, *data = (
        (job.out / path).stat().st_mtime_ns for path in (".parallelrun/journal", OUTPUT, "failed_items.jsonl")
    )
    return journal >= max(data)


def change(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 4
    path.write_bytes(content)


@pytest.mark.parametrize("path", [OUTPUT, "failed_items.jsonl"])
@pytest.mark.parametrize("place", [0.0, 0.3, 0.6, 0.95])
def test_a_byte_changed_after_a_kill_is_refused_by_name_and_place(embedded_job, path, place):
    job = hold(
        embedded_job.files(300),
        """
        import os, time
        def init(): pass
        def run(mini_batch):
            names = [os.path.basename(p) for p in mini_batch]
            if names[0].endswith("7.txt"): raise ValueError("seven")
            while names[0] >= "f000100" and not os.path.exists(os.environ["GO"]): time.sleep(0.005)
            return names
        """,
    ).set(runMaxTry=1)
    process = job.start()
    wait_for_rows(job)
    wait_for(lambda: (job.out / "failed_items.jsonl").stat().st_size > 1000, "failed items")
    wait_for(lambda: is_committed(job), "their commit")
    for pids in roles_below(process.pid).values():
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
    process.kill()
    process.communicate(timeout=PATIENCE)
    # Of what is committed, which is what the next run finds: it cuts the rest off.
    victim = job.out / path
    content = victim.read_bytes()
    whole = content[: content.rindex(b"\n") + 1]
    change(victim, int(len(whole) * place * 0.5))
    release(job)
    refused = job.run().expect(1)
    assert f"{path} no longer holds the " in refused.stderr, refused.words
    assert "have changed (of mini-batch " in refused.stderr and WAY_OUT in refused.stderr
    job.run("--overwrite").expect(0)
    assert len(job.rows()) == 270 and len(job.failed_items()) == 30


@pytest.mark.parametrize("path", [OUTPUT, "failed_items.jsonl"])
@pytest.mark.parametrize("place", [0.0, 0.5, 0.99])
def test_a_complete_job_with_a_changed_byte_is_not_called_complete(embedded_job, path, place):
    job = embedded_job.files(40).set(miniBatchSize=1, runMaxTry=1)
    job.script("""
        import os
        def init(): pass
        def run(mini_batch):
            names = [os.path.basename(p) for p in mini_batch]
            if names[0].endswith("7.txt"): raise ValueError("seven")
            return names
    """)
    job.run().expect(0)
    assert "nothing to do" in job.run().expect(0).words
    victim = job.out / path
    change(victim, int(len(victim.read_bytes()) * place))
    outcome = job.run("--json").expect(1)
    finished = json.loads(outcome.stdout.splitlines()[-1])
    assert finished["message"].startswith(f"{path} no longer holds the "), finished
    assert "nothing to do" not in outcome.words


def test_commits_that_the_disk_lost_are_done_again_and_said(embedded_job):
    job = hold(embedded_job.files(150))
    process = job.start()
    wait_for_rows(job)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    rows = job.out / OUTPUT
    os.truncate(rows, rows.stat().st_size - 5)
    release(job)
    outcome = job.run().expect(0)
    assert sorted(job.rows()) == [f"f{i:06}.txt" for i in range(150)]
    assert "that it had confirmed; the work is done again: parallel_run_step.txt" in outcome.stderr
    assert "the work is done again" in job.overview()


# --- what is removed is said to be removed ---


@pytest.mark.parametrize(
    "what, named",
    [
        (".", "the output directory '"),
        (".parallelrun", ".parallelrun' was removed or moved while the job ran"),
        (".parallelrun/lock", ".parallelrun/lock' was removed while the job ran"),
    ],
)
def test_what_is_removed_under_a_running_job_is_named(embedded_job, what, named):
    job = hold(embedded_job.files(150))
    process = job.start()
    wait_for_rows(job)
    path = job.out / what
    aside = job.root / "aside"
    path.rename(aside)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1, errors
    assert named in errors and "while the job ran" in errors, errors
    assert "another orchestrator" not in errors and "taken over" not in errors, errors
    release(job)
    if what == ".":
        assert not job.out.exists() or not (job.out / OUTPUT).exists()
        shutil.rmtree(job.out, ignore_errors=True)
    if what != ".parallelrun/lock":
        aside.rename(path)
    job.run().expect(0)
    assert sorted(job.rows()) == [f"f{i:06}.txt" for i in range(150)]
