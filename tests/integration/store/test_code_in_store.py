"""The code of a job in a store, on one machine."""

import sys

import pytest
from checkout import REPOSITORY
from store_job import KEYS

sys.path.insert(0, str(REPOSITORY / "runner" / "python"))
from parallelrun_data import code_bounds  # noqa: E402
from parallelrun_data.troubles import Trouble  # noqa: E402

ENTRY = """
import os
from lib.names import name_of
def init():
    pass
def run(mini_batch):
    return [name_of(path) for path in mini_batch]
"""
NAMES = "import os\ndef name_of(path): return 'v1 ' + os.path.basename(path)\n"


def put_code(job, **files):
    for name, content in ({"entry": ENTRY, "lib/names": NAMES} | files).items():
        job.bucket.put(f"code/{name}.py", content)
    return job.set(sourceDirectory=job.source("code"))


def test_it_runs_and_its_hash_is_its_identity(job):
    put_code(job.objects(4))
    outcome = job.run("--json").expect(0)
    assert sorted(job.rows()) == [f"v1 f{number:04}.txt" for number in range(4)]
    assert "sourceDirectory: downloading 2 objects" in outcome.stdout
    assert job.left_in_cache() == []
    # The same code from another folder, and from a directory, is the same job.
    for name, content in (("entry", ENTRY), ("lib/names", NAMES)):
        job.bucket.put(f"moved/{name}.py", content)
        path = job.code / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    job.set(sourceDirectory=job.source("moved"))
    assert "nothing to do" in job.run().expect(0).words
    assert "nothing to do" in job.run("--source-directory", str(job.code)).expect(0).words
    job.bucket.put("moved/lib/names.py", NAMES.replace("v1", "v2"))
    other = job.run().expect(2)
    assert "lib/names.py" in other.stderr and "another job" in other.stderr


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda job: job.set(entryScript="none.py"), "spec.entryScript: 'none.py' is no object below s3://"),
        (lambda job: job.set(sourceDirectory=job.source("empty")), "sourceDirectory: s3://"),
        (
            lambda job: job.set(sourceDirectory=job.source("code/entry.py")),
            "name the folder of the code in prefix",
        ),
    ],
)
def test_what_is_wrong_is_told(job, change, says):
    put_code(job.objects(1))
    change(job)
    outcome = job.run().expect(2)
    assert says in outcome.stderr
    assert not (job.out / "logs").exists()
    assert job.left_in_cache() == []


def test_credentials_by_the_name_of_the_field(job):
    put_code(job.objects(1))
    given = job.credentials(KEYS, name="sourceDirectory")
    job.spec["sourceDirectory"]["s3"]["credentials"]["secretName"] = "of-the-code"
    job.run("--credentials", given, "--credentials", job.credentials(KEYS)).expect(0)
    unused = job.run("--source-directory", str(job.code), "--credentials", given).expect(2)
    assert "'sourceDirectory' is neither the name" in unused.stderr


def test_too_much_is_no_code():
    class Place:
        address = "s3://b/code"

    class Given:
        what, place = "sourceDirectory", Place

    code_bounds.check_count(Given, code_bounds.OBJECTS)
    code_bounds.check(Given, 1, code_bounds.BYTES)
    for refused in (
        lambda: code_bounds.check_count(Given, code_bounds.OBJECTS + 1),
        lambda: code_bounds.check(Given, 1, code_bounds.BYTES + 1),
    ):
        with pytest.raises(Trouble, match="^sourceDirectory: s3://b/code has .*more than .*fetched whole"):
            refused()
