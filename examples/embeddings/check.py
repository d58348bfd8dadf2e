"""usage: check.py EMBEDDINGS: compares the output with its input and with what the model's authors publish.

The sentences and their similarities are those of the documentation of Sentence Transformers.
"""

import json
import sys
from pathlib import Path

import minilm
import numpy as np
import pandas as pd

INPUT = Path(__file__).resolve().parents[2] / "build" / "demo" / "embeddings" / "input"
PUBLISHED = [
    ("The new movie is awesome", "The new movie is so great", 0.8939),
    ("The cat sits outside", "The cat plays in the garden", 0.6788),
    ("I love pasta", "Do you like pizza?", 0.5096),
]


def main() -> int:
    model, wrong = minilm.Model(), []
    for one, other, expected in PUBLISHED:
        first, second = model.embed([one, other])
        if abs(first @ second - expected) > 5e-5:
            wrong.append(f"similarity of {one!r} and {other!r}: {first @ second:.4f}, published {expected}")

    given = [
        json.loads(line) for path in sorted(INPUT.glob("*.jsonl")) for line in path.open(encoding="utf-8")
    ]
    table = pd.read_parquet(sys.argv[1])
    if table[["name", "text"]].to_dict("records") != given:
        wrong.append(
            f"{len(table)} rows of output are not the {len(given)} rows of the input, in their order"
        )
    elif (apart := np.abs(np.stack(table["embedding"]) - model.embed(table["text"].tolist())).max()) > 1e-5:
        wrong.append(f"an embedding differs by {apart} from one made here")
    print(
        "\n".join(wrong)
        or f"{len(table)} embeddings in the order of the input, as made here and as published"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
