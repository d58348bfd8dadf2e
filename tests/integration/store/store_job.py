"""Jobs whose data lies in a store."""

import itertools
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "job"))
from checkout import BUILD  # noqa: E402
from job_folder import JobFolder  # noqa: E402

_numbers = itertools.count()


def take_number():
    """Of a bucket that nobody else has."""
    return next(_numbers)


class StoreJob(JobFolder):
    """A job whose data lies in a store. What reads it is installed once for all tests."""

    def environment(self, **extra):
        environment = super().environment(
            XDG_CACHE_HOME=str(BUILD / "store-cache"),
            PARALLELRUN_CACHE_DIR=str(self.root / "cache"),
            PARALLELRUN_STORE_PATIENCE="20",
        )
        for name in list(environment):
            if name.startswith(("AWS_", "AZURE_", "GOOGLE_")):
                del environment[name]
        environment.update(extra)
        return environment

    def credentials(self, text, name="keys", mode=0o600):
        path = self.root / f"{name}.yaml"
        path.write_text(text)
        path.chmod(mode)
        return f"{name}={path}"

    def left_in_cache(self):
        folder = self.root / "cache"
        return [path for path in folder.rglob("*") if path.is_file()] if folder.exists() else []


KEYS = "accessKeyId: test-key\nsecretAccessKey: 'a-Secret/of+the=tests'\n"
# Another one: versitygw has it on its command line, where tests look for the one above.
KEY_PAIR = ("file-server-key", "the-Secret/of+the=server")


def keys_of(bucket):
    """As a file of credentials has them."""
    if bucket.pair is None:
        return KEYS
    return f"accessKeyId: {bucket.pair[0]}\nsecretAccessKey: '{bucket.pair[1]}'\n"


class S3Job(StoreJob):
    """Reads a bucket of its own through a proxy."""

    def __init__(self, root, proxy, bucket):
        super().__init__(root)
        self.proxy = proxy
        self.bucket = bucket
        self.spec["inputs"] = [{"name": "files", "type": "file", "source": self.source("in")}]

    def source(self, prefix, **more):
        return {
            "s3": {
                "bucket": self.bucket.name,
                "prefix": prefix,
                "region": "us-east-1",
                "endpoint": f"http://{self.proxy.address}",
                "credentials": {"secretName": "keys"},
                **more,
            }
        }

    def objects(self, count, content="x"):
        for number in range(count):
            self.bucket.put(f"in/f{number:04}.txt", f"{content}{number}")
        return self

    def run(self, *options, **more):
        if "--credentials" not in options:
            options = (*options, "--credentials", self.credentials(keys_of(self.bucket)))
        return super().run(*options, **more)


class OutputJob(S3Job):
    """Reads files of this machine and writes to a bucket of its own."""

    ROWS = "parallel_run_step.txt"

    def __init__(self, root, proxy, bucket):
        super().__init__(root, proxy, bucket)
        self.spec["inputs"] = [{"name": "files", "type": "file", "source": {"local": {"path": "data"}}}]
        self.spec["output"] = {"source": self.source("out")}
        self.address = f"s3://{bucket.name}/out"

    def names(self):
        """What lies there for people."""
        return [
            key for key in self.bucket.keys("out/") if not key.startswith(("out/.parallelrun/", "out/logs/"))
        ]

    def rows(self, name=ROWS):
        text = self.bucket.get(f"out/{name}").decode()
        assert text == "" or text.endswith("\n"), "the last row is torn"
        return text.split("\n")[:-1]

    def failed_items(self):
        return [json.loads(line) for line in self.bucket.get("out/failed_items.jsonl").splitlines()]

    def log(self, pattern):
        return self.bucket.get(f"out/logs/{pattern}").decode()

    def log_tail(self):
        return "\n".join(self.bucket.keys("out/"))

    def log_objects(self):
        return [
            key for folder in ("log", "segments") for key in self.bucket.keys(f"out/.parallelrun/{folder}/")
        ]

    def fetch(self, into):
        """What the documentation says to fetch for the verbs that look at a job."""
        for key in set(self.bucket.keys("out/")) - set(self.log_objects()):
            path = into / key.removeprefix("out/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.bucket.get(key))
        return into
