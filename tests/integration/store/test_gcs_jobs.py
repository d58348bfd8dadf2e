"""Jobs whose inputs lie in Google Cloud Storage: over its XML interface, which the S3 server of these tests speaks too, with
the signed tokens of a service account."""

import json
import subprocess

import pytest
from s3_server import Bucket
from store_job import StoreJob, take_number


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
