"""Whatever stands at a place of a file: it is converted, or named, or the file is refused. It never ends in a traceback."""

import ast
import copy
import shutil
from importlib import import_module
from pathlib import Path

import pytest
import yaml

SAMPLES = Path(__file__).parent / "convert"
VALUES = [None, 3, "- a 'b", [], [1], {"a": 1}, "${{parent.jobs.a.outputs.b}}"]
EXPRESSIONS = ["None", "x", "'a'", "[1]", "f(y)", "{'a': x}", "f'{z:03d}'"]


@pytest.fixture
def convert(parallelrun):
    """convert(path) -> how many jobs came out, 0 where the file was refused."""
    command, report = (import_module(f"parallelrun._convert.{name}") for name in ("command", "report"))

    def run(path):
        try:
            jobs = command.convert(str(path), report.Report(str(path)))
        except report.NotConvertible:
            return 0
        for job in jobs:
            command.manifest_text(job.manifest, "file", "/nowhere", None)
        return len(jobs)

    return run


def places(value, path=()):
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from places(each, (*path, key))


def replaced(value, path, new):
    if not path:
        return new
    changed = copy.deepcopy(value)
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = new
    return changed


@pytest.mark.parametrize(
    ("changed", "converted"),
    [
        ("pipeline/pipeline.yml", None),
        ("pipeline/neural-iris-mltable/MLTable", "pipeline/pipeline.yml"),
        ("component/parallel.yml", None),
        ("chain/pipeline.yml", None),
        ("chain/first.yml", "chain/pipeline.yml"),
        ("v2_assets/pipeline.yml", None),
        ("deployment/deployment.yml", None),
        ("deployment_old/deployment.yml", None),
    ],
)
def test_any_value_at_any_place_of_yaml(convert, tmp_path, changed, converted):
    shutil.copytree(SAMPLES, tmp_path / "convert")
    file = tmp_path / "convert" / changed
    document = yaml.safe_load(file.read_text())
    count = 0
    for path in places(document):
        for value in VALUES:
            file.write_text(yaml.safe_dump(replaced(document, path, value)))
            try:
                count += convert(tmp_path / "convert" / (converted or changed)) > 0
            except Exception as error:
                raise AssertionError(f"{value!r} at {path} of {changed}") from error
    assert count > 50


@pytest.mark.parametrize("sample", ["v1_program", "v1_registered"])
def test_any_expression_at_any_place_of_a_program(convert, tmp_path, sample):
    text = (SAMPLES / sample / "program.py").read_bytes()
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    count = 0
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.expr) or not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            continue
        begin = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        for expression in EXPRESSIONS:
            (tmp_path / "program.py").write_bytes(text[:begin] + expression.encode() + text[end:])
            try:
                count += convert(tmp_path / "program.py") > 0
            except Exception as error:
                raise AssertionError(f"{expression} at line {node.lineno}: {ast.unparse(node)}") from error
    assert count > 500
