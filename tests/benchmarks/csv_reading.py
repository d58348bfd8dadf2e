"""CSV: a gigabyte in two files, one column back as a list, whole command; and slices of it, read alone. Under the
pandas of this environment, and under pandas 2 in one of its own."""

import json
import sys
from pathlib import Path

import datasets
from measurement import BenchmarkFailed, SameRows, fresh, median, run_command
from our_jobs import LAUNCHERS, OurJob
from pairs import alternate
from report import Row, speed_row

HERE = Path(__file__).resolve().parent
PEERS = HERE / "peers"
PANDAS_2 = HERE.parents[1] / "build" / "venvs" / "bench-pandas2"
# Mini-batches of the whole command, of a slice read alone, and the bars.
SIZES = (("10MB", 10 << 20, 1.7), ("1MB", 1 << 20, 1.5))
SLICE_BAR, POLARS_BAR, WIDE_BAR = 2.5, 1.0, 2.0
SLICED_MEGABYTES = 60
BLOCK_BYTES = 10 << 20


class CsvReading:
    """In the environment at `prefix`."""

    def __init__(self, source: Path, work: Path, prefix: Path):
        self.source, self.work, self.prefix = source, work, prefix
        self.files = sorted(self.source.glob("*.csv"))
        self.megabytes = sum(path.stat().st_size for path in self.files) / 1e6
        self.python = prefix / "bin" / "python"
        self.pandas = self._pandas_version()
        self.rows = SameRows()  # pandas runs first: it is what the others are held against
        self.processor = {}  # who -> processor seconds of each round

    def _pandas_version(self) -> str:
        log = fresh(self.work / "version") / "log"
        run_command([self.python, "-c", "import pandas; print(pandas.__version__)"], log)
        return log.read_text().strip()

    def bare(self, who: str, script: str, *arguments: str) -> float:
        """Two processes at once, one for each file: no dispatch, no journal, no logs."""
        folder = fresh(self.work / who)
        commands = [
            [self.python, PEERS / script, path, folder / f"{path.stem}.txt", *arguments]
            for path in self.files
        ]
        return self._finished(who, run_command(commands, self.work / f"{who}.log"), *folder.iterdir())

    def bare_pandas(self) -> float:
        return self.bare("pandas", "pandas_csv.py")

    def polars(self) -> float:
        return self.bare("polars", "polars_csv.py", str(BLOCK_BYTES))

    def peer(self, script: str, *arguments: str) -> float:
        folder = fresh(self.work / "peer")
        command = [self.python, PEERS / script, self.source, folder, *arguments]
        return self._finished(script, run_command(command, self.work / "peer.log"), *folder.iterdir())

    def ours(self, launcher: str, mini_batch_size: str) -> float:
        job = OurJob(
            self.work / "ours", "column_entry.py", self.source, kind="tabular", miniBatchSize=mini_batch_size
        )
        who = f"parallelrun, {launcher}, {mini_batch_size}"
        return self._finished(who, job.run(launcher, prefix=self.prefix), job.rows)

    def slices(self, path: Path, size: int, megabytes: int, rounds: int, peers: list) -> dict:
        """{reader: [(seconds, processor seconds) of each round]}, a process for each, by turns."""
        log = fresh(self.work / "slices") / "log"
        measured = {name: [] for name in ("ours", *peers)}
        digests = set()
        for number in range(rounds):
            turns = list(measured)
            for name in turns if number % 2 == 0 else reversed(turns):
                program = [self.python, "-W", "ignore", HERE / "slices.py", name]
                run_command([*program, path, str(size), str(megabytes)], log)
                one = json.loads(log.read_text())
                measured[name].append((one["seconds"], one["processor"]))
                digests.add(one["digest"])
        if len(digests) > 1:
            raise BenchmarkFailed(f"{path}: the readers {', '.join(measured)} read different values")
        return measured

    def cpu(self, who: str) -> str:
        return f"{median(self.processor[who]):.1f} s CPU"

    def _finished(self, who: str, finished, *files: Path) -> float:
        self.processor.setdefault(who, []).append(finished.processor_seconds)
        self.rows.check(who, *files)
        return finished.seconds


def measure(data: Path, work: Path, rounds: int) -> tuple[list, list]:
    rows = []
    own = CsvReading(datasets.sensor_csv(data), work, Path(sys.prefix))
    wide = datasets.wide_csv(data) / "wide.csv"
    readings = [own]
    if (PANDAS_2 / "bin" / "python").exists():
        readings.append(CsvReading(own.source, work / "pandas2", PANDAS_2))
    else:
        print(f"  without {PANDAS_2} (make bench makes it): nothing under pandas 2", flush=True)
    best = {}
    for reading in readings:
        reading.bare_pandas()  # warms the page cache for both
        rows += _slices(reading, wide, rounds)
        for size, _, bar in SIZES:
            more, median_seconds = _whole_command(reading, size, bar, rounds)
            rows += more
            best.setdefault(reading, median_seconds)
        rows.append(_beside_polars(reading, rounds))
    rows += _others(own, best[own])
    return rows, [
        "Dask reads blocks of 10 MB, Ray Data blocks as it cuts them; one run each.",
        "Slices: processes read the same bytes with each reader by turns; polars has one thread, as a worker process has "
        "one core. Ratios are of processor time, which other processes of the machine do not change.",
        "CPU: of all processes of the command together, the median of the rounds.",
    ]


def _whole_command(reading: CsvReading, size: str, bar: float, rounds: int) -> tuple[list, float]:
    pairs = alternate(rounds, lambda launcher: reading.ours(launcher, size), reading.bare_pandas)
    rows = []
    for launcher in LAUNCHERS:
        rows.append(
            speed_row(
                f"CSV, {reading.megabytes:,.0f} MB, mini-batches of {size}, pandas {reading.pandas}, {launcher}",
                f"{pairs.our_median(launcher):.2f} s ({reading.cpu(f'parallelrun, {launcher}, {size}')})",
                f"{pairs.peer_median():.2f} s ({reading.cpu('pandas')}) bare pandas",
                1 / pairs.median_ratio(launcher),
                bar,
            )
        )
    return rows, pairs.our_median(LAUNCHERS[0])


def _beside_polars(reading: CsvReading, rounds: int) -> Row:
    pairs = alternate(rounds, lambda launcher: reading.ours(launcher, "10MB"), reading.polars, LAUNCHERS[:1])
    speed = 1 / pairs.median_ratio(LAUNCHERS[0])
    return Row(
        f"CSV beside two processes of polars, 10MB, pandas {reading.pandas}",
        f"{pairs.our_median(LAUNCHERS[0]):.2f} s ({reading.cpu(f'parallelrun, {LAUNCHERS[0]}, 10MB')})",
        f"{pairs.peer_median():.2f} s ({reading.cpu('polars')})",
        f"{speed:.2f}x speed",
    )


def _slices(reading: CsvReading, wide: Path, rounds: int) -> list:
    rows = []
    for size, size_bytes, _ in SIZES:
        measured = reading.slices(
            reading.files[0], size_bytes, SLICED_MEGABYTES, max(rounds, 5), ["pandas", "polars"]
        )
        for peer, bar in (("pandas", SLICE_BAR), ("polars", POLARS_BAR)):
            rows.append(_slice_row(f"CSV slices of {size}", reading, measured, peer, bar, faster=True))
    size_bytes = wide.stat().st_size // 4
    measured = reading.slices(wide, size_bytes, 1 << 10, max(rounds, 5), ["pandas"])
    rows.append(
        _slice_row("CSV slices of 60,000 columns", reading, measured, "pandas", WIDE_BAR, faster=False)
    )
    return rows


def _slice_row(name: str, reading: CsvReading, measured: dict, peer: str, bar: float, faster: bool) -> Row:
    ours, theirs = measured["ours"], measured[peer]
    print(f"  {name}, pandas {reading.pandas}: [seconds, processor seconds] {measured}", flush=True)
    ratio = median(a[1] / b[1] for a, b in zip(ours, theirs))
    cells = [
        f"{median(a[0] for a in one):.3f} s ({median(a[1] for a in one):.3f} s CPU)" for one in (ours, theirs)
    ]
    figure = f"{1 / ratio:.2f}x speed" if faster else f"{ratio:.2f}x time"
    met = 1 / ratio >= bar if faster else ratio <= bar
    return Row(
        f"{name}, pandas {reading.pandas}",
        cells[0],
        f"{cells[1]} {peer}",
        figure,
        f"{'>=' if faster else '<='} {bar}x",
        met,
    )


def _others(reading: CsvReading, our_best: float) -> list:
    rows = []
    for name, script, arguments in (
        ("Dask", "dask_csv.py", [str(BLOCK_BYTES)]),
        ("Ray Data", "ray_data_csv.py", []),
    ):
        try:
            seconds = reading.peer(script, *arguments)
        except BenchmarkFailed as error:
            print(f"  {name}: {error}", flush=True)
            rows.append(Row(f"CSV beside {name}", "", "failed, see build/bench", ""))
            continue
        print(f"  {name}: {seconds:.2f} s", flush=True)
        speed = seconds / our_best
        rows.append(
            Row(
                f"CSV beside {name}, mini-batches of 10MB",
                f"{our_best:.2f} s",
                f"{seconds:.2f} s",
                f"{speed:.2f}x speed",
                "> 1x",
                speed > 1,
            )
        )
    return rows
