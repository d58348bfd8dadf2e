"""`helm test` with a volume; as who has installed the chart runs it, test_documentation.py has it."""

import json

NAME = "parallelrun-selftest"
HERE = "in this container: all 5 items succeeded"
THERE = "on the cluster: all 5 items succeeded"


def test_helm_test_with_a_volume(cluster, chart, space):
    output = space.volume("tested")
    chart.upgrade("--set", f"test.namespace={space.name}", "--set-json", f"test.output={json.dumps(output)}")
    try:
        cluster.helm("test", "parallelrun", "--namespace", "parallelrun", "--timeout", "240s")
        said = cluster.kubectl("logs", "-n", space.name, NAME)
    finally:
        chart.upgrade()
    assert HERE in said and THERE in said
    rows = space.read("tested/parallel_run_step.txt").splitlines()
    assert sorted(rows) == [f"text{i}.txt {i + 1}" for i in range(5)]
    assert space.job(NAME) is None
