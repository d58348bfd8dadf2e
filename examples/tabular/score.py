"""Scores measurements of cell nuclei: a DataFrame in, a DataFrame with one row for each row out."""

import argparse

import joblib
from azureml_user.parallel_run import EntryScript


def init():
    global model, threshold, logger

    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--threshold", type=float, default=0.5)
    options, _ = parser.parse_known_args()

    logger = EntryScript().logger
    model = joblib.load(options.model)
    threshold = options.threshold


def run(mini_batch, mini_batch_context):
    features = mini_batch[list(model.feature_names_in_)]  # by name: their order in the file does not matter
    result = mini_batch[["sample"]].copy()
    result["probability"] = model.predict_proba(features)[:, 1].round(4)
    result["finding"] = (result["probability"] >= threshold).map({True: "benign", False: "malignant"})
    logger.info(
        "mini-batch %d, %s rows %d to %d: %d malignant",
        mini_batch_context.minibatch_index,
        mini_batch_context.file,
        mini_batch_context.rows[0],
        mini_batch_context.rows[-1],
        (result["finding"] == "malignant").sum(),
    )
    return result
