"""What the script has written to sys.stderr last, for the message where it exits instead of raising."""

import collections
import sys

_LINES = 5
_LIMIT = 400
_kept = collections.deque(maxlen=20)
forget = _kept.clear  # before init() and each run()


def listen():
    """To the stream as it is now. The stream stays the same object; a script that replaces it goes unheard."""
    stream = sys.stderr
    if stream is None:
        return
    write = stream.write

    def heard(text):
        written = write(text)
        _kept.append(text[-_LIMIT:])
        return written

    try:
        stream.write = heard
    except AttributeError:  # a stream of somebody's own
        pass


def lines():
    """The last of them; of argparse's, the one that says what is wrong. Empty: nothing was written."""
    text = "".join(_kept)
    said = [line.strip() for line in text.splitlines() if line.strip()]
    if len(said) > 1 and ": error: " in said[-1]:
        return said[-1][-_LIMIT:]
    return "\n".join(said[-_LINES:])[-_LIMIT:]
