"""Beyond the table: fields set to odd values, one or two at a time. Server and `parallelrun validate` agree.

`PARALLELRUN_SEED` chooses other manifests, `PARALLELRUN_MANIFESTS` their number.
"""

import copy
import json
import os
import random
import subprocess

import pytest
import table
from checkout import PROGRAM
from server import as_clients_write
from waiting import PATIENCE

SEED = int(os.environ.get("PARALLELRUN_SEED", "1"))
MANIFESTS = int(os.environ.get("PARALLELRUN_MANIFESTS", "400"))

TEXTS = [
    "", " ", "a", "a b", "a/b", "/a", "/a/", "//a", "/a//b/", "/", "a/", "..", "../a", "a/..", "a/../b", "a..b/...c",
    ".", "./a", "/a/./b", "/a/.b", "a\nb", "a\tb", "\t", "-x", "--pre", "a:b", "/a:b", "é", "/é", "x" * 63, "x" * 64,
    "_a.b-c", "9a", "a$b", "$(output)", "$(inputs.one)", "$(inputs.two)", "$$(inputs.none)", "$(sideInputs.labels)",
    "$(labels)", "$(", "$)", "$$$(output)x", "0", "1", "01", "10", "-1", "+1", "1.0", "1KB", "0KB", "007MB", "1 KB",
    "8589934591GB", "8589934592GB", "9223372036854775807", "9223372036854775808", "1e3", "file", "tabular", "append_row",
    "summary_only", "INFO", "info", "logs", "_SUCCESS", ".parallelrun", "text", "csv", ";", ",", '"', "\r", "||", "utf-8",
    "latin 1", "/proc", "/proc/a", "/process", "/var", "/var/run", "/var//run/", "/var/run/secrets/a", "/run", "/runs",
    "/parallelrun", "/parallelrun2", "/dev/shm", "/sys/a", "true", "string", "int64", "a==1 ; python_version > '3'",
    "--resource_monitor_interval=1", "--resource_monitor_interval=x", "--resource_monitor_interval",
    "--error_threshold=-1", "--error_threshold=-2", "--allowed_failed_percent=50", "--allowed_failed_percent=x",
    "--task_overhead_timeout=0x1", "2Gi", "512Mi", "0Gi", "1.5Gi",
]  # fmt: skip
OTHERS = [
    True,
    False,
    0,
    1,
    -1,
    2,
    100,
    101,
    1.5,
    0.5,
    -0.5,
    2147483647,
    2147483648,
    2**63 - 1,
    2**63,
    [],
    {},
    ["a"],
]
VALUES = [*TEXTS, *OTHERS]

SPEC = {
    "file": {
        "sourceDirectory": {"configMap": {"name": "code"}},
        "entryScript": "run.py",
        "environment": {"image": "i:1", "variables": {"A": "b"}, "env": [{"name": "B", "value": "c"}]},
        "inputs": [
            {"name": "one", "type": "file", "source": {"hostPath": {"path": "/d"}, "subPath": "s"}},
            {"name": "two", "type": "file", "source": {"nfs": {"server": "s", "path": "/d"}}},
        ],
        "sideInputs": [
            {"name": "labels", "source": {"hostPath": {"path": "/l"}}, "mountPath": "/a/b"},
            {"name": "more", "source": {"hostPath": {"path": "/m"}}, "mountPath": "/c"},
        ],
        "output": {"source": {"persistentVolumeClaim": {"claimName": "o"}, "subPath": "out"}},
        "arguments": ["x", "--resource_monitor_interval", "60"],
    },
    "tabular": {
        "entryScript": "/run.py",
        "inputs": [
            {
                "name": "one",
                "type": "tabular",
                "source": {"hostPath": {"path": "/d"}},
                "columns": {"a": "bool"},
            }
        ],
        "output": {"source": {"hostPath": {"path": "/o"}}},
        "miniBatchSize": "1MB",
        "arguments": ["$(inputs.one)"],
    },
}
FIELDS = [
    ("entryScript",), ("sourceDirectory",), ("sourceDirectory", "subPath"), ("sourceDirectory", "configMap", "name"),
    ("sourceDirectory", "secret"), ("environment",), ("environment", "image"), ("environment", "requirements"),
    ("environment", "requirements", 0), ("environment", "requirementsFile"), ("environment", "condaFile"), ("environment", "wheels"), ("environment", "variables"),
    ("environment", "variables", "B"), ("environment", "variables", "a-b.c"), ("environment", "variables", "1"),
    ("environment", "env"), ("environment", "env", 0, "name"), ("environment", "env", 0, "value"),
    ("environment", "env", 0, "valueFrom"), ("inputs",), ("inputs", 0), ("inputs", 0, "name"), ("inputs", 0, "type"),
    ("inputs", 0, "source"), ("inputs", 0, "source", "subPath"), ("inputs", 0, "source", "hostPath"),
    ("inputs", 0, "source", "emptyDir"), ("inputs", 0, "source", "hostPath", "path"), ("inputs", 0, "glob"),
    ("inputs", 0, "columns"), ("inputs", 0, "columns", "a"), ("inputs", 0, "columns", ""), ("inputs", 0, "format"),
    ("inputs", 0, "delimiter"),
    ("inputs", 0, "encoding"), ("inputs", 1, "name"), ("inputs", 1, "type"), ("sideInputs",), ("sideInputs", 0, "name"),
    ("sideInputs", 0, "mountPath"), ("sideInputs", 1, "mountPath"), ("sideInputs", 1, "name"),
    ("sideInputs", 1, "source"), ("output",), ("output", "source"), ("output", "source", "subPath"),
    ("output", "source", "hostPath", "path"), ("output", "overwrite"), ("output", "mountOnWorkers"), ("output", "format"),
    ("arguments",), ("arguments", 0), ("arguments", 1), ("arguments", 2), ("miniBatchSize",), ("errorThreshold",),
    ("allowedFailedCount",), ("allowedFailedPercent",), ("outputAction",), ("appendRowFileName",), ("nodeCount",),
    ("processCountPerNode",), ("loggingLevel",), ("runInvocationTimeout",), ("initTimeout",),
    ("resourceMonitorInterval",), ("runMaxTry",), ("taskOverheadTimeout",), ("progressUpdateTimeout",),
    ("firstTaskCreationTimeout",), ("runRetryDelay",), ("maxMiniBatchesPerProcess",), ("restartAfterFailure",),
    ("isolateFailures",),
    ("processMemoryLimit",), ("sharedMemory",), ("inputs", 0, "naValues"), ("inputs", 0, "naValues", 0), ("allowReuse",), ("suspend",), ("ttlSecondsAfterFinished",),
    ("activeDeadlineSeconds",), ("managedBy",), ("resubmissionOf",), ("orchestrator",), ("worker",), ("unknown",),
]  # fmt: skip


def put(spec, path, value):
    """Sets one field where its parents are there or can be made; anything else leaves spec as it is."""
    place = spec
    for step, following in zip(path, path[1:]):
        empty = [] if isinstance(following, int) else {}
        if isinstance(step, int):
            if not isinstance(place, list) or step > len(place):
                return
            if step == len(place):
                place.append(empty)
            place = place[step]
        elif isinstance(place, dict):
            place = place.setdefault(step, empty)
        else:
            return
    last = path[-1]
    if isinstance(last, int):
        if isinstance(place, list) and last <= len(place):
            place[last : last + 1] = [value]
    elif isinstance(place, dict):
        place[last] = value


def manifests():
    chance = random.Random(SEED)
    for _ in range(MANIFESTS):
        spec = copy.deepcopy(SPEC[chance.choice(sorted(SPEC))])
        changes = []
        for _ in range(chance.choice((1, 1, 2))):
            path, value = chance.choice(FIELDS), chance.choice(VALUES)
            put(spec, path, copy.deepcopy(value))
            changes.append((path, value))
        yield (
            changes,
            table.merged(
                {
                    "apiVersion": "parallelrun.dev/v1alpha1",
                    "kind": "ParallelRunJob",
                    "metadata": {"name": "any"},
                },
                {"spec": spec},
            ),
        )


def by_design(spec):
    """What the resource knows more closely than the one-machine runner, which only looks at its shape."""
    if any(isinstance(spec.get(role), dict) and spec[role] for role in ("orchestrator", "worker")):
        return True
    managed_by = spec.get("managedBy")
    return isinstance(managed_by, str) and len(managed_by) > 63


def check_odd_values(jobs, tmp_path, record_property):
    if not PROGRAM.exists():
        pytest.skip(f"{PROGRAM} is not built")
    file = tmp_path / "job.json"
    differ, accepted = [], 0
    for changes, manifest in manifests():
        if by_design(manifest["spec"]):
            continue
        file.write_text(json.dumps(as_clients_write(manifest)), encoding="utf-8")
        here = subprocess.run([PROGRAM, "validate", file], capture_output=True, text=True, timeout=PATIENCE)
        there = jobs.create(manifest, dry_run=True)
        assert there.accepted or there.status in (400, 422), there
        accepted += there.accepted
        if (here.returncode == 0) != there.accepted:
            differ.append((changes, here.stderr.strip() or "valid", repr(there)))
    record_property("odd_manifests_accepted", f"{accepted} of {MANIFESTS}")
    assert MANIFESTS // 20 < accepted < MANIFESTS, "the manifests show one verdict only"
    told = "\n\n".join(f"{changes}\n  here: {here}\n  there: {there}" for changes, here, there in differ)
    assert not differ, f"{len(differ)} of {MANIFESTS} (seed {SEED}) differ:\n{told}"
