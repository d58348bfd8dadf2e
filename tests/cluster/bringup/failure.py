"""The one exception of this program: something the reader has to know, told as a sentence."""


class Failure(Exception):
    """Ends the command with exit code 1 and this message, without a traceback."""
