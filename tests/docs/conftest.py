import signal
from collections import Counter

import pytest
from wheel_package import install

# In the background of a shell without job control it is ignored, and so it would be by what the pages run.
signal.signal(signal.SIGINT, signal.default_int_handler)

ENDED = pytest.StashKey[list]()


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    return install(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="session")
def verdicts(request):
    """Of all blocks of all pages: [(verdict, reason)]."""
    found = request.config.stash.setdefault(ENDED, [])
    return found


def pytest_terminal_summary(terminalreporter, config):
    verdicts = config.stash.get(ENDED, [])
    if not verdicts:
        return
    counted = Counter(verdict for verdict, _ in verdicts)
    words = ", ".join(f"{counted[name]} {name}" for name in ("run", "validated", "left out"))
    terminalreporter.write_line(f"snippets of the pages: {len(verdicts)}: {words}")
    reasons = Counter(reason for verdict, reason in verdicts if verdict == "left out")
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"  left out {count}: {reason}")
