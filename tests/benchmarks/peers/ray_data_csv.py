"""usage: ray_data_csv.py FOLDER OUTPUT_FOLDER: ray.data.read_csv, blocks as Ray cuts them."""

import os
import sys
import uuid
from pathlib import Path

import ray

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "jobs"))

if __name__ == "__main__":
    folder, output = sys.argv[1:]

    def write_part(frame):
        import pandas
        from column_entry import run

        with open(os.path.join(output, f"part-{uuid.uuid4()}"), "w") as out:
            out.write("".join(f"{row}\n" for row in run(frame)))
        return pandas.DataFrame({"rows": [len(frame)]})

    environment = {"env_vars": {"PYTHONPATH": ":".join(sys.path)}}
    ray.init(num_cpus=2, include_dashboard=False, logging_level="error", runtime_env=environment)
    ray.data.DataContext.get_current().enable_progress_bars = False
    ray.data.read_csv(folder).map_batches(write_part, batch_format="pandas", batch_size=None).materialize()
    ray.shutdown()
