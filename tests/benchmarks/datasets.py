"""The inputs of the benchmarks: made once under build/bench-data, the same bytes each time.

A dataset is complete when its stamp file exists; an interrupted one is made again.
"""

import os
import shutil
from pathlib import Path

CSV_BYTES_PER_FILE = 512 * 1024 * 1024


def _made_once(folder: Path, make) -> Path:
    stamp = folder.with_suffix(".complete")
    if not stamp.exists():
        print(f"making {folder} ...", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        make(folder)
        stamp.touch()
    return folder


def file_tree(data: Path, directories: int, files_each: int = 1000) -> Path:
    """`directories` folders of `files_each` empty files: what is measured is dispatch, not reading."""

    def make(folder: Path) -> None:
        for directory in range(directories):
            child = folder / f"part-{directory:05d}"
            child.mkdir()
            fd = os.open(child, os.O_RDONLY)
            for number in range(files_each):
                os.close(os.open(f"scan-{number:06d}.png", os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=fd))
            os.close(fd)

    return _made_once(data / f"files-{directories}x{files_each}", make)


def linked_tree(data: Path, directories: int, files_each: int = 1000) -> Path:
    """Like file_tree, but of hard links, so that ten million names need only a few hundred inodes."""

    def make(folder: Path) -> None:
        originals = folder.with_suffix(".originals")
        shutil.rmtree(originals, ignore_errors=True)
        originals.mkdir()
        links_per_inode = 50_000  # ext4 allows 65,000
        source, links = None, links_per_inode
        for directory in range(directories):
            child = folder / f"part-{directory:05d}"
            child.mkdir()
            for number in range(files_each):
                if links == links_per_inode:
                    source, links = originals / f"{directory}-{number}", 0
                    source.touch()
                os.link(source, child / f"scan-{number:06d}.png")
                links += 1

    return _made_once(data / f"links-{directories}x{files_each}", make)


def sensor_csv(data: Path, bytes_per_file: int = CSV_BYTES_PER_FILE) -> Path:
    """Two CSV files of readings: whole numbers, a time, a word and floats with four decimals."""

    def make(folder: Path) -> None:
        import numpy as np
        import pyarrow as pa
        import pyarrow.csv as pa_csv

        words = np.array(["boiler", "chiller", "compressor", "fan", "pump", "turbine"])
        for part in range(2):
            generator = np.random.default_rng(seed=20 + part)
            rows, first_id = 250_000, part * 100_000_000
            with open(folder / f"readings-{part}.csv", "wb") as out:
                out.write(b"id,taken_at,machine,value,pressure,temperature,vibration,flow,status\n")
                while out.tell() < bytes_per_file:
                    ids = np.arange(first_id, first_id + rows)
                    first_id += rows
                    seconds = np.datetime64("2024-01-01T00:00:00") + ids.astype("timedelta64[s]")
                    columns = {
                        "id": ids,
                        "taken_at": np.datetime_as_string(seconds),
                        "machine": words[generator.integers(0, len(words), rows)],
                        "value": generator.normal(50, 20, rows).round(4),
                        "pressure": generator.normal(101, 3, rows).round(4),
                        "temperature": generator.normal(60, 9, rows).round(4),
                        "vibration": generator.exponential(2, rows).round(4),
                        "flow": generator.normal(5, 1, rows).round(4),
                        "status": generator.integers(0, 5, rows),
                    }
                    options = pa_csv.WriteOptions(include_header=False, quoting_style="none")
                    pa_csv.write_csv(pa.table(columns), out, options)

    return _made_once(data / f"csv-2x{bytes_per_file >> 20}MB", make)


def sales_csv(data: Path, files: int = 50, total_bytes: int = 2_000_000_000) -> Path:
    """Weekly sales of 4,000 stores and 3 brands, 12,000 keys, scattered over all files."""

    def make(folder: Path) -> None:
        import numpy as np
        import pyarrow as pa
        import pyarrow.csv as pa_csv

        brands = np.array(["dominicks", "minute.maid", "tradewinds"])
        for part in range(files):
            generator = np.random.default_rng(seed=part)
            with open(folder / f"sales-{part:02d}.csv", "wb") as out:
                out.write(b"week,store,brand,quantity,advert,price,income,region\n")
                while out.tell() < total_bytes // files:
                    rows = 50_000
                    columns = {
                        "week": generator.integers(0, 160, rows),
                        "store": generator.integers(1, 4001, rows),
                        "brand": brands[generator.integers(0, 3, rows)],
                        "quantity": generator.normal(9000, 900, rows).round(2),
                        "advert": generator.integers(0, 2, rows),
                        "price": generator.normal(2.2, 0.2, rows).round(2),
                        "income": generator.normal(10.5, 0.3, rows).round(6),
                        "region": generator.integers(0, 30, rows),
                    }
                    options = pa_csv.WriteOptions(include_header=False, quoting_style="none")
                    pa_csv.write_csv(pa.table(columns), out, options)

    return _made_once(data / f"sales-{files}x{total_bytes // files >> 20}MB", make)


def sales_parquet(data: Path, files: int = 50, total_bytes: int = 2_000_000_000) -> Path:
    """The rows of sales_csv() of that size, as Parquet."""
    source = sales_csv(data, files, total_bytes)

    def make(folder: Path) -> None:
        import pyarrow.csv as pa_csv
        import pyarrow.parquet as pa_parquet

        for path in sorted(source.glob("*.csv")):
            pa_parquet.write_table(
                pa_csv.read_csv(path), folder / f"{path.stem}.parquet", row_group_size=200_000
            )

    return _made_once(data / f"{source.name}-parquet", make)


def sensor_tables(data: Path, kind: str, total_bytes: int = 1_000_000_000) -> Path:
    """Two files of readings as JSON lines ("jsonl") or Parquet, together of about so many bytes; `value` is random."""

    def make(folder: Path) -> None:
        import numpy as np
        import pandas
        import pyarrow as pa
        import pyarrow.parquet as pa_parquet

        words = np.array(["boiler", "chiller", "compressor", "fan", "pump", "turbine"])

        def frame(generator, first_id, rows):
            return pandas.DataFrame(
                {
                    "id": np.arange(first_id, first_id + rows),
                    "machine": words[generator.integers(0, len(words), rows)],
                    "value": generator.normal(50, 20, rows).round(4),
                    "pressure": generator.normal(101, 3, rows).round(4),
                    "flow": generator.normal(5, 1, rows).round(4),
                    "status": generator.integers(0, 5, rows),
                }
            )

        for part in range(2):
            generator, rows, at = np.random.default_rng(seed=40 + part), 100_000, part * 100_000_000
            with open(folder / f"readings-{part}.{kind}", "wb") as out:
                writer = None
                while out.tell() < total_bytes // 2:
                    one = frame(generator, at, rows)
                    at += rows
                    if kind == "jsonl":
                        out.write(one.to_json(orient="records", lines=True).encode())
                        continue
                    table = pa.Table.from_pandas(one, preserve_index=False)
                    writer = writer or pa_parquet.ParquetWriter(out, table.schema)
                    writer.write_table(table)
                if writer is not None:
                    writer.close()

    return _made_once(data / f"{kind}-2x{total_bytes // 2 >> 20}MB", make)


def wide_csv(data: Path, columns: int = 60_000, rows: int = 60) -> Path:
    """Many columns, by turns whole numbers, floats and words."""

    def make(folder: Path) -> None:
        import numpy as np

        generator = np.random.default_rng(seed=7)
        with open(folder / "wide.csv", "w") as out:
            out.write(",".join(f"c{number}" for number in range(columns)) + "\n")
            for _ in range(rows):
                whole = generator.integers(0, 100_000, columns).tolist()
                floats = generator.normal(50, 20, columns).round(4).tolist()
                fields = zip(whole, floats, ["pump", "fan", "boiler"] * columns)
                out.write(",".join(str(three[i % 3]) for i, three in enumerate(fields)) + "\n")

    return _made_once(data / f"wide-{columns}x{rows}", make)
