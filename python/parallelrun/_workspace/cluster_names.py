"""Names that objects of a cluster may have, from those that programs for Azure give."""

import re

from parallelrun._workspace.accepted import accepted

_LONGEST = 200


def object_name(text: str) -> str:
    """`mnist_sample_data` is `mnist-sample-data`. ValueError: nothing is left of it."""
    name = re.sub(r"[^a-z0-9.-]+", "-", text.lower())
    name = re.sub(r"[.-]*\.[.-]*", ".", name)[:_LONGEST].strip("-.")
    if not name:
        raise ValueError(f"the name is '{text}', but needs a letter or digit")
    return name


def said_name(kind: str, text: str, level: int) -> str:
    """The same, and a warning if it is another one."""
    name = object_name(text)
    if name != text:
        accepted(
            f"the {kind}'s name '{text}'",
            f"it is '{name}' in the cluster, whose names have small letters, digits, '-' and '.' only",
            level + 1,
        )
    return name


def label_value(text: str) -> str:
    """What a label may hold, for selectors; the text itself stands in an annotation."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text)[:63].strip("-_.")
