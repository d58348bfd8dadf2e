"""Blocks of the documentation that need the API server of a cluster and no nodes, word by word: in a namespace of their
own in place of `team`, in a folder with the files that their page has written so far."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import PROGRAM, REPOSITORY
from waiting import PATIENCE

sys.path.insert(0, str(REPOSITORY / "tests" / "docs"))
from snippets import blocks_of, commands_of  # noqa: E402

HERE = "tests/operator/check_documentation.py"


def pages():
    """page -> its blocks up to the last one that this test looks at."""
    found = {}
    for path in sorted((REPOSITORY / "docs").rglob("*.md")):
        page = path.relative_to(REPOSITORY)
        blocks = blocks_of(page, path.read_text(encoding="utf-8"))
        while blocks and blocks[-1].marks.get("checked by") != HERE:
            blocks.pop()
        if blocks:
            found[str(page)] = blocks
    return found


# What the reader has before the first of these blocks.
BEFORE = {
    "docs/how-to/clusters.md": lambda verbs, folder: subprocess.run(
        [PROGRAM, "init", folder / "first"], check=True
    ),
    "docs/how-to/datasets.md": lambda verbs, folder: verbs.job("words"),
    "docs/data.md": lambda verbs, folder: (folder / "ca.crt").write_text("a certificate"),
}


@pytest.fixture
def shell(verbs, tmp_path):
    """Runs a command as a reader of that namespace does."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "kubectl").symlink_to(verbs.world.server.kubectl_program)
    for name in ("parallelrun", "kubectl-parallelrun"):
        (programs / name).symlink_to(PROGRAM)
    config = tmp_path / "kubeconfig"
    config.write_bytes(Path(verbs.world.server.kubeconfig).read_bytes())
    folder = tmp_path / "page"
    folder.mkdir()
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "KUBECONFIG": str(config),
    }

    def run(command):
        done = subprocess.run(
            ["bash", "-c", command.replace("-n team", f"-n {verbs.world.namespace}")],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            cwd=folder,
            env=environment,
        )
        print(f"$ {command}\n{done.stdout}{done.stderr}", end="")
        # A reader ends it with Ctrl-C.
        wanted = 124 if command.startswith("timeout ") else 0
        assert done.returncode == wanted, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    run.folder = folder
    run(f"kubectl config set-context --current --namespace={verbs.world.namespace}")
    return run


def commands_in(block):
    if block.language == "console":
        return [command for command, _ in commands_of(block.text)]
    return [line for line in block.text.splitlines() if line.strip()]


@pytest.mark.parametrize("page", pages())
def check_the_commands_of(page, verbs, shell):
    if page in BEFORE:
        BEFORE[page](verbs, shell.folder)
    said = {}
    for block in pages()[page]:
        if "file" in block.marks:
            file = shell.folder / block.marks["file"]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text)
        if block.marks.get("checked by") == HERE:
            for command in commands_in(block):
                watches = command.startswith("kubectl get") and command.endswith(" -w")
                said[command] = shell("timeout 5 " + command if watches else command)
    AFTER[page](verbs, said)


def of_clusters(verbs, said):
    assert verbs.world.jobs.get("first")["spec"]["nodeCount"] == 4
    (described,) = [text for command, text in said.items() if "describe" in command]
    assert "ParallelRunJob" in described and "first-code" in described


def of_datasets(verbs, said):
    (listed,) = [text for command, text in said.items() if "datasets list" in command]
    assert "reviews" in listed


def of_data(verbs, said):
    (shown,) = [text for command, text in said.items() if "datasets show" in command]
    assert "mnist-test" in shown and "mnist/3" in shown
    assert {item["metadata"]["name"] for item in verbs.world.items("secrets")} >= {"keys", "db"}


def of_databases(verbs, said):
    assert "db" in {item["metadata"]["name"] for item in verbs.world.items("secrets")}


def of_object_stores(verbs, said):
    assert "sp" in {item["metadata"]["name"] for item in verbs.world.items("secrets")}


AFTER = {
    "docs/how-to/clusters.md": of_clusters,
    "docs/how-to/databases.md": of_databases,
    "docs/how-to/datasets.md": of_datasets,
    "docs/data.md": of_data,
    "docs/how-to/object-stores.md": of_object_stores,
}


def check_each_page_has_a_test_of_what_comes_of_it():
    assert set(pages()) == set(AFTER)
