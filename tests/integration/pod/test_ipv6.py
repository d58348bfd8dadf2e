"""A job whose pods have IPv6 addresses only."""

import contextlib
import socket

import pytest
from waiting import wait_for

# A worker that comes when the job is over finds nobody: none of it is done before both are there.
NAMES = """
    import os, time
    def init():
        while not os.path.exists("GO"):
            time.sleep(0.01)
    def run(mini_batch):
        print("done with", *map(os.path.basename, mini_batch), flush=True)
        return [os.path.basename(path) for path in mini_batch]
"""


@pytest.fixture(autouse=True)
def loopback():
    with contextlib.closing(socket.socket(socket.AF_INET6)) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError as error:
            pytest.skip(f"this machine has no IPv6: {error}")


def listeners(port):
    """Local addresses, as the kernel writes them, of the sockets that listen on `port`: (IPv4, IPv6)."""
    found = []
    for table in ("tcp", "tcp6"):
        with open(f"/proc/net/{table}") as lines:
            fields = [line.split() for line in list(lines)[1:]]
        found.append(
            [f[1].split(":")[0] for f in fields if f[3] == "0A" and int(f[1].split(":")[1], 16) == port]
        )
    return tuple(found)


def test_a_job_on_ipv6_addresses(world):
    world.authority.issue(world.root / "orchestrator-files", "orchestrator", "IP:::1")
    go = world.root / "go"
    world.script(NAMES.replace("GO", str(go))).files(60).set(miniBatchSize=3).apply()
    orchestrator = world.orchestrator(address="[::1]", ip="fd00:10:244::1")
    wait_for(lambda: "listening" in orchestrator.output, "the orchestrator")
    ipv4, ipv6 = listeners(world.port)
    assert not ipv4
    assert len(ipv6) == 1
    workers = [
        world.worker(index, connect=f"[::1]:{world.port}", ip=f"fd00:10:244:{index + 1}::7")
        for index in range(2)
    ]
    role = world.out / "logs/sys/master_role.txt"
    wait_for(lambda: role.read_text().count(" joined with ") == 2, "both workers")
    go.touch()
    orchestrator.expect(0)
    for worker in workers:
        worker.expect(0)
    world.expect_every_file_once(60)
    nodes = {path.name for path in (world.out / "logs/sys/node").iterdir()}
    # One of them may have done it all.
    assert nodes and nodes <= {"fd00-10-244-1--7", "fd00-10-244-2--7"}
    logs = world.out / "logs/user/stdout"
    told = [path.read_text().count("done with") for path in logs.rglob("*.stdout.txt")]
    assert sum(told) == 20
