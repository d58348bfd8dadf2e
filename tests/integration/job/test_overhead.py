"""A volume that does not answer costs a try, not the job [taskOverheadTimeout]."""

STALLS_ONCE = """
    import os, sys, time

    def init():
        reader = sys.modules["parallelrun_worker.tabular"].TabularInput
        read = reader.read

        def stalls_once(self, descriptor):
            try:
                os.close(os.open(os.environ["MARK"], os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return read(self, descriptor)
            time.sleep(1000)

        reader.read = stalls_once

    def run(mini_batch):
        return mini_batch["a"].tolist()
"""


def test_a_read_that_stalls_is_tried_again(job):
    for name in ("x.csv", "y.csv", "z.csv"):
        job.file(name, "a,b\n1,2\n3,4\n")
    job.tabular(columns={"a": "int64", "b": "int64"}).script(STALLS_ONCE)
    job.set(taskOverheadTimeout=1, runMaxTry=2, environment={"variables": {"MARK": str(job.root / "mark")}})
    job.run().expect(0)
    assert sorted(job.rows()) == ["1", "1", "1", "3", "3", "3"]
    assert job.failed_items() == []
    node = job.log("sys/node/*/process000.txt")
    assert "reading the data of mini-batch 0 did not end after 1 s (taskOverheadTimeout)" in node


def test_a_result_that_is_never_written_fails_in_the_end(job):
    job.files(3).set(miniBatchSize=1, taskOverheadTimeout=1, runMaxTry=2)
    job.script("""
        import os, time
        class Slow:
            def __str__(self):
                time.sleep(1000)
        def init():
            pass
        def run(mini_batch):
            return [Slow()] if mini_batch[0].endswith("1.txt") else mini_batch
    """)
    outcome = job.run().expect(0)
    assert len(job.rows()) == 2
    (failed,) = job.failed_items()
    assert failed["tries"] == 2
    assert "writing the result of mini-batch 1 did not end after 1 s (taskOverheadTimeout)" in str(failed)
    assert "taskOverheadTimeout" in outcome.words
    assert "__str__" in job.log("user/error/**/*"), "the stack tells where it stood"
