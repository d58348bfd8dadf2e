import signal

import pytest
from authority import Authority
from scripted import Orchestrator

# In the background of a shell without job control they are ignored, and so they would be by what is tested.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


class JobFolder:
    def __init__(self, path):
        self.path = path
        self.output = path / "out"
        self.inputs = path / "in"
        self.started = []

    def files(self, count, folders=3):
        for i in range(count):
            folder = self.inputs / f"d{i % folders}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"f{i:05}").touch()
        return sorted(f"f{i:05}" for i in range(count))

    def job(self, **spec):
        self.inputs.mkdir(exist_ok=True)
        script = self.path / "entry.py"
        script.write_text("")
        return {
            "manifest": {
                "apiVersion": "parallelrun.dev/v1alpha1",
                "kind": "ParallelRunJob",
                "metadata": {"name": "scripted"},
                "spec": {
                    "entryScript": str(script),
                    "inputs": [
                        {
                            "name": "images",
                            "type": "file",
                            "source": {"local": {"path": str(self.inputs)}},
                        }
                    ],
                    "output": {"source": {"local": {"path": str(self.output)}}},
                    "outputAction": "append_row",
                    "miniBatchSize": 2,
                    "nodeCount": 1,
                    **spec,
                },
            },
            "inputDirectories": {"images": str(self.inputs)},
            "sideInputDirectories": {},
            "sourceDirectory": "",
            "script": str(script),
            "outputDirectory": str(self.output),
            "arguments": [],
            "codeHash": "",
            "notCode": [],
        }

    def start(self, job=None, **options):
        self.started.append(Orchestrator(self.path, job or self.job(), **options))
        return self.started[-1]

    def rows(self):
        return sorted((self.output / "parallel_run_step.txt").read_text().split())

    def log(self, path):
        return (self.output / "logs" / path).read_text()

    def close(self):
        for orchestrator in self.started:
            orchestrator.close()


@pytest.fixture
def folder(tmp_path):
    folder = JobFolder(tmp_path)
    yield folder
    folder.close()


@pytest.fixture
def certify(tmp_path):
    """certify(authority, name, alternative names) -> the files of a certificate; authorities are told apart by name"""
    authorities = {}

    def issue(authority, name, alternative_names, role="worker"):
        if authority not in authorities:
            authorities[authority] = Authority(tmp_path / authority)
        folder = authorities[authority].issue(
            tmp_path / f"{authority}-{role}-{name}", role, alternative_names, name
        )
        return {"ca": folder / "ca.crt", "certificate": folder / "tls.crt", "key": folder / "tls.key"}

    return issue
