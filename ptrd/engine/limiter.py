"""Response rate limiting: how often one client prefix is told one thing over UDP, so that a flood in its name is not.

Every bucket is two words of one table, which all workers of a host share and whose size is fixed. The first word is
some bits of the bucket's hash and the time up to which its answers are spoken for (the generic cell rate algorithm,
ITU-T I.371, annex A): an answer moves that time on by 1/rate, and is one too many when it would lie more than WINDOW
ahead. The second word counts what was too many, and tells when it was last talked about. Of two places that a bucket
may have the one that is spoken for less is given up, so a flood of new buckets does not set free one that is over its
limit. Two workers that write at once lose one count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from siphashc import siphash

from ptrd.engine.answer import ALIAS, DELEGATION, DENIAL, NODATA
from ptrd.records.model import Prefix
from ptrd.records.values import format_prefix
from ptrd.snapshot.forms import load_form
from ptrd.wire.names import format_name
from ptrd.wire.reverse import BITS
from ptrd.wire.rrtypes import ORDINARY

if TYPE_CHECKING:
    from ptrd.engine.answer import Decision
    from ptrd.engine.options import Options
    from ptrd.snapshot.view import Snapshot
    from ptrd.wire.reader import Fields

BUCKETS: Final = 1 << 17
WORDS: Final = 2 * BUCKETS  # u64, 2 MiB
SECRET_SIZE: Final = 16
WINDOW: Final = 2  # seconds ahead, so many seconds' answers may come in one burst
QUIET: Final = 60  # seconds between two lines about a bucket

PASS, SLIP, SILENCE = range(3)
RECORDS, MADE, DENIED, ERRORS = range(4)  # what a bucket counts

_KINDS: Final = (b"r", b"m", b"d", b"e")
_TICKS: Final = 1 << 20  # a second; the time wraps after 68 minutes
_WINDOW: Final = WINDOW * _TICKS
_TIME: Final = 0xFFFFFFFF
_TAG: Final = 0xFFFFFFFF00000000
_PLACES: Final = BUCKETS - 1
_FEW: Final = 2048
_MOST_NEWS: Final = 16
_ANY_TYPE: Final = b"\0\0"


class News(NamedTuple):
    """A bucket that is over its limit: as `admit` was told of it, and answers a second."""

    prefix: bytes
    kind: int
    key: bytes
    rate: int


class Limiter:
    """The limits, over a table of WORDS zeros at first.

    `steps` says for each kind how far an answer moves a bucket's time, 0 where there is no limit.
    """

    def __init__(self, options: Options, table: memoryview | None, secret: bytes) -> None:
        self.table = memoryview(b"").cast("Q") if table is None else table
        self.secret = secret
        self._slip = options.limit_slip
        self._rates = (options.limit_records, options.limit_made, options.limit_denied, options.limit_denied)
        self.steps = [_step_of(rate) for rate in self._rates]
        self._news: list[News] = []

    def admit(self, prefix: bytes, kind: int, key: bytes, now: float) -> int:
        """Say what becomes of one more answer: PASS, or SLIP or SILENCE of one that is too many.

        `now` is Unix time; a clock that jumps costs a bucket its count, no more.
        """
        step = self.steps[kind]
        if not step:
            return PASS
        table = self.table
        hashed = siphash(self.secret, prefix + _KINDS[kind] + key)
        tag = hashed & _TAG
        at = (hashed & _PLACES) << 1
        ticks = int(now * _TICKS) & _TIME
        word = table[at]
        ahead = (word & _TIME) - ticks & _TIME  # ticks that the bucket's time is ahead of now
        if ahead > _WINDOW:  # not ahead but behind
            ahead = 0
        if word & _TAG != tag:
            at, ahead = self._find(at, ahead, tag, ticks)
        ahead += step
        if ahead <= _WINDOW:
            table[at] = tag | ticks + ahead & _TIME
            return PASS
        return self._limit(at, prefix, kind, key, now)

    def take_news(self, snapshot: Snapshot) -> list[str]:
        """Give a sentence for each bucket that came to its limit since the last call."""
        news, self._news = self._news, []
        return [_describe(snapshot, item) for item in news]

    def _find(self, at: int, ahead: int, tag: int, ticks: int) -> tuple[int, int]:
        """Find the place of a bucket that is not at its first: (place, ticks ahead), its own or one given up for it."""
        table = self.table
        other = at ^ 2
        word = table[other]
        ahead_there = (word & _TIME) - ticks & _TIME
        if ahead_there > _WINDOW:
            ahead_there = 0
        if word & _TAG == tag:
            return other, ahead_there
        if ahead_there < ahead:
            at = other
        table[at + 1] = 0
        return at, 0

    def _limit(self, at: int, prefix: bytes, kind: int, key: bytes, now: float) -> int:
        """Count an answer that is too many, and remember to talk about it."""
        table = self.table
        count = (table[at + 1] & _TIME) + 1 & _TIME
        said, second = table[at + 1] >> 32, int(now) & _TIME
        # The other workers' clock readings may lie a moment apart; one that jumps back does not make us quiet.
        if not said or QUIET <= (second - said & _TIME) <= _TIME - QUIET:
            said = second
            if len(self._news) < _MOST_NEWS:
                self._news.append(News(prefix, kind, key, self._rates[kind]))
        table[at + 1] = said << 32 | count
        return SLIP if self._slip and count % self._slip == 0 else SILENCE


def _step_of(rate: int) -> int:
    """Give how far an answer moves a bucket's time: never too far where a burst is of few, and else the nearest."""
    return 0 if not rate else _TICKS // rate if rate <= _FEW else round(_TICKS / rate)


def bucket_of(snapshot: Snapshot, query: Fields, found: Decision) -> tuple[int, bytes]:
    """Give what answers like this one are counted under: a kind and a key.

    What was made counts for its template, so that a flood of random names meets one limit; what is denied for its
    zone; and what stands there for its type and owner. A wildcard, a DNAME or a cut is the owner of many, and what an
    alias or a referral says is the same for every type that is asked for.
    """
    _, _, source, _, _, _, _, span, _, zone, origin = found
    if span >= 0:
        return MADE, snapshot.range(span).dumped
    if source in (NODATA, DENIAL):
        return DENIED, b"%d" % zone
    if origin is not None or source in (ALIAS, DELEGATION):
        return RECORDS, _ANY_TYPE + (origin or query[2])
    data, _, name, _, _, _, end, _ = query
    return RECORDS, data[end - 4 : end - 2] + name


def _describe(snapshot: Snapshot, news: News) -> str:
    version, length = (4, 24) if len(news.prefix) == 3 else (6, 56)
    number = int.from_bytes(news.prefix, "big") << BITS[version] - length
    if news.kind == MADE:
        what = f"made from the template {load_form(news.key, version).text}"
    elif news.kind == DENIED:
        zone = snapshot.zones[min(int(news.key), len(snapshot.zones) - 1)]  # its number may be another's by now
        what = f"denied in the zone {format_name(zone.origin)}"
    elif news.kind == RECORDS:
        rtype = int.from_bytes(news.key[:2], "big")
        what = f"{ORDINARY.get(rtype, f'TYPE{rtype}') if rtype else 'all types'} of {format_name(news.key[2:])}"
    else:
        what = "errors"
    return f"answers to {format_prefix(Prefix(version, number, length))} are limited: more than {news.rate}/s, {what}"
