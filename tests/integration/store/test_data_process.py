"""What the data process does with what a killed one has left, and when its launcher is killed."""

import asyncio
import importlib.util
import os
import signal
import subprocess
import sys

import pytest
from checkout import REPOSITORY
from processes import lives
from waiting import wait_for

MAIN = REPOSITORY / "runner" / "python" / "parallelrun_data" / "__main__.py"


def loaded():
    spec = importlib.util.spec_from_file_location("data_main", MAIN)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_only_a_process_after_another_sweeps(tmp_path):
    """What a script wrote beside its input stays."""
    config = str(tmp_path / "data.json")
    first = loaded()._Sweeping(config)
    assert not any(first.due(seconds) for seconds in (1, 61, 1000))
    second = loaded()._Sweeping(config)
    assert [second.due(seconds) for seconds in (1, 60, 61, 62)] == [False, False, True, False]


STUCK = """
import os, signal, sys, time
sys.path.insert(0, sys.argv[1])
from test_data_process import loaded
signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as one that waits in a system call
loaded()._harden(os.getppid())
print(os.getpid(), flush=True)
time.sleep(600)
"""
LAUNCHER = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]])"


def test_it_ends_with_a_launcher_that_is_killed():
    """Also where it takes no signal."""
    folder = os.path.dirname(__file__)
    with subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, STUCK, folder],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as launcher:
        pid = int(launcher.stdout.readline())
        launcher.kill()
        try:
            wait_for(lambda: not lives(pid), "the end of the data process", 10)
        finally:
            if lives(pid):
                os.kill(pid, signal.SIGKILL)


def test_an_object_that_is_read_into_memory_has_a_bound():
    sys.path.insert(0, str(MAIN.parents[1]))
    from parallelrun_data.troubles import Trouble
    from parallelrun_data.whole_object import whole

    given = []

    async def blocks(count):
        for _ in range(count):
            given.append(bytes(1000))
            yield given[-1]

    assert asyncio.run(whole(blocks(10), "s3://bucket/out/.parallelrun/log/7", 10_000)) == bytes(10_000)
    given.clear()
    with pytest.raises(Trouble, match="s3://bucket/out/.parallelrun/log/7 has more than 10.0 kB") as raised:
        asyncio.run(whole(blocks(1000), "s3://bucket/out/.parallelrun/log/7", 10_000))
    assert raised.value.kind == "invalid"
    assert len(given) == 11, "it was read on"
