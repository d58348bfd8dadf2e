"""usage: duckdb_partition.py FOLDER PARTS: COPY ... PARTITION_BY of the tables in FOLDER, then one read of each part by two
processes with pandas, which do what the job's script does."""

import sys
from multiprocessing import Pool
from pathlib import Path

import duckdb
import pandas


def one_part(folder):
    read = {".csv": pandas.read_csv, ".parquet": pandas.read_parquet}
    frames = [read[path.suffix](path) for path in sorted(folder.iterdir())]
    rows = frames[0] if len(frames) == 1 else pandas.concat(frames)
    keys = dict(part.split("=", 1) for part in folder.parts[-2:])
    total = round(float(rows["quantity"].sum()), 2)
    return ["%s %s %s\n" % (keys["store"], keys["brand"], total)] * len(rows)


if __name__ == "__main__":
    source, parts = map(Path, sys.argv[1:3])
    kind = next(path.suffix[1:] for path in sorted(source.iterdir()))
    parts.mkdir(parents=True, exist_ok=True)
    database = duckdb.connect()
    database.execute("SET threads = 2")
    database.execute("SET preserve_insertion_order = false")
    database.execute(
        f"COPY (SELECT * FROM read_{kind}('{source}/*.{kind}')) TO '{parts}/grouped' "
        f"(FORMAT {kind}{', HEADER' if kind == 'csv' else ''}, PARTITION_BY (store, brand))"
    )
    folders = sorted((parts / "grouped").glob("store=*/brand=*"))
    with Pool(2) as pool, open(parts / "rows.txt", "w") as out:
        for rows in pool.imap_unordered(one_part, folders, chunksize=16):
            out.writelines(rows)
