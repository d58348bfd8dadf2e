"""The runner of the pages finds a page that is not true, and a block that nobody has thought about."""

from pathlib import Path

import pytest
from page_runner import PageRunner, Wrong, options_of_verbs, wrong_in
from snippets import blocks_of, printed

JOB = """apiVersion: parallelrun.dev/v1alpha1
kind: ParallelRunJob
metadata: {name: a-job}
spec:
  entryScript: /code/score.py
  inputs: [{name: data, source: {local: {path: data}}}]
  output: {source: {local: {path: out}}}
"""


ASKS = "$ bash -c 'while read -p \"more? \" word; do echo got $word; done'\nmore? one\ngot one\nmore? two\ngot two"
SERVES = "sh -c \"trap 'exit 130' INT; echo ready; while :; do sleep 0.1; done\""


@pytest.fixture
def verdict(tmp_path, package):
    runner = PageRunner(tmp_path, package)

    def of(language, text, comment=""):
        (block,) = blocks_of(Path("a.md"), f"{comment}\n```{language}\n{text}\n```\n")
        return runner.verdict(block)[0]

    return of


def test_what_is_true_passes(verdict):
    assert verdict("console", "$ echo one; echo two\n...\ntwo\n$ false || echo three") == "run"
    assert verdict("sh", "exit 3", "<!-- exit code: 3 -->") == "run"
    assert verdict("python", "import parallelrun") == "run"
    assert verdict("yaml", JOB) == "validated"
    assert verdict("yaml", "nodeCount: 4\nprocessCountPerNode: 2") == "validated"
    assert verdict("yaml", "operator: {replicas: 2}") == "validated"
    assert verdict("console", "$ rm -rf /", "<!-- not run: does harm -->") == "left out"
    assert verdict("sh", "cat a/b", "<!-- setup: mkdir a; touch a/b -->") == "run"
    assert verdict("console", ASKS, "<!-- typed behind: more? -->") == "run"
    assert verdict("console", f"$ {SERVES}\nready", "<!-- ended after: ready -->") == "run"
    assert verdict("yaml", "spec:\n  nodeCount: 4") == "validated"


@pytest.mark.parametrize(
    "language, text, comment, said",
    [
        ("console", "$ echo one\ntwo", "", "did not print 'two'"),
        ("console", "two\n$ echo two", "", "begins with output"),
        ("sh", "exit 3", "", "exit code 3, not 0"),
        ("sh", "true", "<!-- exit code: 1 -->", "exit code 0, not 1"),
        ("sh", "false\ntrue", "", "exit code 1"),
        ("python", "import parallelrum", "", "parallelrum"),
        ("python", "def f(:", "<!-- file: a.py -->", "invalid syntax"),
        ("yaml", JOB.replace("inputs", "input"), "", "did you mean 'inputs'"),
        ("yaml", "processCountPerNod: 4", "", "neither a ParallelRunJob"),
        ("yaml", "nodeCount: many", "", "nodeCount"),
        ("yaml", "operator: {replicants: 2}", "", "neither a ParallelRunJob"),
        ("yaml", "a: [", "", "no YAML"),
        ("yaml", "spec:\n  nodeCount: many", "", "nodeCount"),
        ("console", ASKS + "\ngot three", "<!-- typed behind: more? -->", "'got three'"),
        ("console", "$ echo more?", "<!-- typed behind: Pdb -->", "ended without"),
        ("console", "$ echo no", "<!-- ended after: ready -->", "ended without"),
        (
            "console",
            f"$ {SERVES.replace('130', '3')}\nready",
            "<!-- ended after: ready -->",
            "exit code 3 after Ctrl-C",
        ),
        (
            "console",
            "$ parallelrun list --nam=x",
            "<!-- checked by: tests/docs/test_runner.py -->",
            "no option",
        ),
        ("json", "{'a': 1}", "", "no JSON"),
        ("", "a picture", "", "no rule says"),
        ("console", "$ true", "<!-- not run: hm -->", "gives no reason"),
        ("text", "other", "<!-- output -->", "was not printed"),
        ("console", "$ parallelrun send job", "<!-- not run: needs a cluster -->", "no verb 'send'"),
        ("sh", "parallelrun list --nam=x", "<!-- not run: needs a cluster -->", "no option '--nam'"),
    ],
)
def test_what_is_not_true_is_found(verdict, language, text, comment, said):
    with pytest.raises((Wrong, SyntaxError), match=said.replace("(", r"\(")):
        verdict(language, text, comment)


@pytest.mark.parametrize(
    "text, wrong",
    [
        ("parallelrun scale first --nodes 8 -n team", None),
        ("kubectl parallelrun list -A", None),
        ("kubectl parallelrun lst", "no verb 'lst'"),
        ("parallelrun status --watc first", "no option '--watc'"),
    ],
)
def test_commands_in_a_text(text, wrong):
    found = wrong_in(text, options_of_verbs())
    assert found is None if wrong is None else wrong in found


def test_dots_stand_for_anything():
    assert printed(["a ... c", "...", "e"], "a b c\nd\ne\n") is None
    assert printed(["e", "a ... c"], "a b c\nd\ne\n") == "a ... c"
