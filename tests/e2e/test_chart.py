"""`helm test`, as who has installed the chart runs it."""

import json

NAME = "parallelrun-selftest"
HERE = "in this container: all 5 items succeeded"
THERE = "on the cluster: all 5 items succeeded"
NO_CLASS = "this cluster has no default StorageClass"


def has_default_class(cluster):
    return any(
        item["metadata"].get("annotations", {}).get("storageclass.kubernetes.io/is-default-class") == "true"
        for item in cluster.items("storageclasses")
    )


def test_helm_test_as_installed(cluster, chart):
    said = cluster.helm("test", "parallelrun", "--namespace", "parallelrun", "--logs", "--timeout", "240s")
    assert HERE in said
    if has_default_class(cluster):
        assert THERE in said
    else:
        assert NO_CLASS in said and THERE not in said
    assert cluster.get("-n", "parallelrun", "parallelrunjobs.parallelrun.dev", NAME) is None
    assert cluster.get("-n", "parallelrun", "persistentvolumeclaim", NAME) is None


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
