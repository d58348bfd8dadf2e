"""Several data processes of one job, as pods have them: all read the state that one of them has planned from."""

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess

import pyarrow
import pytest
from checkout import BUILD, PROGRAM
from waiting import wait_for

ROWS = 40


class DataProcess:
    """`parallelrun data` with one table of a database."""

    def __init__(self, folder, url):
        self.folder = folder
        folder.mkdir()
        keys = folder / "keys.yaml"
        keys.write_text(f"url: '{url}'\n")
        keys.chmod(0o600)
        one = {
            "name": "table",
            "source": {"sql": {"table": "t", "partitionColumn": "id"}},
            "root": f"{folder}/inputs/table",
            "credentials": str(keys),
            "table": {"miniBatchSize": 100, "columns": {}, "carried": []},
        }
        config = {"cache": str(folder), "inputs": [one], "sideInputs": [], "code": None}
        (folder / "config.json").write_text(json.dumps(config))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    PROGRAM,
                    "data",
                    "--config",
                    folder / "config.json",
                    "--socket",
                    folder / "s",
                    "--parent",
                    str(os.getpid()),
                ],
                env=environment | {"XDG_CACHE_HOME": str(BUILD / "store-cache")},
                stderr=log,
            )
        wait_for(lambda: '"ready"' in self.said(), self.said)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(folder / "s"))
        self._requests = 0

    def said(self):
        return self.log.read_text()

    def _ask(self, **request):
        self._requests += 1
        body = json.dumps({"id": self._requests, **request}).encode()
        self._socket.sendall(struct.pack("<I", len(body)) + body)

    def _answer(self):
        def exactly(size):
            found = b""
            while len(found) < size:
                more = self._socket.recv(size - len(found))
                assert more, self.said()
                found += more
            return found

        return json.loads(exactly(struct.unpack("<I", exactly(4))[0]))

    def ranges(self):
        self._ask(op="list", input="table", after="")
        found = []
        while "end" not in (answer := self._answer()):
            found += answer["objects"]
        return found

    def rows(self, one):
        """Of a range; a text: why they cannot be read."""
        self._ask(op="fetch", input="table", objects=[one], timeout=30)
        answer = self._answer()
        if "error" in answer:
            return answer["error"]["message"]
        with pyarrow.OSFile(f"{self.folder}/inputs/table/{answer['paths'][0]}") as file:
            return pyarrow.ipc.open_file(file).read_all()["words"].to_pylist()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def start(tmp_path, postgres):
    with contextlib.ExitStack() as ends:

        def made(name):
            process = DataProcess(tmp_path / name, postgres.url())
            ends.callback(process.kill)
            return process

        yield made


def fill(postgres, words):
    postgres.sql(f"DELETE FROM t; INSERT INTO t SELECT n, '{words} ' || n FROM generate_series(1, {ROWS}) n")


def test_all_read_what_one_has_planned_from(start, postgres):
    postgres.sql("CREATE TABLE t (id int, words text); GRANT SELECT ON t TO reader")
    fill(postgres, "early")
    before = start("before")  # has a state of its own from its check
    fill(postgres, "planned")
    planner = start("planner")
    ranges = [[name, size, version] for name, size, version in map(list, planner.ranges())]
    assert len(ranges) == 8
    fill(postgres, "late")
    after = start("after")
    first, second, third, *_ = ranges
    assert [word.split()[0] for word in before.rows(first)] == ["planned"] * len(before.rows(first))
    assert set(word.split()[0] for word in after.rows(first)) == {"planned"}
    # Who reads from a state holds it.
    planner.kill()
    assert set(word.split()[0] for word in before.rows(second)) == {"planned"}
    assert set(word.split()[0] for word in after.rows(third)) == {"planned"}
    assert "is gone" not in before.said() + after.said()
    # One transaction for each of them, and its readers: that of the check was given back.
    held = postgres.sql(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'reader' AND state = 'idle in transaction'"
    )
    assert held == ["4"]
    late = start("late")
    assert set(word.split()[0] for word in late.rows(second)) == {"late"}
    assert "is gone with the process that held it" in late.said()
    # What names a snapshot is no SQL, and a name of another run of the server is no snapshot of this one.
    for forged in ("2026-01-01T00:00:00Z 1';DROP-1 0", "x"):
        facts = {**json.loads(third[2]), "snapshot": forged}
        assert set(word.split()[0] for word in late.rows([third[0], third[1], json.dumps(facts)])) == {"late"}
    time, exported, _ = json.loads(ranges[3][2])["snapshot"].split()
    facts = {**json.loads(ranges[3][2]), "snapshot": f"{time} {exported} 1.5"}
    assert set(word.split()[0] for word in late.rows([*ranges[3][:2], json.dumps(facts)])) == {"late"}
