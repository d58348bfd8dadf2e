"""usage: accuracy.py OUTPUT_FILE: how many images were read as their label says."""

import re
import sys
from collections import Counter

ROW = re.compile(r"(\S+): (\d) \(label (\d)\)")


def main() -> int:
    right, mistakes = 0, Counter()
    with open(sys.argv[1]) as file:
        rows = [ROW.fullmatch(line.rstrip("\n")) for line in file]
    if not rows or None in rows:
        print(
            f"{sys.argv[1]}: no rows, or one that is not of the form 'image: digit (label digit)'",
            file=sys.stderr,
        )
        return 1
    for row in rows:
        _, read, label = row.groups()
        if read == label:
            right += 1
        else:
            mistakes[f"{label} read as {read}"] += 1
    print(f"accuracy: {right / len(rows):.1%} ({right} of {len(rows)} images)")
    print(
        "most common mistakes: " + ", ".join(f"{what} ({count}x)" for what, count in mistakes.most_common(3))
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
