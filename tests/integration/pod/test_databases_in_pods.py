"""A table of PostgreSQL as an input of pods: the containers `data` alone have the url, and all read one state."""

import signal

import pytest
from postgres_server import PASSWORD, URL_PASSWORD, postgres_server
from store_pods import StorePods
from waiting import wait_for

ROWS = 2000
STATE = """
DROP TABLE IF EXISTS sales;
CREATE TABLE sales AS SELECT n AS id, '{state} ' || n AS words FROM generate_series({first}, {last}) n;
GRANT SELECT ON sales TO reader;
"""
SCRIPT = """
import os, time
def init():
    pass
def run(mini_batch):
    assert not any("postgres" in value for value in os.environ.values())
    time.sleep(0.1)
    return [f"{id}|{words}" for id, words in zip(mini_batch["id"], mini_batch["words"])]
"""
ORCHESTRATOR = "test-job-orchestrator-0"
WORKERS = ("test-job-worker-0-0", "test-job-worker-1-0")


@pytest.fixture(scope="module")
def postgres_of_module():
    with postgres_server() as server:
        yield server


@pytest.fixture
def postgres(postgres_of_module, request):
    return postgres_of_module.database(request.node.name)


@pytest.fixture
def pods(api, postgres, tmp_path):
    pods = StorePods(tmp_path, api, api.namespace("tables"))
    pods.set(
        inputs=[
            {
                "name": "table",
                "type": "tabular",
                "source": {
                    "sql": {"table": "sales", "partitionColumn": "id", "credentials": {"secretName": "db"}}
                },
            }
        ],
        miniBatchSize="2KB",
    )
    pods.script(SCRIPT)
    yield pods
    pods.destroy()


def start(pods, postgres, name, *options):
    pods.pod(name).secret("inputs/table", url=postgres.url())
    return pods.until_ready(pods.pod(name), pods.start_data(pods.pod(name), *options))


def killed(pods, name, data, *options):
    data.signal(signal.SIGKILL)
    data.wait()
    return pods.until_ready(pods.pod(name), pods.start_data(pods.pod(name), *options))


def test_all_pods_read_the_state_that_was_planned(pods, postgres):
    """Pods that come up before and after the orchestrator's, writers, and a container that dies change nothing of it."""
    postgres.sql(STATE.format(state="early", first=1, last=100))
    pods.apply()
    data = {name: start(pods, postgres, name, "--worker") for name in WORKERS}
    postgres.sql(
        f"DELETE FROM sales; INSERT INTO sales SELECT n, 'planned ' || n FROM generate_series(1, {ROWS}) n"
    )
    data[ORCHESTRATOR] = start(pods, postgres, ORCHESTRATOR)
    orchestrator = pods.orchestrator()
    workers = [pods.worker(index) for index in range(2)]
    said = [*data.values(), orchestrator, *workers]

    wait_for(
        lambda: len(pods.rows()) > 0,
        lambda: "\n".join(f"{one.name}:\n{one.output}" for one in said),
    )
    postgres.sql("UPDATE sales SET words = 'late'; DELETE FROM sales WHERE id % 3 = 0")
    said.append(killed(pods, WORKERS[0], data[WORKERS[0]], "--worker"))
    orchestrator.expect(0)
    for worker in workers:
        worker.expect(0)
    assert sorted(pods.rows()) == sorted(f"{n}|planned {n}" for n in range(1, ROWS + 1))
    for one in said:
        assert "is gone with the process" not in one.output, one.output
        assert PASSWORD not in one.output and URL_PASSWORD not in one.output
    for folder in (pods.root, *(pod.volumes for pod in pods.pods.values())):
        for path in folder.rglob("*"):
            if path.is_file() and "credentials" not in path.parts:
                content = path.read_bytes()
                assert PASSWORD.encode() not in content and URL_PASSWORD.encode() not in content, path


def test_what_is_wrong_with_the_secret_or_the_table_is_told_and_can_be_corrected(pods, postgres):
    pods.apply()
    pod = pods.pod(ORCHESTRATOR)

    def reason(**keys):
        pod.secret("inputs/table", **keys)
        failed = pods.start_data(pod, PARALLELRUN_STORE_PATIENCE="1").expect(1)
        return failed.termination_log.read_text()

    words = reason(password="x")
    assert "input 'table': the Secret 'db'" in words and "url" in words and "its keys are password" in words
    words = reason(url="sqlite:////data/sales.db\n")
    assert words.startswith(
        "input 'table': the url in the Secret 'db' names a SQLite file, and pods have no file in common"
    )
    words = reason(url=postgres.url(password="wrong"))
    assert words.startswith("input 'table': sql://sales refuses the credentials"), words
    assert "'wrong'" not in words and "wrong@" not in words
    words = reason(url=postgres.url())
    assert (
        words
        == "input 'table': sql://sales: the database has no table or view 'sales'; it has none that this role can see"
    )
    postgres.sql(STATE.format(state="first", first=1, last=10))
    pods.until_ready(pod, pods.start_data(pod))
