#!/usr/bin/env python3
"""Plants each bug of tests/mutations into a copy of the sources and runs the test that has to find it.

    tests/mutations/run.py                 all of them
    tests/mutations/run.py plan journal/   those whose names contain one of the words
    tests/mutations/run.py --list

A mutation is a patch. Before its first "---" it says
    Bug: what is wrong
    Target: what is built              (a test program, or `parallelrun` and more for a test of pytest)
    Test: what finds it                (a filter of GoogleTest, or a path for pytest)
    Harmless: why nothing can find it  (in place of Test; the patch is then only built)
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
PATIENCE = 900  # seconds, for one test


@dataclass
class Mutation:
    name: str
    patch: str
    what: str
    target: str
    test: str
    harmless: str

    @staticmethod
    def read(path):
        text = path.read_text()
        head = text.split("\n--- ", 1)[0].splitlines()
        fields = {"Bug": "", "Target": "", "Test": "", "Harmless": ""}
        for line in head:
            key, _, value = line.partition(": ")
            if key in fields:
                fields[key] = value.strip()
        if not (fields["Bug"] and fields["Target"]) or bool(fields["Test"]) == bool(fields["Harmless"]):
            raise SystemExit(f"{path}: a mutation needs Bug, Target, and Test or Harmless")
        name = str(path.relative_to(HERE).with_suffix(""))
        return Mutation(name, text, fields["Bug"], fields["Target"], fields["Test"], fields["Harmless"])


class Workshop:
    """A copy of the sources, as they are when the run begins, with a build folder of its own. ccache makes all
    but the mutated objects cheap."""

    def __init__(self, root, jobs, seeds):
        self.source = root / "source"
        self.build = self.source / "build"  # paths as in the project's own build: one compiler cache for both
        self.jobs = jobs
        self.seeds = seeds
        self.copy_sources()
        if not (self.build / "build.ninja").exists():
            self.call(
                "cmake",
                "-S",
                self.source,
                "-B",
                self.build,
                "-G",
                "Ninja",
                "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
            ).check_returncode()

    def copy_sources(self):
        """Only what differs, so that the first build is a small one."""
        listed = subprocess.run(
            ["git", "-C", REPOSITORY, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            check=True,
            capture_output=True,
        ).stdout
        wanted = set()
        for name in filter(None, os.fsdecode(listed).split("\0")):
            source, target = REPOSITORY / name, self.source / name
            if not source.is_file():
                continue
            wanted.add(target)
            if target.exists() and target.read_bytes() == source.read_bytes():
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            shutil.copymode(source, target)
        for path in self.source.rglob("*"):
            ours = self.build in path.parents or "__pycache__" in path.parts
            if path.is_file() and path not in wanted and not ours:
                path.unlink()

    def call(self, *command, timeout=None, env=None, words=None):
        return subprocess.run(
            [str(part) for part in command],
            input=words,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
            env=env,
            check=False,
        )

    def build_target(self, target):
        return self.call("cmake", "--build", self.build, "--parallel", self.jobs, "--target", *target.split())

    def run_test(self, target, test):
        """True: it passes. Also the line that says what it found."""
        environment = {
            **os.environ,
            "PARALLELRUN_SIMULATION_SEEDS": str(self.seeds),
            "PARALLELRUN_BUILD_DIR": str(self.build),
        }
        if test.startswith("tests/"):
            command = [sys.executable, "-m", "pytest", "-x", "-q", self.source / test]
        else:
            command = [self.build / "tests" / target, f"--gtest_filter={test}", "--gtest_fail_fast"]
        try:
            done = self.call(*command, timeout=PATIENCE, env=environment)
        except subprocess.TimeoutExpired:
            return False, "the test does not end"
        told = [
            line for line in done.stdout.splitlines() if line.startswith(("seed ", "E  ", "[  FAILED  ]"))
        ]
        return done.returncode == 0, told[0].strip() if told else f"exit code {done.returncode}"

    def apply(self, patch, *options):
        """Without fuzz: a line that has other neighbours by now may not be the one that was meant."""
        return self.call(
            "patch",
            "-p1",
            "--silent",
            "--fuzz=0",
            "--no-backup-if-mismatch",
            "-d",
            self.source,
            *options,
            words=patch,
        )

    @contextmanager
    def planted(self, patch):
        """The sources with one bug in them. Whoever edits the project meanwhile does not change what is judged."""
        sound = {}
        for line in patch.splitlines():
            if line.startswith("+++ b/"):
                path = self.source / line.removeprefix("+++ b/").strip()
                sound[path] = path.read_bytes()
        try:
            self.apply(patch).check_returncode()
            yield
        finally:
            for path, content in sound.items():
                path.write_bytes(content)


def judge(workshop, mutation):
    """(verdict, words): found, harmless, survived or stale"""
    dry = workshop.apply(mutation.patch, "--dry-run")
    if dry.returncode != 0:
        return "stale", "the patch does not apply any more: " + dry.stdout.strip().replace("\n", "; ")
    with workshop.planted(mutation.patch):
        built = workshop.build_target(mutation.target)
        if built.returncode != 0:
            errors = [line for line in built.stdout.splitlines() if "error:" in line]
            return "stale", "it does not compile: " + (errors[0] if errors else built.stdout[-300:])
        if mutation.harmless:
            return "harmless", mutation.harmless
        passed, words = workshop.run_test(mutation.target, mutation.test)
        return ("survived", mutation.what) if passed else ("found", words)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("words", nargs="*", help="parts of names")
    parser.add_argument("--list", action="store_true")
    parser.add_argument(
        "--seeds", type=int, default=20_000, help="simulated jobs for each (default: %(default)s)"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--folder", type=Path, default=REPOSITORY / "build" / "mutations")
    options = parser.parse_args()
    mutations = [Mutation.read(path) for path in sorted(HERE.rglob("*.patch"))]
    if options.words:
        mutations = [one for one in mutations if any(word in one.name for word in options.words)]
    if options.list:
        for one in mutations:
            print(f"{one.name}: {one.what} [{one.test or 'harmless: ' + one.harmless}]")
        return 0
    workshop = Workshop(options.folder, options.jobs, options.seeds)
    # Those of one program after another: each is linked again with one other object.
    mutations.sort(key=lambda one: (one.target, one.name))
    counts = {}
    for target in sorted({one.target for one in mutations}):
        built = workshop.build_target(target)
        if built.returncode != 0:
            print(f"{target} cannot be built without any mutation:\n{built.stdout[-2000:]}")
            return 1
    for one in mutations:
        began = time.monotonic()
        verdict, words = judge(workshop, one)
        counts[verdict] = counts.get(verdict, 0) + 1
        print(f"{verdict:8} {one.name} ({time.monotonic() - began:.0f} s): {words}", flush=True)
    print(", ".join(f"{number} {verdict}" for verdict, number in sorted(counts.items())) or "nothing to do")
    return 1 if counts.get("survived") or counts.get("stale") else 0


if __name__ == "__main__":
    sys.exit(main())
