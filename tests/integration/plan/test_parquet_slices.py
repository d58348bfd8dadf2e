"""Slices of real Parquet files against what pyarrow says of them."""

import random

import pyarrow
import pyarrow.parquet as parquet
import pytest


def made(dice, path):
    rows = dice.choice([0, 1, 10, 1000, 20000])
    columns = {
        "id": pyarrow.array(range(rows), pyarrow.int64()),
        "text": pyarrow.array(["x" * (i % 50) for i in range(rows)]),
        "tags": pyarrow.array([[i] * (i % 3) for i in range(rows)], pyarrow.list_(pyarrow.int32())),
        "place": pyarrow.array(
            [{"k": i, "l": {"m": "a"}} for i in range(rows)],
            pyarrow.struct([("k", pyarrow.int8()), ("l", pyarrow.struct([("m", pyarrow.string())]))]),
        )
        if rows < 100
        else pyarrow.nulls(rows, pyarrow.struct([("k", pyarrow.int8())])),
        "map": pyarrow.nulls(rows, pyarrow.map_(pyarrow.string(), pyarrow.int8())),
        "ünï\n": pyarrow.nulls(rows, pyarrow.float32()),
    }
    names = dice.sample(sorted(columns), dice.randrange(1, len(columns) + 1))
    table = pyarrow.table({name: columns[name] for name in names})
    options = {
        "row_group_size": dice.choice([1, 7, 500, 100000])
        if rows <= 1000
        else dice.choice([500, 7000, 100000]),
        "compression": dice.choice(["none", "snappy", "zstd", "gzip"]),
        "use_dictionary": dice.random() < 0.5,
        "write_statistics": dice.random() < 0.5,
        "write_page_index": dice.random() < 0.3,
        "version": dice.choice(["1.0", "2.6"]),
        "store_schema": dice.random() < 0.8,
    }
    if dice.random() < 0.3:
        options["sorting_columns"] = [parquet.SortingColumn(0)] if names[0] in ("id", "text") else None
    parquet.write_table(table, path, **options)
    return table


@pytest.mark.parametrize("seed", range(20))
def test_slices_follow_the_row_groups(plan_dump, tmp_path, seed):
    dice = random.Random(seed)
    path = tmp_path / "a.parquet"
    table = made(dice, path)
    # Each slice is gone on behind: not too many of them.
    size = dice.choice([1 if table.num_rows <= 1000 else 5000, 1000, 20000, 1 << 30])
    head, *slices = plan_dump.lines("parquet", size, path)
    assert head == {"columns": table.schema.names, "rows": table.num_rows}
    footer = parquet.read_metadata(path)
    groups = [footer.row_group(i) for i in range(footer.num_row_groups)]
    at = 1
    for piece in slices:
        assert piece["first_row"] == at and piece["records"] > 0
        at += piece["records"]
    assert at - 1 == table.num_rows
    ends = {piece["first_row"] + piece["records"] - 1 for piece in slices}
    row = 0
    for group in groups:
        bounds = [end for end in ends if row < end < row + group.num_rows]
        row += group.num_rows
        # A group of up to one and a half of the size stays whole.
        wanted = 1 if group.total_byte_size * 2 <= size * 3 else round(group.total_byte_size / size)
        assert abs(len(bounds) + 1 - min(wanted, max(group.num_rows, 1))) <= 1
    row = 0
    for piece in slices:  # what was joined is no larger than the size
        first, last = piece["first_row"], piece["first_row"] + piece["records"] - 1
        joined = []
        row = 0
        for group in groups:
            if row < last and row + group.num_rows >= first:
                joined.append(group.total_byte_size)
            row += group.num_rows
        assert len(joined) == 1 or sum(joined) <= size


@pytest.mark.parametrize("seed", range(5))
def test_a_file_that_was_cut_anywhere_is_refused(plan_dump, tmp_path, seed):
    dice = random.Random(seed)
    whole = tmp_path / "a.parquet"
    made(dice, whole)
    content = whole.read_bytes()
    cut = []
    for _ in range(10):
        cut.append(tmp_path / f"cut{len(cut)}")
        cut[-1].write_bytes(content[: dice.randrange(len(content))])
    answers = plan_dump.lines("parquet", 1000, *cut)
    heads, slices = answers[::2], answers[1::2]
    assert all("error" in head for head in heads), heads
    assert all((piece["records"], piece["length"]) == (1, 0) for piece in slices)
