"""Stamps the monotonic time of the first call of `run` on the machine into a file."""

import os
import sys
import time

stamped = False


def init():
    pass


def run(mini_batch):
    global stamped
    if not stamped:
        stamped = True
        now = time.monotonic()
        try:
            with open(os.path.join(sys.argv[1], "first-call"), "x") as file:
                file.write(repr(now))
        except FileExistsError:
            pass
    return mini_batch
