"""The buttons that make a job anew (docs/ui.md, docs/resubmit.md): real runs, which outlive the page."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from job_folder import JobFolder
from waiting import PATIENCE, wait_for
from web_client import Page

# Fails for one file until MENDED is there; with HELD it waits until that is gone.
SCRIPT = """
    import os, time
    def init(): pass
    def run(batch):
        while os.path.exists(os.environ.get("HELD", "/nonexistent")):
            time.sleep(0.01)
        for path in batch:
            if path.endswith("7.txt") and not os.path.exists(os.environ.get("MENDED", "/nonexistent")):
                raise ValueError("bad digit")
        return batch
"""
TUNABLE = [
    "miniBatchSize",
    "nodeCount",
    "processCountPerNode",
    "loggingLevel",
    "runInvocationTimeout",
    "runMaxTry",
]


@pytest.fixture
def job(tmp_path):
    """Complete, with one failed item of ten."""
    job = JobFolder(tmp_path / "a job").files(10).script(SCRIPT)
    job.name = "digits"
    job.set(miniBatchSize=1, runMaxTry=1, errorThreshold=-1)
    job.run().expect(0)
    return job


def verbs_of(page, name="digits"):
    return page.get(page.of(name))["verbs"]


def state_of(output):
    result = output / ".parallelrun" / "result.json"
    return json.loads(result.read_text())["state"] if result.exists() else ""


def test_what_failed_runs_again_and_goes_on_without_the_page(job, pages, tmp_path):
    held, mended = tmp_path / "held", tmp_path / "mended"
    held.touch()
    mended.touch()
    second = Path(f"{job.out}-2")
    with Page(job.root, pages=pages, env={"HELD": str(held), "MENDED": str(mended)}) as page:
        retry = verbs_of(page)["retryFailed"]
        assert retry == {"allowed": True, "why": "", "command": f"parallelrun resubmit '{job.out}'"}
        # Settings are for the other button.
        answer = page.post(page.of("digits") + "/retryFailed", {"set": {"runMaxTry": "0"}})
        assert answer.status == 200, answer.body
        done = answer.json
        assert "goes on when this page is closed" in done["message"] and "out-2" in done["message"]
        begun = page.get(f"/api/jobs/{done['job']}")
        assert begun["directory"] == str(second) and begun["state"] == "Running"
        # It is a job like any other one.
        process = int(done["message"].split()[1])
        assert begun["verbs"]["cancel"]["command"] == f"kill -INT {process}"
        assert os.getsid(process) == process, "no terminal's end reaches it"
    assert state_of(second) == ""
    held.unlink()
    wait_for(lambda: state_of(second), "the end of the run, without the page")
    assert state_of(second) == "Complete"
    assert sorted(
        os.path.basename(row) for row in (second / "parallel_run_step.txt").read_text().splitlines()
    ) == [f"f{number:06}.txt" for number in range(10)]
    wait_for(lambda: not Path(f"/proc/{process}").exists(), "the end of its process")
    assert "9 items) of" in (second / "logs" / "job_progress_overview.txt").read_text()


def test_settings_may_be_others(job, pages):
    with Page(job.root, pages=pages) as page:
        resubmit = verbs_of(page)["resubmit"]
        assert [field["name"] for field in resubmit["fields"]] == TUNABLE
        values = {field["name"]: field["value"] for field in resubmit["fields"]}
        assert values["miniBatchSize"] == "1" and values["runMaxTry"] == "1" and values["nodeCount"] == "1"
        path = page.of("digits") + "/resubmit"
        done = page.post(path, {"set": {"miniBatchSize": "5", "runMaxTry": "2"}}).json
        begun = wait_for(
            lambda: (j := page.get(f"/api/jobs/{done['job']}"))["state"] == "Complete" and j, "its end"
        )
        again = {field["name"]: field["value"] for field in begun["verbs"]["resubmit"]["fields"]}
        assert again["miniBatchSize"] == "5" and again["runMaxTry"] == "2"
        fields = page.get(f"/api/jobs/{done['job']}/difference")["fields"]
        assert {"field": "miniBatchSize", "was": "1", "now": "5"} in fields


def test_what_the_command_refuses_the_page_refuses_in_its_words(job, pages):
    with Page(job.root, pages=pages) as page:
        path = page.of("digits") + "/resubmit"
        message = page.post(path, {"set": {"miniBatchSize": "many"}}).refused(400, "Invalid")
        assert "miniBatchSize" in message and "many" in message
        message = page.post(path, {"set": {"entryScript": "other.py"}}).refused(400, "Invalid")
        assert "'entryScript'" in message and "runMaxTry" in message
        for value in ("", "1\n2", 5, None, "9" * 101):
            message = page.post(path, {"set": {"runMaxTry": value}}).refused(400, "Invalid")
            assert "runMaxTry" in message
        assert len(page.jobs()) == 1 and not Path(f"{job.out}-2").exists()
        # A file of a job that nobody knows any more how it was started.
        (job.out / ".parallelrun" / "submission.json").write_text("{")
        message = page.post(path).refused(409, "Invalid")
        assert "submission.json is missing or damaged" in message and "--take-over" in message


def test_nothing_to_retry_and_a_job_at_work(slow_job, pages):
    with Page(slow_job.root, pages=pages) as page:
        wait_for(lambda: page.jobs().get("slow", {}).get("progress", {}).get("processesReady"), "its start")
        message = page.post(page.of("slow") + "/resubmit").refused(409, "Invalid")
        assert "the job is at work" in message and f"parallelrun resubmit {slow_job.out}" in message
        slow_job.go.touch()
        assert slow_job.process.wait(timeout=PATIENCE) == 0
        message = page.post(page.of("slow") + "/retryFailed").refused(409, "Invalid")
        assert message.startswith("nothing has failed")


def test_a_page_without_python_says_so(job, pages):
    without = {"PATH": "/nonexistent", "VIRTUAL_ENV": "", "PARALLELRUN_DEFAULT_PYTHON": ""}
    with Page(job.root, pages=pages, env=without) as page:
        why = verbs_of(page)["resubmit"]["why"]
        assert "no python3 on the PATH" in why and "parallelrun resubmit" in why
        assert page.post(page.of("digits") + "/resubmit").refused(409, "Invalid") == why
    with Page(job.root, pages=pages, env={**without, "VIRTUAL_ENV": "/gone"}) as page:
        assert "VIRTUAL_ENV='/gone'" in verbs_of(page)["retryFailed"]["why"]


def test_a_page_with_another_python_says_so(job, pages, tmp_path):
    other = tmp_path / "other"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", other], check=True, timeout=PATIENCE)
    with Page(job.root, pages=pages) as page:
        assert "note" not in verbs_of(page)["resubmit"]
    with Page(job.root, pages=pages, env={"VIRTUAL_ENV": str(other)}) as page:
        for verb in ("resubmit", "retryFailed"):
            note = verbs_of(page)[verb]["note"]
            assert f"of {other}, so everything runs again" in note and "The job ran with Python" in note
