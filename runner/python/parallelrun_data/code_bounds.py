"""How much the code of a job in a store may be: each machine and pod fetches it whole."""

from parallelrun_data.cache import in_words
from parallelrun_data.troubles import INVALID, MISSING, Trouble

OBJECTS = 50_000
BYTES = 1 << 30


def check_count(given, count):
    """While it is being listed."""
    if count > OBJECTS:
        raise Trouble(INVALID, _too_much(given, f"more than {OBJECTS} objects"))


def check(given, count, size):
    if not count:
        raise Trouble(
            MISSING,
            f"{given.what}: {given.place.address} has no object below it; name the folder of the code in prefix",
        )
    if size > BYTES:
        raise Trouble(INVALID, _too_much(given, f"{in_words(size)}, more than {in_words(BYTES)}"))


def _too_much(given, what):
    return f"{given.what}: {given.place.address} has {what}; the code is fetched whole, so name its folder alone in prefix"
