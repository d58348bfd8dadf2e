"""usage: pool_dispatch.py FOLDER OUTPUT CHUNKSIZE: the script that a user writes without us."""

import multiprocessing
import sys

from file_groups import groups, write_rows

if __name__ == "__main__":
    from dispatch_entry import run

    folder, output, chunksize = sys.argv[1:]
    with multiprocessing.Pool(2) as pool:
        write_rows(pool.imap_unordered(run, groups(folder), chunksize=int(chunksize)), output)
