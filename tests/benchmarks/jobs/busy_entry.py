"""For tests/benchmarks/page_watch.py: the same work of a processor for each mini-batch, and a line in a log."""

import hashlib


def init():
    pass


def run(mini_batch):
    digest = hashlib.pbkdf2_hmac("sha256", mini_batch[0].encode(), b"salt", 40_000)
    print(f"{mini_batch[0]}: an ordinary line of a log that is followed")
    return [digest.hex()]
