"""The site of docs/ builds without a warning, asks no other machine for anything, and has the pictures that their script draws."""

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
