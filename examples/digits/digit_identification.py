"""Reads handwritten digits with a trained classifier and writes the known label next to each answer.

Written as for ParallelRunStep: `init` is called once in each process, then `run` for each mini-batch.
"""

import argparse
import csv
import os

import joblib
import numpy as np
from azureml.core.model import Model
from azureml_user.parallel_run import EntryScript
from PIL import Image


def init():
    global model, labels, logger

    parser = argparse.ArgumentParser()
    parser.add_argument("--labels_dir", required=True)
    options, _ = parser.parse_known_args()

    logger = EntryScript().logger
    model = joblib.load(os.path.join(Model.get_model_path("digits-model"), "digits.joblib"))
    with open(os.path.join(options.labels_dir, "labels.csv"), newline="") as file:
        labels = {row["image"]: row["digit"] for row in csv.DictReader(file)}
    logger.info("loaded %s and %d labels", type(model).__name__, len(labels))


def run(mini_batch):
    pixels = []
    for path in mini_batch:
        with Image.open(path) as image:
            pixels.append(np.asarray(image.convert("L"), dtype=np.float32).ravel() / 255)

    results = []
    for path, digit in zip(mini_batch, model.predict(np.stack(pixels))):
        name = os.path.basename(path)
        label = labels.get(name, "unknown")
        if str(digit) != label:
            logger.warning("%s reads as %d, its label is %s", name, digit, label)
        results.append(f"{name}: {digit} (label {label})")
    return results
