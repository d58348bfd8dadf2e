"""Worker processes that do not come up: in every slot the job ends with the error in plain sight; in some it goes on."""

import pytest
from waiting import PATIENCE, wait_for

NEVER = {
    "init raises": ("def init(): raise OSError('no model here')", "OSError: no model here"),
    "init exits": ("import os\ndef init(): os._exit(5)", "exit status 5 before init() returned"),
    "init calls sys.exit": ("import sys\ndef init(): sys.exit(2)", "the script called sys.exit(2)"),
    "init is killed": ("import os\ndef init(): os.kill(os.getpid(), 11)", "SIGSEGV"),
    "init hangs": (
        "import time\ndef init(): time.sleep(1000)",
        "init() did not return after 1 s (initTimeout)",
    ),
    "the import exits": ("import os; os._exit(4)", "exit status 4 while it imported the entry script"),
}


@pytest.mark.parametrize("how", NEVER)
def test_a_start_that_fails_in_every_slot_ends_the_job_with_its_error(embedded_job, how):
    script, error = NEVER[how]
    job = embedded_job.files(8).set(
        nodeCount=2, processCountPerNode=2, initTimeout=1 if "hangs" in how else 30
    )
    job.script(script + "\ndef run(mini_batch): return mini_batch\n")
    outcome = job.run().expect(1)
    assert "failed 3 times in every slot" in outcome.words
    for place in (outcome.words, job.overview(), job.log("user/error.txt"), str(job.result())):
        assert error in place, place
    assert job.rows() == [] and job.failed_items() == [], "no item has failed: none was tried"


def test_one_slot_that_starts_is_enough(embedded_job):
    job = embedded_job.files(8).set(nodeCount=2, processCountPerNode=2)
    job.script("""
        import os, time
        def init():
            try:
                os.close(os.open("the-one", os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                raise OSError("not for me") from None
        def run(mini_batch):
            # The job is not over before the others have been told of.
            deadline = time.monotonic() + 60
            while not os.path.exists("told") and time.monotonic() < deadline: time.sleep(0.02)
            return mini_batch
    """)
    process = job.start()
    wait_for(lambda: "not for me" in job.log("user/error.txt"), "the error of the others")
    (job.code / "told").touch()
    _, words = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, words
    assert len(job.rows()) == 8
