"""usage: search.py EMBEDDINGS QUESTION...: the texts that are closest to each question, the closest first."""

import sys

import minilm
import numpy as np
import pandas as pd


def closest(table, question, model, count=3):
    similarity = np.stack(table["embedding"].to_numpy()) @ model.embed([question])[0]
    best = np.argsort(-similarity)[:count]
    return table.iloc[best].assign(similarity=similarity[best])


def main() -> int:
    table, model = pd.read_parquet(sys.argv[1]), minilm.Model()
    for question in sys.argv[2:]:
        print(question)
        for row in closest(table, question, model).itertuples():
            print(f"  {row.similarity:.2f}  {row.name}: {row.text[:90]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
