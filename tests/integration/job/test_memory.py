"""A process that needs more memory than there is: it dies, the job says why and goes on."""

import os
import re
from pathlib import Path

import pytest

LIMIT_MIB = 400

GREEDY = """
    def init():
        pass

    def run(mini_batch):
        if mini_batch[0].endswith("1.txt"):
            hoard = [b"x" * (1 << 20) for _ in range(2000)]
        return mini_batch
"""


@pytest.fixture
def limited_group():
    """A cgroup that may hold LIMIT_MIB; gives its file of processes."""
    root = Path("/sys/fs/cgroup")
    second = (root / "cgroup.controllers").exists()
    name = f"parallelrun-test-{os.getpid()}"
    controller = "" if second else "memory"
    line = next(
        line.split(":", 2)
        for line in Path("/proc/self/cgroup").read_text().splitlines()
        if line.split(":", 2)[1] == controller
    )
    group = (root / controller / line[2].lstrip("/")) / name
    try:
        group.mkdir()
        limit = group / ("memory.max" if second else "memory.limit_in_bytes")
        limit.write_text(str(LIMIT_MIB << 20))
        for swap in ("memory.swap.max", "memory.memsw.limit_in_bytes"):
            if (group / swap).exists():
                (group / swap).write_text("0" if second else str(LIMIT_MIB << 20))
    except OSError as error:
        if group.exists():
            group.rmdir()
        pytest.skip(f"no cgroup with a limit can be made here: {error}")
    yield group / "cgroup.procs"
    group.rmdir()


def test_a_process_that_is_killed_for_memory_says_so(embedded_job, limited_group):
    job = embedded_job.files(3).set(miniBatchSize=1, runMaxTry=2)
    job.script(GREEDY)
    process = job.start(preexec_fn=lambda: limited_group.write_text(str(os.getpid())))
    told, words = process.communicate(timeout=240)
    assert process.returncode == 0, words
    assert len(job.rows()) == 2
    (failed,) = job.failed_items()
    message = str(failed)
    found = re.search(
        r"killed for memory: the process used (\d+) MiB at its peak, all processes of this node together used (\d+) MiB, "
        r"and their limit is (\d+) MiB; to use less memory, lower miniBatchSize",
        message,
    )
    assert found, message
    process_peak, peak, limit = map(int, found.groups())
    assert limit == LIMIT_MIB
    assert LIMIT_MIB // 2 < peak <= LIMIT_MIB
    assert LIMIT_MIB // 2 < process_peak < 2 * LIMIT_MIB  # with pages that others hold too
    assert "killed for memory" in told, "the terminal names the first error"


def test_beyond_its_own_limit_an_allocation_fails_and_the_process_goes_on(job):
    job.files(8).set(miniBatchSize=1, runMaxTry=1, processMemoryLimit="600Mi")
    job.script("""
        import os
        def init():
            pass
        def run(mini_batch):
            if mini_batch[0].endswith("1.txt"):
                hoard = [b"x" * (1 << 20) for _ in range(2000)]
            return [os.getpid()]
    """)
    job.run().expect(0)
    (failed,) = job.failed_items()
    assert failed["error"]["type"] == "MemoryError", failed
    assert len(job.rows()) == 7 and len(set(job.rows())) == 1, "one process did all the others"


def test_a_limit_that_is_too_low_for_python_is_named(embedded_job):
    job = embedded_job.files(2).set(processMemoryLimit=1)
    job.script("def init(): pass\ndef run(mini_batch): return mini_batch\n")
    assert "(it could allocate 1 byte: processMemoryLimit)" in job.run().expect(1).words
