"""Raw questions to one server at a time; whatever the network does is a value.

Every question has a timeout, and all of one asker together have a bound in number and in time: past it nothing is
sent any more, so that whoever asks comes to an end too.
"""

from __future__ import annotations

import asyncio
import errno
from typing import TYPE_CHECKING, Final, NamedTuple

import dns.asyncquery
import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdatatype

from ptrd.records.observations import Reach

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ptrd.client.endpoints import Endpoint

PAYLOAD: Final = 1232  # DNS flag day 2020
_UNROUTED: Final = frozenset((
    errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.EPERM, errno.EACCES,
))  # fmt: skip


class Question(NamedTuple):
    """What is asked. `version` is EDNS's, -1 without EDNS."""

    name: dns.name.Name
    rdtype: dns.rdatatype.RdataType
    tcp: bool = False
    version: int = -1
    dnssec: bool = False
    recursive: bool = False
    options: tuple[dns.edns.Option, ...] = ()


class Heard(NamedTuple):
    """What came; the message only with Reach.ANSWERED."""

    reach: Reach
    message: dns.message.Message | None = None


class Asker:
    """Asks; at most `at_once` at the same time, `most` in all, and for `seconds` from the first question on."""

    def __init__(
        self, *, timeout: float = 2.0, tries: int = 2, at_once: int = 64, most: int = 5000, seconds: float = 60.0
    ) -> None:
        self.timeout = timeout
        self.gave_up = ""  # which bound was met
        self._tries = tries
        self._places = asyncio.Semaphore(at_once)
        self._most = most
        self._left = most
        self._seconds = seconds
        self._end = 0.0

    async def ask(self, endpoint: Endpoint, question: Question) -> Heard:
        """Ask one server; over UDP again when nothing came."""
        heard = Heard(Reach.UNASKED)
        for _ in range(1 if question.tcp else self._tries):
            async with self._places:
                seconds = self._allowance()
                if not seconds:
                    return heard
                heard = await _ask_once(endpoint, question, seconds)
            if heard.reach is not Reach.SILENT:
                break
        return heard

    async def ask_whole(self, endpoint: Endpoint, question: Question) -> Heard:
        """Ask one server, and again over TCP when the answer is cut off."""
        heard = await self.ask(endpoint, question)
        if heard.message is not None and heard.message.flags & dns.flags.TC and not question.tcp:
            return await self.ask(endpoint, question._replace(tcp=True))
        return heard

    def seconds_left(self) -> float:
        """Give how long questions may go on."""
        now = asyncio.get_running_loop().time()
        self._end = self._end or now + self._seconds
        return max(self._end - now, 0.0)

    def _allowance(self) -> float:
        """Give how long the next question may take; 0.0 when there is to be none."""
        left = self.seconds_left()
        if not left:
            self.gave_up = self.gave_up or f"it had taken {self._seconds:g} seconds"
            return 0.0
        if not self._left:
            self.gave_up = self.gave_up or f"it had asked {self._most} questions"
            return 0.0
        self._left -= 1
        return min(self.timeout, left)


async def _ask_once(endpoint: Endpoint, question: Question, seconds: float) -> Heard:
    query = make_query(question)
    try:
        async with asyncio.timeout(seconds):
            if question.tcp:
                message = await dns.asyncquery.tcp(query, endpoint.host, port=endpoint.port)
            else:  # what comes from elsewhere is somebody else's
                message = await dns.asyncquery.udp(query, endpoint.host, port=endpoint.port, ignore_unexpected=True)
    except (TimeoutError, dns.exception.Timeout):
        return Heard(Reach.SILENT)
    except (EOFError, ConnectionError):
        return Heard(Reach.CLOSED)
    except OSError as error:
        return Heard(Reach.NO_ROUTE if error.errno in _UNROUTED else Reach.SILENT)
    except Exception:  # noqa: BLE001 - dnspython raises what a hostile message makes it: ValueError, struct.error, ...
        return Heard(Reach.GARBLED)
    return Heard(Reach.ANSWERED, message)


def make_query(question: Question) -> dns.message.Message:
    """Make the message of a question."""
    query = dns.message.make_query(
        question.name,
        question.rdtype,
        use_edns=question.version if question.version >= 0 else False,
        want_dnssec=question.dnssec,
        payload=PAYLOAD if question.version >= 0 else None,
        options=list(question.options) or None,
        flags=dns.flags.RD if question.recursive else 0,
    )
    if question.version > 0:
        query.use_edns(question.version, payload=PAYLOAD, options=list(question.options))
    return query


def rrset_of(
    section: Sequence[dns.rrset.RRset], name: dns.name.Name, rdtype: dns.rdatatype.RdataType
) -> dns.rrset.RRset | None:
    """Find a name's records of one type in a section."""
    return next((rrset for rrset in section if rrset.name == name and rrset.rdtype == rdtype), None)
