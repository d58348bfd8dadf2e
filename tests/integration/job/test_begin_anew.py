"""What a job stored is gone, cut or broken: it says what and the way out, and --overwrite is one."""

import fcntl
import json

import pytest

NAMES = [f"f{index:06}.txt" for index in range(7)]

# The last file fails for as long as it is not mended.
SCRIPT = """
    import os
    def init(): pass
    def run(mini_batch):
        names = [os.path.basename(p) for p in mini_batch]
        if "f000006.txt" in names and not os.path.exists(os.environ["MENDED"]): raise ValueError("not mended")
        return names
"""


def in_output(path):
    return lambda out: out / path


ROWS = in_output("parallel_run_step.txt")
FAILED_ITEMS = in_output("failed_items.jsonl")
IDENTITY = in_output(".parallelrun/job.json")
PLAN = in_output(".parallelrun/plan")
JOURNAL = in_output(".parallelrun/journal")


def remove(path):
    path.unlink()


def cut(path):
    path.write_bytes(path.read_bytes()[:10])


def change(path):
    text = path.read_bytes()
    path.write_bytes(text.replace(b"f", b"g"))


def break_first_byte(path):
    path.write_bytes(b"\xff" + path.read_bytes()[1:])


def break_fingerprint(path):
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.write_bytes(content)


def break_length(path):
    """Of the first record, behind the header of magic, version, fingerprint and checksum."""
    content = bytearray(path.read_bytes())
    content[24 + int.from_bytes(content[12:16], "little")] ^= 1
    path.write_bytes(content)


def write_a_brace(path):
    path.write_text("{")


DAMAGES = {
    "failed items removed": (FAILED_ITEMS, remove, 1, "failed_items.jsonl no longer holds the "),
    "rows cut": (ROWS, cut, 1, "parallel_run_step.txt no longer holds the "),
    "rows changed": (ROWS, change, 1, "parallel_run_step.txt no longer holds the "),
    "journal of other bytes": (JOURNAL, break_first_byte, 1, ".parallelrun/journal is not a journal"),
    "journal damaged": (JOURNAL, break_fingerprint, 1, ".parallelrun/journal is damaged at byte 0"),
    "length in the journal damaged": (JOURNAL, break_length, 1, ".parallelrun/journal is damaged at byte "),
    "journal removed": (JOURNAL, remove, 2, "no journal that says what is in it"),
    "plan removed": (PLAN, remove, 1, ".parallelrun/plan holds 0 mini-batches"),
    "plan of other bytes": (PLAN, break_first_byte, 1, "the stored plan does not begin like a plan"),
    "identity cut": (IDENTITY, write_a_brace, 2, ".parallelrun/job.json' is damaged (it is not JSON"),
    "identity of other JSON": (IDENTITY, lambda path: path.write_text("[]"), 2, "is damaged (a member is"),
}


@pytest.fixture
def failed_job(embedded_job):
    """Ended Failed with six rows and one failed item."""
    job = embedded_job.files(7).script(SCRIPT)
    job.set(miniBatchSize=1, allowedFailedPercent=0, runMaxTry=1)
    job.set(environment={"variables": {"MENDED": str(job.root / "mended")}})
    job.run().expect(1)
    assert sorted(job.rows()) == [name for name in NAMES if name != "f000006.txt"]
    return job


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_state_says_what_is_wrong_and_overwrite_begins_anew(failed_job, damage):
    where, befall, code, message = DAMAGES[damage]
    befall(where(failed_job.out))
    (failed_job.out / "mine.txt").write_text("of the user")
    refused = failed_job.run().expect(code)
    assert message in refused.stderr and "json.exception" not in refused.stderr, refused.stderr
    # Also true in a pod, which has no options.
    assert "with an empty or another output directory, or with parallelrun run --overwrite" in refused.stderr
    (failed_job.root / "mended").touch()
    failed_job.run("--overwrite").expect(0)
    assert sorted(failed_job.rows()) == NAMES and failed_job.failed_items() == []
    assert (failed_job.out / "mine.txt").read_text() == "of the user"
    assert "nothing to do" in failed_job.run().expect(0).words


def test_an_identity_that_is_gone_is_overwritten_by_the_journals_word_alone(failed_job):
    IDENTITY(failed_job.out).unlink()
    before = sorted(failed_job.rows())
    assert "no ParallelRunJob wrote it" in failed_job.run().expect(2).stderr
    JOURNAL(failed_job.out).rename(failed_job.root / "journal")
    assert "no ParallelRunJob wrote it" in failed_job.run("--overwrite").expect(2).stderr
    assert sorted(failed_job.rows()) == before
    (failed_job.root / "journal").rename(JOURNAL(failed_job.out))
    (failed_job.root / "mended").touch()
    failed_job.run("--overwrite").expect(0)
    assert sorted(failed_job.rows()) == NAMES


def test_overwrite_goes_on_with_an_intact_job(failed_job):
    first = failed_job.rows()
    (failed_job.root / "mended").touch()
    failed_job.run("--overwrite").expect(0)
    assert failed_job.rows() == [*first, "f000006.txt"], "only what had failed was done again"
    assert "nothing to do" in failed_job.run("--overwrite").expect(0).words


def test_a_damaged_job_whose_directory_is_in_use_is_not_overwritten(failed_job):
    ROWS(failed_job.out).write_text("")
    with (failed_job.out / ".parallelrun" / "lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "is in use by another run" in failed_job.run("--overwrite").expect(2).stderr
    assert failed_job.failed_items() != []


def test_why_it_began_anew_is_in_the_logs(failed_job):
    ROWS(failed_job.out).unlink()
    (failed_job.root / "mended").touch()
    failed_job.run("--overwrite").expect(0)
    assert "the job begins anew, because parallel_run_step.txt no longer holds" in failed_job.log(
        "sys/master_role.txt"
    )


@pytest.mark.parametrize(
    "befall", [remove, cut, lambda path: path.write_bytes(path.read_bytes() + b"more\n")]
)
def test_a_complete_job_whose_rows_are_gone_is_not_called_complete(failed_job, befall):
    (failed_job.root / "mended").touch()
    failed_job.run().expect(0)
    befall(ROWS(failed_job.out))
    outcome = failed_job.run("--json").expect(1)
    finished = json.loads(outcome.stdout.splitlines()[-1])
    assert "parallel_run_step.txt no longer holds the 84 bytes" in finished["message"], finished
    assert "nothing to do" not in outcome.words
    failed_job.run("--overwrite").expect(0)
    assert sorted(failed_job.rows()) == NAMES
