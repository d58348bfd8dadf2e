"""`resubmit`: a job anew from what ran, here or in a cluster, by the verb of the program."""

import json
import os
import shutil
import tempfile
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from parallelrun._bundle_folder import program
from parallelrun._claim import Claim
from parallelrun._cluster import Cluster
from parallelrun._cluster_job import ClusterJob
from parallelrun._command import environment
from parallelrun._fields import OUTPUT_FIELDS
from parallelrun._inputs import Inputs, PathLike, Place, camel, listed, source_of
from parallelrun._job import Job, next_output

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from parallelrun._fields import Settings

# What has an option of the verb.
_NO_FIELDS = ("output", "name", "script", "overwrite", "retry_failed", "take_over", "backend") + (
    "namespace",
    "context",
    "kubeconfig",
)


def resubmit(
    job: Union[Job, PathLike],
    *,
    output: Optional[Place] = None,
    name: Optional[str] = None,
    inputs: Optional[Inputs] = None,
    side_inputs: Optional[Mapping[str, Place]] = None,
    script: Any = None,
    arguments: Optional[Sequence[Any]] = None,
    output_format: Optional[str] = None,
    namespace: Optional[str] = None,
    context: Optional[str] = None,
    kubeconfig: Optional[PathLike] = None,
    **settings: "Unpack[Settings]",
) -> Job:
    """Submits a job again, with some settings changed: `parallelrun.resubmit("out/", mini_batch_size=20)`.

    `job`: an output directory of this machine, the name of a job in a cluster (`namespace`, `context`, `kubeconfig` as for
    kubectl), or a Job. It is made from what ran, with the code as it was unless `script` is given. Results that are done
    and still good are taken over (`taken_over`), the rest runs. `output`: where the new one writes, another folder; in a
    cluster of the same volume. Default: the next number that is free (`out-2`). `name`: of the new job in a cluster.
    """
    changed: Dict[str, Any] = {
        key: value
        for key, value in (
            ("output", output),
            ("name", name),
            ("inputs", inputs),
            ("side_inputs", side_inputs),
            ("script", script),
            ("arguments", arguments),
            ("output_format", output_format),
        )
        if value is not None
    }
    changed.update(settings)
    cluster = Cluster(namespace, context, kubeconfig)
    if isinstance(job, Job):
        if cluster.words():
            raise ValueError("a Job knows its cluster; namespace, context and kubeconfig are for a name")
        return job.resubmit(**changed)
    text = os.fspath(job)
    folder = os.path.expanduser(text)
    if not cluster.words() and ("/" in folder or os.path.isdir(folder)):
        return _resubmit_here(os.path.abspath(folder), changed)
    return resubmit_in_cluster(text, cluster, changed)


def resubmit_in_cluster(job: str, cluster: Cluster, changed: Mapping[str, Any]) -> ClusterJob:
    """The new job, which the cluster has when this comes back. ClusterError: the program or the server refuses it."""
    for key in ("overwrite", "retry_failed", "take_over", "backend", "namespace", "context", "kubeconfig"):
        if changed.get(key):
            raise ValueError(
                f"{key} is not for a resubmission in a cluster, which goes to the namespace of the earlier job and has a folder of its own"
            )
    output = changed.get("output")
    if output is not None and not isinstance(output, Claim):
        raise TypeError(
            f"output is {type(output).__name__}, but must be parallelrun.claim(name, folder), of the volume of the earlier job"
        )
    words, scratch = _words(changed)
    try:
        if output is not None:
            words += ["--output", f"{output.name}/{output.folder}".rstrip("/")]
        if changed.get("name"):
            words += ["--name", str(changed["name"])]
        said = cluster.call("resubmit", "--json", "--no-wait", *words, job)
    finally:
        if scratch:
            shutil.rmtree(scratch, ignore_errors=True)
    name = str(json.loads(said.splitlines()[-1])["name"])
    found = cluster.get("ParallelRunJob", name)
    if found is None:
        raise RuntimeError(f"the job '{name}' was submitted, and is not there any more")
    manifest = {**found, "metadata": {"name": name}}
    manifest.pop("status", None)
    return ClusterJob(manifest, cluster, follow=True)


def _resubmit_here(folder: str, changed: Mapping[str, Any]) -> Job:
    if changed.get("name"):
        raise ValueError("name is for a job of a cluster; output names the new output directory")
    try:
        with open(os.path.join(folder, ".parallelrun", "submission.json"), encoding="utf-8") as file:
            submission = json.load(file)
        manifest: Dict[str, Any] = submission["spec"]
    except (OSError, ValueError, KeyError):
        raise FileNotFoundError(
            f"'{folder}' does not say with what its job was started; it is no output directory, or an earlier version or a cluster "
            "wrote it. A job of a cluster is named by its name: parallelrun.resubmit('digits', namespace='team')"
        ) from None
    given = changed.get("output")
    target = (
        next_output(folder, bool(submission.get("resubmissionOf")))
        if given is None
        else os.path.abspath(os.path.expanduser(os.fspath(given)))
    )
    words, scratch = _words(changed)
    spec = {**manifest["spec"], "output": {**manifest["spec"].get("output", {})}}
    for field, value in fields_of(changed).items():
        holder, key = (spec["output"], field[len("output.") :]) if "." in field else (spec, field)
        holder[key] = value
    spec["output"]["source"] = {"local": {"path": target}}
    command = [program(), "resubmit", "--json", "--output", target, *words, folder]
    variables = environment()
    variables.pop("VIRTUAL_ENV", None)  # scripts run in the Python that calls
    return Job(command, {**manifest, "spec": spec}, variables, scratch)


def fields_of(changed: Mapping[str, Any]) -> Dict[str, Any]:
    """Fields of spec, by their path there."""
    fields: Dict[str, Any] = {}
    for key, value in changed.items():
        if value is None or key in _NO_FIELDS:
            continue
        if key == "inputs":
            value = listed(value)
        elif key == "side_inputs":
            value = [{"name": each, "source": source_of(at)} for each, at in value.items()]
        elif key == "arguments":
            value = [str(argument) for argument in value]
        of_output = key == "output_format" or key in OUTPUT_FIELDS
        fields[f"output.{camel(key[len('output_') :])}" if of_output else camel(key)] = value
    return fields


def _words(changed: Mapping[str, Any]) -> Tuple[List[str], Optional[str]]:
    """Options of the verb; and a folder that the caller removes, if functions became a script in it."""
    words = [f"--set={field}={json.dumps(value)}" for field, value in fields_of(changed).items()]
    script = changed.get("script")
    if script is None:
        return words, None
    scratch = None
    if isinstance(script, (str, os.PathLike)):
        folder, entry = os.path.split(os.path.abspath(os.path.expanduser(os.fspath(script))))
    else:
        from parallelrun._functions import write_script

        scratch = folder = tempfile.mkdtemp(prefix="parallelrun-")
        try:
            entry = write_script(script, folder)
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise
    return [*words, "--source-directory", folder, f"--set=entryScript={json.dumps(entry)}"], scratch
