import subprocess

import pytest
from scripted import Orchestrator


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


class Authority:
    """A certificate authority, and certificates for names."""

    def __init__(self, folder, name):
        self.base = folder / name
        self._openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", f"/CN={name}", "-keyout", f"{self.base}.key", "-out", f"{self.base}.crt",
        )  # fmt: skip

    def issue(self, name, alternative_names):
        base = f"{self.base}-{name}"
        with open(f"{base}.ext", "w") as extensions:
            extensions.write(f"subjectAltName={alternative_names}\n")
        self._openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
            "-keyout", f"{base}.key", "-out", f"{base}.csr",
        )  # fmt: skip
        self._openssl(
            "x509", "-req", "-days", "2", "-in", f"{base}.csr", "-CA", f"{self.base}.crt", "-CAkey", f"{self.base}.key",
            "-CAcreateserial", "-extfile", f"{base}.ext", "-out", f"{base}.crt",
        )  # fmt: skip
        return {
            "ca": f"{self.base}.crt",
            "certificate": f"{base}.crt",
            "key": f"{base}.key",
        }

    @staticmethod
    def _openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)


@pytest.fixture
def authority(tmp_path):
    return lambda name: Authority(tmp_path, name)
