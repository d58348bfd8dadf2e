"""Registered datasets on a real cluster: a job waits for one, keeps its version, and the next job has the newest."""

import pytest
from command_line import CommandLine
from kubernetes import PATIENCE


@pytest.fixture
def verbs(space, tmp_path):
    return CommandLine(space, tmp_path)


def test_a_job_has_the_newest_version_and_keeps_it(verbs, expected):
    space = verbs.space
    use = [{"name": "files", "source": {"dataset": {"name": "numbers"}}}]
    space.submit("first", held_after=5, inputs=use, miniBatchSize=5)
    message = space.wait_reason("first", "DatasetMissing")
    assert "numbers" in message, message
    assert not space.pods("first")

    verbs.run("datasets", "register", "numbers", "--claim", "data/input", "--glob", "*.txt")
    space.wait_progress("first", 1, 2 * PATIENCE)
    # A new version while the job is at work: its own stays, also for pods that are made after it.
    space.make_files("more", 7)
    verbs.run("datasets", "register", "numbers", "--claim", "data/more", "--glob", "*.txt")
    before = set(space.pods("first", "orchestrator"))
    space.delete_pod(before.pop(), "--wait=false")
    space.let("first")
    status = space.wait_state("first", "Complete")
    assert space.rows("first") == expected
    assert [(one["name"], one["version"]) for one in status["datasets"]] == [("numbers", 1)]

    space.submit("second", inputs=use)
    status = space.wait_state("second", "Complete")
    assert space.rows("second") == expected[:7]
    assert [(one["name"], one["version"]) for one in status["datasets"]] == [("numbers", 2)]
    listed = verbs.text("datasets", "list")
    assert "numbers" in listed and "2" in listed
    shown = verbs.text("datasets", "show", "numbers")
    assert "data" in shown and "input" in shown and "more" in shown
