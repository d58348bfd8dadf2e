"""A PostgreSQL server for the tests: the programs of Debian's package, a folder, a socket and a port of its own."""

import contextlib
import glob
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

ROLE, PASSWORD = "reader", "p@ss/word:of-the-tests"
URL_PASSWORD = "p%40ss%2Fword%3Aof-the-tests"


def _programs():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[-2]))
    assert found, "PostgreSQL is not installed; run tools/setup-debian.sh"
    return Path(found[-1])


class Database:
    """One database of the server. The owner comes by the socket without a password; a job's role by the port, with one."""

    def __init__(self, server, name):
        self._server, self.name = server, name

    def url(self, password=URL_PASSWORD, role=ROLE, name=None, port=None):
        place = f"{self._server.address}:{port or self._server.port}"
        return f"postgresql://{role}:{password}@{place}/{name or self.name}"

    def sql(self, text):
        """Rows as psql prints them, without alignment."""
        return self._server.sql(text, self.name)


class PostgresServer:
    def __init__(self, folder, address, port):
        self._folder, self.address, self.port = folder, address, port

    def sql(self, text, database="postgres"):
        done = subprocess.run(
            [
                _programs() / "psql",
                *("-h", self._folder, "-p", str(self.port), "-U", "owner", "-d", database),
                *("-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"),
            ],
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def database(self, name):
        self.sql(f'CREATE DATABASE "{name}"')
        return Database(self, name)


@contextlib.contextmanager
def postgres_server(address="127.0.0.1"):
    """`address`: of this machine, on which the role may come by the port from anywhere."""
    folder = tempfile.mkdtemp(prefix="prj-pg-")
    # The server does not run as root.
    other = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    if other:
        shutil.chown(folder, **other)
    data = os.path.join(folder, "data")

    def program(name, *arguments):
        done = subprocess.run(
            [_programs() / name, *arguments], cwd=folder, capture_output=True, text=True, check=False, **other
        )
        assert done.returncode == 0, done.stdout + done.stderr

    try:
        program(
            "initdb",
            *("-D", data, "-U", "owner", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"),
            *("--auth-local=trust", "--auth-host=scram-sha-256"),
        )
        with open(os.path.join(data, "pg_hba.conf"), "a") as rules:
            rules.write("host all all all scram-sha-256\n")
        with socket.create_server((address, 0)) as free:
            port = free.getsockname()[1]
        options = f"-k {folder} -p {port} -c listen_addresses={address} -c fsync=off -c max_connections=20"
        program("pg_ctl", "-D", data, "-w", "-l", os.path.join(folder, "log"), "-o", options, "start")
        try:
            server = PostgresServer(folder, address, port)
            server.sql(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'")
            yield server
        finally:
            program("pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
