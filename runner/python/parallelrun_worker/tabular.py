"""Tabular inputs: a slice of a CSV file as the DataFrame that pandas.read_csv(low_memory=False) would have
given for those records of the whole file."""

import codecs
import functools
import sys

from parallelrun_worker import (
    arrow_reader,
    column_types,
    csv_check,
    csv_dialect,
    packed,
    pandas_reader,
    table_layout,
)
from parallelrun_worker.csv_slice import CsvSlice, SliceError, descriptors_in, path_in, read_range
from parallelrun_worker.failures import ContractError

_ARROW = "Arrow"
_MOST_BAD_RECORDS = 100  # of a sample


class NoRecords(Exception):
    """A file that came whole is empty."""


class TabularInput:
    """One entry of spec.inputs. `types` maps columns to what was inferred for the whole input, once known."""

    number_rows = False

    def __init__(self, entry):
        self.name = entry["name"]
        self._root = entry["directory"].encode()
        self.declared = dict(entry.get("columns") or {})
        self.types = {}
        self._delimiter = (entry.get("delimiter") or ",").encode("ascii")
        self._encoding = _codec(entry.get("encoding") or "utf-8", self.name)
        self._pandas = import_pandas()
        self._reader = pandas_reader.Reader(
            self._pandas, self._delimiter.decode(), self.declared, entry.get("na_values")
        )
        self._has_header = entry.get("header", True)
        self._names = entry.get("column_names")  # of tables without a header
        self._first_row = "row 1 is the first record" + (" after the header" if self._has_header else "")
        self._read_by = {}  # _ARROW, or why it was pandas -> mini-batches
        self._checker = csv_check.load()
        self._plain = csv_dialect.load(entry, self._delimiter, self._checker.library)
        self._quote = entry.get("quote", '"')
        self._arrow = arrow_reader.load(
            self._pandas,
            self._delimiter.decode(),
            self.declared,
            entry.get("na_values"),
            self._checker.library,
        )
        self.layout = table_layout.TableLayout(self.name, self._delimiter.decode())
        self._headers = {}  # header record -> (fields, column names)
        self._known_types = None
        self._as_text = set()
        self._gaps_told = set()
        self._numbers = None  # of the last mini-batch's items, where there are blank records between them

    @property
    def columns(self):
        return self.layout.expected

    def know(self, types, columns):
        self.types = types
        self.layout.expect(columns)

    def read(self, descriptor):
        """(DataFrame, items, path, range of rows) of a slice; of an empty file (None, 0, path, no rows). Raises
        SliceError."""
        piece = CsvSlice(descriptor, self._root)
        try:
            header, data, first_row = self._load(piece)
            return self._frame(piece.path, header, data, first_row)
        except NoRecords:
            return None, 0, piece.path, range(1, 1)
        except SliceError as error:
            # The plan's count is what a failure costs; a file that came whole may have none.
            error.items = piece.records or error.items
            raise

    def places(self, descriptor, rows):
        return path_in(descriptor), rows if self._numbers is None else self._numbers

    def infer_types(self, payload):
        """{column: type} for the whole input from sample slices: u32 count, then that many descriptors.
        What cannot be read is left out here: its mini-batch will fail by itself."""
        samples = {}  # header -> slices under it
        for descriptor in descriptors_in(payload):
            try:
                piece = CsvSlice(descriptor, self._root)
                header, data, _ = self._load(piece)
                fields, columns = self._columns_of(header, piece.path)
                self.layout.expect_first(columns)
                if not self.layout.has_columns(columns):
                    continue
                data = self._sound_records(data, fields)
                if data and not self._cut(data):
                    samples.setdefault(header, []).append(data if data.endswith(b"\n") else data + b"\n")
            except (SliceError, NoRecords):
                continue
        merged = column_types.Merger()
        datetimes = {column: [] for column, kind in self.declared.items() if kind == "datetime"}
        for header, pieces in samples.items():
            data, columns = b"".join(pieces), self._columns_of(header, "")[1]
            as_text = {
                column: str for column, kind in self.declared.items() if kind in ("string", "datetime")
            }
            frame = self._reader.parse(data, as_text, columns)
            text = functools.lru_cache(None)(lambda d=data, c=columns: self._reader.parse(d, str, c))
            merged.add(frame, text)
            for column, texts in datetimes.items():
                if column in columns:
                    texts += frame[column].dropna().tolist()
        types = merged.types(leave_out=self.declared)
        for column, texts in datetimes.items():
            if column_types.datetime_kind(texts) != "datetime":
                types[column] = column_types.datetime_kind(texts)
        return types

    def _sound_records(self, data, fields):
        """Without the records that cannot be read, whose mini-batches fail by themselves: they must not keep the types of
        all others from being known. With quotes only what precedes the first one, since a line break may be text."""
        sound = []
        for _ in range(_MOST_BAD_RECORDS):
            report = self._checker.check(data, self._delimiter, fields)
            if report.error == 0:
                sound.append(data)
                break
            begin = data.rfind(b"\n", 0, report.offset) + 1
            before = data[:begin]
            if self._checker.check(before, self._delimiter, fields).error == 0:
                sound.append(before)
            end = data.find(b"\n", report.offset)
            if end < 0 or b'"' in data:
                break
            data = data[end + 1 :]
        return b"".join(sound)

    def _load(self, piece):
        """(header, records, number of their first row) as UTF-8 bytes."""
        first = 0 if self._has_header else 1  # the number of the first row of a file
        if not piece.header:  # the file came whole
            content = packed.unpacked(piece.path, read_range(piece, self._checker))
            table_layout.refuse_other_formats(piece.path, content[:256])
            return self._split_header(piece.path, self._to_utf8(piece.path, content, first))
        table_layout.refuse_other_formats(piece.path, piece.header[:256])
        data = read_range(piece, self._checker)
        header = piece.header
        if not self._encoding.is_utf8:
            header = self._to_utf8(piece.path, header, first)
            data = self._to_utf8(piece.path, data, piece.first_row, behind_blanks=True)
        if self._plain is not None:
            header, data = self._plain(header), self._plain(data)
        # The plan counts to the first record; blank ones may lie before it.
        begin = piece.first_row - self._row(data, 0)
        if not self._has_header:
            header = self._made_header(piece.path, header)
        if not header.endswith((b"\n", b"\r")):
            header += b"\n"
        return header, data, begin

    def _made_header(self, path, first_record):
        """For a table without one: `first_record` has as many fields. Raises SliceError."""
        fields = self._checker.count_fields(first_record, self._delimiter)
        names = self._names or [str(number) for number in range(fields)]
        if len(names) != fields:
            raise SliceError(
                "%s: the first record has %d field%s, but spec.inputs[%s].columnNames has %d; name all columns, and no more"
                % (path, fields, "" if fields == 1 else "s", self.name, len(names)),
                "ColumnsDiffer",
            )
        quoted = ('"%s"' % name.replace('"', '""') for name in names)
        return self._delimiter.decode().join(quoted).encode() + b"\n"

    def _to_utf8(self, path, content, first_row, behind_blanks=False):
        """`first_row`: number of the content's first row, or of its first that is not blank."""
        try:
            return content.decode(self._encoding.name).encode("utf-8")
        except UnicodeDecodeError as error:
            if self._encoding.sliceable and self._plain is None:
                at, rows = error.start, content
            else:
                before = content[: error.start].decode(self._encoding.name, "ignore").encode("utf-8")
                if self._plain is not None:
                    before = self._plain(before)
                at, rows = len(before), before + b"x"
            row = first_row + self._checker.row_of_offset(rows, self._delimiter, at)
            if behind_blanks:
                row -= self._row(rows, 0)
            raise self._broken_bytes(
                path, row, content[error.start : error.start + 1], error.reason
            ) from None
        except UnicodeEncodeError as error:  # a lone surrogate in UTF-16
            raise SliceError("%s: %s" % (path, error), "UnicodeError") from None

    def _split_header(self, path, content):
        if content.startswith(codecs.BOM_UTF8):
            content = content[3:]
        if self._plain is not None:
            content = self._plain(content)
        # Everything up to the end of the first record that is not blank.
        row = self._checker.row_of_item(content, self._delimiter, 0)
        low = self._begin_of_row(content, row + 1)
        header = content[:low]
        if not header.strip(b" \t\r\n".replace(self._delimiter, b"")):
            raise NoRecords
        if not self._has_header:
            return self._made_header(path, header), content, 1
        return header if header.endswith((b"\n", b"\r")) else header + b"\n", content[low:], 1

    def _begin_of_row(self, content, row):
        """Offset of the record's first byte, or the size of the content where there is none."""
        low, high = 0, len(content)
        while low < high:
            middle = (low + high) // 2
            if self._checker.row_of_offset(content, self._delimiter, middle) >= row:
                high = middle
            else:
                low = middle + 1
        return low

    def _columns_of(self, header, path):
        known = self._headers.get(header)
        if known is None:
            if self._cut(header):
                raise self._nul(path, 0, "in its header")
            fields = self._checker.count_fields(header, self._delimiter)
            try:
                # Through pandas, which numbers columns of the same name and names those without one.
                columns = self._reader.columns(header) if fields else []
            except UnicodeDecodeError as error:
                broken = error.object[error.start : error.start + 1]
                raise self._broken_bytes(path, 0, broken, error.reason) from None
            except ValueError as error:
                raise SliceError("%s: the header cannot be read: %s" % (path, error), "ParserError") from None
            if len(self._headers) > 1000:
                self._headers.clear()
            known = self._headers[header] = (fields, self._pandas.Index(columns))
        return known

    def _frame(self, path, header, data, first_row):
        fields, columns = self._columns_of(header, path)
        if len(columns) != fields:
            raise SliceError(
                "%s: the header has %d field%s, but pandas reads %d"
                % (path, fields, "" if fields == 1 else "s", len(columns))
            )
        self.layout.must_have(path, columns)
        for column in self.declared:
            if column not in columns:
                raise SliceError(
                    "%s has no column %r, which spec.inputs[%s].columns declares; its header names %s"
                    % (path, column, self.name, ", ".join(columns[:50]) or "nothing"),
                    "KeyError",
                )
        report = self._checker.check(data, self._delimiter, fields)
        if report.error:
            raise self._bad_record(path, first_row + report.row, data, report, fields)
        rows = self._rows_of(data, report, first_row)
        traits = self._checker.look(data, self._delimiter)
        if traits & csv_check.NUL and self._reader.cuts_at_nul:
            at = data.index(b"\0")
            row = self._checker.row_of_offset(data, self._delimiter, at)
            number = self._checker.count_fields(data[self._begin_of_row(data, row) : at], self._delimiter)
            where = "row %d, column %r" % (first_row + row, columns[max(number, 1) - 1])
            raise self._nul(path, report.items, where)

        def tell_gap(column, item, kind):
            self._tell_gap(path, column, first_row + self._row(data, item), kind)

        try:
            frame = self._parsed(data, columns, report.items, traits, tell_gap)
        except column_types.Misfit as misfit:
            raise self._misfit(path, first_row + self._row(data, misfit.item), misfit, report.items) from None
        except column_types.Undecided as found:
            error = SliceError(
                "%s, %s: some columns have values here, but had none in the sample from which types were inferred; "
                "declare their types: spec.inputs[%s].columns: {%s}"
                % (
                    path,
                    _rows(rows),
                    self.name,
                    ", ".join("%s: string" % column for column in found.types),
                ),
                "UndecidedColumn",
                report.items,
            )
            error.undecided = found.types
            raise error from None
        except column_types.Unparsable as error:
            raise SliceError(
                "%s, %s: pandas cannot read this: %s" % (path, _rows(rows), error),
                "ParserError",
                report.items,
            ) from None
        if len(frame) != report.items:
            raise SliceError(
                "%s, %s: %d record%s, but pandas reads %d"
                % (
                    path,
                    _rows(rows),
                    report.items,
                    "" if report.items == 1 else "s",
                    len(frame),
                ),
                "ParserError",
                report.items,
            )
        self._numbers = None
        if self.number_rows and report.rows != report.items:
            numbers = self._checker.rows_of_items(data, self._delimiter, report.items)
            self._numbers = [first_row + row for row in numbers]
        frame = self.layout.in_order(frame, path)
        if not self._has_header and self._names is None:
            frame.columns = self._pandas.RangeIndex(len(frame.columns))
        return frame, report.items, path, rows

    def _rows_of(self, data, report, first_row):
        """From the first record to the last: no blank ones before and behind them."""
        if report.rows == report.items or report.items == 0:
            return range(first_row, first_row + report.rows)
        return range(
            first_row + self._row(data, 0),
            first_row + self._row(data, report.items - 1) + 1,
        )

    def _parsed(self, data, columns, items, traits, tell_gap):
        types = self._types_of(columns)
        reader = None
        if self._arrow is not None and items:
            try:
                frame = self._arrow.read(data, columns, types, items, traits, tell_gap)
                self._read_by[_ARROW] = self._read_by.get(_ARROW, 0) + 1
                return frame
            except arrow_reader.Declined as why:
                reader = str(why)
        frame = column_types.apply(
            lambda dtypes: self._reader.parse(data, dtypes, columns),
            types,
            self.declared,
            self._as_text,
            tell_gap,
        )
        if reader is not None:
            self._read_by[reader] = self._read_by.get(reader, 0) + 1
        return frame

    def say_readers(self, always):
        """On stderr, how many mini-batches were read with Arrow and with pandas, if it was not Arrow alone."""
        reasons = dict(self._read_by)
        by_arrow = reasons.pop(_ARROW, 0)
        if not reasons and not (always and by_arrow):
            return
        text = "parallelrun: input %s: %d mini-batches were read with Arrow" % (self.name, by_arrow)
        if reasons:
            text += ", and %d with pandas, which takes longer: %s" % (
                sum(reasons.values()),
                ", ".join("%s (%d)" % reason for reason in sorted(reasons.items())),
            )
        sys.stderr.write(text + "\n")

    def _types_of(self, columns):
        """{column: type}, the same object while neither has changed."""
        known = self._known_types
        if known is None or known[0] is not columns or known[1] is not self.types:
            known = self._known_types = (columns, self.types, {c: self._type_of(c) for c in columns})
        return known[2]

    def _row(self, data, item):
        return self._checker.row_of_item(data, self._delimiter, item)

    def _type_of(self, column):
        declared = self.declared.get(column)
        # How a declared datetime comes is seen in the sample.
        return self.types.get(column) or declared if declared in (None, "datetime") else declared

    def _cut(self, data):
        """Whether pandas would cut a field of the data at a NUL."""
        return b"\0" in data and self._reader.cuts_at_nul

    def _nul(self, path, items, where):
        return SliceError(
            "%s, %s contains a NUL (byte 0x00), and pandas %s would cut the text there; remove it, or name pandas>=3 in "
            "spec.environment.requirements" % (path, where, self._pandas.__version__),
            "ValueError",
            items,
        )

    def _bad_record(self, path, row, data, report, fields):
        if report.error == csv_check.UTF8:
            broken = data[report.offset : report.offset + 1]
            return self._broken_bytes(path, row, broken, "invalid byte")
        if report.error == csv_check.UNCLOSED:
            return SliceError("%s, row %d: a quoted field is never closed" % (path, row), "ParserError")
        return SliceError(
            "%s, row %d has %d field%s, but %s has %d; a field that contains the delimiter (%s) must be in "
            "%s (%s)"
            % (
                path,
                row,
                report.fields,
                "" if report.fields == 1 else "s",
                "the header" if self._has_header else "the first record",
                fields,
                self._delimiter.decode(),
                "double quotes" if self._quote == '"' else "quotes (%s)" % (self._quote or "none are set"),
                self._first_row,
            ),
            "ParserError",
        )

    def _broken_bytes(self, path, row, broken, reason):
        """`row` 0 is the header."""
        return SliceError(
            "%s, %s: byte 0x%s is not %s (%s); name the file's encoding in spec.inputs[%s].encoding (latin-1, cp1252, "
            "utf-16, ...), or convert it%s"
            % (
                path,
                "row %d" % row if row else "in its header",
                broken.hex(),
                self._encoding.label,
                reason,
                self.name,
                " (%s)" % self._first_row if row else "",
            ),
            "UnicodeDecodeError",
        )

    def _misfit(self, path, row, misfit, items):
        value = "is empty" if misfit.value is None else "is %r" % _short(misfit.value)
        return SliceError(
            "%s, row %d, column %r %s, which does not fit %s; %s"
            % (
                path,
                row,
                misfit.column,
                value,
                misfit.wanted,
                "spec.inputs[%s].columns declares this type; %s" % (self.name, misfit.way_out())
                if misfit.column in self.declared
                else "this type was inferred from a sample of the input; declare the right type: "
                "spec.inputs[%s].columns: {%s: %s}" % (self.name, misfit.column, misfit.type_to_declare()),
            ),
            "ValueError",
            items,
        )

    def _tell_gap(self, path, column, row, comes_as):
        if (column, comes_as) in self._gaps_told:
            return
        self._gaps_told.add((column, comes_as))
        sys.stderr.write(
            "parallelrun: input %s: column %r of %s has no value in %s, row %d; mini-batches with gaps get it as %s "
            "(this is said only once)\n"
            % (self.name, column, "bools" if comes_as == "object" else "whole numbers", path, row, comes_as)
        )


def _short(text):
    """So that what follows the value is not cut off where a message has to fit one line."""
    return text if len(text) <= 80 else text[:77] + "..."


def _rows(rows):
    return "row %d" % rows.start if len(rows) <= 1 else "rows %d to %d" % (rows.start, rows.stop - 1)


class _Codec:
    __slots__ = ("name", "label", "is_utf8", "sliceable")


def _codec(label, input_name):
    codec = _Codec()
    codec.label = label
    try:
        codec.name = codecs.lookup(label).name
        probe = "".join(map(chr, range(128)))
        codec.is_utf8 = codec.name in ("utf-8", "utf-8-sig")
        codec.sliceable = codec.is_utf8 or probe.encode(codec.name) == probe.encode("ascii")
    except (LookupError, UnicodeError):
        raise ContractError(
            "spec.inputs[%s].encoding: Python does not know the encoding %r; use utf-8, latin-1, cp1252, utf-16, ..."
            % (input_name, label),
            "LookupError",
        ) from None
    return codec


def import_pandas():
    try:
        import pandas
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "pandas":
            reason = "has none"
        else:
            reason = "cannot import it: %s" % error
        raise ContractError(
            "a tabular input needs pandas, and the environment's python3 (%s) %s; add pandas to "
            "spec.environment.requirements" % (sys.executable, reason),
            "ModuleNotFoundError",
        ) from None
    return pandas
