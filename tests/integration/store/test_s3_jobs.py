"""Jobs whose inputs and side inputs lie in S3, through a proxy that fails as a test says."""

import json
import os
import signal
import subprocess
import time

import pytest
from processes import command_line, descendants
from store_job import KEYS, keys_of
from waiting import wait_for

NAMES = """
    import os
    def init():
        pass
    def run(mini_batch):
        return [os.path.basename(path) + " " + open(path).read() for path in mini_batch]
"""

# The same, so slowly that a test can do something to the job.
SLOW = """
    import os, time
    def init():
        pass
    def run(mini_batch):
        time.sleep(SECONDS)
        return [os.path.basename(path) + " " + open(path).read() for path in mini_batch]
"""


def expected(count, content="x"):
    return sorted(f"f{number:04}.txt {content}{number}" for number in range(count))


@pytest.mark.both_servers
def test_objects_become_files_and_are_dropped(job):
    job.objects(57).script(
        """
        import os
        def init():
            pass
        def run(mini_batch):
            import glob
            return [f"{os.path.isabs(path)} {os.path.basename(path)} {open(path).read()}" for path in mini_batch]
        """
    ).set(miniBatchSize=5, processCountPerNode=2)
    job.run().expect(0)
    assert sorted(job.rows()) == [f"True {row}" for row in expected(57)]
    assert job.left_in_cache() == []
    assert "57 objects fetched" in job.log("70_driver_log.txt")


def test_order_globs_and_names(job):
    """In the order of a directory that is walked; what a walk leaves out is left out."""
    names = [
        "a/x.txt",
        "a-b.txt",
        "a.txt",
        "a b/ü#?%41.txt",
        "a/y.csv",
        ".hidden/z.txt",
        "b/.z.txt",
        "__MACOSX/q.txt",
    ]
    for name in names:
        job.bucket.put(f"in/{name}", name)
    job.bucket.put("in/a/", b"")
    job.bucket.put("other/c.txt", "no")
    job.bucket.put("inner/c.txt", "no")
    job.script(
        """
        def init():
            pass
        def run(mini_batch):
            return [" | ".join(open(path).read() for path in mini_batch)]
        """
    ).set(miniBatchSize=100)
    job.spec["inputs"][0]["glob"] = "**/*.txt"
    job.run().expect(0)
    assert job.rows() == ["a/x.txt | a b/ü#?%41.txt | a-b.txt | a.txt"]


def test_an_object_beside_a_folder_of_its_name(job):
    for name in ("a", "a/b", "a/b/c"):
        job.bucket.put(f"in/{name}", name)
    job.script("def init(): pass\ndef run(mini_batch): return [open(p).read() for p in mini_batch]")
    job.run().expect(0)
    assert sorted(job.rows()) == ["a", "a/b", "a/b/c"]


def test_empty_folders_and_a_folder_beside_an_object_of_its_name(job):
    """An object that stands for a folder is no item, and a folder in a side input."""
    for key in ("in/a.txt", "in/x", "in/x-y", "in/z", "labels/one"):
        job.bucket.put(key, key)
    job.bucket.put("in/empty.txt", "")
    for key in ("in/emptydir/", "in/x/", "in/z/", "labels/none/", "labels/one/"):
        job.bucket.put(key, "")
    job.script(
        """
        import os, sys
        def init():
            pass
        def run(mini_batch):
            labels = sorted(f"{name}:{os.path.isdir(os.path.join(sys.argv[1], name))}" for name in os.listdir(sys.argv[1]))
            return [f"{os.path.basename(path)} {open(path).read()} {labels}" for path in mini_batch]
        """
    ).set(sideInputs=[{"name": "labels", "source": job.source("labels")}], arguments=["$(sideInputs.labels)"])
    words = job.run().expect(0).words
    # Like what a walk leaves out. Beside an object of its name it is nothing that somebody could miss.
    assert "input 'files': 1 empty object stands for a folder and is left out: 'emptydir'" in words, words
    labels = ["none:True", "one:False"]
    assert sorted(job.rows()) == [
        f"a.txt in/a.txt {labels}",
        f"empty.txt  {labels}",
        f"x in/x {labels}",
        f"x-y in/x-y {labels}",
        f"z in/z {labels}",
    ]
    assert job.failed_items() == []


def test_two_objects_whose_names_differ_by_a_slash(job):
    job.bucket.put("in/x", "one")
    job.bucket.put("in/x/", "two")
    job.script(NAMES)
    outcome = job.run()
    assert outcome.code != 0
    assert "two objects 'x', whose names differ only by a slash at the beginning or end" in outcome.stderr


def test_two_nodes_share_one_data_process(job):
    job.objects(40).script(NAMES).set(miniBatchSize=2, nodeCount=2, processCountPerNode=2)
    job.run().expect(0)
    assert sorted(job.rows()) == expected(40)


@pytest.mark.both_servers
def test_what_changed_since_it_was_planned_fails_its_mini_batch(job):
    job.objects(12).script(
        """
        import time, os
        def init():
            pass
        def run(mini_batch):
            open(os.environ["FLAG"], "w").close()
            while not os.path.exists(os.environ["GO"]):
                time.sleep(0.02)
            return [os.path.basename(path) for path in mini_batch]
        """
    ).set(miniBatchSize=1, errorThreshold=-1, processCountPerNode=1)
    flag, go = job.root / "flag", job.root / "go"
    running = job.start(
        "--credentials", job.credentials(keys_of(job.bucket)), env=job.environment(FLAG=str(flag), GO=str(go))
    )
    wait_for(flag.exists, "the first mini-batch")
    job.bucket.put("in/f0011.txt", "other")
    job.bucket.delete("in/f0010.txt")
    go.touch()
    out, err = running.communicate(timeout=120)
    assert running.returncode == 0, out + err
    assert sorted(job.rows()) == [f"f{number:04}.txt" for number in range(10)]
    failed = {item["files"][0]: item["error"] for item in job.failed_items()}
    address = f"s3://{job.bucket.name}/in"
    assert sorted(failed) == [f"{address}/f0010.txt", f"{address}/f0011.txt"]
    assert "has changed since it was planned" in json.dumps(failed[f"{address}/f0011.txt"])
    assert "is not there any more" in json.dumps(failed[f"{address}/f0010.txt"])
    # Another try cannot mend it.
    assert job.proxy.gets_of("f0011.txt") == 1


def test_a_refusal_of_one_object_fails_its_mini_batch(job):
    """The store still accepts the credentials."""
    job.objects(6).script(NAMES).set(miniBatchSize=1, errorThreshold=-1, processCountPerNode=1)
    job.proxy.fault(times=1000, path="f0001", status=403, code="InvalidObjectState")
    job.proxy.fault(times=1000, path="f0002", status=403, code="AccessDenied")
    job.proxy.fault(times=1000, path="f0003", status=400, code="InvalidRequest")
    job.run()
    assert sorted(job.rows()) == [row for row in expected(6) if row[:5] not in ("f0001", "f0002", "f0003")]
    failed = {item["files"][0][-9:]: json.dumps(item["error"]) for item in job.failed_items()}
    assert sorted(failed) == ["f0001.txt", "f0002.txt", "f0003.txt"]
    assert "f0001.txt is archived (InvalidObjectState); restore it in the store" in failed["f0001.txt"]
    assert "f0002.txt cannot be read: the store answers AccessDenied" in failed["f0002.txt"]
    assert "InvalidRequest" in failed["f0003.txt"]
    # The credentials are no matter of an archived object.
    assert job.proxy.gets_of("f0001.txt") == 1


def test_a_refusal_of_the_store_ends_the_job(job):
    """Where it refuses its listing, too, it is no matter of one object."""
    job.objects(6).script(NAMES).set(miniBatchSize=1, errorThreshold=-1)
    job.proxy.fault(times=1000, path="/in/f", status=403, code="AccessDenied")
    job.proxy.refuse_lists_after = 2
    outcome = job.run()
    assert outcome.code == 1, outcome.words
    assert "refuses the credentials: AccessDenied" in outcome.stderr
    assert job.failed_items() == []


@pytest.mark.both_servers
def test_faults_between_us_and_the_store_are_met(job):
    job.objects(30, "y" * 5000).script(NAMES).set(miniBatchSize=3)
    job.bucket.put("in/big.bin", os.urandom(1) * (40 << 20))
    job.script(
        """
        import os
        def init():
            pass
        def run(mini_batch):
            return [f"{os.path.basename(path)} {os.path.getsize(path)}" for path in mini_batch]
        """
    )
    job.proxy.fault(times=2, path="list-type", status=503, code="InternalError")
    job.proxy.fault(times=5, path="/in/f", status=429)
    job.proxy.fault(times=4, path="/in/f", cut=1000)
    job.proxy.fault(times=3, path="/in/big", cut=3 << 20)
    job.proxy.fault(times=2, path="/in/f", wait=1.0)
    job.proxy.fault(times=1, path="/in/f0009", status=403, code="ExpiredToken")
    job.run().expect(0)
    assert job.proxy.left() == 0
    sizes = dict(row.split(" ") for row in job.rows())
    assert len(sizes) == 31 and sizes["big.bin"] == str(40 << 20)
    assert all(int(sizes[f"f{n:04}.txt"]) == 5000 + len(str(n)) for n in range(30))
    log = job.log("70_driver_log.txt")
    assert "(5 throttled, 2 server errors, 7 cut or unreachable, 1 with refused credentials)" in log, log
    assert job.failed_items() == []


def test_the_cache_is_bounded(job):
    for number in range(20):
        job.bucket.put(f"in/f{number:02}", bytes([number]) * 1_000_000)
    job.script(
        """
        import os, time
        def init():
            pass
        def run(mini_batch):
            time.sleep(0.05)
            there = sum(os.path.getsize(os.path.join(folder, name))
                        for folder, _, names in os.walk(os.environ["THE_CACHE"]) for name in names)
            return [str(there) for _ in mini_batch]
        """
    ).set(miniBatchSize=1, processCountPerNode=2)
    job.run(env=job.environment(PARALLELRUN_CACHE_SIZE="3M", THE_CACHE=str(job.root / "cache"))).expect(0)
    assert len(job.rows()) == 20
    assert max(int(row) for row in job.rows()) <= 3_000_000
    assert job.left_in_cache() == []


def test_a_mini_batch_larger_than_the_cache_is_told(job):
    job.bucket.put("in/large", b"x" * 2_000_000)
    job.bucket.put("in/small", b"x")
    job.script(NAMES).set(miniBatchSize=1)
    job.run(env=job.environment(PARALLELRUN_CACHE_SIZE="1M"))
    assert [row.split(" ")[0] for row in job.rows()] == ["small"]
    (item,) = job.failed_items()
    assert "more than the cache may hold (1.0 MB); set PARALLELRUN_CACHE_SIZE to more" in json.dumps(item)


def test_side_inputs_are_there_before_init(job):
    job.objects(3)
    job.bucket.put("labels/a/one.txt", "1")
    job.bucket.put("labels/two.txt", "2")
    job.bucket.put("models/net.v2.pkl", "weights")
    job.script(
        """
        import os, sys
        def init():
            global words
            labels, model = sys.argv[1:3]
            words = [open(os.path.join(labels, "a/one.txt")).read(), open(labels + "/two.txt").read(),
                     os.path.basename(model), open(model).read()]
        def run(mini_batch):
            return [" ".join(words) for _ in mini_batch]
        """
    ).set(
        sideInputs=[
            {"name": "labels", "source": job.source("labels")},
            {"name": "model", "source": job.source("models/net.v2.pkl")},
        ],
        arguments=["$(sideInputs.labels)", "$(sideInputs.model)"],
    )
    outcome = job.run().expect(0)
    assert job.rows() == ["1 2 net.v2.pkl weights"] * 3
    assert "side input 'labels': downloading 2 objects" in outcome.stderr
    assert job.left_in_cache() == []


def test_reading_and_running_overlap(job):
    """A slow store costs nothing where `run` takes longer than the download."""
    job.objects(4).script(
        """
        import time
        def init():
            pass
        def run(mini_batch):
            time.sleep(3)
            return mini_batch
        """
    ).set(miniBatchSize=1)
    job.proxy.fault(times=4, path="/in/f", wait=2.0)
    finished = json.loads(job.run("--json").expect(0).stdout.splitlines()[-1])
    assert finished["durationSeconds"] < 4 * 3 + 2.0 + 2.0


def test_credentials_that_are_revoked_end_the_job_and_it_goes_on(job):
    """No item fails for that."""
    job.objects(12).script(SLOW.replace("SECONDS", "0.3")).set(miniBatchSize=1)
    running = job.start("--credentials", job.credentials(keys_of(job.bucket)))
    wait_for(lambda: len(job.rows()) > 2, "some rows")
    job.proxy.accepted_key = "another"
    out, err = running.communicate(timeout=120)
    assert running.returncode == 1, out + err
    assert "refuses the credentials: InvalidAccessKeyId" in err
    assert job.failed_items() == []
    job.proxy.accepted_key = None
    job.run().expect(0)
    assert sorted(job.rows()) == expected(12)
    assert job.failed_items() == []


def test_a_full_disk_ends_the_job_and_it_goes_on(job):
    disk = job.root / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this user cannot mount a small disk")
    try:
        for number in range(4):
            job.bucket.put(f"in/f{number}", bytes([number]) * 1_500_000)
        job.script(
            "def init(): pass\ndef run(mini_batch): return [str(len(open(p, 'rb').read())) for p in mini_batch]"
        )
        job.set(miniBatchSize=2)
        small = job.environment(PARALLELRUN_CACHE_DIR=str(disk), PARALLELRUN_CACHE_SIZE="1Gi")
        outcome = job.run(env=small)
        assert outcome.code == 1, outcome.words
        assert f"the disk of the cache '{disk}" in outcome.stderr and "is full" in outcome.stderr
        assert "set PARALLELRUN_CACHE_DIR" in outcome.stderr
        assert job.failed_items() == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    job.run().expect(0)
    assert job.rows() == ["1500000"] * 4


def test_goes_on_after_an_interruption(job):
    job.objects(30).script(SLOW.replace("SECONDS", "0.1")).set(miniBatchSize=1)
    running = job.start("--credentials", job.credentials(keys_of(job.bucket)))
    wait_for(lambda: len(job.rows()) > 3, "some rows")
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=120)
    assert running.returncode == 130
    job.run().expect(0)
    assert sorted(job.rows()) == expected(30)


def data_processes(launcher):
    return [pid for pid in descendants(launcher) if "parallelrun_data" in command_line(pid)]


def test_a_killed_data_process_is_started_again(job):
    job.objects(40).script(SLOW.replace("SECONDS", "0.1")).set(miniBatchSize=1)
    running = job.start("--credentials", job.credentials(keys_of(job.bucket)))
    for done in (2, 12):
        wait_for(lambda done=done: len(job.rows()) > done, "some rows")
        (pid,) = data_processes(running.pid)
        os.kill(pid, signal.SIGKILL)
    out, err = running.communicate(timeout=120)
    assert running.returncode == 0, out + err
    assert err.count("the process that reads object stores was killed by SIGKILL: it is started again") == 2
    assert sorted(job.rows()) == expected(40)
    assert job.failed_items() == []


def test_a_data_process_that_stands_still_is_killed_and_started_again(job):
    job.objects(40).script(SLOW.replace("SECONDS", "0.1")).set(miniBatchSize=1)
    running = job.start("--credentials", job.credentials(keys_of(job.bucket)))
    wait_for(lambda: len(job.rows()) > 2, "some rows")
    (pid,) = data_processes(running.pid)
    os.kill(pid, signal.SIGSTOP)
    out, err = running.communicate(timeout=120)
    assert running.returncode == 0, out + err
    words = "the process that reads object stores stood still and was killed after 30 seconds without a sign of life"
    assert err.count(words + ": it is started again") == 1, err
    assert sorted(job.rows()) == expected(40)
    assert job.failed_items() == []


def test_a_changed_credential_is_another_reader_not_another_job(job):
    job.objects(2).script(NAMES)
    job.run().expect(0)
    job.spec["inputs"][0]["source"]["s3"]["credentials"] = {"secretName": "others"}
    job.spec["inputs"][0]["source"]["s3"]["prefix"] = "in/"
    outcome = job.run(
        "--credentials", job.credentials(KEYS, "others"), "--credentials", job.credentials(KEYS, "files")
    )
    assert outcome.code == 0, outcome.words
    job.spec["inputs"][0]["source"]["s3"]["prefix"] = "elsewhere"
    assert job.run().code == 2


@pytest.mark.parametrize("wait", [0.0])
def test_an_object_that_hangs_costs_a_try(job, wait):
    job.objects(3).script(NAMES).set(miniBatchSize=1, taskOverheadTimeout=2, runRetryDelay=0)
    job.proxy.fault(times=1, path="f0001", wait=6.0)
    began = time.monotonic()
    job.run().expect(0)
    assert sorted(job.rows()) == expected(3)
    assert "fetching the data of mini-batch 1 did not end after 2 s (taskOverheadTimeout)" in job.log(
        "user/error.txt"
    )
    assert time.monotonic() - began < 30


def test_results_are_reused_while_the_etags_are_the_same(job):
    job.objects(12).script(NAMES).set(miniBatchSize=4)
    job.bucket.put("side/labels.txt", "one")
    job.spec["sideInputs"] = [{"name": "labels", "source": job.source("side")}]

    def reason(output):
        job.out = job.root / output
        environment = job.environment(PARALLELRUN_RUN_INDEX=str(job.root / "runs"))
        job.run("--output", str(job.out), "--explain", env=environment).expect(0)
        return job.result()["reason"]

    assert reason("first") == "Completed"
    assert reason("second") == "Reused"
    assert sorted(job.rows()) == expected(12)
    job.bucket.put("in/f0003.txt", "y3")
    assert reason("third") == "Completed"
    assert "f0003.txt y3" in job.rows()
    job.bucket.put("side/labels.txt", "two")
    assert reason("fourth") == "Completed"
    assert reason("fifth") == "Reused"


def test_side_inputs_are_the_same_by_their_etags(job):
    """Also where they are too large to be read for a digest; one object, a folder, and a hidden name in it."""
    job.objects(2).script(NAMES)
    large = bytes(70 << 20)
    for name in ("side/large.bin", "side/.hidden", "one/model.bin"):
        job.bucket.put(name, large if "large" in name else "x")
    sources = {"folder": job.source("side"), "single": job.source("one/model.bin")}
    job.spec["sideInputs"] = [{"name": name, "source": source} for name, source in sources.items()]

    def reason(output):
        job.out = job.root / output
        environment = job.environment(PARALLELRUN_RUN_INDEX=str(job.root / "runs"))
        job.run("--output", str(job.out), env=environment, timeout=120).expect(0)
        return job.result()["reason"]

    assert [reason("a"), reason("b")] == ["Completed", "Reused"]
    for name in ("side/.hidden", "one/model.bin"):
        job.bucket.put(name, "y")
        assert [reason(f"{name[:3]}1"), reason(f"{name[:3]}2")] == ["Completed", "Reused"], name
