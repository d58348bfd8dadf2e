"""Tries: their pauses, the process of the last one, agents that a mini-batch takes down, and failed mini-batches of a
complete job that are tried again."""

import json
import os
import signal
import time
from collections import Counter

from test_resume import hold, release, roles_below, wait_for_rows
from waiting import PATIENCE, wait_for

NAMES = [f"f{index:06}.txt" for index in range(6)]

# Fails for f000003 and f000005 as long as they are not mended; notes each try with its time and process.
SCRIPT = """
    import os, time
    def init(): pass
    def run(mini_batch):
        name = os.path.basename(mini_batch[0])
        with open(os.path.join(os.environ["NOTES"], name), "a") as notes: notes.write(f"{time.time()} {os.getpid()}\\n")
        if name in ("f000003.txt", "f000005.txt") and not os.path.exists(os.environ["MENDED"]):
            raise ValueError("not mended")
        return [name]
"""


def noted(job, **fields):
    (job.root / "notes").mkdir()
    variables = {"NOTES": str(job.root / "notes"), "MENDED": str(job.root / "mended")}
    return job.files(6).script(SCRIPT).set(miniBatchSize=1, environment={"variables": variables}, **fields)


def tries(job, name):
    """(time, pid) of each."""
    path = job.root / "notes" / name
    return [(float(at), int(pid)) for at, pid in map(str.split, path.read_text().splitlines())]


def test_tries_wait_longer_each_time_and_the_last_has_a_process_of_its_own(job):
    noted(job, runMaxTry=3, runRetryDelay=1)
    job.run().expect(0)
    for name in ("f000003.txt", "f000005.txt"):
        (first, a), (second, b), (third, c) = tries(job, name)
        assert 1.0 <= second - first and 2.0 <= third - second, (first, second, third)
        assert tries(job, "f000004.txt")[0][0] < second, "others go on meanwhile"
        assert a == b, "an early try needs no new process"
    lasts = [tries(job, name)[-1][1] for name in ("f000003.txt", "f000005.txt")]
    others = {pid for name in NAMES for _, pid in tries(job, name)[:-1]}
    assert len(set(lasts)) == 2 and not others & set(lasts), "the last try runs where nothing has run before"
    assert [item["tries"] for item in job.failed_items()] == [3, 3]


def test_without_a_delay_and_with_one_try_nothing_waits_and_nothing_is_restarted(embedded_job):
    job = noted(embedded_job, runMaxTry=1, runRetryDelay=0)
    job.run().expect(0)
    assert len({pid for name in NAMES for _, pid in tries(job, name)}) == 1


def test_a_process_is_replaced_after_so_many_mini_batches(job):
    noted(job, maxMiniBatchesPerProcess=2, runMaxTry=1)
    job.run().expect(0)
    counts = Counter(pid for name in NAMES for _, pid in tries(job, name))
    assert sorted(counts.values()) == [2, 2, 2]
    assert len(job.failed_items()) == 2 and job.result()["triesFailed"] == 2, "a replacement costs nothing"


def test_a_process_is_replaced_after_a_failed_try(job):
    job.files(30).set(miniBatchSize=1, runMaxTry=2, runRetryDelay=0, restartAfterFailure=True)
    # A state that is spoilt at the first error stays so for the process.
    job.script("""
        import os
        spoilt = False
        def init(): pass
        def run(mini_batch):
            global spoilt
            name = os.path.basename(mini_batch[0])
            if spoilt: raise RuntimeError("spoilt")
            if name == "f000003.txt":
                spoilt = True
                raise ValueError("the cause")
            return [name]
    """)
    job.run().expect(0)
    assert len(job.rows()) == 29
    assert "spoilt" not in job.log("user/error.txt")


def test_a_complete_job_tries_its_failed_mini_batches_again(embedded_job):
    job = noted(embedded_job, runMaxTry=2, runRetryDelay=0)
    words = job.run().expect(0).words
    assert "Complete, 2 of 6 items failed; all 6 mini-batches are processed" in words, words
    assert job.overview().startswith("Result: Complete, 2 of 6 items failed (Completed)")
    assert job.result()["message"] == "2 of 6 items failed; all 6 mini-batches are processed"
    again = job.run().expect(0).words
    assert (
        "Complete, 2 of 6 items failed: " in again
        and "to try the failed ones again, use --retry-failed" in again
    )

    still = job.run("--retry-failed").expect(0)
    assert "Complete, 2 of 6 items failed" in still.words
    assert len(tries(job, "f000003.txt")) == 4 and len(tries(job, "f000000.txt")) == 1
    (job.root / "mended").touch()
    job.run("--retry-failed").expect(0)
    assert sorted(job.rows()) == NAMES and job.failed_items() == []
    assert (job.out / "_SUCCESS").exists()
    nothing = job.run("--retry-failed").expect(0)
    assert "no mini-batch has failed" in nothing.words, nothing.words
    assert len(tries(job, "f000003.txt")) == 5


def test_a_kill_while_failed_ones_are_tried_again_goes_on_with_them(embedded_job):
    job = noted(embedded_job, runMaxTry=1)
    job.run().expect(0)
    job.script(SCRIPT.replace("name = os.path", "time.sleep(1); name = os.path"))
    process = job.start("--retry-failed")
    refused = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == 2 and "code: entry.py changed" in refused, "other code is another job"
    job.script(SCRIPT)
    (job.root / "mended").touch()
    process = job.start("--retry-failed")
    wait_for(lambda: not (job.out / "_SUCCESS").exists(), "the new run", pause=0.001)
    process.kill()
    process.communicate(timeout=PATIENCE)
    wait_for(lambda: job.run().code == 0, "the end of the orphans")
    assert sorted(job.rows()) == NAMES


def test_a_complete_job_is_judged_again_by_a_stricter_threshold(embedded_job):
    job = noted(embedded_job, runMaxTry=1)
    job.run().expect(0)
    failed = job.run("--set", "errorThreshold=0").expect(1)
    assert "2 items failed, more than errorThreshold 0 allows" in failed.words
    assert not (job.out / "_SUCCESS").exists() and job.result()["state"] == "Failed"
    assert job.overview().startswith("Result: Failed (ErrorThresholdExceeded)")
    job.run("--set", "errorThreshold=2").expect(0)
    assert len(tries(job, "f000003.txt")) == 2, "after Failed the failed ones are tried again"
    assert (job.out / "_SUCCESS").exists()
    job.run("--set", "errorThreshold=2").expect(0)


def test_overwrite_of_a_complete_job_that_may_not_be_reused(embedded_job):
    job = noted(embedded_job, runMaxTry=1, allowReuse=False)
    job.run().expect(0)
    assert "--overwrite" in job.run().expect(2).stderr
    (job.root / "mended").touch()
    job.run("--overwrite").expect(0)
    assert sorted(job.rows()) == NAMES
    assert len(tries(job, "f000000.txt")) == 2, "a new run"


# --- agents ---


def test_a_mini_batch_that_takes_its_agent_down_is_found_and_fails_alone(embedded_job):
    """Far more losses than the launcher would stand, but each is paid for by the one that brought it about."""
    job = embedded_job.files(40).set(miniBatchSize=1, runMaxTry=6, runRetryDelay=0, processCountPerNode=2)
    job.script("""
        import os, signal, time
        def init(): pass
        def run(mini_batch):
            name = os.path.basename(mini_batch[0])
            if name == "f000011.txt":
                time.sleep(0.5)
                os.kill(os.getppid(), signal.SIGKILL)
                time.sleep(60)
            return [name]
    """)
    outcome = job.run().expect(0)
    assert len(job.rows()) == 39
    (item,) = job.failed_items()
    assert item["miniBatch"] == 11 and item["tries"] == 6 and item["error"]["type"] == "AgentLost", item
    assert (
        "8 agents were lost while run() worked on this mini-batch. The last one was agent000"
        in item["error"]["message"]
    ), item
    assert "it was killed by SIGKILL" in item["error"]["message"], item
    assert "mini-batch 11: 2 agents were lost while run() worked on it" in outcome.stderr, outcome.stderr
    assert job.result()["lossesCharged"] == 6 and job.result()["triesFailed"] == 6


def test_a_stopped_agent_that_stalls_the_job_is_said(embedded_job):
    job = hold(embedded_job.files(150))
    process = job.start(stdin=None)
    wait_for_rows(job)
    (agent,) = roles_below(process.pid)["agent"]
    os.kill(agent, signal.SIGSTOP)
    try:
        wait_for(lambda: "has not answered for" in job.overview(), "the word in the overview")
        assert "handed to other agents in" in job.overview(), job.overview()
        wait_for(
            lambda: "handed to other agents" in job.overview() and " s ago" in job.overview(),
            "the handing over",
        )
    finally:
        os.kill(agent, signal.SIGCONT)
    release(job)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    assert "warning: agent000 on 127.0.0.1 has not answered for 5 s; its " in errors, errors
    assert "agent000 is silent for 10" in errors and "no agent is left" in errors, errors
    assert "has not answered for 5 s" in job.log("sys/master_role.txt")
    assert "has not answered" not in job.overview(), "it is over"
    assert len(job.rows()) == 150


def test_a_job_that_does_not_get_on_fails_at_its_time(embedded_job):
    job = hold(embedded_job.files(150)).set(progressUpdateTimeout=3)
    started = time.monotonic()
    outcome = job.run("--json").expect(1)
    assert 3 <= time.monotonic() - started < 30
    finished = json.loads(outcome.stdout.splitlines()[-1])
    assert finished["reason"] == "ProgressUpdateTimeout", finished
    assert "for 3 s (progressUpdateTimeout)" in finished["message"], finished
