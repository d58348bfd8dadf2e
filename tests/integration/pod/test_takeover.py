"""One orchestrator at a time, whatever becomes of the others: every mini-batch once in the output."""

import signal

from processes import lives
from waiting import wait_for

FILES = 300
# Nothing of the second half ends before `release`: there is work left, however long anything here takes.
HELD = """
    import os, time
    def init():
        pass
    def run(mini_batch):
        time.sleep(0.05)
        names = [os.path.basename(path) for path in mini_batch]
        while names[0] >= "f000150" and not os.path.exists(os.environ["GO"]):
            time.sleep(0.01)
        return names
"""


def begun(world, rows=20):
    return lambda: len(world.rows()) >= rows


def start(world):
    world.script(HELD).files(FILES).set(miniBatchSize=1, processCountPerNode=2)
    world.set(environment={"variables": {"GO": str(world.root / "go")}}).apply()
    first = world.orchestrator(0)
    workers = [world.worker(index) for index in range(2)]
    wait_for(begun(world), "the first rows")
    return first, workers


def release(world):
    (world.root / "go").touch()


def test_a_paused_predecessor_harms_nothing(world):
    """Frozen in the middle, succeeded, and woken after the end, when it still believes in what it had."""
    first, _ = start(world)
    first.signal(signal.SIGSTOP)
    second = world.orchestrator(1)
    wait_for(lambda: "taken over as copies" in second.output, "the takeover")
    release(world)
    second.expect(0)
    world.expect_every_file_once(FILES)
    before = snapshot(world.out)
    first.signal(signal.SIGCONT)
    assert first.expect(1).message["reason"] in ("LeaseLost", "TakenOver")
    assert first.message["state"] == "Interrupted"
    world.expect_every_file_once(FILES)
    assert snapshot(world.out) == before
    assert world.progress()["percent"] == 100


def test_a_predecessor_that_wakes_while_the_successor_works(world):
    first, _ = start(world)
    first.signal(signal.SIGSTOP)
    second = world.orchestrator(1)
    wait_for(lambda: "taken over as copies" in second.output, "the takeover")
    wait_for(begun(world, 60), "rows of the successor")
    first.signal(signal.SIGCONT)
    first.expect(1)
    release(world)
    second.expect(0)
    world.expect_every_file_once(FILES)


def test_a_killed_orchestrator_is_succeeded_at_once_by_name(world):
    """SIGKILL of pod-orchestrator takes its child along; --ended saves waiting for the Lease to expire."""
    world.lease_duration = 600
    first, workers = start(world)
    child = first.child()
    first.process.kill()
    first.wait()
    wait_for(lambda: not lives(child), "the child's end")
    assert first.message == {}
    release(world)
    # The Lease would expire after ten minutes only, which is more than anything here waits.
    second = world.orchestrator(1, ended=[0])
    second.expect(0)
    world.expect_every_file_once(FILES)
    for worker in workers:
        worker.expect(0)


def test_a_stolen_lease_ends_the_orchestrator(world):
    first, _ = start(world)
    child = first.child()
    world.steal_lease("somebody-else")
    first.expect(1)
    assert not lives(child)
    assert first.message["reason"] == "LeaseLost"
    rows = world.rows()
    assert len(rows) == len(set(rows)) < FILES
    # The successor is named by the Lease, and that is not this one.
    assert world.lease().body["spec"]["holderIdentity"] == "somebody-else"


def test_a_stop_gives_the_lease_back_and_the_next_one_goes_on(world):
    world.lease_duration = 600
    first, workers = start(world)
    first.process.send_signal(signal.SIGTERM)
    first.expect(130)
    assert first.message["state"] == "Interrupted"
    assert world.lease().body["spec"].get("holderIdentity", "") == ""
    assert len(world.rows()) < FILES
    release(world)
    second = world.orchestrator(1)
    second.expect(0)
    assert "taken over" not in second.output
    world.expect_every_file_once(FILES)
    for worker in workers:  # they have waited for it
        worker.expect(0)


def snapshot(folder):
    """Content of every file of the output directory but for logs, which may get lines of whoever wakes."""
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_relative_to(folder / "logs")
    } | {"overview": (folder / "logs/job_progress_overview.txt").read_bytes()}
