"""One question put to several servers, and what they do not agree on.

A target is anything with `ask(query, tcp) -> bytes | None`: a server on loopback, or ptrd by call.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self

from tests.peers.asking import Reply, TcpClient, UdpClient, read_reply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from tests.differential.expansion import Address
    from tests.differential.questions import Question


class Target(Protocol):
    """Somebody who answers."""

    def ask(self, query: bytes, tcp: bool) -> bytes | None:  # noqa: FBT001 - as the engine's respond()
        """Give the answer, or None."""


class Served:
    """A server on loopback as a target; its TCP connection is kept."""

    def __init__(self, address: str, port: int) -> None:
        self.address = address
        self.port = port
        self.udp = UdpClient(address, port)
        self.tcp: TcpClient | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.udp.__exit__(kind, error, trace)
        if self.tcp:
            self.tcp.__exit__(kind, error, trace)

    def ask(self, query: bytes, tcp: bool) -> bytes | None:  # noqa: FBT001 - as the engine's respond()
        """Ask once; a TCP connection that the server closed is opened again."""
        if not tcp:
            return self.udp.ask(query)
        for _ in range(2):
            try:
                self.tcp = self.tcp or TcpClient(self.address, self.port)
                return self.tcp.ask(query)
            except (EOFError, OSError):
                if self.tcp:
                    self.tcp.__exit__(None, None, None)
                self.tcp = None
        return None


class Difference(NamedTuple):
    """A question that two servers answer differently."""

    world: str
    question: Question
    replies: dict[str, Reply | str]

    def __str__(self) -> str:
        """Write it so that the case can be made again."""
        lines = [f"{self.world}: {self.question.text}", f"  {self.question.query.hex()}"]
        return "\n".join(lines + [f"  {who}: {reply}" for who, reply in self.replies.items()])


def same(one: Reply | str, other: Reply | str) -> bool:
    """Tell whether two replies agree; where both are truncated, what they hold is not compared."""
    if isinstance(one, str) or isinstance(other, str):
        return False
    if one.truncated and other.truncated:
        return one._replace(answer=frozenset()) == other._replace(answer=frozenset())
    return one == other


def replies_of(question: Question, targets: Mapping[str, Target]) -> dict[str, Reply | str]:
    """Put one question to all."""
    return {
        who: read_reply(question.query, target.ask(question.query, question.tcp)) for who, target in targets.items()
    }


def addresses(texts: Sequence[str]) -> list[Address]:
    """Read addresses."""
    return [ipaddress.ip_address(text) for text in texts]
