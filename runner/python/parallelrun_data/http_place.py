"""Objects at addresses (`http: {urls}`), with the standard library. The same interface as places.Place."""

import asyncio
import base64
import http.client
import itertools
import re
import ssl
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote, urlsplit

from parallelrun_data import credentials
from parallelrun_data.troubles import CHANGED, INVALID, MISSING, REFUSED, Passing, Trouble

_BLOCK = 1 << 20
_TIMEOUT = 60  # seconds without a byte
_MOST_CHECKED = 8  # URLs, where those before are refused


class _Redirects(urllib.request.HTTPRedirectHandler):
    """The credentials are for the host that they were given for."""

    def redirect_request(self, request, fp, code, msg, headers, newurl):
        new = super().redirect_request(request, fp, code, msg, headers, newurl)
        if new is not None and urlsplit(newurl)[:2] != urlsplit(request.full_url)[:2]:
            new.remove_header("Authorization")
        return new


def names_of(urls):
    """{name: url}: the last part of each path; where two are equal, behind a number."""
    out = {}
    for url in urls:
        last = unquote(urlsplit(url).path).rstrip("/").rsplit("/", 1)[-1] or "object"
        name, number = last, 1
        while name in out:
            number += 1
            name = f"{number}/{last}"
        out[name] = url
    return out


# In a query they name what gives access.
_TELLING = {
    *("access_token", "api_key", "apikey", "auth", "authorization", "password", "secret", "sig", "signature"),
    *("token", "x-amz-signature", "x-goog-signature"),
}


def _names_in(url):
    return (part.partition("=")[0].lower() for part in urlsplit(url).query.split("&"))


def _check_url(url):
    """Raises INVALID for what is no address, or none that can go over the wire."""
    shown = url.split("?", 1)[0].split("#", 1)[0]
    shown = re.sub("//[^/]*@", "//", shown)
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise Trouble(
            INVALID, f"the URL '{shown}' has a host or a port that cannot be one; correct it"
        ) from None
    if parts.scheme not in ("http", "https") or not host:
        raise Trouble(INVALID, f"the URL '{shown}' must begin with http:// or https:// and a host")
    if not url.isascii() or any(c.isspace() or ord(c) < 33 or ord(c) == 127 for c in url):
        raise Trouble(
            INVALID,
            f"the URL '{shown}' has a space or a character that is not ASCII; write it percent-encoded, such as "
            "%20 for a space (a host: in its xn-- form)",
        )


class HttpPlace:
    kind = "http"

    def __init__(self, source, credentials_file, environment, secrets):
        body = source["http"]
        self._source = body
        self._file = credentials_file
        self._secrets = secrets
        for url in body["urls"]:
            _check_url(url)
        self._urls = names_of(body["urls"])
        self.address = "http"
        for url in body["urls"]:
            query = urlsplit(url).query
            if query:
                secrets.add(query)
        # It stands in clear in what the job writes: a token is better in a file of --credentials.
        self.tells_a_secret = any(_TELLING & set(_names_in(url)) for url in body["urls"])
        self._pool = ThreadPoolExecutor(32, thread_name_prefix="http")
        self.open()

    def open(self):
        keys = credentials.read(self._file, "http")
        self._headers = {"User-Agent": "parallelrun"}
        if "bearerToken" in keys:
            self._headers["Authorization"] = "Bearer " + keys["bearerToken"]
            self._secrets.add(keys["bearerToken"])
        elif keys:
            pair = base64.b64encode(f"{keys['username']}:{keys['password']}".encode()).decode()
            self._headers["Authorization"] = "Basic " + pair
            self._secrets.add(pair)
            self._secrets.add(keys["password"])
        try:
            context = ssl.create_default_context(cafile=self._source.get("caCertificate") or None)
        except (OSError, ssl.SSLError) as error:
            raise Trouble(
                INVALID, f"caCertificate '{self._source['caCertificate']}' cannot be used: {error}"
            ) from None
        self._opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), _Redirects())

    def _shown(self, name):
        return self._secrets.without(self._urls[name].split("?", 1)[0])

    def _request(self, name, method="GET", headers=None):
        request = urllib.request.Request(
            self._urls[name], method=method, headers={**self._headers, **(headers or {})}
        )
        try:
            return self._opener.open(request, timeout=_TIMEOUT)
        except urllib.error.HTTPError as error:
            error.close()
            raise self._trouble(error.code, name) from None
        except (ValueError, http.client.InvalidURL):
            # Where a server redirects to.
            raise Trouble(
                INVALID, f"{self._shown(name)} redirects to what is no address; correct the URL"
            ) from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise Passing(
                "cut", f"{self._shown(name)} cannot be reached: {self._secrets.without(str(reason))}"
            ) from None

    def _trouble(self, status, name):
        what = self._shown(name)
        if status == 412:
            return Trouble(CHANGED, f"{what} has changed since it was planned")
        if status in (404, 410):
            return Trouble(MISSING, f"{what} is not there (HTTP status {status})")
        if status in (401, 403):
            where = (
                f"credentials: {self._file}" if self._file else "there are none: give them with --credentials"
            )
            refused = None
            if status == 403:
                refused = (
                    f"{what} cannot be read: the server answers HTTP status 403, and accepts the "
                    "credentials elsewhere; permit them to read it, or leave the URL out"
                )
            words = f"{what} refuses the credentials: HTTP status {status} ({where})"
            return Passing("denied", words, refused, status)
        why = "throttled" if status == 429 else "server"
        if status == 429 or status == 408 or status >= 500:
            return Passing(why, f"{what} answers with an error: HTTP status {status}", status=status)
        return Trouble(
            REFUSED, f"{what} answers with HTTP status {status}; correct the URL, or leave it out", status
        )

    async def _run(self, work, *arguments):
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    def _head(self, name):
        try:
            answer = self._request(name, "HEAD")
        except (Trouble, Passing) as trouble:
            if trouble.status in (405, 501):
                return None, ""
            raise
        with answer:
            return _facts(answer.headers)

    def _facts_or_none(self, name):
        """What is refused is told by the request for the object: its mini-batch fails, not the listing."""
        try:
            return self._head(name)
        except (Trouble, Passing) as trouble:
            if _is_of_one(trouble):
                return None, ""
            raise

    def single(self):
        return None

    async def check(self):
        """Whether one of the first URLs can be read with these credentials."""
        first = None
        for name in itertools.islice(self._urls, _MOST_CHECKED):
            try:
                await self._run(self._head, name)
                return
            except (Trouble, Passing) as trouble:
                first = first or trouble
                if not _is_of_one(trouble):
                    raise
        raise first

    async def list(self, prefix, start, chunk=16):
        names = [
            n
            for n in sorted(self._urls, key=str.encode)
            if n.startswith(prefix) and (start is None or n > start)
        ]
        for begin in range(0, len(names), chunk):
            part = names[begin : begin + chunk]
            for name, (size, version) in zip(
                part, await asyncio.gather(*(self._run(self._facts_or_none, n) for n in part))
            ):
                yield name, size, version

    async def is_folder(self, name, version):
        return False

    async def read(self, name, version, start, end):
        headers = {}
        if start is not None:
            headers["Range"] = f"bytes={start}-{end - 1}"
        if version.startswith('"'):
            headers["If-Match"] = version
        answer = await self._run(self._request, name, "GET", headers)
        with answer:
            size, now = _facts(answer.headers)
            if version and now and now != version:
                raise Trouble(CHANGED, f"{self._shown(name)} has changed since it was planned")
            skip = start or 0
            if start is not None and answer.status == 206:
                skip = 0
            left = None if start is None else end - start
            length = size
            while left is None or left > 0:
                try:
                    block = await self._run(answer.read, _BLOCK)
                except (OSError, http.client.HTTPException) as error:
                    raise Passing("cut", f"{self._shown(name)} was cut: {error}") from None
                if not block:
                    # http.client gives the short rest of a connection that was cut like an end.
                    if length is not None and left is None:
                        got = length - (answer.length or 0)
                        if answer.length:
                            raise Passing("cut", f"{self._shown(name)} ended after {got} of {length} bytes")
                    return
                if skip:
                    skipped = min(skip, len(block))
                    block, skip = block[skipped:], skip - skipped
                if left is not None:
                    block = block[:left]
                    left -= len(block)
                if block:
                    yield block


def _is_of_one(trouble):
    return getattr(trouble, "kind", None) == REFUSED or getattr(trouble, "refused", None) is not None


def _facts(headers):
    length = headers.get("Content-Length")
    size = int(length) if length and length.isdigit() and not headers.get("Content-Encoding") else None
    etag = headers.get("ETag") or ""
    if etag.startswith('"'):
        return size, etag
    changed = headers.get("Last-Modified")
    return size, etag or (f"time:{changed}" if changed else "")
