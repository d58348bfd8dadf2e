"""What the plan says of a slice of a CSV file, and its bytes as they were when it was planned, or an error."""

import os
import struct

from parallelrun_worker.failures import ContractError

_NUMBERS = struct.Struct("<QQQQQQB")
_U32 = struct.Struct("<I")

CSV = 2  # DescriptorKind of runner/input/descriptor_kind.h
BY_SIZE, BY_BYTES, BY_ENDS, CHANGED = range(4)
_HASHED_END = 64 << 10


class SliceError(ContractError):
    """The data of a mini-batch cannot be used. `items`: how many it has, as far as that is known."""

    permanent = True  # it is the data that does not fit, so another try would meet the same

    def __init__(self, message, name="DataError", items=0):
        super().__init__(message, name)
        self.items = items


class UnreadableError(SliceError):
    """The file system does not give what the plan names; it may do so later, or elsewhere."""

    permanent = False


class CsvSlice:
    """A FileSlice descriptor (runner/input/file_slice.h); its path is relative to `root`. A slice of CSV without a header is
    a whole file."""

    __slots__ = ("path", "offset", "length", "first_row", "records", "file_size", "hash", "check", "header")

    def __init__(self, descriptor, root, expected=CSV):
        try:
            kind = descriptor[0]
            path, at = sized(descriptor, 1)
            (
                self.offset,
                self.length,
                self.first_row,
                self.records,
                self.file_size,
                self.hash,
                self.check,
            ) = _NUMBERS.unpack_from(descriptor, at)
            self.header, at = sized(descriptor, at + _NUMBERS.size)
        except (struct.error, IndexError):
            kind = at = -1
        if kind != expected or at != len(descriptor):
            raise UnreadableError("the descriptor of the mini-batch cannot be decoded", "CorruptDescriptor")
        self.path = os.fsdecode(root + path)


def sized(data, at):
    """(the bytes behind a length at `at`, where they end)"""
    (size,) = _U32.unpack_from(data, at)
    at += 4
    if size > len(data) - at:
        raise IndexError
    return data[at : at + size], at + size


def path_in(descriptor):
    """The path of a slice below the input's directory."""
    return os.fsdecode(sized(descriptor, 1)[0])


def descriptors_in(sample):
    """The descriptors of a sample: u32 count | count x bytes descriptor."""
    (count,) = _U32.unpack_from(sample)
    at = _U32.size
    for _ in range(count):
        descriptor, at = sized(sample, at)
        yield descriptor


def read_range(piece, checker):
    """The bytes of the slice. `checker` hashes (csv_check.load())."""
    if piece.check == CHANGED:
        raise _changed(piece)
    if piece.offset + piece.length > piece.file_size:
        raise UnreadableError(
            "the descriptor names bytes after the end of %s" % piece.path, "CorruptDescriptor"
        )
    try:
        fd = os.open(piece.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            size = os.fstat(fd).st_size
            # Rows that were appended are no rows of the plan; the last record may have grown.
            if size != piece.file_size and (
                piece.check != BY_BYTES or piece.offset + piece.length == piece.file_size
            ):
                raise _changed(piece, size)
            data = _pread(fd, piece.offset, piece.length, piece)
        finally:
            os.close(fd)
    except OSError as error:
        raise UnreadableError(
            "%s cannot be read: %s" % (piece.path, error.strerror), type(error).__name__
        ) from None
    if piece.check == BY_BYTES and checker.hash(data) != piece.hash:
        raise _changed(piece)
    if piece.check == BY_ENDS:
        ends = data if len(data) <= 2 * _HASHED_END else data[:_HASHED_END] + data[-_HASHED_END:]
        if checker.hash(ends) != piece.hash:
            raise _changed(piece)
    return data


def _pread(fd, offset, length, piece):
    parts = []
    while length > 0:
        part = os.pread(fd, min(length, 1 << 30), offset)
        if not part:
            raise _changed(piece)
        parts.append(part)
        offset += len(part)
        length -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _changed(piece, size=None):
    if size is None or size == piece.file_size:
        how = "bytes %d to %d are different" % (piece.offset, piece.offset + piece.length)
    else:
        how = "it had %d bytes and now has %d" % (piece.file_size, size)
    return UnreadableError(
        "%s has changed since it was planned (%s), but a job that goes on keeps its plan. Restore the file. Or, to use the "
        "file as it is now, start the job with another output directory or with --overwrite"
        % (piece.path, how),
        "FileChanged",
    )
