"""Nothing is built on what is not durable: output, then journal, then the answer; and the same for plan, names and
copies."""

import os

import pytest
import wire
from system_calls import FAILED, JOURNAL, OUTPUT, PLAN, Audit, compiled, read_calls


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return compiled(tmp_path_factory.mktemp("library"))


@pytest.fixture
def watched(folder, library, tmp_path, monkeypatch):
    """watched(drop, ...) -> an orchestrator whose calls are written down."""
    records = tmp_path / "calls"
    records.mkdir()

    def start(drop="", **options):
        with monkeypatch.context() as patch:
            patch.setenv("LD_PRELOAD", str(library))
            patch.setenv("AUDIT_LOG", str(records))
            patch.setenv("AUDIT_DROP", drop)
            orchestrator = folder.start(**options)
        orchestrator.calls = records / str(orchestrator.process.pid)
        return orchestrator.ready()

    return start


def work(orchestrator, failing=(), limit=None):
    """Answers leases in reports of a few results; mini-batches of the files `failing` fail."""
    agent = orchestrator.agent()
    done = 0
    while limit is None or done < limit:
        reply = agent.lease(3)
        if reply.directive != wire.RUN:
            break
        results = []
        for lease in reply.leases:
            names = [os.fsdecode(path).rsplit("/", 1)[1] for path in lease.paths()]
            if set(names) & set(failing):
                failure = wire.error(4, "ValueError", f"no digit in {names}")
                results.append(wire.result(lease, outcome=wire.FAILED, returned=0, failure=failure))
            else:
                results.append(agent.answer(lease))
        if results:
            agent.report(results)
            done += len(results)
    return agent


def audited(folder, drop, watched):
    names = folder.files(40)
    orchestrator = watched(drop, job=folder.job(runMaxTry=1))
    work(orchestrator, failing=names[7:9]).report(leaving=True)
    code, finished = orchestrator.wait()
    assert code == 0, finished
    return names, Audit(folder.output).go(read_calls(orchestrator.calls))


def test_nothing_is_built_on_what_is_not_durable(folder, watched):
    names, audit = audited(folder, "", watched)
    assert audit.faults == []
    # It has seen what it judges.
    assert len(folder.rows()) in (36, 38)
    everything = {name.encode() for name in names}
    assert audit.written == audit.committed == everything
    assert audit.answered == everything
    for path in (JOURNAL, PLAN, OUTPUT, FAILED):
        assert bytes(audit.files[path].durable) == (folder.output / path).read_bytes(), path


@pytest.mark.parametrize(
    "drop, words",
    [("fdatasync", "while parallel_run_step.txt is not durable"), ("folder", "is never made durable")],
)
def test_a_program_that_does_not_sync_is_found(folder, watched, drop, words):
    _, audit = audited(folder, drop, watched)
    assert any(words in fault for fault in audit.faults), audit.faults
    if drop == "fdatasync":
        assert any("before it is durable" in fault for fault in audit.faults)
        assert any("the plan of" in fault for fault in audit.faults)


@pytest.mark.parametrize("drop", ["", "fsync"])
def test_copies_are_durable_before_they_take_a_place(folder, watched, drop):
    """A successor replaces the files of one that may still be at work."""
    names = folder.files(40)
    lease = ["--lease", "job/test"]
    first = folder.start(arguments=lease).ready()
    agent = work(first, limit=6)
    del agent
    orchestrator = watched(drop, arguments=[*lease], listen=f"unix:{folder.path}/run/socket2")
    work(orchestrator).report(leaving=True)
    code, finished = orchestrator.wait()
    assert code == 0, finished
    assert folder.rows() == names
    calls = list(read_calls(orchestrator.calls))
    copied = {os.path.basename(call.other) for call in calls if call.name == "rename"}
    assert copied >= {"journal", "plan", OUTPUT, FAILED}
    audit = Audit(folder.output)
    audit.go(calls)
    if drop:
        assert any("put in its place before its content is durable" in fault for fault in audit.faults)
    else:
        assert audit.faults == []
