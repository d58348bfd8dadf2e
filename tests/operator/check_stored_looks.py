"""The verbs of a job in a cluster whose output lies in a store: the whole way, through the API server and the pod's log, to a
real S3 server, in which a job of this machine has its output."""

import json
import re
import subprocess
import sys

import pytest
import yaml
from calls import ended
from check_page import pages  # noqa: F401 (fixture)
from checkout import PROGRAM, REPOSITORY
from log_kubelet import LogKubelet
from waiting import PATIENCE, wait_for

for folder in ("store", "web"):
    sys.path.insert(0, str(REPOSITORY / "tests" / "integration" / folder))
from s3_server import Bucket, s3_server  # noqa: E402
from store_job import KEYS, OutputJob, take_number  # noqa: E402
from store_proxy import StoreProxy  # noqa: E402
from web_client import Page  # noqa: E402

SCRIPT = """
    import os

    def init(): pass

    def run(batch):
        print("a line\\n\\n\\x1b and one more" * 20)
        if any("3" in os.path.basename(path) for path in batch):
            raise ValueError("bad digit")
        return [os.path.basename(path) + " " + "x" * 5000 for path in batch]
"""

SLOW = """
    import os, time

    def init(): pass

    def run(batch):
        name = os.path.basename(batch[0])
        if name == "1.txt":
            raise ValueError("bad digit")
        while name == "9.txt" and not os.path.exists(GO):
            time.sleep(0.01)
        return [name]
"""


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    with s3_server(tmp_path_factory.mktemp("s3")) as address:
        yield address


def job_of(folder, s3, proxy, script, count):
    job = OutputJob(folder, proxy, Bucket(s3, f"looks-{take_number()}"))
    job.script(script)
    for number in range(count):
        (job.data / f"{number}.txt").write_text("x")
    return job.set(errorThreshold=-1, runMaxTry=1, miniBatchSize=1)


@pytest.fixture(scope="module")
def stored(tmp_path_factory, s3):
    """A job with failed items and rows of a megabyte, whose output is in the store, and the same as a directory."""
    with StoreProxy(s3) as proxy:
        job = job_of(tmp_path_factory.mktemp("job"), s3, proxy, SCRIPT, 200)
        job.run().expect(0)
        job.directory = job.fetch(tmp_path_factory.mktemp("fetched"))
        yield job


def secret(folder):
    folder.mkdir(exist_ok=True)
    for key, value in yaml.safe_load(KEYS).items():
        (folder / key).write_text(value)
    return folder


def in_cluster(verbs, job, tmp_path, name="stored", status=None):
    """Its input lies on a claim there, and its code in a ConfigMap."""
    claim = {"persistentVolumeClaim": {"claimName": "data"}}
    spec = {name: value for name, value in job.spec.items() if name not in ("sourceDirectory", "nodeCount")}
    spec["inputs"] = [{"name": "files", "type": "file", "source": claim}]
    verbs.job(name, status or ended(), **spec)
    folders = {"keys": secret(tmp_path / "keys"), "data": job.data, "code": job.code}
    return LogKubelet(verbs.world.server.folder, verbs.world.namespace, tmp_path, **folders)


@pytest.fixture
def kubelet(verbs, stored, tmp_path):
    with in_cluster(verbs, stored, tmp_path) as node:
        yield node
        wait_for(lambda: not verbs.world.items("pods"), "no pod is left")


def told(text):
    """Without what is said of the way itself."""
    return re.sub(r"parallelrun: .* fetched from s3://.*\n", "", text)


def check_what_is_shown_is_what_is_there(verbs, kubelet, stored):
    stdout = next((stored.directory / "logs/user/stdout").rglob("*.txt")).relative_to(
        stored.directory / "logs"
    )
    for words in (
        ("errors",),
        ("errors", "--brief"),
        ("failed", "-o", "csv"),
        ("failed", "--limit", "2"),
        ("logs",),
        ("logs", str(stdout)),
        ("logs", str(stdout), "--tail", "3"),
        ("logs", "nothing"),
        ("output", "--rows", "3"),
        ("output", "--rows", "0"),
        ("explain",),
    ):
        here = subprocess.run(
            [PROGRAM, words[0], stored.directory, *words[1:]], capture_output=True, text=True
        )
        there = subprocess.run(
            verbs.words(words[0], "stored", *words[1:]), capture_output=True, env=verbs.environment, text=True
        )
        said = (there.returncode, there.stdout, told(there.stderr))
        assert said == (here.returncode, here.stdout, here.stderr), words


def check_what_is_no_log_is_left_out_and_said(verbs, kubelet, stored):
    odd = ["logs/user/" + "x" * 300, "logs/user/stdout", "logs/folder/"]
    for name in odd:
        stored.bucket.put(f"out/{name}", b"" if name.endswith("/") else b"odd")
    try:
        done = verbs("errors", "stored", "--brief")
        assert "bad digit" in done.stdout
        assert (
            "2 objects in s3://" in done.stderr
            and "cannot be a file of a log and are left out" in done.stderr
        )
        assert "'logs/user/stdout'" in done.stderr and "folder" not in done.stderr
    finally:
        for name in odd:
            stored.bucket.delete(f"out/{name}")


def check_the_output_is_copied(verbs, kubelet, stored, tmp_path):
    whole = stored.bucket.get("out/parallel_run_step.txt")
    assert len(whole) > 500_000
    verbs("output", "stored", "--to", tmp_path / "copy.txt")
    assert (tmp_path / "copy.txt").read_bytes() == whole


def check_only_what_is_asked_for_is_fetched(verbs, kubelet, stored):
    """Of a log of 40 MB, its last lines."""
    line = "2026-01-01 a line of a large log\n"
    stored.bucket.put("out/logs/user/large.txt", line * (40_000_000 // len(line)))
    try:
        shown = verbs("logs", "stored", "user/large.txt", "--tail", "2")
        assert shown.stdout == line * 2
        assert 0 < stored.proxy.bytes_of("large.txt") < 2_000_000
    finally:
        stored.bucket.delete("out/logs/user/large.txt")


def check_the_secret_is_one_containers_alone(verbs, stored, tmp_path):
    """And who looks cannot write."""
    with in_cluster(verbs, stored, tmp_path):
        before = {key: stored.bucket.get(key) for key in stored.bucket.keys("out/")}
        asked = len(stored.proxy.requests)
        seen = {}

        def look():
            for pod in verbs.world.items("pods"):
                seen[pod["metadata"]["name"]] = pod["spec"]
            return looking.poll() is not None

        looking = verbs.start("errors", "stored")
        wait_for(look, "the verb ends")
        assert looking.returncode == 0, looking.stderr.read()
        (spec,) = seen.values()
        (runner,), (data,) = spec["containers"], spec["initContainers"]
        mounted = {mount["mountPath"]: mount for mount in runner["volumeMounts"]}
        assert set(mounted) == {"/parallelrun/output", "/parallelrun/fetched"}
        assert mounted["/parallelrun/fetched"]["readOnly"] is True
        assert data["restartPolicy"] == "Always" and spec["automountServiceAccountToken"] is False
        assert "/parallelrun/credentials/output" in [mount["mountPath"] for mount in data["volumeMounts"]]
        assert "a-Secret" not in json.dumps(spec)
        # Not even a probe.
        assert {method for method, _ in stored.proxy.requests[asked:]} <= {"GET", "HEAD"}
        assert {key: stored.bucket.get(key) for key in stored.bucket.keys("out/")} == before


def check_what_is_wrong_is_said(verbs, stored, tmp_path):
    keys = secret(tmp_path / "wrong")
    (keys / "accessKeyId").write_text("another")
    stored.proxy.accepted_key = "test-key"
    try:
        source = stored.spec["output"]["source"]
        verbs.job("stored", ended(), output={"source": source})
        with LogKubelet(verbs.world.server.folder, verbs.world.namespace, tmp_path, keys=keys):
            said = verbs.refused("errors", "stored", code=1)
        assert f"output: {stored.address} refuses the credentials" in said and "the Secret 'keys'" in said
        assert "with credentials of your own into a directory" in said
    finally:
        stored.proxy.accepted_key = None


def check_a_job_at_work(verbs, tmp_path, s3):
    """Its rows and failed items are in the log of the store alone; its logs come as they are put there."""
    with StoreProxy(s3) as proxy:
        (tmp_path / "job").mkdir()
        job = job_of(tmp_path / "job", s3, proxy, SLOW.replace("GO", repr(str(tmp_path / "go"))), 10)
        job.set(processCountPerNode=1, runInvocationTimeout=600)
        running = job.start("--credentials", job.credentials(KEYS))
        try:
            progress = "out/logs/sys/progress.json"
            wait_for(
                lambda: (
                    progress in job.bucket.keys(progress)
                    and json.loads(job.bucket.get(progress)).get("miniBatchesProcessed", 0) >= 9
                ),
                "nine mini-batches",
            )
            with in_cluster(verbs, job, tmp_path, "slow", {**ended(), "state": "Running"}):
                shown = verbs("output", "slow", "--rows", "99")
                assert sorted(shown.stdout.split()) == [f"{n}.txt" for n in (0, 2, 3, 4, 5, 6, 7, 8)]
                assert "the job is running: more rows will come" in shown.stderr
                assert "its logs into the store once a minute" in shown.stderr
                failed = verbs("failed", "slow", "-o", "csv").stdout
                assert "1.txt" in failed and "bad digit" in failed
                following = verbs.start("logs", "slow", "job_progress_overview.txt", "-f")
                assert following.stdout.readline() and following.poll() is None
                (tmp_path / "go").touch()
                rest = following.stdout.read()
                assert following.wait(PATIENCE) == 0, following.stderr.read()
                assert "Complete" in rest
        finally:
            (tmp_path / "go").touch()
            assert running.wait(PATIENCE) == 0


def check_the_page(verbs, pages, stored, tmp_path):  # noqa: F811
    """Each tab by a pod of the same kind."""
    with (
        in_cluster(verbs, stored, tmp_path),
        Page(pages=pages, options=verbs.place, cwd=verbs.scratch, env=verbs.environment) as page,
    ):
        path = wait_for(lambda: "stored" in page.jobs() and page.of("stored"), "the job")
        (group,) = page.get(path + "/errors")["errors"]
        assert group["type"] == "ValueError" and "Traceback" in group["traceback"]
        assert page.get(path + "/timeline")["tries"] == 200 and page.get(path + "/explain")["processes"]
        sizes = {file["path"]: file["bytes"] for file in page.get(path + "/logs")["files"]}
        name = max((name for name in sizes if name.startswith("user/stdout/")), key=sizes.get)
        whole = (stored.directory / "logs" / name).read_text()
        assert sizes[name] == len(whole) > 50_000
        end = page.get(path + "/log", path=name, offset=-300, length=1000)
        assert end["size"] == end["next"] == len(whole) and end["text"] == whole[end["offset"] :].replace(
            "\x1b", "\\x1b"
        )
        found = page.get(path + "/search", path=name, text="one more", limit=1000)
        assert len(found["hits"]) == min(1000, whole.count("one more"))
        shown = page.get(path + "/rows", limit=2)
        assert shown["truncated"] and len(shown["rows"]) == 2
        assert page.get(path + "/failed")["total"] == len(stored.failed_items())
        wait_for(lambda: not verbs.world.items("pods"), "no pod is left")


def check_a_mini_batch_is_replayed(verbs, stored, tmp_path):
    """Of the output, the plan comes; of the claim, its files."""
    with in_cluster(verbs, stored, tmp_path):
        cache = {"PARALLELRUN_CACHE_DIR": str(tmp_path / "cache")}
        done = verbs("replay", "stored", "0", **cache)
        assert "run() gets 1 item" in done.stderr and "mini-batch 0 (1 file, 1 B)" in done.stderr
        assert "0.txt " + "x" * 5000 in done.stdout
        failed = json.loads(verbs("failed", "stored", "-o", "json").stdout)[0]["miniBatch"]
        assert "ValueError: bad digit" in verbs("replay", "stored", failed, code=1, **cache).stderr
        said = verbs("replay", "stored", "200", code=2, **cache).stderr
        assert "this job has no mini-batch 200; they are 0 to 199" in said
        wait_for(lambda: not verbs.world.items("pods"), "no pod is left")
