"""Where the credentials of a source come from: a file (--credentials NAME=FILE) or in a pod a Secret, else the
environment."""

import difflib
import json
import os
import re
import stat

from parallelrun_data.troubles import INVALID, Trouble

# The keys of a Secret, by kind of source: what may stand together.
KEYS = {
    "azureBlob": (("tenantId", "clientId", "clientSecret"), ("accountKey",), ("sasToken",)),
    "s3": (("accessKeyId", "secretAccessKey"), ("accessKeyId", "secretAccessKey", "sessionToken")),
    "gcs": (("serviceAccountKey",),),
    "http": (("bearerToken",), ("username", "password")),
    "sql": (("url",),),
}


# These may hold what no header and no signature can hold.
_FREE = ("username", "password", "serviceAccountKey", "url")


def _scalar(text, where):
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        if text[0] == "'":
            return text[1:-1].replace("''", "'")
        try:
            return json.loads(text)
        except ValueError:
            raise Trouble(
                INVALID,
                f"{where}: the text in double quotes has an escape or a quote that is not known there; put it in "
                "single quotes",
            ) from None
    return text.split(" #", 1)[0].rstrip()


def _simple_yaml(text, where):
    """`key: value` lines, and block values (`key: |`): all that a file of keys needs."""
    out = {}
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if not line.strip() or line.lstrip().startswith("#") or line.strip() == "---":
            continue
        key, colon, value = line.partition(":")
        if not colon or line[0].isspace():
            raise Trouble(
                INVALID, f"{where}, line {at}, is not 'key: value'; write one key of the Secret in each line"
            )
        if value.strip() in ("|", "|-", ">", ">-"):
            block = []
            while at < len(lines) and (not lines[at].strip() or lines[at][0].isspace()):
                block.append(lines[at].strip())
                at += 1
            out[key.strip()] = "\n".join(block).strip()
        else:
            out[key.strip()] = _scalar(value, f"{where}, line {at}")
    return out


def named(given):
    """How a message calls where the keys are: the quoted path of a file, or `the Secret 'keys'`."""
    return f"'{given}'" if isinstance(given, str) else str(given)


def read(given, kind):
    """The keys of what a source was given: the path of a file, or a SecretFolder; None: no keys."""
    if given is None:
        return {}
    return read_file(given, kind) if isinstance(given, str) else given.read(kind)


def read_file(path, kind):
    """The keys in a file. Raises INVALID, which names the file and never a value."""
    where = f"the credentials file '{path}'"
    try:
        # A pipe that nobody writes to would be waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, encoding="utf-8") as file:
            info = os.fstat(descriptor)
            if not stat.S_ISREG(info.st_mode):
                raise Trouble(INVALID, f"{where} is not a file")
            if info.st_mode & 0o077:
                raise Trouble(
                    INVALID,
                    f"{where} can be read or written by other users (mode {stat.S_IMODE(info.st_mode):04o}); "
                    f"run chmod 600 '{path}'",
                )
            text = file.read(1 << 20)
    except UnicodeDecodeError:
        raise Trouble(INVALID, f"{where} is not UTF-8") from None
    except OSError as error:
        raise Trouble(INVALID, f"{where} cannot be read: {error.strerror}") from None
    if text.lstrip().startswith("{"):
        try:
            keys = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Trouble(INVALID, f"{where} is not JSON: {str(error).split(':')[0]}") from None
    else:
        keys = _simple_yaml(text, where)
    # What `gcloud` writes is the key itself.
    if kind == "gcs" and keys.get("type") in ("service_account", "authorized_user"):
        keys = {"serviceAccountKey": text}
    return checked(keys, kind, where)


def checked(keys, kind, where):
    known = sorted({key for together in KEYS[kind] for key in together})
    for key, value in keys.items():
        if key not in known:
            # A line that was meant otherwise may have a secret where a key should be.
            shown = f"the key '{key}', which {kind}" if _may_be_shown(key) else f"a key that {kind}"
            raise Trouble(INVALID, f"{where} has {shown} does not know; it knows {', '.join(known)}")
        if not isinstance(value, str) or not value.strip("\r\n"):
            raise Trouble(INVALID, f"{where}: the key '{key}' must be a text that is not empty")
        # `echo` and editors end a file with a line break, which is no part of the key.
        keys[key] = value.strip("\r\n")
        fault = _fault(keys[key], key in _FREE, key == "serviceAccountKey")
        if fault:
            raise Trouble(INVALID, f"{where}: the key '{key}' {fault}; write it without")
    given = set(keys)
    if any(given == set(together) for together in KEYS[kind]):
        return keys
    ways = "; or ".join(" and ".join(together) for together in KEYS[kind])
    missing = [sorted(set(together) - given) for together in KEYS[kind] if given and given < set(together)]
    if missing:
        raise Trouble(INVALID, f"{where} lacks {' and '.join(missing[0])}; {kind} needs {ways}")
    raise Trouble(INVALID, f"{where} must have {ways}")


def _may_be_shown(key):
    """Whether it is a misspelt key or that of another kind of store."""
    known = {each.lower() for ways in KEYS.values() for together in ways for each in together}
    plain = re.fullmatch("[A-Za-z_-]{1,40}", key)
    return bool(plain and difflib.get_close_matches(key.lower(), known, n=1, cutoff=0.75))


def _fault(value, free, lines):
    """What a value has that it must not have, in words without the value."""
    if any(ord(c) < 32 and not (lines and c in "\t\r\n") or ord(c) == 127 for c in value):
        return "has a line break or another control character"
    if any(0xD800 <= ord(c) < 0xE000 for c in value):
        return "has half a character (a lone surrogate)"
    if not free and any(c.isspace() for c in value):
        return "has a space"
    if not free and not value.isascii():
        return "has a character that is not ASCII"
    return ""


# What tools of the provider read; the launcher withholds the same names from scripts
# (common/spec/store_kinds.cpp).
_PREFIXES_OF = {
    "s3": ("AWS_",),
    "azureBlob": ("AZURE_", "MSI_", "IDENTITY_"),
    "gcs": ("GOOGLE_",),
    "sql": ("PARALLELRUN_SQL_",),
}
PREFIXES = tuple(prefix for prefixes in _PREFIXES_OF.values() for prefix in prefixes)


class Environment:
    """The provider's variables of this process. They are taken out of it, so that a source with a file of its own does
    not see half of them, and put back while a store without one is opened."""

    def __init__(self):
        self._kept = {name: value for name, value in os.environ.items() if name.startswith(PREFIXES)}
        for name in self._kept:
            del os.environ[name]

    def secrets(self):
        return [value for name, value in self._kept.items() if self._is_secret(name)]

    @staticmethod
    def _is_secret(name):
        telling = ("KEY", "SECRET", "TOKEN", "PASSWORD", "SAS", "CONNECTION")
        return any(part in name for part in telling) and not name.endswith("_FILE")

    def check(self, kind):
        """Raises INVALID for a value that no request can hold."""
        for name, value in self._kept.items():
            if not name.startswith(_PREFIXES_OF[kind]):
                continue
            fault = _fault(value, True, kind == "gcs")
            if not fault and self._is_secret(name) and value != value.strip():
                fault = "has a space at an end"
            if fault:
                raise Trouble(INVALID, f"the environment variable {name} {fault}; set it without")

    def __enter__(self):
        os.environ.update(self._kept)

    def __exit__(self, *_):
        for name in self._kept:
            os.environ.pop(name, None)
