"""Each mini-batch exactly once, whatever is killed, whenever."""

import json
import os
import random
import signal
import subprocess
import tempfile
import time
from collections import Counter

import pytest
from job_folder import JobFolder, kill_quietly, role_of
from processes import descendants, lives
from waiting import PATIENCE, wait_for

# A few hundred kills in `make test`; more by hand.
ROUNDS = int(os.environ.get("PARALLELRUN_KILL_ROUNDS", "60"))
SEED = int(os.environ.get("PARALLELRUN_SEED", "0")) or random.SystemRandom().randrange(1 << 30)

SCRIPT = """
    import os, time
    def init(): pass
    def run(mini_batch):
        time.sleep(0.001)
        return [os.path.basename(p) for p in mini_batch]
"""


# Nothing after the first hundred files ends before `release`: the job is still at work when something befalls it.
HELD = """
    import os, time
    def init(): pass
    def run(mini_batch):
        open(os.path.join(os.environ["AT_WORK"], str(os.getpid())), "w").close()
        names = [os.path.basename(p) for p in mini_batch]
        while names[0] >= "f000100" and not os.path.exists(os.environ["GO"]): time.sleep(0.005)
        return names
"""


def hold(job, text=HELD):
    (job.root / "at-work").mkdir()
    variables = {"GO": str(job.root / "go"), "AT_WORK": str(job.root / "at-work")}
    return job.script(text).set(miniBatchSize=1, environment={"variables": variables})


def release(job):
    (job.root / "go").touch()


def at_work(job):
    """Pids of the worker processes that have ever been in run()."""
    return {int(name) for name in os.listdir(job.root / "at-work")}


def wait_for_rows(job):
    """Until the first ones are in the output."""
    path = job.out / "parallel_run_step.txt"
    wait_for(lambda: path.exists() and path.stat().st_size > 0, "the first rows", pause=0.005)


def roles_below(pid):
    found = {}
    for child in descendants(pid):
        found.setdefault(role_of(child), []).append(child)
    return found


def test_a_killed_orchestrator_is_said_in_one_sentence(embedded_job):
    job = hold(embedded_job.files(500))
    process = job.start()
    wait_for_rows(job)
    kill_quietly(roles_below(process.pid)["orchestrator"][0])
    release(job)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert "it is started again, and the job goes on from what was committed" in errors
    assert "registering" not in errors and "[info]" not in errors, errors
    # What the agent had to say of it is kept.
    assert "registering again" in job.log("70_driver_log.txt")
    assert len(job.rows()) == 500


def test_an_orchestrator_killed_after_the_end_finds_its_own_results(embedded_job):
    """They are complete, and allowReuse forbids the reuse of another run's results, not of its own."""
    job = hold(
        embedded_job.files(20),
        HELD + "    def shutdown():\n"
        "        while not os.path.exists(os.environ['GO'] + '-down'): time.sleep(0.005)\n",
    )
    job.set(allowReuse=False)
    process = job.start()
    wait_for(lambda: (job.out / "_SUCCESS").exists(), "the end")
    kill_quietly(roles_below(process.pid)["orchestrator"][0])
    (job.root / "go-down").touch()
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    assert len(job.rows()) == 20
    # Another run's they are.
    refused = job.run().expect(2)
    assert "allowReuse is false" in refused.words


def test_what_killed_runs_left_in_the_temporary_folder_goes_with_the_next_run(embedded_job):
    job = hold(embedded_job.files(500))
    with tempfile.TemporaryDirectory(dir="/tmp") as place:  # short: sockets lie in it
        env = job.environment(TMPDIR=place, XDG_RUNTIME_DIR="")
        process = job.start(env=env)
        wait_for_rows(job)
        everybody = [process.pid, *descendants(process.pid)]
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in everybody:
                kill_quietly(pid, number)
        process.communicate(timeout=PATIENCE)
        left = sorted(name.rpartition("-")[0] for name in os.listdir(place))
        assert left == ["parallelrun-run"]
        wait_for(lambda: not any(map(lives, everybody)), "the end of all processes")
        release(job)
        job.run(env=env).expect(0)
        assert os.listdir(place) == []
    assert len(job.rows()) == 500


def rows_of(job, output_format, context):
    """The elements, each led back to its file where it has a context."""
    if output_format == "parquet":
        from pyarrow import parquet

        found = parquet.read_table(job.out / "parallel_run_step.txt").to_pylist()
        rows = [[*row.values()] for row in found]
    elif output_format == "jsonl":
        found = map(json.loads, job.rows())
        rows = [[*row.values()] if context else [row] for row in found]
    else:
        rows = [row.split(" " if output_format == "text" else ",") for row in job.rows()]
        if output_format == "csv":
            assert rows.pop(0)[-1] == "0"  # the one header
    if context:
        assert all(row == ["files", row[-1], row[-1]] for row in rows)
    return [row[-1] for row in rows]


@pytest.mark.parametrize("round_number", range(ROUNDS))
def test_kills_at_random_instants(tmp_path, round_number):
    """Launcher, orchestrator, agents and workers are killed at random; then the same command ends the job."""
    seed = SEED + round_number
    print(f"PARALLELRUN_SEED={seed} PARALLELRUN_KILL_ROUNDS=1")
    dice = random.Random(seed)
    job = JobFolder(tmp_path, dice.choice(["embedded", "python"]))
    count = dice.choice([200, 1000, 3000])
    job.files(count).script(SCRIPT)
    output_format = dice.choice(["text", "csv", "jsonl", "parquet"])
    order = dice.choice(["any", "input"])
    context = dice.random() < 0.3
    job.spec["output"].update(format=output_format, order=order, addContext=context)
    job.set(
        miniBatchSize=dice.choice([1, 3, 10]),
        nodeCount=dice.choice([1, 2]),
        processCountPerNode=2,
        runMaxTry=100,
    )
    for _ in range(dice.randrange(1, 4)):
        process = job.start()
        kills = dice.randrange(1, 6)
        for _ in range(kills):
            time.sleep(dice.random() * dice.choice([0.05, 0.3, 1.0]))
            if process.poll() is not None:
                break
            victims = [(role, pid) for role, pids in roles_below(process.pid).items() for pid in pids if role]
            if victims:
                kill_quietly(dice.choice(victims)[1])
        family = descendants(process.pid)
        if process.poll() is None and dice.random() < 0.6:
            kill_quietly(process.pid)
        try:
            process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"the job hangs, seed {seed}\n{job.log_tail()}") from None
        # Nobody of a killed run may go on writing; its orphans end by themselves. Until then the next run is refused.
        wait_for(lambda family=family: not any(map(role_of, family)), "the end of the orphans")
    job.run().expect(0)
    rows = rows_of(job, output_format, context)
    if order == "any":
        rows = sorted(rows)
    assert rows == [f"f{i:06}.txt" for i in range(count)], f"seed {seed}"
    assert job.failed_items() == []


def test_ctrl_c_stops_soon_with_130_and_the_same_command_goes_on(job):
    hold(job.files(1000))
    process = job.start()
    wait_for_rows(job)
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    # With all mini-batches that are left held, so that nothing but the signal ends it.
    _, words = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, words
    assert time.monotonic() - started < 30
    assert "Interrupted" in words or "interrupted" in words
    done = len(job.rows())
    assert 0 < done <= 100
    release(job)
    job.run().expect(0)
    assert Counter(job.rows()) == Counter(f"f{i:06}.txt" for i in range(1000))


@pytest.mark.parametrize(
    "way", [["nohup"], ["sh", "-c", "trap '' HUP INT; exec \"$@\"", "sh"]], ids=["nohup", "trap"]
)
def test_signals_that_are_ignored_at_the_start_stay_ignored(embedded_job, way):
    """A terminal that is closed, and Ctrl-C for a job in the background."""
    job = embedded_job
    hold(job.files(1000))
    command = [*way, *job.command()]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=job.environment()
    )
    wait_for_rows(job)
    ours = [pid for pid in [process.pid, *descendants(process.pid)] if role_of(pid) != "worker"]
    assert {role_of(pid) for pid in ours} == {"", "orchestrator", "agent"}
    for number in (signal.SIGHUP,) if way == ["nohup"] else (signal.SIGHUP, signal.SIGINT):
        for pid in ours:
            os.kill(pid, number)
    time.sleep(0.5)
    release(job)
    _, words = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, words
    assert "restarting" not in words
    assert Counter(job.rows()) == Counter(f"f{i:06}.txt" for i in range(1000))


def test_a_hangup_that_is_not_ignored_stops_the_job(embedded_job):
    job = embedded_job
    hold(job.files(1000))
    process = job.start()
    wait_for_rows(job)
    process.send_signal(signal.SIGHUP)
    _, words = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, words


def test_files_that_the_script_writes_beside_itself_make_no_other_job(job):
    hold(
        job.files(1000),
        """
        import os, time
        def init():
            os.makedirs("lightning_logs", exist_ok=True)
            open(f"lightning_logs/{os.getpid()}.bin", "w").close()
        def run(mini_batch):
            with open("progress.log", "a") as log: log.write("x\\n")
            names = [os.path.basename(p) for p in mini_batch]
            while names[0] >= "f000100" and not os.path.exists(os.environ["GO"]): time.sleep(0.005)
            return names
        """,
    )
    process = job.start()
    wait_for_rows(job)
    process.send_signal(signal.SIGINT)
    _, words = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, words
    written = (job.code / "progress.log").stat().st_size
    assert written > 0 and len(job.rows()) < 1000
    release(job)
    job.run().expect(0)
    assert Counter(job.rows()) == Counter(f"f{i:06}.txt" for i in range(1000))
    again = job.run().expect(0)
    assert "complete" in again.words, again.words

    # The code itself still counts, and so does new code.
    entry = job.code / "entry.py"
    entry.write_text(entry.read_text() + "# other\n")
    (job.code / "extra.py").write_text("")
    refused = job.run().expect(2)
    assert "code: entry.py changed, extra.py is new" in refused.stderr, refused.words
    assert "progress.log" not in refused.stderr


def test_no_process_outlives_a_killed_launcher(job):
    hold(job.files(500)).set(nodeCount=2)
    process = job.start()
    wait_for_rows(job)

    def whole_family():
        roles = [role_of(pid) for pid in descendants(process.pid)]
        return [roles.count(role) for role in ("orchestrator", "agent", "worker")] == [1, 2, 2]

    wait_for(whole_family, lambda: roles_below(process.pid))
    family = descendants(process.pid)
    process.kill()
    process.communicate(timeout=PATIENCE)
    wait_for(lambda: not any(role_of(pid) for pid in family), "the end of all processes")
    release(job)
    job.run().expect(0)
    assert len(job.rows()) == 500


def test_a_second_run_into_the_same_directory_is_refused(job):
    hold(job.files(500))
    process = job.start()
    try:
        wait_for_rows(job)
        second = job.run().expect(2)
        assert str(job.out) in second.stderr and "process" in second.stderr.lower()
    finally:
        release(job)
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert Counter(job.rows()) == Counter(f"f{i:06}.txt" for i in range(500))


def test_a_killed_worker_costs_one_try_of_its_mini_batch_and_the_job_goes_on(job):
    hold(job.files(300)).set(runMaxTry=10)
    process = job.start()
    wait_for_rows(job)
    killed = set()
    for _ in range(5):
        # Not on its way to its first mini-batch: processes that never get there are given up.
        wait_for(lambda: at_work(job) - killed, "the next worker process at work")
        for pid in at_work(job) - killed:
            kill_quietly(pid)
            killed.add(pid)
    release(job)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert Counter(job.rows()) == Counter(f"f{i:06}.txt" for i in range(300))
    assert job.failed_items() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_disk_full_is_a_clear_failure_and_resumable(job):
    job.files(500).set(miniBatchSize=1, runMaxTry=1)
    # The disk is not full before there is an overview, whose place its last word takes.
    job.script(f"""
        import os, time
        def init():
            while not os.path.exists(OVERVIEW) or os.path.getsize(OVERVIEW) == 0: time.sleep(0.01)
        def run(b): return ["y" * 20000 for _ in b]
        OVERVIEW = {str(job.out / "logs" / "job_progress_overview.txt")!r}
    """)
    job.out.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(job.out)], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("this machine does not mount a tmpfs: " + mounted.stderr.decode())
    try:
        outcome = job.run().expect(1)
        assert "space" in outcome.stderr, outcome.words
        assert job.overview().startswith("Warning: the output cannot be written: "), job.overview()
        subprocess.run(["mount", "-o", "remount,size=200m", str(job.out)], check=True)
        job.run().expect(0)
        assert len(job.rows()) == 500
    finally:
        subprocess.run(["umount", "-l", str(job.out)], check=True)


def stand_still(process):
    """Stops the orchestrator for longer than a request waits for its answer; then the job has to complete with it."""
    (stopped,) = [pid for pid in descendants(process.pid) if role_of(pid) == "orchestrator"]
    os.kill(stopped, signal.SIGSTOP)
    time.sleep(8)
    os.kill(stopped, signal.SIGCONT)
    _, words = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, words
    assert "restarting" not in words


def test_an_orchestrator_that_stands_still_loses_no_result(embedded_job):
    """For longer than a report or a lease request waits for its answer: each is sent again, and counts once."""
    job = embedded_job.files(2000).set(miniBatchSize=1, nodeCount=2, processCountPerNode=2)
    job.script(SCRIPT)
    process = job.start()
    wait_for_rows(job)
    stand_still(process)
    assert Counter(job.rows()) == Counter(f"f{i:06}.txt" for i in range(2000))
    assert job.failed_items() == []


def test_what_does_not_reach_an_orchestrator_that_stands_still_is_sent_again(embedded_job):
    """Reports that the socket cannot hold: of those that are under way when their time is over, the orchestrator
    never sees the rest. Results that were dropped with them would be waited for without end."""
    job = embedded_job.files(400).set(miniBatchSize=1, nodeCount=2, processCountPerNode=2)
    job.script("""
        import os, time
        def init(): pass
        def run(mini_batch):
            time.sleep(0.02)
            return [os.path.basename(p) + "x" * 200_000 for p in mini_batch]
    """)
    process = job.start()
    wait_for_rows(job)
    stand_still(process)
    assert Counter(row.rstrip("x") for row in job.rows()) == Counter(f"f{i:06}.txt" for i in range(400))
    assert job.failed_items() == []
