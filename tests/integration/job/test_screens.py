"""What terminals of 40, 80 and 200 columns show, and where there are colours."""

import json
import os
import re
import shutil
import subprocess

import pytest
from checkout import PROGRAM
from terminal import on_terminal, without_colours
from waiting import PATIENCE

COLUMNS = (40, 80, 200)
CUT = "..."
# Of the environment of the tests nothing decides about colours.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
FAILS_AT_SEVEN = """
    import time
    def init(): pass
    def run(batch):
        time.sleep(0.01)
        for path in batch:
            if path.endswith("7.txt"):
                raise ValueError(f"bad digit in {path}, which nobody can read, whatever he tries to do about it")
        return batch
"""


def words_of(*words):
    return [str(PROGRAM), *map(str, words)]


@pytest.fixture
def failed_job(embedded_job):
    job = embedded_job.files(40).script(FAILS_AT_SEVEN)
    job.set(miniBatchSize=2, runMaxTry=1, runRetryDelay=0)
    job.run().expect(0)
    return job


def shown_at(columns, *words, env=ENVIRONMENT, code=0, **more):
    ended, shown = on_terminal(words_of(*words), columns, env, **more)
    assert ended == code, shown
    return shown.replace("\r\n", "\n")


def cells_of(shown, heads):
    """Of each row: {head: cell}, of a table or of lines for each row."""
    lines = shown.split("\n")
    if lines[0].split("  ")[0].strip() == heads[0] and all(head in lines[0] for head in heads):
        begins = [lines[0].index(head) for head in heads]
        ends = [*begins[1:], None]
        for line in filter(None, lines[1:]):
            yield {
                head: line[begin:end].strip() for head, begin, end in zip(heads, begins, ends, strict=True)
            }
        return
    for block in filter(None, shown.strip("\n").split("\n\n")):
        row = dict.fromkeys(heads, "")
        for line in block.split("\n"):
            head = next(head for head in heads if line.startswith(head + " "))
            row[head] = line[len(head) :].strip()
        yield row


def assert_whole_or_cut(cell, whole):
    """Nothing is left out in silence."""
    assert cell == whole or (cell.endswith(CUT) and whole.startswith(cell[: -len(CUT)])), (cell, whole)


@pytest.mark.parametrize("columns", COLUMNS)
def test_list(failed_job, columns):
    shutil.copytree(failed_job.out, failed_job.root / ("a-folder-with-a-long-name-" * 3) / "second")
    shown = without_colours(shown_at(columns, "list", failed_job.root))
    assert max(map(len, shown.split("\n"))) <= columns
    rows = list(cells_of(shown, ["NAME", "STATE", "MINI-BATCHES", "FAILED ITEMS", "AGE", "DIRECTORY"]))
    told = json.loads(subprocess.check_output(words_of("list", failed_job.root, "-o", "json")))
    assert len(rows) == len(told) == 2
    for row, job in zip(rows, told, strict=True):
        assert (row["NAME"], row["STATE"], row["MINI-BATCHES"], row["FAILED ITEMS"]) == (
            "test-job",
            "Complete",
            "20/20",
            "8",
        )
        assert_whole_or_cut(row["DIRECTORY"], job["directory"])
    wide = without_colours(shown_at(columns, "list", failed_job.root, "-o", "wide"))
    assert all(job["directory"] in wide for job in told)


@pytest.mark.parametrize("columns", COLUMNS)
def test_failed(failed_job, columns):
    shown = shown_at(columns, "failed", failed_job.out)
    assert max(map(len, shown.split("\n"))) <= columns
    rows = list(cells_of(shown, ["MINI-BATCH", "INPUT", "ITEM", "ITEMS", "TRIES", "ERROR"]))
    told = json.loads(subprocess.check_output(words_of("failed", failed_job.out, "-o", "json")))
    assert len(rows) == len(told) == 8
    for row, item in zip(rows, told, strict=True):
        assert (row["MINI-BATCH"], row["TRIES"]) == (str(item["miniBatch"]), "1")
        assert_whole_or_cut(row["ITEM"], item["item"])
        assert_whole_or_cut(row["ERROR"], item["error"])


@pytest.mark.parametrize("columns", COLUMNS)
def test_datasets(tmp_path, columns):
    folder = tmp_path / ("a-folder-with-a-long-name-" * 4)
    folder.mkdir()
    env = {**ENVIRONMENT, "PARALLELRUN_DATASETS": str(tmp_path / "sets")}
    register = words_of(
        "datasets", "register", "digits", "--path", folder, "--description", "of " + "2024 " * 20
    )
    subprocess.run(register, env=env, check=True, capture_output=True)
    shown = shown_at(columns, "datasets", "list", env=env)
    assert max(map(len, shown.split("\n"))) <= columns
    (row,) = cells_of(shown, ["NAME", "TYPE", "NEWEST", "VERSIONS", "SOURCE"])
    assert [row[head] for head in ("NAME", "TYPE", "NEWEST", "VERSIONS")] == ["digits", "file", "1", "1"]
    assert_whole_or_cut(row["SOURCE"], str(folder))
    shown = shown_at(columns, "datasets", "show", "digits", env=env)
    assert max(map(len, shown.split("\n"))) <= columns and shown.startswith("digits, file\n")
    (row,) = cells_of(shown.partition("\n")[2], ["VERSION", "CREATED", "DESCRIPTION", "SOURCE"])
    assert row["VERSION"] == "1" and row["CREATED"].startswith("20")
    assert_whole_or_cut(row["DESCRIPTION"], ("of " + "2024 " * 20).strip())
    assert_whole_or_cut(row["SOURCE"], str(folder))


@pytest.mark.parametrize("columns", COLUMNS)
def test_sentences_are_whole_at_any_width(failed_job, columns):
    """A terminal breaks them, and what is copied from there is whole."""
    for words in (
        ("status", failed_job.out),
        ("errors", failed_job.out),
        ("explain", failed_job.out),
        ("logs", failed_job.out),
        ("logs", failed_job.out, "job_progress_overview.txt"),
        ("output", failed_job.out),
        ("validate", failed_job.manifest()),
    ):
        piped = subprocess.run(
            words_of(*words), env=ENVIRONMENT, capture_output=True, text=True, timeout=PATIENCE
        )
        shown = without_colours(shown_at(columns, *words))
        assert shown.split("\n") == (piped.stdout + piped.stderr).split("\n"), words
    refused = without_colours(shown_at(columns, "status", failed_job.root / "nothing", code=2))
    assert refused.count("\n") == 1 and str(failed_job.root / "nothing") in refused


@pytest.mark.parametrize("columns", COLUMNS)
def test_the_bar_of_a_run(embedded_job, columns):
    job = embedded_job.files(60).set(miniBatchSize=1).script(FAILS_AT_SEVEN).set(runMaxTry=1)
    code, shown = on_terminal(job.command(), columns, job.environment())
    assert code == 0, shown
    bars = [
        part for part in shown.replace("\r", "\n").split("\n") if part.startswith("\x1b[2K") and "%" in part
    ]
    assert bars and all(len(bar.removeprefix("\x1b[2K")) < columns for bar in bars), bars
    assert "60/60" in shown


# ---- colours


@pytest.fixture
def coloured(failed_job, tmp_path):
    """Verbs whose words have colours on a terminal, with the exit code."""
    return [
        (("list", failed_job.root), 0, "\x1b[32mComplete\x1b[0m"),
        (("status", failed_job.out), 0, "\x1b[33mComplete\x1b[0m"),
        (("status", tmp_path / "nothing"), 2, "\x1b[31mparallelrun:\x1b[0m"),
        (("run", failed_job.manifest(), "--input", "x"), 2, "\x1b[31mparallelrun:\x1b[0m"),
        (("validate", failed_job.manifest(), "--set", "nodeCount=x"), 2, "\x1b[31mparallelrun:\x1b[0m"),
    ]


def test_colours_on_terminals(coloured):
    for words, code, expected in coloured:
        for env in (ENVIRONMENT, {**ENVIRONMENT, "NO_COLOR": ""}):
            assert expected in shown_at(80, *words, env=env, code=code), words


def ageless(shown):
    return re.sub(r"\b\d+ (s|min)\b *", "AGE ", shown)


def test_none_with_no_color_nor_on_a_dumb_terminal(coloured):
    for words, code, _ in coloured:
        plain = shown_at(80, *words, env={**ENVIRONMENT, "NO_COLOR": "1"}, code=code)
        assert "\x1b" not in plain
        assert "\x1b" not in shown_at(80, *words, code=code, term="dumb")
        assert "\x1b" not in shown_at(80, *words, code=code, term="")
        # Columns stand where they stood, but for the age, which grows.
        coloured_again = without_colours(shown_at(80, *words, code=code))
        assert ageless(coloured_again) == ageless(plain)


def test_none_in_a_pipe(coloured):
    for words, code, _ in coloured:
        done = subprocess.run(
            words_of(*words), env={**ENVIRONMENT, "TERM": "xterm"}, capture_output=True, timeout=PATIENCE
        )
        assert done.returncode == code and b"\x1b" not in done.stdout + done.stderr


def test_the_end_of_a_run(embedded_job):
    job = embedded_job.files(4).set(miniBatchSize=1, runMaxTry=1)
    job.script("def init(): pass\ndef run(batch): raise ValueError('no')\n")
    env = {**job.environment(), "NO_COLOR": ""}
    code, shown = on_terminal(job.command(), 100, env)
    assert code == 1 and "\x1b[31mFailed\x1b[0m: " in shown
    code, shown = on_terminal(job.command("--overwrite"), 100, {**env, "NO_COLOR": "1"})
    assert code == 1 and "Failed: " in shown
    assert "\x1b" not in shown.replace("\x1b[2K", "")
