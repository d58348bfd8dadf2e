"""Partition keys: all items with the same values are one mini-batch, compared with pandas' groupby."""

import csv
import io
import json
import random
import re
from collections import Counter

import pandas
import pytest
from job_folder import kill_quietly
from test_resume import release, roles_below, wait_for_rows
from waiting import PATIENCE, wait_for

# One line for each mini-batch: its keys, then what it holds.
FILES = """
import json, os
def init(): pass
def run(mini_batch, context):
    value = json.dumps(context.partition_key_value)
    return [value + " " + os.path.basename(path) for path in mini_batch]
"""
TABLE = """
import json
def init(): pass
def run(mini_batch, context):
    keys = json.dumps(context.partition_key_value, default=str)
    return [json.dumps([context.minibatch_index, keys, int(n)]) for n in mini_batch["n"]]
"""


def groups(job):
    """{keys as JSON: [n in order]}; each group is one mini-batch."""
    found, numbers = {}, {}
    for line in job.rows():
        index, keys, n = json.loads(line)
        assert numbers.setdefault(index, keys) == keys
        found.setdefault((index, keys), []).append(n)
    assert len({index for index, _ in found}) == len({keys for _, keys in found}) == len(found)
    return {keys: numbers for (_, keys), numbers in found.items()}


def by(**values):
    return json.dumps(values)


# --- files ---


def test_files_by_the_names_of_a_pattern(job):
    job.script(FILES).set(partitionKeys=["genre", "user"])
    job.spec["inputs"][0]["pathPattern"] = "{user}/{genre}/*.mp3"
    for path in (
        "u1/rock/a.mp3",
        "u1/rock/b.mp3",
        "u2/rock/c.mp3",
        "u1/jazz/d.mp3",
        "u1/e.mp3",
        "u1/rock/x/f.mp3",
    ):
        job.file(path, "x")
    outcome = job.run().expect(0)
    assert Counter(job.rows()) == Counter(
        [
            by(genre="rock", user="u1") + " a.mp3",
            by(genre="rock", user="u1") + " b.mp3",
            by(genre="rock", user="u2") + " c.mp3",
            by(genre="jazz", user="u1") + " d.mp3",
        ]
    )
    assert re.search(r"Mini-batches created: +3\b", job.overview())
    assert "2 files are left out, since their paths do not match the pathPattern" in outcome.stderr
    assert "the first is 'u1/e.mp3'" in outcome.stderr


def test_files_by_folders_named_key_value(job):
    job.script(FILES).set(partitionKeys=["day"])
    for path in (
        "day=2/part=1/a",
        "day=1/b",
        "day=2/c",
        "day=__HIVE_DEFAULT_PARTITION__/d",
        "day=a%3Ab/e",
        "other/f",
    ):
        job.file(path, "x")
    outcome = job.run().expect(0)
    assert sorted(job.rows()) == sorted(
        [
            by(day="2") + " a",
            by(day="2") + " c",
            by(day="1") + " b",
            by(day=None) + " d",
            by(day="a:b") + " e",
        ]
    )
    assert "1 file is left out, since its path" in outcome.stderr and "'other/f'" in outcome.stderr


def test_a_pattern_is_a_filter_by_itself(embedded_job):
    job = embedded_job.script(
        "import os\ndef init(): pass\ndef run(b): return [os.path.basename(p) for p in b]\n"
    )
    job.spec["inputs"][0]["pathPattern"] = "{year}/*.txt"
    job.file("2020/a.txt", "x").file("2020/b.csv", "x").file("c.txt", "x")
    assert "2 files are left out" in job.run().expect(0).stderr
    assert job.rows() == ["a.txt"]


def test_a_key_that_no_folder_gives_names_the_nearest(embedded_job):
    job = embedded_job.script(FILES).set(partitionKeys=["stor"])
    job.file("store=1/a", "x")
    words = job.run().expect(1).words
    assert "spec.partitionKeys names 'stor'" in words and "did you mean 'store'?" in words
    assert not (job.out / "parallel_run_step.txt").exists() or job.rows() == []


def test_failed_files_name_their_keys(embedded_job):
    job = embedded_job.script("def init(): pass\ndef run(b): raise ValueError('no')\n")
    job.set(partitionKeys=["k"], runMaxTry=1, outputAction="summary_only").file("k=1/a", "x").file(
        "k=1/b", "x"
    )
    job.run()
    (item,) = job.failed_items()
    assert item["partitionKeys"] == {"k": "1"}
    assert item["files"] == [str(job.data / "k=1" / name) for name in "ab"]


def test_files_of_two_inputs_are_never_in_one_mini_batch(embedded_job):
    job = embedded_job.script(FILES).set(partitionKeys=["k"])
    first = job.spec["inputs"][0]
    (job.root / "more" / "k=1").mkdir(parents=True)
    (job.root / "more" / "k=1" / "b").write_text("x")
    job.set(inputs=[first, {**first, "name": "more", "source": {"local": {"path": "more"}}}])
    job.file("k=1/a", "x").run().expect(0)
    assert sorted(job.rows()) == [by(k="1") + " a", by(k="1") + " b"]
    assert re.search(r"Mini-batches created: +2\b", job.overview())


# --- tables by folders ---


def test_tables_of_one_folder_are_one_frame_with_the_key_as_a_column(job):
    script = """
    def init(): pass
    def run(mini_batch, context):
        assert list(mini_batch.columns) == ["n", "store", "day"], mini_batch.columns
        assert str(mini_batch["store"].dtype) == "int64" and set(mini_batch["store"]) == {context.partition_key_value["store"]}
        return [str((context.partition_key_value, list(mini_batch["n"]), set(mini_batch["day"])))]
    """
    job.script(script).tabular(columns={"store": "int64"}).set(
        partitionKeys=["store", "day"], allowedFailedCount=0
    )
    job.file("store=3/day=a/1.csv", "n\\n1\\n2\\n".replace("\\n", "\n")).file(
        "store=03/day=a/2.csv", "n\n3\n"
    )
    job.file("store=10/day=a/1.csv", "n\n4\n")
    job.set(allowedFailedCount=None, errorThreshold=-1).run().expect(0)
    rows = job.rows()
    assert sorted(rows) == sorted(
        [
            "({'store': 3, 'day': 'a'}, [3, 1, 2], {'a'})",
            "({'store': 10, 'day': 'a'}, [4], {'a'})",
        ]
    )


def test_whole_numbers_stay_exact_where_another_file_has_gaps(embedded_job):
    script = """
    def init(): pass
    def run(mini_batch):
        return ["%s %s" % (mini_batch["n"].dtype, value) for value in mini_batch["n"]]
    """
    job = embedded_job.script(script).tabular().set(partitionKeys=["k"])
    job.file("k=1/a.csv", "n,m\n9007199254740993,1\n").file("k=1/b.csv", "n,m\n,1\n5,2\n").run().expect(0)
    assert sorted(job.rows()) == sorted(["Int64 9007199254740993", "Int64 <NA>", "Int64 5"])


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_declared_keys_of_folders_are_columns_without_partition_keys(embedded_job, form):
    script = """
    def init(): pass
    def run(mini_batch):
        return ["%s %s %r" % (row.n, row.day, row.store) for row in mini_batch.itertuples()]
    """
    job = embedded_job.script(script).set(miniBatchSize=1)
    job.tabular(format=form, columns={"store": "int64", "day": "string", "n": "int64"})
    for number, folder in enumerate(("store=3/day=a%20b", "store=10/day=c")):
        if form == "csv":
            job.file(folder + "/t.csv", "n\n%d\n%d\n" % (number, number))
        elif form == "jsonl":
            job.file(folder + "/t.jsonl", '{"n": %d}\n{"n": %d}\n' % (number, number))
        else:
            pyarrow = pytest.importorskip("pyarrow")
            from pyarrow import parquet

            (job.data / folder).mkdir(parents=True)
            parquet.write_table(pyarrow.table({"n": [number] * 2}), job.data / folder / "t.parquet")
    job.run().expect(0)
    assert sorted(job.rows()) == ["0 a b 3"] * 2 + ["1 c 10"] * 2


def test_a_file_in_no_folder_of_the_others_fails(embedded_job):
    job = embedded_job.script("def init(): pass\ndef run(b): return list(b['store'])\n")
    job.tabular(columns={"store": "int64"}).set(runMaxTry=3)
    job.file("store=3/a.csv", "n\n1\n").file("store=x/b.csv", "n\n1\n").file("t/b.csv", "n\n1\n").run()
    assert job.rows() == ["3"]
    messages = sorted(item["error"]["message"] for item in job.failed_items())
    assert (
        "is in no folder store=..." in messages[0]
        and "the key 'store' is 'x', which does not fit int64" in messages[1]
    )


# --- tables by columns ---


def table(rows, **dialect):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", **dialect)
    writer.writerows(rows)
    return out.getvalue()


def expected_by_pandas(frames, keys):
    import pandas

    whole = pandas.concat(frames, ignore_index=True)
    found = {}
    for values, rows in whole.groupby(keys, dropna=False, sort=False):
        values = values if isinstance(values, tuple) else (values,)
        plain = {key: _plain(value) for key, value in zip(keys, values)}
        found[json.dumps(plain, default=str)] = rows["n"].tolist()
    return found


def _plain(value):
    if value != value or value is None:
        return None
    return value.item() if hasattr(value, "item") else value


@pytest.mark.parametrize("seed", range(4))
def test_groups_are_those_of_pandas(embedded_job, seed):
    import pandas

    chance = random.Random(seed)
    stores = [
        ["1", "2", "10", "", "NA", "3.0", "1.0", "1e1"],
        ["a", '"a"', "b,c", 'd"e', "line\nbreak", "", "null", " a", "True"],
        ["True", "False", "true", "FALSE"],
        ["18446744073709551615", "1", "2"],
    ][seed]
    delimiter = ",;\t|"[seed]
    job = embedded_job.script(TABLE).tabular(delimiter=delimiter)
    job.set(partitionKeys=["store", "brand"], processCountPerNode=2)
    frames, n = [], 0
    for number in range(7):
        rows = [["n", "store", "brand", "text"]]
        for _ in range(chance.randrange(1, 60)):
            n += 1
            rows.append(
                [n, chance.choice(stores), chance.choice("xyz"), chance.choice(["", "t", 'q"', "m\nn"])]
            )
        text = table(
            rows, delimiter=delimiter, quoting=csv.QUOTE_ALL if number % 3 == 0 else csv.QUOTE_MINIMAL
        )
        job.file("d%d/f.csv" % (number % 3) if number < 3 else "f%d.csv" % number, text)
        frames.append(text)
    names = sorted(path.relative_to(job.data).parts for path in job.data.rglob("*.csv"))
    whole = "".join(
        (lambda text: text if index == 0 else text.split("\n", 1)[1])((job.data.joinpath(*name)).read_text())
        for index, name in enumerate(names)
    )
    job.run().expect(0)
    assert job.failed_items() == []
    read = pandas.read_csv(io.StringIO(whole), sep=delimiter, low_memory=False)
    assert groups(job) == expected_by_pandas([read], ["store", "brand"])
    assert not (job.out / ".parallelrun" / "groups").exists()


def test_what_pandas_takes_for_a_gap_is_one_key(embedded_job):
    import sys

    from checkout import REPOSITORY

    sys.path.insert(0, str(REPOSITORY / "runner" / "python"))
    from parallelrun_worker.pandas_reader import GAPS

    job = embedded_job.script(TABLE).tabular().set(partitionKeys=["k"])
    rows = [["n", "k"], [0, "x"], *[[i + 1, gap] for i, gap in enumerate(GAPS)]]
    job.file("a.csv", table(rows)).run().expect(0)
    assert groups(job) == {by(k="x"): [0], by(k=None): list(range(1, len(GAPS) + 1))}


def test_declared_types_say_which_keys_are_equal(embedded_job):
    job = embedded_job.script(TABLE).tabular(columns={"k": "string", "m": "float64"})
    job.set(partitionKeys=["k", "m"])
    rows = [
        ["n", "k", "m"],
        [1, "1", "1"],
        [2, "01", "1.0"],
        [3, "1", "1e0"],
        [4, "NA", "x"],
        [5, "", ""],
        [6, "", "-0"],
    ]
    job.file("a.csv", table(rows)).run()
    assert groups(job) == {
        by(k="1", m=1.0): [1, 3],
        by(k="01", m=1.0): [2],
        by(k=None, m=None): [5],
        by(k=None, m=-0.0).replace("-0.0", "-0.0"): [6],
    }
    (item,) = job.failed_items()
    assert item["partitionKeys"] == {"k": "NA", "m": "x"}
    message = item["error"]["message"]
    assert "%s, row 4, column 'm' is 'x'" % (job.data / "a.csv") in message, message


def test_columns_in_another_order_and_other_columns(embedded_job):
    job = embedded_job.script(TABLE).tabular().set(partitionKeys=["k"])
    job.file("a.csv", 'n,k,t\n1,a,"x,y"\n2,b,\n').file("b.csv", 't,k,n\n"p,q",a,3\n,"b",4')
    outcome = job.run().expect(0)
    assert groups(job) == {by(k="a"): [1, 3], by(k="b"): [2, 4]}
    assert "1 file has its columns in another order" in outcome.stderr
    job.file("c.csv", "n,k\n1,a\n").set(arguments=["another job"])
    words = job.run("--overwrite").expect(1).words
    assert "c.csv has other columns than the first file" in words


def test_keys_of_folders_and_columns_together(embedded_job):
    job = embedded_job.script(TABLE).tabular().set(partitionKeys=["day", "k"])
    job.file("day=1/a.csv", "n,k\n1,a\n2,b\n").file("day=1/b.csv", "n,k\n3,a\n").file(
        "day=2/a.csv", "n,k\n4,a\n"
    )
    job.run().expect(0)
    assert groups(job) == {by(day="1", k="a"): [1, 3], by(day="1", k="b"): [2], by(day="2", k="a"): [4]}


@pytest.mark.parametrize(
    "name, content, key, words",
    [
        ("a.csv", "n,store\n1,a\n", "stor", "did you mean 'store'?"),
        ("a.csv.gz", None, "store", "is packed, and records of packed files cannot be grouped by columns"),
        ("a.csv", 'n,store\n1,"a\n2,b\n', "store", "has a quote in row 1 that never closes"),
    ],
)
def test_bad_input_is_told_before_anything_runs(embedded_job, name, content, key, words):
    import gzip

    job = embedded_job.script(TABLE).tabular().set(partitionKeys=[key])
    job.file(name, gzip.compress(b"n,store\n1,a\n") if content is None else content)
    assert words in job.run().expect(1).words


def test_a_ragged_record_fails_its_group_and_names_the_file(embedded_job):
    job = embedded_job.script(TABLE).tabular().set(partitionKeys=["k"], runMaxTry=3)
    job.file("a.csv", "n,k,t\n1,a,x\n2,b,x\n").file("b.csv", "n,k,t\n3,a,x\n4,b\n5,b,x\n").run()
    assert groups(job) == {by(k="a"): [1, 3]}
    (item,) = job.failed_items()
    assert item["partitionKeys"] == {"k": "b"} and item["tries"] == 1
    assert "%s, row 2" % (job.data / "b.csv") in item["error"]["message"], item["error"]["message"]


def test_keys_are_not_compared_in_one_way_and_shown_in_another(embedded_job):
    """A text that no sample sees makes the column one of texts, where the sample took it for numbers."""
    job = embedded_job.script(TABLE).tabular().set(partitionKeys=["k"], runMaxTry=3)
    records = ["%07d,%03d,%s\n" % (1000000 + i, i % 5, "x" * 88) for i in range(150_000)]
    width = len(records[0])
    # Behind the piece of 32 KiB that begins here.
    step = (len(records) * width - (32 << 10)) // 255
    row = (100 * step + (40 << 10)) // width
    number, _, pad = records[row].split(",")
    records[row] = ",".join([number, "abc", pad])
    job.file("a.csv", "n,k,pad\n" + "".join(records))
    job.run().expect(1)
    assert job.rows() == []
    for item in job.failed_items():
        message = item["error"]["message"]
        assert "declare its type: spec.inputs[table].columns: {k: string}" in message or "'abc'" in message
        assert item["tries"] == 1
    job.tabular(columns={"k": "string"}).run("--overwrite").expect(0)
    assert {keys: len(numbers) for keys, numbers in groups(job).items()} == {
        by(k="abc"): 1,
        **{by(k="%03d" % k): 30_000 - (k == row % 5) for k in range(5)},
    }


HELD = """
import json, os, time
def init(): pass
def run(mini_batch, context):
    keys = json.dumps(context.partition_key_value)
    while context.minibatch_index >= 20 and not os.path.exists(os.environ["GO"]): time.sleep(0.005)
    return [json.dumps([context.minibatch_index, keys, int(n)]) for n in mini_batch["n"]]
"""


def run_and_kill_at_work(job, forget):
    """To its end, with an orchestrator that is killed in the middle; `forget` "index": then that file is gone."""
    process = job.start()
    wait_for_rows(job)
    kill_quietly(roles_below(process.pid)["orchestrator"][0])
    if forget == "index":
        (job.out / ".parallelrun" / "groups" / "0" / "index").unlink(missing_ok=True)
    release(job)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors


@pytest.mark.parametrize("forget", ["nothing", "index"])
def test_a_killed_orchestrator_goes_on_with_the_groups(embedded_job, forget):
    job = (
        embedded_job.script(HELD)
        .tabular()
        .set(partitionKeys=["k"], processCountPerNode=2, environment={"variables": {"GO": "go"}})
    )
    job.set(environment={"variables": {"GO": str(job.root / "go")}})
    wanted = {}
    for number in range(5):
        rows = [["n", "k"]]
        for i in range(400):
            n, k = 400 * number + i, (i * 7 + number) % 97
            rows.append([n, k])
            wanted.setdefault(by(k=k), []).append(n)
        job.file("f%d.csv" % number, table(rows))
    run_and_kill_at_work(job, forget)
    assert groups(job) == wanted


def test_kills_while_records_are_grouped(embedded_job):
    """Whenever it is killed, it groups anew or goes on; each row is there once."""
    job = embedded_job.script(TABLE).tabular().set(partitionKeys=["k"], processCountPerNode=2)
    chance = random.Random(1)
    wanted = {}
    n = 0
    for number in range(4):
        rows = [["n", "k", "pad"]]
        for _ in range(25_000):
            n += 1
            k = chance.randrange(300)
            rows.append([n, k, "x" * 60])
            wanted.setdefault(by(k=k), []).append(n)
        job.file("f%d.csv" % number, table(rows))
    state = job.out / ".parallelrun" / "groups" / "0"
    process = job.start()
    for _ in range(3):
        wait_for(lambda: state.exists() or process.poll() is not None, "grouping", pause=0.001)
        for pid in roles_below(process.pid).get("orchestrator", [])[:1]:
            kill_quietly(pid)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    assert groups(job) == wanted


@pytest.mark.parametrize("keys", [["day", "k"], ["day"]])
def test_rows_are_led_back_to_file_and_row_of_the_input(embedded_job, keys):
    job = embedded_job.script("def init(): pass\ndef run(mini_batch): return mini_batch[['n']]\n")
    job.tabular().set(partitionKeys=keys)
    job.spec["output"].update(format="csv", addContext=True, columns=["day", "k"])
    job.file("day=1/a.csv", "n,k\n1,a\n\n2,b\n").file("day=1/b.csv", "n,k\n3,a\n").file(
        "day=2/a.csv", "n,k\n4,a\n"
    )
    job.run().expect(0)
    rows = list(csv.DictReader(io.StringIO((job.out / "parallel_run_step.txt").read_text())))
    assert sorted((row["file"], row["row"], row["n"], row["k"], row["day"]) for row in rows) == [
        ("day=1/a.csv", "1", "1", "a", "1"),
        ("day=1/a.csv", "3", "2", "b", "1"),
        ("day=1/b.csv", "1", "3", "a", "1"),
        ("day=2/a.csv", "1", "4", "a", "2"),
    ]


# --- the example ---


def test_the_example_trains_one_model_for_each_store_and_brand(embedded_job):
    import importlib.util
    import shutil
    import subprocess
    import sys

    import yaml
    from checkout import REPOSITORY

    example = REPOSITORY / "examples" / "stores"
    subprocess.run([sys.executable, example / "prepare.py", embedded_job.data], check=True)
    spec = importlib.util.spec_from_file_location("prepare_stores", example / "prepare.py")
    prepare = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(prepare)
    job = embedded_job
    shutil.copy(example / "train.py", job.code)
    job.spec.update(yaml.safe_load((example / "job.yaml").read_text())["spec"])
    job.spec["sourceDirectory"] = {"local": {"path": "code"}}
    job.spec["inputs"][0]["source"] = {"local": {"path": "data"}}
    job.spec["output"]["source"] = {"local": {"path": "out"}}
    job.run().expect(0)
    models = [json.loads(path.read_text()) for path in (job.out / "models").iterdir()]
    assert len(models) == prepare.STORES * len(prepare.BRANDS)
    for model in models:
        slope, level = prepare.line_of(model["store"], model["brand"])
        assert abs(model["slope"] - slope) < 0.1 and abs(model["level"] - level) < 3
    rows = (job.out / "trends.csv").read_text().splitlines()
    assert rows[0] == "store,brand,week,quantity,trend"
    assert len(rows) - 1 == len(models) * prepare.WEEKS


# --- JSON lines ---


def test_json_lines_by_keys_of_all_kinds(job):
    job.script(TABLE).tabular(format="jsonl").set(partitionKeys=["k", "m"], processCountPerNode=2)
    records = [
        {"n": 1, "k": "a", "m": 1},
        {"n": 2, "k": 'q"é', "m": 1.0, "more": {"k": "x", "l": [1, {"m": 3}]}},
        {"more": [{"k": "}"}], "n": 3, "k": "a", "m": 1},
        {"n": 4, "k": None, "m": 2.5},
        {"n": 5, "m": 2.5},
        {"n": 6, "k": "1", "m": 1},
    ]
    lines = [json.dumps(record, ensure_ascii=number % 2 == 0) for number, record in enumerate(records)]
    job.file("a.jsonl", "\n\n".join(lines[:3]) + "\n").file("b.jsonl", "\ufeff" + "\n".join(lines[3:]))
    job.run().expect(0)
    assert job.failed_items() == []
    assert groups(job) == {
        by(k="a", m=1.0): [1, 3],
        by(k='q"é', m=1.0): [2],
        by(k=None, m=2.5): [4, 5],
        by(k="1", m=1.0): [6],
    }


def test_a_bad_json_line_fails_its_group_and_names_the_file(embedded_job):
    job = embedded_job.script(TABLE).tabular(format="jsonl").set(partitionKeys=["k"])
    job.file("a.jsonl", '{"n": 1, "k": "a"}\n{"n": 2, "k": "b"}\n').file(
        "b.jsonl", '{"n": 3, "k": "a"}\n\n{"k": "b", oops\n'
    )
    job.run()
    assert groups(job) == {by(k="a"): [1, 3]}
    (item,) = job.failed_items()
    assert "%s, line 3 is not JSON" % (job.data / "b.jsonl") in item["error"]["message"], item["error"][
        "message"
    ]


def test_a_key_that_no_line_has_names_the_nearest(embedded_job):
    job = embedded_job.script(TABLE).tabular(format="jsonl").set(partitionKeys=["stor"])
    words = job.file("a.jsonl", '{"n": 1, "store": "a"}\n').run().expect(1).words
    assert "spec.partitionKeys names 'stor'" in words and "did you mean 'store'?" in words


def test_parquet_by_folders(embedded_job):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    job = embedded_job.script(TABLE).tabular(format="parquet").set(partitionKeys=["k"])
    for folder, numbers in (("k=a", [1, 2]), ("k=b", [3])):
        (job.data / folder).mkdir()
        for n in numbers:
            parquet.write_table(pyarrow.table({"n": [n]}), job.data / folder / ("%d.parquet" % n))
    job.run().expect(0)
    assert groups(job) == {by(k="a"): [1, 2], by(k="b"): [3]}


def test_a_record_that_cannot_be_read_changes_no_keys(embedded_job):
    job = embedded_job.script(TABLE).tabular().set(partitionKeys=["k"], runMaxTry=1)
    job.file("a.csv", "k,n\n" + "".join(f"{n % 3},{n}\n" for n in range(30)) + "7,1,1\n")
    job.run().expect(0)
    assert groups(job) == {by(k=k): [n for n in range(30) if n % 3 == k] for k in range(3)}


@pytest.mark.parametrize(
    "keys",
    [
        ["18446744073709551615", "1", "01", ""],
        ["1", "01", "nan(x)", "", "nan()"],
        ["0." + "0" * 400 + "1", "0", "inf"],
    ],
    ids=["large with a gap", "nan with words", "nearly zero"],
)
def test_keys_that_are_texts_for_pandas_or_beyond_a_double(embedded_job, keys):
    job = embedded_job.script(TABLE).tabular().set(partitionKeys=["k"])
    table = "k,n\n" + "".join(f"{key},{n}\n" for n, key in enumerate(keys))
    job.file("a.csv", table)
    job.run().expect(0)
    frame = pandas.read_csv(io.StringIO(table), low_memory=False, float_precision="round_trip")
    wanted = [list(group["n"]) for _, group in frame.groupby("k", dropna=False)]
    assert sorted(groups(job).values()) == sorted(wanted)


def test_of_a_folder_key_that_occurs_twice_the_first_counts(embedded_job):
    job = embedded_job.tabular(columns={"s": "int64"}).script(
        "def init(): pass\ndef run(b): return list(b['s'])\n"
    )
    job.file("s=1/s=2/a.csv", "n\n5\n")
    job.run().expect(0)
    assert job.rows() == ["1"]


@pytest.mark.parametrize("text", ["1_000", "١", "9223372036854775808"])
def test_a_folder_key_is_a_number_as_tables_write_it(embedded_job, text):
    job = embedded_job.tabular(columns={"s": "int64"}).script(
        "def init(): pass\ndef run(b): return list(b['s'])\n"
    )
    job.file(f"s={text}/a.csv", "n\n5\n").set(runMaxTry=1)
    job.run()
    (line,) = job.failed_items()
    assert "does not fit int64" in line["error"]["message"]


def test_json_lines_by_keys_of_several_types_without_texts(embedded_job):
    job = embedded_job.tabular(format="jsonl").script(TABLE).set(partitionKeys=["k"])
    job.file("a.jsonl", '{"k": 1.5, "n": 1}\n{"k": false, "n": 2}\n{"k": 1.5, "n": 3}\n{"k": [1], "n": 4}\n')
    job.run().expect(0)
    assert sorted(groups(job).values()) == [[1, 3], [2], [4]]
