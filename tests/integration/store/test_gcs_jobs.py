"""Jobs whose inputs lie in Google Cloud Storage: over its XML interface, which the S3 server of these tests speaks too, with
the signed tokens of a service account."""

import json
import subprocess

import pytest
from job_folder import kill_quietly
from processes import descendants
from s3_server import Bucket
from store_job import StoreJob, take_number
from store_proxy import StoreProxy
from waiting import wait_for


@pytest.fixture
def job(tmp_path, s3):
    # The client encodes a dash in the name of a bucket, which this server does not decode.
    bucket = Bucket(s3, f"gcs{take_number()}")
    for number in range(7):
        bucket.put(f"in/{number}.txt", f"n{number}")
    one = StoreJob(tmp_path)
    one.spec["inputs"] = [
        {
            "name": "files",
            "type": "file",
            "source": {"gcs": {"bucket": bucket.name, "prefix": "in", "endpoint": s3}},
        }
    ]
    one.script("def init(): pass\ndef run(mini_batch): return [open(path).read() for path in mini_batch]")
    return one.set(miniBatchSize=2)


@pytest.fixture(scope="session")
def service_account(tmp_path_factory):
    key = tmp_path_factory.mktemp("gcs") / "key.pem"
    make = ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", str(key)]
    subprocess.run(make, check=True, capture_output=True)
    return {
        "type": "service_account",
        "client_email": "reader@project.iam.gserviceaccount.com",
        "private_key_id": "1",
        "private_key": key.read_text(),
    }


def rows():
    return [f"n{number}" for number in range(7)]


def test_with_the_file_that_google_gives(job, service_account):
    job.run("--credentials", job.credentials(json.dumps(service_account), "files")).expect(0)
    assert sorted(job.rows()) == rows()
    assert job.left_in_cache() == []


def test_with_the_key_of_a_secret(job, service_account):
    text = json.dumps({"serviceAccountKey": json.dumps(service_account)})
    job.run("--credentials", job.credentials(text, "files")).expect(0)
    assert sorted(job.rows()) == rows()


def test_with_the_environment(job, service_account):
    path = job.root / "google.json"
    path.write_text(json.dumps(service_account))
    outcome = job.run(env=job.environment(GOOGLE_APPLICATION_CREDENTIALS=str(path))).expect(0)
    assert sorted(job.rows()) == rows()
    assert "the script does not get GOOGLE_APPLICATION_CREDENTIALS" in outcome.stderr


@pytest.mark.parametrize(
    "text, words",
    [
        ('{"serviceAccountKey": "no json"}', "the serviceAccountKey in '"),
        ("serviceAccountKey: '[\"x\"]'\n", "is not a JSON object; put the file there that Google gives"),
        ('{"type": "service_account", "client_email": "a@b"}', "cannot be opened"),
    ],
)
def test_a_key_that_is_none(job, text, words):
    outcome = job.run("--credentials", job.credentials(text, "files"))
    assert outcome.code == 2, outcome.words
    assert words in outcome.stderr and len(outcome.stderr.splitlines()) == 1, outcome.stderr


def test_a_bucket_that_is_not_there(job, service_account):
    job.spec["inputs"][0]["source"]["gcs"]["bucket"] = "nowhere"
    outcome = job.run("--credentials", job.credentials(json.dumps(service_account), "files"))
    assert outcome.code == 2
    assert "input 'files': gcs://nowhere/in: there is no bucket 'nowhere'" in outcome.stderr


def test_the_output_in_a_bucket(job, s3, service_account):
    """Killed and started again in between: commits are made on the condition that Google has for it."""
    bucket = Bucket(s3, f"gcs{take_number()}")
    job.script(
        """
        import os, time
        def init():
            pass
        def run(mini_batch):
            while os.path.exists(os.environ["WAITS"]) and any("4.txt" in path for path in mini_batch):
                time.sleep(0.05)
            return [open(path).read() for path in mini_batch]
        """
    )
    waits = job.root / "waits"
    waits.touch()
    job.set(miniBatchSize=1, processCountPerNode=1)
    environment = job.environment(WAITS=str(waits))
    keys = ("--credentials", job.credentials(json.dumps(service_account), "files"))
    keys += ("--credentials", f"output={job.root / 'files.yaml'}")
    with StoreProxy(s3) as proxy:
        place = {"bucket": bucket.name, "prefix": "results", "endpoint": f"http://{proxy.address}"}
        job.spec["output"] = {"source": {"gcs": place}, "order": "input"}
        proxy.fault(times=1, method="PUT", path="/.parallelrun/log/", lose_answer=True)
        run = job.start(*keys, env=environment)
        log = "results/.parallelrun/log/"
        wait_for(lambda: any(b"n3" in bucket.get(key) for key in bucket.keys(log)), "a commit")
        for pid in (run.pid, *descendants(run.pid)):
            kill_quietly(pid)
        run.communicate(timeout=60)
        assert "results/_SUCCESS" not in bucket.keys("results/")
        waits.unlink()
        job.run(*keys, env=environment).expect(0)
        assert bucket.get("results/parallel_run_step.txt").decode().split("\n")[:-1] == rows()
        assert bucket.get("results/_SUCCESS") == b""
        log = bucket.get("results/logs/sys/master_role.txt").decode()
        assert "committed before: 0 mini-batches" not in log.split("epoch 2")[1].splitlines()[0]
        again = job.run(*keys, env=environment).expect(0)
    assert f"'gcs://{bucket.name}/results' already has the complete results" in again.stdout


def test_a_store_that_passes_over_the_condition_of_google_is_refused(job, s3, service_account):
    """As this server does, which knows only that of S3."""
    bucket = Bucket(s3, f"gcs{take_number()}")
    job.spec["output"] = {"source": {"gcs": {"bucket": bucket.name, "prefix": "results", "endpoint": s3}}}
    keys = job.credentials(json.dumps(service_account), "files")
    outcome = job.run("--credentials", keys, "--credentials", f"output={job.root / 'files.yaml'}").expect(2)
    assert f"output: gcs://{bucket.name}/results: this store cannot create an object on" in outcome.stderr
    assert bucket.keys("results/") == []
