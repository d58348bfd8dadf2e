"""Trains one model for each store and brand: the linear trend of its weekly sales."""

import json
import os

from azureml_user.parallel_run import EntryScript


def init():
    global models, logger

    models = os.path.join(EntryScript().output_dir, "models")
    os.makedirs(models, exist_ok=True)
    logger = EntryScript().logger


def run(mini_batch, mini_batch_context):
    keys = mini_batch_context.partition_key_value  # {"store": 3, "brand": "tradewinds"}
    slope, level = trend(mini_batch["week"].tolist(), mini_batch["quantity"].tolist())
    # A name of its own for each key: a mini-batch that is tried again writes the same file.
    with open(os.path.join(models, "%(store)s-%(brand)s.json" % keys), "w") as file:
        json.dump({**keys, "slope": slope, "level": level}, file)
    logger.info(
        "store %(store)s, brand %(brand)s: trained on %(rows)s rows", {**keys, "rows": len(mini_batch)}
    )
    # A row for each row of the input: what the model makes of it.
    result = mini_batch[["store", "brand", "week", "quantity"]].sort_values("week")
    result["trend"] = (level + slope * result["week"]).round(2)
    return result


def trend(weeks, quantities):
    """(slope, level) of the line with the least squares."""
    count = len(weeks)
    middle, mean = sum(weeks) / count, sum(quantities) / count
    spread = sum((week - middle) ** 2 for week in weeks)
    slope = sum((w - middle) * (q - mean) for w, q in zip(weeks, quantities)) / spread if spread else 0.0
    return slope, mean - slope * middle
