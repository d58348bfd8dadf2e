"""What run() returned, as CSV (RFC 4180, with "\\n" behind each record): a header, and a record for each element.

The columns are those that pandas.DataFrame(result) has: the columns of a DataFrame, the keys of dicts, the fields of
named tuples, else "0", "1", ... An empty field stands for None, NaN, NaT and NA. Lists and dicts are written as JSON.
"""

import csv
import decimal
import pathlib
import sys
import uuid
from array import array
from types import SimpleNamespace

from parallelrun_worker.failures import ContractError
from parallelrun_worker.plain_values import (
    AS_IS,
    Unfit,
    as_json,
    column_names,
    elements,
    name_of,
    plain,
    where,
)
from parallelrun_worker.results import kind_of, rows_as_bytes, type_name

_WAY_OUT = "convert it to a str or a number first"
_AS_TEXT = (decimal.Decimal, uuid.UUID, pathlib.PurePath)


class CsvRows:
    """The RowEncoder of output.format: csv."""

    def encode(self, result, along=None):
        count = len(result) if kind_of(result) else 0
        if count == 0:
            return 0, b""
        try:
            names, records, noun = _table(result)
        except RecursionError:
            raise ContractError(
                "a value of the result is nested too deep, or contains itself; " + _WAY_OUT, "RecursionError"
            ) from None
        if not names:
            raise ContractError(
                "the result has no column, but output.format: csv needs at least one; return rows with values"
            )
        if along is not None:
            along.must_differ(names)
            columns = along.of(result, "csv")
            fronts = zip(*(_carried_cells(name, values) for name, values in columns))
            names = along.names() + names
            records = [(*front, *record) for front, record in zip(fronts, records)]
        return count, _encoded(names, records, noun)


def _carried_cells(name, values):
    if type(values) is list:
        return values
    cells = []
    try:
        cells.extend(map(_cell, _values(values)))
    except Unfit as unfit:
        raise _cannot_hold("row %d" % len(cells), [*unfit.steps, repr(name)], unfit) from None
    return cells


def _table(result):
    """(names of the columns, list of records, what a record is called). Raises ContractError."""
    kind = kind_of(result)
    if kind == "frame":
        return _table_of_frame(result)
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    if kind == "array2d":
        rows = [elements(row, numpy) for row in result]
        return _numbered(result.shape[1]), _records(rows, "row"), "row"
    if kind == "array1d" and result.dtype.names:
        rows = [list(row) for row in result]
        return list(result.dtype.names), _records(rows, "element"), "element"
    name = "0"
    if kind == "array1d":
        result = elements(result, numpy)
    elif pandas is not None and isinstance(result, pandas.Series):
        name = _series_name(result)
        result = list(result)
    else:
        result = list(result)
    return (*_table_of_elements(result, name), "element")


def _series_name(series):
    if series.name is None:
        return "0"
    try:
        return name_of(series.name)
    except Unfit:
        raise ContractError(
            "the Series has the name %.100r (%s), which cannot be the name of a column; rename it to a str"
            % (series.name, type_name(series.name)),
            "TypeError",
        ) from None


def _table_of_elements(result, name):
    first = result[0]
    form = _form(first)
    for index, element in enumerate(result):
        if _form(element) != form:
            raise ContractError(
                "element %d of the result is of type %s, but element 0 is of type %s; with output.format: csv all elements must have "
                "the same form: all dicts with the same keys, all lists of the same length, or all single values"
                % (index, type_name(element), type_name(first)),
                "TypeError",
            )
    if form == "dict":
        return _table_of_dicts(result)
    if form == "list":
        names = list(getattr(first, "_fields", ())) or _numbered(len(first))
        for index, element in enumerate(result):
            if len(element) != len(first):
                raise ContractError(
                    "element %d of the result has %d values, but element 0 has %d; with output.format: csv all elements must "
                    "have the same number of values" % (index, len(element), len(first)),
                    "ValueError",
                )
        return names, _records(result, "element")
    return [name], _records([(element,) for element in result], "element")


def _form(element):
    if isinstance(element, dict):
        return "dict"
    if isinstance(element, (list, tuple, array)):
        return "list"
    numpy = sys.modules.get("numpy")
    return "list" if numpy is not None and isinstance(element, numpy.ndarray) and element.ndim else "value"


def _table_of_dicts(dicts):
    keys = list(dicts[0])
    names = []
    for key in keys:
        try:
            names.append(name_of(key))
        except Unfit as unfit:
            raise ContractError(
                "element 0 of the result is %s, which cannot be the name of a column; use keys that are str"
                % unfit,
                "TypeError",
            ) from None
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ContractError("element 0 of the result has two keys %r; rename one" % twice, "ValueError")
    for index, one in enumerate(dicts):
        if one.keys() != dicts[0].keys():
            missing = [key for key in keys if key not in one]
            more = [key for key in one if key not in dicts[0]]
            raise ContractError(
                "element %d of the result has other keys than element 0: %s; with output.format: csv all dicts must have "
                "the same keys. Use None where there is no value, or set output.format: jsonl"
                % (
                    index,
                    "; ".join(
                        part
                        for part in (
                            missing and "it lacks " + _named(missing),
                            more and "it also has " + _named(more),
                        )
                        if part
                    ),
                ),
                "ValueError",
            )
    return names, _records([[one[key] for key in keys] for one in dicts], "element")


def _table_of_frame(frame):
    names = column_names(frame)
    columns = []
    for name, (_, column) in zip(names, frame.items()):
        values = []
        try:
            values.extend(map(_cell, _values(column)))
        except Unfit as unfit:
            raise _cannot_hold("row %d" % len(values), [*unfit.steps, repr(name)], unfit) from None
        columns.append(values)
    return names, list(zip(*columns)), "row"


def _values(column):
    """Of a column of a DataFrame, cheaply where its type allows."""
    numpy = sys.modules["numpy"]
    if isinstance(column.dtype, numpy.dtype) and column.dtype.kind in "iubf":
        return elements(column.to_numpy(), numpy)
    return list(column)


def _records(rows, noun):
    records = []
    for row in rows:
        cells = []
        try:
            cells.extend(map(_cell, row))
        except Unfit as unfit:
            raise _cannot_hold("%s %d" % (noun, len(records)), [*unfit.steps, len(cells)], unfit) from None
        records.append(cells)
    return records


def _cell(value):
    """What csv.writer writes as it is: str, int, bool, float, or None for an empty field. Raises Unfit."""
    kind = type(value)
    if kind in AS_IS:
        return value
    if kind is float:
        return value if value == value else None
    if isinstance(value, _AS_TEXT):
        return str(value)
    if isinstance(value, float):  # one of numpy's among them; the infinite too, which CSV has a word for
        return _cell(float(value))
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, (numpy.float16, numpy.float32)):
        return _cell(float(str(value)))
    value = plain(value)
    return as_json(value) if isinstance(value, (dict, list)) else value


def _encoded(names, records, noun):
    # csv.writer quotes a lone "\r" only where its line break has one.
    lines = []
    writer = csv.writer(SimpleNamespace(write=lines.append), lineterminator="\r\n")
    try:
        writer.writerow(names)
        writer.writerows(records)
    except ValueError as error:  # a whole number of more digits than Python writes
        raise ContractError(
            "%s %d of the result cannot be written as CSV: %s; %s"
            % (noun, max(0, len(lines) - 1), error, _WAY_OUT),
            "ValueError",
        ) from None
    try:
        return rows_as_bytes("".join([line[:-2] + "\n" for line in lines]))
    except UnicodeEncodeError:
        raise _not_utf8(lines, noun) from None


def _not_utf8(lines, noun):
    """A file name that is not UTF-8, say."""
    for index, line in enumerate(lines):
        try:
            line.encode("utf-8")
        except UnicodeEncodeError:
            break
    return ContractError(
        "%s of the result contains a str with a lone surrogate (for example a file name that is not UTF-8), which "
        "CSV in UTF-8 cannot hold; write for example os.fsencode(name).hex()"
        % ("%s %d" % (noun, index - 1) if index else "a column name"),
        "UnicodeEncodeError",
    )


def _cannot_hold(which, steps, unfit):
    return ContractError(
        "%s is %s, which CSV cannot hold; %s" % (where(which, steps), unfit, _WAY_OUT), "TypeError"
    )


def _numbered(count):
    return [str(index) for index in range(count)]


def _named(keys):
    text = ", ".join(repr(key) for key in keys[:10])
    return text + (" and %d more" % (len(keys) - 10) if len(keys) > 10 else "")
