"""usage: joblib_dispatch.py FOLDER OUTPUT: joblib's own batching, results as they come."""

import sys

import joblib
from file_groups import groups, write_rows

if __name__ == "__main__":
    from dispatch_entry import run

    folder, output = sys.argv[1:]
    parallel = joblib.Parallel(n_jobs=2, return_as="generator_unordered")
    write_rows(parallel(joblib.delayed(run)(group) for group in groups(folder)), output)
