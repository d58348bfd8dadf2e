"""An output in an object store: an orchestrator's pod with the container `data` against a real S3 server, and workers that have
no credentials. A pod that is killed takes its folder along; what counts is in the store."""

import json
import random
import shutil
import signal
import time

import pytest
from processes import lives
from s3_server import Bucket
from store_pods import KEYS, StorePods
from store_proxy import StoreProxy
from waiting import wait_for

NAMES = """
    import os, time
    def init():
        pass
    def run(mini_batch):
        time.sleep(PAUSE)
        names = [os.path.basename(path) for path in mini_batch]
        while names[0] >= HELD and not os.path.exists(os.environ["GO"]):
            time.sleep(0.01)
        return names
"""


class OutputPods(StorePods):
    output_in_store = True

    def __init__(self, root, api, namespace, proxy, bucket):
        super().__init__(root, api, namespace)
        self.proxy = proxy
        self.bucket = bucket
        self.address = f"s3://{bucket.name}/out"
        body = {"bucket": bucket.name, "prefix": "out", "region": "us-east-1"}
        body |= {"endpoint": f"http://{proxy.address}", "credentials": {"secretName": "keys"}}
        self.set(output={"source": {"s3": body}}, environment={"variables": {"GO": str(self.root / "go")}})

    def names_script(self, pause=0.0, held="g"):
        """Files from `held` on wait until `release` is called."""
        return self.script(NAMES.replace("PAUSE", str(pause)).replace("HELD", repr(held)))

    def release(self):
        (self.root / "go").touch()

    def head(self, incarnation=0, *, ended=()):
        """The orchestrator's pod: its container `data`, then its runner. Gives both."""
        pod = self.pod(f"{self.name}-orchestrator-{incarnation}").secret("output", **KEYS)
        data = self.until_ready(pod, self.start_data(pod))
        return self.orchestrator(incarnation, ended=ended), data

    def kill(self, incarnation, *containers):
        """As the end of its node does: nobody is asked, and its folders are gone."""
        for container in containers:
            container.signal(signal.SIGKILL)
            container.wait()
        shutil.rmtree(self.pods[f"{self.name}-orchestrator-{incarnation}"].volumes / "output")

    def stored(self, name):
        key = f"out/{name}"
        return self.bucket.get(key).decode() if key in self.bucket.keys("out/") else ""

    def until_at_work(self, incarnation):
        """It has read the log, and its claim is in it."""
        log = self.pods[f"{self.name}-orchestrator-{incarnation}"].volumes / "output/logs/sys/master_role.txt"
        process = self.processes[-1]
        wait_for(lambda: log.exists() and "listening on" in log.read_text(), lambda: process.output)

    def log_length(self):
        return len(self.bucket.keys("out/.parallelrun/log/"))

    def expect_every_file_once(self, count):
        text = self.stored("parallel_run_step.txt")
        assert text.endswith("\n"), "the last row is torn"
        assert sorted(text.split("\n")[:-1]) == [f"f{index:06}.txt" for index in range(count)]
        assert "out/_SUCCESS" in self.bucket.keys("out/")
        assert self.stored("failed_items.jsonl") == ""

    def snapshot(self):
        return {key: self.bucket.get(key) for key in self.bucket.keys("out/") if "/logs/" not in key}


@pytest.fixture
def pods(api, s3, tmp_path):
    with StoreProxy(s3) as proxy:
        namespace = api.namespace("outputs")
        pods = OutputPods(tmp_path, api, namespace, proxy, Bucket(s3, namespace))
        yield pods
        pods.destroy()


def test_everything_is_in_the_store_under_its_name(pods):
    pods.names_script().files(40).set(miniBatchSize=3, nodeCount=2).apply()
    orchestrator, data = pods.head()
    workers = [pods.worker(index) for index in range(2)]
    orchestrator.expect(0)
    for worker in workers:
        worker.expect(0)
    data.signal(signal.SIGTERM)
    data.expect(0)
    pods.expect_every_file_once(40)
    assert "Complete" in pods.stored("logs/job_progress_overview.txt")
    driver = pods.stored("logs/70_driver_log.txt")
    assert f"of pod {pods.name}-orchestrator-0" in driver, driver
    assert f"writing {pods.address} with the Secret keys" in data.output
    assert f"{pods.address}/parallel_run_step.txt" in orchestrator.output, orchestrator.output
    assert orchestrator.message["logs"] == f"{pods.address}/logs"
    assert pods.progress()["percent"] == 100
    # Nothing but the folder in place of the Secret has the key.
    secret = KEYS["secretAccessKey"].encode()
    for folder in (pods.root, pods.pods[orchestrator.name].files):
        found = [path for path in folder.rglob("*") if path.is_file() and secret in path.read_bytes()]
        assert all("credentials" in str(path) for path in found), found
    # The operator may not have seen the end: the next pod finds it in the store.
    before = pods.snapshot()
    again, _ = pods.head(1)
    again.expect(0)
    assert "already has the complete results of this job" in again.message["message"], again.message
    changed = {key for key, content in pods.snapshot().items() if before.get(key) != content}
    assert all("/.parallelrun/" in key for key in changed), changed
    pods.expect_every_file_once(40)


def test_whenever_the_pod_is_killed_each_row_is_there_once(pods):
    """With its folders, at any instant; workers stay. The last pod is let be."""
    count, kills = 300, 8
    pods.names_script(0.02, held="f000280").files(count)
    pods.set(miniBatchSize=2, nodeCount=2, processCountPerNode=2).apply()
    workers = []
    dice = random.Random(11)
    for incarnation in range(kills):
        head = pods.head(incarnation, ended=range(incarnation))
        workers = workers or [pods.worker(index) for index in range(2)]
        # Some while it takes the log over, before it serves.
        time.sleep(dice.choice([dice.uniform(0, 0.4), dice.uniform(0.5, 2.5)]))
        assert head[0].process.poll() is None, head[0].output
        pods.kill(incarnation, *head)
    pods.release()
    last, _ = pods.head(kills, ended=range(kills))
    last.expect(0)
    for worker in workers:
        worker.expect(0)
    pods.expect_every_file_once(count)
    starts = pods.stored("logs/sys/master_role.txt")
    assert "had this output and has not said that it has ended" in starts, starts


def test_what_is_committed_is_not_done_again(pods):
    """The successor has an empty folder, and counts what the killed one has put into the store."""
    pods.names_script(held="f000030").files(60).set(miniBatchSize=1, nodeCount=1).apply()
    head = pods.head()
    worker = pods.worker()
    wait_for(lambda: pods.progress().get("miniBatchesProcessed", 0) >= 20, "commits")
    pods.kill(0, *head)
    second, _ = pods.head(1, ended=[0])
    pods.until_at_work(1)
    pods.release()
    second.expect(0)
    worker.expect(0)
    pods.expect_every_file_once(60)
    started = [line for line in pods.stored("logs/sys/master_role.txt").split("\n") if "epoch 2" in line]
    committed = int(started[0].rsplit("committed before: ", 1)[1].split()[0])
    assert committed >= 20, started


def test_of_two_that_both_have_workers_one_commits(pods):
    """A node that is cut off from the cluster, and not from the store: its Lease runs out, nobody stops it, and its worker goes
    on giving it results."""
    pods.names_script(held="f000040").files(80).set(miniBatchSize=1, nodeCount=2).apply()
    first, _ = pods.head()
    beside_it = pods.worker(0, connect=f"localhost:{pods.port}")
    wait_for(lambda: pods.progress().get("miniBatchesProcessed", 0) >= 40, lambda: beside_it.output)
    cut_off = first.child()
    # What renews the Lease and would hold or end the orchestrator below it.
    first.process.send_signal(signal.SIGSTOP)
    second, _ = pods.head(1)
    pods.until_at_work(1)
    assert lives(cut_off)
    pods.release()  # what it waits for comes to it now
    wait_for(lambda: not lives(cut_off), "the end of the one that is cut off")
    worker = pods.worker(1)
    second.expect(0)
    worker.expect(0)
    pods.expect_every_file_once(80)
    before = pods.snapshot()
    first.process.send_signal(signal.SIGCONT)
    first.expect(1)
    assert first.message["state"] == "Interrupted", first.message
    assert first.message["reason"] in ("LeaseLost", "TakenOver")
    assert "another orchestrator has taken the output over" in first.output, first.output
    assert pods.snapshot() == before
    assert "had this output and has not said that it has ended" in pods.stored("logs/sys/master_role.txt")


def test_of_two_jobs_with_one_output_the_later_one_goes_on(pods, api, tmp_path):
    """The other one ends for good: started anew, it would take the output back, and so on for ever."""
    pods.names_script(held="f000010").files(20).set(miniBatchSize=1, nodeCount=1).apply()
    first, _ = pods.head()
    beside_it = pods.worker()
    wait_for(lambda: pods.progress().get("miniBatchesProcessed", 0) >= 10, lambda: beside_it.output)
    other = OutputPods(tmp_path / "other", api, pods.namespace, pods.proxy, pods.bucket)
    try:
        # Of the same manifest, but for its name.
        other.name, other.spec = "other-job", pods.spec
        other.names_script(held="f000010").files(20).apply()
        second, _ = other.head()
        other.until_at_work(0)
        pods.release()
        first.expect(2)
        assert (first.message["state"], first.message["reason"]) == ("Failed", "Refused")
        said = f"the job {pods.namespace}/other-job writes to '{pods.address}', too, and has taken the output over"
        assert said in first.message["message"]
        worker = other.worker()
        second.expect(0)
        worker.expect(0)
        other.expect_every_file_once(20)
    finally:
        other.destroy()


def test_a_container_that_dies_is_started_again_and_the_job_goes_on(pods):
    """While requests of commits are on their way to it."""
    pods.names_script(0.02).files(150).set(miniBatchSize=1, nodeCount=1, processCountPerNode=2).apply()
    orchestrator, data = pods.head()
    worker = pods.worker()
    for at_work in (6, 20):
        wait_for(
            lambda length=at_work: pods.log_length() > length, lambda: f"commits:\n{orchestrator.output}"
        )
        data.signal(signal.SIGKILL)
        data.wait()
        pod = pods.pods[orchestrator.name]
        data = pods.until_ready(pod, pods.start_data(pod))
    orchestrator.expect(0)
    worker.expect(0)
    pods.expect_every_file_once(150)
    assert ", epoch 2, " not in pods.stored("logs/sys/master_role.txt"), "the orchestrator itself went on"


def test_a_stop_leaves_the_logs_in_the_store_and_fences_nobody(pods):
    pods.names_script(held="f000010").files(20).set(miniBatchSize=1, nodeCount=1).apply()
    first, _ = pods.head()
    worker = pods.worker()
    wait_for(lambda: pods.progress().get("miniBatchesProcessed", 0) >= 5, "commits")
    first.process.send_signal(signal.SIGTERM)
    first.expect(130)
    assert "epoch 1" in pods.stored("logs/sys/master_role.txt")
    pods.release()
    second, _ = pods.head(1)
    second.expect(0)
    worker.expect(0)
    pods.expect_every_file_once(20)
    assert "has not said that it has ended" not in pods.stored("logs/sys/master_role.txt")


def test_what_is_wrong_is_told_by_the_container_and_the_pod(pods):
    pods.names_script().files(4).set(miniBatchSize=2, nodeCount=1).apply()
    pods.proxy.accepted_key = KEYS["accessKeyId"]
    pod = pods.pod(f"{pods.name}-orchestrator-0").secret("output", accessKeyId="x", secretAccessKey="y")
    refused = pods.start_data(pod).expect(1).termination_log.read_text()
    assert refused.startswith(f"output: {pods.address} refuses the credentials"), refused
    assert "the Secret 'keys'" in refused
    # Another job's results are there.
    pods.bucket.put("out/parallel_run_step.txt", "mine")
    orchestrator, _ = pods.head()
    orchestrator.expect(2)
    assert orchestrator.message["reason"] == "Refused"
    assert (
        f"'{pods.address}/parallel_run_step.txt' exists and no ParallelRunJob wrote it"
        in (orchestrator.message["message"])
    )
    assert json.dumps(orchestrator.message).count("/parallelrun/output") == 0
    assert pods.stored("parallel_run_step.txt") == "mine"
