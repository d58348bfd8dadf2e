import os

# Suites run many equal jobs, and count what their workers do: none may take its results from an earlier one.
# Tests of reuse name an index of their own.
os.environ["PARALLELRUN_RUN_INDEX"] = "off"
