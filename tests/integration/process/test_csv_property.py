"""Generated CSV files: the DataFrames of all slices, put together, are pandas.read_csv of the whole file."""

import os
import pickle
import random

import pandas
import pytest
from csv_files import PICKLE, CsvFile, infer
from worker_harness import RESULT

# Seeds of a run: PARALLELRUN_SEED=7 repeats one that failed.
SEEDS = [int(os.environ["PARALLELRUN_SEED"])] if "PARALLELRUN_SEED" in os.environ else range(40)

TEXTS = [
    "plain",
    "with space",
    "a,b",
    'say "hi"',
    "line\nbreak",
    "cr\r\nlf",
    "é€ß",
    "漢字",
    "",
    "x" * 200,
    "'",
    " lead",
    "trail ",
    "a;b|c",
]
KINDS = {
    "int": lambda r: str(r.choice([0, 1, -5, r.randrange(-(2**63), 2**63)])),
    "small": lambda r: str(r.randrange(100)),
    "float": lambda r: r.choice(
        ["1.5", "-0", "1e300", "nan", "inf", repr(r.random()), repr(r.uniform(-1e9, 1e9)), "7", ""]
    ),
    "bool": lambda r: r.choice(["True", "False", "TRUE", "false"]),
    "bool_gap": lambda r: r.choice(["True", "False", ""]),
    "text": lambda r: r.choice(TEXTS),
    "mixed": lambda r: r.choice(["1", "2.5", "True", "NA", "x", "", "1e5", "0x10", "1,000"]),
    "na": lambda r: r.choice(["", "NA", "null", "nan"]),
    "unsigned": lambda r: str(r.choice([2**64 - 1, 2**63, 5])),
    "int_gap": lambda r: r.choice(["1", "22", ""]),
}


def field(r, text, delimiter):
    must = any(c in text for c in (delimiter, '"', "\n", "\r"))
    if must or (r.random() < 0.1 and text.strip()):
        return '"%s"' % text.replace('"', '""')
    # A quote inside a field that does not begin with one is a plain character.
    return text + r.choice(["", "", "", '"']) if text == "plain" else text


def generate(r):
    """(records of a file as bytes, delimiter, kinds)"""
    delimiter = r.choice([",", ",", ";", "\t"])
    kinds = [r.choice(list(KINDS)) for _ in range(r.randint(1, 6))]
    breaks = r.choice(["\n", "\n", "\r\n"])
    records = [delimiter.join("%s%d" % (kind, i) for i, kind in enumerate(kinds)) + breaks]
    for _ in range(r.choice([1, 5, 40, 400])):
        record = delimiter.join(field(r, KINDS[kind](r), delimiter) for kind in kinds)
        # A record of one empty field would be a blank line.
        if not record.strip(" \t".replace(delimiter, "")):
            record = '""'
        records.append(record + breaks)
        if r.random() < 0.05:
            records.append(r.choice(["", "  "]) + breaks)
    if r.random() < 0.5 and records[-1].strip():
        records[-1] = records[-1].rstrip("\r\n")
    return [record.encode() for record in records], delimiter, kinds


@pytest.mark.parametrize(
    "environment", [None, {"PARALLELRUN_CSV_LIBRARY": "none"}], ids=["library", "csv-module"]
)
def test_slices_together_are_the_whole_file(tabular_launcher, start, tmp_path, environment):
    for delimiter in (",", ";", "\t"):
        # Each file is an input of its own: the tables of one have the same columns.
        seeds = [seed for seed in SEEDS if generate(random.Random(seed))[1] == delimiter]
        frames = tmp_path / "frames.pickle"
        worker = start(
            tabular_launcher,
            PICKLE,
            environment,
            argv=[str(frames)],
            inputs=[{"name": "t%d" % seed, "kind": 2, "delimiter": delimiter} for seed in seeds],
        )
        worker.ready()
        for index, seed in enumerate(seeds):
            r = random.Random(seed)
            records, its_delimiter, kinds = generate(r)
            frames.write_bytes(b"")
            bom = r.choice([b"", b"", b"\xef\xbb\xbf"])
            blanks = b" \t\r\n".replace(its_delimiter.encode(), b"")
            file = CsvFile(
                tmp_path / ("%d.csv" % seed), records, bom, lambda record, b=blanks: not record.strip(b)
            )
            infer(worker, [file.whole()], input_index=index)
            # At most about sixty slices: each costs pandas a millisecond or more.
            sent = file.slices(max(r.choice([1, 2, 7, 50]), len(records) // 60))
            items = called = 0
            for descriptor in sent:
                answer = worker.run(descriptor, input_index=index)
                assert answer.kind == RESULT, (seed, kinds, answer)
                items += answer.items
                called += answer.items > 0  # run() is not called over nothing
            expected = pandas.read_csv(file.path, sep=delimiter, low_memory=False)
            got = []
            with open(frames, "rb") as read:
                for _ in range(called):
                    got.append(pickle.load(read))
            assert items == len(expected), (seed, kinds)
            if not got:
                continue
            together = pandas.concat(got, ignore_index=True)
            pandas.testing.assert_frame_equal(
                together, expected, check_exact=True, obj="seed %d %s" % (seed, kinds)
            )
