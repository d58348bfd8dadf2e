"""Inputs from PostgreSQL: each row once, of one state, with the types of its columns."""

import os
import re
import signal

import pytest
from postgres_server import PASSWORD, URL_PASSWORD
from processes import command_line, descendants
from waiting import wait_for

# 5,000 rows, keys with gaps and twice, one key 1,488 times, 40 rows without a key.
SALES = """
CREATE TABLE sales AS
SELECT CASE WHEN n % 125 = 0 THEN NULL WHEN n BETWEEN 2000 AND 3499 THEN 12000 ELSE n * 3 / 2 * 4 END AS key,
       n AS id, (n * 1.005)::numeric(12, 3) AS price, 'row ' || n AS words
FROM generate_series(1, 5000) n;
GRANT SELECT ON sales TO reader;
"""
IDS = """
import time
def init():
    pass
def run(mini_batch):
    time.sleep({pause})
    return [int(id) for id in mini_batch["id"]]
"""


def test_ranges_of_a_key_give_each_row_once(sql_job, postgres):
    postgres.sql(SALES)
    sql_job.table(table="sales", partitionColumn="key").set(miniBatchSize="8KB", processCountPerNode=2)
    sql_job.script(
        """
        import json
        def init():
            pass
        def run(mini_batch, context):
            keys = [None if key is None else int(key) for key in mini_batch["key"].astype(object).where(mini_batch["key"].notna(), None)]
            return [json.dumps([int(id), key, str(price), words, context.minibatch_index, str(list(mini_batch.dtypes))])
                    for id, key, price, words in zip(mini_batch["id"], keys, mini_batch["price"], mini_batch["words"])]
        """
    )
    outcome = sql_job.run()
    outcome.expect(0)
    rows = sql_job.json_rows()
    assert sorted(
        "|".join([str(id), "" if key is None else str(key), price, words])
        for id, key, price, words, _, _ in rows
    ) == sorted(postgres.sql("SELECT id, key, price, words FROM sales"))
    batches = {}
    for _, key, _, _, batch, _ in rows:
        batches.setdefault(batch, []).append(key)
    assert len(batches) > 10
    # Rows of a key stay together, those without one too; of the others a mini-batch is a range.
    assert len([keys for keys in batches.values() if None in keys]) == 1
    with_keys = sorted((keys for keys in batches.values() if None not in keys), key=min)
    assert all(max(one) < min(other) for one, other in zip(with_keys, with_keys[1:]))
    assert {types for *_, types in rows} == {rows[0][-1]}
    assert "mini-batches have more than 2 times miniBatchSize" in outcome.stderr
    assert re.search(r": 1 of \d+ .* the largest is key (\d+ to )?12000 with 1\d\d\d rows", outcome.stderr)
    assert sql_job.left_in_cache() == []


@pytest.mark.parametrize("key", ["uuid", "text", "day", "moment", "amount"])
def test_keys_of_any_order(sql_job, postgres, key):
    postgres.sql(
        "CREATE TABLE t AS SELECT n AS id, md5(n::text)::uuid AS uuid, 'Ä' || chr(64 + n % 50) || n || '''' AS text, "
        "date '2024-01-01' + n / 7 AS day, timestamptz '2024-01-01 00:00+01' + n * interval '1 hour' AS moment, "
        "(n % 17) * 1.10 AS amount FROM generate_series(1, 400) n; GRANT SELECT ON t TO reader"
    )
    sql_job.table(table="public.t", partitionColumn=key).set(miniBatchSize="2KB").script(IDS.format(pause=0))
    sql_job.run().expect(0)
    assert sorted(map(int, sql_job.rows())) == list(range(1, 401))
    assert int(re.search(r"(\d+) mini-batches", sql_job.log("job_progress_overview.txt")).group(1)) > 5


def test_a_query_is_one_mini_batch_with_the_types_of_its_columns(sql_job, postgres):
    """What pandas.read_sql gives, but for NUMERIC, whose digits stay, and whole numbers with gaps, which stay whole."""
    postgres.sql(
        "CREATE TABLE kinds (n bigint, m int NOT NULL, price numeric, words text, at timestamptz, local timestamp, day date, "
        "yes bool, bytes bytea, x float8, doc jsonb, id uuid);"
        "INSERT INTO kinds VALUES (9007199254740993, 1, 12345678901234567890.123456789, E'a,\"b\"\\nc', "
        "'2024-07-01 12:00+02', '2024-07-01 12:00:00.123456', '2024-07-01', true, '\\x00ff', 'NaN', '{\"a\": 1}', "
        "'667e35e6-4292-456c-915c-c1a2b6275ea3'), (NULL, 2, NULL, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);"
        "GRANT SELECT ON kinds TO reader"
    )
    sql_job.table(
        query="SELECT *, 7 % 4 AS seven FROM kinds -- the end;\n ORDER BY m;",
        also={"columns": {"local": "string"}},
    )
    sql_job.script(
        """
        def init():
            pass
        def run(mini_batch):
            import pandas
            shown = {name: [repr(value.item() if hasattr(value, 'item') else value) for value in mini_batch[name]] for name in mini_batch}
            return [f"{name}|{mini_batch[name].dtype}|{shown[name][0]}|{shown[name][1]}" for name in mini_batch] + [len(mini_batch)]
        """
    )
    sql_job.run().expect(0)
    rows = {row.split("|")[0]: row.split("|")[1:] for row in sql_job.rows()}
    assert rows["n"] == ["Int64", "9007199254740993", "<NA>"]
    assert rows["price"] == ["object", "Decimal('12345678901234567890.123456789')", "None"]
    assert rows["words"][1] == repr('a,"b"\nc') and rows["words"][2] == "''"
    assert rows["at"][0] == "datetime64[us, UTC]" and "2024-07-01 10:00:00+0000" in rows["at"][1]
    assert rows["local"][1] == "'2024-07-01 12:00:00.123456'"
    assert rows["day"][0] == "datetime64[us]" and "2024-07-01 00:00:00" in rows["day"][1]
    assert rows["yes"] == ["boolean", "True", "<NA>"]
    assert rows["bytes"][1] == repr(b"\x00\xff")
    assert rows["x"] == ["float64", "nan", "nan"]
    assert rows["doc"][1] == "'{\"a\": 1}'" and rows["seven"][0] == "Int64"
    assert "2" in rows


def test_writers_do_not_change_what_the_job_reads(sql_job, postgres):
    postgres.sql(SALES)
    sql_job.table(table="sales", partitionColumn="id").set(miniBatchSize="4KB").script(IDS.format(pause=0.05))
    running = sql_job.start()
    wait_for(lambda: len(sql_job.rows()) > 0, "some rows")
    postgres.sql(
        "DELETE FROM sales WHERE id % 3 = 0; UPDATE sales SET id = id + 100000 WHERE id % 3 = 1; "
        "INSERT INTO sales SELECT key, id FROM sales WHERE id < 4000"
    )
    out, err = running.communicate(timeout=120)
    assert running.returncode == 0, out + err
    assert sorted(map(int, sql_job.rows())) == list(range(1, 5001))


def data_process(launcher):
    (pid,) = [pid for pid in descendants(launcher) if "parallelrun_data" in command_line(pid)]
    return pid


def test_a_killed_data_process_is_told_and_loses_no_row(sql_job, postgres):
    postgres.sql(SALES)
    sql_job.table(table="sales", partitionColumn="id").set(miniBatchSize="4KB").script(IDS.format(pause=0.05))
    running = sql_job.start()
    wait_for(lambda: len(sql_job.rows()) > 0, "some rows")
    os.kill(data_process(running.pid), signal.SIGKILL)
    out, err = running.communicate(timeout=120)
    assert running.returncode == 0, out + err
    assert sorted(map(int, sql_job.rows())) == list(range(1, 5001))
    assert "from which mini-batches were planned, is gone with the process that held it" in err
    assert re.search(
        r"; \d+ mini-batch(es|s)? read from another state of the database", sql_job.log("70_driver_log.txt")
    )


def test_a_resumed_job_refuses_rows_that_were_changed(sql_job, postgres, postgres_of_session):
    postgres.sql(SALES)
    sql_job.table(table="sales", partitionColumn="id").set(miniBatchSize="4KB").script(IDS.format(pause=0.05))
    running = sql_job.start()
    wait_for(lambda: len(sql_job.rows()) > 0, "some rows")
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=120)
    assert running.returncode == 130
    assert len(sql_job.rows()) < 4900

    other = postgres_of_session.database(f"{postgres.name}-other")
    other.sql(SALES)
    sql_job.url = other.url()
    outcome = sql_job.run()
    assert outcome.code == 1, outcome.words
    assert "the job was planned from another database than the url names now" in outcome.stderr

    sql_job.url = postgres.url()
    postgres.sql("DELETE FROM sales WHERE id = 4990; INSERT INTO sales VALUES (1, 6000)")
    sql_job.run().expect(0)
    (failed,) = sql_job.failed_items()
    assert failed["file"].startswith("sql://sales/id ")
    lost = range(failed["firstRow"], failed["firstRow"] + failed["records"])
    assert 4990 in lost and len(lost) < 200
    assert "rows were planned, and now there are" in failed["error"]["message"]
    assert sorted(map(int, sql_job.rows())) == [id for id in range(1, 5001) if id not in lost]


def test_the_url_is_nowhere(sql_job, postgres):
    postgres.sql(SALES)
    sql_job.table(table="sales").script(
        """
        import os
        def init():
            pass
        def run(mini_batch):
            return [f"{name}={value}" for name, value in os.environ.items()]
        """
    )
    environment = sql_job.environment(PARALLELRUN_SQL_URL=postgres.url())
    super(type(sql_job), sql_job).run(env=environment).expect(0)
    assert any(row.startswith("PATH=") for row in sql_job.rows())
    for path in sql_job.out.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert PASSWORD.encode() not in content and URL_PASSWORD.encode() not in content, path
    assert "PARALLELRUN_SQL_URL" in sql_job.log("70_driver_log.txt")  # that it was withheld


def test_addresses_of_rows_in_the_output(sql_job, postgres):
    postgres.sql(SALES)
    sql_job.table(table="sales", partitionColumn="id").set(miniBatchSize="64KB").script(IDS.format(pause=0))
    sql_job.spec["output"].update(format="csv", addContext=True, columns=["words"])
    sql_job.run().expect(0)
    rows = sql_job.rows()
    assert rows[0].split(",")[:4] == ["input", "file", "row", "words"]
    for row in rows[1:]:
        name, file, number, words, id = row.split(",")
        low, high = map(int, re.fullmatch(r"id (\d+) to (\d+)", file).groups())
        assert name == "table" and low <= int(id) <= high and number == id and words == f"row {id}"
