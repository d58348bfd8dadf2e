"""A job that runs on this machine, as the program's event stream tells it."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from typing import IO, Any, Callable, Dict, Iterator, List, Mapping, Optional

from parallelrun._errors import grouped
from parallelrun._progress import progress_of
from parallelrun._stored_output import StoredOutput, store_kind

REFUSED = 2  # exit code: an invalid manifest, or an output directory that another job has written to

_LINES_KEPT = 200


class JobError(RuntimeError):
    """The job failed, was cancelled, or was refused. `job` is the job, `status` its status."""

    def __init__(self, message: str, job: "Job") -> None:
        super().__init__(message)
        self.job = job
        self.status = job.status


class Job:
    """What `parallelrun.submit` gives. Results are those that the output directory holds at the moment."""

    def __init__(
        self,
        command: List[str],
        manifest: Dict[str, Any],
        environment: Dict[str, str],
        scratch: Optional[str] = None,
        submitted: Optional[Dict[str, Any]] = None,
        credentials: Optional[Mapping[str, str]] = None,
    ) -> None:
        self.name: str = manifest["metadata"]["name"]
        self.manifest = manifest
        source = manifest["spec"]["output"]["source"]
        # Empty: it is not on this machine.
        self.output_directory: str = source.get("local", {}).get("path", "")
        self._stored = StoredOutput(source, credentials or {}, environment) if store_kind(source) else None
        self._scratch = scratch
        self._submitted = submitted or {}
        self._progress: Dict[str, Any] = {}
        self._finished: Dict[str, Any] = {}
        self._problems: List[str] = []
        self._changed = threading.Condition()
        # In a session of its own: Ctrl-C in a notebook or a terminal is ours to pass on.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        assert self._process.stdin and self._process.stdout and self._process.stderr
        try:
            with self._process.stdin as stdin:
                stdin.write(json.dumps(manifest).encode())
        except BrokenPipeError:
            pass  # it has ended already, and says why
        self._readers = [
            threading.Thread(target=self._read, args=(stream, take), daemon=True)
            for stream, take in (
                (self._process.stdout, self._take_event),
                (self._process.stderr, self._take_problem),
            )
        ]
        for reader in self._readers:
            reader.start()
        threading.Thread(target=self._see_end, daemon=True).start()

    def __repr__(self) -> str:
        place = self._stored.address if self._stored else self.output_directory
        return f"<parallelrun.Job {self.name}: {self.status}, output {place}>"

    # --- how it goes ---

    @property
    def status(self) -> str:
        """Running, Complete, Failed, Interrupted, or Invalid: the program refused it."""
        with self._changed:
            code = self._process.poll()
            if self._finished:
                return str(self._finished["state"])
            if code is None:
                return "Running"
            return {0: "Complete", 2: "Invalid", 130: "Interrupted"}.get(code, "Failed")

    @property
    def exit_code(self) -> Optional[int]:
        """That of `parallelrun run`: 0 complete, 1 failed, 2 refused, 130 interrupted; None while it runs."""
        return self._process.poll()

    @property
    def progress(self) -> Dict[str, Any]:
        """The counts of the last event: `itemsTotal`, `itemsSucceeded`, `itemsFailed`, `miniBatchesProcessed`, ..."""
        with self._changed:
            return dict(self._finished or self._progress)

    @property
    def reused_from(self) -> Optional[str]:
        """The output directory of the earlier run whose results were taken; None: the job runs, or has run."""
        with self._changed:
            return self._finished.get("reusedFrom")

    @property
    def taken_over(self) -> Optional[Dict[str, Any]]:
        """What a resubmission has taken over from an earlier job, once it has ended: `from`, `miniBatches`, `items`, and
        what is left and why (`left`, `again`). None: it is no resubmission."""
        with self._changed:
            return self._finished.get("takenOver")

    def wait(self, show_output: bool = False, timeout: Optional[float] = None) -> "Job":
        """Waits for the end. JobError unless the job is complete; TimeoutError: it goes on after `timeout` seconds.

        If you interrupt it (Ctrl-C), the job is cancelled.
        """
        show = progress_of(self.name, sys.stderr) if show_output else None
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            while any(reader.is_alive() for reader in self._readers) or self._process.poll() is None:
                if deadline is not None and time.monotonic() >= deadline:
                    raise TimeoutError(f"the job '{self.name}' still runs after {timeout} seconds")
                with self._changed:
                    self._changed.wait(0.05)
                if show:
                    show.event(self.progress)
        except KeyboardInterrupt:
            self._interrupted()
            raise
        finally:
            if show:
                show.end(self.progress)
        if self.status != "Complete" or self._process.returncode != 0:
            raise JobError(self._failure(), self)
        return self

    def _interrupted(self) -> None:
        self.cancel()

    def cancel(self) -> "Job":
        """Stops the job. What is committed stays; the same job goes on from there."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        self._process.wait()
        for reader in self._readers:
            reader.join()
        return self

    def resubmit(self, **changed: Any) -> "Job":
        """Submits it again, with some arguments of `submit` changed: `job.resubmit(mini_batch_size=20)`.

        Results of this job that are done and still good are taken over (`taken_over`), the rest runs: what failed, what was
        not done, what has changed. The new job has an output directory of its own, `output="out2"` or the next that is
        free (`out-2`). With `output` the same, or `overwrite` or `retry_failed`, it is what `submit` makes of them.
        """
        from parallelrun._submit import submit

        in_place = changed.get("overwrite") or changed.get("retry_failed")
        if self._stored and not self._submitted:
            raise ValueError(
                f"the results lie in {self._stored.address}, and this program did not submit the job, so it does not know all of it: "
                "submit it anew with what it had, and another output"
            )
        if self._stored and "output" not in changed and not in_place:
            raise ValueError(
                f"the results lie in {self._stored.address}, and results in a store are not taken over; give another output, where "
                "everything runs, or submit the same job once more, which goes on there"
            )
        if not self._submitted:  # by parallelrun.resubmit(), or as a step
            from parallelrun._resubmit import resubmit

            return resubmit(os.path.join(self.output_directory, ""), **changed)
        words = {**self._submitted, **changed}
        if self.output_directory and not in_place:
            if "output" not in changed:
                words["output"] = next_output(self.output_directory, bool(self.taken_over))
            if not same_place(words["output"], self.output_directory):
                words.setdefault("take_over", self.output_directory)
        return submit(**words)

    # --- what it left ---

    @contextlib.contextmanager
    def _files(self, *names: str) -> Iterator[str]:
        """The output directory, or of an output in a store a copy of these files in a folder that goes afterwards. A name with
        a '/' at its end is a folder."""
        if self._stored is None:
            yield self.output_directory
            return
        with tempfile.TemporaryDirectory(prefix="parallelrun-") as folder:
            self._stored.copy(names, folder)
            yield folder

    def logs(self, name: Optional[str] = None) -> Any:
        """The names of the log files, or the text of one: `job.logs("user/error.txt")`. In a store they are brought up to date
        every minute, and at the end."""
        with self._files("logs/") as output:
            folder = os.path.join(output, "logs")
            names = sorted(
                os.path.relpath(os.path.join(at, file), folder)
                for at, _, found in os.walk(folder)
                for file in found
            )
            if name is None:
                return names
            if name not in names:
                raise FileNotFoundError(
                    f"there is no log '{name}'; there are: {', '.join(names) or 'none yet'}"
                )
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                return file.read()

    def errors(self) -> List[Dict[str, Any]]:
        """The errors of the script so far, also of tries that were followed by a good one, in groups: `count`, `phase`,
        `type`, `message`, `first` (when and where), `traceback` of the first. Ones that differ in numbers or file names
        only are one group; the most frequent comes first."""
        with self._files("logs/user/") as output:
            return grouped(os.path.join(output, "logs"))

    def results(self) -> Any:
        """The rows of the output file: a pandas.DataFrame where pandas is installed, else a list.

        JSON objects become columns, other values the column `value`, lines of text the column `row`. A CSV table has its
        own columns; without pandas each row is a dict of texts. A Parquet file needs pyarrow; without pandas each row is
        a dict. With Parquet, with `order: input` and in a store there are no rows before the job ends.
        """
        spec = self.manifest["spec"]
        name = spec.get("appendRowFileName", "parallel_run_step.txt")
        with self._files(name) as output:
            return rows_of(spec, os.path.join(output, name))

    def failed_items(self) -> Any:
        """The items that failed: a pandas.DataFrame where pandas is installed, else a list of dicts.

        A line for each mini-batch that failed (`kind` is `failed`) or returned too few elements (`shortfall`).
        """
        with self._files("failed_items.jsonl") as output:
            return frame(_json_lines(os.path.join(output, "failed_items.jsonl")), "value")

    # --- events ---

    def _read(self, stream: IO[bytes], take: Callable[[str], None]) -> None:
        with stream:
            for line in stream:
                with self._changed:
                    take(line.decode("utf-8", "replace").rstrip("\n"))
                    self._changed.notify_all()

    def _take_event(self, line: str) -> None:
        event = json.loads(line)
        if event.get("event") == "finished":
            self._finished = event
        elif event.get("event") == "progress":
            self._progress = event

    def _take_problem(self, line: str) -> None:
        self._problems.append(line)
        del self._problems[:-_LINES_KEPT]

    def _see_end(self) -> None:
        self._process.wait()
        for reader in self._readers:
            reader.join()
        if self._scratch:
            shutil.rmtree(self._scratch, ignore_errors=True)
        with self._changed:
            self._changed.notify_all()

    def _failure(self) -> str:
        with self._changed:
            said = "\n".join(self._problems)
            lines = [f"the job '{self.name}' is {self.status}"]
            if self._finished.get("message"):
                lines[0] += f": {self._finished['message']}"
            for error in self._finished.get("firstErrors", [])[:1]:
                lines.append(str(error.get("traceback") or error.get("message", "")).rstrip())
            if said and not self._finished:
                lines.append(said)
            if self._finished.get("logs"):
                lines.append(f"logs: {self._finished['logs']}")
            return "\n".join(lines)


def same_place(place: Any, directory: str) -> bool:
    """Whether `place`, as `submit` takes it, is that directory."""
    if not isinstance(place, (str, os.PathLike)):
        return False
    return os.path.realpath(os.path.expanduser(os.fspath(place))) == os.path.realpath(directory)


def next_output(directory: str, is_resubmission: bool) -> str:
    """The next one that is not there: "out-2" beside "out", and "out-3" beside "out-2" of a resubmission."""
    base = re.sub(r"-\d+$", "", directory) if is_resubmission else directory
    number = 2
    while os.path.lexists(f"{base}-{number}"):
        number += 1
    return f"{base}-{number}"


def rows_of(spec: Dict[str, Any], path: str) -> Any:
    """What Job.results() gives of the output file `path`."""
    if spec.get("outputAction") == "summary_only":
        raise ValueError(
            "a job with output_action='summary_only' has no rows; its script writes its results itself"
        )
    if spec["output"].get("format") == "jsonl":
        return frame(_json_lines(path), "value")
    if spec["output"].get("format") == "csv":
        return _csv_table(path)
    if spec["output"].get("format") == "parquet":
        return _parquet_table(path)
    return frame(_lines(path), "row")


def _lines(path: str) -> List[str]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            return [line.rstrip("\n") for line in file]
    except FileNotFoundError:
        return []


def _json_lines(path: str) -> List[Any]:
    return [json.loads(line) for line in _lines(path)]


def _csv_table(path: str) -> Any:
    try:
        import pandas
    except ImportError:
        import csv

        try:
            with open(path, encoding="utf-8", newline="") as file:
                return list(csv.DictReader(file))
        except FileNotFoundError:
            return []
    try:
        return pandas.read_csv(path, low_memory=False, float_precision="round_trip")
    except (FileNotFoundError, pandas.errors.EmptyDataError):
        return pandas.DataFrame()


def _parquet_table(path: str) -> Any:
    from pyarrow import parquet

    try:
        table = parquet.ParquetFile(path).read()
    except FileNotFoundError:
        return frame([], "value")
    try:
        import pandas  # noqa: F401
    except ImportError:
        return table.to_pylist()
    return table.to_pandas()


def frame(values: List[Any], column: str) -> Any:
    try:
        import pandas
    except ImportError:
        return values
    if values and all(isinstance(value, dict) for value in values):
        return pandas.DataFrame.from_records(values)
    return pandas.DataFrame({column: values})
