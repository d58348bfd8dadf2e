"""The table of figures: printed, and written to build/bench/report.md."""

import platform
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path


@dataclass
class Row:
    benchmark: str
    ours: str
    peer: str
    ratio: str
    bar: str = ""
    met: bool | None = None  # None: reported without a bar

    def cells(self) -> list:
        verdict = {True: "met", False: "MISSED", None: ""}[self.met]
        return [self.benchmark, self.ours, self.peer, self.ratio, self.bar, verdict]


def speed_row(benchmark: str, ours: str, peer: str, speed: float, bar: float) -> Row:
    """`speed`: ours by the peer's, which must be `bar` at least."""
    return Row(benchmark, ours, peer, f"{speed:.2f}x speed", f">= {bar}x", speed >= bar)


HEADINGS = ["benchmark", "ours", "peer", "ratio", "bar", ""]


def as_markdown(rows: list) -> str:
    table = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(HEADINGS))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in table
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines) + "\n"


def machine() -> str:
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    cores = subprocess.run(["nproc"], capture_output=True, text=True).stdout.strip()
    peers = ", ".join(
        f"{name} {version(name)}" for name in ("pandas", "pyarrow", "polars", "ray", "dask", "joblib")
    )
    return f"{model}, {cores} cores; Python {platform.python_version()}, {peers}."


def write(rows: list, notes: list, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = f"{machine()}\n\n{as_markdown(rows)}"
    if notes:
        text += "\n" + "\n".join(f"- {note}" for note in notes) + "\n"
    path.write_text("# Benchmarks\n\n" + text)
    print("\n" + text + f"\nwritten to {path}", flush=True)
