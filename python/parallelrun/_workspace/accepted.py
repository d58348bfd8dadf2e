"""What is taken so that a program runs unchanged, and has no effect on one machine: it is said, once a line."""

import warnings


class AcceptedWithoutEffect(UserWarning):
    """A value that was given is not used here, or is used in another way. The message says how."""


def accepted(what: str, said: str, level: int = 3) -> None:
    """`level`: 3 where the caller of our caller is the user's line, 4 one further up."""
    warnings.warn(f"{what}: {said}", AcceptedWithoutEffect, stacklevel=level)
