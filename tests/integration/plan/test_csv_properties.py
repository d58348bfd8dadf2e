"""Slices of generated CSV files against Python's csv module and pandas."""

import csv
import io
import random

import pandas
import pytest

BOM = b"\xef\xbb\xbf"
FILES_PER_CASE = 25
CASES = 24

WORDS = ["", "a", "0", "12.5", "x y", " lead", "trail ", "ü", "漢字", "😀", "é" * 20, "-", "word" * 30]
QUOTED = [
    "a,b",
    'say "hi"',
    '"',
    "line\nbreak",
    "cr\r\nlf",
    "lone\rcr",
    "\n",
    '""',
    ", ,",
    "\n\n\n",
    "tab\there",
]
STRAY = ['5" disk', 'a"b"c', 'x""y']


def field(draw, delimiter, quotes):
    kind = draw.random()
    if quotes and kind < 0.3:
        value = draw.choice(QUOTED).replace(",", delimiter)
        return '"' + value.replace('"', '""') + '"'
    if quotes and kind < 0.35:
        return draw.choice(STRAY)
    if quotes and kind < 0.4:
        return '""'
    if kind < 0.5:
        return "y" * draw.randrange(0, 150)
    return draw.choice(WORDS).replace(delimiter, "_")


def generate(draw):
    """A file as bytes, with its delimiter. Records are as RFC 4180 and beyond; all have the header's fields."""
    delimiter = draw.choice([",", ",", ",", ";", "\t", "|"])
    newline = draw.choice(["\n", "\r\n", "\n", "\r\n", "\r"])
    quotes = draw.random() < 0.8
    columns = draw.randrange(1, 6)
    lines = [delimiter.join(f'"c{i}"' if quotes and draw.random() < 0.3 else f"c{i}" for i in range(columns))]
    for _ in range(draw.choice([0, 1, 3, 30, 200])):
        if draw.random() < 0.07:
            blank = draw.choice(["", " ", "   ", "\t", " \t "])
            lines.append(blank.replace(delimiter, ""))
            continue
        fields = [field(draw, delimiter, quotes) for _ in range(columns)]
        if columns == 1 and not fields[0].strip():
            fields[0] = "q"
        lines.append(delimiter.join(fields))
    mixed = draw.random() < 0.15
    text = ""
    for line in lines:
        text += line + (draw.choice(["\n", "\r\n"]) if mixed else newline)
    if draw.random() < 0.4:
        text = text[
            : -1 if text.endswith("\n") and not text.endswith("\r\n") else -2 if text.endswith("\r\n") else -1
        ]
    if draw.random() < 0.2:
        text = draw.choice(["\n", " \n", "\r\n\r\n"]) + text
    return (BOM if draw.random() < 0.2 else b"") + text.encode(), delimiter


def read_with_csv_module(text, delimiter):
    """(characters up to the end of each record, its fields) as the csv module sees them."""
    ends = []
    consumed = 0

    def lines():
        nonlocal consumed
        for line in io.StringIO(text, newline=""):
            consumed += len(line)
            yield line

    for fields in csv.reader(lines(), delimiter=delimiter):
        ends.append((consumed, fields))
    return ends


def is_blank(fields, raw, delimiter):
    return not raw.strip(" \t\r\n".replace(delimiter, ""))


def read_with_pandas(data, delimiter):
    return pandas.read_csv(
        io.BytesIO(data), sep=delimiter, dtype=str, keep_default_na=False, low_memory=False, index_col=False
    )


def expected_body(data, delimiter):
    """Offset of the body, and (offset, row, blank) of the end of each record of it."""
    mark = len(BOM) if data.startswith(BOM) else 0
    text = data[mark:].decode()
    begin = None
    records = []
    last = 0
    row = 0
    for end, fields in read_with_csv_module(text, delimiter):
        blank = is_blank(fields, text[last:end], delimiter)
        offset = mark + len(text[:end].encode())
        if begin is None:
            if not blank:
                begin = offset
        else:
            row += 1
            records.append((offset, row, blank))
        last = end
    return begin, records


def check(data, delimiter, size, slices):
    begin, records = expected_body(data, delimiter)
    whole = [record for record in records if not record[2]]
    if not whole:
        assert slices == []
        return
    # Without a gap, from the header to the end.
    assert slices[0]["offset"] == begin
    assert b"".join(data[s["offset"] : s["offset"] + s["length"]] for s in slices) == data[begin:]
    ends = {offset: row for offset, row, _ in records}
    for index, piece in enumerate(slices):
        end = piece["offset"] + piece["length"]
        inside = [record for record in records if piece["offset"] < record[0] <= end]
        assert end in ends
        assert piece["records"] == sum(not blank for _, _, blank in inside) > 0
        assert piece["first_row"] == next(row for _, row, blank in inside if not blank)
        assert piece["file_size"] == len(data)
        if index + 1 < len(slices):
            assert piece["length"] >= size
            shorter = [record for record in inside[:-1] if record[0] - piece["offset"] >= size]
            assert all(blank for _, _, blank in shorter), "it could have been shorter"

    # pandas reads the slices as it reads the file.
    frame = read_with_pandas(data, delimiter)
    assert sum(s["records"] for s in slices) == len(frame)
    parts = [
        read_with_pandas(s["header"] + data[s["offset"] : s["offset"] + s["length"]], delimiter)
        for s in slices
    ]
    assert [len(part) for part in parts] == [s["records"] for s in slices]
    pandas.testing.assert_frame_equal(pandas.concat(parts, ignore_index=True), frame)


@pytest.mark.parametrize("case", range(CASES))
def test_slices_are_what_csv_and_pandas_see(plan_dump, tmp_path, case):
    draw = random.Random(f"slices {case}")
    for number in range(FILES_PER_CASE):
        data, delimiter = generate(draw)
        path = tmp_path / f"{number}.csv"
        path.write_bytes(data)
        size = draw.choice([1, 1, 2, 7, 64, 100, 1000, 100_000])
        slices = plan_dump.slices("cut", size, [path], delimiter)
        try:
            check(data, delimiter, size, slices)
            if number % 5 == 0:
                assert plan_dump.slices("resume", size, [path], delimiter) == slices
        except AssertionError as failure:
            raise AssertionError(
                f"case {case}, file {number}, size {size}, delimiter {delimiter!r}: {data!r}"
            ) from failure


@pytest.mark.parametrize("case", range(12))
def test_samples_hold_records_of_the_file(plan_dump, tmp_path, case):
    """Whatever sample is taken, it begins and ends at boundaries, and its count is right."""
    draw = random.Random(f"samples {case}")
    taken = 0
    for number in range(10):
        rows = [generate(draw) for _ in range(1)]
        data, delimiter = rows[0]
        path = tmp_path / f"{number}.csv"
        path.write_bytes(data)
        begin, records = expected_body(data, delimiter)
        boundaries = {begin, *(offset for offset, _, _ in records)}
        for piece in plan_dump.slices("sample", draw.choice([50, 200, 1000]), [path], delimiter):
            end = piece["offset"] + piece["length"]
            assert piece["offset"] in boundaries and end in boundaries, (case, number, piece, data)
            inside = [blank for offset, _, blank in records if piece["offset"] < offset <= end]
            assert piece["records"] == inside.count(False) > 0
            taken += 1
    assert taken >= 5


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_wide_encodings_come_whole_and_counted(plan_dump, tmp_path, encoding):
    draw = random.Random(encoding)
    for number in range(20):
        data, delimiter = generate(draw)
        text = data.decode("utf-8-sig")
        path = tmp_path / f"{number}.csv"
        path.write_bytes(text.encode(encoding))
        _, records = expected_body(text.encode(), delimiter)
        whole = sum(not blank for _, _, blank in records)
        slices = plan_dump.slices("cut", 1, [path], delimiter, encoding)
        assert [s["records"] for s in slices] == ([whole] if whole else [])
        assert all(s["offset"] == 0 and s["length"] == path.stat().st_size for s in slices)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "shift_jis", "gbk", "euc_jp"])
def test_other_encodings_are_cut_at_the_same_records(plan_dump, tmp_path, encoding):
    text = "k,v\n" + "".join(
        f'{i},"{"表ソ能" if encoding in ("shift_jis", "gbk", "euc_jp") else "äöü"}\n{i}"\n' for i in range(50)
    )
    path = tmp_path / "a.csv"
    data = text.replace("ソ", "" if encoding == "gbk" else "ソ").encode(encoding)
    path.write_bytes(data)
    slices = plan_dump.slices("cut", 1, [path], ",", encoding)
    assert len(slices) == 50
    for number, piece in enumerate(slices):
        record = data[piece["offset"] : piece["offset"] + piece["length"]].decode(encoding)
        assert list(csv.reader(io.StringIO(record, newline="")))[0][0] == str(number)
