"""What is said of names in a database that are not there, or there twice."""

import difflib

from parallelrun_data.troubles import INVALID, Trouble

_MOST_NAMED = 30


def hint(name, names):
    """The nearest of the names, else all of them."""
    near = difflib.get_close_matches(name.lower(), [each.lower() for each in names], 1)
    if near:
        meant = next(each for each in names if each.lower() == near[0])
        return f"; did you mean '{meant}'?"
    if not names:
        return "; it has none that this role can see"
    shown = ", ".join(sorted(names)[:_MOST_NAMED])
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"; there are {shown}{more}"


def must_be_among(wanted, columns, address, who):
    """Raises INVALID for a column that is not there. `who` names it: a field of the manifest."""
    names = [column.name for column in columns]
    for name in wanted:
        if name not in names:
            raise Trouble(INVALID, f"{address} has no column '{name}', which {who} names{hint(name, names)}")


def must_differ(names, address):
    if not names:
        raise Trouble(INVALID, f"{address} has no column")
    for name in names:
        if names.count(name) > 1:
            raise Trouble(
                INVALID,
                f"{address} has two columns '{name}'; give each a name of its own in the query (SELECT a.id AS a_id, ...)",
            )


def must_be_keys(keys, declared, columns, address):
    """Raises INVALID for partition keys that cannot be compared as their mini-batches show them."""
    must_be_among(keys, columns, address, "spec.partitionKeys")
    kinds = {column.name: column.kind for column in columns}
    for key in keys:
        wanted, kind = declared.get(key, "string"), kinds[key]
        if kind == "binary":
            raise Trouble(
                INVALID,
                f"{address}: the partition key '{key}' holds bytes; name a column of numbers, dates or texts",
            )
        if key in declared and wanted not in ("string", kind):
            raise Trouble(
                INVALID,
                f"{address}: the partition key '{key}' is declared {wanted} and is {kind} in the database, which says what "
                "values are equal; cast it in a query, or declare it string",
            )
