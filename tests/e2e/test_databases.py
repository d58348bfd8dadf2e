"""A table of a PostgreSQL outside the cluster, read by the sidecars of real pods, which alone have its password."""

import json

import pytest
from kubernetes import PATIENCE
from postgres_server import PASSWORD, postgres_server

ROWS = 3000

TOTALS = """
import os
def init():
    pass
def run(mini_batch):
    assert not [name for name in os.environ if "SQL" in name or name.startswith("PG")], "it has the url"
    return [f"{row.customer} {row.amount}" for row in mini_batch.itertuples()]
"""


@pytest.fixture(scope="module")
def database(cluster):
    """On the address of this machine that pods of the kind cluster reach."""
    network = json.loads(cluster.run("docker", "network", "inspect", "kind").stdout)[0]
    gateways = [
        one["Gateway"] for one in network["IPAM"]["Config"] if "." in one["Subnet"] and one.get("Gateway")
    ]
    with postgres_server(gateways[0]) as server:
        database = server.database("shop")
        database.sql(
            "CREATE TABLE sales (customer bigint NOT NULL, amount numeric(10, 2) NOT NULL);"
            f"INSERT INTO sales SELECT n / 7, n * 0.25 FROM generate_series(1, {ROWS}) n;"
            "CREATE INDEX ON sales (customer); GRANT SELECT ON sales TO reader"
        )
        yield database


def secret(space, url):
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": space.name}}
    space.cluster.apply(body | {"stringData": {"url": url}})


def test_a_password_that_is_wrong_then_right(space, database):
    space.code("totals", {"totals.py": TOTALS})
    secret(space, database.url("not-the-password"))
    sql = {"table": "public.sales", "partitionColumn": "customer", "credentials": {"secretName": "db"}}
    space.submit(
        "sales",
        entryScript="totals.py",
        sourceDirectory={"configMap": {"name": "totals"}},
        inputs=[{"name": "sales", "type": "tabular", "source": {"sql": sql}}],
        nodeCount=2,
        miniBatchSize="10KB",
    )
    message = space.wait_reason("sales", "StoreNotReady")
    assert "password" in message and "not-the-password" not in message, message
    assert space.status("sales")["state"] == "Pending"
    secret(space, database.url())
    status = space.wait_state("sales", "Complete", 2 * PATIENCE)
    assert status["progress"]["miniBatchesSucceeded"] > 4
    rows = [line.split() for line in space.read("out/sales/parallel_run_step.txt").splitlines()]
    expected = [line.split("|") for line in database.sql("SELECT customer, amount FROM sales")]
    assert sorted(rows) == sorted(expected)
    log = space.read("out/sales/logs/70_driver_log.txt")
    assert PASSWORD not in log and "postgresql://" not in log
