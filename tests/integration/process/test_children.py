"""Processes that the script starts: a forked child never goes on as the worker, and what is imported in the
script may start processes as it may under `python script.py`."""

import os
import textwrap

import pytest
from worker_harness import INIT_FAILED, PATIENCE, RESULT, file_set

# Forks where `place` says; the child does `what`, and the parent says how it ended.
FORKS = """
import atexit, os, sys, threading
atexit.register(lambda: open(sys.argv[1], "a").write("exit handler of %%d\\n" %% os.getpid()))

def fork():
    global status
    child = os.fork()
    if child == 0:
        %(what)s
        return True
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) if hasattr(os, "waitstatus_to_exitcode") else (
        os.waitpid(child, 0)[1] >> 8)

def in_thread():
    thread = threading.Thread(target=fork)
    thread.start()
    thread.join()

class Element:
    def __str__(self):
        return "CHILD" if fork() else str(status)

%(load)s
def init():
    %(init)s
def run(mini_batch):
    %(run)s
    return [status] * len(mini_batch)
def shutdown():
    %(shutdown)s
"""
NOTHING = {"load": "", "init": "pass", "run": "pass", "shutdown": "pass"}

ENDS = [
    ("sys.exit(0)", 0, ""),
    ("sys.exit()", 0, ""),
    ("sys.exit(7)", 7, ""),
    ("sys.exit(True)", 1, ""),
    ("sys.exit('words')", 1, "words\n"),
    ("raise ValueError('of the child')", 1, "ValueError: of the child"),
    ("print('from the child', end='')", 0, ""),
    ("os._exit(9)", 9, ""),
]


def forks(what, **places):
    return FORKS % dict(NOTHING, what=what, **places)


def check_rows_and_handlers(worker, handlers, status, tasks=3):
    """The worker alone answers, once for each task, and runs its exit handler once."""
    for task in range(tasks):
        answer = worker.run(file_set("/a", "/b"), task=task)
        assert (answer.kind, answer.task, answer.returned) == (RESULT, task, 2), answer
        assert answer.rows == b"%d\n%d\n" % (status, status)
    worker.shutdown()
    assert worker._buffer == b""
    assert handlers.read_text() == "exit handler of %d\n" % worker.process.pid


@pytest.mark.parametrize("what, status, words", ENDS)
@pytest.mark.parametrize("place", ["load", "init", "run"])
def test_a_forked_child_ends_where_it_comes_back(launcher, start, tmp_path, place, what, status, words):
    handlers = tmp_path / "handlers"
    call = {"load": "fork()", "init": "fork()", "run": "if fork(): return ['CHILD', 'CHILD']"}[place]
    if place == "load":
        # At the script's end: the child comes back from the import.
        call = "fork()"
    worker = start(launcher, forks(what, **{place: call}), argv=[str(handlers)])
    ready = worker.ready()
    assert ready.json["pid"] == worker.process.pid
    check_rows_and_handlers(worker, handlers, status)
    assert words in worker.stderr()
    assert "parallelrun_worker" not in worker.stderr()
    if "from the child" in what:
        assert worker.stdout().count("from the child") == (3 if place == "run" else 1)


@pytest.mark.parametrize("what, status, words", ENDS)
def test_a_child_forked_from_a_thread(launcher, start, tmp_path, what, status, words):
    handlers = tmp_path / "handlers"
    worker = start(launcher, forks(what, init="in_thread()", run="in_thread()"), argv=[str(handlers)])
    worker.ready()
    check_rows_and_handlers(worker, handlers, status)
    assert words in worker.stderr()


def test_a_child_forked_by_an_element_or_at_the_end(launcher, start, tmp_path):
    handlers = tmp_path / "handlers"
    script = forks("pass", run="return [Element() for _ in mini_batch]", shutdown="fork()")
    worker = start(launcher, script, argv=[str(handlers)])
    worker.ready()
    check_rows_and_handlers(worker, handlers, 0)


def test_a_child_forked_by_native_code(launcher, start, tmp_path):
    """No hook of Python's runs then."""
    handlers = tmp_path / "handlers"
    script = forks("pass", run="if fork(): return ['CHILD', 'CHILD']").replace(
        "os.fork()", "__import__('ctypes').CDLL(None).fork()"
    )
    worker = start(launcher, script, argv=[str(handlers)])
    worker.ready()
    check_rows_and_handlers(worker, handlers, 0)


def test_a_child_of_a_signal_handler(launcher, start, tmp_path):
    handlers = tmp_path / "handlers"
    worker = start(
        launcher,
        forks(
            "pass", init="signal.signal(signal.SIGUSR1, lambda *_: fork())", load="import signal; status = 0"
        ),
        argv=[str(handlers)],
    )
    worker.ready()
    for _ in range(3):
        worker.kill(10)  # SIGUSR1, while it waits for work
        answer = worker.run(file_set("/a"))
        assert answer.kind == RESULT, answer
    worker.shutdown()
    assert handlers.read_text() == "exit handler of %d\n" % worker.process.pid


def test_a_child_that_lives_on_holds_no_channel(launcher, start):
    worker = start(
        launcher,
        """
        import os, sys, time
        def init(): pass
        def run(mini_batch):
            if os.fork() == 0:
                try:
                    os.write(3, b"junk")
                except OSError as error:
                    print(error.strerror, flush=True)
                time.sleep(600)
            return mini_batch
        """,
    )
    worker.ready()
    assert worker.run(file_set("/a")).rows == b"/a\n"
    worker.wait_for(lambda: "Bad file descriptor" in worker.stdout())
    worker.kill()
    with pytest.raises(EOFError):  # while the child lives
        worker.answer(PATIENCE)
    os.killpg(worker.process.pid, 9)


def test_a_script_that_a_child_leaves_in_init_still_fails_by_itself(launcher, start):
    worker = start(
        launcher,
        """
        import os, sys
        def init():
            if os.fork() == 0: sys.exit(0)
            os.wait()
            raise ValueError("the parent's own")
        def run(mini_batch): return mini_batch
        """,
    )
    answer = worker.answer()
    assert answer.kind == INIT_FAILED and answer.json["message"] == "the parent's own"
    assert worker.process.wait(PATIENCE) == 1


# What must give the same as `python script.py`: a function of a module beside the script, so that the import
# itself may call it, and one of the script.
BESIDE = """
import os
def square(x): return x * x
"""
USES = {
    "fork": "pool_of('fork', f)",
    "spawn": "pool_of('spawn', f)",
    "forkserver": "pool_of('forkserver', f)",
    "executor": "executor_of('fork', f)",
    "executor-spawn": "executor_of('spawn', f)",
    "process": "process_of('spawn', f)",
}
SCRIPT = """
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
from azureml_user.parallel_run import EntryScript
import beside

def pool_of(method, f):
    with multiprocessing.get_context(method).Pool(2) as pool:
        return pool.map(f, [1, 2, 3])

def executor_of(method, f):
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:
        return list(pool.map(f, [1, 2, 3]))

def put(queue, f):
    EntryScript().logger.warning("logged by a child")
    for x in [1, 2, 3]: queue.put(f(x))

def process_of(method, f):
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    child = context.Process(target=put, args=(queue, f))
    child.start()
    answers = [queue.get() for _ in range(3)]
    child.join()
    return answers

def joblib_of(f):
    import joblib
    return joblib.Parallel(n_jobs=2)(joblib.delayed(f)(x) for x in [1, 2, 3])

def own(x): return x * x + len(EntryScript().agent_name)
def plain(x): return x * x + 8

"""


def uses(use, place):
    parts = {"load": "loaded = None", "init": "pass", "run": "pass"}
    if place == "load":
        # As a library does it: its own function. One of the script does not exist yet.
        parts["load"] = (
            "loaded = None\nif multiprocessing.parent_process() is None: f = beside.square; loaded = %s" % use
        )
    else:
        parts[place] = "f = own; global loaded; loaded = " + use
    return (
        SCRIPT
        + textwrap.dedent(
            """
        %(load)s
        def init():
            %(init)s
        def run(mini_batch):
            %(run)s
            return loaded
        """
        )
        % parts
    )


@pytest.mark.parametrize("name", ["entry.py", "a.b.py"])
@pytest.mark.parametrize("use", list(USES))
@pytest.mark.parametrize("place", ["load", "init", "run"])
def test_processes_of_libraries(tabular_launcher, start, scripts, place, use, name):
    if (place, use) == ("load", "process"):
        pytest.skip("the function of a process of its own is the script's, which is not there yet")
    scripts.write(BESIDE, "beside.py")
    worker = start(tabular_launcher, uses(USES[use], place), name=name)
    worker.ready()
    answer = worker.run(file_set("/a"))
    expected = [1, 4, 9] if place == "load" else [9, 12, 17]  # len("agent000") is 8
    assert answer.kind == RESULT, (answer, worker.stderr())
    assert answer.rows.decode().split() == list(map(str, expected))
    if use == "process" and place != "load":
        assert "logged by a child" in worker.stderr()


@pytest.mark.parametrize("place", ["load", "init", "run"])
def test_joblib(tabular_launcher, start, scripts, place):
    scripts.write(BESIDE, "beside.py")
    worker = start(
        tabular_launcher, uses("joblib_of(f)", place).replace("f = own", "f = plain"), name="a.b.py"
    )
    worker.ready()
    answer = worker.run(file_set("/a"))
    expected = [1, 4, 9] if place == "load" else [9, 12, 17]
    assert answer.kind == RESULT, (answer, worker.stderr())
    assert answer.rows.decode().split() == list(map(str, expected))
