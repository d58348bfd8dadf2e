"""PipelineParameter: a value that a later submission may change."""

from typing import Any, Mapping

# Those of ParallelRunConfig that a resubmission may change.
TUNABLE = (
    "mini_batch_size",
    "node_count",
    "process_count_per_node",
    "logging_level",
    "run_invocation_timeout",
    "run_max_try",
)


class PipelineParameter:
    """`experiment.submit(pipeline, pipeline_parameters={"name": value})` gives another value."""

    def __init__(self, name: str, default_value: Any) -> None:
        self.name = name
        self.default_value = default_value

    def __repr__(self) -> str:
        return f"<PipelineParameter {self.name}, default {self.default_value!r}>"


def value_of(value: Any, given: Mapping[str, Any]) -> Any:
    """The value itself, or what a parameter stands for in this submission."""
    if isinstance(value, PipelineParameter):
        return given.get(value.name, value.default_value)
    return value
