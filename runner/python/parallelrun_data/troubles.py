"""What goes wrong with a store, in words for the user, and whether another try may help."""

import asyncio
import json
import os
import random
import re
import time
import traceback
from urllib.parse import quote

# Kinds, as they go over the socket. What each means for a mini-batch and a job: runner/agent/data_link.h.
CHANGED = "changed"  # the object is not the one that was planned
MISSING = "missing"  # the object is gone
DENIED = "denied"  # the credentials are not accepted, also not after they were read again
DISK = "disk"  # the cache cannot be written
TOO_LARGE = "tooLarge"  # does not fit into the cache, however empty
TIMEOUT = "timeout"  # taskOverheadTimeout
UNAVAILABLE = "unavailable"  # the store does not answer, or with errors, for too long
INVALID = "invalid"  # the source or its credentials cannot be used
BUSY = "busy"  # what was asked for ahead has no room in the cache now
# The store refuses one object, and not the credentials. It goes over the socket as CHANGED: its mini-batch
# fails.
REFUSED = "refused"


class Trouble(Exception):
    """`kind` is one of those above. The message is one sentence without a secret."""

    def __init__(self, kind, message, status=0):
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.status = status  # of HTTP, where it is known


class Passing(Exception):
    """Something that may go by itself. `why` is for counting: "throttled", "cut", "server", "denied". `refused`
    is what to say where it turns out that one object is refused, and not the credentials; none: it is those."""

    def __init__(self, why, message, refused=None, status=0):
        super().__init__(message)
        self.why = why
        self.message = message
        self.refused = refused
        self.status = status


class Secrets:
    """Texts that may stand in no message, in no form that a library may give them."""

    def __init__(self):
        self._texts = set()

    def add(self, text):
        if not isinstance(text, str):
            return
        raw = text.encode("utf-8", "backslashreplace")
        for form in (text, text.strip(), repr(text)[1:-1], repr(raw)[2:-1], json.dumps(text)[1:-1]):
            if len(form) >= 4:
                plain = form.encode("utf-8", "backslashreplace")
                self._texts.update({form, quote(plain, safe=""), quote(plain)})

    def without(self, text):
        for secret in sorted(self._texts, key=len, reverse=True):
            text = text.replace(secret, "***")
        # Signatures of shared access and of presigned addresses, whoever made them.
        text = re.sub(
            r"(?i)([?&](?:sig|signature|x-amz-signature|x-amz-credential|x-amz-security-token|x-goog-signature)=)"
            r"[^&\s\"'<>)]*",
            r"\1***",
            text,
        )
        return re.sub(r"://[^/@\s]+@", "://***@", text)


def ends(error):
    """Whether it is no fault, but what ends a task or this process. (A library's panic is no Exception.)"""
    return isinstance(error, (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit))


def unexpected(error):
    """What is wrong with this program: type and place alone, since a library's words may hold a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
    return f"the process that reads object stores met an error of its own ({type(error).__name__}{place})"


_REFUSALS = (
    "invalid_client",
    "unauthorized_client",
    "invalid_grant",
    "InvalidAuthenticationInfo",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
)
# These are never about one object.
_OF_CREDENTIALS = (
    *_REFUSALS,
    "AuthenticationFailed",
    "ExpiredTokenException",
    "InvalidToken",
    "RequestTimeTooSkewed",
)
_ARCHIVED = ("InvalidObjectState", "BlobArchived")
_STATUS = re.compile(r"status code: (\d{3})|status: (\d{3})|HTTP Error (\d{3})")
_CODE = re.compile(r"<Code>([^<]{1,80})</Code>")
_MESSAGE = re.compile(r"<Message>([^<]{1,400})")
_DETAIL = re.compile(r"<AuthenticationErrorDetail>([^<]{1,300})")
_OAUTH = re.compile(r'\\?"error\\?"\s*:\s*\\?"([a-z_]{1,60})\\?"')
_OAUTH_WORDS = re.compile(r'\\?"error_description\\?"\s*:\s*\\?"([^"\\]{1,300})')

_CERTIFICATE = re.compile(r"InvalidCertificate\((?:\s*Other\(\s*OtherError\()?\s*(\w+)")
_SYSTEM = re.compile(r'message: "([^"]{3,200})"')


class Reading:
    """What an exception of obstore says, taken apart."""

    def __init__(self, error, secrets):
        text = secrets.without(str(error))
        found = _STATUS.search(text)
        self.status = int(next(g for g in found.groups() if g)) if found else 0
        code = _CODE.search(text) or _OAUTH.search(text)
        self.code = code.group(1) if code else ""
        words = _MESSAGE.search(text) or _OAUTH_WORDS.search(text)
        self.words = " ".join(words.group(1).split("RequestId")[0].split()) if words else ""
        detail = _DETAIL.search(text)
        if detail:
            self.words += " " + detail.group(1)
        self.type = type(error).__name__
        # The first line is the sentence; what follows is for the library's developers.
        self.line = text.split("\n", 1)[0].split(": <?xml", 1)[0][:400]
        # Why there was no connection stands deep inside.
        cause = _CERTIFICATE.search(text)
        self.untrusted = bool(cause)
        if cause:
            self.line = (
                f"its certificate is not accepted ({cause.group(1)}); name its authority with caCertificate, or correct "
                "the endpoint"
            )
        elif not self.status:
            cause = _SYSTEM.search(text)
            if cause:
                self.line = cause.group(1)
        self.archived = self.code in _ARCHIVED
        self.of_credentials = self.status == 401 or self.code in _OF_CREDENTIALS or "oauth2" in text
        self.of_token = "oauth2" in text or "token" in text.lower() and not code

    @property
    def refused(self):
        """Whether it is about credentials."""
        return (
            self.type in ("UnauthenticatedError", "PermissionDeniedError")
            or self.status in (401, 403)
            or self.code in _REFUSALS
            or (self.of_token and self.status == 400)
        )

    @property
    def missing(self):
        return self.status == 404 or self.type in ("FileNotFoundError", "NotFoundError")

    def explained(self):
        parts = [p for p in (self.code, self.words) if p]
        if parts:
            return ": ".join(parts)
        return f"HTTP status {self.status}" if self.status else self.line

    def passing(self):
        """Why another try may help, or nothing."""
        if self.status == 429 or self.code in (
            "SlowDown",
            "TooManyRequests",
            "ServerBusy",
            "RequestLimitExceeded",
        ):
            return "throttled"
        if self.status >= 500 or self.status == 408:
            return "server"
        if self.code in (
            "ExpiredToken",
            "RequestTimeTooSkewed",
            "AuthenticationFailed",
            "ExpiredTokenException",
        ):
            return "denied"
        if self.refused:
            return "denied"
        if self.status == 0 and self.type in ("GenericError", "BaseError", "JoinError"):
            return "cut"
        return None


class Patience:
    """Tries again with growing pauses, for a bounded time without any progress. Counts what it met."""

    FIRST = 0.2  # seconds
    LONGEST = 15.0

    def __init__(self, seconds, counts):
        self._seconds = seconds
        self._counts = counts
        self.progress()

    def progress(self):
        self._pause = self.FIRST
        self._since = None

    async def after(self, passing):
        """Waits, or raises UNAVAILABLE."""
        now = time.monotonic()
        self._counts.met(passing.why)
        if self._since is None:
            self._since = now
        if now - self._since + self._pause > self._seconds:
            raise Trouble(
                UNAVAILABLE,
                f"{passing.message}; it was tried again for {self._seconds:.0f} s",
            )
        await asyncio.sleep(self._pause * random.uniform(0.75, 1.25))
        self._pause = min(self._pause * 2, self.LONGEST)


class Counts:
    """What was met and done, for the log and for people."""

    def __init__(self):
        self.throttled = 0
        self.server = 0
        self.cut = 0
        self.denied = 0
        self.objects = 0
        self.bytes = 0

    def met(self, why):
        setattr(self, why, getattr(self, why) + 1)

    @property
    def retries(self):
        return self.throttled + self.server + self.cut + self.denied

    def as_dict(self):
        return dict(vars(self), retries=self.retries)
