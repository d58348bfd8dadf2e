"""pyarrow and pandas read the same: each mini-batch goes to two processes, of which one may read with pandas alone.
Frames are compared cell by cell, failures word by word."""

import os
import random
import re
import subprocess
from pathlib import Path

import pytest
from csv_files import CsvFile
from test_csv_property import KINDS as PLAIN_KINDS
from two_readers import TwoReaders
from worker_harness import PACKAGE

SEEDS = [int(os.environ["PARALLELRUN_SEED"])] if "PARALLELRUN_SEED" in os.environ else range(40)


class Both(TwoReaders):
    """A process as users have it, and one that reads with pandas."""

    def __init__(self, launcher, start, folder, inputs, library=""):
        environments = [
            {"PARALLELRUN_CSV_READER": reader, "PARALLELRUN_CSV_LIBRARY": library}
            for reader in ("", "pandas")
        ]
        super().__init__(launcher, start, folder, inputs, environments)
        # The launcher's environment may have no pyarrow: then both are the same.
        question = "import pyarrow; assert int(pyarrow.__version__.split('.')[0]) >= 14"
        self.has_arrow = (
            subprocess.run([launcher.python, "-c", question], capture_output=True).returncode == 0
        )

    def read(self):
        """{mini-batches that were read with Arrow, and why others were not: how many}"""
        counts = {"Arrow": 0}
        said = self.said()
        for line in said[0] + said[1]:
            told = re.match(r"parallelrun: input .*: (\d+) mini-batches were read with Arrow(.*)", line)
            if told:
                counts["Arrow"] += int(told[1])
                for why, count in re.findall(r"(?:: |, )([^:]+?) \((\d+)\)", told[2]):
                    counts[why] = counts.get(why, 0) + int(count)
        others = [[line for line in lines if "mini-batches were read with" not in line] for lines in said]
        assert others[0] == others[1]
        return counts


@pytest.fixture
def both(tabular_launcher, start, tmp_path):
    """both(settings of each input, library) -> Both; `none`: without libparallelrun_csv.so, so with pyarrow.csv alone"""

    def make(inputs, library=""):
        entries = [{"name": "table", "kind": 2, **entry} for entry in inputs]
        return Both(tabular_launcher, start, tmp_path, entries, library)

    return make


WORDS = (
    """1 +1 -1 007 0x10 0X1f -0x10 1_000 1e3 1.0 0 -0 -0.0 00 inf Inf -inf +inf infinity -Infinity nan NaN NAN +nan
nan(abc) -nan(1) 1e400 -1e400 1e-400 1. . .5 -.5 +.5 1.e5 1e 1e+5 1E5 1d5 0.1e 0x1p3 1f 1,5 1..2 1e5.5 1e+ - + --1 1- 1L
0b1 0o7 1j 1% $1 (1) 1'000 9007199254740992 9007199254740993 -9007199254740993 9223372036854775807 9223372036854775808
-9223372036854775808 -9223372036854775809 18446744073709551615 18446744073709551616 1111111111111111111111111 0.1
0.1000000000000000055511151231257827 123456789.123456789123456789 5e-324 2.4703282292062327e-324 2.2250738585072011e-308
1.7976931348623157e308 1.7976931348623159e308 8.41e21 9.5367431640625e-7 True TRUE tRuE true False FALSE false fALSE yes x
NA N/A null NULL None <NA> #N/A n/a na Na #NA -nan -NaN 1.#IND -1.#QNAN é ١ ٣.٥ 2024-02-29 2024-02-29T12:30:00
2024-02-29T12:30:00Z 2024-02-29T12:30:00+01:00 2024-02-29T12:30:00.123456 2024-02-29T12:30 2024-02-29T12 2024-02 20240229
0000-01-01 0001-01-01 0001-01-01T00:00:00+01:00 9999-12-31T23:59:59 9999-12-31T23:59:59-05:00 2023-02-29 2024-02-29T24:00:00
2024-02-29T23:59:60 2024-02-29t12:30:00 31.03.2024""".split()
    + [
        "",
        " ",
        " 1",
        "1 ",
        "\t1",
        "1\x0b",
        "1\xa0",
        "1 2",
        " NA",
        " True",
        "2024-02-29 12:30:00",
        " 2024-02-29",
        "\ufeffx",
        "\ufeff1",
        'a"b',
        '"',
        "a,b",
        "1\n",
        "a\nb",
        "a\r\nb",
        "a\rb",
        "\x00",
        "1\x00",
        "x" * 3000,
    ]
)
# type: (a value that fits, whether it may be declared)
TYPES = {
    "int64": ("7", True),
    "uint64": ("7", False),
    "int64_or_missing": ("7", False),
    "uint64_or_missing": ("7", False),
    "float64": ("1.5", True),
    "bool": ("True", True),
    "bool_or_missing": ("False", False),
    "missing": ("", False),
    "string": ("s", True),
    "datetime": ("2024-02-29T12:30:00", True),
    "datetime_utc": ("2024-02-29T12:30:00Z", True),
}


def test_each_form_of_a_value_in_a_column_of_each_type(both, tmp_path):
    inputs, files, types = [], [], []
    r = random.Random(3)
    for kind, (good, declarable) in TYPES.items():
        for declared in (True, False) if declarable and not kind.startswith("datetime") else (declarable,):
            for gaps in ({}, {"na_values": ["-", "x"]}, {"na_values": []}):
                declaration = {"columns": {"v": kind.partition("_")[0]}} if declared else {}
                # What must be quoted is; the rest comes plain or in quotes. All of them where nothing is declared.
                words = WORDS if not gaps and (not declared or kind == "string") else r.sample(WORDS, 20)
                plain = [re.search('[,\r\n"]', w) is None and r.random() < 0.7 or w == 'a"b' for w in words]
                fields = [w if p else '"%s"' % w.replace('"', '""') for w, p in zip(words, plain)]
                # The word with a value that fits, or alone.
                records = [b"v,k\n"]
                for field in fields:
                    records += [(field + ",x\n").encode(), (good + ",x\n").encode()]
                inputs.append({**declaration, **gaps})
                files.append(CsvFile(tmp_path / ("%d.csv" % len(files)), records))
                types.append({"v": kind, "k": "string"})
    pair = both(inputs)
    for index, (file, known) in enumerate(zip(files, types)):
        pair.know(index, known)
        for first in range(1, len(file.records) - 1, 2):
            where = (known["v"], inputs[index], file.records[first])
            pair.run(file.slice(first, first + r.choice([0, 1, 1])), index, where)
    read = pair.read()
    if pair.has_arrow:
        assert read["Arrow"] > 300, read


def test_whole_numbers_with_gaps_keep_their_digits_in_any_company(both, tmp_path):
    """Also -0, which is another float than 0, and fractions beside numbers that float64 does not hold."""
    pair = both([{}, {"columns": {"v": "int64"}}])
    r = random.Random(1)
    numbers = [
        "",
        "0",
        "-0",
        "7",
        "-7",
        "1.5",
        str(2**53 + 1),
        str(2**60),
        str(2**63 - 1),
        str(2**63),
        str(2**64 - 1),
    ]
    records = [b"v,k\n"] + [("%s,%d\n" % (r.choice(numbers), i)).encode() for i in range(240)]
    file = CsvFile(tmp_path / "t.csv", records)
    for kind in ("int64", "uint64", "int64_or_missing", "uint64_or_missing", "float64"):
        for index in (0, 1):
            pair.know(index, {"v": kind, "k": "int64"})
            for first in range(1, 240, 3):
                pair.run(
                    file.slice(first, first + first % 3), index, (kind, index, records[first : first + 3])
                )
    read = pair.read()
    assert not pair.has_arrow or read["Arrow"] > 150, read


ODD = [
    'a"b',
    '"a"b',
    '"a"b"c"',
    '""',
    '""""',
    '"a""b"',
    '"x,y"',
    '"line\nbreak"',
    '"cr\r\nlf"',
    '"lone\rreturn"',
    '"tab\t"',
    "'",
    "\\",
    '"\\"',
    " lead",
    "trail ",
    "é漢字",
    "0x1F",
    "",
    "NA",
    '"NA"',
    '" "',
]
KINDS = {
    **{
        kind: (lambda r, make=make: _quoted(r, make(r)))
        for kind, make in PLAIN_KINDS.items()
        if kind != "text"
    },
    "odd": lambda r: r.choice(ODD),
    "text": lambda r: r.choice(["boiler", "pump", "fan", "x" * r.randrange(300)]),
    "long_float": lambda r: "%.*g" % (r.randint(1, 25), r.uniform(-1e12, 1e12)),
    "rare_gap": lambda r: "" if r.random() < 0.02 else str(r.randrange(-(2**55), 2**55)),
    "empty": lambda r: "",
    "late": lambda r: "" if r.random() < 0.98 else r.choice(["1", "x", "True"]),
    "day": lambda r: "20%02d-%02d-%02d" % (r.randrange(100), r.randint(1, 12), r.randint(1, 28)),
    "moment": lambda r: "" if r.random() < 0.1 else "2024-02-29T%02d:30:00Z" % r.randrange(24),
}


def _quoted(r, text):
    return '"%s"' % text.replace('"', '""') if r.random() < 0.1 or re.search('[,;\t\r\n"]', text) else text


def generate(r):
    """(records, settings of the input, encoding)"""
    delimiter = r.choice([",", ",", ",", ";", "\t"])
    regular = r.random() < 0.7
    names = [r.choice(list(KINDS)) for _ in range(r.choice([1, 2, 4, 9, 40]))]
    if regular:  # as most files are, so that pyarrow reads them
        names = [name if name not in ("odd", "mixed") else "text" for name in names]
    breaks = r.choice(["\n", "\n", "\r\n", "\r"] if not regular else ["\n", "\n", "\r\n"])
    records = [delimiter.join("%s%d" % (name, i) for i, name in enumerate(names)) + breaks]
    if r.random() < 0.2:
        records[0] = delimiter.join(r.choice(["a", "a", "b", "", '"c d"']) for _ in names) + breaks
        if not records[0].strip(breaks + " \t"):
            records[0] = "a" + records[0]
    for _ in range(r.choice([1, 3, 30, 300])):
        record = delimiter.join(KINDS[name](r) for name in names)
        if not record.strip(" \t".replace(delimiter, "")):
            record = '""'
        records.append(record + breaks)
        if r.random() < (0.002 if regular else 0.05):
            records.append(r.choice(["", "  ", "x", delimiter * 50, "\ufeff" + record]) + breaks)
    encoding = r.choice(["utf-8"] * 8 + ["cp1252", "utf-8-sig"])
    settings = {"delimiter": delimiter, "encoding": encoding}
    if r.random() < 0.3:
        settings["columns"] = {
            "%s%d" % (name, i): kind
            for i, name in enumerate(names)
            for kind in [
                {"day": "datetime", "moment": "datetime", "na": "string", "int_gap": "int64"}.get(name)
            ]
            if kind and records[0].startswith(names[0] + "0")
        }
    if r.random() < 0.2:
        settings["na_values"] = r.choice([["NA"], ["-"], ["7"], []])
    return [
        record.encode("utf-8" if encoding == "utf-8-sig" else encoding, "replace") for record in records
    ], settings


@pytest.mark.parametrize("library", ["", "none"])
def test_generated_files(both, tmp_path, library):
    made = [generate(random.Random(seed)) for seed in SEEDS]
    pair = both([settings for _, settings in made], library)
    for index, (records, settings) in enumerate(made):
        r = random.Random(index)
        bom = r.choice([b"", b"", b"\xef\xbb\xbf"]) if settings["encoding"] != "cp1252" else b""
        file = CsvFile(tmp_path / ("%d.csv" % index), records, bom)
        if len(records) > 1:
            sampled = len(records) - 1 if r.random() < 0.5 else r.randint(1, len(records) - 1)
            pair.infer([file.slice(1, sampled)], index)
        descriptors = file.slices(max(r.choice([1, 2, 7, 50, 300]), len(records) // 12)) + [file.whole()]
        for number, descriptor in enumerate(descriptors):
            pair.run(descriptor, index, (SEEDS[index], number, settings))
        pair.run(file.unsplit(), index, (SEEDS[index], "unsplit", settings))
    read = pair.read()
    assert not pair.has_arrow or read["Arrow"] > 3 * len(made), read


def test_real_files(both, tmp_path):
    """Those that scikit-learn and Debian come with, whole and in slices."""
    sklearn = pytest.importorskip("sklearn")
    sources = sorted((Path(sklearn.__file__).parent / "datasets" / "data").glob("*.csv"))
    sources += sorted(Path("/usr/share/distro-info").glob("*.csv"))
    assert sources
    pair = both([{} for _ in sources])
    for index, source in enumerate(sources):
        records = source.read_bytes().splitlines(keepends=True)
        width = records[-1].count(b",") + 1
        if records[0].count(b",") + 1 != width:  # its counts and class names: no header
            records[0] = ",".join("c%d" % i for i in range(width)).encode() + b"\n"
        file = CsvFile(tmp_path / source.name, records)
        pair.infer([file.whole()], index)
        for size in (len(records), 7, 50):
            for descriptor in file.slices(size):
                pair.run(descriptor, index, source)
    read = pair.read()
    assert not pair.has_arrow or read["Arrow"] > 50, read


def test_what_pandas_has_to_read_is_counted_and_said(both, tmp_path):
    records = [b"v,w\n"]
    records += [b"1,x\n", b"2,0x1F\n", b'3,"a\rb"\n', b" \n", b"4,y\n", b"inf,z\n", b"5,z\n", b"+6,q\n"]
    pair = both([{}, {}])
    file = CsvFile(tmp_path / "t.csv", records)
    pair.know(0, {"v": "int64", "w": "string"})
    pair.know(1, {"v": "float64", "w": "string"})
    for first, last in ((1, 1), (2, 2), (3, 3), (4, 5), (7, 7), (8, 8)):
        pair.run(file.slice(first, last), 0, first)
    pair.run(file.slice(6, 6), 1, 6)
    read = pair.read()
    if pair.has_arrow:
        assert read == {
            "Arrow": 2,
            "0x in a slice with whole numbers": 1,
            "a carriage return alone": 1,
            "a value that pyarrow does not take": 2,
            "inf, or a number that is none": 1,
        }


def test_the_library_needs_no_other():
    """Users' Python loads it: with a libc named in it, one of another kind or age would refuse it."""
    said = subprocess.run(
        ["readelf", "--dynamic", str(PACKAGE / "libparallelrun_csv.so")],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    if re.search("lib[atu]b?san", said):
        pytest.skip("a sanitizer's runtime is a library")
    assert "SONAME" in said and "NEEDED" not in said, said
