"""docs/reliability.md names tests that exist, and the figures of the code."""

import re

from checkout import REPOSITORY

PAGE = (REPOSITORY / "docs" / "reliability.md").read_text(encoding="utf-8")


def figure(path, pattern):
    return re.search(pattern, (REPOSITORY / path).read_text(encoding="utf-8")).group(1).replace("'", ",")


def test_the_tests_that_it_names_exist():
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    defined = set()
    for path in (REPOSITORY / "tests").rglob("test_*.py"):
        defined.update(re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE))
    assert named and named <= defined, named - defined


def test_the_figures_are_those_of_the_code():
    seeds = figure("tests/simulation/simulation_test.cpp", r"kDefaultSeeds = ([\d']+)")
    soak = f"{int(figure('Makefile', r'SIMULATION_SEEDS=([0-9]+)')):,}"
    assert f"{seeds} jobs in each `make test`; {soak} in `make soak`" in PAGE
    silence = figure("runner/orchestrator/server/run_orchestrator.h", r"session_timeout\{([\d']+)\}")
    assert f"| {int(silence.replace(',', '')) // 1000} s; then its mini-batches go to others |" in PAGE
    lease = figure("runner/pod/pod_orchestrator.h", r"lease_duration\{(\d+)\}")
    assert f"at least {lease} s: its Lease has to run out first" in PAGE
    bugs = int(re.search(r"more than (\d+) bugs", PAGE).group(1))
    assert bugs < len(list((REPOSITORY / "tests" / "mutations").glob("*/*.patch"))) < bugs + 100
