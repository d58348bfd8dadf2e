"""Messages about names that are not there."""

import difflib
from typing import Iterable


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """ "there is no dataset 'mnst'; did you mean 'mnist'?", else the names there are."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, 1)
    if near:
        return f"there is no {kind} '{name}'; did you mean '{near[0]}'?"
    return f"there is no {kind} '{name}'; there are: {', '.join(names) or 'none'}"
