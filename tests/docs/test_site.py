"""The site of docs/ builds without a warning, asks no other machine for anything, and has the pictures that their script draws."""

import shutil
import subprocess
import sys

import pytest
from checkout import REPOSITORY


def test_it_builds_without_a_warning():
    done = subprocess.run(
        [REPOSITORY / "tools" / "site.sh", "--check"], capture_output=True, text=True, timeout=600
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_page_in_no_navigation_and_a_lost_heading_are_found(tmp_path):
    """In a copy of the repository, so that nobody else sees the page."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (REPOSITORY / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, tmp_path / name)
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "venvs").symlink_to(REPOSITORY / "build" / "venvs")
    (tmp_path / "docs" / "lost.md").write_text("# Lost\n\n[there](index.md#nowhere)\n")
    done = subprocess.run([tmp_path / "tools" / "site.sh"], capture_output=True, text=True, timeout=600)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "  - lost.md" in done.stderr and "'#nowhere'" in done.stderr


def test_pictures_are_as_drawn():
    tool = REPOSITORY / "tools" / "site" / "pictures.py"
    done = subprocess.run([sys.executable, tool, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "body, found",
    [
        ("<script src='https://example.org/x.js'></script>", "fetches https://example.org/x.js"),
        ("<img src='//example.org/x.png'>", "fetches //example.org/x.png"),
        ("<p>a\n- b</p>", "an entry of a list"),
        ("<p>| a | b |</p>", "a row of a table"),
        ("<p>[a](b.md)</p>", "a link"),
    ],
)
def test_what_a_page_must_not_have_is_found(tmp_path, body, found):
    (tmp_path / "page.html").write_text(f"<html><article>{body}</article></html>")
    tool = REPOSITORY / "tools" / "site" / "check.py"
    done = subprocess.run([sys.executable, tool, tmp_path], capture_output=True, text=True)
    assert done.returncode == 1 and found in done.stderr, done.stdout + done.stderr
