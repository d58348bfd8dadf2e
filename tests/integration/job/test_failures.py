"""Scripts that raise, hang, crash, do not load: each costs what the contract says, and is told where it is looked for."""

import json
import os
import time

import pytest
from processes import command_line
from waiting import wait_for

PASS = "def init(): pass\n"


def test_raise_is_tried_again_and_then_its_items_fail(job):
    job.files(9).set(miniBatchSize=3, runMaxTry=3)
    job.script("""
        import os
        def init(): pass
        def run(mini_batch):
            names = [os.path.basename(p) for p in mini_batch]
            if "f000004.txt" in names:
                with open(os.environ["TRIES"], "a") as f: f.write("x")
                raise ValueError("bad digit in " + names[1])
            return names
    """)
    job.set(environment={"variables": {"TRIES": str(job.root / "tries")}})
    outcome = job.run().expect(0)
    assert (job.root / "tries").read_text() == "xxx"
    assert len(job.rows()) == 6
    failed = job.failed_items()
    text = str(failed)
    assert "f000003.txt" in text and "f000005.txt" in text and "bad digit in f000004.txt" in text
    assert "bad digit" in job.log("user/error.txt")
    assert "Traceback" in job.log("user/error/**/*") and "entry.py" in job.log("user/error/**/*")
    assert "bad digit" in outcome.words, "the terminal names the first error"


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_row_has_one_number_wherever_it_is_told(embedded_job, kind):
    """Blank lines lie before, between and behind the records: the number is that which a person counts."""
    gaps = [2, 0, 1, 0, 3, 0, 0, 40, 1, 2]
    header, record = ("n\n", "%d\n") if kind == "csv" else ("", '{"n": %d}\n')
    text, row, row_of = header, 0, {}
    for n, gap in enumerate(gaps):
        text += "\n" * gap + record % n
        row += gap + 1
        row_of[n] = row
    job = embedded_job.file("t.%s" % kind, text + "\n\n").tabular(format=kind)
    job.script("""
        def init(): pass
        def run(frame, context):
            numbers = frame.n.tolist()
            if 4 in numbers: raise ValueError("bad")
            return [{"n": n, "from": context.rows.start, "to": context.rows.stop - 1, "of": numbers} for n in numbers]
    """)
    job.spec["output"].update(format="jsonl", addContext=True)
    job.set(runMaxTry=1, miniBatchSize=4 if kind == "csv" else 18).run().expect(0)
    told = [json.loads(line) for line in job.rows()]
    (failed,) = job.failed_items()
    first = failed["firstRow"]
    lost = [n for n in row_of if first <= row_of[n]][: failed["records"]]
    assert 4 in lost and first == row_of[lost[0]]
    assert {line["n"]: line["row"] for line in told} == {n: row_of[n] for n in row_of if n not in lost}
    assert any(len(line["of"]) > 1 for line in told)
    for line in told:
        assert (line["from"], line["to"]) == (row_of[line["of"][0]], row_of[line["of"][-1]])


def test_a_later_try_can_succeed(job):
    job.files(4).set(miniBatchSize=1)
    job.script("""
        import os
        def init(): pass
        def run(mini_batch):
            mark = os.path.join(os.environ["MARKS"], os.path.basename(mini_batch[0]))
            if not os.path.exists(mark):
                open(mark, "w").close()
                raise RuntimeError("first try")
            return mini_batch
    """)
    (job.root / "marks").mkdir()
    job.set(environment={"variables": {"MARKS": str(job.root / "marks")}})
    job.run().expect(0)
    assert len(job.rows()) == 4 and job.failed_items() == []


@pytest.mark.parametrize(
    "result, named",
    [
        ("None", "None (does it have a return statement?)"),
        ("'text'", "str"),
        ("{'a': 1}", "dict"),
        ("5", "int"),
        ("(x for x in mini_batch)", "generator"),
    ],
)
def test_wrong_result_types_name_the_type_and_the_rule(job, result, named):
    job.files(2).set(runMaxTry=1).script(PASS + f"def run(mini_batch): return {result}\n")
    outcome = job.run().expect(1)  # nothing succeeded
    summary = job.log("user/error.txt")
    assert named in summary and "DataFrame" in summary, summary
    assert named in outcome.words


def test_a_mini_batch_that_breaks_the_channel_of_its_process_pays_alone(job):
    """Mini-batches before it have results that were not sent yet, those behind it wait in the process."""
    job.files(40).file("f000020.bad", "x").set(miniBatchSize=1, runMaxTry=2)
    job.script("""
        import os
        def init(): pass
        def run(mini_batch):
            if mini_batch[0].endswith(".bad"): os.closerange(3, 64)
            return mini_batch
    """)
    outcome = job.run().expect(0)
    assert len(job.rows()) == len(set(job.rows())) == 40
    [failed] = job.failed_items()
    assert failed["files"] == [str(job.data / "f000020.bad")] and failed["tries"] == 2
    assert failed["error"]["phase"] == "run" and "file descriptor 3" in failed["error"]["message"]
    assert "file descriptor 3" in outcome.words
    assert "2 errors of 1 kind" in job.log("user/error.txt")


def test_shortfall_counts_once_and_is_not_tried_again(job):
    job.files(10).set(miniBatchSize=5)
    job.script(PASS + "def run(mini_batch): return mini_batch[:3]\n")
    job.run().expect(0)
    assert len(job.rows()) == 6
    assert job.result()["itemsFailed"] == 4
    assert [item["count"] for item in job.failed_items()] == [2, 2]


def test_more_elements_than_items_is_no_failure(job):
    job.files(2).script(PASS + "def run(mini_batch): return list(mini_batch) * 3\n")
    job.run().expect(0)
    assert len(job.rows()) == 6 and job.failed_items() == []


STUCK = {
    "in Python": "while True: pass",
    "in C with the GIL held": "import ctypes; ctypes.PyDLL(None).sleep(1000)",
    "in a sleeping child": "import subprocess; subprocess.run(['sleep', '1000'])",
    "with a signal handler that ignores": "import signal, time; [signal.signal(s, signal.SIG_IGN) for s in (2, 15)]; time.sleep(1000)",
}


@pytest.mark.parametrize("how", STUCK)
def test_a_stuck_run_is_killed_after_its_time(job, how):
    job.files(3).set(miniBatchSize=1, runInvocationTimeout=1, runMaxTry=2)
    job.script(f"""
        def init(): pass
        def run(mini_batch):
            if mini_batch[0].endswith("f000001.txt"):
                {STUCK[how]}
            return mini_batch
    """)
    job.run().expect(0)  # long before the thousand seconds
    assert len(job.rows()) == 2
    text = str(job.failed_items())
    assert "f000001.txt" in text and "runInvocationTimeout" in text
    if how == "in Python":
        assert "entry.py" in job.log("user/stderr/*/*"), "the stack at the time of the kill"


LEAVING = """
    import os, subprocess, sys, time
    MARK = "4{mark}"
    def daemon():
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.execvp("sleep", ["sleep", MARK])
            os._exit(0)
        os.wait()
    def init(): pass
    def run(mini_batch):
        subprocess.Popen(["setsid", "sleep", MARK])
        subprocess.Popen(["setsid", "sh", "-c", "sleep %s & wait" % MARK])
        daemon()
        time.sleep(0.3)
        {end}
"""


def sleepers(mark):
    return [pid for pid in os.listdir("/proc") if pid.isdigit() and f"sleep 4{mark} " in command_line(pid)]


@pytest.mark.parametrize("end", ["time.sleep(1000)", "os._exit(3)", "os.kill(os.getpid(), 9)"])
def test_what_left_the_group_of_a_dead_process_dies_with_it(job, end):
    mark = f"{os.getpid()}{time.monotonic_ns() % 1000000}"
    job.files(1).set(runMaxTry=1, runInvocationTimeout=2)
    job.script(LEAVING.replace("{mark}", mark).replace("{end}", end))
    job.run().expect(1)
    wait_for(lambda: not sleepers(mark), lambda: f"the end of {sleepers(mark)}")


def test_a_daemon_lives_as_long_as_its_process_and_ended_ones_leave_no_zombie(embedded_job):
    job = embedded_job.files(2).set(miniBatchSize=1)
    job.script("""
        import os, subprocess, time
        def init():
            global before
            subprocess.run("setsid sleep 1000 & echo $! > daemon.pid", shell=True)
            for _ in range(20): subprocess.run("setsid true &", shell=True)
        def zombies():
            found = 0
            for pid in filter(str.isdigit, os.listdir("/proc")):
                try:
                    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
                except OSError:
                    continue
                found += fields[0] == "Z" and int(fields[1]) == os.getppid()
            return found
        def run(mini_batch):
            time.sleep(1.5)
            os.kill(int(open("daemon.pid").read()), 0)
            deadline = time.monotonic() + 60
            while zombies() and time.monotonic() < deadline: time.sleep(0.1)
            return ["%d zombies" % zombies()]
    """)
    job.run().expect(0)
    assert job.rows() == ["0 zombies", "0 zombies"]
    daemon = int((job.code / "daemon.pid").read_text())
    wait_for(lambda: "sleep 1000" not in command_line(daemon), "the end of the daemon")


CRASH = {
    "segfault": ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
    "os._exit": ("os._exit(7)", "7"),
    "SIGKILL": ("import signal; os.kill(os.getpid(), signal.SIGKILL)", "lower miniBatchSize"),
    "abort": ("os.abort()", "SIGABRT"),
    "memory": (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 28, 1 << 28)); bytearray(1 << 30)",
        "to use less, lower miniBatchSize or processCountPerNode",
    ),
}


@pytest.mark.parametrize("how", CRASH)
def test_a_crash_costs_the_running_mini_batch_and_nothing_else(job, how):
    statement, word = CRASH[how]
    job.files(50).set(miniBatchSize=1, runMaxTry=2)
    job.script(f"""
        import os
        def init(): pass
        def run(mini_batch):
            if mini_batch[0].endswith("f000020.txt"):
                with open(os.environ["TRIES"], "a") as f: f.write("x")
                {statement}
            return [os.path.basename(mini_batch[0])]
    """)
    job.set(environment={"variables": {"TRIES": str(job.root / "tries")}})
    job.run().expect(0)
    assert (job.root / "tries").read_text() == "xx"
    assert sorted(job.rows()) == sorted(f"f{i:06}.txt" for i in range(50) if i != 20)
    assert word in str(job.failed_items()), job.failed_items()


def test_sys_exit_in_run_costs_one_try_not_the_process(job):
    job.files(5).set(miniBatchSize=1, runMaxTry=1)
    job.script("""
        import os, sys
        def init(): pass
        def run(mini_batch):
            if mini_batch[0].endswith("2.txt"): sys.exit(3)
            return [str(os.getpid())]
    """)
    job.run().expect(0)
    assert len(job.rows()) == 4 and len(set(job.rows())) == 1
    assert "SystemExit" in str(job.failed_items())


LOADING = {
    "no init": ("def run(b): return b\n", "init"),
    "no run": ("def init(): pass\n", "run"),
    "syntax error": ("def init(:\n", "SyntaxError"),
    "import error": (
        "import no_such_module_here\ndef init(): pass\ndef run(b): return b\n",
        "name its package in spec.environment.requirements",
    ),
    "raises on import": ("raise RuntimeError('at import')\n", "at import"),
    "exits on import": ("import os\nos._exit(9)\n", "9"),
}


@pytest.mark.parametrize("how", LOADING)
def test_a_script_that_does_not_load_fails_the_job_soon(job, how):
    script, word = LOADING[how]
    job.files(3).script(script)
    started = time.monotonic()
    outcome = job.run().expect(1)
    assert time.monotonic() - started < 60
    assert word in outcome.words
    assert word in job.overview()
    assert job.rows() == []


def test_init_that_always_fails_ends_the_job(job):
    job.files(3).script("def init(): raise OSError('no model here')\ndef run(b): return b\n").set(
        processCountPerNode=2
    )
    outcome = job.run().expect(1)
    assert "no model here" in outcome.words and "no model here" in job.overview()
    assert "init" in job.overview()


def test_init_that_hangs_is_killed_after_init_timeout(job):
    job.files(3).script("import time\ndef init(): time.sleep(1000)\ndef run(b): return b\n").set(
        initTimeout=1
    )
    outcome = job.run().expect(1)
    assert "initTimeout" in outcome.words


def test_init_that_fails_once_is_tried_again(job):
    job.script("""
        import os
        def init():
            if not os.path.exists(os.environ["MARK"]):
                open(os.environ["MARK"], "w").close()
                raise OSError("flaky")
        def run(mini_batch): return mini_batch
    """)
    job.files(3).set(environment={"variables": {"MARK": str(job.root / "mark")}})
    outcome = job.run("--json").expect(0)
    assert len(job.rows()) == 3
    assert "flaky" in job.log("user/error.txt")
    progress = [
        event for event in map(json.loads, outcome.stdout.splitlines()) if event["event"] == "progress"
    ]
    said = [event["startFailure"] for event in progress if "startFailure" in event]
    assert said and all("agent" in words and "OSError: flaky" in words for words in said), progress
    assert not [event for event in progress if event["processesReady"] and "startFailure" in event]


FAIL_SOME = """
    import os
    def init(): pass
    def run(mini_batch):
        if int(os.path.basename(mini_batch[0])[1:7]) % 2: raise ValueError("odd file")
        return mini_batch
"""


def test_error_threshold_aborts_and_a_second_run_goes_on(job):
    job.files(40).set(miniBatchSize=1, runMaxTry=1, errorThreshold=5).script(FAIL_SOME)
    outcome = job.run().expect(1)
    assert "errorThreshold" in outcome.words and "5" in outcome.words and "odd file" in outcome.words
    assert "errorThreshold" in job.overview()
    committed = job.rows()
    assert len(committed) < 40
    assert not (job.out / "_SUCCESS").exists()
    job.set(errorThreshold=-1).run().expect(0)
    assert len(job.rows()) == 20 and set(committed) <= set(job.rows())
    assert job.result()["itemsFailed"] == 20


def test_threshold_is_more_than_not_as_many_as(job):
    job.files(10).set(miniBatchSize=1, runMaxTry=1, errorThreshold=5).script(FAIL_SOME)
    job.run().expect(0)
    assert job.result()["itemsFailed"] == 5


@pytest.mark.parametrize("fields", [{"allowedFailedCount": 2}, {"allowedFailedPercent": 10}])
def test_mini_batch_thresholds(job, fields):
    job.files(40).set(miniBatchSize=1, runMaxTry=1, **fields).script(FAIL_SOME)
    outcome = job.run().expect(1)
    assert next(iter(fields)) in outcome.words


def test_nothing_succeeded_fails_the_job(job):
    job.files(3).set(runMaxTry=1).script(PASS + "def run(b): raise ValueError('always')\n")
    outcome = job.run().expect(1)
    assert "always" in outcome.words


@pytest.mark.parametrize("row, named", [("3,4,5", "too many"), ("3", "too few")])
def test_a_ragged_row_fails_its_mini_batch_and_names_file_and_row(job, row, named):
    job.file("a.csv", "x,y\n1,2\n" + row + "\n5,6\n").file("b.csv", "x,y\n7,8\n")
    job.tabular().set(runMaxTry=1)
    job.script(PASS + "def run(frame): return frame\n")
    job.run().expect(0)
    assert job.rows() == ["7 8"]
    text = str(job.failed_items())
    assert "a.csv" in text and "row 2" in text, text
    assert job.result()["itemsFailed"] == 3


def test_broken_encoding_and_a_misfit_value_are_named(job):
    job.file("a.csv", b"x,y\n1,ok\n2,\xff\xfe\n").file("b.csv", "x,y\n7,8\n").file(
        "c.csv", "x,y\n" + "1,a\n" * 3
    )
    job.tabular().set(runMaxTry=1).script(PASS + "def run(frame): return [str(v) for v in frame.x]\n")
    job.run().expect(0)
    text = str(job.failed_items())
    assert "a.csv" in text and "utf-8" in text.lower(), text


def test_an_unreadable_csv_file_fails_its_items_and_is_named(job):
    job.file("a.csv", "x\n1\n").file("b.csv", "x\n2\n").tabular().set(runMaxTry=1)
    # Root reads everything: a name that leads nowhere any more is unreadable for everybody.
    job.script("""
        import os, time
        def init():
            while "the plan is complete" not in open(os.environ["LOG"]).read(): time.sleep(0.05)
            try: os.remove(os.environ["GONE"])
            except FileNotFoundError: pass
        def run(frame): return list(frame.x)
    """)
    log = job.out / "logs" / "sys" / "master_role.txt"
    job.set(environment={"variables": {"GONE": str(job.data / "b.csv"), "LOG": str(log)}})
    job.run().expect(0)
    assert job.rows() == ["1"]
    assert "b.csv" in str(job.failed_items())


def test_huge_output_of_a_script_does_not_hold_it_back(job):
    job.files(20).set(miniBatchSize=1)
    job.script("""
        import sys
        def init(): pass
        def run(mini_batch):
            sys.stdout.write("y" * 5_000_000)          # one endless line
            sys.stderr.write("z\\n" * 200_000)
            return mini_batch
    """)
    job.run().expect(0)
    assert len(job.rows()) == 20
