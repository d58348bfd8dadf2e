"""usage: pandas_table.py FILE OUTPUT: one bare process for one file, JSON lines or Parquet; the benchmark starts two."""

import sys
from pathlib import Path

import pandas

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "jobs"))
from column_entry import run  # noqa: E402

if __name__ == "__main__":
    source, output = sys.argv[1:]
    if source.endswith(".parquet"):
        frame = pandas.read_parquet(source)
    else:
        frame = pandas.read_json(source, lines=True, precise_float=True)  # the same values as ours
    with open(output, "w") as out:
        out.write("".join(f"{row}\n" for row in run(frame)))
