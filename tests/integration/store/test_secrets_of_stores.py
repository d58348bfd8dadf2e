"""Credentials are in the data process alone: not in files, command lines or the environment of scripts."""

import json
import os
import subprocess
import sys

from checkout import REPOSITORY
from store_job import KEYS, StoreJob

sys.path.insert(0, str(REPOSITORY / "runner" / "python"))
from parallelrun_data.troubles import Secrets, unexpected  # noqa: E402

SECRET = "a-Secret/of+the=tests"

SPY = r"""
    import glob, json, os
    def init():
        pass
    def may_have_it(process):
        with open(process + "/cmdline") as line:
            words = line.read()
        return "pytest" in words or "parallelrun\0run" in words or "parallelrun_data" in words
    def run(mini_batch):
        found = []
        for path in glob.glob("/proc/[0-9]*/cmdline") + glob.glob("/proc/[0-9]*/environ"):
            try:
                with open(path, "rb") as file:
                    if os.environ["SPY_ON"].encode() in file.read().replace(b"SPY_ON=" + os.environ["SPY_ON"].encode(), b""):
                        found.append(path)
            except OSError:
                pass
        # Who runs the job has what it was started with, and so has the data process; both are closed to all but root.
        mine = [path for path in found if path.endswith("cmdline") or not may_have_it(os.path.dirname(path))]
        return [json.dumps([mine, sorted(n for n in os.environ if n.startswith("AWS_"))])] * len(mini_batch)
"""


def files_with(folder, secret):
    found = subprocess.run(["grep", "-rlF", secret, str(folder)], capture_output=True, text=True, check=False)
    return [name for name in found.stdout.splitlines() if not name.endswith("keys.yaml")]


def test_a_secret_of_a_file_is_nowhere(job):
    job.objects(4).script(SPY).set(
        sideInputs=[{"name": "side", "source": job.source("in")}], loggingLevel="DEBUG", miniBatchSize=2
    )
    job.proxy.fault(times=2, path="/in/f", status=403, code="ExpiredToken")
    # Half of it, so that the script's own variable is no finding.
    outcome = job.run(env=job.environment(SPY_ON=SECRET[:12])).expect(0)
    assert set(job.rows()) == {"[[], []]"}
    assert SECRET not in outcome.words
    assert files_with(job.root, SECRET) == []


def test_variables_that_the_store_uses_do_not_reach_the_script(job):
    job.objects(2).script(SPY).set(environment={"variables": {"AWS_SESSION_TOKEN": "the script's own"}})
    del job.spec["inputs"][0]["source"]["s3"]["credentials"]
    environment = job.environment(
        AWS_ACCESS_KEY_ID="id", AWS_SECRET_ACCESS_KEY=SECRET, AWS_REGION="us-east-1", SPY_ON=SECRET[:12]
    )
    outcome = StoreJob.run(job, env=environment).expect(0)
    assert set(job.rows()) == {'[[], ["AWS_REGION", "AWS_SESSION_TOKEN"]]'}
    assert "note: the script does not get AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY" in outcome.stderr
    assert files_with(job.root, SECRET) == []


def test_other_variables_of_the_shell_stay(job):
    """With a file for the store the script keeps what it has always had."""
    job.objects(2).script(SPY)
    environment = job.environment(AWS_SECRET_ACCESS_KEY="the user's own", SPY_ON=SECRET[:12])
    job.run(env=environment).expect(0)
    assert set(job.rows()) == {'[[], ["AWS_SECRET_ACCESS_KEY"]]'}
    assert KEYS and os.path.exists(job.out)


def test_a_secret_in_the_forms_that_libraries_give_it():
    secrets = Secrets()
    secret = "tok/ü'x\\y\n"
    secrets.add(secret)
    forms = (secret, secret.strip(), repr(secret), repr(secret.encode()), json.dumps(secret))
    for form in forms:
        said = secrets.without(f"Invalid header value {form} of a request")
        assert "tok" not in said and said.startswith("Invalid header value"), said
    secrets.add(None)
    secrets.add("\ud800-half")


def test_an_error_of_the_program_is_told_without_its_words():
    try:
        raise ValueError("a-SECRET")
    except ValueError as error:
        words = unexpected(error)
    assert "ValueError at test_secrets_of_stores.py:" in words and "SECRET" not in words
