"""pandas.read_csv as this package asks it: the same values under every pandas from 2.0 on."""

# What read_csv takes for a gap, where pandas does not say it itself.
GAPS = (
    "",
    "#N/A",
    "#N/A N/A",
    "#NA",
    "-1.#IND",
    "-1.#QNAN",
    "-NaN",
    "-nan",
    "1.#IND",
    "1.#QNAN",
    "<NA>",
    "N/A",
    "NA",
    "NULL",
    "NaN",
    "None",
    "n/a",
    "nan",
    "null",
)


class Reader:
    def __init__(self, pandas, delimiter, declared, na_values):
        """`declared`: {column: type}; `na_values`: the texts that mean a gap, or None for pandas' own. The empty
        field is always one."""
        self._pandas = pandas
        self._declared = declared
        self._na_values = None if na_values is None else sorted({*na_values, ""})
        self._options = {"sep": delimiter, "low_memory": False, "engine": "c"}
        # Until 3.1 the default rounds some numbers to a neighbour of the nearest float64; since then this
        # option is deprecated, and the default is exact.
        if not is_at_least(pandas, 3, 1):
            self._options["float_precision"] = "round_trip"
        self._probed = None
        # Of a name pandas finds out anew for each column which type it means.
        self._dtypes = {
            name: pandas.api.types.pandas_dtype(name) for name in ("int64", "uint64", "float64", "bool")
        }

    def columns(self, header):
        """The names of the columns of a header record."""
        return self._pandas.read_csv(Utf8Parts(header), **self._options).columns

    def parse(self, data, dtypes, columns):
        """`dtypes`: one for all columns, or by column, or None."""
        # Columns go by number here: pandas would also give the dtype of `a` to a second `a`.
        numbers = {column: str(number) for number, column in enumerate(columns)}
        header = self._options["sep"].join(numbers.values()).encode() + b"\n"
        if isinstance(dtypes, dict):
            known = self._dtypes
            dtypes = {
                numbers[column]: known.get(dtype, dtype)
                for column, dtype in dtypes.items()
                if column in numbers
            }
        frame = self._pandas.read_csv(
            Utf8Parts(header, data), dtype=dtypes, **self._options, **self._gaps(numbers)
        )
        frame.columns = columns
        return frame

    def _gaps(self, numbers):
        if self._na_values is not None:
            return {"na_values": self._na_values, "keep_default_na": False}
        texts = {column for column, kind in self._declared.items() if kind == "string" and column in numbers}
        if not texts:
            return {}
        usual = list(GAPS)
        by_column = {number: [""] if column in texts else usual for column, number in numbers.items()}
        return {"na_values": by_column, "keep_default_na": False}

    @property
    def cuts_at_nul(self):
        """pandas 2 takes a NUL for the end of a field's text."""
        if self._probed is None:
            frame = self._pandas.read_csv(Utf8Parts(b"a\nx\0y\n"), dtype=str, **self._options)
            self._probed = frame["a"][0] != "x\0y"
        return self._probed


class Utf8Parts:
    """What pandas takes for a text file whose read() already gives UTF-8 bytes: it neither decodes nor
    encodes, and nothing is copied into one piece."""

    mode = "r"

    def __init__(self, *parts):
        self._parts = [part for part in reversed(parts) if part]
        self._at = 0

    def read(self, size=-1):
        if not self._parts:
            return b""
        part = self._parts[-1]
        end = len(part) if size < 0 else self._at + size
        piece = part[self._at : end]
        self._at = end
        if end >= len(part):
            self._parts.pop()
            self._at = 0
        return piece

    def __iter__(self):  # pandas asks whether it is there
        return iter(self.read, b"")


def is_at_least(pandas, major, minor):
    try:
        return tuple(int(part) for part in pandas.__version__.split(".")[:2]) >= (major, minor)
    except ValueError:
        return False
