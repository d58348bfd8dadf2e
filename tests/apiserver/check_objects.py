"""Jobs as objects: defaults, what dropping unknown fields leaves, scale, status, columns, and the bounds."""

import subprocess

import pytest
import table
import yaml
from checkout import PROGRAM
from waiting import PATIENCE

# What common/spec/job_spec.h has as defaults, as far as they do not depend on other fields.
DEFAULTS = {
    "outputAction": "append_row",
    "appendRowFileName": "parallel_run_step.txt",
    "nodeCount": 1,
    "processCountPerNode": 1,
    "loggingLevel": "INFO",
    "runInvocationTimeout": 60,
    "runMaxTry": 3,
    "runRetryDelay": 1,
    "maxMiniBatchesPerProcess": 0,
    "restartAfterFailure": False,
    "isolateFailures": False,
    "allowReuse": True,
    "suspend": False,
}
VOLUME = {"persistentVolumeClaim": {"claimName": "data"}}
MINIMAL = {
    "apiVersion": "parallelrun.dev/v1alpha1",
    "kind": "ParallelRunJob",
    "metadata": {"name": "minimal"},
    "spec": {
        "entryScript": "/opt/run.py",
        "inputs": [{"name": "images", "source": VOLUME}],
        "output": {"source": {"persistentVolumeClaim": {"claimName": "results"}}},
    },
}


@pytest.fixture
def minimal(jobs):
    made = jobs.create(MINIMAL)
    assert made.accepted, made
    return made.body


# ---- defaults


def check_defaults(minimal):
    spec = minimal["spec"]
    written = MINIMAL["spec"]
    assert {key: spec[key] for key in spec if key not in written} == DEFAULTS
    assert spec["inputs"] == written["inputs"], "of an input's type its dataset may decide"
    assert spec["output"] == {
        **written["output"],
        "overwrite": False,
        "mountOnWorkers": False,
        "format": "text",
        "addContext": False,
        "order": "any",
    }


def check_defaulted_job_round_trips(jobs, minimal):
    again = jobs.server.request("PUT", jobs.path("minimal"), minimal)
    assert again.accepted, again
    assert again.body["metadata"]["generation"] == 1
    assert again.body["metadata"]["resourceVersion"] == minimal["metadata"]["resourceVersion"]
    copy = {**MINIMAL, "metadata": {"name": "copy"}, "spec": minimal["spec"]}
    assert jobs.create(copy).body["spec"] == minimal["spec"]


def check_runner_reads_what_the_server_stored(jobs, minimal):
    """The operator and the orchestrator parse the stored object with the code behind `validate`."""
    if not PROGRAM.exists():
        pytest.skip(f"{PROGRAM} is not built")
    for manifest in (MINIMAL, table.base("file"), table.base("tabular")):
        name = manifest["metadata"]["name"]
        jobs.create(manifest)
        text = yaml.safe_dump(jobs.get(name))
        done = subprocess.run(
            [PROGRAM, "validate", "-"], input=text, capture_output=True, text=True, timeout=PATIENCE
        )
        assert done.returncode == 0, done.stdout + done.stderr


def check_null_is_absent(jobs):
    manifest = table.merged(MINIMAL, {})
    manifest["spec"] = {**MINIMAL["spec"], "nodeCount": None, "sideInputs": None, "environment": None}
    made = jobs.create(manifest)
    assert made.accepted, made
    assert made.body["spec"]["nodeCount"] == 1
    assert "environment" not in made.body["spec"]


# ---- clients that do not validate strictly


def check_unknown_fields_are_dropped(jobs):
    manifest = table.merged(MINIMAL, {"spec": {"fromTheFuture": 1, "worker": {"unheardOf": {"a": 1}}}})
    made = jobs.create(manifest, strict=False)
    assert made.accepted, made
    assert "fromTheFuture" not in made.body["spec"]
    assert made.body["spec"]["worker"] == {}


def check_a_misspelt_source_is_no_source(jobs):
    source = {"persistentVolumeClam": {"claimName": "data"}}
    manifest = table.merged(MINIMAL, {"spec": {"inputs": [{"name": "images", "source": source}]}})
    made = jobs.create(manifest, strict=False)
    assert made.status == 422
    assert "must name exactly one source" in made.message


# ---- edges of the rules that the table has no case for


@pytest.mark.parametrize(
    ("size", "fits"),
    [
        ("9223372036854775807", True),
        ("9223372036854775808", False),
        ("9007199254740991KB", True),
        ("9007199254740992KB", False),
        ("8796093022207MB", True),
        ("8796093022208MB", False),
        ("8589934591GB", True),
        ("8589934592GB", False),
        ("0010MB", True),
    ],
)
def check_largest_sizes(jobs, size, fits):
    manifest = table.base("tabular", {"spec": {"miniBatchSize": size}})
    assert jobs.create(manifest, dry_run=True).accepted == fits


@pytest.mark.parametrize(
    ("argument", "fits"),
    [
        ("$$$(output)", True),
        ("$$$$(anything", True),
        ("$", True),
        ("a$b$$c$$", True),
        ("inputs.none)", True),
        ("$$(inputs.none)", True),
        ("$(output)$(inputs.images)$(sideInputs.labels)", True),
        ("$(output)$(output)$(inputs.none)", False),
        ("$$($(inputs.none)", False),
        ("$(inputs.image)", False),
        ("$(inputs.)", False),
        ("$()", False),
        ("$(a$(output))", False),
        ("--resource_monitor_interval=2147483647", True),
        ("--resource_monitor_interval=", False),
        ("--resource_monitor_intervals=x", True),
        ("--task_overhead_timeout=60", True),
        ("--first_task_creation_timeout=1.5", False),
        ("--error_threshold=-1", True),
        ("--error_threshold=-2", False),
        ("--allowed_failed_percent=2.5", True),
        ("--allowed_failed_percent=few", False),
        ("line\nbreak $(output)", True),
    ],
)
def check_placeholders(jobs, argument, fits):
    manifest = table.base("file", {"spec": {"arguments": ["a", argument]}})
    answer = jobs.create(manifest, dry_run=True)
    assert answer.accepted == fits, answer


HOST = {"hostPath": {"path": "/l"}}


@pytest.mark.parametrize(
    ("field", "patch"),
    [
        ("spec.entryScript", {"entryScript": "src/"}),
        ("spec.environment.requirementsFile", {"environment": {"requirements": None, "requirementsFile": ""}}),
        ("spec.environment.condaFile", {"environment": {"requirements": None, "condaFile": ""}}),
        ("spec.environment.wheels", {"environment": {"wheels": ""}}),
        ("spec.allowedFailedCount", {"allowedFailedCount": 2147483648}),
        ("spec.allowedFailedPercent", {"allowedFailedPercent": -0.1}),
        ("spec.managedBy", {"managedBy": ""}),
        ("spec.sideInputs", {"sideInputs": [{"name": "labels", "source": HOST, "mountPath": "/m"},
                                            {"name": "b", "source": HOST, "mountPath": "//m/"}]}),
        ("spec.sideInputs", {"sideInputs": [{"name": "labels", "source": HOST, "mountPath": "/m/n/o"},
                                            {"name": "b", "source": HOST, "mountPath": "/m"}]}),
        ("spec.inputs[0].columns", {"inputs": [{"name": "images", "type": "tabular", "source": HOST,
                                                "columns": {"": "string"}}]}),
    ],
)  # fmt: skip
def check_refused_for_one_reason(jobs, field, patch):
    answer = jobs.create(table.base("file", {"spec": patch}), dry_run=True)
    assert answer.status == 422, answer
    assert {place for place, _ in answer.causes} == {field}, answer


def check_generate_name_is_refused(jobs):
    manifest = {**MINIMAL, "metadata": {"generateName": "job-"}}
    answer = jobs.create(manifest, dry_run=True)
    assert answer.status == 422, answer
    assert "give the job a name" in answer.message


@pytest.mark.parametrize(
    ("arguments", "fits"),
    [
        (["--resource_monitor_interval", "0"], True),
        (["--resource_monitor_interval", "0600", "x"], True),
        (["--resource_monitor_interval", ""], False),
        (["--resource_monitor_interval", "6", "--resource_monitor_interval"], False),
        (["--resource_monitor_interval", "-1"], False),
        (["--resource_monitor_interval", "10 s", "3"], False),
        (["--resource_monitor_interval", "12345678901"], False),
        (["--other", "--resource_monitor_interval", "$(output)"], False),
        (["--progress_update_timeout", "60"], True),
        (["--progress_update_timeout", "soon"], False),
        (["--error_threshold", "-1", "--error_threshold", "10"], True),
        (["--error_threshold", "-1x"], False),
        (["--error_threshold", "-2"], False),
        (["--error_threshold"], False),
        (["--allowed_failed_percent", "10.5"], True),
        (["--allowed_failed_percent", "ten"], False),
        (["--allowed_failed_percent"], False),
    ],
)
def check_options_that_stand_for_fields(jobs, arguments, fits):
    manifest = table.base("file", {"spec": {"arguments": arguments}})
    answer = jobs.create(manifest, dry_run=True)
    assert answer.accepted == fits, answer


def check_the_largest_job_is_accepted(jobs):
    """A rule that passes the estimate may still cost too much when it runs; and again when the job changes."""
    last_input, last_side_input = "i63" + "x" * 60, "s31" + "x" * 60
    argument = f"$(inputs.{last_input})$(sideInputs.{last_side_input})" * 2
    manifest = table.base("tabular")
    manifest["spec"] |= {
        "inputs": [
            {
                "name": f"i{number:02}" + "x" * 60,
                "type": "tabular",
                "columns": {f"c{column}": "string" for column in range(50)},
                "source": {**VOLUME, "subPath": "a/" * 500 + str(number)},
            }
            for number in range(64)
        ],
        "sideInputs": [
            {
                "name": f"s{number:02}" + "x" * 60,
                "mountPath": "/m" + "/y" * 250 + f"{number:03}",
                "source": VOLUME,
            }
            for number in range(32)
        ],
        "environment": {
            "requirements": ["a" * 1000] * 256,
            "env": [{"name": "n" * 1000 + str(number), "value": "x"} for number in range(256)],
            "variables": {"v" * 200 + str(number): "x" for number in range(256)},
        },
        "arguments": [(argument + "y" * 4096)[:2048]] * 64 + ["z" * 1024] * 192,
    }
    made = jobs.create(manifest)
    assert made.accepted, made
    assert jobs.merge("score-table", {"status": {"startTime": "2026-01-01T00:00:00Z"}}, "status").accepted
    changed = jobs.merge("score-table", {"spec": {"nodeCount": 3}})
    assert changed.accepted, changed


# ---- scale


def check_kubectl_scale(jobs, minimal):
    scaled = jobs.server.kubectl("-n", jobs.namespace, "scale", "prj/minimal", "--replicas=5")
    assert scaled.returncode == 0, scaled.stderr
    stored = jobs.get("minimal")
    assert stored["spec"]["nodeCount"] == 5
    assert stored["metadata"]["generation"] == 2


def check_scale_of_a_running_job(jobs, minimal):
    status = {"startTime": "2026-01-01T00:00:00Z", "replicas": 2, "selector": "parallelrun.dev/job=minimal"}
    assert jobs.merge("minimal", {"status": status}, "status").accepted
    scale = jobs.server.request("GET", jobs.path("minimal", "scale")).body
    assert scale["spec"] == {"replicas": 1}
    assert scale["status"] == {"replicas": 2, "selector": "parallelrun.dev/job=minimal"}
    assert jobs.merge("minimal", {"spec": {"replicas": 7}}, "scale").accepted
    assert jobs.get("minimal")["spec"]["nodeCount"] == 7


def check_scale_to_nothing_is_refused(jobs, minimal):
    scaled = jobs.server.kubectl("-n", jobs.namespace, "scale", "prj/minimal", "--replicas=0")
    assert scaled.returncode != 0
    assert jobs.get("minimal")["spec"]["nodeCount"] == 1


# ---- status


def check_status_and_spec_keep_apart(jobs, minimal):
    assert jobs.merge("minimal", {"status": {"state": "Complete"}}).accepted
    assert "status" not in jobs.get("minimal")
    both = {"status": {"state": "Running"}, "spec": {"nodeCount": 9}}
    assert jobs.merge("minimal", both, "status").accepted
    stored = jobs.get("minimal")
    assert stored["status"] == {"state": "Running"}
    assert stored["spec"]["nodeCount"] == 1
    assert stored["metadata"]["generation"] == 1


def check_operator_and_orchestrator_share_status(jobs, minimal):
    """Each applies what is its own; neither takes away the other's."""

    def applied(manager, status):
        body = {key: MINIMAL[key] for key in ("apiVersion", "kind", "metadata")}
        answer = jobs.apply("minimal", {**body, "status": status}, manager, "status")
        assert answer.accepted, answer
        return answer.body["status"]

    condition = {
        "type": "Running",
        "status": "True",
        "reason": "Started",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
        "observedGeneration": 1,
    }
    applied("operator", {"state": "Running", "observedGeneration": 1, "conditions": [condition]})
    # A field of a newer runner image: the definition of an older chart has to let it through.
    applied("orchestrator", {"progress": {"percent": 10, "items": "1/10", "fromTheFuture": {"a": 1}}})
    suspended = {**condition, "type": "Suspended", "status": "False"}
    applied("operator", {"state": "Running", "observedGeneration": 1, "conditions": [condition, suspended]})
    status = applied("orchestrator", {"progress": {"percent": 20, "items": "2/10"}})
    assert status["state"] == "Running"
    assert [item["type"] for item in status["conditions"]] == ["Running", "Suspended"]
    assert status["progress"] == {"percent": 20, "items": "2/10"}


def check_conditions_are_one_of_a_type(jobs, minimal):
    condition = {
        "type": "Running",
        "status": "True",
        "reason": "Started",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    twice = jobs.merge("minimal", {"status": {"conditions": [condition, condition]}}, "status")
    assert twice.status == 422
    assert "Duplicate value" in twice.message


# ---- what kubectl shows


def check_columns(jobs, minimal):
    status = {
        "state": "Running",
        "startTime": "2026-01-01T00:00:00Z",
        "message": "12 items failed",
        "progress": {"percent": 42, "items": "408/1000", "itemsFailed": 12},
    }
    assert jobs.merge("minimal", {"status": status}, "status").accepted
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io"
    shown = jobs.server.request("GET", jobs.path("minimal"), accept=accept).body
    columns = {column["name"]: column["priority"] for column in shown["columnDefinitions"]}
    assert list(columns) == [
        "Name", "State", "Progress%", "Items", "Failed", "Nodes", "Started", "Message", "Age",
    ]  # fmt: skip
    assert [name for name, priority in columns.items() if priority] == ["Nodes", "Started", "Message"]
    cells = dict(zip(columns, shown["rows"][0]["cells"]))
    assert cells["Name"] == "minimal"
    assert cells["State"] == "Running"
    assert cells["Progress%"] == 42
    assert cells["Items"] == "408/1000"
    assert cells["Failed"] == 12
    assert cells["Nodes"] == 1
    assert cells["Message"] == "12 items failed"


@pytest.mark.parametrize("name", ["prj", "parallelrunjobs", "parallelrunjob", "prj.parallelrun.dev", "all"])
def check_names_of_the_resource(jobs, minimal, name):
    listed = jobs.server.kubectl("-n", jobs.namespace, "get", name)
    assert listed.returncode == 0, listed.stderr
    assert "minimal" in listed.stdout
