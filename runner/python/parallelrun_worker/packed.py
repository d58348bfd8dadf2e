"""Files that are packed as a whole: told by their first bytes, as the planner tells them (is_packed in
runner/input/csv_format.cpp); names say nothing."""

from parallelrun_worker.csv_slice import SliceError


def kind_of(content):
    """ "gzip", "bz2", "lzma", "zstd", "zip", or None."""
    head = bytes(content[:10])
    if head.startswith(b"\x1f\x8b\x08"):
        return "gzip"
    if (
        head[:3] == b"BZh"
        and head[3:4] in b"123456789"
        and head[4:] in (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90")
    ):
        return "bz2"
    if head.startswith(b"\xfd7zXZ\0"):
        return "lzma"
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        return "zstd"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    return None


def unpacked(path, content):
    """The content of a file, unpacked where it is packed."""
    kind = kind_of(content)
    if kind is None:
        return content
    import io
    from importlib import import_module

    try:
        if kind == "zstd":
            return import_module("compression.zstd").decompress(content)
        if kind != "zip":
            return import_module(kind).decompress(content)
        with import_module("zipfile").ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            if len(names) != 1:
                raise SliceError(
                    "%s contains %d files; a packed CSV file must contain only one" % (path, len(names))
                )
            return archive.read(names[0])
    except ImportError as error:
        raise SliceError(
            "%s cannot be unpacked, because this python3 has no module %s; unpack the file, or pack it as .gz"
            % (path, error.name),
            "ModuleNotFoundError",
        ) from None
    except SliceError:
        raise
    except Exception as error:  # each format has errors of its own
        raise SliceError("%s cannot be unpacked: %s" % (path, error), type(error).__name__) from None
