"""Functions in place of a script, as a program or a notebook has them: in __main__, where nobody can import them."""

import pytest


def test_functions_share_what_init_made(python):
    done = python("""
        import parallelrun

        OFFSET = 100

        class Model:
            def predict(self, path):
                with open(path) as file:
                    return int(file.read()) + OFFSET

        model = None

        def init():
            global model
            model = Model()

        def run(mini_batch):
            return [model.predict(path) for path in mini_batch]

        job = parallelrun.run((init, run), "in", "out", mini_batch_size=4, show_output=False)
        print(sorted(job.results()["value"]), model)
        """)
    assert done.stdout.split("\n")[0] == f"{[100 + n for n in range(10)]} None"


def test_one_function_with_a_closure_and_a_neighbouring_module(python, folder):
    (folder / "neighbour.py").write_text("def twice(value):\n    return 2 * value\n")
    done = python("""
        import parallelrun
        import neighbour

        def make(offset):
            def add(mini_batch):
                return [neighbour.twice(int(open(path).read())) + offset for path in mini_batch]
            return add

        job = parallelrun.run(make(1000), "in", "out", show_output=False)
        print(job.name, sorted(job.results()["value"]))
        """)
    assert done.stdout.strip() == f"add {[1000 + 2 * n for n in range(10)]}"


def test_edited_functions_are_another_job(python):
    program = """
        import parallelrun

        def run(mini_batch):
            return [%s for path in mini_batch]

        print(parallelrun.run(run, "in", "out", show_output=False).results()["value"].tolist())
        """
    assert python(program % 1).stdout.strip() == str([1] * 10)
    assert python(program % 1).stdout.strip() == str([1] * 10)
    refused = python(program % 2, check=False)
    assert refused.returncode != 0 and "code: functions.py changed" in refused.stderr


def test_shutdown_is_called(python, folder):
    python(f"""
        import parallelrun

        def shutdown():
            open({str(folder / "ended")!r}, "w").close()

        parallelrun.run((None, list, shutdown), "in", "out", show_output=False)
        """)
    assert (folder / "ended").exists()


@pytest.mark.parametrize(
    ("prepare", "use", "named"),
    [
        ("import threading; lock = threading.Lock()", "lock", "'lock' (_thread.lock)"),
        ("import sqlite3; base = sqlite3.connect(':memory:')", "base", "'base' (sqlite3.Connection)"),
        (
            "file = open('/dev/null', 'w')",
            "[each for each in (lambda: file)()]",
            "'file' (_io.TextIOWrapper)",
        ),
    ],
)
def test_what_cannot_be_pickled_is_named(python, folder, prepare, use, named):
    done = python(
        f"""
        import os, parallelrun
        {prepare}

        def inner():
            return {use}

        def run(mini_batch):
            inner()
            return mini_batch

        try:
            parallelrun.run(run, "in", "out")
        except TypeError as error:
            print(error)
        """
    )
    assert done.stdout.startswith(f"run() uses {named}, which cannot be sent to other processes: ")
    assert done.stdout.rstrip().endswith("Make it in init() instead, and keep it in a global variable")
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("functions", "message"),
    [
        ("(1, 2)", "init is int, but must be a function"),
        ("(len, None)", "run is NoneType, but must be a function"),
        ("(len, len, len, len)", "4 functions are given; give run, (init, run) or (init, run, shutdown)"),
        ("5", "run is int, but must be a function"),
    ],
)
def test_what_is_no_function_is_named(python, functions, message):
    done = python(f"""
        import parallelrun
        try:
            parallelrun.submit({functions}, "in", "out")
        except TypeError as error:
            print(error)
        """)
    assert done.stdout.strip() == message


def test_nothing_is_left_of_the_scratch_folder(python, folder):
    (folder / "tmp").mkdir()
    python(f"""
        import os, tempfile, time
        tempfile.tempdir = {str(folder / "tmp")!r}
        import parallelrun
        job = parallelrun.run(list, "in", "out", show_output=False)
        for _ in range(100):
            if not os.listdir(tempfile.tempdir):
                break
            time.sleep(0.05)
        """)
    assert list((folder / "tmp").iterdir()) == []
