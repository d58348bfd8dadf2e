"""What each row of the output carries along of its item: output.addContext (input, file and row) and output.columns.

A row that names the wrong item is worse than none. So each element of a result must belong to one item for certain:
- A result has as many elements as its mini-batch has items, in their order, or none. Of a mini-batch of one item all
  elements are of it, how many there are.
- The rows of a DataFrame or Series are led back by their labels, where these are all those of the mini-batch: its
  DataFrame's, or its paths. Where they count from 0, as those of rows that were made anew, the order counts.
Any other result fails its mini-batch, and is not tried again."""

import copy
import sys

from parallelrun_worker import whole_numbers
from parallelrun_worker.failures import ContractError
from parallelrun_worker.results import kind_of

CONTEXT = ("input", "file", "row")
# What a script cannot change in its place.
_PLAIN = (str, bytes, int, float, bool, type(None))


class CarryError(ContractError):
    permanent = True  # another try would return the same


class Carry:
    """What a job asks for."""

    def __init__(self, add_context=False, columns=()):
        self._add_context, self._columns = add_context, list(columns)

    def __bool__(self):
        return self._add_context or bool(self._columns)

    def must_be_among(self, names, input_name):
        """Raises CarryError where an input with columns of these names lacks one that is to be carried along."""
        names = list(map(str, names))
        for name in self._columns:
            if name in names:
                continue
            import difflib

            near = difflib.get_close_matches(name, names, 1)
            raise CarryError(
                "input %s has no column %r, which spec.output.columns names%s; its columns are %s%s"
                % (
                    input_name,
                    name,
                    "; did you mean %r?" % near[0] if near else "",
                    ", ".join(names[:50]) or "none",
                    " and %d more" % (len(names) - 50) if len(names) > 50 else "",
                ),
                "KeyError",
            )

    def of(self, reader, input_name, descriptor, batch, items, rows, types):
        """Carried of a mini-batch that its reader has just read, taken before the script may change it. `types`: of the
        columns in the whole input, as far as they were inferred."""
        columns = []
        if self._add_context:
            files, numbers = reader.places(descriptor, rows)
            columns.append(("input", [input_name] * items))
            columns.append(("file", [files] * items if isinstance(files, str) else files))
            if numbers is not None:
                columns.append(("row", list(numbers)))
        labels = list(batch) if isinstance(batch, list) else batch.index.copy()
        if self._columns:
            self.must_be_among([*batch.columns, *labels.names], input_name)
            columns += [
                (name, whole_numbers.restored(_column(batch, name), types.get(name)))
                for name in self._columns
            ]
        for name, values in columns:
            if len(values) != items:
                raise ContractError(
                    "%d values of %s, but %d items" % (len(values), name, items), "CorruptDescriptor"
                )
        return Carried(columns, items, labels)


def _column(frame, name):
    for position, label in enumerate(frame.columns):
        if str(label) == name:
            return _own(frame.iloc[:, position])
    return frame.index.get_level_values(name).to_series()


def _own(column):
    if column.dtype == object and any(type(value) not in _PLAIN for value in column):
        return column.map(copy.deepcopy)
    return column.copy()


class Carried:
    """`columns`: [(name, one value for each item: a list or a Series)]. `labels`: the index of the mini-batch's
    DataFrame, or a list of paths."""

    def __init__(self, columns, items, labels):
        self._columns, self._items, self._labels = columns, items, labels

    def of(self, result, unicode_format=None):
        """[(name, one value for each element of the result)]. `unicode_format`: that of the output, where it holds no
        names that are not UTF-8. Raises CarryError, and ContractError for a result of a wrong type."""
        places = self._places(result)
        if unicode_format is not None:
            self._must_be_unicode(unicode_format)
        if places is None:
            return self._columns
        return [
            (name, [values[place] for place in places] if type(values) is list else values.iloc[places])
            for name, values in self._columns
        ]

    def names(self):
        return [name for name, _ in self._columns]

    def must_differ(self, names):
        """From those of the result."""
        for name in names:
            if name in self.names():
                raise CarryError(
                    "the result has a column %r, and spec.output.%s adds one of the same name; rename it in the result, or "
                    "leave it out there" % (name, "addContext" if name in CONTEXT else "columns"),
                    "ValueError",
                )

    def _places(self, result):
        """Of the item of each element, among the items; None: one by one."""
        kind_of(result)
        count, items = len(result), self._items
        if count == 0:
            return []
        if items == 1:
            return None if count == 1 else [0] * count
        if count != items:
            raise self._uncertain("run() returned %d elements for %d items" % (count, items))
        pandas = sys.modules.get("pandas")
        if pandas is None or not isinstance(result, (pandas.DataFrame, pandas.Series)):
            return None
        if not _counts_from_0(result.index, pandas):
            return self._places_by_labels(result.index, pandas)
        own = self._labels
        if isinstance(own, list) or _counts_from_0(own, pandas) or not own.isin(range(count)).all():
            return None
        raise self._uncertain(
            "its index counts from 0, and that of the mini-batch has the same labels in another order"
        )

    def _places_by_labels(self, index, pandas):
        labels = self._labels
        if isinstance(labels, list):
            labels = pandas.Index(labels, dtype=object)
        elif list(index.names) != list(labels.names):
            raise self._uncertain("its index is not that of the mini-batch")
        elif index.equals(labels):
            return None
        if not labels.is_unique or not index.is_unique:
            raise self._uncertain("its index has labels more than once")
        places = labels.get_indexer(index)
        if (places < 0).any():
            raise self._uncertain("its index is not that of the mini-batch")
        return places

    def _uncertain(self, why):
        return CarryError(
            "the rows of the result cannot be led back to their items, as spec.output.addContext and spec.output.columns "
            "need it: %s. Return one element for each item, in the order of the mini-batch, with None where there is no "
            "value; of a DataFrame or Series keep the mini-batch's index, or number the rows anew with "
            "reset_index(drop=True). With one item in each mini-batch any number of elements is right" % why,
            "ValueError",
        )

    def _must_be_unicode(self, output_format):
        for name, values in self._columns:
            if name != "file":
                continue
            for value in set(values):
                try:
                    value.encode("utf-8")
                except UnicodeEncodeError:
                    raise CarryError(
                        "the name of the file %r is not UTF-8, so spec.output.addContext cannot write it with output.format: "
                        "%s; rename the file, or set output.format: text" % (value, output_format),
                        "UnicodeEncodeError",
                    ) from None
            return


def _counts_from_0(index, pandas):
    """0, 1, 2, ... without a name, as pandas numbers rows that have no labels."""
    return index.name is None and index.nlevels == 1 and index.equals(pandas.RangeIndex(len(index)))
