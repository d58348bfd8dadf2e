"""The worker process of ParallelRun: loads the entry script, reads mini-batches, calls run(), sends results.

Runs on CPython 3.8 and later with nothing but the standard library; pandas and numpy are imported only
for a tabular input, or are already there when a result is of their types.
"""
