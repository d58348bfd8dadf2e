"""CSV of another dialect (spec.inputs[].quote, escape, comment) as what all other code here reads: double quotes, doubled
inside quotes, and nothing else. Record by record: a line that holds only a comment becomes a blank line, so that rows
keep their numbers. In C in libparallelrun_csv.so (runner/process/csv_plain.h, where the rules are written down), here
where that cannot be loaded."""

import ctypes


def load(entry, delimiter, library):
    """A function from UTF-8 bytes that begin with a record to the same records, plainly written; None where they are
    that already. `entry`: the input's. `delimiter`: a byte. `library`: libparallelrun_csv.so, if there is one."""
    special = {name: (entry.get(name) or "").encode("ascii") for name in ("quote", "escape", "comment")}
    if "quote" not in entry:
        special["quote"] = b'"'
    if special == {"quote": b'"', "escape": b"", "comment": b""}:
        return None
    dialect = (delimiter, special["quote"], special["escape"], special["comment"])
    if library is not None and hasattr(library, "parallelrun_csv_plain"):
        return _native(library, dialect)
    return lambda data: _plain(data, *dialect)


def _native(library, dialect):
    function = library.parallelrun_csv_plain
    u64, text = ctypes.c_uint64, ctypes.c_char_p
    function.argtypes = [text, u64, *[ctypes.c_int] * 4, text]
    function.restype = u64
    specials = [character[0] if character else -1 for character in dialect]

    def plain(data):
        size = function(data, len(data), *specials, None)
        out = ctypes.create_string_buffer(size + 1)
        function(data, len(data), *specials, out)
        return out[:size]

    return plain


def _plain(data, delimiter, quote, escape, comment):
    out = bytearray()
    at, size = 0, len(data)
    blanks = b" \t".replace(delimiter, b"")

    def line_break(at):
        """Where the line break at `at` ends."""
        return at + 2 if data[at : at + 2] == b"\r\n" else at + 1

    def line_end(at):
        while at < size and data[at] not in b"\r\n":
            at += 1
        return at

    while at < size:
        behind = at
        while behind < size and data[behind] in blanks:
            behind += 1
        if behind == size or data[behind] in b"\r\n":  # blank
            behind = line_break(behind) if behind < size else size
            out += data[at:behind]
            at = behind
            continue
        if data[at : at + 1] == comment:
            at = line_end(at)
            behind = line_break(at) if at < size else size
            out += data[at:behind]
            at = behind
            continue
        while True:  # field by field
            at, value, must, closed = _field(data, at, delimiter, quote, escape, comment)
            out += b'"' + value.replace(b'"', b'""') + (b'"' if closed else b"") if must else value
            if data[at : at + 1] == delimiter:
                out += delimiter
                at += 1
                continue
            if at < size and data[at] not in b"\r\n":  # a comment
                at = line_end(at)
            behind = line_break(at) if at < size else size
            out += data[at:behind]
            at = behind
            break
    return bytes(out)


def _field(data, at, delimiter, quote, escape, comment):
    """(where the field ends, its value, whether it must be in quotes, whether it is closed)"""
    value = bytearray()
    size = len(data)
    must = False
    if at < size and data[at : at + 1] == quote:
        state, must = "quoted", True
        at += 1
    else:
        state = "free"
    while at < size:
        c = data[at : at + 1]
        if state == "quoted":
            if c == escape:
                if at + 1 == size:
                    return size, bytes(value), True, False
                value += data[at + 1 : at + 2]
                at += 2
                continue
            if c == quote:
                state = "behind quote"
            else:
                value += c
            at += 1
            continue
        if c == delimiter or c in b"\r\n":
            return at, bytes(value), must, True
        if state == "behind quote":
            # What follows a closing quote is literal, whatever it is.
            value += c
            state = "quoted" if c == quote else "free"
            at += 1
            continue
        if c == escape:
            if at + 1 == size:
                return size, bytes(value), True, False
            value += data[at + 1 : at + 2]
            must = True
            at += 2
            continue
        if c == comment:
            return at, bytes(value), True, True
        must = must or c == b'"'
        value += c
        at += 1
    return size, bytes(value), must, state != "quoted"
