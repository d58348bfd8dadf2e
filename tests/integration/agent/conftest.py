import textwrap

import pytest
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
