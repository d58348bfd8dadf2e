"""What is wrong with a store or its credentials is told in one sentence, before anything starts."""

import os
import time

import pytest
from store_job import KEYS, StoreJob

SCRIPT = "def init(): pass\ndef run(mini_batch): return mini_batch"


def refused(job, outcome, *words):
    assert outcome.code == 2, outcome.words
    lines = [line for line in outcome.stderr.splitlines() if line and not line.startswith("installing")]
    assert len(lines) == 1, outcome.stderr
    for word in words:
        assert word in lines[0], lines[0]
    assert not (job.out / "logs").exists()
    assert job.left_in_cache() == []


def test_a_key_that_is_not_accepted(job):
    job.objects(1).script(SCRIPT)
    job.proxy.accepted_key = "another"
    refused(
        job,
        job.run(),
        "input 'files'",
        f"s3://{job.bucket.name}/in refuses the credentials: InvalidAccessKeyId",
        "keys.yaml",
    )


def test_a_bucket_that_is_not_there(job):
    job.script(SCRIPT)
    job.spec["inputs"][0]["source"]["s3"]["bucket"] = "nowhere"
    refused(job, job.run(), "input 'files': s3://nowhere/in: there is no bucket 'nowhere'")


def test_a_server_that_is_not_there(job):
    job.script(SCRIPT)
    job.spec["inputs"][0]["source"]["s3"]["endpoint"] = "http://127.0.0.1:1"
    outcome = job.run(env=job.environment(PARALLELRUN_STORE_PATIENCE="1"))
    assert outcome.code == 1
    assert "input 'files': s3://" in outcome.stderr and "cannot be reached" in outcome.stderr, outcome.stderr


def test_a_side_input_that_is_not_there(job):
    job.objects(1).script(SCRIPT).set(sideInputs=[{"name": "labels", "source": job.source("nothing")}])
    refused(job, job.run(), "side input 'labels': ", "/nothing has no object")


def test_an_input_without_objects(job):
    job.script(SCRIPT)
    outcome = job.run()
    assert outcome.code == 1
    assert f"input 'files': 's3://{job.bucket.name}/in' has no file; check the prefix" in outcome.words


@pytest.mark.parametrize(
    "text, mode, words",
    [
        (KEYS, 0o644, "can be read or written by other users (mode 0644); run chmod 600"),
        ("accessKeyId: a\n", 0o600, "lacks secretAccessKey; s3 needs accessKeyId and secretAccessKey"),
        (
            '{"accessKeyId": "a", "secretAccesKey": "b"}',
            0o600,
            "has the key 'secretAccesKey', which s3 does not know",
        ),
        (
            "accessKeyId: a\nsecretAccessKey: ''\n",
            0o600,
            "the key 'secretAccessKey' must be a text that is not empty",
        ),
        ("just text", 0o600, "line 1, is not 'key: value'"),
        ("{nonsense", 0o600, "is not JSON"),
        ("", 0o600, "must have accessKeyId and secretAccessKey"),
        (
            'accessKeyId: a\nsecretAccessKey: "bad \\q escape"\n',
            0o600,
            "line 2: the text in double quotes has an escape or a quote that is not known there",
        ),
        (
            '{"accessKeyId": "a", "secretAccessKey": "one\\ntwo"}',
            0o600,
            "the key 'secretAccessKey' has a line break or another control character; write it without",
        ),
        ("password=ab:cd\n", 0o600, "has a key that s3 does not know; it knows accessKeyId"),
        ("bearerToken: a\n", 0o600, "has the key 'bearerToken', which s3 does not know"),
        ("accessKeyId: a\nsecretAccessKey: b c\n", 0o600, "the key 'secretAccessKey' has a space"),
        (
            "accessKeyId: ä\nsecretAccessKey: bc\n",
            0o600,
            "the key 'accessKeyId' has a character that is not ASCII",
        ),
    ],
)
def test_credentials_files_that_cannot_be_used(job, text, mode, words):
    job.objects(1).script(SCRIPT)
    refused(
        job,
        job.run("--credentials", job.credentials(text, mode=mode)),
        "input 'files': the credentials file",
        words,
    )


def test_a_credentials_file_that_is_missing(job):
    job.script(SCRIPT)
    refused(
        job,
        job.run("--credentials", f"keys={job.root}/none"),
        "none' cannot be read: No such file or directory",
    )


def test_a_pipe_for_credentials_is_not_waited_for(job):
    job.script(SCRIPT)
    os.mkfifo(job.root / "pipe", 0o600)
    began = time.monotonic()
    refused(job, job.run("--credentials", f"keys={job.root}/pipe"), "pipe' is not a file")
    assert time.monotonic() - began < 15


def test_credentials_for_nobody(job):
    job.script(SCRIPT)
    outcome = job.run("--credentials", job.credentials(KEYS, "kyes"))
    assert outcome.code == 2
    assert (
        "'kyes' is neither the name of an input or side input in a store nor of its Secret; did you mean 'keys'?"
        in outcome.stderr
    )


def test_a_variable_that_no_request_can_hold(job):
    job.objects(1).script(SCRIPT)
    del job.spec["inputs"][0]["source"]["s3"]["credentials"]
    environment = job.environment(AWS_ACCESS_KEY_ID="id", AWS_SECRET_ACCESS_KEY="a-Secret\n")
    outcome = StoreJob.run(job, env=environment)
    assert outcome.code == 2, outcome.words
    assert "input 'files': the environment variable AWS_SECRET_ACCESS_KEY has a line break" in outcome.stderr
    assert "a-Secret" not in outcome.words


@pytest.mark.parametrize("size", ["big", "infGi"])
def test_a_size_that_is_none(job, size):
    job.script(SCRIPT)
    refused(
        job,
        job.run(env=job.environment(PARALLELRUN_CACHE_SIZE=size)),
        f"PARALLELRUN_CACHE_SIZE is '{size}', but must be a size",
    )


def test_a_patience_that_is_none(job):
    job.script(SCRIPT)
    refused(
        job,
        job.run(env=job.environment(PARALLELRUN_STORE_PATIENCE="nan")),
        "PARALLELRUN_STORE_PATIENCE is 'nan', but must be a number of seconds",
    )


def test_a_cache_that_cannot_be_written(job):
    job.objects(1).script(SCRIPT)
    (job.root / "file").write_text("")
    outcome = job.run(env=job.environment(PARALLELRUN_CACHE_DIR=f"{job.root}/file/x"))
    assert outcome.code == 1
    assert "set PARALLELRUN_CACHE_DIR to a folder that can be written" in outcome.stderr
