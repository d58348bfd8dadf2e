"""`parallelrun resubmit` where the inputs lie in a store: an object is the same if its name, size and etag are."""

import pytest
from store_job import KEYS
from test_resubmit import FILES, TABLE, Resubmitted


class ResubmittedStore(Resubmitted):
    def resubmit(self, *options, **more):
        return super().resubmit("--credentials", self.job.credentials(KEYS), *options, **more)


@pytest.fixture
def again(job):
    job.set(miniBatchSize=5, runMaxTry=1)
    return ResubmittedStore(job)


def test_objects(again):
    job = again.job.objects(40).script(FILES)
    again.run(FAIL="f0007.txt")
    assert len(job.rows()) == 35
    finished = again.resubmit()
    assert again.items() == [f"f{number:04}.txt" for number in range(5, 10)], again.notes()
    assert finished["takenOver"]["items"] == 35
    assert sorted(job.rows()) == [f"f{number:04}.txt:x{number}" for number in range(40)]
    job.bucket.put("in/f0021.txt", "other")
    job.bucket.put("in/g.txt", "new")
    again.resubmit()
    assert again.items() == [*(f"f{number:04}.txt" for number in range(20, 25)), "g.txt"], again.notes()
    assert len(job.rows()) == 41 and "f0021.txt:other" in job.rows() and "g.txt:new" in job.rows()


@pytest.mark.parametrize("order", ["any", "input"])
def test_tables(again, order):
    job = again.job.script(TABLE.replace("RESULT", "keys"))
    for file in "abc":
        rows = "".join(f"{file}{number:03},{number}\n" for number in range(200))
        job.bucket.put(f"in/{file}.csv", "key,value\n" + rows)
    job.tabular(format="csv").spec["inputs"][0].update(source=job.source("in"))
    job.spec["output"].update(order=order)
    job.set(miniBatchSize=300)
    again.run(FAIL="b150")
    failed = sum(item["count"] for item in job.failed_items())
    assert 0 < failed < 100
    again.resubmit()
    assert len(again.items()) == failed and "b150" in again.items(), again.notes()
    keys = [f"{file}{number:03}" for file in "abc" for number in range(200)]
    assert (job.rows() if order == "input" else sorted(job.rows())) == keys
    # That one is complete.
    job.bucket.put("in/c.csv", "key,value\nc000,1\n")
    again.resubmit()
    assert again.items() == ["c000"], again.notes()
    assert (job.rows() if order == "input" else sorted(job.rows())) == keys[:401]


@pytest.mark.parametrize("kind", ["file", "csv"])
def test_keys_of_paths(again, kind):
    """A mini-batch of which one object changed runs again, and no other."""
    job = again.job.script(
        """
        import os
        def init(): pass
        def run(mini_batch, context):
            key = context.partition_key_value["user"]
            if key == os.environ.get("FAIL"): raise ValueError(key)
            with open(os.environ["CALLS"], "a") as seen: seen.write(key + "\\n")
            return [key] * len(mini_batch)
        """
    )
    for number in range(12):
        job.bucket.put(f"in/user={number % 4}/{number:02}.csv", f"n\n{number}\n")
    given = {"name": "all", "type": "tabular" if kind == "csv" else "file", "source": job.source("in")}
    job.spec.pop("miniBatchSize")
    job.set(inputs=[given], partitionKeys=["user"])
    again.run(FAIL="2")
    again.resubmit()
    assert again.items() == ["2"], again.notes()
    job.bucket.put("in/user=1/05.csv", "n\n55\n")
    again.resubmit()
    assert again.items() == ["1"], again.notes()
    assert sorted(job.rows()) == sorted("0123" * 3)
