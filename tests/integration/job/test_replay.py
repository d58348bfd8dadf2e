"""`parallelrun replay`: one mini-batch of a job again, in the foreground."""

import os
import signal
import subprocess

import pytest
from checkout import PROGRAM
from replayed import Replayed
from terminal import Terminal
from waiting import PATIENCE

FILES = """
    import os
    def init(): print("init of", os.getpid())
    def run(mini_batch):
        rows = []
        for path in mini_batch:
            text = open(path).read()
            number = int(text)
            rows.append(f"{os.path.basename(path)}:{number}")
        return rows
"""
TABLE = """
    def init(): pass
    def run(mini_batch):
        bad = mini_batch[mini_batch["value"] < 0]
        if len(bad): raise ValueError(f"{len(bad)} values below zero: {list(bad['value'])}")
        return mini_batch["value"] * 2
"""


@pytest.fixture
def numbers(embedded_job):
    """12 files by 4, of which f000005.txt holds no number: mini-batch 1 fails."""
    job = embedded_job.files(12, "7").script(FILES).set(miniBatchSize=4)
    job.file("f000005.txt", "seven")
    return Replayed(job)


@pytest.fixture
def table(embedded_job):
    rows = [f"{i},{-i if i in (11, 13) else i}" for i in range(2000)]
    embedded_job.file("t.csv", "key,value\n" + "\n".join(rows) + "\n").tabular().script(TABLE)
    return Replayed(embedded_job.set(miniBatchSize="4KB"))


def test_a_failed_mini_batch_of_files(numbers):
    numbers.run()
    assert [item["miniBatch"] for item in numbers.job.failed_items()] == [1]
    done = numbers.replay(1, code=1)
    assert "replay: run() gets 4 items" in done.stderr
    assert "ValueError: invalid literal for int() with base 10: 'seven'" in done.stderr
    assert "number = int(text)" in done.stderr and "in run" in done.stderr, "the script's traceback"
    assert "parallelrun_worker" not in done.stderr, "frames of ours"
    assert done.stderr.rstrip().endswith(
        "replay: run() failed: ValueError: invalid literal for int() with base 10: 'seven'"
    )
    assert done.stdout.startswith("init of ") and done.stdout.count("\n") == 1
    assert os.listdir(numbers.scratch()) == [], "nothing is left"


def test_a_mini_batch_that_succeeded_and_one_item_of_it(numbers):
    numbers.run()
    done = numbers.replay(2)
    assert done.stdout.splitlines()[1:] == [f"f{i:06}.txt:7" for i in (8, 9, 10, 11)]
    assert "replay: run() returned 4 elements for 4 items in " in done.stderr
    assert "note:" not in done.stderr
    assert numbers.replay(1, 0).stdout.splitlines()[1:] == ["f000004.txt:7"]
    assert "'seven'" in numbers.replay(1, 1, code=1).stderr
    # By its name, as the traceback and `failed` have it.
    assert "run() gets 1 item\n" in numbers.replay(1, "f000005.txt", code=1).stderr
    assert "f000006.txt:7" in numbers.replay(1, numbers.job.data / "f000006.txt").stdout


def test_what_does_not_exist_is_named_with_what_does(numbers):
    numbers.run()
    assert "this job has no mini-batch 3; they are 0 to 2" in numbers.replay(3, code=2).stderr
    said = numbers.replay(1, 4, code=2).stderr
    assert "ITEM is '4', but mini-batch 1 has 4 items, numbers 0 to 3: 'f000004.txt', 'f000005.txt'" in said
    assert "ITEM is 'f000001.txt', but mini-batch 1" in numbers.replay(1, "f000001.txt", code=2).stderr
    said = numbers.replay("seven", code=2).stderr
    assert "MINI-BATCH is 'seven', but must be the number of a mini-batch" in said
    assert "MINI-BATCH" in numbers.replay("-1", code=2).stderr
    for part in (1, 8, 16, 4000000000):
        assert f"has 4 items, and so no part {part}" in numbers.replay(f"1.{part}", code=2).stderr

    empty = numbers.job.root / "nothing"
    empty.mkdir()
    done = subprocess.run(
        [PROGRAM, "replay", empty, "1"], capture_output=True, text=True, cwd=numbers.job.root
    )
    assert done.returncode == 2 and "no output directory" in done.stderr and "'out'" in done.stderr
    done = subprocess.run([PROGRAM, "replay", numbers.job.out], capture_output=True, text=True)
    assert done.returncode == 2 and "MINI-BATCH is required" in done.stderr
    help_text = subprocess.run([PROGRAM, "replay", "--help"], capture_output=True, text=True).stdout
    assert (
        "Example: parallelrun replay results/digits 7 --pdb" in help_text and "Exit codes: 0 if" in help_text
    )


def test_a_part_that_isolate_failures_made(numbers):
    numbers.job.set(isolateFailures=True)
    numbers.run()
    (failed,) = numbers.job.failed_items()
    name = f"{failed['miniBatch']}.{failed['part']}"
    table = subprocess.run([PROGRAM, "failed", numbers.job.out], capture_output=True, text=True).stdout
    assert f"\n{name} " in table, "a person copies it from there"
    done = numbers.replay(name, code=1)
    assert "run() gets 1 item\n" in done.stderr and "'seven'" in done.stderr


def test_a_failed_mini_batch_of_a_table(table):
    table.run()
    assert [item["miniBatch"] for item in table.job.failed_items()] == [0]
    done = table.replay(0, code=1)
    assert "ValueError: 2 values below zero: [-11, -13]" in done.stderr and "raise ValueError" in done.stderr
    assert "note:" not in done.stderr
    assert "1 values below zero: [-11]" in table.replay(0, 11, code=1).stderr
    assert table.replay(0, 12).stdout == "24\n"
    # The rows of the next one, with the column types of the job.
    rows = table.replay(1).stdout.splitlines()
    assert rows == [row for row in table.job.rows() if int(row) // 2 < int(rows[-1]) // 2 + 1][: len(rows)]


def test_a_mend_is_tried_before_the_job_runs_again(numbers):
    numbers.run()
    numbers.job.script(FILES.replace("int(text)", "7"))
    done = numbers.replay(1)
    assert "f000005.txt:7" in done.stdout
    assert "note: the job ran with something else than what is here now: code: " in done.stderr
    assert "entry.py" in done.stderr


def test_a_file_that_has_changed_since(numbers):
    numbers.run()
    numbers.job.file("f000005.txt", "12345")
    (numbers.job.data / "f000006.txt").unlink()
    done = numbers.replay(1, code=1)
    assert "note: since the job listed its inputs: f000005.txt changed, f000006.txt is gone" in done.stderr
    assert "FileNotFoundError" in done.stderr
    assert "note:" not in numbers.replay(0).stderr, "its files are as they were"


def test_a_table_that_has_changed_since(table):
    table.run()
    text = (table.job.data / "t.csv").read_text()
    table.job.file("t.csv", text.replace("12,12", "12,99"))
    said = table.replay(0, code=1).stderr
    assert "note: since the job listed its inputs: t.csv changed" in said
    assert "t.csv" in said.split("note:")[1].split("replay:", 1)[1], "the reader refuses other rows"


def test_a_script_that_fails_before_run(numbers):
    numbers.run()
    numbers.job.script("def init(): raise KeyError('MODEL')\ndef run(b): return b\n")
    assert "replay: init() failed: KeyError: 'MODEL'" in numbers.replay(0, code=1).stderr
    numbers.job.script("import nothing_of_that_name\n")
    assert "loading the script failed: ModuleNotFoundError" in numbers.replay(0, code=1).stderr
    numbers.job.script("def init(): pass\ndef run(b): return b[:1]\n")
    done = numbers.replay(0, code=1)
    assert "3 items failed: run() returned fewer elements than it got items" in done.stderr
    assert done.stdout.count("\n") == 1


def test_rows_of_each_format(table):
    table.run()
    for form, shown in (("csv", "0\n2\n"), ("jsonl", '{"value":0}\n'), ("parquet", "0 "), ("text", "0\n2\n")):
        done = table.replay(1, 0, "--set", f"output.format={form}")
        assert done.stdout.count("\n") >= 1, form
        assert "the job ran with something else" in done.stderr or form == "text", done.stderr
    assert "dtype" in table.replay(1, "--set", "output.format=parquet").stdout


SECRET = """
    import os
    def init(): pass
    def run(mini_batch):
        return [f"{os.environ['TOKEN']} {os.environ['PLAIN']} {os.environ.get('GIVEN')}" for path in mini_batch]
"""


def test_variables_and_secrets(embedded_job):
    job = embedded_job.files(2).script(SECRET)
    job.set(
        environment={
            "variables": {"PLAIN": "here"},
            "env": [
                {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}},
            ],
        }
    )
    replayed = Replayed(job).run(env=job.environment(TOKEN="hidden"))
    done = replayed.replay(0, TOKEN="hidden")
    assert done.stdout == "hidden here None\n" * 2 and "note:" not in done.stderr
    # A secret that is not set here.
    said = replayed.replay(0, code=2).stderr
    assert "TOKEN" in said and "secretKeyRef" in said or "valueFrom" in said
    # The manifest does not say the value any more; no file of the output does.
    job.set(environment={"env": job.spec["environment"]["env"]})
    job.manifest()
    said = replayed.replay(0, code=2, TOKEN="hidden").stderr
    assert "the value of spec.environment.variables.PLAIN is not kept in the output directory" in said
    assert "--set 'spec.environment.variables.PLAIN=VALUE'" in said
    done = replayed.replay(0, "--set", "spec.environment.variables.PLAIN=here", TOKEN="hidden")
    assert done.stdout == "hidden here None\n" * 2 and "note:" not in done.stderr


def test_requirements_and_arguments_and_what_a_script_writes(embedded_job):
    job = embedded_job.files(2)
    job.script(
        """
        import argparse, logging, os
        from azureml_user.parallel_run import EntryScript
        parser = argparse.ArgumentParser()
        parser.add_argument("--out"); parser.add_argument("--factor", type=int)
        given = parser.parse_args()
        def init():
            EntryScript().logger.warning("a word of the logger")
        def run(mini_batch):
            with open(os.path.join(given.out, "extra.txt"), "w") as file: file.write("x")
            return [given.factor] * len(mini_batch)
        """
    )
    job.set(arguments=["--out", "$(output)", "--factor", "3"])
    replayed = Replayed(job).run()
    assert (job.out / "extra.txt").exists()
    done = replayed.replay(0)
    assert done.stdout == "3\n3\n"
    assert "a word of the logger" in done.stderr
    (folder,) = replayed.scratch().iterdir()
    assert f"what the script wrote is in {folder}" in done.stderr
    assert (folder / "output" / "extra.txt").read_text() == "x"


def test_modules_of_the_caller_s_folder(numbers):
    numbers.run()
    (numbers.job.root / "mine").mkdir()
    (numbers.job.root / "mine" / "of_the_caller.py").write_text("answer = 42\n")
    numbers.job.script(
        "import of_the_caller\ndef init(): pass\ndef run(b): return [of_the_caller.answer] * len(b)\n"
    )
    done = numbers.replay(0, cwd=numbers.job.root, PYTHONPATH="mine")
    assert done.stdout == "42\n" * 4


def test_partition_keys(embedded_job):
    job = embedded_job.tabular().set(partitionKeys=["key"])
    job.script(
        """
        def init(): pass
        def run(b):
            if (b["key"] == "y").any(): raise ValueError("no y")
            return [b["value"].sum()] * len(b)
        """
    )
    job.file("a.csv", "key,value\nx,1\ny,2\nx,3\n")
    replayed = Replayed(job).run()
    good, bad = (0, 1) if job.failed_items()[0]["miniBatch"] == 1 else (1, 0)
    # The records were put together when the job listed its inputs.
    job.file("a.csv", "key,value\nx,5\n")
    assert replayed.replay(good).stdout == "4\n4\n"
    assert "ValueError: no y" in replayed.replay(bad, code=1).stderr
    # A job that has nothing to try again does not keep them.
    job.script("def init(): pass\ndef run(b): return [1] * len(b)\n").set(
        output={"source": {"local": {"path": "again"}}}
    )
    job.out = job.root / "again"
    replayed.run()
    said = replayed.replay(0, code=2).stderr
    assert "the records of a job with partitionKeys are kept only while" in said


def test_ctrl_c_and_a_child_of_the_script(numbers):
    numbers.run()
    numbers.job.script(
        """
        import os, time
        def init():
            if os.fork() == 0: return
            os.wait()
        def run(mini_batch):
            print("at work", flush=True)
            time.sleep(600)
        """
    )
    process = numbers.start(0)
    assert process.stdout.readline() == "at work\n"
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, out + said
    assert "run() failed: KeyboardInterrupt" in said and said.count("run() gets 4 items") == 1


def test_the_debugger_stops_in_run_and_where_it_raises(numbers):
    numbers.run()
    before = numbers.state()
    terminal = Terminal(numbers.command(1, "--pdb"), {**numbers.job.environment(), "TERM": "dumb"})
    shown = terminal.until("(Pdb) ")
    assert "run() gets 4 items" in shown and "-> rows = []" in shown, shown
    terminal.type("p len(mini_batch)")
    assert "4\r\n" in terminal.until("(Pdb) ")
    terminal.type("c")
    shown = terminal.until("(Pdb) ")
    assert "run() failed: ValueError" in shown and "-> number = int(text)" in shown, shown
    terminal.type("p text")
    assert "'seven'" in terminal.until("(Pdb) ")
    terminal.type("q")
    _, status = terminal.end()
    assert status == 1
    assert numbers.state() == before


def test_the_debugger_steps_to_the_end(numbers):
    numbers.run()
    numbers.job.script(
        "def init(): pass\ndef run(mini_batch, *, mini_batch_context):\n    number = 5\n    return [number] * len(mini_batch)\n"
    )
    terminal = Terminal(numbers.command(0, "--pdb"), {**numbers.job.environment(), "TERM": "dumb"})
    assert "-> number = 5" in terminal.until("(Pdb) ")
    for line in ("n", "number = 6"):
        terminal.type(line)
        terminal.until("(Pdb) ")
    terminal.type("c")
    rest, status = terminal.end()
    assert status == 0 and "run() returned 4 elements" in rest and "6\r\n6\r\n6\r\n6\r\n" in rest
    terminal = Terminal(numbers.command(0, "--pdb"), {**numbers.job.environment(), "TERM": "dumb"})
    terminal.until("(Pdb) ")
    terminal.type("q")
    rest, status = terminal.end()
    assert status == 1 and "you left the debugger" in rest


def test_columns_have_the_types_that_the_job_decided(embedded_job):
    """A mini-batch of whole numbers is one of floats, as another one of the job has a fraction."""
    rows = "\n".join(f"{i},{i}" for i in range(2000))
    job = embedded_job.file("t.csv", f"key,value\n{rows}\n2000,0.5\n").tabular().set(miniBatchSize="4KB")
    job.script("def init(): pass\ndef run(b): return [str(b['value'].dtype)] * len(b)\n")
    replayed = Replayed(job).run()
    assert set(job.rows()) == {"float64"}
    assert replayed.replay(0, 0).stdout == "float64\n"
