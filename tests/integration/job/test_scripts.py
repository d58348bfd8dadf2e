"""What an entry script can rely on."""

import os
import zipfile

from waiting import PATIENCE


def test_each_file_once_with_two_agents_of_two_processes(job):
    job.files(101).set(nodeCount=2, processCountPerNode=2, miniBatchSize=7)
    job.script("""
        import os
        def init():
            global ready
            ready = True
        def run(mini_batch):
            assert ready and len(mini_batch) <= 7
            return [os.path.basename(path) for path in mini_batch]
    """)
    job.run().expect(0)
    assert sorted(job.rows()) == [f"f{i:06}.txt" for i in range(101)]
    assert (job.out / "_SUCCESS").read_bytes() == b""
    assert job.failed_items() == []


def test_a_complete_job_is_not_run_again(job):
    job.files(3).script("def init(): pass\ndef run(b): return b\n")
    job.run().expect(0)
    before = (job.out / "parallel_run_step.txt").stat().st_mtime_ns
    again = job.run().expect(0)
    assert "already" in again.words.lower()
    assert (job.out / "parallel_run_step.txt").stat().st_mtime_ns == before
    assert job.set(allowReuse=False).run().expect(2)


def test_script_folder_arguments_and_siblings(job):
    (job.code / "table").mkdir()
    (job.code / "table" / "words.txt").write_text("sibling")
    (job.root / "labels").mkdir()
    (job.root / "labels" / "l.txt").write_text("label")
    job.script("WORD = 'imported'\n", "sibling.py")
    job.set(
        sideInputs=[{"name": "labels", "source": {"local": {"path": "labels"}}}],
        arguments=[
            "--labels",
            "$(sideInputs.labels)",
            "--raw",
            "$$(output)",
            "--in=$(inputs.files)",
            "--out",
            "$(output)",
        ],
    )
    job.files(1).script("""
        import os, sys
        import sibling
        def init():
            pass
        def run(mini_batch):
            here = os.path.dirname(os.path.realpath(__file__))
            labels = sys.argv[sys.argv.index("--labels") + 1]
            return [" ".join([sibling.WORD, open("table/words.txt").read(), open(os.path.join(labels, "l.txt")).read(),
                              str(os.getcwd() == here == sys.path[0]), sys.argv[0] == __file__ and "argv0" or sys.argv[0],
                              sys.argv[4], sys.argv[5].split("=")[1], sys.argv[7]])]
    """)
    job.run().expect(0)
    assert job.rows() == [f"imported sibling label True argv0 $(output) {job.data} {job.out}"]


def test_entry_script_logger_level_streams_and_model(job):
    (job.root / "model").mkdir()
    (job.root / "model" / "weights").write_text("42")
    job.set(sideInputs=[{"name": "mnist", "source": {"local": {"path": "model"}}}], loggingLevel="INFO")
    job.files(2).script("""
        import os, sys
        from azureml.core import Model
        from azureml_user.parallel_run import EntryScript
        def init():
            global weights
            weights = open(os.path.join(Model.get_model_path("mnist"), "weights")).read()
            with open(os.path.join(EntryScript().log_dir, "own.txt"), "w") as f: f.write(EntryScript().agent_name)
            EntryScript().logger.debug("hidden words")
            EntryScript().logger.info("seen words")
        def run(mini_batch):
            assert EntryScript() is EntryScript()
            print("printed words")
            os.system("echo words of a child")
            os.write(2, b"native words\\n")
            return [weights for _ in mini_batch]
        def shutdown():
            print("shut down")
    """)
    job.run().expect(0)
    assert job.rows() == ["42", "42"]
    logged = job.log("user/entry_script_log/*/*.log.txt")
    assert "seen words" in logged and "hidden words" not in logged
    printed = job.log("user/stdout/*/*.stdout.txt")
    assert "printed words" in printed and "words of a child" in printed and "shut down" in printed
    assert "native words" in job.log("user/stderr/*/*.stderr.txt")
    assert job.log("user/log_dir/127.0.0.1/own.txt") == "agent000"


def test_mini_batch_context_and_two_inputs_that_never_mix(job):
    (job.root / "other").mkdir()
    for i in range(5):
        (job.root / "other" / f"o{i}").write_text("")
    job.files(5).set(miniBatchSize=3)
    job.spec["inputs"].append({"name": "second", "type": "file", "source": {"local": {"path": "other"}}})
    job.script("""
        import os
        def init(): pass
        def run(mini_batch, mini_batch_context):
            c = mini_batch_context
            names = {os.path.basename(os.path.dirname(p)) for p in mini_batch}
            return [f"{c.minibatch_index} {c.dataset} {len(mini_batch)} {'+'.join(sorted(names))}"] * len(mini_batch)
    """)
    job.run().expect(0)
    assert sorted(set(job.rows())) == [
        "0 files 3 data",
        "1 files 2 data",
        "2 second 3 other",
        "3 second 2 other",
    ]


def test_a_relative_python_path_is_meant_from_where_the_command_was_given(job):
    (job.root / "lib").mkdir()
    (job.root / "lib" / "from_lib.py").write_text("WORD = 'lib'\n")
    (job.root / "from_here.py").write_text("WORD = 'here'\n")
    job.files(1).script("""
        import from_here, from_lib
        def init(): pass
        def run(mini_batch): return [from_lib.WORD + from_here.WORD]
    """)
    process = job.start(env=job.environment(PYTHONPATH="lib:"), cwd=job.root)
    assert process.communicate(timeout=PATIENCE) and process.returncode == 0
    assert job.rows() == ["libhere"]


def test_environment_variables_and_one_gpu_for_each_process(job):
    job.set(environment={"variables": {"GREETING": "hello"}}, processCountPerNode=2, miniBatchSize=1)
    # Each waits until the other one is at work too.
    (job.root / "here").mkdir()
    job.files(40).script("""
        import os, time
        here = "../here"
        def init(): pass
        def run(mini_batch):
            open(os.path.join(here, os.environ["CUDA_VISIBLE_DEVICES"]), "w").close()
            deadline = time.monotonic() + 60
            while len(os.listdir(here)) < 2 and time.monotonic() < deadline: time.sleep(0.01)
            return [os.environ["GREETING"] + " " + os.environ["CUDA_VISIBLE_DEVICES"]]
    """)
    job.run(env=job.environment(CUDA_VISIBLE_DEVICES="3,5")).expect(0)
    assert set(job.rows()) == {"hello 3", "hello 5"}


def test_rows_of_every_kind_of_result(job):
    job.tabular().set(miniBatchSize="1MB")
    job.file("a.csv", 'name,value,text\nx,1,"a b"\ny,2,"line\nbreak"\n')
    job.script("def init(): pass\ndef run(frame): return frame\n")
    job.run().expect(0)
    assert len(job.rows()) == 2
    assert job.rows()[0] == 'x 1 "a b"'
    assert "line\\nbreak" in job.rows()[1]


def test_csv_values_are_pandas_values_across_slices(job):
    rows = [f"{i},{i * 0.5},{'yes' if i % 3 else ''},00{i % 7}" for i in range(2000)]
    job.file("big.csv", "id,half,maybe,code\n" + "\n".join(rows) + "\n")
    job.tabular(columns={"code": "string"}).set(miniBatchSize="1KB", processCountPerNode=2)
    job.script("""
        def init(): pass
        def run(frame, mini_batch_context):
            assert list(frame.columns) == ["id", "half", "maybe", "code"]
            assert str(frame["id"].dtype) == "int64" and str(frame["half"].dtype) == "float64", frame.dtypes
            return [f"{r.id}|{r.half}|{r.maybe}|{r.code}" for r in frame.itertuples()]
    """)
    job.run().expect(0)
    expected = [f"{i}|{i * 0.5}|{'yes' if i % 3 else 'nan'}|00{i % 7}" for i in range(2000)]
    assert sorted(job.rows()) == sorted(expected)


def test_summary_only_counts_without_a_row_file(job):
    job.set(outputAction="summary_only", miniBatchSize=2).files(5)
    job.script("""
        import os
        from azureml_user.parallel_run import EntryScript
        def init(): pass
        def run(mini_batch):
            for path in mini_batch:
                with open(os.path.join(EntryScript().output_dir, "own-" + os.path.basename(path)), "w") as f:
                    f.write("x")
            return mini_batch[:1]
    """)
    job.run().expect(0)
    assert len([n for n in os.listdir(job.out) if n.startswith("own-")]) == 5
    assert not (job.out / "parallel_run_step.txt").exists()
    assert job.result()["itemsFailed"] == 2


def test_surrogate_file_names_and_line_breaks_survive(job):
    name = b"caf\xe9 \n.txt"
    with open(os.path.join(os.fsencode(job.data), name), "wb"):
        pass
    job.script("""
        import os
        def init(): pass
        def run(mini_batch): return [os.path.basename(p) for p in mini_batch]
    """)
    job.run().expect(0)
    assert (job.out / "parallel_run_step.txt").read_bytes() == b"caf\xe9 \\n.txt\n"


def make_wheel(wheel, value):
    """A wheel: to build one, pip would ask a package index for setuptools."""
    info = "tinydep-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tinydep/__init__.py", f"VALUE = {value!r}\n")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tinydep\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in archive.namelist()))


def test_requirements_are_installed_once_and_follow_what_they_read(job, tmp_path):
    """A requirements file that includes another, which names a package by a path below the source directory."""
    job.files(1).script("import tinydep\ndef init(): pass\ndef run(b): return [tinydep.VALUE]\n")
    (job.code / "wheels").mkdir()
    (job.code / "deps").mkdir()
    (job.code / "requirements.txt").write_text("-r deps/base.txt\n")
    (job.code / "deps" / "base.txt").write_text("./wheels/tinydep-1.0-py3-none-any.whl\n")
    (job.code / "optparse.py").write_text("raise SystemExit('not the one of Python')\n")
    make_wheel(job.code / "wheels" / "tinydep-1.0-py3-none-any.whl", "first")
    job.set(environment={"requirementsFile": "requirements.txt"})
    env = job.environment(XDG_CACHE_HOME=str(tmp_path / "cache"), PIP_NO_INDEX="1")

    def installs():
        return job.log("sys/node/127.0.0.1/environment.txt").count(" -m pip install ")

    job.run(env=env, timeout=300).expect(0)
    assert job.rows() == ["first"] and installs() == 1
    job.run("--overwrite", "--set", "miniBatchSize=11", env=env).expect(0)
    assert job.rows() == ["first"] and installs() == 0, "it is cached"
    make_wheel(job.code / "wheels" / "tinydep-1.0-py3-none-any.whl", "second")
    refused = job.run("--set", "miniBatchSize=11", env=env).expect(2)
    assert "code: wheels/tinydep-1.0-py3-none-any.whl changed" in refused.stderr
    job.run("--overwrite", "--set", "miniBatchSize=11", env=env, timeout=300).expect(0)
    assert job.rows() == ["second"] and installs() == 1


def test_requirements_that_do_not_exist_fail_the_job_with_their_name(job, tmp_path):
    job.set(environment={"requirements": ["no-such-package-at-all==9.9.9"]})
    job.files(1).script("def init(): pass\ndef run(b): return b\n")
    env = job.environment(XDG_CACHE_HOME=str(tmp_path / "cache"), PIP_NO_INDEX="1")
    outcome = job.run(env=env, timeout=300).expect(1)
    assert "no-such-package-at-all" in outcome.words
    assert "no-such-package-at-all" in job.overview()
