"""The server's verdict on every manifest of the table is the one that `parallelrun validate` gives."""

import re

import pytest
import table
from server import Jobs

CASES = list(table.cases())


def verdict_of(server, case):
    """What the server (or the client that reads the file) says, and the answer it said it in."""
    if case.manifest is None or case.expected == "client":
        text = case.text if case.manifest is None else table.yaml.safe_dump(case.manifest)
        done = server.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", stdin=text)
        return ("valid" if done.returncode == 0 else "invalid"), done.stderr or done.stdout
    namespace = case.manifest.get("metadata", {}).get("namespace", "default")
    answer = Jobs(server, namespace).create(case.manifest, dry_run=True)
    assert answer.accepted or answer.status in (400, 422), answer
    return ("valid" if answer.accepted else "invalid"), answer


def same_place(one, other):
    """Whether one field is the other or holds it."""
    shorter, longer = sorted((one, other), key=len)
    return longer == shorter or (longer.startswith(shorter) and longer[len(shorter)] in ".[")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def check_verdict(server, case):
    verdict, answer = verdict_of(server, case)
    assert verdict == ("invalid" if case.expected == "client" else case.expected), answer
    if verdict == "valid" or isinstance(answer, str) or not case.field or case.one_machine == "valid":
        return
    # Refused, but for this reason?
    places = [field for field, _ in answer.causes] + re.findall(r'unknown field "([^"]+)"', answer.message)
    if places:
        assert any(same_place(place, case.field) for place in places if place), (case.field, answer)


def check_differences_have_reasons():
    for case in CASES:
        assert not case.differs or case.expected in ("valid", "invalid"), case.name
    assert not [row["name"] for row in table.rows() if "server" in row and not row["server"].get("why")]


def check_the_table_has_both_verdicts():
    """A schema that refuses or accepts everything would fail here, and so would a table that was not read."""
    asked = [case for case in CASES if case.expected != "client"]
    assert len(asked) >= 200
    assert sum(case.expected == "valid" for case in asked) >= 40
    assert sum(case.expected == "invalid" for case in asked) >= 150
