"""Mini-batches of a database: which rows of a table or a query one is. Pure.

A range goes over the socket as an object of a store does: its name says which rows, so that any process can read them, and
its version is JSON of what else is known of it (runner/input/sql_table.h reads "first", "rows" and "label")."""

import json
from dataclasses import dataclass
from urllib.parse import quote, unquote

_LONGEST_SHOWN = 60  # characters of a key in messages

ALL, KEYS, NULLS, GROUP = "all", "keys", "null", "group"


@dataclass(frozen=True)
class Range:
    """`rows` of a table, the first of them being row number `first` in the order of the keys. ALL: every row; their number
    is not known (0). KEYS: those with low <= key <= high. NULLS: those without a key. GROUP: those with these `values` of the
    partition keys, None where there is none."""

    kind: str
    first: int = 1
    rows: int = 0
    low: object = None
    high: object = None
    values: tuple = ()

    def behind(self):
        """The number of the row after them."""
        return self.first + self.rows


def encode(some):
    """Without a slash, and not beginning with a dot."""
    members = {"kind": some.kind, "first": some.first, "rows": some.rows}
    if some.kind == KEYS:
        members.update(low=some.low, high=some.high)
    if some.kind == GROUP:
        members.update(values=list(some.values))
    return quote(json.dumps(members, separators=(",", ":")), safe="")


def decode(name):
    """ValueError for a name that encode() has not made."""
    members = json.loads(unquote(name))
    if not isinstance(members, dict) or members.get("kind") not in (ALL, KEYS, NULLS, GROUP):
        raise ValueError(name)
    return Range(
        members["kind"],
        int(members["first"]),
        int(members["rows"]),
        members.get("low"),
        members.get("high"),
        tuple(members.get("values") or ()),
    )


def label(some, column):
    """Which rows it is, for people. `column`: of a GROUP the names of the partition keys."""
    if some.kind == ALL:
        return "all rows"
    if some.kind == NULLS:
        return f"{column} is null"
    if some.kind == GROUP:
        return ", ".join(
            f"{name} is null" if value is None else f"{name} {_shown(value)}"
            for name, value in zip(column, some.values)
        )
    low, high = _shown(some.low), _shown(some.high)
    return f"{column} {low}" if low == high and some.low == some.high else f"{column} {low} to {high}"


def _shown(key):
    text = " ".join(str(key).split())
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "..."


def rows_for(size, bytes_per_row):
    """Rows of a mini-batch of about `size` bytes."""
    return max(1, round(size / max(1.0, bytes_per_row)))
