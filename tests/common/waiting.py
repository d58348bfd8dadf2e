"""Waiting for what others do."""

import time

# Nothing takes longer on a loaded two-core machine unless it hangs.
PATIENCE = 120


def wait_for(condition, what, patience=PATIENCE, pause=0.02):
    """Gives what `condition()` gives as soon as that is true. `what`, or what it gives, says what was waited for."""
    deadline = time.monotonic() + patience
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {patience} s: {what() if callable(what) else what}"
        time.sleep(pause)
