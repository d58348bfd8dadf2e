"""Column types of a whole job: what the sample does not show."""

import json

COUNT = """
def init(): pass
def run(mini_batch):
    return ["%s %s" % (kind, value) for kind, value in zip([str(mini_batch["late"].dtype)] * len(mini_batch), mini_batch["late"])]
"""


def fill(job, late, size=12 << 20):
    """A file of which a third is in no sample; `late` is the value of its second column in one row there."""
    pad = "x" * 90
    records = (size // 100) + 1
    lines = ["id,late,pad\n"] + ["%07d,,%s\n" % (i, pad) for i in range(records)]
    width = len(lines[1])
    step = (records * width - (32 << 10)) // 255
    for piece in range(100, 104):  # behind the piece of 32 KiB that begins here
        row = (piece * step + (40 << 10)) // width
        lines[row] = lines[row].replace(",,", ",%s," % late)
    job.file("a.csv", "".join(lines))
    return records


def test_a_column_without_values_in_the_sample_gets_its_type_with_the_first(embedded_job):
    job = embedded_job.script(COUNT).tabular().set(miniBatchSize="512KB", processCountPerNode=2, runMaxTry=1)
    records = fill(job, "NOTE")
    job.run().expect(0)
    assert job.failed_items() == []
    rows = job.rows()
    assert len(rows) == records
    assert sum(row.endswith(" NOTE") for row in rows) == 4
    (types,) = json.loads((job.out / ".parallelrun" / "types.json").read_text())
    assert types["types"] == {"id": "int64", "late": "string", "pad": "string"}


def test_what_another_try_cannot_mend_is_tried_once(embedded_job):
    job = embedded_job.script("def init(): pass\ndef run(b): return list(b['a'])\n")
    job.file("a.csv", "a,b\n1,2\n").file("b.csv", "a,b\n1,2\n3\n").file("c.csv", "a,b\n5,x\n")
    job.tabular(columns={"a": "int64", "b": "int64"}).set(runMaxTry=3)
    job.run().expect(0)
    tries = {item["file"].rpartition("/")[2]: item["tries"] for item in job.failed_items()}
    assert tries == {"b.csv": 1, "c.csv": 1}
    assert job.rows() == ["1"]


def test_a_record_that_cannot_be_read_hides_no_types(embedded_job):
    """Of a sample in one piece too: the types of the others are known, and the same in each mini-batch."""
    job = embedded_job.tabular().set(miniBatchSize=8, runMaxTry=1)
    job.script("def init(): pass\ndef run(b): return [str(b['k'].dtype)] * len(b)\n")
    for name, bad in (
        ("fields", b"6,5\n7,1,1\n8,1\n"),
        ("bytes", b"6,5\n\xff,1\n8,1\n"),
        ("quotes", b'6,5\n"7",1,1\n8,1\n'),
    ):
        job.out = job.root / name
        job.set(output={"source": {"local": {"path": name}}})
        job.file("a.csv", b"k,n\n1,1\n2,2\n3.5,4\n5,5\n" + bad)
        job.run().expect(0)
        assert set(job.rows()) == {"float64"}, name
        (line,) = job.failed_items()
        assert line["error"]["type"] in ("FieldCount", "ParserError", "UnicodeDecodeError", "ValueError"), (
            line
        )
