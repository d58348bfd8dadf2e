"""The pinned formatters and the shell checkers find nothing. `make fmt` mends what can be mended."""

import os
import subprocess
import sys

import pytest

# Beside the environment of the tests; made by `make lint` and `make test`.
LINT = os.path.join("build", "venvs", "lint", "bin")


def sources(root, language):
    script = root / "tools" / "lint" / "sources.sh"
    listed = subprocess.run([script, language], check=True, capture_output=True, cwd=root).stdout.decode()
    return [name for name in listed.split("\0") if name]


def check(root, *command):
    done = subprocess.run(command, cwd=root, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout[-6000:]


def test_cpp_is_formatted(root):
    check(root, f"{LINT}/clang-format", "--dry-run", "--Werror", *sources(root, "cpp"))


def test_python_is_formatted(root):
    check(
        root,
        f"{LINT}/ruff",
        "format",
        "--check",
        "--config",
        "tools/lint/ruff.toml",
        *sources(root, "python"),
    )


def test_python_has_no_known_mistakes(root):
    check(root, f"{LINT}/ruff", "check", "--config", "tools/lint/ruff.toml", *sources(root, "python"))


def test_the_python_package_is_typed(root):
    """Strictly: whoever imports it gets its types, since it has the marker that says so."""
    assert (root / "python" / "parallelrun" / "py.typed").exists()
    check(root, f"{LINT}/mypy", "--config-file", "tools/lint/mypy.ini")


def test_python_compiles_on_every_supported_version(root):
    """Worker code runs on the user's python3, which may be older than ours: the grammar of 3.8 has to do."""
    worker = [name for name in sources(root, "python") if name.startswith("runner/python/")]
    program = (
        "import ast, sys\n"
        "for name in sys.argv[1:]:\n"
        "    ast.parse(open(name, encoding='utf-8').read(), name, feature_version=(3, 8))\n"
    )
    check(root, sys.executable, "-c", program, *worker)


@pytest.mark.parametrize("command", [("bash", "-n"), ("shellcheck", "--severity=style")], ids=lambda c: c[0])
def test_shell_scripts(root, command):
    for script in sources(root, "shell"):
        check(root, *command, script)


def test_scripts_can_be_run(root):
    """A file that starts with #! is executable, and an executable one says by what."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True
    ).stdout.decode()
    wrong = []
    for name in filter(None, listed.split("\0")):
        path = root / name
        if path.is_symlink() or not path.is_file():
            continue
        with open(path, "rb") as file:
            has_shebang = file.read(2) == b"#!"
        if has_shebang != os.access(path, os.X_OK):
            wrong.append(name)
    assert not wrong, f"chmod these, or mend their first line: {wrong}"
