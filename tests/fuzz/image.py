"""The image as the compiled data path reads it: whatever its bytes, it is refused or what is said of it is bounded."""

from __future__ import annotations

import random

from ptrd.datapath.reader import MISSING
from tests.datapath.damaged import QUERIES, Damaged
from tests.fuzz.messages import WORDS as OTHERS

LONGEST = 700
WORDS = (*OTHERS, b"\0\0\0", b"\0\0\xff", b"\x1e\0\x80")
DAMAGED = Damaged()
SIZE = len(DAMAGED.image)


def seeds():
    """Give changes to an image: how many, the place and the value of each; then a message."""
    dice = random.Random("image")
    found = [b"\0" + query for query in QUERIES] + [b"\x80" + dice.randbytes(2) for _ in range(10)]
    for query in QUERIES:
        changes = [dice.randrange(SIZE).to_bytes(2, "big") + dice.choice((b"\0", b"\xff", b"\1")) for _ in range(3)]
        found.append(b"\3" + b"".join(changes) + query)
    return found


def check(data):
    """Ask an image that was changed."""
    assert not MISSING, MISSING
    image = bytearray(DAMAGED.image)
    first, rest = data[0] if data else 0, data[1:]
    for _ in range(first & 15):
        if len(rest) > 2:
            image[int.from_bytes(rest[:2], "big") % SIZE] = rest[2]
        rest = rest[3:]
    if first & 0x80:
        del image[int.from_bytes(rest[:2], "big") % SIZE :]
        rest = rest[2:]
    DAMAGED.ask(bytes(image), (*QUERIES, rest) if len(rest) >= 12 else QUERIES)
