"""As `azureml.widgets`."""

from typing import Any

__all__ = ["RunDetails"]


class RunDetails:
    """`RunDetails(run).show()` prints where a run is. `run.wait_for_completion(show_output=True)` has the live bar."""

    def __init__(self, run_instance: Any) -> None:
        self._run = run_instance

    def show(self, *_: Any, **__: Any) -> None:
        print(self._run)
        for step in getattr(self._run, "get_steps", list)():
            counts = step.job.progress if step.job is not None else {}
            done = counts.get("itemsSucceeded", 0) + counts.get("itemsFailed", 0)
            print(f"  {step.name}: {step.get_status()}, {done} of {counts.get('itemsTotal', 0)} items")
