"""`run` and `submit`: a job from Python's words."""

import os
import re
import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Sequence

from parallelrun._bundle_folder import program
from parallelrun._command import environment
from parallelrun._fields import OUTPUT_FIELDS
from parallelrun._inputs import AnyPlace, Inputs, PathLike, camel, keys_of, listed, source_of
from parallelrun._job import Job
from parallelrun._stored_output import credential_files

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from parallelrun._fields import Settings

API_VERSION = "parallelrun.dev/v1alpha1"


def run(
    script: Any,
    inputs: Inputs,
    output: AnyPlace,
    *,
    show_output: bool = True,
    backend: str = "local",
    name: Optional[str] = None,
    side_inputs: Optional[Mapping[str, AnyPlace]] = None,
    arguments: Sequence[Any] = (),
    output_format: str = "jsonl",
    overwrite: bool = False,
    retry_failed: bool = False,
    credentials: Optional[Mapping[str, PathLike]] = None,
    namespace: Optional[str] = None,
    context: Optional[str] = None,
    kubeconfig: Optional[PathLike] = None,
    **settings: "Unpack[Settings]",
) -> Job:
    """`submit`, and waits for the end. JobError unless the job is complete."""
    job = submit(
        script,
        inputs,
        output,
        backend=backend,
        name=name,
        side_inputs=side_inputs,
        arguments=arguments,
        output_format=output_format,
        overwrite=overwrite,
        retry_failed=retry_failed,
        credentials=credentials,
        namespace=namespace,
        context=context,
        kubeconfig=kubeconfig,
        **settings,
    )
    return job.wait(show_output=show_output)


def submit(
    script: Any,
    inputs: Inputs,
    output: AnyPlace,
    *,
    backend: str = "local",
    name: Optional[str] = None,
    side_inputs: Optional[Mapping[str, AnyPlace]] = None,
    arguments: Sequence[Any] = (),
    output_format: str = "jsonl",
    overwrite: bool = False,
    retry_failed: bool = False,
    take_over: Optional[PathLike] = None,
    credentials: Optional[Mapping[str, PathLike]] = None,
    namespace: Optional[str] = None,
    context: Optional[str] = None,
    kubeconfig: Optional[PathLike] = None,
    **settings: "Unpack[Settings]",
) -> Job:
    """Starts a job and comes back at once.

    `script`: the path of an entry script; or functions: `run`, `(init, run)` or `(init, run, shutdown)`.
    `inputs`: a folder or file (files), `parallelrun.files(...)`, `parallelrun.table(...)`, several of them in a list,
    or a dict with their names. `output`: the directory of results and logs; or a place in a store, as a datastore and a path
    or in the manifest's words: `{"s3": {"bucket": "results", "prefix": "digits"}}`. `output_format`: "jsonl", each element
    that run() returns as a JSON value, "csv", one table, or "text", as its str(). `overwrite`: another job's results there may be removed.
    `take_over`: the output directory of an earlier job, whose results are taken over as far as they are good for this one.
    `credentials`: files with the keys of stores, as for `--credentials`: `{"keys": "keys.yaml"}`, by the `secretName` of a
    source; without them the environment's. In a cluster `secretName` names a Secret.
    Other settings (parallelrun.Settings has all) are the fields of spec: `mini_batch_size=20`, `process_count_per_node=4`, `error_threshold=10`,
    `run_invocation_timeout=60`, `environment={"requirements": ["pillow"]}`.

    It runs on this machine with the Python that calls it, or with `backend="kubernetes"` in a cluster: the script's folder
    becomes ConfigMaps there, data lies on volumes (`parallelrun.claim("photos", "2026")` in place of a path), and
    `namespace`, `context` and `kubeconfig` name the cluster, as for kubectl. If this Python ends, the job goes on.
    """
    if backend not in ("local", "kubernetes"):
        raise ValueError(f"backend is '{backend}', but must be 'local' or 'kubernetes'")
    cluster = {"namespace": namespace, "context": context, "kubeconfig": kubeconfig}
    if backend == "local" and any(cluster.values()):
        raise ValueError("namespace, context and kubeconfig are for backend='kubernetes'")
    if backend == "kubernetes" and (overwrite or retry_failed or take_over):
        raise ValueError(
            "overwrite, retry_failed and take_over are for backend='local'; in a cluster output_overwrite=True is a field of the job"
        )
    if backend == "kubernetes" and credentials:
        raise ValueError(
            "credentials are files of this machine, for backend='local'; in a cluster the source names a Secret: "
            "credentials={'secretName': ...}"
        )
    submitted = {
        **{"script": script, "inputs": inputs, "output": output, "backend": backend, "name": name},
        **{"side_inputs": side_inputs, "arguments": arguments, "output_format": output_format},
        **({"credentials": credentials} if credentials else {}),
        **cluster,
        **settings,
    }
    scratch = None
    try:
        if isinstance(script, (str, os.PathLike)):
            path = os.path.abspath(os.path.expanduser(os.fspath(script)))
            folder, entry = os.path.split(path)
            name = name or job_name(os.path.splitext(entry)[0])
        else:
            from parallelrun._functions import named, write_script

            scratch = folder = tempfile.mkdtemp(prefix="parallelrun-")
            entry = write_script(script, folder)
            name = name or job_name(getattr(named(script)["run"], "__name__", "functions"))
        fields: Dict[str, Any] = {key: value for key, value in settings.items() if value is not None}
        of_output = {camel(key[len("output_") :]): fields.pop(key) for key in OUTPUT_FIELDS if key in fields}
        spec: Dict[str, Any] = {
            "sourceDirectory": {"local": {"path": folder}},
            "entryScript": entry,
            "inputs": listed(inputs),
            "output": {
                "source": source_of(output),
                "format": output_format,
                **of_output,
            },
            **{camel(field): value for field, value in fields.items()},
        }
        if side_inputs:
            spec["sideInputs"] = [{"name": each, "source": source_of(at)} for each, at in side_inputs.items()]
        if arguments:
            spec["arguments"] = [str(argument) for argument in arguments]
        if spec.get("outputAction") == "summary_only":
            del spec["output"]["format"]
        manifest = {
            "apiVersion": API_VERSION,
            "kind": "ParallelRunJob",
            "metadata": {"name": name},
            "spec": spec,
        }
        if backend == "kubernetes":
            from parallelrun._cluster import Cluster
            from parallelrun._cluster_job import ClusterJob

            return ClusterJob(manifest, Cluster(namespace, context, kubeconfig), scratch, submitted)
        keys: Dict[str, str] = {}
        for place in [output, *(side_inputs or {}).values()]:
            keys.update(keys_of(place))
        keys.update(credential_files(credentials))
        return start(manifest, overwrite, retry_failed, scratch, submitted, take_over, keys)
    except BaseException:
        if scratch:
            shutil.rmtree(scratch, ignore_errors=True)
        raise


def start(
    manifest: Dict[str, Any],
    overwrite: bool = False,
    retry_failed: bool = False,
    scratch: Optional[str] = None,
    submitted: Optional[Dict[str, Any]] = None,
    take_over: Optional[PathLike] = None,
    credentials: Optional[Mapping[str, str]] = None,
) -> Job:
    """The job of a manifest, on this machine. `scratch`: a folder that goes with the job's end. `credentials`: files with
    keys of stores."""
    command = [program(), "run", "--json", "-"]
    command += ["--overwrite"] if overwrite else []
    command += ["--retry-failed"] if retry_failed else []
    command += ["--take-over", os.path.expanduser(os.fspath(take_over))] if take_over else []
    for name, file in (credentials or {}).items():
        command += ["--credentials", f"{name}={file}"]
    return Job(command, manifest, _environment(), scratch, submitted, credentials)


def check(manifest: str) -> List[str]:
    """What `parallelrun validate` says against a manifest, a text of YAML or JSON; nothing: []."""
    done = subprocess.run(
        [program(), "validate", "-"],
        input=manifest.encode(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=_environment(),
    )
    if done.returncode == 0:
        return []
    lines = done.stderr.decode("utf-8", "replace").splitlines()
    return [re.sub(r"^-:(?:\d+:)? ", "", line) for line in lines] or [
        f"`parallelrun validate` ended with {done.returncode}"
    ]


def job_name(text: str) -> str:
    """A name that the resource takes, from any text."""
    words = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    name = re.sub(r"^[^a-z]+", "", words)[:32].strip("-")
    return name if len(name) >= 3 else f"job-{name}".rstrip("-")


def _environment() -> Dict[str, str]:
    """Ours; the scripts run in the Python that calls."""
    variables = environment()
    variables.pop("VIRTUAL_ENV", None)
    return variables
