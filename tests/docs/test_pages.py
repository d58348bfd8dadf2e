"""Every block of every page is run, validated, or left out with a reason."""

import pytest
from checkout import REPOSITORY
from page_runner import PageRunner, Wrong
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
