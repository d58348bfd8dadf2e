"""Blocks of the documentation that read a database, word by word, with the url of the tests' PostgreSQL."""

import os
import subprocess
import sys

import pytest
from checkout import PROGRAM, REPOSITORY
from waiting import PATIENCE

sys.path.insert(0, str(REPOSITORY / "tests" / "docs"))
from snippets import blocks_of, commands_of, printed  # noqa: E402

HERE = "tests/integration/store/test_documentation.py"
PAGES = ("docs/data.md", "docs/how-to/databases.md")
URL = "postgresql://reader:its-password@db.example.org:5432/shop"  # of the page
TABLES = """
CREATE TABLE orders (customer int NOT NULL, amount numeric(10, 2) NOT NULL);
INSERT INTO orders SELECT n / 3, n FROM generate_series(1, 30) n;
CREATE TABLE sales AS SELECT n AS id, n * 2 AS price FROM generate_series(1, 30) n;
GRANT SELECT ON orders, sales TO reader;
"""
# Where the page shows fields only.
JOB_OF_FIELDS = """\
apiVersion: parallelrun.dev/v1alpha1
kind: ParallelRunJob
metadata: {name: sales}
spec:
  sourceDirectory: {local: {path: .}}
  entryScript: spending.py
  output: {source: {local: {path: out}}}
"""
# Where it shows no script.
SCRIPT = "def init():\n    pass\n\ndef run(mini_batch):\n    return mini_batch\n"


def blocks():
    return {
        page: blocks_of(page, (REPOSITORY / page).read_text(encoding="utf-8"))
        for page in sorted(str(path.relative_to(REPOSITORY)) for path in (REPOSITORY / "docs").rglob("*.md"))
    }


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of(page, sql_job, postgres):
    postgres.sql(TABLES)
    folder = sql_job.root / "page"
    folder.mkdir()
    (folder / "spending.py").write_text(SCRIPT)
    sql_job.credentials(f"url: {postgres.url()}\n", "page/db")
    environment = sql_job.environment(PATH=f"{PROGRAM.parent}:{os.environ['PATH']}")
    said = ""
    before = None
    for block in blocks()[page]:
        if "file" in block.marks:
            (folder / block.marks["file"]).write_text(block.text)
        elif block.language == "sh" and URL in block.text:
            text = block.text.replace(URL, postgres.url())
            subprocess.run(["bash", "-euc", text], cwd=folder, check=True)
        if block.marks.get("checked by") == HERE:
            if not (folder / "job.yaml").exists():
                fields = "".join(f"  {line}\n" for line in before.text.splitlines())
                (folder / "job.yaml").write_text(JOB_OF_FIELDS + fields)
            for command, expected in commands_of(block.text):
                done = subprocess.run(
                    ["bash", "-c", command],
                    cwd=folder,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    timeout=PATIENCE,
                    env=environment,
                )
                assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}"
                missing = printed(expected, done.stdout)
                assert missing is None, f"{command} did not print {missing!r}:\n{done.stdout}"
                said += done.stdout
        before = block
    assert "30 succeeded, 0 failed" in said, said


def test_these_are_the_pages():
    ours = {
        page
        for page, found in blocks().items()
        if any(block.marks.get("checked by") == HERE for block in found)
    }
    assert ours == set(PAGES)
