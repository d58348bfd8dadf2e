"""`parallelrun replay` of jobs whose data lies in a store: the objects of one mini-batch come here, and nothing stays."""

import signal

import pytest
import yaml
from job_folder import JobFolder
from replayed import Replayed
from store_job import KEYS
from terminal import Terminal
from waiting import PATIENCE, wait_for

FILES = """
    import os
    def init(): pass
    def run(mini_batch):
        rows = []
        for path in mini_batch:
            text = open(path).read()
            rows.append(f"{os.path.basename(path)}:{int(text)}")
        return rows
"""


class OfStore(Replayed):
    """The same; what was fetched is gone after each replay."""

    def run(self, *options, code=0):
        self.job.set(runMaxTry=1, runRetryDelay=0)
        self.job.run(*options).expect(code)
        return self

    def replay(self, *words, **more):
        done = super().replay(*words, **more)
        assert self.job.left_in_cache() == []
        return done


@pytest.fixture
def numbers(job):
    """12 objects by 4, of which f0005.txt holds no number: mini-batch 1 fails."""
    job.objects(12, "7").script(FILES).set(miniBatchSize=4)
    job.bucket.put("in/f0005.txt", "seven")
    return OfStore(job).run()


def test_objects_of_a_mini_batch(numbers):
    """With the keys that the job was given, and with no more objects than the mini-batch has."""
    asked = [numbers.job.proxy.gets_of(f"f{number:04}.txt") for number in range(12)]
    done = numbers.replay(1, code=1)
    assert "replay: run() gets 4 items" in done.stderr and "number of" not in done.stderr
    assert "ValueError: invalid literal for int() with base 10: 'seven'" in done.stderr
    assert "note:" not in done.stderr
    assert numbers.replay(1, "f0004.txt").stdout == "f0004.txt:74\n"
    assert numbers.replay(1, 1, code=1).stderr.count("run() gets 1 item\n") == 1
    assert numbers.replay(2).stdout.splitlines() == [
        "f0008.txt:78",
        "f0009.txt:79",
        "f0010.txt:710",
        "f0011.txt:711",
    ]
    again = [numbers.job.proxy.gets_of(f"f{number:04}.txt") for number in range(12)]
    assert again[:4] == asked[:4] and all(now > then for now, then in zip(again[4:], asked[4:], strict=True))


def test_an_object_that_changed_since_is_not_replayed(numbers):
    numbers.job.bucket.put("in/f0009.txt", "5555")
    done = numbers.replay(2, code=1)
    assert "f0009.txt" in done.stderr and "changed" in done.stderr and "run()" not in done.stderr
    numbers.job.bucket.delete("in/f0010.txt")
    assert "f0010.txt" in numbers.replay(2, 2, code=1).stderr
    assert numbers.replay(2, 3).stdout == "f0011.txt:711\n"


def test_credentials_of_another_file_wrong_ones_and_none(numbers):
    numbers.job.proxy.accepted_key = "test-key"
    wrong = numbers.job.credentials(KEYS.replace("test-key", "another"), name="wrong").removeprefix("wrong=")
    done = numbers.replay(2, "--credentials", f"keys={wrong}", code=2)
    assert "input 'files'" in done.stderr and "wrong.yaml" in done.stderr and "a-Secret" not in done.stderr
    (numbers.job.root / "keys.yaml").unlink()
    assert "keys.yaml" in numbers.replay(2, code=2).stderr
    right = numbers.job.credentials(KEYS, name="right").removeprefix("right=")
    assert "f0008.txt:78" in numbers.replay(2, "--credentials", f"keys={right}").stdout


def test_the_script_has_no_credentials(job):
    """Those of the environment are the data process' alone, as in the job."""
    del job.spec["inputs"][0]["source"]["s3"]["credentials"]
    job.objects(2, "7").set(miniBatchSize=4).script(
        """
        import os
        def init(): pass
        def run(mini_batch):
            return [sorted(name for name in os.environ if name.startswith(("AWS_", "PARALLELRUN_DATA")))] * 2
        """
    )
    keys = yaml.safe_load(KEYS)
    of_aws = {"AWS_ACCESS_KEY_ID": keys["accessKeyId"], "AWS_SECRET_ACCESS_KEY": keys["secretAccessKey"]}
    job.set(runMaxTry=1)
    JobFolder.run(job, env=job.environment(**of_aws)).expect(0)
    replayed = OfStore(job).replay(0, **of_aws)
    assert replayed.stdout == "[]\n[]\n"
    assert (
        "note: the script does not get AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, whose credentials the job's stores use"
        in replayed.stderr
    )


def test_a_table_and_one_row_of_it(job):
    rows = [f"{i},{-i if i in (11, 13) else i}" for i in range(2000)]
    job.bucket.put("in/t.csv", "key,value\n" + "\n".join(rows) + "\n")
    job.spec["inputs"][0]["type"] = "tabular"
    job.set(miniBatchSize="4KB").script(
        """
        def init(): pass
        def run(mini_batch):
            if (mini_batch["value"] < 0).any(): raise ValueError(str(list(mini_batch["value"])))
            return mini_batch["value"] * 2
        """
    )
    table = OfStore(job).run()
    assert "-11, 12, -13" in table.replay(0, code=1).stderr
    assert "ValueError: [-11]" in table.replay(0, 11, code=1).stderr
    assert table.replay(0, 12).stdout == "24\n"
    rows = table.replay(1).stdout.splitlines()
    assert rows and set(rows) < set(job.rows())


def test_a_query_of_a_database(sql_job, postgres):
    postgres.sql("create table t (id bigint primary key, name text)")
    postgres.sql(
        "insert into t select n, 'n' || n from generate_series(1, 100) n; grant select on t to reader"
    )
    sql_job.table(table="t").script(
        """
        def init(): pass
        def run(mini_batch):
            return [f"{row.id} {row.name}" for row in mini_batch.itertuples()]
        """
    )
    query = OfStore(sql_job).run()
    assert sorted(query.replay(0).stdout.splitlines()) == sorted(sql_job.rows())


def test_side_inputs_and_code_of_a_store(job):
    job.bucket.put("model/weights.txt", "7")
    job.bucket.put(
        "code/script.py",
        "import sys\ndef init(): pass\ndef run(mini_batch):\n    return [open(sys.argv[1] + '/weights.txt').read()] * len(mini_batch)\n",
    )
    job.objects(3).set(miniBatchSize=4, entryScript="script.py", sourceDirectory=job.source("code"))
    job.set(sideInputs=[{"name": "model", "source": job.source("model")}], arguments=["$(sideInputs.model)"])
    assert OfStore(job).run().replay(0).stdout == "7\n7\n7\n"


def test_the_debugger_has_the_terminal(numbers):
    before = numbers.state()
    terminal = Terminal(numbers.command(1, "--pdb"), {**numbers.job.environment(), "TERM": "dumb"})
    terminal.until("(Pdb) ")
    terminal.type("p len(mini_batch)")
    assert "4\r\n" in terminal.until("(Pdb) ")
    terminal.type("c")
    assert "run() failed: ValueError" in terminal.until("(Pdb) ")
    terminal.type("q")
    _, status = terminal.end()
    assert status == 1
    assert numbers.state() == before and numbers.job.left_in_cache() == []


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_script_and_data_process(numbers, number, code):
    numbers.job.script(
        """
        import time
        def init(): pass
        def run(mini_batch):
            print("at work", flush=True)
            time.sleep(600)
        """
    )
    process = numbers.start(0)
    assert process.stdout.readline() == "at work\n"
    assert numbers.job.left_in_cache() != []
    process.send_signal(number)
    out, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == code, out + said
    wait_for(lambda: numbers.job.left_in_cache() == [], "nothing of the data process is left")
