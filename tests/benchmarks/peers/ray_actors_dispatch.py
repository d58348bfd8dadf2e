"""usage: ray_actors_dispatch.py FOLDER OUTPUT: two actors behind ray.util.ActorPool."""

import sys

import ray
from file_groups import groups, write_rows


@ray.remote(num_cpus=1)
class Worker:
    def __init__(self):
        from dispatch_entry import run

        self._run = run

    def run(self, group):
        return self._run(group)


if __name__ == "__main__":
    folder, output = sys.argv[1:]
    environment = {"env_vars": {"PYTHONPATH": ":".join(sys.path)}}
    ray.init(num_cpus=2, include_dashboard=False, logging_level="error", runtime_env=environment)
    pool = ray.util.ActorPool([Worker.remote(), Worker.remote()])
    write_rows(pool.map_unordered(lambda actor, group: actor.run.remote(group), groups(folder)), output)
    ray.shutdown()
