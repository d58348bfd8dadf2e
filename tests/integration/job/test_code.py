"""What counts as the code of a job, when it goes on and while it runs; and jobs whose folder was moved."""

import shutil

from job_folder import JobFolder
from waiting import wait_for

FAILS_ONCE = """
import json, os
def init(): pass
def run(batch):
    json.dump({}, open("cache.json", "a"))
    if not os.path.exists("GO"):
        raise ValueError("not yet")
    return [os.path.basename(name) for name in batch]
"""


def test_what_lies_beside_the_code_may_change_and_is_told(embedded_job):
    job = embedded_job.files(20).script(FAILS_ONCE).set(runMaxTry=1, errorThreshold=0)
    (job.code / "table.csv").write_text("1\n")
    job.run().expect(1)
    (job.code / "table.csv").write_text("2\n")
    (job.code / "notes.ipynb").write_text("{}")
    (job.code / "run.log").write_text("x")
    (job.code / "GO").write_text("")
    outcome = job.run().expect(0)
    assert len(job.rows()) == 20
    said = "files beside the code have changed since the job's first start (table.csv changed, GO is new, cache.json is new)"
    assert outcome.stderr.count(said) == 1 and said in job.log("job_progress_overview.txt")


def test_code_that_changed_or_is_new_makes_another_job(embedded_job):
    job = (
        embedded_job.files(20)
        .script(FAILS_ONCE)
        .set(runMaxTry=1, errorThreshold=0, environment={"requirementsFile": "requirements.txt"})
    )
    (job.code / "requirements.txt").write_text("-c limits.txt\n")
    (job.code / "limits.txt").write_text("# none\n")
    job.run().expect(1)
    (job.code / "limits.txt").write_text("# other\n")
    (job.code / "new.py").write_text("")
    refused = job.run().expect(2).stderr
    assert "code: limits.txt changed, new.py is new" in refused
    (job.code / "limits.txt").write_text("# none\n")
    (job.code / ".parallelrunignore").write_text("new.py\n")
    (job.code / "GO").write_text("")
    job.run().expect(0)


def test_a_moved_folder_is_the_same_job(embedded_job, tmp_path_factory):
    job = embedded_job.files(30).script(FAILS_ONCE).set(runMaxTry=1, miniBatchSize=1)
    (job.code / "GO").write_text("")
    (job.data / "f000029.txt").rename(job.data / "bad")
    job.script(FAILS_ONCE.replace("not os", "'bad' in batch[0] and not os").replace("GO", "MEND"))
    job.set(errorThreshold=0)
    job.run().expect(1)
    done = len(job.rows())
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "project"
    shutil.move(job.root, elsewhere)
    moved = JobFolder(elsewhere, job.launcher)
    moved.spec = job.spec
    (moved.code / "MEND").write_text("")
    outcome = moved.run().expect(0)
    assert sorted(moved.rows()) == sorted(["bad", *(f"f{i:06}.txt" for i in range(29))])
    assert done < 30 and "another job" not in outcome.stderr


SLEEPY = """
import os, time
VERSION = 1
def init(): pass
def run(batch):
    here = os.path.dirname(os.path.abspath(__file__))
    open(os.path.join(here, "STARTED"), "w").close()
    while not os.path.exists(os.path.join(here, "GO")):
        time.sleep(0.02)
    if os.path.basename(batch[0]) == "f000001.txt":
        os._exit(3)
    return [VERSION] * len(batch)
"""


def test_no_process_starts_with_code_that_changed_meanwhile(job):
    job.files(40).script(SLEEPY).set(miniBatchSize=1, runMaxTry=2)
    process = job.start()
    wait_for(lambda: (job.code / "STARTED").exists(), "the first mini-batch")
    job.script(SLEEPY.replace("VERSION = 1", "VERSION = 2"))
    (job.code / "GO").write_text("")
    _, words = process.communicate(timeout=120)
    assert process.returncode == 1, words
    assert "entry.py changed" in words and "start the same job again" in words
    assert set(job.rows()) <= {"1"}
    # Brought back, it goes on.
    job.script(SLEEPY)
    job.run("--set", "runMaxTry=1").expect(0)
    assert job.rows() == ["1"] * 39
