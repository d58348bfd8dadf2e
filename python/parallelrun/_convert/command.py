"""`parallelrun convert FILE`."""

import argparse
import os
import shlex
import sys
from typing import Any, Dict, List, Optional, Sequence

from parallelrun._convert import pipeline_file, python_program
from parallelrun._convert.registered import Registered, names_in
from parallelrun._convert.report import Converted, NotConvertible, Report, shown
from parallelrun._submit import check

EXIT_CONVERTED, EXIT_INVALID, EXIT_USAGE = 0, 1, 2

_DESCRIPTION = """\
Makes manifests of Azure ML's parallel jobs. FILE is YAML of the SDK v2 (a pipeline with parallel jobs, a parallel
component, a batch deployment), or a program or notebook of the SDK v1 with ParallelRunConfig and ParallelRunStep, which
is read and never executed. Data that it registers, or names as Azure has it registered, becomes a ParallelRunDataset,
with the commands that register it. What was not carried over is listed on standard error, with its line and the reason."""
_EPILOG = """\
example:  parallelrun convert pipeline.yml --output jobs && parallelrun run jobs/score.yaml --output out/
exit codes: 0 converted, 1 converted but `parallelrun validate` finds fault with a manifest, 2 nothing to convert or usage"""


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        "parallelrun convert",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "file", metavar="FILE", help="YAML (.yml, .yaml, .json), a program (.py) or a notebook (.ipynb)"
    )
    parser.add_argument("--job", metavar="NAME", help="only this job of the file")
    parser.add_argument(
        "--output",
        metavar="DIR",
        help="write NAME.yaml for each job and NAME.dataset.yaml for each dataset there; default: all to standard output",
    )
    given = parser.parse_args(arguments)
    report = Report(shown(os.path.abspath(given.file)))
    try:
        jobs = convert(given.file, report)
        if given.job is not None:
            jobs = _named(jobs, given.job)
    except (NotConvertible, OSError) as error:
        why = f"{given.file}: {error.strerror}" if isinstance(error, OSError) else str(error)
        print(f"parallelrun convert: {why}", file=sys.stderr)
        return EXIT_USAGE
    target = given.output or os.path.dirname(os.path.abspath(given.file))
    datasets: List[Registered] = list(report.datasets.values())
    if given.job is not None:
        datasets = [each for each in datasets if each.name in names_in([job.manifest for job in jobs])]
    known = [each for each in datasets if each.versions]
    documents = [(f"{each.name}.dataset.yaml", each.document()) for each in known]
    documents += [(f"{job.name}.yaml", job.manifest) for job in jobs]
    problems: List[str] = []
    files: Dict[str, str] = {}  # by name, as commands are given them
    for number, (name, document) in enumerate(documents):
        text = manifest_text(
            document, report.file, target, None if given.output else os.path.basename(given.file)
        )
        files[name] = name
        if given.output:
            os.makedirs(given.output, exist_ok=True)
            path = os.path.join(given.output, name)
            if not _written(path, text):
                print(
                    f"parallelrun convert: {path} is there with other content; remove it, or give another --output",
                    file=sys.stderr,
                )
                return EXIT_USAGE
            print(path)
            files[name] = shown(os.path.abspath(path))
        else:
            sys.stdout.write(("---\n" if number else "") + text)
        if document["kind"] == "ParallelRunJob":
            problems += [f"{document['metadata']['name']}: {problem}" for problem in check(text)]
    sys.stderr.write(said(jobs, datasets, report, problems, files))
    return EXIT_INVALID if problems else EXIT_CONVERTED


def convert(path: str, report: Report) -> List[Converted]:
    """The jobs of a file, in the order in which they have to run."""
    if path.endswith((".py", ".ipynb")):
        return python_program.convert(path, report)
    return pipeline_file.convert(path, report)


def _written(path: str, text: str) -> bool:
    """False: a file is there that somebody may have edited."""
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
        return True
    except FileExistsError:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read() == text


def _named(jobs: List[Converted], name: str) -> List[Converted]:
    found = [job for job in jobs if job.name == name]
    if not found:
        raise NotConvertible(f"there is no job '{name}'; there are: {', '.join(job.name for job in jobs)}")
    return found


def manifest_text(manifest: Dict[str, Any], file: str, target: str, beside: Optional[str]) -> str:
    """YAML. Paths in it are relative to the folder `target`, which is that of the file `beside`."""
    from parallelrun._vendor import yaml

    class Dumper(yaml.SafeDumper):  # type: ignore[misc]
        """PyYAML writes `y` and `n` as they are, which are booleans for YAML 1.1."""

    def text_of(dumper: Any, value: str) -> Any:
        quoted = "'" if value.lower() in ("y", "n") else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=quoted)

    Dumper.add_representer(str, text_of)
    plain = _relative(manifest, target)
    text: str = yaml.dump(plain, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120)
    where = "this file" if beside is None else f"the folder of {beside}"
    lines = [f"# Made of {os.path.basename(file)} by parallelrun convert. Paths are relative to {where}."]
    return "\n".join(lines) + "\n" + text


def _relative(value: Any, target: str) -> Any:
    if isinstance(value, list):
        return [_relative(each, target) for each in value]
    if not isinstance(value, dict):
        return value
    found: Dict[str, Any] = {}
    for key, each in value.items():
        if key == "local" and os.path.isabs(each["path"]):
            each = {"path": os.path.relpath(each["path"], os.path.abspath(target))}
        found[key] = _relative(each, target)
    return found


def said(
    jobs: List[Converted],
    datasets: List[Registered],
    report: Report,
    problems: List[str],
    files: Dict[str, str],
) -> str:
    """What is told besides the manifests. `files`: where they are, by name."""
    lines = [
        f"{remark.place}: {remark.what}: not carried over: {remark.said}" for remark in sorted(report.left)
    ]
    lines += [f"{remark.place}: {remark.what}: note: {remark.said}" for remark in sorted(report.notes)]
    lines += [f"parallelrun validate: {problem}" for problem in problems]
    commands: List[str] = []
    cluster: List[str] = []
    for dataset in datasets:
        file = files.get(f"{dataset.name}.dataset.yaml", "")
        commands += dataset.commands(file)
        cluster += dataset.cluster_commands(file)
    commands += [command for job in jobs for command in job.commands]
    for job in jobs:
        commands.append(" ".join(["parallelrun run", shlex.quote(files[f"{job.name}.yaml"]), *job.options]))
        commands += [here for here, _ in job.afterwards]
        cluster += [f"{there}    # when '{job.name}' has ended" for _, there in job.afterwards]
    lines += ["to run:", *(f"  {command}" for command in dict.fromkeys(commands))]
    if cluster:
        lines += ["to register the data in a cluster:", *(f"  {each}" for each in dict.fromkeys(cluster))]
    return "\n".join([*lines, ""])
