"""Objects that are read into memory as a whole: those of an output's log."""

from parallelrun_data.cache import in_words
from parallelrun_data.troubles import INVALID, Trouble

# As much as one request can write (server.py).
MOST_BYTES = 512 << 20


async def whole(blocks, address, most=MOST_BYTES):
    """The bytes of a stream of blocks. Raises Trouble where there are more than `most`."""
    found = bytearray()
    async for block in blocks:
        if len(found) + len(block) > most:
            raise Trouble(
                INVALID,
                f"{address} has more than {in_words(most)}, and no job writes such a large one; something else has put it "
                "there. Remove it, or name another folder as the output",
            )
        found += block
    return found
