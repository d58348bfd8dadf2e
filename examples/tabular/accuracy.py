"""usage: accuracy.py OUTPUT_FILE: joins the output with the known findings and counts."""

import sys
from pathlib import Path

import pandas as pd

TRUTH = Path(__file__).resolve().parents[2] / "build" / "demo" / "tabular" / "truth"


def main() -> int:
    # append_row writes a DataFrame without header, its fields separated by one space.
    found = pd.read_csv(
        sys.argv[1], sep=" ", header=None, names=["sample", "probability", "finding"], dtype={"sample": str}
    )
    known = pd.concat(pd.read_csv(path, dtype={"sample": str}) for path in sorted(TRUTH.glob("*.csv")))
    both = known.merge(found, on="sample", suffixes=("_known", "_found"), validate="one_to_one")
    if not len(both) == len(known) == len(found):
        print(
            f"{len(found)} rows in the output, {len(known)} in the input, {len(both)} in both",
            file=sys.stderr,
        )
        return 1
    right = both["finding_known"] == both["finding_found"]
    print(f"accuracy: {right.mean():.1%} ({right.sum()} of {len(both)} rows)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
