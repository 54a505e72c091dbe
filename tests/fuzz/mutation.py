"""Changed inputs without a fuzzer: seeded, so that the same ones come every time."""

from __future__ import annotations

import random
from importlib import import_module
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
HARNESSES = ("reader", "responder", "names", "templates", "zonefile", "tcp", "signed", "foreign", "image")


def load(name):
    """Import a harness: `check`, `seeds`, `WORDS`, `LONGEST`."""
    assert name in HARNESSES, f"{name} is none of {', '.join(HARNESSES)}"
    return import_module(f"tests.fuzz.{name}")


def inputs(name):
    """Give the seeds of a harness and the corpus that fuzzing left, always in the same order."""
    kept = sorted((CORPUS / name).iterdir()) if (CORPUS / name).is_dir() else []
    return [*load(name).seeds(), *(path.read_bytes() for path in kept)]


def mutations(name, seed):
    """Give changed inputs without end."""
    dice = random.Random(f"{name} {seed}")
    harness = load(name)
    pool = inputs(name)
    while True:
        data = bytearray(dice.choice(pool))
        for _ in range(dice.choice((1, 1, 2, 4, 8))):
            _change(dice, data, pool, harness.WORDS)
        yield bytes(data[: harness.LONGEST])


def _change(dice, data, pool, words):
    at = dice.randrange(len(data) + 1)
    kind = dice.randrange(7)
    if kind == 0 and at < len(data):
        data[at] = dice.choice((0, 1, 0x3F, 0x40, 0x7F, 0x80, 0xC0, 0xFF, dice.randrange(256)))
    elif kind == 1 and at < len(data):
        data[at] ^= 1 << dice.randrange(8)
    elif kind == 2:
        del data[at : at + dice.choice((1, 2, 4, 16, 64))]
    elif kind == 3:
        data[at:at] = dice.choice(words)
    elif kind == 4:
        word = dice.choice(words)
        data[at : at + len(word)] = word
    elif kind == 5:
        other = dice.choice(pool)
        start = dice.randrange(len(other) + 1)
        data[at:at] = other[start : start + dice.choice((1, 4, 16, 64, 256))]
    else:
        data[at:at] = data[at : at + dice.choice((1, 8, 32))] * dice.choice((1, 2, 8))
