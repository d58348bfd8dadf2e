"""What is wrong with a database or its url is told before anything starts, with the way out, and without the password."""

import pytest
from postgres_server import PASSWORD, URL_PASSWORD

TABLE = (
    "CREATE TABLE sales (id int, doc json); INSERT INTO sales VALUES (1, '{}'); GRANT SELECT ON sales TO reader;"
    "CREATE TABLE secret_table (id int); CREATE FUNCTION put() RETURNS int LANGUAGE sql AS "
    "'INSERT INTO sales VALUES (2, NULL) RETURNING id'; GRANT INSERT ON sales TO reader"
)
SCRIPT = "def init(): pass\ndef run(mini_batch): return [1] * len(mini_batch)"

REFUSED = [
    ({"table": "sale"}, {}, "sql://sale: the database has no table or view 'sale'; did you mean 'sales'?"),
    ({"table": "other.sales"}, {}, "no table or view 'other.sales'"),
    (
        {"table": "sales", "partitionColumn": "idd"},
        {},
        "has no column 'idd', which partitionColumn names; did you mean 'id'?",
    ),
    (
        {"table": "sales", "partitionColumn": "doc"},
        {},
        "the partitionColumn 'doc' has the type json; name a column of",
    ),
    ({"table": "secret_table"}, {}, "permission denied for table secret_table; permit the role to read it"),
    ({"query": "SELEC 1"}, {}, 'syntax error at or near "1". The query must be one SELECT'),
    ({"query": "DELETE FROM sales"}, {}, "The query must be one SELECT, which is used as a subquery"),
    ({"query": "SELECT 1) x; DROP TABLE sales; --"}, {}, "syntax error"),
    ({"query": "SELECT id, id FROM sales"}, {}, "has two columns 'id'; give each a name of its own"),
    ({"table": "sales"}, {"password": "wrong-Password"}, 'password authentication failed for user "reader"'),
    ({"table": "sales"}, {"name": "nowhere"}, 'database "nowhere" does not exist; correct the url'),
    (
        {"table": "sales", "also": {"columns": {"idx": "string"}}},
        {},
        "has no column 'idx', which the input's columns names",
    ),
]


@pytest.fixture(scope="module")
def database(postgres_of_session):
    made = postgres_of_session.database("refusals")
    made.sql(TABLE)
    return made


def refused(sql_job, outcome, words, code=2):
    assert outcome.code == code, outcome.words
    assert "input 'table': " in outcome.stderr and words in outcome.stderr, outcome.stderr
    for secret in (PASSWORD, URL_PASSWORD, "wrong-Password"):
        assert secret not in outcome.words
    assert not (sql_job.out / "parallel_run_step.txt").exists()


@pytest.mark.parametrize(("source", "url", "words"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_a_database_refuses(sql_job, database, source, url, words):
    sql_job.url = database.url(**url)
    outcome = sql_job.table(**source).script(SCRIPT).run()
    refused(sql_job, outcome, words)
    assert database.sql("SELECT count(*) FROM sales") == ["1"]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://u:p@ss@host/d", "is one of 'mysql', but only PostgreSQL and SQLite are read"),
        (
            "host=a password=b",
            "is not the URL of a database; write postgresql://HOST:5432/DATABASE, with USER:PASSWORD@",
        ),
        ("sqlite:///relative.db", "which is relative to no folder in particular; write its absolute path"),
        ("sqlite:////nowhere/a.db", "there is no file '/nowhere/a.db'; correct the url"),
        ("sqlite://", "names no file"),
    ],
)
def test_urls_that_name_no_database(sql_job, url, words):
    sql_job.url = url
    refused(sql_job, sql_job.table(table="sales").script(SCRIPT).run(), words)


def test_no_url_at_all(sql_job):
    sql_job.table(table="sales").script(SCRIPT)
    outcome = super(type(sql_job), sql_job).run()
    refused(
        sql_job, outcome, "no database is named: give --credentials NAME=FILE with a line 'url: ...', or set"
    )


def test_a_server_that_is_not_there(sql_job, database):
    sql_job.url = database.url(port=1)
    impatient = sql_job.environment(PARALLELRUN_STORE_PATIENCE="1")
    outcome = sql_job.table(table="sales").script(SCRIPT).run(env=impatient)
    refused(sql_job, outcome, "cannot be reached: ", code=1)
    assert "Connection refused" in outcome.stderr and "it was tried again for 1 s" in outcome.stderr


def test_a_table_without_a_row(sql_job, database):
    sql_job.url = database.url()
    sql_job.table(query="SELECT id FROM sales WHERE id > 5", partitionColumn="id").script(SCRIPT)
    outcome = sql_job.run()
    assert outcome.code != 0 and "input 'table': 'sql://query' has no row" in outcome.words


def test_a_value_that_no_type_holds_fails_its_mini_batch(sql_job, database):
    sql_job.url = database.url()
    sql_job.table(query="SELECT 'infinity'::date AS day").script(SCRIPT)
    sql_job.run().expect(1)
    (failed,) = sql_job.failed_items()
    assert (
        "the column 'day' has the value 'infinity', which no timestamp[us] of Arrow can hold"
        in failed["error"]["message"]
    )


def test_a_query_that_writes_ends_the_job(sql_job, database):
    sql_job.url = database.url()
    outcome = sql_job.table(query="SELECT put() AS id").script(SCRIPT).run()
    assert outcome.code == 1, outcome.words
    assert "cannot execute INSERT in a read-only transaction; the query may only read" in outcome.stderr
    assert database.sql("SELECT count(*) FROM sales") == ["1"]
