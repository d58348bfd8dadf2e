"""Objects of a local S3 server, whole command, beside obstore's own concurrent download followed by a job over the files:
reading and running overlap here. The server is versitygw, which keeps the objects as files of this machine."""

import os
import sys
from pathlib import Path

from measurement import SameRows, fresh, run_command
from our_jobs import LAUNCHERS, OurJob
from pairs import alternate
from report import speed_row

for _folder in ("integration/store", "common"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / _folder))
from s3_server import Bucket, s3_file_server  # noqa: E402

PEER = Path(__file__).resolve().parent / "peers" / "obstore_download.py"
BAR = 1.0
KEYS = ("test", "test-secret")
VARIABLES = {"AWS_ACCESS_KEY_ID": KEYS[0], "AWS_SECRET_ACCESS_KEY": KEYS[1]}
# (what, objects, bytes of each, objects of a mini-batch)
SIZES = [("small", 20_000, 2_000, 100), ("large", 64, 64 << 20, 1)]


class Objects:
    def __init__(self, address: str, bucket: str, work: Path, each: int):
        self.address, self.bucket, self.work, self.each = address, bucket, work, each
        self.rows = SameRows()

    def ours(self, launcher: str) -> float:
        source = {"s3": {"bucket": self.bucket, "region": "us-east-1", "endpoint": self.address}}
        job = OurJob(self.work / "ours", "object_entry.py", source, miniBatchSize=self.each)
        return self._checked("parallelrun", job.run(launcher, **VARIABLES), job.rows)

    def obstore(self) -> float:
        folder = fresh(self.work / "peer") / "files"
        download = [sys.executable, PEER, self.address, self.bucket, folder]
        fetched = run_command(download, self.work / "obstore.log", {**os.environ, **VARIABLES})
        job = OurJob(self.work / "local", "object_entry.py", folder, miniBatchSize=self.each)
        ran = job.run(LAUNCHERS[0])
        self._checked("obstore and a local run", ran, job.rows)
        return fetched.seconds + ran.seconds

    def _checked(self, who: str, finished, path: Path) -> float:
        self.rows.check(who, path)
        return finished.seconds


def measure(_data: Path, work: Path, rounds: int, sizes=SIZES) -> tuple[list, list]:
    rows = []
    with s3_file_server(fresh(work / "server"), KEYS) as address:
        for what, count, size, each in sizes:
            bucket = Bucket(address, f"bench-{what}", KEYS)
            content = bytes(size)
            for number in range(count):
                bucket.put(f"object-{number:06}", content)
            one = Objects(address, bucket.name, fresh(work / what), each)
            one.ours(LAUNCHERS[0])  # installs what reads stores
            pairs = alternate(rounds, one.ours, one.obstore, LAUNCHERS[:1])
            rows.append(
                speed_row(
                    f"{count:,} {what} objects, {count * size / 1e6:,.0f} MB",
                    f"{pairs.our_median(LAUNCHERS[0]):.1f} s",
                    f"{pairs.peer_median():.1f} s obstore, then a local run",
                    1 / pairs.median_ratio(LAUNCHERS[0]),
                    BAR,
                )
            )
    return rows, ["The S3 server is versitygw, on the same machine."]
