"""The columns that grouped rows of Parquet files have behind those of the input: where each row came from."""

FILE = "__parallelrun_file"  # the number of the file in the list of names
ROW = "__parallelrun_row"  # the number of the row in that file, from 1
