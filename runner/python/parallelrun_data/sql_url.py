"""Which database a URL names. The URL holds a password: no message has a part of it beside host and database."""

import hashlib
import os

import sqlalchemy
from sqlalchemy.engine import make_url

from parallelrun_data import credentials
from parallelrun_data.secret_folder import SecretFolder
from parallelrun_data.troubles import INVALID, Trouble

VARIABLE = "PARALLELRUN_SQL_URL"
_POSTGRESQL = ("postgresql", "postgres")
# Without "//USER:PASSWORD@", which would be taken for a secret.
_FORM = "postgresql://HOST:5432/DATABASE, with USER:PASSWORD@ before HOST"
_FORMS = f"{_FORM}, or sqlite:////absolute/path.db"


def read(file, environment, secrets):
    """The URL, from a file of credentials or, without one, from the environment. Raises INVALID."""
    if file:
        text = credentials.read(file, "sql")["url"]
        where = f"the url in {credentials.named(file)}"
    else:
        with environment:
            text = os.environ.get(VARIABLE, "").strip()
        where = f"the environment variable {VARIABLE}"
        if not text:
            raise Trouble(
                INVALID,
                f"no database is named: give --credentials NAME=FILE with a line 'url: ...', or set {VARIABLE}",
            )
    secrets.add(text)
    try:
        url = make_url(text)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise Trouble(
            INVALID, f"{where} is not the URL of a database; write {_FORMS}; in a password write %40 for @"
        ) from None
    for value in (url.password, url.query.get("password"), url.query.get("sslpassword")):
        secrets.add(value)
    if isinstance(file, SecretFolder) and url.drivername.partition("+")[0] == "sqlite":
        raise Trouble(
            INVALID,
            f"{where} names a SQLite file, and pods have no file in common that can be locked; write {_FORM}, or run the job "
            "on one machine (parallelrun run)",
        )
    return _with_driver(url, where)


def _with_driver(url, where):
    backend, _, driver = url.drivername.partition("+")
    if backend in _POSTGRESQL:
        # Whichever driver of PostgreSQL the URL was written for, this one is installed.
        if not url.database:
            raise Trouble(INVALID, f"{where} names no database; write {_FORMS}")
        return url.set(drivername="postgresql+psycopg")
    if backend == "sqlite" and driver in ("", "pysqlite"):
        path = url.database or ""
        if path in ("", ":memory:"):
            raise Trouble(INVALID, f"{where} names no file; write {_FORMS}")
        if not path.startswith("/"):
            raise Trouble(
                INVALID,
                f"{where} names the file '{path}', which is relative to no folder in particular; write its absolute path, "
                "with four slashes: sqlite:////absolute/path.db",
            )
        return url.set(drivername="sqlite")
    raise Trouble(
        INVALID,
        f"{where} is one of '{backend}', but only PostgreSQL and SQLite are read; write {_FORMS}, or export the table to "
        "CSV or Parquet files",
    )


def fingerprint(url):
    """Tells two databases apart, without a secret."""
    parts = (url.drivername, url.host, url.port, url.database)
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:16]


def address(source):
    """How a source is called in messages. The same in common/spec/store_sources.cpp."""
    body = source["sql"]
    return f"sql://{body['table']}" if body.get("table") else "sql://query"
