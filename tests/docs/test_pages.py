"""Every block of every page is run, validated, or left out with a reason. Commands in the text have verbs and options that exist."""

import re

import pytest
from checkout import REPOSITORY
from page_runner import PageRunner, Wrong, options_of_verbs, wrong_in
from snippets import blocks_of

PAGES = sorted(path for path in [REPOSITORY / "README.md", *(REPOSITORY / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_blocks(page, package, verdicts, tmp_path):
    blocks = blocks_of(page.relative_to(REPOSITORY), page.read_text(encoding="utf-8"))
    if not blocks:
        return
    runner = PageRunner(tmp_path, package)
    wrong = []
    for block in blocks:
        try:
            verdicts.append(runner.verdict(block))
        except Wrong as error:
            wrong.append(f"{block.place}: {error}")
    assert not wrong, "\n\n".join(wrong)


# What programs of ours start; `--help` does not show them.
INNER_VERBS = {"agent", "object", "orchestrator"}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_commands_in_the_text(page):
    """`parallelrun scale first --nodes 8 -n team` in a sentence or in a table."""
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    options = options_of_verbs()
    of_people = rf"(?!parallelrun (?:{'|'.join(INNER_VERBS)})\b)"
    found = {command: wrong_in(command, options) for command in re.findall(rf"`{of_people}([^`\n]*)`", text)}
    assert not {command: wrong for command, wrong in found.items() if wrong}
