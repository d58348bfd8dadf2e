"""parallelrun-data: started by `parallelrun run` for a job with sources in stores. See server.py for what it is asked.

    python3 -I __main__.py --config FILE --socket PATH --events-fd N --parent PID

FILE is JSON: {"cache": folder, "inputs": [{"name", "source", "root", "credentials": path or null}], "sideInputs": [the same],
"listedSideInputs": [the same] (they are not fetched, only listed for who asks), "code": the same or null, "output": the same or null, with "readOnly": true where nothing is written}. With "secret" (a name) `credentials` is the folder of that Secret, and "certificate" its key that
caCertificate names.
To the descriptor it writes JSON lines: {"event": "note", "message"}, {"event": "counts", ...}, {"event": "ready"} once every
source was listed with its credentials and all side inputs are there, or {"event": "failed", "message"} before it ends. {"event":
"alive"} comes as long as its loop runs: where it stays away, the process stands still, and is killed.

With --copy-to FOLDER and --copy NAME... it serves nobody: it copies these objects of the output, and ends."""

import argparse
import asyncio
import ctypes
import json
import logging
import os
import signal
import sys

_BEAT = 5.0  # seconds; runner/cli/silence.h waits for several
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4


def _harden(parent):
    """Ends with its parent; its memory and environment, which hold the credentials, are closed to other processes."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    # Also where it waits for a file system; nothing is left to do then.
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if parent and os.getppid() != parent:
        sys.exit(1)


class _Events:
    def __init__(self, descriptor):
        self._descriptor = descriptor

    @property
    def leads_somewhere(self):
        """Else they are for a person at a terminal."""
        return self._descriptor >= 0

    def send(self, event, **members):
        line = json.dumps({"event": event, **members}) + "\n"
        if self._descriptor < 0:
            print(line, end="", file=sys.stderr)
            return
        try:
            os.write(self._descriptor, line.encode())
        except OSError:
            pass


class _Scrubbed(logging.Formatter):
    def __init__(self, secrets):
        super().__init__("parallelrun-data: %(message)s")
        self._secrets = secrets

    def format(self, record):
        return self._secrets.without(super().format(record))


class _Sweeping:
    """Says once when to remove what a killed process of this job has left: never in the first one, since
    nothing is left there, and what a script writes beside its input is its own."""

    AFTER = 60  # seconds; by then agents have said what they still use of what a killed process had fetched

    def __init__(self, config):
        mark = config + ".started"
        self._due = os.path.exists(mark)
        with open(mark, "w"):
            pass

    def due(self, seconds):
        if not self._due or seconds <= self.AFTER:
            return False
        self._due = False
        return True


def _number(name, default):
    text = os.environ.get(name, "")
    if not text:
        return default
    try:
        number = float(text)
        if 0 <= number < float("inf"):
            return number
    except ValueError:
        pass
    from parallelrun_data.troubles import INVALID, Trouble

    raise Trouble(INVALID, f"{name} is '{text}', but must be a number of seconds")


async def _beat(events):
    while True:
        if events.leads_somewhere:
            events.send("alive")
        await asyncio.sleep(_BEAT)


async def _run(arguments, events):
    from parallelrun_data import cache as cache_module
    from parallelrun_data import side_inputs
    from parallelrun_data.credentials import Environment
    from parallelrun_data.download import Downloads
    from parallelrun_data.http_place import HttpPlace
    from parallelrun_data.output import Output
    from parallelrun_data.places import Place, patiently
    from parallelrun_data.secret_folder import SecretFolder
    from parallelrun_data.server import Input, Server
    from parallelrun_data.troubles import INVALID, Counts, Patience, Secrets, Trouble

    secrets = Secrets()
    log = logging.getLogger("parallelrun_data")
    handler = logging.StreamHandler()
    handler.setFormatter(_Scrubbed(secrets))
    log.addHandler(handler)
    log.propagate = False
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)

    with open(arguments.config, encoding="utf-8") as file:
        config = json.load(file)
    sweeping = _Sweeping(arguments.config)
    patience = _number("PARALLELRUN_STORE_PATIENCE", 120.0)
    size_text = os.environ.get("PARALLELRUN_CACHE_SIZE", "")
    environment = Environment()
    for value in environment.secrets():
        secrets.add(value)
    counts = Counts()

    def place_of(given, what):
        kind = next(iter(given["source"]))
        keys = given.get("credentials")
        if given.get("secret"):
            keys = SecretFolder(keys, given["secret"], given.get("certificate", ""))
        if kind == "sql":
            from parallelrun_data.sql_place import SqlPlace  # its packages are there where it is asked for

            def say(words):
                events.send("note", message=f"{what}: {words}")

            return SqlPlace(given["source"], keys, environment, secrets, given.get("table") or {}, say)
        make = HttpPlace if kind == "http" else Place
        return make(given["source"], keys, environment, secrets)

    def opened(given, what):
        try:
            return Input(given["name"], place_of(given, what), given["root"], what)
        except Trouble as trouble:
            raise Trouble(trouble.kind, f"{what}: {trouble.message}") from None

    try:
        size = cache_module.parse_size(size_text) if size_text else cache_module.default_size(config["cache"])
        if size <= 0:
            raise ValueError
    except (ValueError, OverflowError):
        raise Trouble(
            INVALID, f"PARALLELRUN_CACHE_SIZE is '{size_text}', but must be a size such as 5Gi"
        ) from None
    inputs = {given["name"]: opened(given, f"input '{given['name']}'") for given in config["inputs"]}
    # Fetched whole: the code has the name that no side input has.
    wholes = {given["name"]: opened(given, f"side input '{given['name']}'") for given in config["sideInputs"]}
    fetched_names = sorted(wholes)

    def listed(given):
        """Who only compares what they hold can do without: what is wrong with them is told to who asks."""
        what = f"side input '{given['name']}'"
        try:
            return side_inputs.Listed(opened(given, what), patience, counts, log)
        except Trouble as trouble:
            return side_inputs.Unlisted(trouble)

    if config.get("code"):
        wholes[""] = opened(config["code"], "sourceDirectory")
    output = None
    if config.get("output"):
        given = opened(config["output"], "output")
        read_only = config["output"].get("readOnly", False)
        output = Output(given.place, given.what, counts, patience, read_only)
    for places in (inputs, wholes):
        for given in places.values():
            if getattr(given.place, "tells_a_secret", False):
                events.send(
                    "note",
                    message=f"{given.what}: the query of a URL holds a token or a signature, which the job's files "
                    "and logs show to all who may read them; give a token with --credentials instead",
                )
    cache = cache_module.Cache(config["cache"], size)
    known = dict(inputs)
    for name, given in wholes.items():
        what = f"side input {name}"  # as who compares the contents of jobs asks for it
        known[what] = Input(what, side_inputs.Fetched(given.root + ".complete"), given.root, given.what)
    for given in config.get("listedSideInputs", []):
        what = f"side input {given['name']}"
        known[what] = Input(what, listed(given), given["root"], f"side input '{given['name']}'")
    all_fetched = side_inputs.AllFetched({name: known[f"side input {name}"].place for name in fetched_names})
    known[side_inputs.ALL] = Input(side_inputs.ALL, all_fetched, "", "the side inputs")
    server = Server(known, cache, Downloads(cache, counts, patience), counts, patience, log, output)
    of_wholes = Server(wholes, cache, None, counts, patience, log)

    async def check(given):
        try:
            # What is wrong at the start is told soon.
            await patiently(given.place, Patience(min(patience, 20.0), counts), given.place.check)
        except Trouble as trouble:
            raise Trouble(trouble.kind, f"{given.what}: {trouble.message}") from None

    async def start():
        await asyncio.gather(
            *(check(given) for given in inputs.values()),
            *(check(given) for given in wholes.values()),
            *([output.check(min(patience, 20.0))] if output else []),
        )
        for name, given in wholes.items():
            if os.path.exists(given.root + ".complete"):
                continue  # a process before this one had brought it
            try:
                fetched = await side_inputs.bring(
                    of_wholes,
                    name,
                    lambda into: Downloads(into, counts, patience),
                    given,
                    patience,
                    counts,
                    lambda words: events.send("note", message=words),
                    not name,
                )
            except Trouble as trouble:
                what = given.what + ": "
                words = trouble.message.removeprefix(what)
                raise Trouble(trouble.kind, what + words) from None
            side_inputs.Fetched.write(given.root + ".complete", fetched)
        listening = await server.listen(arguments.socket)
        events.send("ready", cacheSize=size)
        return listening

    beating = asyncio.ensure_future(_beat(events))
    starting = asyncio.ensure_future(start())
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        return
    listening = await starting
    told = None
    began = loop.time()
    while not stop.is_set():
        try:
            await asyncio.wait_for(asyncio.shield(stopping), 1.0)
        except asyncio.TimeoutError:
            pass
        if sweeping.due(loop.time() - began):
            for given in inputs.values():
                cache.sweep(given.root)
        now = server.counts()
        if now != told:
            told = now
            events.send("counts", **now)
    beating.cancel()
    listening.close()


async def _copy(arguments):
    from parallelrun_data import copies
    from parallelrun_data.credentials import Environment
    from parallelrun_data.places import Place
    from parallelrun_data.troubles import Counts, Secrets, Trouble

    with open(arguments.config, encoding="utf-8") as file:
        given = json.load(file)["output"]
    secrets = Secrets()
    environment = Environment()
    for value in environment.secrets():
        secrets.add(value)
    try:
        place = Place(given["source"], given.get("credentials"), environment, secrets)
    except Trouble as trouble:
        raise Trouble(trouble.kind, f"output: {trouble.message}") from None
    patience = _number("PARALLELRUN_STORE_PATIENCE", 120.0)
    await copies.copy(place, "output", arguments.copy, arguments.copy_to, patience, Counts())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", required=True)
    parser.add_argument("--socket", default="")
    parser.add_argument("--events-fd", type=int, default=-1)
    parser.add_argument("--parent", type=int, default=0)
    parser.add_argument("--copy-to", default="")
    parser.add_argument("--copy", action="append", default=[])
    arguments = parser.parse_args()
    _harden(arguments.parent)
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    events = _Events(arguments.events_fd)
    from parallelrun_data.troubles import DENIED, REFUSED, UNAVAILABLE, Trouble, ends, unexpected

    try:
        asyncio.run(_copy(arguments) if arguments.copy_to else _run(arguments, events))
    except Trouble as trouble:
        kind = DENIED if trouble.kind == REFUSED else trouble.kind
        events.send("failed", message=trouble.message, kind=kind)
        return 1
    except BaseException as error:
        if ends(error):
            raise
        # Never a traceback: what a library says may hold a secret.
        events.send("failed", message=unexpected(error), kind=UNAVAILABLE)
        return 1
    return 0


if __name__ == "__main__":
    # What runs on in threads of a library does not hold the end up.
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
