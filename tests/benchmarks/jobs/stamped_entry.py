"""Writes down when each call of `run` began, and gives the names of its files."""

import os
import sys
import time


def init():
    pass


def run(mini_batch):
    with open(sys.argv[1], "a") as events:
        events.write(f"{time.monotonic()!r}\n")
    return [os.path.basename(path) for path in mini_batch]
