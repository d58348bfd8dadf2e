"""The entry script of the end-to-end tests: returns the names of its files; the arguments make it wait, slow or bad."""

import argparse
import os
import time

parser = argparse.ArgumentParser()
parser.add_argument("--sleep", type=float, default=0, help="seconds for each mini-batch")
parser.add_argument("--bad", default="", help="a file name for which run() raises")
parser.add_argument("--import-name", default="", help="a module to import")
parser.add_argument("--side", default="", help="a directory whose greeting.txt stands before each name")
parser.add_argument("--store", default="", help="a directory to store one file for each input file in")
parser.add_argument(
    "--gate", default="", help="a directory whose file limit says how many files may pass by now"
)
options, _ = parser.parse_known_args()

if options.import_name:
    __import__(options.import_name)


def init():
    print("hello from init")


def wait_at_gate(names):
    last = max(int(name.removesuffix(".txt")) for name in names)
    while True:
        with open(os.path.join(options.gate, "limit")) as file:
            if last < int(file.read()):
                return
        time.sleep(0.05)


def run(mini_batch):
    names = [os.path.basename(path) for path in mini_batch]
    if options.gate:
        wait_at_gate(names)
    time.sleep(options.sleep)
    if options.bad in names:
        raise ValueError(f"{options.bad} is bad")
    if options.side:
        with open(os.path.join(options.side, "greeting.txt")) as file:
            greeting = file.read().strip()
        names = [f"{greeting}-{name}" for name in names]
    for name in names if options.store else []:
        with open(os.path.join(options.store, name), "w") as file:
            file.write(name)
    print("done with", *names)
    return names
