"""The definition of ParallelRunDataset, made of its own file and of the fields of a job's inputs."""

import yaml

INPUTS = "$inputs"
# Of a field of its own, and not of a place that a dataset may be: a dataset is no other dataset.
NO_SOURCE = "dataset"
HEAD = "# Made by crds/reference.py of parallelrundatasets.in.yaml and parallelrunjobs.yaml.\n"


class _Plain(yaml.SafeDumper):
    """Writes what occurs twice twice."""

    def ignore_aliases(self, data):
        return True


def _of_version(name, field):
    if name != "source":
        return field
    properties = {key: value for key, value in field["properties"].items() if key != NO_SOURCE}
    rules = [rule for rule in field["x-kubernetes-validations"] if f"self.{NO_SOURCE}" not in rule["rule"]]
    return {**field, "properties": properties, "x-kubernetes-validations": rules}


def _filled(node, inputs):
    if isinstance(node, list):
        return [_filled(item, inputs) for item in node]
    if not isinstance(node, dict):
        return node
    made = {}
    for key, value in node.items():
        if key == INPUTS:
            made.update({name: _of_version(name, inputs[name]) for name in value})
        else:
            made[key] = _filled(value, inputs)
    return made


def text(own, jobs):
    """`own`: parallelrundatasets.in.yaml, `jobs`: parallelrunjobs.yaml."""
    root = yaml.safe_load(jobs)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    inputs = root["properties"]["spec"]["properties"]["inputs"]["items"]["properties"]
    made = _filled(yaml.safe_load(own), inputs)
    return HEAD + yaml.dump(made, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=110)
