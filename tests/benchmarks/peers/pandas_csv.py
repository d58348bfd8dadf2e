"""usage: pandas_csv.py CSV OUTPUT: one bare process for one file; the benchmark starts two."""

import sys
from pathlib import Path

import pandas

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "jobs"))
from column_entry import run  # noqa: E402

if __name__ == "__main__":
    source, output = sys.argv[1:]
    with open(output, "w") as out:
        out.write("".join(f"{row}\n" for row in run(pandas.read_csv(source))))
