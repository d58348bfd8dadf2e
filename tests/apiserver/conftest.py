import pytest
from server import Jobs, server_with_resource


@pytest.fixture(scope="session")
def server():
    with server_with_resource() as serving:
        yield serving


@pytest.fixture
def jobs(server):
    """An empty namespace."""
    return Jobs(server, server.namespace("jobs"))


def pytest_terminal_summary(terminalreporter):
    """The figures: how many manifests of the table agree, and how large the definition is when applied."""
    verdicts = {
        outcome: [
            report
            for report in terminalreporter.stats.get(outcome, [])
            if report.when == "call" and "check_verdict[" in report.nodeid
        ]
        for outcome in ("passed", "failed")
    }
    asked = sum(map(len, verdicts.values()))
    if asked:
        terminalreporter.write_line(
            f"manifests of the table: {len(verdicts['passed'])} of {asked} as expected"
        )
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name.replace('_', ' ')}: {value}")
