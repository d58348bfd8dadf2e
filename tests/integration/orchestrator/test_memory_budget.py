"""What the orchestrator's peers can make it hold in memory."""

import contextlib
import resource
import socket
import threading
import time

import pytest
import wire
from scripted import Refused, token_of_agent
from waiting import wait_for

SECRET = "a11ce" * 12 + "0123"
MIB = 1 << 20


def status(orchestrator, field):
    """In bytes, of /proc/PID/status."""
    with open(f"/proc/{orchestrator.process.pid}/status") as lines:
        found = next(line for line in lines if line.startswith(field + ":"))
    return int(found.split()[1]) * 1024


class Sender(threading.Thread):
    """Announces a report and sends a part of it, as fast as the server takes it."""

    def __init__(self, orchestrator, name, announced, sent):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(orchestrator.endpoint[5:])
        self.socket.settimeout(2)
        self.header = (
            f"POST /v1/report HTTP/1.1\r\nHost: x\r\nContent-Length: {announced}\r\n"
            f"Authorization: ParallelRun {name} {token_of_agent(SECRET, name)}\r\n\r\n"
        ).encode()
        self.left = sent
        self.start()

    def run(self):
        piece = bytes(MIB)
        with contextlib.suppress(OSError):  # the server has stopped reading
            self.socket.sendall(self.header)
            while self.left > 0:
                self.socket.sendall(piece[: self.left])
                self.left -= len(piece)


@pytest.fixture
def many_agents(folder):
    names = [f"agent{i:03}" for i in range(9)]
    expected = folder.files(9)
    orchestrator = folder.start(folder.job(nodeCount=9), secret=SECRET).ready()
    agents = [orchestrator.agent(name) for name in names]
    yield orchestrator, agents
    # Whatever happened, the job goes on.
    orchestrator.agent("agent008").work()
    assert folder.rows() == expected


def test_unfinished_reports_are_held_within_a_budget(many_agents):
    orchestrator, agents = many_agents
    senders = [Sender(orchestrator, agent.name, 200 * MIB, 199 * MIB) for agent in agents[:8]]
    for sender in senders:
        sender.join(120)
    assert sum(sender.left <= 0 for sender in senders) == 1, "one gets on, the others wait"
    peak = status(orchestrator, "VmHWM")
    assert peak < (64 + 200 + 80) * MIB, f"{peak / MIB:.0f} MiB"
    begun = time.monotonic()
    agents[8].report()
    assert time.monotonic() - begun < 2, "signs of life pass by them"
    print(f"peak {peak / MIB:.0f} MiB with eight unfinished reports of 200 MiB")
    for sender in senders:
        sender.socket.close()


def test_an_announced_length_takes_no_memory(many_agents):
    orchestrator, agents = many_agents
    before = status(orchestrator, "VmRSS")
    senders = [Sender(orchestrator, agent.name, 1000 * MIB, 10) for agent in agents[:8]]
    for sender in senders:
        sender.join()
    agents[8].report()
    assert status(orchestrator, "VmHWM") - before < 20 * MIB
    for sender in senders:
        sender.socket.close()


def test_reports_that_waited_for_room_are_taken(folder):
    """Far more than the budget at once, and every row of it arrives."""
    folder.files(16)
    orchestrator = folder.start(folder.job(nodeCount=8, miniBatchSize=2), secret=SECRET).ready()
    agents = [orchestrator.agent(f"agent{i:03}") for i in range(8)]
    held = {agent: agent.lease(1).leases[0] for agent in agents}
    row = b"x" * (MIB - 1) + b"\n"

    def bring(agent):
        agent.report([wire.result(held[agent], row * 30)])

    threads = [threading.Thread(target=bring, args=[agent]) for agent in agents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    peak = status(orchestrator, "VmHWM")
    agents[0].work()
    for agent in agents[1:]:
        agent.report(leaving=True)
    assert orchestrator.wait()[0] == 0
    assert (folder.output / "parallel_run_step.txt").stat().st_size == 8 * 30 * MIB
    assert peak < 330 * MIB, f"{peak / MIB:.0f} MiB"


def test_many_small_logs_with_long_names_are_bounded(many_agents, folder):
    orchestrator, agents = many_agents
    long = "/".join(["n" * 190] * 4)
    for report in range(4):
        logs = [(f"user/stdout/127.0.0.1/{long}{report}x{i:06}", b"x") for i in range(20_000)]
        agents[0].report(logs=logs)
    time.sleep(1.1)  # so many a second are told one by one
    agents[0].report(logs=[("user/stdout/10.1.1.1/process000.stdout.txt", b"another node's\n")])
    wait_for(lambda: "it belongs to another node" in folder.log("sys/master_role.txt"), "the word of it")
    assert "the highest allowed number of log files" in folder.log("sys/master_role.txt")
    assert sum(1 for path in (folder.output / "logs/user/stdout").rglob("*") if path.is_file()) <= 80
    assert not (folder.output / "logs/user/stdout/10.1.1.1").exists()
    assert status(orchestrator, "VmHWM") < 250 * MIB


def test_a_message_of_very_many_elements_is_refused(many_agents):
    _, agents = many_agents
    with pytest.raises(Refused) as refused:
        agents[0].report(logs=[("", b"")] * 300_000)
    assert refused.value.status == 400


def test_want_of_memory_costs_one_request(many_agents):
    orchestrator, agents = many_agents
    limit = status(orchestrator, "VmSize") + 150 * MIB
    resource.prlimit(orchestrator.process.pid, resource.RLIMIT_AS, (limit, limit))
    for _ in range(3):
        with pytest.raises(Refused) as refused:
            agents[0].post("/v1/report", bytes(400 * MIB))
        assert refused.value.status == 503
        agents[1].report()
    assert orchestrator.process.poll() is None
