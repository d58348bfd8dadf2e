"""The life of a worker process: stamps, frames ahead, streams, errors that must not end it, the end."""

import os
import signal
import subprocess
import time

import pytest
from worker_harness import (
    BYE,
    CUT,
    EMBEDDED,
    FAILED,
    IDLE,
    IN_RUN,
    INIT,
    LOADING,
    PACKAGE,
    PATIENCE,
    RESULT,
    SHUTDOWN,
    file_set,
)

ECHO = "def init(): pass\ndef run(mini_batch): return mini_batch\n"


def test_ready_says_who_it_is(launcher, start):
    worker = start(
        launcher, "def init():\n    import time; time.sleep(0.05)\ndef run(mini_batch): return []\n"
    )
    ready = worker.ready().json
    assert ready["pid"] == worker.process.pid
    version = subprocess.check_output([launcher.python, "-V"], text=True).split()[1]
    assert ready["python"] == version
    assert 0.05 <= ready["init_seconds"] < 30


def test_frames_ahead_are_answered_in_order_with_plausible_times(launcher, start):
    worker = start(launcher, ECHO)
    worker.ready()
    before = time.time()
    count = 5000
    worker.send_raw(b"".join(worker.run_frame(i, file_set("/d/%d" % i, "/e/x")) for i in range(count)))
    for i in range(count):
        answer = worker.answer()
        assert (answer.kind, answer.task, answer.items, answer.returned) == (RESULT, i, 2, 2)
        assert answer.rows == b"/d/%d\n/e/x\n" % i
        assert before - 1 <= answer.started_us / 1e6 <= time.time() + 1
        assert answer.run_us <= answer.duration_us


CLOSES = """
import os
def init(): pass
def run(mini_batch):
    if mini_batch[0].endswith("/bad"): %s
    return mini_batch
"""


@pytest.mark.parametrize(
    "how",
    [
        "os.close(3)",
        "os.closerange(3, 64)",
        "os.dup2(os.open('/dev/null', os.O_WRONLY), 3)",
        "os.close(3); raise ValueError('and more')",
    ],
)
def test_the_task_that_breaks_the_channel_is_found_out_before_the_next_begins(launcher, start, how):
    worker = start(launcher, CLOSES % how)
    worker.ready()
    tasks = ["ok"] * 30 + ["bad"] + ["ok"] * 10
    worker.send_raw(b"".join(worker.run_frame(i, file_set("/d/" + t)) for i, t in enumerate(tasks, 1)))
    stderr = worker.wait_and_stderr()
    assert "closed or replaced file descriptor 3" in stderr and "Traceback" not in stderr
    assert worker.process.returncode == 1
    assert worker.stamp()[:2] == (CUT, 31)


def test_run_time_is_that_of_run_alone(launcher, start):
    worker = start(
        launcher,
        """
        import time
        class Slow:
            def __str__(self): time.sleep(0.3); return "slow"
        def init(): pass
        def run(mini_batch):
            end = time.process_time() + 0.05
            while time.process_time() < end: pass
            time.sleep(0.1)
            return [Slow()]
        """,
    )
    worker.ready()
    answer = worker.run(file_set("/a"))
    assert answer.run_us >= 150_000 and answer.duration_us >= answer.run_us + 300_000
    assert 50_000 <= answer.process_us < answer.run_us


def test_stamps(launcher, start, tmp_path):
    gates = [tmp_path / name for name in ("load", "init", "run")]
    for gate in gates:
        os.mkfifo(gate)
    worker = start(
        launcher,
        """
        import sys
        open(sys.argv[1]).read()
        def init(): open(sys.argv[2]).read()
        def run(mini_batch):
            open(sys.argv[3]).read()
            return mini_batch
        """,
        argv=[str(gate) for gate in gates],
    )
    with open(gates[0], "w"):  # opens when the script has opened its end
        assert worker.stamp()[0] == LOADING
    with open(gates[1], "w"):
        phase, _, entry, _ = worker.stamp()
        assert phase == INIT and 0 < entry <= time.monotonic_ns()
    worker.ready()
    assert worker.stamp()[0] == IDLE
    before = time.monotonic_ns()
    worker.send_raw(worker.run_frame(77, file_set("/a", "/b", "/c")))
    with open(gates[2], "w"):  # opens when run() has opened its end
        phase, task, entry, items = worker.stamp()
        assert (phase, task, items) == (IN_RUN, 77, 3)
        assert before <= entry <= time.monotonic_ns()
    assert worker.answer().kind == RESULT
    worker.wait_for(lambda: worker.stamp()[0] == IDLE)


def test_a_result_does_not_wait_for_the_next_run(launcher, start, tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    worker = start(
        launcher,
        """
        import sys
        def init(): pass
        def run(mini_batch):
            if mini_batch == ["/wait"]: open(sys.argv[1]).read()
            return mini_batch
        """,
        argv=[str(gate)],
    )
    worker.ready()
    worker.send_raw(worker.run_frame(1, file_set("/a")) + worker.run_frame(2, file_set("/wait")))
    assert worker.answer().task == 1  # while task 2 is in run()
    with open(gate, "w"):
        assert worker.stamp()[1] == 2
    assert worker.answer().task == 2


def test_streams_hold_what_native_code_and_children_write(launcher, start):
    worker = start(
        launcher,
        """
        import ctypes, os, sys
        def init(): print("from init")
        def run(mini_batch):
            print("print")
            os.write(1, b"os.write\\n")
            os.system("echo child; echo child-error >&2")
            ctypes.CDLL(None).printf(b"printf\\n")
            print("no line break", end="")
            sys.stderr.write("error text")
            print(" \\udce9")
            return mini_batch
        """,
    )
    worker.ready()
    assert worker.stdout() == "from init\n"
    worker.run(file_set("/a"))
    # When the result is there, all of it is.
    assert (
        sorted(worker.stdout().splitlines())
        == sorted(["from init", "print", "os.write", "child", "printf", "no line break \udce9"])
        or "printf" in worker.stdout()
    )
    for piece in ("print\n", "os.write\n", "child\n", "printf\n", "no line break \udce9\n"):
        assert piece in worker.stdout()
    assert worker.stderr() == "child-error\nerror text"


def test_the_channel_is_not_inherited(launcher, start):
    worker = start(
        launcher,
        """
        import os, subprocess
        def init(): pass
        def run(mini_batch):
            shell = "for f in /proc/self/fd/*; do readlink $f; done; true"
            text = os.popen(shell).read() + subprocess.check_output(["sh", "-c", shell], text=True, close_fds=False)
            return [line for line in text.splitlines() if "socket:" in line or "memfd:" in line]
        """,
    )
    worker.ready()
    assert worker.run(file_set("/a")).rows == b""


def test_errors_cost_a_try_and_not_the_process(launcher, start):
    worker = start(
        launcher,
        """
        import sys
        def init(): pass
        def run(mini_batch):
            def deeper(): raise ValueError("bad image")
            what = mini_batch[0]
            if what == "/raise": deeper()
            if what == "/exit": sys.exit(3)
            if what == "/interrupt": raise KeyboardInterrupt
            if what == "/mute":
                class Mute(Exception):
                    def __str__(self): raise RuntimeError
                raise Mute()
            if what == "/deep": run(mini_batch)
            if what == "/close": sys.stdout.close()
            return mini_batch
        """,
    )
    worker.ready()
    for path, kind, needle in (
        ("/raise", "ValueError", "bad image"),
        ("/exit", "SystemExit", "sys.exit(3)"),
        ("/interrupt", "KeyboardInterrupt", ""),
        ("/mute", "Mute", "raised RuntimeError"),
        ("/deep", "RecursionError", "recursion"),
    ):
        answer = worker.run(file_set(path, "/other"))
        assert answer.kind == FAILED and answer.items == 2, answer
        assert answer.error["phase"] == "run" and answer.error["type"].endswith(kind)
        assert needle in answer.error["message"]
        assert "parallelrun_worker" not in answer.error["traceback"]
        assert len(answer.error["traceback"]) < 100_000
    assert "in deeper" in worker.run(file_set("/raise")).error["traceback"]
    assert worker.run(file_set("/close")).kind == RESULT
    assert worker.run(file_set("/fine")).rows == b"/fine\n"


def test_a_broken_descriptor_fails_its_mini_batch(launcher, start):
    worker = start(launcher, ECHO)
    worker.ready()
    good = file_set("/a/b", "/a/c")
    broken = [good[:-1], good + b"x", good[:3], b"\x01", b"", b"\x09junk", b"\x01\xff\xff\xff\xff" + good[5:]]
    for descriptor in broken:
        answer = worker.run(descriptor)
        assert answer.kind == FAILED and answer.error["phase"] == "read", descriptor
    assert worker.run(good).rows == b"/a/b\n/a/c\n"
    assert worker.run(b"\x01\x00\x00\x00\x00").items == 0


def test_shutdown(launcher, start):
    worker = start(launcher, ECHO + "def shutdown(): print('the end')\n")
    worker.ready()
    worker.send_raw(worker.run_frame(1, file_set("/a")))
    worker.send(SHUTDOWN)
    assert worker.answer().kind == RESULT
    bye = worker.answer()
    assert bye.kind == BYE and bye.json == {}
    assert worker.process.wait(PATIENCE) == 0
    assert worker.stdout() == "the end\n"

    worker = start(launcher, ECHO)
    worker.ready()
    bye, status = worker.shutdown()
    assert bye.json == {} and status == 0

    worker = start(launcher, ECHO + "def shutdown(): raise OSError('cannot save')\n")
    worker.ready()
    bye, status = worker.shutdown()
    assert status == 0
    assert bye.json["error"]["phase"] == "shutdown" and "cannot save" in bye.json["error"]["message"]


def test_it_ends_when_the_agent_is_gone(launcher, start):
    worker = start(launcher, ECHO)
    worker.ready()
    worker.socket.shutdown(2)
    assert worker.process.wait(PATIENCE) == 1
    assert worker.stderr() == ""


def test_the_stack_is_dumped_on_request(launcher, start, tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    worker = start(
        launcher,
        "import sys\ndef init(): pass\ndef run(mini_batch):\n    stuck_here()\ndef stuck_here(): open(sys.argv[1]).read()\n",
        argv=[str(gate)],
    )
    worker.ready()
    worker.send_raw(worker.run_frame(1, file_set("/a")))
    worker.wait_for(lambda: worker.stamp()[0] == IN_RUN)
    worker.kill(signal.SIGUSR2)
    worker.wait_for(lambda: "in run" in worker.stderr())
    assert "in stuck_here" in worker.stderr()


def test_a_crash_leaves_its_stack_and_its_stamp(launcher, start):
    worker = start(launcher, "import ctypes\ndef init(): pass\ndef run(mini_batch): ctypes.string_at(0)\n")
    worker.ready()
    worker.send_raw(worker.run_frame(5, file_set("/a")))
    assert worker.process.wait(PATIENCE) == -signal.SIGSEGV
    assert "Segmentation fault" in worker.stderr() and "in run" in worker.stderr()
    assert worker.stamp()[:2] == (IN_RUN, 5) != (LOADING, 5)


def test_started_by_hand_it_says_so(launcher, tmp_path):
    started = subprocess.run(
        launcher.command(),
        env={"PARALLELRUN_PYTHON_PATH": str(PACKAGE), "PARALLELRUN_PYTHON_EXECUTABLE": launcher.python},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert started.returncode == 2
    assert "parallelrun agent" in started.stderr and "Traceback" not in started.stderr


def test_the_program_names_a_missing_package(tmp_path):
    started = subprocess.run(
        [EMBEDDED], env={"PARALLELRUN_PYTHON_PATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert started.returncode == 2 and str(tmp_path) in started.stderr
    started = subprocess.run([EMBEDDED], env={}, capture_output=True, text=True)
    assert started.returncode == 2 and "PARALLELRUN_PYTHON_PATH" in started.stderr
