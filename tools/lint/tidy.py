#!/usr/bin/env python3
"""Runs clang-tidy over our sources in parallel, and again only over what changed.

usage: tidy.py --clang-tidy PROGRAM --build-dir DIR [--jobs N] [FILE...]

It reads what the compiler compiles: a source, or several of a room together (PARALLELRUN_FEW_UNITS). Reading many
together takes little longer than reading one, since nearly all of it is headers of others.

A unit that passed leaves a stamp named by a hash of everything that its verdict depends on: its sources, the
headers of ours that they include, however deep, the compile command, the .clang-tidy files and the version of clang-tidy.
Stamps lie in the user's cache, so that every clone on a machine knows what another one has checked.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUR_FOLDERS = ("common", "runner", "operator", "tests")
STAMP_LIFE = 30 * 24 * 3600  # seconds since it was last met
# A unit includes its sources: they are what is read, and not headers of others.
IN_UNITS = (
    r"--header-filter=((common|runner|operator)/.*\.h|\.cpp)$",
    "--checks=-bugprone-suspicious-include",
)
INCLUDE = re.compile(rb'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


@cache
def contents(path: Path) -> bytes:
    return path.read_bytes()


def included_files(source: Path) -> set[Path]:
    """Our headers that a source reaches: includes are written from the root, or beside the includer."""
    found: set[Path] = set()
    waiting = [source]
    while waiting:
        includer = waiting.pop()
        for match in INCLUDE.finditer(contents(includer)):
            name = os.fsdecode(match.group(1))
            for candidate in (ROOT / name, includer.parent / name):
                if candidate.is_file() and candidate not in found:
                    found.add(candidate)
                    waiting.append(candidate)
    return found


def verdict_key(source: Path, command: dict, salt: bytes) -> str:
    digest = hashlib.sha256(salt)
    build = command["directory"]
    digest.update(command["command"].replace(build, "./build").replace(str(ROOT), ".").encode())
    for path in [source, *sorted(included_files(source))]:
        name = path.relative_to(build) if path.is_relative_to(build) else path.relative_to(ROOT)
        text = contents(path).replace(os.fsencode(ROOT), b".")
        digest.update(b"\0" + os.fsencode(name) + b"\0" + text)
    return digest.hexdigest()


def name_of(source: Path, build_dir: Path) -> str:
    """As a reader finds it: a source by its path, a unit by its folder and number."""
    if not source.is_relative_to(build_dir):
        return str(source.relative_to(ROOT))
    room, _, rest = str(source.relative_to(build_dir)).partition("/CMakeFiles/")
    return f"{room} ({len(INCLUDE.findall(contents(source)))} sources, {Path(rest).stem})"


@cache
def checks_of_tests() -> str:
    """A unit of tests lies in the build folder, where clang-tidy does not find tests/.clang-tidy."""
    _, _, checks = (ROOT / "tests" / ".clang-tidy").read_text().partition("Checks: >")
    return "".join(line.strip() for line in checks.splitlines())


def options_for(source: Path, build_dir: Path) -> list[str]:
    if not source.is_relative_to(build_dir):
        return []
    header_filter, checks = IN_UNITS
    if source.relative_to(build_dir).parts[0] == "tests":
        checks += "," + checks_of_tests()
    return [header_filter, checks]


def stamp_folder() -> Path:
    cache_home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(cache_home) / "parallelrun" / "tidy"
    folder.mkdir(parents=True, exist_ok=True)
    for stamp in folder.iterdir():
        if time.time() - stamp.stat().st_mtime > STAMP_LIFE:
            stamp.unlink(missing_ok=True)
    return folder


def our_commands(build_dir: Path) -> dict[Path, dict]:
    database = build_dir / "compile_commands.json"
    if not database.exists():
        sys.exit(f"tidy: {database} is missing; run 'make build' first")
    commands = {}
    for command in json.loads(database.read_text()):
        source = Path(command["directory"], command["file"]).resolve()
        unit = source.name.startswith("unity_")
        ours = source.is_relative_to(ROOT) and source.relative_to(ROOT).parts[0] in OUR_FOLDERS
        if unit or ours:
            commands[source] = command
    return commands


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--clang-tidy", required=True)
    parser.add_argument("--build-dir", required=True, type=Path)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("files", nargs="*", type=Path, help="only these sources (default: all of ours)")
    options = parser.parse_args()

    build_dir = options.build_dir.resolve()
    commands = our_commands(build_dir)
    only = {path.resolve() for path in options.files}
    if unknown := only - commands.keys():
        sys.exit(f"tidy: not in compile_commands.json: {', '.join(map(str, sorted(unknown)))}")
    version = subprocess.run([options.clang_tidy, "--version"], check=True, capture_output=True).stdout
    salt = version + b"".join((ROOT / folder / ".clang-tidy").read_bytes() for folder in ("", "tests"))
    stamps = stamp_folder()

    keys = {
        source: verdict_key(source, command, salt)
        for source, command in sorted(commands.items())
        if not only or source in only
    }
    waiting = [source for source, key in keys.items() if not (stamps / key).exists()]
    for source in keys.keys() - set(waiting):
        (stamps / keys[source]).touch()

    def check(source: Path) -> tuple[Path, subprocess.CompletedProcess, float]:
        start = time.monotonic()
        # Warnings of a compile command belong to GCC; here only .clang-tidy decides.
        command = [options.clang_tidy, "-p", build_dir, "--quiet", "--extra-arg=-Wno-error"]
        command += [*options_for(source, build_dir), source]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        return source, done, time.monotonic() - start

    failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for future in concurrent.futures.as_completed([pool.submit(check, source) for source in waiting]):
            source, done, seconds = future.result()
            name = name_of(source, build_dir)
            if done.returncode == 0:
                (stamps / keys[source]).touch()
                print(f"tidy: {name} ({seconds:.0f} s)", flush=True)
            else:
                failed += 1
                print(f"tidy: {name} FAILED\n{done.stdout}{done.stderr}", flush=True)
    print(f"tidy: {len(keys) - failed} of {len(keys)} units clean, {len(keys) - len(waiting)} unchanged")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
