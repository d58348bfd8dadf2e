"""usage: prepare.py [FOLDER]: makes a table of weekly sales in eight files, by default below build/demo/stores/input.

40 stores sell 3 brands for 60 weeks. The rows of a store and brand are scattered over all files, as a system writes them
that has one file for each stretch of time and sorts by nothing. Sales follow a line of their own with noise, so that
the models can be checked.
"""

import csv
import random
import sys
from pathlib import Path

TARGET = Path(__file__).resolve().parents[2] / "build" / "demo" / "stores" / "input"
STORES, BRANDS, WEEKS, FILES = 40, ("dominicks", "minute.maid", "tradewinds"), 60, 8


def line_of(store, brand):
    """(slope, level) of what a store sells of a brand."""
    return (store % 7) - 3, 1000 + 10 * store + 100 * BRANDS.index(brand)


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(4)
    rows = []
    for store in range(1, STORES + 1):
        for brand in BRANDS:
            slope, level = line_of(store, brand)
            for week in range(1, WEEKS + 1):
                rows.append((week, store, brand, round(level + slope * week + chance.gauss(0, 2), 2)))
    chance.shuffle(rows)
    for number in range(FILES):
        with open(folder / f"sales-{number}.csv", "w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["week", "store", "brand", "quantity"])
            writer.writerows(rows[number::FILES])
    print(f"{len(rows)} rows of {STORES * len(BRANDS)} stores and brands in {FILES} files: {folder}")


if __name__ == "__main__":
    main()
