"""Counts the words of each text."""

import os


def init():
    pass


def run(mini_batch):
    results = []
    for path in mini_batch:
        with open(path, encoding="utf-8") as file:
            results.append(f"{os.path.basename(path)}: {len(file.read().split())} words")
    return results
