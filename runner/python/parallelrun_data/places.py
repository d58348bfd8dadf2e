"""The stores behind one interface: check, list, read; and for the output create, put, upload, remove. The only module that
knows obstore."""

import json
import os
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qs

import obstore
from obstore.exceptions import AlreadyExistsError
from obstore.store import AzureStore, GCSStore, S3Store

from parallelrun_data import credentials
from parallelrun_data.troubles import (
    CHANGED,
    DENIED,
    DISK,
    INVALID,
    MISSING,
    REFUSED,
    UNAVAILABLE,
    Passing,
    Reading,
    Trouble,
    ends,
)

# Pauses and tries are ours, so that they are bounded and counted.
_NO_RETRIES = {"max_retries": 0, "retry_timeout": timedelta(seconds=10)}
# A part of a large file that fails must not begin the file anew.
_RETRIES_OF_PARTS = {"max_retries": 10, "retry_timeout": timedelta(minutes=3)}
_LIST_CHUNK = 1000
_SMALL = 1 << 20  # bytes: what comes at once; a stream costs a small object half as much again
_PART = 16 << 20  # bytes
_MOST_PARTS = 9_000  # of the 10,000 that S3 takes


def _client_options(source):
    options = {
        "connect_timeout": timedelta(seconds=10),
        "timeout": timedelta(days=1),
        "read_timeout": timedelta(seconds=60),
        "user_agent": "parallelrun",
        "allow_http": True,
    }
    certificate = source.get("caCertificate")
    if certificate:
        try:
            with open(certificate, "rb") as file:
                options["root_certificate"] = file.read()
        except OSError as error:
            raise Trouble(
                INVALID, f"caCertificate '{certificate}' cannot be read: {error.strerror}"
            ) from None
    return options


def _folder(source):
    """The prefix as a folder: without slashes at its ends; "" is the whole store."""
    return source.get("prefix", "").strip("/")


def _azure(source, keys, retries=_NO_RETRIES):
    config = {"account_name": source["account"], "container_name": source["container"]}
    if source.get("endpoint"):
        config["endpoint"] = source["endpoint"]
    if source.get("authority"):
        config["authority_host"] = source["authority"]
    names = {
        "tenantId": "tenant_id",
        "clientId": "client_id",
        "clientSecret": "client_secret",
        "accountKey": "account_key",
        "sasToken": "sas_key",
    }
    for key, value in keys.items():
        config[names[key]] = value.lstrip("?") if key == "sasToken" else value
    return AzureStore(config=config, client_options=_client_options(source), retry_config=retries)


def _s3(source, keys, retries=_NO_RETRIES):
    config = {"bucket": source["bucket"]}
    if source.get("region"):
        config["region"] = source["region"]
    if source.get("endpoint"):
        config["endpoint"] = source["endpoint"]
    # A server of one's own rarely has a name for each bucket.
    path_style = source.get("pathStyle", bool(source.get("endpoint")))
    config["virtual_hosted_style_request"] = not path_style
    names = {
        "accessKeyId": "access_key_id",
        "secretAccessKey": "secret_access_key",
        "sessionToken": "session_token",
    }
    for key, value in keys.items():
        config[names[key]] = value
    return S3Store(config=config, client_options=_client_options(source), retry_config=retries)


def _gcs(source, keys, retries=_NO_RETRIES):
    config = {"bucket": source["bucket"]}
    if source.get("endpoint"):
        config["base_url"] = source["endpoint"]
    if keys:
        config["service_account_key"] = keys["serviceAccountKey"]
    return GCSStore(config=config, client_options=_client_options(source), retry_config=retries)


_OPEN = {"azureBlob": _azure, "s3": _s3, "gcs": _gcs}
_HOLDER = {"azureBlob": "container", "s3": "bucket", "gcs": "bucket"}


def address(source):
    """How a source is called in messages; without a secret. The same in common/spec/store_sources.cpp."""
    kind, body = next(iter(source.items()))
    if kind == "azureBlob":
        start = f"azureBlob://{body['account']}/{body['container']}"
    else:
        start = f"{kind}://{body['bucket']}"
    folder = _folder(body)
    return f"{start}/{folder}" if folder else start


class Place:
    """One source. All methods raise Trouble (final) or Passing (try again)."""

    def __init__(self, source, credentials_file, environment, secrets):
        self.kind, self._source = next(iter(source.items()))
        self.address = address(source)
        self._file = credentials_file
        self._environment = environment
        self._secrets = secrets
        self._folder = _folder(self._source)
        self._uploads = None  # the same store for large files
        self._below = self._folder + "/" if self._folder else ""
        self.open()

    def open(self):
        """Reads the credentials (again: they may have been replaced) and forgets tokens."""
        keys = credentials.read(self._file, self.kind)
        for name, value in keys.items():
            if name not in ("tenantId", "clientId", "accessKeyId", "username"):
                self._secrets.add(value)
        if "serviceAccountKey" in keys:
            try:
                account = json.loads(keys["serviceAccountKey"])
            except (ValueError, RecursionError):
                account = None
            if not isinstance(account, dict):
                raise Trouble(
                    INVALID,
                    f"the serviceAccountKey in {credentials.named(self._file)} is not a JSON object; put the file there that Google "
                    "gives for the service account",
                )
            for key in ("private_key", "refresh_token", "client_secret"):
                self._secrets.add(account.get(key))
        if "sasToken" in keys:
            self._check_expiry(keys["sasToken"])
        try:
            if not keys:
                self._environment.check(self.kind)
            self._store = self._opened(keys)
            self._uploads = None
            self._keys = keys
        except Trouble:
            raise
        except BaseException as error:
            if ends(error):
                raise
            words = Reading(error, self._secrets).line
            raise Trouble(INVALID, f"{self.address} cannot be opened: {words}{self._where()}") from None

    def _opened(self, keys, **options):
        if keys:
            return _OPEN[self.kind](self._source, keys, **options)
        with self._environment:
            return _OPEN[self.kind](self._source, {}, **options)

    def _check_expiry(self, token):
        expiry = parse_qs(token.lstrip("?")).get("se", [""])[0]
        try:
            when = datetime.fromisoformat(expiry.replace("Z", "+00:00"))
        except ValueError:
            return
        if when.tzinfo is None:
            when = when.replace(tzinfo=timezone.utc)
        if when <= datetime.now(timezone.utc):
            raise Trouble(
                DENIED,
                f"{self.address}: the sasToken in {credentials.named(self._file)} expired at {expiry}; put a new one there",
            )

    def _where(self):
        return f" (credentials: {self._file})" if self._file else " (credentials: of the environment)"

    def _path(self, name):
        return self._below + name

    # --- what went wrong ---

    def _trouble(self, error, name=None):
        """A Passing or a Trouble for what obstore raised."""
        reading = Reading(error, self._secrets)
        what = f"{self.address}/{name}" if name else self.address
        if reading.type == "PreconditionError" or reading.status == 412:
            return Trouble(CHANGED, f"{what} has changed since it was planned")
        if reading.missing and reading.code not in ("NoSuchBucket", "ContainerNotFound") and name:
            return Trouble(MISSING, f"{what} is not there any more; it was there when it was planned")
        if reading.missing and not reading.refused and not reading.of_token:
            return Trouble(
                INVALID, f"{self.address}: there is no {self._holder()}; check the name and the endpoint"
            )
        if reading.archived and name:
            return Trouble(
                REFUSED,
                f"{what} is archived ({reading.code}); restore it in the store, or leave it out of the input",
            )
        if reading.type == "InvalidPathError":
            return Trouble(
                INVALID,
                f"{self.address} has an object whose name is no path ({reading.line}); rename or move it",
            )
        if reading.untrusted:
            return Trouble(INVALID, f"{self.address} cannot be reached: {reading.line}")
        passing = reading.passing()
        if passing == "denied":
            refused = None
            if name and not reading.of_credentials:
                refused = (
                    f"{what} cannot be read: the store answers {reading.explained()}, and accepts the credentials "
                    f"elsewhere{self._where()}; permit them to read it, or leave it out of the input"
                )
            words = f"{what} refuses the credentials: {reading.explained()}{self._where()}"
            return Passing("denied", words, refused)
        if passing:
            how = "answers with an error" if reading.status else "cannot be reached"
            return Passing(passing, f"{what} {how}: {reading.explained()}")
        return Trouble(UNAVAILABLE, f"{what}: {reading.explained()}")

    def _holder(self):
        holder = _HOLDER[self.kind]
        of = f" in the account '{self._source['account']}'" if self.kind == "azureBlob" else ""
        return f"{holder} '{self._source[holder]}'{of}"

    # --- what it does ---

    async def check(self):
        """Whether it can be listed with these credentials."""
        async for _ in self.list("", None, chunk=1):
            return

    async def list(self, prefix, start, chunk=_LIST_CHUNK):
        """Yields (name, size, version) below the folder, in the store's order; behind the name `start`."""
        where = self._path(prefix)
        try:
            # obstore takes a prefix for a folder.
            stream = obstore.list(
                self._store,
                where.rstrip("/") or None,
                offset=self._path(start) if start else None,
                chunk_size=chunk,
            )
            async for objects in stream:
                for one in objects:
                    path = one["path"]
                    if not path.startswith(where):
                        continue
                    yield path[len(self._below) :], one["size"], version_of(one)
        except (Trouble, Passing):
            raise
        except BaseException as error:
            if ends(error):
                raise
            raise self._trouble(error) from None

    def single(self):
        """The place and name of the one object that the prefix may name itself; None: there is no prefix."""
        if not self._folder:
            return None
        above, _, last = self._folder.rpartition("/")
        source = {self.kind: dict(self._source, prefix=above)}
        return Place(source, self._file, self._environment, self._secrets), last

    async def facts(self, name):
        """(size, version) of one object."""
        try:
            meta = await obstore.head_async(self._store, self._path(name))
        except BaseException as error:
            if ends(error):
                raise
            raise self._trouble(error, name) from None
        return meta["size"], version_of(meta)

    async def is_folder(self, name, version):
        """Whether an empty object is what some tools make for a folder: its name then ends with a slash, which
        the client leaves away, so that there is no such object, or another one."""
        try:
            _, now = await self.facts(name)
        except Trouble as trouble:
            return trouble.kind == MISSING
        except Passing as passing:
            if passing.refused:
                return False
            raise
        return now != version

    async def read(self, name, version, start, end):
        """Yields the bytes [start, end) of an object; what has another version is CHANGED."""
        options = {}
        if version and not version.startswith("time:"):
            options["if_match"] = version
        if start is not None:
            options["range"] = (start, end)
        try:
            answer = await obstore.get_async(self._store, self._path(name), options=options)
            if version and version_of(answer.meta) != version:
                raise Trouble(CHANGED, f"{self.address}/{name} has changed since it was planned")
            if start is None and answer.meta["size"] <= _SMALL:
                yield await answer.bytes_async()
                return
            async for block in answer.stream(min_chunk_size=_SMALL):
                yield block
        except (Trouble, Passing):
            raise
        except BaseException as error:
            if ends(error):
                raise
            raise self._trouble(error, name) from None

    # --- the output ---

    def _not_written(self, error):
        """The same as _trouble() for what was to be written: there is no object to be told of."""
        reading = Reading(error, self._secrets)
        if reading.type in ("NotImplementedError", "NotSupportedError") or reading.status == 501:
            return Trouble(INVALID, self.without_conditions())
        if reading.status == 409:
            return Passing("server", f"{self.address} answers that two requests met")
        return self._trouble(error)

    def without_conditions(self):
        return (
            f"{self.address}: this store cannot create an object on the condition that there is none of its name "
            "(If-None-Match), which commits need; choose another store or a volume for the output"
        )

    async def create(self, name, body):
        """Makes an object unless there is one of its name. Whether it is there with these bytes afterwards: an answer
        may have been lost, and the object is ours nevertheless."""
        try:
            await obstore.put_async(self._store, self._path(name), body, mode="create", use_multipart=False)
            return True
        except AlreadyExistsError:
            pass
        except BaseException as error:
            if ends(error):
                raise
            raise self._not_written(error) from None
        there = bytearray()
        try:
            async for block in self.read(name, None, None, None):
                there += block
        except Trouble as trouble:
            if trouble.kind != MISSING:
                raise
            raise Passing("server", f"{self.address} answers that {name} is there, and is not") from None
        return there == body

    async def put(self, name, body):
        """Makes or replaces an object. Gives its version."""
        try:
            done = await obstore.put_async(self._store, self._path(name), body, use_multipart=False)
        except BaseException as error:
            if ends(error):
                raise
            raise self._not_written(error) from None
        return version_of(done)

    async def upload(self, name, path):
        """Makes or replaces an object by a file, whole. Gives (size, version)."""
        try:
            size = os.stat(path).st_size
            if size <= _PART:
                with open(path, "rb") as file:
                    body = file.read()
                return len(body), await self.put(name, body)
            if self._uploads is None:
                self._uploads = self._opened(self._keys, retries=_RETRIES_OF_PARTS)
            with open(path, "rb") as file:
                done = await obstore.put_async(
                    self._uploads,
                    self._path(name),
                    file,
                    use_multipart=True,
                    chunk_size=max(_PART, -(-size // _MOST_PARTS)),
                    max_concurrency=4,
                )
        except (Trouble, Passing):
            raise
        except BaseException as error:
            if ends(error):
                raise
            if isinstance(error, OSError) and error.errno is not None:
                raise Trouble(DISK, f"{path} cannot be read: {error.strerror}") from None
            raise self._not_written(error) from None
        return size, version_of(done)

    async def remove(self, names):
        """An object that is not there is no error."""
        for start in range(0, len(names), _LIST_CHUNK):
            some = [self._path(name) for name in names[start : start + _LIST_CHUNK]]
            try:
                await obstore.delete_async(self._store, some)
            except BaseException as error:
                if ends(error):
                    raise
                if not Reading(error, self._secrets).missing:
                    raise self._not_written(error) from None
                for one in some:
                    await self._remove_one(one)

    async def _remove_one(self, path):
        try:
            await obstore.delete_async(self._store, path)
        except BaseException as error:
            if ends(error):
                raise
            reading = Reading(error, self._secrets)
            if not reading.missing or reading.code in ("NoSuchBucket", "ContainerNotFound"):
                raise self._not_written(error) from None


def version_of(meta):
    """An etag; of a store without them the time of the last change."""
    etag = meta.get("e_tag")
    if etag:
        # In its listings Azure leaves the quotes away.
        return etag if etag.startswith(('"', "W/")) else f'"{etag}"'
    changed = meta.get("last_modified")
    return f"time:{changed.isoformat()}" if changed else ""


_MOST_REFUSALS = 3  # without a byte between them


async def after_passing(place, patience, passing, refusals):
    """Waits before the next try. What refuses the credentials gets them anew, a few times. Gives `refusals`, counted on."""
    if passing.why == "denied":
        refusals += 1
        if refusals > _MOST_REFUSALS:
            if passing.refused and await _accepts(place):
                raise Trouble(REFUSED, passing.refused) from None
            raise Trouble(DENIED, passing.message) from None
    await patience.after(passing)
    if passing.why == "denied":
        place.open()
    return refusals


async def _accepts(place):
    """Whether the store still accepts the credentials, whatever it says of one object."""
    try:
        await place.check()
    except Passing as passing:
        if passing.why != "denied":
            raise
        return False
    except Trouble as trouble:
        if trouble.kind not in (CHANGED, MISSING, REFUSED):
            raise
    return True


async def patiently(place, patience, attempt):
    """Calls `attempt()` until it ends without Passing."""
    refusals = 0
    while True:
        try:
            return await attempt()
        except Passing as passing:
            refusals = await after_passing(place, patience, passing, refusals)
