"""Pods with the container `data`, which alone has the Secrets: a folder for each pod in place of its volumes."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from checkout import BUILD, PROGRAM
from pod_world import PodProcess, PodWorld
from waiting import wait_for

KEYS = {"accessKeyId": "test-key", "secretAccessKey": "a-Secret/of+the=tests"}
OF_PROVIDERS = ("AWS_", "AZURE_", "GOOGLE_")


class Pod:
    """`files` is what the runner sees. As long as `data` has not said that it is ready, the runner must not start."""

    def __init__(self, world, name):
        self.name = name
        # Not below the test's own folder: the path of a socket has at most 107 bytes.
        self.files = Path(tempfile.mkdtemp(prefix="pod-", dir="/tmp"))
        self.volumes = self.files / "parallelrun"
        for folder in ("fetched", "fetched-inputs"):
            (self.volumes / folder).mkdir(parents=True)
        own = ("output",) if world.output_in_store else ()
        for folder in own:
            (self.volumes / folder).mkdir()
        for shared in {"source-volume", "inputs", "output"}.difference(own):
            (self.volumes / shared).symlink_to(world.volumes / shared)

    def secret(self, place, **keys):
        """A Secret of the container `data`, at `place` below its credentials."""
        folder = self.volumes / "credentials" / place
        folder.mkdir(parents=True, exist_ok=True)
        for key, value in keys.items():
            (folder / key).write_text(value)
        return self


class StorePods(PodWorld):
    """A PodWorld of which each pod has a container `data`."""

    output_in_store = False  # then each pod has a folder of its own for it, which goes with the pod

    def __init__(self, root, api, namespace):
        super().__init__(root, api, namespace)
        self.pods = {}

    def pod(self, name):
        if name not in self.pods:
            self.pods[name] = Pod(self, name)
        return self.pods[name]

    def start_data(self, pod, *options, **variables):
        """Starts that container (again)."""
        folder = self.root / f"{pod.name}-data-{len(self.processes)}"
        folder.mkdir()
        command = [
            PROGRAM, "pod-data", "--root", pod.files, "--termination-log", folder / "termination-log",
            "--manifest", self.root / "orchestrator-files" / "job.json", *options,
        ]  # fmt: skip
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith((*OF_PROVIDERS, "PYTHON"))
        }
        # In the image there is an environment for it.
        environment |= {"XDG_CACHE_HOME": str(BUILD / "store-cache"), "PARALLELRUN_STORE_PATIENCE": "20"}
        environment |= {
            "HOME": str(pod.volumes / "fetched"),
            "TMPDIR": str(pod.volumes / "fetched"),
        } | variables
        process = PodProcess(f"{pod.name} data", [str(word) for word in command], environment, folder)
        self.processes.append(process)
        return process

    def until_ready(self, pod, process):
        """What the startup probe does."""
        asked = [PROGRAM, "pod-data", "--root", pod.files, "--ready-within", "5"]

        def ready():
            assert process.process.poll() is None, process.output
            return (
                subprocess.run([str(word) for word in asked], capture_output=True, check=False).returncode
                == 0
            )

        wait_for(ready, lambda: f"the container data of {pod.name}:\n{process.output}")
        return process

    def _places(self, folder, files):
        pod = self.pods.get(folder.name)
        places = super()._places(folder, files)
        if pod is not None:
            places[places.index("--root") + 1] = pod.files
        return places

    def _start(self, name, command, folder, **variables):
        pod = self.pods.get(name)
        if pod is not None:
            variables["PARALLELRUN_DATA_SOCKET"] = str(pod.volumes / "fetched" / "data.sock")
        return super()._start(name, command, folder, **variables)

    def destroy(self):
        super().destroy()
        for pod in self.pods.values():
            shutil.rmtree(pod.files, ignore_errors=True)
