"""How a job goes, as people look at it: a line that is redrawn, lines in a file, or in a notebook a bar with a table."""

import html
import sys
import time
from typing import IO, Any, Dict, List, Tuple

_SHOWN_EVERY = 10.0  # seconds, where no line can be redrawn
_DRAWN_EVERY = 0.25  # seconds, in a notebook


def progress_of(name: str, stream: IO[str]) -> "Progress":
    """In a notebook its display; else lines on `stream`."""
    return Notebook(name) if in_notebook() else Lines(name, stream)


def in_notebook() -> bool:
    """Whether a kernel runs us; IPython on a terminal is none."""
    shell = sys.modules.get("IPython")
    running = shell.get_ipython() if shell is not None and hasattr(shell, "get_ipython") else None
    return running is not None and hasattr(running, "kernel")


class Progress:
    """`event` for each change, `end` once. The dict is the program's last event; empty: there was none."""

    def event(self, progress: Dict[str, Any]) -> None:
        raise NotImplementedError

    def end(self, progress: Dict[str, Any]) -> None:
        raise NotImplementedError


class Lines(Progress):
    """One line that is redrawn on a terminal; elsewhere a line now and then."""

    def __init__(self, name: str, stream: IO[str]) -> None:
        self._name, self._stream = name, stream
        self._redraws = stream.isatty()
        self._last = ""
        self._shown = 0.0

    def event(self, progress: Dict[str, Any]) -> None:
        text = self._text(progress)
        if not progress or text == self._last:
            return
        if self._redraws:
            self._stream.write(f"\r\x1b[K{text}")
        elif time.monotonic() - self._shown >= _SHOWN_EVERY:
            self._stream.write(f"{text}\n")
        else:
            return
        self._stream.flush()
        self._last, self._shown = text, time.monotonic()

    def end(self, progress: Dict[str, Any]) -> None:
        if progress:
            text = self._text(progress)
            if "state" in progress:
                text += f": {progress['state']}, {progress.get('message', '')}"
            self._stream.write(f"\r\x1b[K{text}\n" if self._redraws else f"{text}\n")
            self._stream.flush()

    def _text(self, progress: Dict[str, Any]) -> str:
        return f"{self._name}: {counts(progress)}"


class Notebook(Progress):
    """A bar and a table, redrawn in place. Where HTML is not shown, the text of Lines."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._begun = self._drawn = time.monotonic()
        self._display: Any = None
        self._last: Dict[str, Any] = {}

    def event(self, progress: Dict[str, Any]) -> None:
        now = time.monotonic()
        if (
            progress
            and progress != self._last
            and (self._display is None or now - self._drawn >= _DRAWN_EVERY)
        ):
            self._draw(progress, now)

    def end(self, progress: Dict[str, Any]) -> None:
        if progress:
            self._draw(progress, time.monotonic())

    def _draw(self, progress: Dict[str, Any], now: float) -> None:
        from IPython import display as ipython

        display: Any = ipython.display
        self._last, self._drawn = progress, now
        bundle = {
            "text/plain": f"{self._name}: {counts(progress)}",
            "text/html": as_html(self._name, progress, now - self._begun),
        }
        if self._display is None:
            self._display = display(bundle, raw=True, display_id=True)
        else:
            self._display.update(bundle, raw=True)


def counts(progress: Dict[str, Any]) -> str:
    """ "30 / 100+ items, 1 failed"; the sign says that more items may be found."""
    failed = f", {progress['itemsFailed']} failed" if progress.get("itemsFailed") else ""
    return f"{_done(progress)} / {progress.get('itemsTotal', 0)}{_more(progress)} items{failed}"


def _done(progress: Dict[str, Any]) -> int:
    return int(progress.get("itemsSucceeded", 0)) + int(progress.get("itemsFailed", 0))


def _more(progress: Dict[str, Any]) -> str:
    return "" if progress.get("planComplete") else "+"


def as_html(name: str, progress: Dict[str, Any], seconds: float) -> str:
    """`seconds`: since it is looked at."""
    done, total = _done(progress), int(progress.get("itemsTotal", 0))
    failed = int(progress.get("itemsFailed", 0))
    parts = (
        [(100.0 * (done - failed) / total, "#2e7d32"), (100.0 * failed / total, "#c62828")] if total else []
    )
    bar = "".join(
        f'<div style="width:{width:.2f}%;background:{colour}"></div>' for width, colour in parts if width > 0
    )
    rows: List[Tuple[str, str]] = [
        ("items", f"{done:,} of {total:,}{_more(progress)}"),
        ("failed", f"{failed:,}"),
        (
            "mini-batches",
            f"{progress.get('miniBatchesProcessed', 0):,} of {progress.get('miniBatchesCreated', 0):,}{_more(progress)}",
        ),
        ("time", _clock(seconds) + _left(done, total, seconds, progress)),
    ]
    state = progress.get("state")
    if state:
        rows.append(("result", f"{state}: {progress.get('message', '')}"))
        rows += [("first error", str(progress["firstError"]))] if progress.get("firstError") else []
    table = "".join(
        f'<tr><td style="text-align:left">{html.escape(key)}</td>'
        f'<td style="text-align:left">{html.escape(value)}</td></tr>'
        for key, value in rows
    )
    return (
        f"<div><b>{html.escape(name)}</b>"
        '<div style="display:flex;height:8px;width:100%;max-width:40em;background:rgba(128,128,128,.3)">'
        f"{bar}</div><table>{table}</table></div>"
    )


def _left(done: int, total: int, seconds: float, progress: Dict[str, Any]) -> str:
    if not done or done >= total or progress.get("state"):
        return ""
    return f", about {_clock(seconds * (total - done) / done)} left"


def _clock(seconds: float) -> str:
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"
