"""The orchestrator as a process: what it says, writes, refuses and survives."""

import http.client
import json
import os
import random
import signal
import ssl
import time

import pytest
import wire
from scripted import Agent, Refused
from waiting import wait_for


def test_a_job_from_start_to_end(folder):
    names = folder.files(25)
    orchestrator = folder.start().ready()
    agent = orchestrator.agent()
    assert json.loads(agent.job)["manifest"]["metadata"]["name"] == "scripted"
    agent.work()
    code, finished = orchestrator.wait()
    assert code == 0
    assert folder.rows() == names
    assert finished["state"] == "Complete" and finished["itemsSucceeded"] == 25
    assert finished["output"] == str(folder.output / "parallel_run_step.txt")
    assert (folder.output / "_SUCCESS").read_text() == ""
    assert json.loads((folder.output / ".parallelrun/result.json").read_text())["state"] == "Complete"
    overview = folder.log("job_progress_overview.txt")
    assert overview.startswith("Result: Complete") and "Mini-batches created:   13" in overview, overview
    master = folder.log("sys/master_role.txt")
    assert (
        "agent agent000" in master and "mini-batches created: 13" in master and "result: Complete" in master
    )


def test_started_again_it_says_that_it_is_complete(folder):
    folder.files(4)
    orchestrator = folder.start().ready()
    orchestrator.agent().work()
    assert orchestrator.wait()[0] == 0
    rows = folder.rows()
    code, finished = folder.start().wait()
    assert code == 0 and "already" in finished["message"]
    code, finished = folder.start(folder.job(allowReuse=False)).wait()
    assert code == 2 and "allowReuse" in finished["message"]
    assert folder.rows() == rows


def test_results_come_back_with_everything_the_logs_need(folder):
    folder.files(8)
    orchestrator = folder.start(folder.job(runMaxTry=2)).ready()
    agent = orchestrator.agent()
    bad = None
    while True:
        reply = agent.lease()
        results = []
        for lease in reply.leases:
            bad = lease.mini_batch if bad is None else bad
            if lease.mini_batch == bad:
                failure = wire.error(
                    4,
                    "ValueError",
                    f"no digit in {lease.attempt}",
                    "Traceback (most recent call last)",
                )
                results.append(wire.result(lease, outcome=wire.FAILED, returned=0, failure=failure))
            else:
                results.append(agent.answer(lease))
        logs = [
            ("user/stdout/127.0.0.1/process000.stdout.txt", b"hello\n"),
            ("../../escaped", b"x"),
            ("/abs", b"x"),
        ]
        directive = max(reply.directive, agent.report(results, logs=logs if results else ()))
        if directive != wire.RUN:
            agent.report(leaving=True)
            break
    code, finished = orchestrator.wait()
    assert code == 0, finished
    assert finished["itemsFailed"] == 2 and finished["firstError"].startswith("ValueError: no digit")
    assert "hello\n" in folder.log("user/stdout/127.0.0.1/process000.stdout.txt")
    summary = folder.log("user/error.txt")
    assert "2 x in run: ValueError: no digit" in summary, summary
    (traceback,) = (folder.output / "logs/user/error").iterdir()
    assert traceback.read_text().count("Traceback") == 2
    assert not list(folder.path.rglob("escaped"))
    failed = [json.loads(line) for line in (folder.output / "failed_items.jsonl").read_text().splitlines()]
    assert len(failed) >= 1
    assert "may not write to the log file" in folder.log("sys/master_role.txt")


def test_links_planted_in_the_log_tree_are_not_followed(folder):
    folder.files(2)
    orchestrator = folder.start().ready()
    outside = folder.path / "outside"
    outside.mkdir()
    (folder.output / "logs/user").mkdir(parents=True, exist_ok=True)
    (folder.output / "logs/user/stdout").symlink_to(outside)
    agent = orchestrator.agent()
    agent.report(logs=[("user/stdout/127.0.0.1/process000.stdout.txt", b"hello\n")])
    agent.work()
    assert orchestrator.wait()[0] == 0
    assert list(outside.iterdir()) == []
    assert len(folder.rows()) == 2


def test_a_lost_reply_loses_and_doubles_nothing(folder):
    names = folder.files(6)
    orchestrator = folder.start().ready()
    agent = orchestrator.agent()
    reply = agent.lease()
    again = wire.lease_reply(
        agent.post("/v1/lease", wire.lease(agent.session, agent.sequences["lease"], 100))
    )
    assert [one.attempt for one in again.leases] == [one.attempt for one in reply.leases]
    results = [agent.answer(one) for one in reply.leases]
    agent.report(results)
    body = wire.report(agent.session, agent.sequences["report"], results)
    agent.post("/v1/report", body)
    agent.work()
    assert orchestrator.wait()[0] == 0
    assert folder.rows() == names


def test_a_silent_agent_loses_its_leases(folder):
    names = folder.files(6)
    orchestrator = folder.start().ready()
    silent = orchestrator.agent("agent000")
    taken = silent.lease()
    assert taken.leases
    orchestrator.agent("agent001").work()
    code, _ = orchestrator.wait()
    assert code == 0 and folder.rows() == names
    assert "agent agent000 is gone" in folder.log("sys/master_role.txt")


def test_garbage_gets_400_and_nothing_else_happens(folder):
    names = folder.files(4)
    orchestrator = folder.start().ready()
    agent = orchestrator.agent()
    noise = random.Random(3)
    for path in ("/v1/register", "/v1/lease", "/v1/report"):
        for size in (0, 1, 7, 60, 5000):
            with pytest.raises(Refused) as refused:
                Agent(orchestrator.endpoint).post(path, noise.randbytes(size))
            assert refused.value.status in (400, 409, 426), refused.value
    with pytest.raises(Refused) as refused:
        Agent(orchestrator.endpoint).post("/v2/lease", b"")
    assert refused.value.status == 404
    with pytest.raises(Refused) as refused:
        Agent(orchestrator.endpoint).register(protocol=99)
    assert refused.value.status == 426 and b"version 99" in refused.value.body
    with pytest.raises(Refused) as refused:
        Agent(orchestrator.endpoint).post("/v1/lease", wire.lease(123456789, 1, 1))
    assert refused.value.status == 409
    agent.work()
    assert orchestrator.wait()[0] == 0 and folder.rows() == names


def test_two_at_once_the_second_is_refused(folder, tmp_path):
    folder.files(4)
    first = folder.start().ready()
    (tmp_path / "other").mkdir()
    second = folder.start(listen=f"unix:{tmp_path}/run2/socket")
    code, finished = second.wait()
    assert code == 2
    assert (
        f"process {first.process.pid} on " in finished["message"] and "started 20" in finished["message"]
    ), finished
    assert finished["message"] in second.errors()
    first.agent().work()
    assert first.wait()[0] == 0


def test_another_job_is_refused_by_its_settings_and_overwrites_only_ours(folder):
    folder.files(4)
    orchestrator = folder.start().ready()
    orchestrator.agent().work()
    orchestrator.wait()
    (folder.output / "mine.txt").write_text("of the user")
    code, finished = folder.start(folder.job(miniBatchSize=3)).wait()
    assert code == 2 and "miniBatchSize" in finished["message"] and "overwrite" in finished["message"]
    assert len(folder.rows()) == 4
    again = folder.start(folder.job(miniBatchSize=3), arguments=["--overwrite"]).ready()
    assert not (folder.output / "_SUCCESS").exists()
    again.kill()
    # Killed after it cleared: the same command goes on, nothing is cleared twice.
    again = folder.start(folder.job(miniBatchSize=3), arguments=["--overwrite"]).ready()
    again.agent().work()
    assert again.wait()[0] == 0 and len(folder.rows()) == 4
    assert (folder.output / "mine.txt").read_text() == "of the user"


def test_output_overwrite_of_the_manifest_is_no_leave_to_clear_a_damaged_job(folder):
    """A restart in a pod reads it, too: what a running job loses is not begun anew behind its user's back."""
    folder.files(4)
    orchestrator = folder.start().ready()
    orchestrator.agent().work()
    orchestrator.wait()
    identity = folder.output / ".parallelrun" / "job.json"
    of_manifest = {"output": {"source": {"local": {"path": str(folder.output)}}, "overwrite": True}}
    whole = identity.read_text()
    for broken in (whole[:50], None):
        identity.write_text(broken) if broken else identity.unlink()
        code, finished = folder.start(folder.job(**of_manifest)).wait()
        assert code == 2 and ("job.json" in finished["message"]) == bool(broken), finished
    identity.write_text(whole)
    rows = folder.output / "parallel_run_step.txt"
    rows.write_text(rows.read_text()[:-1])
    code, finished = folder.start(folder.job(**of_manifest)).wait()
    assert code == 1 and "no longer holds the " in finished["message"], finished
    assert "with an empty or another output directory" in finished["message"]
    assert rows.read_text() != "" and (folder.output / "_SUCCESS").exists()


def test_node_counts_tries_and_levels_may_change(folder):
    names = folder.files(30)
    first = folder.start().ready()
    agent = first.agent()
    agent.report([agent.answer(one) for one in agent.lease(want=3).leases])
    first.kill()
    second = folder.start(
        folder.job(nodeCount=2, runMaxTry=9, loggingLevel="DEBUG", runInvocationTimeout=5)
    ).ready()
    second.agent().work()
    assert second.wait()[0] == 0 and folder.rows() == names


def test_a_foreign_file_of_our_name_is_left_alone(folder):
    folder.files(2)
    folder.output.mkdir()
    (folder.output / "parallel_run_step.txt").write_text("precious")
    for arguments in ([], ["--overwrite"]):
        code, finished = folder.start(arguments=arguments).wait()
        assert code == 2 and "no ParallelRunJob wrote it" in finished["message"]
    assert (folder.output / "parallel_run_step.txt").read_text() == "precious"


def test_empty_input_fails_with_the_reason_first(folder):
    orchestrator = folder.start()
    folder.inputs.mkdir(exist_ok=True)
    code, finished = orchestrator.wait()
    assert code == 1 and "images" in finished["message"], finished
    assert folder.log("job_progress_overview.txt").startswith("Result: Failed")


def test_bad_arguments(folder, tmp_path):
    code, finished = folder.start(listen="nonsense").wait()
    assert code == 2 and "'nonsense' is not an endpoint" in finished["message"]
    job = folder.job()
    del job["outputDirectory"]
    orchestrator = folder.start(job)
    orchestrator.process.wait()
    assert orchestrator.process.returncode == 2 and "outputDirectory" in orchestrator.errors()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_it_within_seconds_and_it_goes_on_later(folder, number):
    names = folder.files(40)
    first = folder.start().ready()
    agent = first.agent()
    leases = []
    while len(leases) < 3:  # the first reply may come before the plan is whole
        leases += agent.lease(want=5).leases
    agent.report([agent.answer(one) for one in leases[:2]])
    first.process.send_signal(number)
    wait_for(lambda: agent.report() == wire.ABORT, "the end to be told")
    # What was received before the end is committed.
    agent.report([agent.answer(leases[2])], leaving=True)
    left = time.monotonic()
    code, finished = first.wait()
    assert code == 130 and finished["state"] == "Interrupted"
    assert time.monotonic() - left < 8, "agents that are silent have 10 s, this one has left"
    assert f"stopped by {number.name}" in finished["message"], finished
    assert "start the same job again" in folder.log("job_progress_overview.txt")
    committed = folder.rows()
    assert len(committed) >= 4
    second = folder.start().ready()
    second.agent().work()
    assert second.wait()[0] == 0 and folder.rows() == names


def test_killed_at_random_instants_each_row_comes_once(folder):
    names = folder.files(6000, folders=20)
    kills = int(os.environ.get("PARALLELRUN_KILLS", "30"))
    noise = random.Random(11)
    output = folder.output / "parallel_run_step.txt"
    lengths = set()
    done = 0
    # How much is done between two kills is the machine's business: until enough of them came in the middle of the work.
    while done < kills or len(lengths) <= 5:
        done += 1
        assert done <= 20 * kills, f"no kill came in the middle of the work: {lengths}"
        orchestrator = folder.start()
        if noise.random() < 0.2:
            time.sleep(noise.uniform(0.0, 0.03))  # somewhere in its start
        else:
            event = orchestrator.read_event()
            if event["event"] == "finished":
                break
            orchestrator.endpoint = event["endpoint"]
            orchestrator.work_in_background(f"agent{noise.randrange(3):03}", want=5)
            time.sleep(noise.uniform(0.0, 0.06))
        orchestrator.kill()
        lengths.add(output.stat().st_size if output.exists() else 0)
    assert len(lengths) > 5, "it was over before"
    last = folder.start()
    event = last.read_event()
    if event["event"] == "ready":
        last.endpoint = event["endpoint"]
        last.agent().work()
    assert last.wait()[0] == 0
    assert folder.rows() == names


def test_a_full_disk_is_a_clear_failure_and_can_be_gone_on_from(folder):
    names = folder.files(3000, folders=4)
    # Bytes of any one file; the plan of 1,500 mini-batches needs more.
    orchestrator = folder.start(before=["prlimit", "--fsize=9000"])
    event = orchestrator.read_event()
    if event["event"] == "ready":
        orchestrator.endpoint = event["endpoint"]
        orchestrator.work_in_background()
    code, finished = orchestrator.wait()
    assert code == 1 and finished["state"] == "Failed", finished
    assert "File too large" in finished["message"] or "space" in finished["message"], finished
    assert orchestrator.errors() == "", "the launcher shows the event: said once"
    again = folder.start().ready()
    again.agent().work()
    assert again.wait()[0] == 0 and folder.rows() == names


def test_mutual_tls(folder, certify):
    names = folder.files(6)
    server = certify("job", "orchestrator", "IP:127.0.0.1", role="orchestrator")
    client = certify("job", "agent000", "DNS:agent")
    stranger = dict(certify("other", "agent000", "DNS:agent"), ca=client["ca"])
    arguments = [
        "--tls-ca",
        server["ca"],
        "--tls-certificate",
        server["certificate"],
        "--tls-key",
        server["key"],
    ]
    orchestrator = folder.start(listen="127.0.0.1:0", arguments=arguments).ready()
    assert not orchestrator.endpoint.endswith(":0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        Agent(orchestrator.endpoint, tls=stranger).register()
    with pytest.raises((OSError, http.client.HTTPException)):
        Agent(orchestrator.endpoint, tls=None).register()
    orchestrator.agent(tls=client).work()
    assert orchestrator.wait()[0] == 0 and folder.rows() == names


def test_without_tls_it_listens_on_this_machine_only(folder):
    folder.files(2)
    code, finished = folder.start(listen="0.0.0.0:0").wait()
    assert code == 2 and "without TLS" in finished["message"]
