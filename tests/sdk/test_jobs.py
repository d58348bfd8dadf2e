"""parallelrun.run and submit, with scripts: real jobs of the installed wheel on this machine."""

import os
import signal
import subprocess
import sys
import time

import pandas
import pytest

SQUARES = """\
import sys

def init():
    pass

def run(mini_batch):
    return [{"number": int(open(path).read()), "square": int(open(path).read()) ** 2} for path in mini_batch]
"""
BAD_THREE = """\
def init():
    pass

def run(mini_batch):
    if any(path.endswith("3.txt") for path in mini_batch):
        raise ValueError("three is bad")
    return [path for path in mini_batch]
"""
SLOW = """\
import time

def init():
    pass

def run(mini_batch):
    time.sleep(0.5)
    return list(mini_batch)
"""


@pytest.fixture
def script(folder):
    def write(text, name="count_them.py"):
        (folder / name).write_text(text)
        return folder / name

    return write


def test_results_of_an_earlier_job_are_taken(parallelrun, folder, script, monkeypatch, tmp_path_factory):
    monkeypatch.setenv("PARALLELRUN_RUN_INDEX", str(tmp_path_factory.mktemp("runs")))
    first = parallelrun.run(script(SQUARES), folder / "in", folder / "out1")
    again = parallelrun.run(folder / "count_them.py", folder / "in", folder / "out2")
    assert (first.reused_from, again.reused_from) == (None, str(folder / "out1"))
    assert again.status == "Complete" and again.progress["reason"] == "Reused"
    pandas.testing.assert_frame_equal(again.results(), first.results())


def test_a_script_gives_a_frame(parallelrun, folder, script, capsys):
    job = parallelrun.run(
        script(SQUARES), folder / "in", folder / "out", mini_batch_size=3, process_count_per_node=2
    )
    assert (job.status, job.name) == ("Complete", "count-them")
    rows = job.results().sort_values("number", ignore_index=True)
    pandas.testing.assert_frame_equal(
        rows, pandas.DataFrame({"number": range(10), "square": [n * n for n in range(10)]})
    )
    assert job.progress["miniBatchesProcessed"] == 4
    assert len(job.failed_items()) == 0 and job.errors() == []
    assert "10 / 10 items: Complete" in capsys.readouterr().err
    assert "job_progress_overview.txt" in job.logs()
    assert "itemsTotal" not in job.logs("job_progress_overview.txt")
    with pytest.raises(
        FileNotFoundError, match="no log 'nothing.txt'; there are: .*job_progress_overview.txt"
    ):
        job.logs("nothing.txt")


def test_scripts_run_in_the_python_that_calls(parallelrun, folder, script, monkeypatch):
    monkeypatch.setenv("VIRTUAL_ENV", "/nowhere")
    code = "import sys\ndef init(): pass\ndef run(mini_batch): return [sys.prefix] * len(mini_batch)\n"
    job = parallelrun.run(
        script(code), folder / "in", folder / "out", output_format="text", show_output=False
    )
    assert set(job.results()["row"]) == {sys.prefix}


def test_without_pandas_there_are_lists(parallelrun, folder, script, monkeypatch):
    job = parallelrun.run(script(SQUARES), folder / "in" / "7.txt", folder / "out", show_output=False)
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert job.results() == [{"number": 7, "square": 49}]
    assert job.failed_items() == []


def test_a_table(parallelrun, folder, script):
    code = "def init(): pass\ndef run(mini_batch): return mini_batch.assign(twice=mini_batch.value * 2)\n"
    table = parallelrun.table(folder / "table.csv", columns={"code": "string"})
    rows = parallelrun.run(script(code), table, folder / "out", show_output=False).results()
    assert list(rows["code"]) == [f"00{n}" for n in range(10)]
    assert list(rows["twice"]) == [2 * n + 1.0 for n in range(10)]


def test_a_csv_table_comes_back_with_its_columns(parallelrun, folder, script, monkeypatch):
    job = parallelrun.run(
        script(SQUARES), folder / "in", folder / "out", output_format="csv", show_output=False
    )
    rows = job.results().sort_values("number", ignore_index=True)
    pandas.testing.assert_frame_equal(
        rows, pandas.DataFrame({"number": range(10), "square": [n * n for n in range(10)]})
    )
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert {"number": "7", "square": "49"} in job.results() and len(job.results()) == 10


def test_a_parquet_file_comes_back_with_its_types(parallelrun, folder, script, monkeypatch):
    job = parallelrun.run(
        script(SQUARES), folder / "in", folder / "out", output_format="parquet", show_output=False
    )
    rows = job.results().sort_values("number", ignore_index=True)
    pandas.testing.assert_frame_equal(
        rows, pandas.DataFrame({"number": range(10), "square": [n * n for n in range(10)]})
    )
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert {"number": 7, "square": 49} in job.results() and len(job.results()) == 10


def test_several_inputs_side_inputs_and_arguments(parallelrun, folder, script):
    (folder / "other").mkdir()
    (folder / "other" / "x.txt").write_text("x")
    (folder / "labels").mkdir()
    code = (
        "import sys\ndef init(): pass\n"
        "def run(mini_batch, context): return [[context.dataset, sys.argv[1:]] for _ in mini_batch]\n"
    )
    job = parallelrun.run(
        script(code),
        {"ten": folder / "in", "one": parallelrun.files(folder / "other", glob="*.txt")},
        folder / "out",
        side_inputs={"labels": folder / "labels"},
        arguments=["--labels", "$(sideInputs.labels)", 7],
        show_output=False,
    )
    rows = job.results()["value"].tolist()
    assert sorted(row[0] for row in rows) == ["one"] + ["ten"] * 10
    assert rows[0][1] == ["--labels", str(folder / "labels"), "7"]


def test_failed_items(parallelrun, folder, script):
    job = parallelrun.run(
        script(BAD_THREE), folder / "in", folder / "out", mini_batch_size=1, run_max_try=1, show_output=False
    )
    assert job.status == "Complete"
    failed = job.failed_items()
    assert [list(files) for files in failed["files"]] == [[str(folder / "in" / "3.txt")]]
    (error,) = job.errors()
    assert (error["type"], error["message"]) == ("ValueError", "three is bad")
    assert (error["count"], error["phase"]) == (1, "run")


def test_errors_are_grouped(parallelrun, folder, script):
    """Also those of tries that were followed by a good one, and while the job runs."""
    code = (
        "import os\n\ndef init(): pass\n\ndef run(mini_batch):\n"
        "    number = int(open(mini_batch[0]).read())\n"
        "    if number % 2: raise ValueError(f'{number} is odd')\n"
        "    if number == 4: raise KeyError('four')\n"
        "    return list(mini_batch)\n"
    )
    job = parallelrun.run(
        script(code),
        folder / "in",
        folder / "out",
        mini_batch_size=1,
        run_max_try=2,
        run_retry_delay=0,
        show_output=False,
    )
    odd, four = job.errors()
    assert (odd["count"], odd["phase"], odd["type"]) == (10, "run", "ValueError")
    assert odd["message"].endswith(" is odd") and "count_them.py" in odd["traceback"]
    assert odd["traceback"].endswith(" is odd") and "process000" in odd["first"]
    assert (four["count"], four["type"], four["message"]) == (2, "KeyError", "'four'")


def test_a_job_that_fails_says_why(parallelrun, folder, script):
    with pytest.raises(parallelrun.JobError) as caught:
        parallelrun.run(
            script(BAD_THREE),
            folder / "in",
            folder / "out",
            mini_batch_size=1,
            run_max_try=1,
            error_threshold=0,
            show_output=False,
        )
    assert caught.value.status == caught.value.job.status == "Failed"
    assert "three is bad" in str(caught.value) and "count_them.py" in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mini_batch_sze": 3}, "spec.miniBatchSze: unknown field; did you mean 'miniBatchSize'?"),
        ({"mini_batch_size": 0}, "spec.miniBatchSize"),
        ({"name": "X"}, "metadata.name"),
        ({"inputs": "nowhere"}, "nowhere"),
    ],
)
def test_what_the_program_refuses_is_said_in_its_words(parallelrun, folder, script, settings, message):
    with pytest.raises(parallelrun.JobError) as caught:
        parallelrun.run(
            **{"script": script(SQUARES), "inputs": folder / "in", "output": folder / "out", **settings}
        )
    assert caught.value.status == "Invalid"
    assert message in str(caught.value)


def test_what_python_can_refuse_itself(parallelrun, folder, script):
    with pytest.raises(ValueError, match="backend is 'azure', but must be 'local' or 'kubernetes'"):
        parallelrun.submit(script(SQUARES), folder / "in", folder / "out", backend="azure")
    with pytest.raises(ValueError, match="are for backend='kubernetes'"):
        parallelrun.submit(script(SQUARES), folder / "in", folder / "out", namespace="team")
    with pytest.raises(ValueError, match="output_overwrite=True"):
        parallelrun.submit(
            script(SQUARES), folder / "in", folder / "out", backend="kubernetes", overwrite=True
        )
    with pytest.raises(TypeError, match="an input is int, but must be a path"):
        parallelrun.submit(script(SQUARES), [1], folder / "out")
    (folder / "in" / "a*.txt").write_text("")
    with pytest.raises(ValueError, match="give its folder and a glob"):
        parallelrun.submit(script(SQUARES), folder / "in" / "a*.txt", folder / "out")


def test_a_job_goes_on_where_it_was_cancelled(parallelrun, folder, script):
    settings = {"mini_batch_size": 1, "output_format": "text"}
    job = parallelrun.submit(script(SLOW), folder / "in", folder / "out", **settings)
    assert job.status == "Running"
    with pytest.raises(TimeoutError, match="'count-them' still runs after 0.1 seconds"):
        job.wait(timeout=0.1)
    while job.progress.get("miniBatchesProcessed", 0) < 2:
        time.sleep(0.05)
    assert job.cancel().status == "Interrupted"
    before = len(job.results())
    assert 2 <= before < 10
    with pytest.raises(parallelrun.JobError, match="'count-them' is Interrupted"):
        job.wait()
    again = job.resubmit(process_count_per_node=4).wait()
    assert sorted(again.results()["row"]) == sorted(str(path) for path in (folder / "in").iterdir())


def test_a_changed_job_has_another_output_and_takes_over_what_is_good(parallelrun, folder, script):
    job = parallelrun.run(script(SQUARES), folder / "in", folder / "out", show_output=False)
    with pytest.raises(parallelrun.JobError, match="--overwrite"):
        job.resubmit(mini_batch_size=1, output=folder / "out").wait()
    (folder / "in" / "new.txt").write_text("11")
    changed = job.resubmit(mini_batch_size=1).wait()
    assert changed.output_directory == str(folder / "out-2") and len(changed.results()) == 11
    assert changed.taken_over["items"] == 10 and changed.taken_over["left"] == 1
    assert changed.resubmit(mini_batch_size=2).wait().output_directory == str(folder / "out-3")
    afresh = job.resubmit(mini_batch_size=1, output=folder / "out2", allow_reuse=False).wait()
    assert afresh.progress["miniBatchesProcessed"] == 11 and afresh.taken_over["items"] == 0
    (folder / "in" / "new.txt").unlink()
    replaced = job.resubmit(mini_batch_size=5, overwrite=True).wait()
    assert replaced.progress["miniBatchesProcessed"] == 2 and len(job.results()) == 10


def test_an_output_directory_is_resubmitted(parallelrun, folder, script):
    """By a program that did not start it: as it ran, with what is changed."""
    parallelrun.run(script(SQUARES), folder / "in", folder / "out", show_output=False, mini_batch_size=3)
    (folder / "in" / "new.txt").write_text("11")
    job = parallelrun.resubmit(folder / "out", mini_batch_size=1, output_add_context=True).wait()
    assert job.output_directory == str(folder / "out-2")
    assert job.manifest["spec"]["miniBatchSize"] == 1 and len(job.results()) == 11
    assert job.resubmit(mini_batch_size=2).wait().output_directory == str(folder / "out-3")
    # Other rows than before, so nothing is taken over; the file's format is the new one.
    other = parallelrun.resubmit(
        folder / "out", script=lambda batch: ["row"] * len(batch), output_format="text", output=folder / "x"
    ).wait()
    assert other.taken_over["items"] == 0 and list(other.results()["row"]) == ["row"] * 11
    with pytest.raises(FileNotFoundError, match="'.*in' does not say with what its job was started"):
        parallelrun.resubmit(folder / "in")
    with pytest.raises(ValueError, match="name is for a job of a cluster"):
        parallelrun.resubmit(folder / "out", name="x")


def test_ctrl_c_cancels(package, folder, script):
    script(SLOW)
    program = (
        "import parallelrun; print('begun', flush=True); "
        "parallelrun.run('count_them.py', 'in', 'out', mini_batch_size=1, output_format='text')"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(package)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    rows = folder / "out" / "parallel_run_step.txt"
    deadline = time.monotonic() + 120
    while not (rows.exists() and rows.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGINT and "KeyboardInterrupt" in errors
    assert not (folder / "out" / "_SUCCESS").exists()
    assert "Interrupted" in (folder / "out" / "logs" / "job_progress_overview.txt").read_text()


def test_a_submitted_job_goes_on_without_its_python(package, folder, script):
    script(SLOW)
    program = "import parallelrun; parallelrun.submit('count_them.py', 'in', 'out', mini_batch_size=2)"
    environment = {**os.environ, "PYTHONPATH": str(package)}
    subprocess.run([sys.executable, "-c", program], cwd=folder, env=environment, check=True)
    deadline = time.monotonic() + 120
    while not (folder / "out" / "_SUCCESS").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert len((folder / "out" / "parallel_run_step.txt").read_text().splitlines()) == 10


def test_importing_it_loads_nothing_else(package):
    program = (
        "import sys; before = set(sys.modules); import parallelrun; print(sorted(set(sys.modules) - before))"
    )
    command = [sys.executable, "-S", "-c", program]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(package)}, capture_output=True, text=True
    )
    assert done.stdout.strip() == "['parallelrun']", done.stderr
