"""Partition keys that are columns of Parquet files: compared with pandas' groupby over all rows."""

import datetime
import decimal
import random
import re

import pandas
import pytest
from job_folder import kill_quietly
from test_partition_keys import HELD, by, groups, run_and_kill_at_work
from test_resume import roles_below
from waiting import PATIENCE, wait_for

pyarrow = pytest.importorskip("pyarrow")
from pyarrow import parquet  # noqa: E402

# Each mini-batch as it came, with its keys.
KEEP = """
import os, pickle, pathlib
def init(): pass
def run(mini_batch, context):
    path = pathlib.Path(os.environ["KEPT"]) / ("%d.pickle" % context.minibatch_index)
    assert not path.exists()
    path.write_bytes(pickle.dumps((context.partition_key_value, mini_batch)))
    return ["row"] * len(mini_batch)
"""
NUMBERS = """
import json
def init(): pass
def run(mini_batch, context):
    keys = json.dumps(context.partition_key_value, default=str)
    return [json.dumps([context.minibatch_index, keys, int(n)]) for n in mini_batch["n"]]
"""


@pytest.fixture
def keyed(embedded_job):
    job = embedded_job.tabular(format="parquet").script(KEEP)
    (job.root / "kept").mkdir()
    return job.set(environment={"variables": {"KEPT": str(job.root / "kept")}}, processCountPerNode=2)


def write(job, name, table, **options):
    path = job.data / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if not isinstance(table, pyarrow.Table):
        table = pyarrow.table(table) if isinstance(table, dict) else pyarrow.Table.from_pandas(table)
    parquet.write_table(table, path, **options)
    return job


def kept(job):
    """[(keys, frame)] in the order of the mini-batches."""
    files = sorted((job.root / "kept").iterdir(), key=lambda path: int(path.stem))
    return [pandas.read_pickle(path) for path in files]


def missing(value):
    return value is None or value is pandas.NaT or value != value


def same_key(value):
    return None if missing(value) else value


def expect_groups_of_pandas(job, keys, reads=None):
    paths = sorted(job.data.rglob("*.parquet"), key=lambda path: path.relative_to(job.data).parts)
    frames = [pandas.read_parquet(path) for path in paths]
    whole = pandas.concat(frames, ignore_index=True)
    for column in frames[0].columns:
        if all(str(frame[column].dtype) == "category" for frame in frames):
            whole[column] = pandas.Categorical(
                whole[column], pandas.api.types.union_categoricals([f[column] for f in frames]).categories
            )
    wanted = {}
    for values, rows in whole.groupby(keys, dropna=False, sort=False, observed=True):
        wanted[tuple(same_key(value) for value in values)] = rows.reset_index(drop=True)
    got = {tuple(found[key] for key in keys): frame for found, frame in kept(job)}
    assert len(got) == len(kept(job))
    assert set(got) == set(wanted)
    for values, frame in got.items():
        other = wanted[values][list(frame.columns)] if reads is None else wanted[values][reads]
        pandas.testing.assert_frame_equal(frame, other, check_exact=True)
    return got


def column_of(kind, chance, rows, gaps):
    """Values of a type, with some of them often: they are keys."""
    if pyarrow.types.is_boolean(kind):
        values = [True, False]
    elif pyarrow.types.is_integer(kind):
        values = [0, 1, 7, 100] if "u" in str(kind) else [0, -1, 7, 100]
        if (
            str(kind) == "uint64" and not gaps
        ):  # pandas.read_parquet makes floats of these, which do not hold it
            values.append(2**64 - 1)
    elif pyarrow.types.is_floating(kind):
        values = [0.0, -0.0, 1.5, 0.1, float("inf"), float("nan")]
    elif pyarrow.types.is_decimal(kind):
        values = [decimal.Decimal("1.20"), decimal.Decimal("-3.00"), decimal.Decimal("0.00")]
    elif pyarrow.types.is_date(kind):
        values = [datetime.date(2024, 2, 29), datetime.date(1969, 12, 31)]
    elif pyarrow.types.is_time(kind):
        values = [datetime.time(1, 2, 3), datetime.time(0, 0)]
    elif pyarrow.types.is_timestamp(kind):
        values = [datetime.datetime(2024, 10, 27, 0, 30), datetime.datetime(2024, 10, 27, 1, 30)]
        if kind.tz:  # both are at half past two in Berlin
            values = [value.replace(tzinfo=datetime.timezone.utc) for value in values]
    else:
        values = ["", "a", "A ", "ß", "x" * 300, "line\nbreak", "NA", "1", "01"]
    if gaps:
        values = [*values, None]
    plain = kind.value_type if pyarrow.types.is_dictionary(kind) else kind
    column = pyarrow.array([chance.choice(values) for _ in range(rows)], plain)
    return column.dictionary_encode() if pyarrow.types.is_dictionary(kind) else column


KEY_TYPES = [
    ["int64", "string"],
    ["int8", "bool"],
    ["uint64", "large_string"],
    ["double", "date32"],
    ["float", pyarrow.decimal128(10, 2)],
    [pyarrow.timestamp("us"), pyarrow.time64("us")],
    [pyarrow.timestamp("ns", "Europe/Berlin"), pyarrow.dictionary(pyarrow.int32(), pyarrow.string())],
]


@pytest.mark.parametrize("gaps", [False, True], ids=["no gaps", "gaps"])
@pytest.mark.parametrize("kinds", KEY_TYPES, ids=lambda kinds: " and ".join(map(str, kinds)))
def test_groups_are_those_of_pandas(keyed, kinds, gaps):
    chance = random.Random(str(kinds) + str(gaps))
    kinds = [pyarrow.type_for_alias(kind) if isinstance(kind, str) else kind for kind in kinds]
    n = 0
    for number in range(5):
        rows = chance.randrange(20, 100)
        columns = {"n": range(n, n + rows)}
        for key, kind in zip("kl", kinds):
            columns[key] = column_of(kind, chance, rows, gaps)
        columns["list"] = [[i, None] if i % 3 else None for i in range(rows)]
        columns["struct"] = [{"a": i, "b": [str(i)]} for i in range(rows)]
        columns["text"] = [chance.choice(["", "t", None, "ü"]) for _ in range(rows)]
        columns["category"] = pyarrow.array([chance.choice("xyz") for _ in range(rows)]).dictionary_encode()
        columns["when"] = pyarrow.array([1000 * i for i in range(rows)], pyarrow.timestamp("ns", "UTC"))
        columns["small"] = pyarrow.array([i % 100 for i in range(rows)], pyarrow.int8())
        columns["bytes"] = [bytes([i % 256, 0]) for i in range(rows)]
        n += rows
        write(
            keyed,
            "d%d/f.parquet" % (number % 3) if number < 3 else "f%d.parquet" % number,
            columns,
            row_group_size=chance.choice([1, 7, 50, 1000]),
        )
    keyed.set(partitionKeys=["k", "l"]).run().expect(0)
    assert keyed.failed_items() == []
    got = expect_groups_of_pandas(keyed, ["k", "l"])
    assert sum(map(len, got.values())) == n
    assert not (keyed.out / ".parallelrun" / "groups").exists()


def test_key_values_have_the_types_of_pandas(keyed):
    table = {
        "i": pyarrow.array([1], pyarrow.int16()),
        "f": pyarrow.array([0.1], pyarrow.float32()),
        "b": [True],
        "s": ["x"],
        "d": [datetime.date(2024, 1, 2)],
        "t": pyarrow.array([1], pyarrow.timestamp("ns", "Europe/Berlin")),
        "c": pyarrow.array(["y"]).dictionary_encode(),
        "m": [decimal.Decimal("1.50")],
        "none": pyarrow.array([None], pyarrow.null()),
        "gap": pyarrow.array([None], pyarrow.int64()),
    }
    write(keyed, "a.parquet", table).set(partitionKeys=list(table)).run().expect(0)
    ((found, _),) = kept(keyed)
    assert found == {
        "i": 1,
        "f": pyarrow.scalar(0.1, pyarrow.float32()).as_py(),
        "b": True,
        "s": "x",
        "d": datetime.date(2024, 1, 2),
        "t": pandas.Timestamp(1, unit="ns", tz="Europe/Berlin"),
        "c": "y",
        "m": decimal.Decimal("1.50"),
        "none": None,
        "gap": None,
    }
    assert {key: type(value) for key, value in found.items()} == {
        "i": int,
        "f": float,
        "b": bool,
        "s": str,
        "d": datetime.date,
        "t": pandas.Timestamp,
        "c": str,
        "m": decimal.Decimal,
        "none": type(None),
        "gap": type(None),
    }


def test_gaps_of_one_group_give_its_type_to_all(keyed):
    """As in any other job: whole numbers with a gap somewhere are floats in each mini-batch."""
    write(keyed, "a.parquet", {"k": ["a", "b", "b"], "v": [1, None, 3]})
    keyed.set(partitionKeys=["k"]).run().expect(0)
    assert {keys["k"]: str(frame["v"].dtype) for keys, frame in kept(keyed)} == {
        "a": "float64",
        "b": "float64",
    }


def test_an_ordered_category_keeps_all_its_values(keyed):
    order = pandas.CategoricalDtype(["small", "large", "never", "middle"], ordered=True)
    frame = pandas.DataFrame({"k": [1, 2, 1], "size": pandas.Series(["large", "small", None], dtype=order)})
    write(keyed, "a.parquet", frame).set(partitionKeys=["k"]).run().expect(0)
    for found, frame in kept(keyed):
        assert frame["size"].dropna().tolist() == {1: ["large"], 2: ["small"]}[found["k"]]
        assert frame["size"].isna().sum() == {1: 1, 2: 0}[found["k"]]
        assert frame["size"].dtype == order


def test_the_index_of_pandas_stays_the_index(keyed):
    frame = pandas.DataFrame({"k": ["a", "b", "a"], "v": [1, 2, 3]}, index=pandas.Index([7, 8, 9], name="id"))
    write(keyed, "a.parquet", frame).tabular(format="parquet", columns={"v": "int64"})
    keyed.set(partitionKeys=["k"]).run().expect(0)
    (first, a), (second, b) = kept(keyed)
    assert (first, second) == ({"k": "a"}, {"k": "b"})
    pandas.testing.assert_frame_equal(a, frame[frame["k"] == "a"])
    pandas.testing.assert_frame_equal(b, frame[frame["k"] == "b"])


def test_only_declared_columns_and_keys_are_read(keyed):
    keyed.tabular(format="parquet", columns={"v": "float64", "l": "string"})
    write(keyed, "a.parquet", {"k": [1, 1, 2], "l": [1, 1, 2], "v": [1, 2, 3], "more": [{"a": 1}] * 3})
    write(keyed, "b.parquet", {"v": [4], "other": [1], "l": ["1"], "k": [1]})
    keyed.set(partitionKeys=["k", "l"])
    outcome = keyed.run().expect(0)
    assert [(found, list(frame.columns), frame["v"].tolist()) for found, frame in kept(keyed)] == [
        ({"k": 1, "l": "1"}, ["k", "l", "v"], [1.0, 2.0, 4.0]),
        ({"k": 2, "l": "2"}, ["k", "l", "v"], [3.0]),
    ]
    assert "1 file has its columns in another order" in outcome.stderr


def test_types_that_differ_between_files_become_one(keyed):
    write(
        keyed,
        "a.parquet",
        {"k": pyarrow.array([1, 2], pyarrow.int32()), "v": pyarrow.array([1, 2], pyarrow.int32())},
    )
    write(keyed, "b.parquet", {"k": pyarrow.array([1], pyarrow.int64()), "v": [1.5]})
    keyed.set(partitionKeys=["k"]).run().expect(0)
    assert [(found["k"], frame["v"].tolist()) for found, frame in kept(keyed)] == [
        (1, [1.0, 1.5]),
        (2, [2.0]),
    ]


def test_keys_of_folders_and_columns_together(keyed):
    keyed.script(NUMBERS).set(partitionKeys=["day", "k", "part"])
    keyed.tabular(format="parquet", columns={"day": "int64", "k": "string", "n": "int64"})
    for path, ns, ks in (
        ("day=1/part=x/a.parquet", [1, 2], ["a", None]),
        ("day=01/part=x/b.parquet", [3, 4], ["a", "b"]),
        ("day=2/part=__HIVE_DEFAULT_PARTITION__/a.parquet", [5], ["a"]),
        ("other/a.parquet", [6], ["a"]),
    ):
        write(keyed, path, {"n": ns, "k": pyarrow.array(ks, pyarrow.string())})
    outcome = keyed.run().expect(0)
    assert groups(keyed) == {
        by(day=1, k="a", part="x"): [3, 1] if "day=01" < "day=1" else [1, 3],
        by(day=1, k="b", part="x"): [4],
        by(day=1, k=None, part="x"): [2],
        by(day=2, k="a", part=None): [5],
    }
    assert "1 file is left out" in outcome.stderr


@pytest.mark.parametrize("pattern", [None, "day={day}/*.parquet"])
def test_a_key_of_paths_that_the_table_has_as_a_column_too(keyed, pattern):
    """It is not read for that, where `columns` does not name it."""
    keyed.tabular(format="parquet", columns={"n": "int64"}, **({"pathPattern": pattern} if pattern else {}))
    for day in "12":
        write(keyed, "day=%s/a.parquet" % day, {"day": ["x", "y"], "n": [1, 2], "k": ["a", "b"]})
    keyed.set(partitionKeys=["day"]).run().expect(0)
    assert [(found, list(frame.columns)) for found, frame in kept(keyed)] == [
        ({"day": "1"}, ["n", "day"]),
        ({"day": "2"}, ["n", "day"]),
    ]
    keyed.set(partitionKeys=["day", "k"])
    for path in (keyed.root / "kept").iterdir():
        path.unlink()
    keyed.run("--overwrite").expect(0)
    assert [(found, list(frame.columns)) for found, frame in kept(keyed)] == [
        ({"day": day, "k": k}, ["n", "k", "day"]) for day in "12" for k in "ab"
    ]


def test_rows_are_led_back_to_file_and_row_of_the_input(keyed):
    keyed.script("def init(): pass\ndef run(mini_batch): return mini_batch[['n']]\n")
    keyed.spec["output"].update(format="csv", addContext=True, columns=["k"])
    write(keyed, "a.parquet", {"n": [1, 2, 3], "k": ["a", "b", "a"]}, row_group_size=2)
    write(keyed, "b/c.parquet", {"n": [4], "k": ["a"]})
    keyed.set(partitionKeys=["k"]).run().expect(0)
    rows = pandas.read_csv(keyed.out / "parallel_run_step.txt")
    assert sorted(zip(rows["file"], rows["row"], rows["n"], rows["k"])) == [
        ("a.parquet", 1, 1, "a"),
        ("a.parquet", 2, 2, "b"),
        ("a.parquet", 3, 3, "a"),
        ("b/c.parquet", 1, 4, "a"),
    ]


def test_a_failed_group_names_its_keys(keyed):
    keyed.script(
        "def init(): pass\ndef run(b):\n    if 'b' in set(b['k']): raise ValueError('no')\n    return list(b['n'])\n"
    )
    write(keyed, "a.parquet", {"n": [1, 2, 3], "k": ["a", "b", "a"]})
    keyed.set(partitionKeys=["k"], runMaxTry=1).run()
    assert keyed.rows() == ["1", "3"]
    (item,) = keyed.failed_items()
    assert item["partitionKeys"] == {"k": "b"}
    assert (keyed.out / ".parallelrun" / "groups").exists()


def test_empty_files_are_said_and_do_no_harm(keyed):
    write(
        keyed,
        "a.parquet",
        {"n": pyarrow.array([], pyarrow.int64()), "k": pyarrow.array([], pyarrow.string())},
    )
    write(keyed, "b.parquet", {"n": [1], "k": ["a"]})
    keyed.set(partitionKeys=["k"]).run().expect(0)
    assert [found for found, _ in kept(keyed)] == [{"k": "a"}]


# --- refused ---


@pytest.mark.parametrize(
    "column, kind",
    [
        ([[1]], "list<item: int64>|list<element: int64>"),
        ([{"a": 1}], "struct<a: int64>"),
        ([b"x"], "binary"),
        (pyarrow.array([1], pyarrow.duration("us")), r"duration\[us\]"),
    ],
    ids=["list", "struct", "bytes", "duration"],
)
def test_a_column_that_cannot_be_a_key(keyed, column, kind):
    write(keyed, "a.parquet", {"n": [1], "k": column})
    words = keyed.set(partitionKeys=["k"]).run().expect(1).words
    found = re.search(
        r"the column 'k' of (\S+) has the type (.+?), which cannot be a partition key: .*Name another column",
        words,
    )
    assert found, words
    assert found[1] == str(keyed.data / "a.parquet") and re.fullmatch(kind, found[2])
    assert not list((keyed.root / "kept").iterdir())


def test_a_key_that_no_column_has_names_the_nearest(keyed):
    write(keyed, "a.parquet", {"store": [1]}).set(partitionKeys=["stor"])
    words = keyed.run().expect(1).words
    assert "spec.partitionKeys names 'stor'" in words and "did you mean 'store'?" in words


@pytest.mark.parametrize(
    "other, words",
    [
        ({"n": [1]}, r"{b} has no column 'k', which spec.partitionKeys names and {a} has; its columns are n"),
        ({"n": [1], "k": ["x"]}, r"the partition key 'k' has the type string in {b}, and int64 in {a}"),
        ({"n": [1], "k": [1.0]}, r"the partition key 'k' has the type double in {b}, and int64 in {a}"),
        ({"n": [1], "k": [[1]]}, r"the column 'k' of {b} has the type list<[a-z]+: int64>, which cannot be"),
        ({"n": [1], "k": [1], "m": [1]}, r"{b} has other columns than the first file, {a}: it also has 'm'"),
        (
            {"n": ["x"], "k": [1]},
            r"{b}, column 'n' has the type string, but .* has the type int64 .* first in {a}",
        ),
    ],
    ids=["no key", "text", "number", "list", "more columns", "another type"],
)
def test_a_file_that_does_not_fit_names_both(keyed, other, words):
    write(keyed, "a.parquet", {"n": [1], "k": [1]})
    write(keyed, "b.parquet", other)
    said = keyed.set(partitionKeys=["k"]).run().expect(1).words
    words = words.format(
        a=re.escape(str(keyed.data / "a.parquet")), b=re.escape(str(keyed.data / "b.parquet"))
    )
    assert re.search(words, " ".join(said.split())), said
    assert not list((keyed.root / "kept").iterdir())


def test_a_file_that_was_cut_names_itself(keyed):
    write(keyed, "a.parquet", {"k": [1]})
    whole = (keyed.data / "a.parquet").read_bytes()
    (keyed.data / "b.parquet").write_bytes(whole[: len(whole) // 2])
    words = keyed.set(partitionKeys=["k"]).run().expect(1).words
    assert "%s cannot be read as Parquet" % (keyed.data / "b.parquet") in words


def test_without_pyarrow_it_says_what_to_do(keyed, tmp_path):
    write(keyed, "a.parquet", {"k": [1]}).set(partitionKeys=["k"])
    bare = tmp_path / "bare" / "bin"
    bare.mkdir(parents=True)
    (bare / "python3").write_text('#!/bin/sh\nexec /usr/bin/env -i /usr/bin/python3 -S "$@"\n')
    (bare / "python3").chmod(0o755)
    environment = keyed.environment(
        VIRTUAL_ENV=str(bare.parent),
        PATH="%s:/usr/bin:/bin" % bare,
        PARALLELRUN_DEFAULT_PYTHON="",
        PARALLELRUN_DATA_PYTHON="",
    )
    words = keyed.run(env=environment).expect(1).words
    assert (
        "Parquet files are grouped by their columns with pyarrow 14 or newer, and no Python here has it"
        in words
    )
    assert "Install pyarrow into the active virtual environment" in words


# --- kills ---


def write_numbers(job, files, rows, keys, pad=0):
    wanted = {}
    for number in range(files):
        ns = list(range(rows * number, rows * (number + 1)))
        ks = [(n * 7 + number) % keys for n in ns]
        for n, k in zip(ns, ks):
            wanted.setdefault(by(k=k), []).append(n)
        columns = {"n": ns, "k": ks}
        if pad:
            columns["pad"] = [("%08x" % hash((n, number))) * pad for n in ns]
        write(job, "f%d.parquet" % number, columns, row_group_size=rows // 3)
    return wanted


@pytest.mark.parametrize("forget", ["nothing", "index"])
def test_a_killed_orchestrator_goes_on_with_the_groups(keyed, forget):
    keyed.script(HELD).set(partitionKeys=["k"], environment={"variables": {"GO": str(keyed.root / "go")}})
    wanted = write_numbers(keyed, 5, 400, 97)
    run_and_kill_at_work(keyed, forget)
    assert groups(keyed) == wanted


def test_kills_while_rows_are_grouped(keyed):
    """Whenever it is killed, it groups anew or goes on; each row is there once."""
    keyed.script(NUMBERS).set(partitionKeys=["k"])
    wanted = write_numbers(keyed, 4, 60_000, 300, pad=4)
    state = keyed.out / ".parallelrun" / "groups" / "0"
    process = keyed.start()
    killed = 0
    for _ in range(3):
        wait_for(
            lambda: any(state.glob("spill-*")) or (state / "index").exists() or process.poll() is not None,
            "grouping",
            pause=0.001,
        )
        for pid in roles_below(process.pid).get("orchestrator", [])[:1]:
            killed += not (state / "index").exists()
            kill_quietly(pid)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    assert killed
    assert groups(keyed) == wanted
