"""Jobs that the SDK submits to a namespace. Nobody runs them: their status is written by the tests."""

from importlib import import_module

from calls import ended
from waiting import wait_for


def names_of(*modules):
    """All names that programs import from these modules of `parallelrun`, in one place."""
    found = {}
    for module in modules:
        found.update(vars(import_module(f"parallelrun.{module}")))
    return type("names", (), {name: staticmethod(value) for name, value in found.items()})


def volume(folder, claim="data"):
    return {"persistentVolumeClaim": {"claimName": claim}, "subPath": folder}


def job_of(verbs, step):
    """That of the run of a step, once the cluster has it."""
    wait_for(
        lambda: step.job is not None and "spec" in verbs.world.jobs.get(step.job.name),
        lambda: f"the job of {step}: {step.problem}",
    )
    return verbs.world.jobs.get(step.job.name)


def finish(verbs, step, **status):
    job = job_of(verbs, step)
    verbs.write(job["metadata"]["name"], {**ended(**status)})
    return job
