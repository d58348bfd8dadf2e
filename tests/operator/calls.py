"""The program's verbs as a user of one namespace calls them, and jobs whose status a test writes."""

import os
import subprocess

from checkout import PROGRAM
from terminal import Terminal, on_terminal
from waiting import PATIENCE

JOB_STATUS = {
    "state": "Running",
    "message": "1 of 2 workers is ready",
    "startTime": "2026-01-01T00:00:00Z",
    "runnerImage": "registry/runner:1",
    "readyReplicas": 1,
    "conditions": [
        {
            "type": "Running",
            "status": "True",
            "reason": "WorkersMissing",
            "message": "1 of 2 workers is ready",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
    ],
    "progress": {
        "miniBatchesCreated": 40,
        "miniBatchesProcessed": 10,
        "planComplete": True,
        "percent": 25,
        "items": "99 / 400",
        "itemsTotal": 400,
        "itemsSucceeded": 99,
        "itemsFailed": 1,
        "processesReady": 2,
    },
}


def ended(state="Complete", reason="CompletedWithFailures", message="399 of 400 items succeeded"):
    done = {"miniBatchesProcessed": 40, "percent": 100, "items": "399 / 400", "itemsSucceeded": 399}
    return {
        **JOB_STATUS,
        "state": state,
        "message": message,
        "completionTime": "2026-01-01T00:10:00Z",
        "conditions": [
            {
                "type": state,
                "status": "True",
                "reason": reason,
                "message": message,
                "lastTransitionTime": "2026-01-01T00:10:00Z",
            }
        ],
        "progress": {**JOB_STATUS["progress"], **done},
    }


class Verbs:
    """The program, as a user of one namespace calls it."""

    def __init__(self, world, kubeconfig, scratch):
        self.world = world
        self.scratch = scratch
        self.environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "HOME": str(scratch), "TERM": "dumb"}
        self.place = ("-n", world.namespace)

    def words(self, *words):
        return [str(PROGRAM), *map(str, words), *self.place]

    def __call__(self, *words, code=0, stdin=None, **variables):
        done = subprocess.run(
            self.words(*words),
            capture_output=True,
            text=True,
            input=stdin,
            timeout=PATIENCE,
            cwd=self.scratch,
            env={**self.environment, **variables},
        )
        assert done.returncode == code, f"{words}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def refused(self, *words, code=2, **options):
        """The one line that says why."""
        said = self(*words, code=code, **options).stderr
        assert said.startswith("parallelrun: ") and said.count("\n") == 1, said
        return said

    def start(self, *words):
        return subprocess.Popen(
            self.words(*words),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.scratch,
            env=self.environment,
        )

    def terminal(self, columns, *words):
        """One that goes on while the caller looks at it."""
        return Terminal(self.words(*words), {**self.environment, "TERM": "xterm"}, self.scratch, columns)

    def on_terminal(self, columns, *words, answer=b""):
        """What a terminal of that width shows."""
        return on_terminal(self.words(*words), columns, self.environment, self.scratch, answer)

    def job(self, name, status=JOB_STATUS, **spec):
        self.world.submit(name, **spec)
        self.write(name, status)

    def write(self, name, status):
        written = self.world.jobs.merge(name, {"status": status}, "status")
        assert written.accepted, written
