"""Environments with requirements: built once, shared, rebuilt when broken, and errors that name the cause.
No network is needed: what is installed is a wheel that the test makes."""

import shutil
import subprocess
import textwrap
import zipfile
from pathlib import Path

import pytest
from scripted_orchestrator import ABORT, DRAIN, SUCCEEDED, Agent, Orchestrator

USES_THE_WHEEL = """
    def init():
        pass
    def run(mini_batch):
        import greeting
        return [greeting.__version__ + " from " + greeting.__file__]
"""


@pytest.fixture
def wheel(tmp_path):
    path = tmp_path / "greeting-1.2-py3-none-any.whl"
    info = "greeting-1.2.dist-info/"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("greeting.py", "__version__ = '1.2'\n")
        archive.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: greeting\nVersion: 1.2\n")
        archive.writestr(
            info + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(
            info + "RECORD", "greeting.py,,\n%sMETADATA,,\n%sWHEEL,,\n%sRECORD,,\n" % (info, info, info)
        )
    return path


@pytest.fixture
def job(tmp_path):
    """job(name, script, requirements) -> (orchestrator, agent) with a cache below tmp_path."""
    agents = []

    def begin(name, script, launcher, requirements):
        folder = tmp_path / name
        folder.mkdir()
        spec = {"environment": {"requirements": requirements}}
        orchestrator = Orchestrator(folder, textwrap.dedent(script), spec)
        cache = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PIP_NO_INDEX": "1"}
        agents.append(Agent(orchestrator, launcher, environment=cache))
        return orchestrator, agents[-1]

    yield begin
    for agent in agents:
        agent.close()


def finish(orchestrator, agent):
    orchestrator.give(1)
    orchestrator.wait(lambda: orchestrator.results or orchestrator.failures, "a result", 240)
    assert not orchestrator.failures
    assert orchestrator.results[0]["outcome"] == SUCCEEDED, orchestrator.results[0]
    orchestrator.tell(DRAIN)
    assert agent.wait() == 0
    return orchestrator.results[0]["rows"].decode()


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
    assert said.index("ERROR: No matching distribution") < said.index("pip wrote last:"), said
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
        environment={"XDG_CACHE_HOME": cache, "VIRTUAL_ENV": str(active), "PIP_NO_INDEX": "1"},
    )
    try:
        here, prefix = finish(orchestrator, agent).split()
        assert here.startswith(str(active))
        assert prefix.startswith(cache)
    finally:
        agent.close()
    shutil.rmtree(active)
