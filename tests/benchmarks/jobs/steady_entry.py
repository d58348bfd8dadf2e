"""For tests/benchmarks/page_memory.py: a job that is at work for long, and writes a line for each mini-batch."""

import time


def init():
    pass


def run(mini_batch):
    print(f"{mini_batch[0]}: an ordinary line of a log that is followed")
    time.sleep(0.1)
    return mini_batch
