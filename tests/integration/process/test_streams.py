"""What a script prints: one write for a line, in order, and out of the process before whatever ends it."""

import json

import pytest
from worker_harness import PATIENCE, RESULT, file_set

# A pipe of packets, in which each write stands alone, is the process's stdout and stderr for a while.
WRITES = """
import json, os, sys
def init(): pass
def run(mini_batch):
    reading, writing = os.pipe2(os.O_DIRECT | os.O_NONBLOCK)
    kept = os.dup(1), os.dup(2)
    os.dup2(writing, 1)
    os.dup2(writing, 2)
    print("a", 1, 2.5, sep=", ")
    print("b", "c", file=sys.stderr)
    print("d", end=" ")
    print("e")
    print("f")
    sys.stdout.write("h")
    sys.stdout.write("\\n")
    print("i", end="", flush=True)
    print("j")
    os.dup2(kept[0], 1)
    os.dup2(kept[1], 2)
    os.close(writing)
    packets = []
    while packet := os.read(reading, 1 << 16):
        packets.append(packet.decode())
    return [json.dumps(packets)]
"""


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_line_is_one_write(launcher, start, unbuffered):
    worker = start(launcher, WRITES, {"PYTHONUNBUFFERED": unbuffered})
    worker.ready()
    answer = worker.run(file_set("/a"))
    assert answer.kind == RESULT, answer
    packets = json.loads(answer.rows)
    assert [p for p in packets if p != "b c\n"] == ["a, 1, 2.5\n", "d e\n", "f\n", "h\n", "i", "j\n"]
    # What goes to stderr comes between what was printed before and behind it.
    assert packets.index("b c\n") == 1


ENDS = {
    "os._exit": "os._exit(3)",
    "SIGKILL": "os.kill(os.getpid(), 9)",
    "abort": "ctypes.CDLL(None).abort()",
    "a fault": "ctypes.string_at(0)",
    "SIGTERM": "os.kill(os.getpid(), 15); time.sleep(60)",
}


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("how", ENDS)
def test_whole_lines_outlive_the_process(launcher, start, how, unbuffered):
    worker = start(
        launcher,
        """
        import ctypes, os, sys, time
        def init(): print("init", 1)
        def run(mini_batch):
            for i in range(500):
                print("line", i)
            print("last", file=sys.stderr)
            print("out", "last")
            %s
        """
        % ENDS[how],
        {"PYTHONUNBUFFERED": unbuffered},
    )
    worker.ready()
    worker.send_raw(worker.run_frame(1, file_set("/a")))
    worker.process.wait(PATIENCE)
    assert worker.stdout() == "init 1\n" + "".join("line %d\n" % i for i in range(500)) + "out last\n"
    assert worker.stderr().startswith("last\n")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_fork_repeats_nothing(launcher, start, unbuffered):
    worker = start(
        launcher,
        """
        import os, sys
        def init(): pass
        def run(mini_batch):
            print("before", end=" ")
            print("said", end=" ", file=sys.stderr)
            child = os.fork()
            if child == 0:
                print("child")
                return []
            os.waitpid(child, 0)
            print("parent")
            print("once", file=sys.stderr)
            return mini_batch
        """,
        {"PYTHONUNBUFFERED": unbuffered},
    )
    worker.ready()
    assert worker.run(file_set("/a")).kind == RESULT
    assert worker.stdout() == "before child\nparent\n"
    assert worker.stderr() == "said once\n"


def test_a_line_without_an_end_comes_with_its_mini_batch(launcher, start):
    worker = start(
        launcher,
        """
        def init(): pass
        def run(mini_batch):
            print("half", end="")
            return mini_batch
        """,
    )
    worker.ready()
    assert worker.run(file_set("/a")).kind == RESULT
    assert worker.stdout() == "half"
