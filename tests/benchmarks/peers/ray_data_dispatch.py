"""usage: ray_data_dispatch.py FOLDER OUTPUT: map_batches over the paths, ten a batch."""

import sys

import ray
from file_groups import sorted_files, write_rows


def run_batch(batch):
    from dispatch_entry import run

    return {"row": run(list(batch["path"]))}


if __name__ == "__main__":
    folder, output = sys.argv[1:]
    environment = {"env_vars": {"PYTHONPATH": ":".join(sys.path)}}
    ray.init(num_cpus=2, include_dashboard=False, logging_level="error", runtime_env=environment)
    ray.data.DataContext.get_current().enable_progress_bars = False
    paths = ray.data.from_items([{"path": path} for path in sorted_files(folder)])
    rows = paths.map_batches(run_batch, batch_size=10)
    write_rows(([row["row"]] for row in rows.iter_rows()), output)
    ray.shutdown()
