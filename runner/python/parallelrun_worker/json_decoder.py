"""JSON as the values of JSON lines are read: Python's own decoder, but a key that an object has twice is an error."""

import json


class TwiceError(Exception):
    """The text is the key."""


def _pairs(pairs):
    made = dict(pairs)
    if len(made) < len(pairs):
        seen = set()
        raise TwiceError(next(key for key, _ in pairs if key in seen or seen.add(key)))
    return made


DECODER = json.JSONDecoder(object_pairs_hook=_pairs)
