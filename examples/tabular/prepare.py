"""Makes the example's inputs below build/demo/tabular: three CSV files and a classifier.

The measurements are the breast cancer data set (Wisconsin, diagnostic) that scikit-learn ships: 569 biopsies of 30
features. 400 train the classifier. The other 169 are drawn again and again, with one percent of noise as from
repeated measurement, until there are 60,000 rows, enough for a few dozen mini-batches.
"""

import shutil
from pathlib import Path

import joblib
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

TARGET = Path(__file__).resolve().parents[2] / "build" / "demo" / "tabular"
FILES, ROWS_EACH = 3, 20_000


def main() -> None:
    biopsies = load_breast_cancer(as_frame=True)
    training, unseen, training_findings, unseen_findings = train_test_split(
        biopsies.data, biopsies.target, train_size=400, stratify=biopsies.target, random_state=3
    )
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.5, max_iter=1000))
    model.fit(training, training_findings)

    shutil.rmtree(TARGET, ignore_errors=True)
    for folder in ("input", "model", "truth"):
        (TARGET / folder).mkdir(parents=True)
    joblib.dump(model, TARGET / "model" / "classifier.joblib")

    random = np.random.default_rng(seed=3)
    for number in range(FILES):
        drawn = random.integers(0, len(unseen), ROWS_EACH)
        rows = unseen.iloc[drawn] * random.normal(1, 0.01, (ROWS_EACH, unseen.shape[1]))
        samples = [f"{number * ROWS_EACH + row:05d}" for row in range(ROWS_EACH)]
        rows = rows.round(5)
        rows.insert(0, "sample", samples)
        rows.to_csv(TARGET / "input" / f"laboratory-{number}.csv", index=False)
        truth = rows[["sample"]].assign(finding=biopsies.target_names[unseen_findings.iloc[drawn]])
        truth.to_csv(TARGET / "truth" / f"laboratory-{number}.csv", index=False)
    print(f"{FILES} files of {ROWS_EACH} rows and a model trained on {len(training)} others: {TARGET}")


if __name__ == "__main__":
    main()
