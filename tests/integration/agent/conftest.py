import textwrap

import pytest
from packages import make_wheel
from scripted_orchestrator import Agent, Orchestrator


@pytest.fixture(params=["embedded", "python"])
def launcher(request):
    return request.param


@pytest.fixture
def start(tmp_path):
    """start(script, launcher, **spec) -> (orchestrator, agent)"""
    agents = []

    def begin(
        script, launcher="embedded", session_timeout_ms=20_000, environment=None, patience_ms=60_000, **spec
    ):
        orchestrator = Orchestrator(tmp_path, textwrap.dedent(script), spec, session_timeout_ms)
        agents.append(Agent(orchestrator, launcher, patience_ms, environment))
        return orchestrator, agents[-1]

    yield begin
    for agent in agents:
        agent.close()


@pytest.fixture
def wheel(tmp_path):
    return make_wheel(tmp_path)


@pytest.fixture
def job(tmp_path):
    """job(name, script, launcher, requirements or environment) -> (orchestrator, agent), with a cache of environments
    below tmp_path; pip installs unless `variables` say otherwise."""
    agents = []

    def begin(name, script, launcher, environment, variables=(), prepare=None):
        folder = tmp_path / name
        (folder / "code").mkdir(parents=True)
        if prepare:
            prepare(folder / "code")
        if isinstance(environment, list):
            environment = {"requirements": environment}
        orchestrator = Orchestrator(folder, textwrap.dedent(script), {"environment": environment})
        own = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PIP_NO_INDEX": "1", "PARALLELRUN_INSTALLER": "pip"}
        agents.append(Agent(orchestrator, launcher, environment={**own, **dict(variables)}))
        return orchestrator, agents[-1]

    yield begin
    for agent in agents:
        agent.close()
