"""Inputs from SQLite: its own types, and one state of the file where it is in WAL mode."""

import sqlite3
import subprocess
import sys

import pytest
import yaml
from checkout import REPOSITORY
from sql_job import SqlJob
from waiting import wait_for

SHOW = """
import time
def init():
    pass
def run(mini_batch):
    time.sleep({pause})
    return ["|".join(str(value) for value in row) for row in mini_batch.itertuples(index=False)]
"""


@pytest.fixture
def database(tmp_path):
    connection = sqlite3.connect(tmp_path / "a b?.db", isolation_level=None)
    yield connection
    connection.close()


@pytest.fixture
def job(tmp_path, database):
    path = str(tmp_path / "a b?.db").replace("?", "%3F").replace(" ", "%20")
    return SqlJob(tmp_path / "job", f"sqlite:///{path}")


def filled(database, rows=3000):
    database.execute("CREATE TABLE t (key TEXT COLLATE NOCASE, id INTEGER, x REAL, words)")
    database.execute("BEGIN")
    database.executemany(
        "INSERT INTO t VALUES (?, ?, ?, ?)",
        [
            (None if n % 300 == 0 else f"{'aBcD'[n % 4]}{n % 211:03}'", n, n / 7, f"é {n}")
            for n in range(rows)
        ],
    )
    database.execute("COMMIT")


def test_ranges_of_texts_give_each_row_once(job, database):
    filled(database)
    expected = sorted("|".join(map(str, row)) for row in database.execute("SELECT id, x, words FROM t"))
    job.table(query="SELECT id, x, words, key FROM t", partitionColumn="key").set(miniBatchSize="8KB")
    job.script(SHOW.format(pause=0)).run().expect(0)
    assert sorted(row.rpartition("|")[0] for row in job.rows()) == expected


def test_writers_do_not_change_what_the_job_reads(job, database):
    database.execute("PRAGMA journal_mode = WAL")
    filled(database)
    job.table(table="T", partitionColumn="id").set(miniBatchSize="8KB").script(SHOW.format(pause=0.05))
    running = job.start()
    wait_for(lambda: len(job.rows()) > 0, "some rows")
    database.execute("DELETE FROM t WHERE id % 2 = 0")
    database.execute("UPDATE t SET id = id + 10000")
    out, err = running.communicate(timeout=120)
    assert running.returncode == 0, out + err
    assert sorted(int(row.split("|")[1]) for row in job.rows()) == list(range(3000))
    assert "snapshot" not in err


def test_without_a_snapshot_a_change_is_told_and_fails_its_mini_batches(job, database):
    filled(database)
    job.table(table="t", partitionColumn="id").set(miniBatchSize="8KB").script(SHOW.format(pause=0.05))
    running = job.start()
    wait_for(lambda: len(job.rows()) > 0, "some rows")
    database.execute("DELETE FROM t WHERE id = 2990")
    _, err = running.communicate(timeout=120)
    assert running.returncode == 0, err
    assert "the database is not in WAL mode, so no snapshot of it is held" in err
    assert "the database was changed while the job reads it" in err
    (failed,) = job.failed_items()
    assert "rows were planned, and now there are" in failed["error"]["message"]
    assert len(job.rows()) + failed["records"] == 3000


def test_types_are_those_of_all_values(job, database):
    database.execute("CREATE TABLE t (a INTEGER, b, c, d, e TEXT, f, g)")
    database.execute("INSERT INTO t VALUES (1, 2, 1, x'00', 'x', 7, 1)")
    database.execute("INSERT INTO t VALUES (2, 2.5, NULL, NULL, NULL, 'text', 0)")
    job.table(table="t", also={"columns": {"f": "string", "g": "bool"}}).script(
        """
        def init():
            pass
        def run(mini_batch):
            plain = {name: [getattr(v, "item", lambda v=v: v)() for v in mini_batch[name]] for name in mini_batch}
            return [f"{name} {mini_batch[name].dtype} {values}" for name, values in plain.items()]
        """
    )
    job.run().expect(0)
    assert job.rows()[:4] == [
        "a int64 [1, 2]",
        "b float64 [2.0, 2.5]",
        "c Int64 [1, <NA>]",
        "d object [b'\\x00', None]",
    ]
    assert job.rows()[5].endswith("['7', 'text']") and job.rows()[6] == "g bool [True, False]"
    job.table(table="t").set(allowReuse=False)
    outcome = job.run("--overwrite")
    assert outcome.code == 2
    assert (
        "the column 'f' holds whole numbers and texts; declare it string in the input's columns"
        in outcome.stderr
    )


def test_the_example(tmp_path):
    examples = REPOSITORY / "examples" / "sql"
    subprocess.run([sys.executable, examples / "prepare.py", tmp_path], check=True)
    job = SqlJob(tmp_path / "job", "")
    job.url = (tmp_path / "db.yaml").read_text().split()[1]
    job.spec = yaml.safe_load((examples / "job.yaml").read_text())["spec"]
    job.spec["sourceDirectory"] = {"local": {"path": str(examples)}}
    job.spec["output"]["source"] = {"local": {"path": "out"}}
    job.run().expect(0)
    header, *rows = job.rows("spending.csv")
    assert header == "id,customer,day,share"
    with sqlite3.connect(tmp_path / "shop.db") as shop:
        expected = shop.execute(
            "SELECT id, customer, day, amount / sum(amount) OVER (PARTITION BY customer) FROM orders ORDER BY id"
        ).fetchall()
    shop.close()
    found = sorted((row.split(",") for row in rows), key=lambda row: int(row[0]))
    assert [[str(id), str(customer), f"{day}T00:00:00"] for id, customer, day, _ in expected] == [
        row[:3] for row in found
    ]
    assert all(abs(float(row[3]) - share) < 1e-6 for row, (*_, share) in zip(found, expected))
