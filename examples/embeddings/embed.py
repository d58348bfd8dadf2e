"""Turns texts into vectors of 384 numbers; texts that mean the same lie close together. Rows in, rows out."""

import minilm


def init():
    global model
    model = minilm.Model()


def run(mini_batch):
    result = mini_batch[["name", "text"]].copy()
    result["embedding"] = list(model.embed(mini_batch["text"].tolist()))
    return result
