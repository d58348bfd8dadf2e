"""Who may speak to the orchestrator, and for whom."""

import struct

import pytest
import wire
from scripted import Agent, Refused, token_of_agent
from waiting import wait_for

SECRET = "5eed" * 16


def rows_of(lease, word):
    return wire.result(lease, word.encode() + b"\n")


def test_without_the_token_of_its_name_nobody_gets_in(folder):
    folder.files(4)
    orchestrator = folder.start(secret=SECRET).ready()
    good = token_of_agent(SECRET, "agent000")
    for name, proof in [
        ("agent000", "0" * 64),
        ("agent000", token_of_agent(SECRET, "agent001")),
        ("agent001", good),
        ("agent000", SECRET),
        ("agent000", good[:-1]),
        ("agent000", good + "0"),
    ]:
        with pytest.raises(Refused, match="does not prove") as refused:
            Agent(orchestrator.endpoint, name, proof=proof).register()
        assert refused.value.status == 403
    silent = Agent(orchestrator.endpoint)
    for silent.headers in ({}, {"Authorization": "Basic eDp5"}, {"Authorization": "ParallelRun"}):
        with pytest.raises(Refused, match="does not say which agent"):
            silent.register()
    other = Agent(orchestrator.endpoint, proof=good)
    with pytest.raises(Refused, match="cannot register as another one"):
        other.post("/v1/register", wire.register("agent001"))
    orchestrator.agent().work()
    assert orchestrator.wait()[0] == 0
    assert "a request in the name of agent 'agent000' was refused" in folder.log("sys/master_role.txt")


def test_a_result_counts_only_from_the_agent_that_has_the_lease(folder):
    names = folder.files(12)
    orchestrator = folder.start(folder.job(nodeCount=2), secret=SECRET).ready()
    owner, forger = orchestrator.agent(), orchestrator.agent("agent001")
    leases = owner.lease().leases
    assert leases
    # All that a script could guess, and then even all that only the owner knows.
    forged = []
    for lease in leases:
        guess = wire.Lease(**vars(lease) | {"seal": 0})
        forged += [rows_of(guess, "forged"), rows_of(lease, "forged")]
    for number in range(6):
        guess = wire.Lease(0, (1 << 32) | number, number, number, 0, 0, 2, 1, False, b"")
        forged += [rows_of(guess, "forged"), wire.result(guess, outcome=wire.FAILED)]
    forger.report(forged)
    owner.report([owner.answer(lease) for lease in leases])
    owner.work()
    forger.report(leaving=True)
    code, finished = orchestrator.wait()
    assert code == 0 and finished["itemsFailed"] == 0
    assert folder.rows() == names
    log = folder.log("sys/master_role.txt")
    assert f"agent agent001 sent {len(forged)} results for leases that it does not have" in log, log


def test_a_session_is_its_agents_own_and_cannot_be_guessed(folder):
    folder.files(4)
    orchestrator = folder.start(folder.job(nodeCount=2), secret=SECRET).ready()
    one, two = orchestrator.agent(), orchestrator.agent("agent001")
    assert abs(one.session - two.session) > 1000, "numbers that follow each other can be guessed"
    for post in (
        lambda: two.post("/v1/lease", wire.lease(one.session, 1, 10)),
        lambda: two.post("/v1/report", wire.report(one.session, 1, leaving=True)),
    ):
        with pytest.raises(Refused, match="this agent has no such session") as refused:
            post()
        assert refused.value.status == 409
    assert one.lease().leases, "it is still there"
    one.report(leaving=True)
    two.work()
    assert orchestrator.wait()[0] == 0


def test_of_two_sessions_the_newer_counts_if_it_is_the_same_agent(folder):
    names = folder.files(6)
    orchestrator = folder.start(secret=SECRET).ready()
    first = orchestrator.agent()
    held = first.lease().leases
    again = orchestrator.agent()
    with pytest.raises(Refused) as refused:
        first.report([first.answer(lease) for lease in held])
    assert refused.value.status == 409
    # As a real agent: what it had done in the earlier session comes in the new one, and counts.
    again.report([again.answer(lease) for lease in held])
    again.work()
    assert orchestrator.wait()[0] == 0
    assert folder.rows() == names


def test_a_lease_of_an_earlier_orchestrator_of_the_run_counts(folder):
    names = folder.files(6)
    orchestrator = folder.start(secret=SECRET).ready()
    held = orchestrator.agent().lease().leases
    orchestrator.kill()
    orchestrator = folder.start(secret=SECRET).ready()
    forger = orchestrator.agent("agent001")
    forger.report([rows_of(lease, "forged") for lease in held])
    forger.report(leaving=True)
    agent = orchestrator.agent()
    agent.report([agent.answer(lease) for lease in held])
    agent.work()
    assert orchestrator.wait()[0] == 0
    assert folder.rows() == names


@pytest.fixture
def tls_orchestrator(folder, certify):
    def start(**spec):
        server = certify("job", "job", "IP:127.0.0.1", role="orchestrator")
        arguments = [
            "--tls-ca",
            server["ca"],
            "--tls-certificate",
            server["certificate"],
            "--tls-key",
            server["key"],
        ]
        return folder.start(folder.job(**spec), listen="127.0.0.1:0", arguments=arguments).ready()

    return start


def test_a_certificate_speaks_for_its_own_worker_alone(folder, certify, tls_orchestrator):
    names = folder.files(4)
    orchestrator = tls_orchestrator()
    own = certify("job", "worker-0", "DNS:worker")
    for files, words in [
        (
            certify("job", "worker-1", "DNS:worker"),
            "belongs to 'worker-1', so it cannot speak for agent worker-0",
        ),
        (certify("job", "worker-0", "IP:127.0.0.1", role="orchestrator"), "has the role 'orchestrator'"),
        (certify("job", "worker-0", "DNS:worker", role="parallelrun"), "has the role 'parallelrun'"),
    ]:
        with pytest.raises(Refused, match=words) as refused:
            Agent(orchestrator.endpoint, "worker-0", tls=files).register()
        assert refused.value.status == 403
    orchestrator.agent("worker-0", tls=own).work()
    assert orchestrator.wait()[0] == 0
    assert folder.rows() == names


def test_another_process_with_the_workers_certificate_has_to_wait_for_its_silence(
    folder, certify, tls_orchestrator
):
    names = folder.files(4)
    orchestrator = tls_orchestrator()
    own = certify("job", "worker-0", "DNS:worker")
    assert orchestrator.agent("worker-0", tls=own).lease().leases, "the first, which falls silent with them"
    script = Agent(orchestrator.endpoint, "worker-0", tls=own)
    with pytest.raises(Refused, match="is registered already") as refused:
        script.register()
    assert refused.value.status == 503, "an agent tries again then"

    def successor():
        try:
            return orchestrator.agent("worker-0", tls=own)
        except Refused:
            return None

    wait_for(lambda: (found := successor()) and found.work() is not None, "the silence of the first")
    assert orchestrator.wait()[0] == 0
    assert folder.rows() == names


def test_a_request_of_a_stranger_is_refused_by_its_header(folder):
    """The answer comes though not a byte of the body was sent."""
    folder.files(2)
    orchestrator = folder.start(secret=SECRET).ready()
    for headers in ({}, {"Authorization": f"ParallelRun agent000 {token_of_agent(SECRET, 'agent000')}"}):
        stranger = Agent(orchestrator.endpoint)
        body = struct.pack("<QQ", 7, 1) + b"\0" * (20 << 20)
        stranger.headers = headers
        with pytest.raises(Refused) as refused:
            stranger.post("/v1/report", body)
        assert refused.value.status == (409 if headers else 403)
    orchestrator.agent().work()
    assert orchestrator.wait()[0] == 0
