"""What a worker makes of what run() returns, in the output formats that have columns or keys."""

from worker_harness import FAILED, file_set


def returning(start, imports, output_format):
    """A function that lets run() return an expression, for a mini-batch of two files, and gives the worker's answer."""

    def run(launcher, expression, **config):
        text = imports + "def init(): pass\ndef run(mini_batch):\n    return %s\n" % expression
        worker = start(launcher, text, output_format=output_format, **config)
        worker.ready()
        return worker.run(file_set("/a/x", "/a/y"))

    return run


def assert_refused(answer, parts):
    assert answer.kind == FAILED, answer
    assert answer.error["phase"] == "result" and answer.items == 2
    for part in parts:
        assert part in answer.error["message"], answer.error
    assert answer.error["traceback"] == ""
