"""What an entry script sees around it, and what is said when it cannot be used."""

import json
import os
import re

import pytest
from worker_harness import INIT_FAILED, PATIENCE, RESULT, file_set

TRIVIAL = "def init(): pass\ndef run(mini_batch): return mini_batch\n"


def failure(worker, phase):
    answer = worker.answer()
    assert answer.kind == INIT_FAILED, answer
    assert worker.process.wait(PATIENCE) == 1
    assert answer.json["phase"] == phase
    return answer.json


def test_folder_path_arguments_and_siblings(launcher, start, scripts):
    scripts.write("WORD = 'sibling'\n", "beside.py")
    worker = start(
        launcher,
        """
        import os, sys
        import beside
        def init(): pass
        def run(mini_batch):
            return [beside.WORD, os.getcwd(), sys.path[0], os.path.realpath(__file__), __file__, *sys.argv]
        """,
        argv=["--x", "1", "ä b"],
    )
    worker.ready()
    rows = worker.run(file_set("/a/b")).rows.decode().splitlines()
    folder = str(scripts.folder)
    script = folder + "/entry.py"
    assert rows == ["sibling", folder, folder, script, script, script, "--x", "1", "ä b"]


def test_our_own_modules_are_out_of_the_scripts_sight(launcher, start, scripts):
    """A sibling may be named like any module of the worker."""
    for name in ("frames", "worker", "results", "context"):
        scripts.write("WORD = %r\n" % name, name + ".py")
    worker = start(
        launcher,
        """
        import frames, worker, results, context, sys
        def init(): pass
        def run(mini_batch):
            return [frames.WORD, worker.WORD, results.WORD, context.WORD, sum("parallelrun_worker" in p for p in sys.path)]
        """,
    )
    worker.ready()
    assert worker.run(file_set("/a")).rows == b"frames\nworker\nresults\ncontext\n0\n"


@pytest.mark.parametrize("name", ["entry.py", "my-entry.py", "json.py", "a.b.py", "worker.py"])
def test_classes_of_the_script_pickle(launcher, start, name):
    worker = start(
        launcher,
        """
        import pickle
        class Thing:
            def __init__(self, value): self.value = value
        def init(): pass
        def run(mini_batch):
            return [pickle.loads(pickle.dumps(Thing(path))).value for path in mini_batch]
        """,
        name=name,
    )
    worker.ready()
    assert worker.run(file_set("/a/b", "/a/c")).rows == b"/a/b\n/a/c\n"


def test_multiprocessing_works_in_the_script(launcher, start):
    worker = start(
        launcher,
        """
        import multiprocessing
        def double(text): return text + text
        def init(): pass
        def run(mini_batch):
            answers = []
            for method in ("fork", "spawn"):
                with multiprocessing.get_context(method).Pool(1) as pool:
                    answers += pool.map(double, mini_batch)
            return answers
        """,
    )
    worker.ready()
    assert worker.run(file_set("/a")).rows == b"/a/a\n/a/a\n"


@pytest.mark.parametrize(
    "text, needles",
    [
        ("", ["init()", "run(mini_batch)"]),
        ("def init(): pass\n", ["no function run(mini_batch);"]),
        ("def run(mini_batch): return []\n", ["no function init();"]),
        ("def init(): pass\nrun = 3\n", ["no function run(mini_batch);"]),
        ("def init(): pass\nasync def run(mini_batch): return []\n", ["run() is async"]),
        ("async def init(): pass\ndef run(mini_batch): return []\n", ["init() is async"]),
        ("def init(): pass\ndef run(mini_batch): yield 1\n", ["run() is a generator", "return a list"]),
        (
            "def init(x): pass\ndef run(mini_batch): return []\n",
            ["init() must not need arguments"],
        ),
        ("def init(): pass\ndef run(): return []\n", ["run() has no parameter for the mini-batch"]),
        ("def init(): pass\ndef run(a, b, c): return []\n", ["run() needs 3 arguments"]),
    ],
)
def test_a_script_without_what_it_needs_is_named(launcher, start, text, needles):
    error = failure(start(launcher, text), "load")
    for needle in needles + ["entry.py"]:
        assert needle in error["message"]
    assert error["traceback"] == ""


def test_a_missing_script_is_named(launcher, start, scripts):
    worker = start(launcher, TRIVIAL, script=str(scripts.folder / "absent.py"))
    assert "absent.py" in failure(worker, "load")["message"]


def test_load_and_init_errors_have_the_scripts_traceback_alone(launcher, start):
    error = failure(start(launcher, "def init(:\n    pass\n"), "load")
    assert error["type"] == "SyntaxError" and "entry.py" in error["traceback"]

    error = failure(start(launcher, "import not_there_at_all\n" + TRIVIAL), "load")
    assert error["type"] == "ModuleNotFoundError"
    assert "not_there_at_all" in error["message"]
    assert error["traceback"].count("File ") == 1, error["traceback"]

    text = "def init():\n    raise KeyError('no weights')\ndef run(mini_batch): return []\n"
    error = failure(start(launcher, text), "init")
    assert error["type"] == "KeyError" and "no weights" in error["message"]
    assert "parallelrun_worker" not in error["traceback"]

    error = failure(
        start(launcher, "import sys\ndef init(): sys.exit('enough')\ndef run(m): return m\n"), "init"
    )
    assert error["type"] == "SystemExit" and "enough" in error["message"]


def test_what_the_script_said_before_it_exits_is_in_the_error(launcher, start):
    text = """
        import argparse, logging, sys
        def parse():
            parser = argparse.ArgumentParser()
            parser.add_argument("--labels", required=True)
            parser.parse_args()
        def init(): %s
        def run(mini_batch):
            if mini_batch == ["/quiet"]: sys.exit(2)
            if mini_batch == ["/said"]: print("no weights for", mini_batch[0], file=sys.stderr); sys.exit(2)
            if mini_batch == ["/logged"]: logging.error("no model"); sys.exit(1)
            if mini_batch == ["/words"]: sys.exit("words")
            if mini_batch == ["/context"]:
                try: open("/absent/file")
                except OSError: sys.exit(3)
            if mini_batch == ["/from"]:
                try: open("/absent/file")
                except OSError as error: raise RuntimeError("cannot load") from error
            return mini_batch
        """
    message = failure(start(launcher, text % "parse()"), "init")["message"]
    needed = "entry.py: error: the following arguments are required: --labels"
    assert message.startswith(needed) and "sys.exit(2)" in message and "usage:" not in message
    worker = start(launcher, text % "pass", argv=["--labels", "x"])
    worker.ready()
    for path, begin, rest in (
        ("/said", "no weights for /said (the script called sys.exit(2)", "must return or raise"),
        ("/quiet", "the script called sys.exit(2);", "must return or raise"),
        ("/logged", "ERROR:root:no model (the script called sys.exit(1)", ""),
        ("/words", "the script called sys.exit('words');", ""),
        ("/context", "the script called sys.exit(3), caused by FileNotFoundError: ", "/absent/file"),
        ("/from", "cannot load, caused by FileNotFoundError: ", "/absent/file"),
    ):
        message = worker.run(file_set(path)).error["message"]
        assert message.startswith(begin) and rest in message, message
    assert "no weights for /said\n" in worker.stderr()
    import_time = failure(
        start(launcher, text.replace("def init()", "parse()\n        def init()") % "pass"), "load"
    )
    assert import_time["message"].startswith(needed)


def test_mini_batch_context(launcher, start):
    worker = start(
        launcher,
        """
        def init(): pass
        def run(mini_batch, mini_batch_context):
            c = mini_batch_context
            return [c.minibatch_index, c.dataset, c.file, c.rows]
        """,
        inputs=[{"name": "first", "kind": 1}, {"name": "second", "kind": 1}],
    )
    worker.ready()
    assert worker.run(file_set("/a"), mini_batch=7, input_index=1).rows == b"7\nsecond\nNone\nNone\n"


@pytest.mark.parametrize(
    "signature, expected",
    [
        ("def run(mini_batch, other=5): return [other]", b"5\n"),
        ("def run(batch, ctx): return [ctx.dataset]", b"files\n"),
        ("def run(batch, mini_batch_context=None): return [mini_batch_context.dataset]", b"files\n"),
        ("def run(batch, *, mini_batch_context): return [mini_batch_context.dataset]", b"files\n"),
        ("def run(*args): return [len(args)]", b"1\n"),
        ("run = lambda batch: [len(batch)]", b"1\n"),
        ("class Model:\n    def __call__(self, batch): return ['called']\nrun = Model()", b"called\n"),
        (
            "import functools\ndef deco(f):\n    @functools.wraps(f)\n    def w(*a, **k): return f(*a, **k)\n    return w\n"
            "@deco\ndef run(batch, ctx): return [ctx.dataset]",
            b"files\n",
        ),
    ],
)
def test_who_gets_the_context(launcher, start, signature, expected):
    worker = start(launcher, "def init(): pass\n" + signature + "\n")
    worker.ready()
    answer = worker.run(file_set("/a"))
    assert answer.kind == RESULT and answer.rows == expected, answer


def test_entry_script_logger(launcher, start, tmp_path):
    worker = start(
        launcher,
        """
        from azureml_user.parallel_run import EntryScript
        script = EntryScript()
        def init(): script.logger.info("starting ä")
        def run(mini_batch):
            EntryScript().logger.debug("hidden")
            EntryScript().logger.warning("two\\nlines")
            return [script is EntryScript(), script.agent_name, script.output_dir, script.log_dir]
        """,
        log_dir=str(tmp_path / "logs" / "user"),
        agent_name="agent003",
        output_dir="/out",
    )
    worker.ready()
    rows = worker.run(file_set("/a")).rows.decode().splitlines()
    assert rows == ["True", "agent003", "/out", str(tmp_path / "logs" / "user")]
    assert os.path.isdir(rows[3])
    lines = worker.entry_log().splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO starting ä", lines[0])
    assert lines[1].endswith("Z WARNING two") and lines[2] == "lines" and len(lines) == 3
    assert worker.stderr() == ""


def test_logging_level_filters(launcher, start):
    text = """
        from azureml_user.parallel_run import EntryScript
        def init():
            for level in ("debug", "info", "warning"): getattr(EntryScript().logger, level)(level)
        def run(mini_batch): return []
        """
    for level, seen in (("DEBUG", 3), ("INFO", 2), ("WARNING", 1)):
        worker = start(launcher, text, logging_level=level)
        worker.ready()
        assert len(worker.entry_log().splitlines()) == seen


def test_the_environments_packages_are_seen(tabular_launcher, start):
    """A venv's packages, and its interpreter for children."""
    worker = start(
        tabular_launcher,
        """
        import json, subprocess, sys
        import pytest
        def init(): pass
        def run(mini_batch):
            asked = subprocess.check_output([sys.executable, "-c", "import sys; print(sys.prefix)"], text=True)
            return [json.dumps([sys.executable, sys.prefix, sys.base_prefix, asked.strip()])]
        """,
    )
    worker.ready()
    executable, prefix, base, child = json.loads(worker.run(file_set("/a")).rows)
    import sys

    assert (executable, prefix, base, child) == (sys.executable, sys.prefix, sys.base_prefix, sys.prefix)
