#!/usr/bin/env python3
"""usage: test_totals.py FOLDER FAILED_STEPS: the closing line of a test run, from its JUnit files.

A step can fail without a failed test (a build, clang-tidy, a crash of the runner): it counts as one.
Exit code 1 if anything failed, or if nothing ran.
"""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path


def counts(report: Path) -> tuple[int, int, int]:
    passed = failed = skipped = 0
    for case in ET.parse(report).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def main() -> int:
    folder, failed_steps = Path(sys.argv[1]), int(sys.argv[2])
    totals = [counts(report) for report in sorted(folder.glob("*.xml"))]
    passed, failed, skipped = (sum(column) for column in zip(*totals)) if totals else (0, 0, 0)
    failed = max(failed, failed_steps)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
