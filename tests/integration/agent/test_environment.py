"""Environments with requirements: built once, shared, rebuilt when broken, and errors that name the cause.
No network is needed: what is installed is a wheel that the test makes."""

import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest
from packages import USES_THE_WHEEL, Index, finish
from scripted_orchestrator import ABORT, Agent, Orchestrator


def test_requirements_are_installed_once_and_shared(job, tmp_path, wheel, launcher):
    requirement = ["greeting @ file://%s" % wheel]
    both = [job(name, USES_THE_WHEEL, launcher, requirement) for name in ("one", "two")]
    rows = [finish(*each) for each in both]
    assert all(row.startswith("1.2 from " + str(tmp_path / "cache")) for row in rows)
    logs = [orchestrator.log("environment.txt") for orchestrator, _ in both]
    assert sum("pip install" in log for log in logs) == 1, "built by one, used by both"

    wheel.unlink()  # the cache needs neither network nor wheel
    assert finish(*job("three", USES_THE_WHEEL, launcher, requirement)) == rows[0]

    (environment,) = (path for path in (tmp_path / "cache/parallelrun/venvs").iterdir() if path.is_dir())
    (environment / "bin" / "python3").unlink()
    orchestrator, agent = job("four", USES_THE_WHEEL, launcher, requirement)
    orchestrator.wait(lambda: orchestrator.failures, "the rebuild, for which the wheel is missing", 240)
    assert orchestrator.failures[0]["fatal"]
    assert "greeting" in orchestrator.failures[0]["error"]["message"]


def test_a_requirement_that_does_not_exist_is_fatal_and_named(job, launcher):
    orchestrator, agent = job("one", USES_THE_WHEEL, launcher, ["no-such-package-here==1"])
    orchestrator.wait(lambda: orchestrator.failures, "a failure", 240)
    (failure,) = orchestrator.failures
    assert failure["fatal"]
    assert "no-such-package-here==1" in failure["error"]["message"]
    said = failure["error"]["message"]
    assert said.index("ERROR: No matching distribution") < said.index("the last lines of pip:"), said
    orchestrator.wait(
        lambda: "No matching distribution" in orchestrator.log("environment.txt"), "pip's output"
    )
    orchestrator.tell(ABORT)
    assert agent.wait() == 0


def test_an_active_virtual_environment_is_the_base(job, tmp_path, wheel):
    active = tmp_path / "active"
    subprocess.run(["/usr/bin/python3", "-m", "venv", str(active)], check=True)
    (package,) = Path(active).glob("lib/python3*/site-packages")
    (package / "only_in_the_active_one.py").write_text("HERE = __file__\n")
    script = """
    def init():
        pass
    def run(mini_batch):
        import greeting, only_in_the_active_one, sys
        return ["%s %s" % (only_in_the_active_one.HERE, sys.prefix)]
    """
    folder = tmp_path / "one"
    folder.mkdir()
    spec = {"environment": {"requirements": ["greeting @ file://%s" % wheel]}}
    orchestrator = Orchestrator(folder, textwrap.dedent(script), spec)
    cache = str(tmp_path / "cache")
    agent = Agent(
        orchestrator,
        "embedded",
        environment={
            "XDG_CACHE_HOME": cache,
            "VIRTUAL_ENV": str(active),
            "PIP_NO_INDEX": "1",
            "PARALLELRUN_INSTALLER": "pip",
        },
    )
    try:
        here, prefix = finish(orchestrator, agent).split()
        assert here.startswith(str(active))
        assert prefix.startswith(cache)
    finally:
        agent.close()
    shutil.rmtree(active)


@pytest.mark.parametrize("active", [False, True])
def test_the_default_python_runs_the_script_where_no_environment_is_active(job, tmp_path, active):
    """As the command that pip installed says it, whose environment nobody has activated."""
    for name in ("own", "active"):
        subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", str(tmp_path / name)], check=True)
    script = """
    import sys
    def init():
        pass
    def run(mini_batch):
        return [sys.prefix]
    """
    variables = {
        "PARALLELRUN_DEFAULT_PYTHON": str(tmp_path / "own" / "bin" / "python"),
        "VIRTUAL_ENV": str(tmp_path / "active") if active else "",
    }
    rows = finish(*job("one", script, "python", [], variables))
    assert rows.strip() == str(tmp_path / ("active" if active else "own"))


def test_a_default_python_that_cannot_be_run_is_named(job):
    variables = {"PARALLELRUN_DEFAULT_PYTHON": "/nowhere/python", "VIRTUAL_ENV": ""}
    orchestrator, agent = job("one", USES_THE_WHEEL, "python", [], variables)
    orchestrator.wait(lambda: orchestrator.failures, "the failure")
    (failure,) = orchestrator.failures
    assert failure["fatal"]
    assert failure["error"]["message"] == (
        "PARALLELRUN_DEFAULT_PYTHON is '/nowhere/python', which cannot be run; correct it or unset it"
    )
    orchestrator.tell(ABORT)
    assert agent.wait() == 0


@pytest.mark.parametrize("how", ["answers with 503", "closed"])
def test_an_index_that_is_away_for_a_while_is_asked_again(job, wheel, how):
    index = Index(wheel, 2, how)
    orchestrator, agent = job("one", USES_THE_WHEEL, "python", ["greeting"], index.variables)
    row = finish(orchestrator, agent, failures=2)
    assert row.startswith("1.2 from ")
    assert [failure["fatal"] for failure in orchestrator.failures] == [False, False]
    first, second = (failure["error"]["message"] for failure in orchestrator.failures)
    assert first.startswith(
        "trying again in 1 s: spec.environment.requirements (greeting) cannot be installed"
    )
    assert second.startswith("trying again in 2 s: ")
    log = orchestrator.log("environment.txt")
    assert (
        log.index("trying again in 1 s")
        < log.index("trying again in 2 s")
        < log.index("Successfully installed")
    )


def test_what_an_index_does_not_have_ends_the_job_at_once(job, wheel):
    index = Index(wheel, 0, "")
    orchestrator, agent = job("one", USES_THE_WHEEL, "python", ["greeting==7"], index.variables)
    orchestrator.wait(lambda: orchestrator.failures, "a failure", 240)
    (failure,) = orchestrator.failures
    assert failure["fatal"]
    assert "ERROR: No matching distribution found for greeting==7" in failure["error"]["message"]
