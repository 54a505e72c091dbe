"""Requests that come twice: a signed one that a client's library or somebody else sends again; one with its own key.

What a request changed is remembered in the change's own transaction, so that no crash lets it happen twice; its answer
is added before anybody sees it. A signature has one-second resolution and no nonce, so an honest client may repeat one
at once: while nothing later has touched the records, the repeat gets the first answer; else it is carried out within
2 seconds of its X-Sdk-Date, and refused later. A key that the client chose (Idempotency-Key) gets the first answer for
a day, whatever happened since, and never another request's.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeVar

from ptrd import PtrdError
from ptrd.control.actors import Code, ControlError
from ptrd.control.exchange import Response
from ptrd.control.signature import WINDOW, read_signature
from ptrd.store.credentials import RememberedRow

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrd.control.exchange import Handler, Request
    from ptrd.control.link import Link
    from ptrd.store.database import Transaction
    from ptrd.store.vault import Vault

T = TypeVar("T")

HONEST: Final = 2.0  # seconds from X-Sdk-Date in which a client may mean the same again
KEPT: Final = 86400.0  # seconds that the answer to an Idempotency-Key is kept
SAFE: Final = frozenset(("GET", "HEAD", "OPTIONS"))


class RepeatedError(PtrdError):
    """A request came again, and has its answer. Seen by who remembers, and by nobody else."""

    def __init__(self, place: tuple[str, str], sealed: bytes) -> None:
        super().__init__("this request has been carried out")
        self.place = place
        self.sealed = sealed


@dataclass(frozen=True, slots=True)
class Pending:
    """A request that is being carried out. `date` is X-Sdk-Date, None for one with a key of its own."""

    scope: str
    key: str
    digest: bytes
    mark: str
    project: str | None
    date: float | None
    now: float

    def check(self, transaction: Transaction) -> None:
        """Return when the request may be carried out. Raises RepeatedError, ControlError."""
        row = transaction.remembered(self.scope, self.key)
        if row is None or row.mark == self.mark or row.expires <= self.now:
            return
        if self.date is None:
            if row.digest != self.digest:
                raise ControlError(Code.KEY_REUSED, "this Idempotency-Key came with another body; use a new key")
            if row.answer is None:
                raise ControlError(
                    Code.KEY_REUSED,
                    "the request with this Idempotency-Key is being carried out, or its answer was lost when the"
                    " server stopped; look at what there is",
                )
            raise RepeatedError((self.scope, self.key), row.answer)
        if _is_untouched(transaction, row):
            if row.answer is not None:
                raise RepeatedError((self.scope, self.key), row.answer)
            return  # it can only say again what is so
        if abs(self.now - self.date) > HONEST:
            raise ControlError(
                Code.UNAUTHENTICATED, "this signed request was carried out before, and things changed since; sign anew"
            )

    def remember(self, transaction: Transaction) -> None:
        """Write what the request changed, as the last thing in its transaction."""
        row = transaction.remembered(self.scope, self.key)
        entries = transaction.journal(transaction.revision - 1, limit=1)  # all of this revision
        found = {entry.address for entry in entries if entry.address is not None}
        if row is not None and row.mark == self.mark:
            found.update(row.addresses)
        revision = transaction.revision if entries else transaction.revision - 1
        expires = self.now + KEPT if self.date is None else self.date + WINDOW + 1.0
        transaction.drop_expired()
        transaction.put_remembered(
            RememberedRow(
                self.scope, self.key, self.digest, self.mark, revision, self.project, tuple(sorted(found)), expires
            )
        )


_PENDING: ContextVar[tuple[Pending, ...]] = ContextVar("pending", default=())


def remembering(work: Callable[[Transaction], T]) -> Callable[[Transaction], T]:
    """Give a work that also remembers the request it is done for, if that is to be; the link calls it for changes."""
    pending = _PENDING.get()
    if not pending:
        return work

    def whole(transaction: Transaction) -> T:
        for one in pending:
            one.check(transaction)
        result = work(transaction)
        for one in pending:
            one.remember(transaction)
        return result

    return whole


class Repeats:
    """Carries requests out, once. `clock` gives Unix time."""

    def __init__(self, link: Link, vault: Vault, clock: Callable[[], float] = time.time) -> None:
        self._link = link
        self._vault = vault
        self._clock = clock

    async def answer(self, request: Request, handler: Handler) -> Response:
        """Have a request answered, of which the signature was verified if it has one."""
        actor = request.actor
        if actor is None or request.method in SAFE or not actor.credential.startswith("key:"):
            return await handler(request)
        signed = read_signature(request)
        scope = f"signature:{signed.access_key}"
        mark = secrets.token_hex(16)
        pending = Pending(scope, signed.signature, b"", mark, actor.project, signed.date, self._clock())
        return await self._carry_out(pending, request, handler)

    async def once(self, request: Request, key: str, handler: Handler) -> Response:
        """Have a request answered that came with a key of its own; one key is good for one body at one route."""
        actor = request.actor
        if actor is None:
            return await handler(request)
        path, _, query = request.raw_path.partition("?")
        scope = f"once:{actor.credential or actor.name}:{request.method} {path or request.path}"
        digest = hashlib.sha256(query.encode("utf-8", "surrogatepass") + b"\n" + request.body).digest()
        pending = Pending(scope, key, digest, secrets.token_hex(16), actor.project, None, self._clock())
        return await self._carry_out(pending, request, handler)

    async def _carry_out(self, pending: Pending, request: Request, handler: Handler) -> Response:
        before = _PENDING.get()
        try:
            await self._link.read(pending.check)
            token = _PENDING.set((*before, pending))
            try:
                response = await handler(request)
            finally:
                _PENDING.reset(token)
        except RepeatedError as error:
            if error.place != (pending.scope, pending.key):
                raise
            return _read(self._vault.open(error.sealed, _context(pending)))
        if response.status < 300:
            await self._keep(pending, request, response)
        return response

    async def _keep(self, pending: Pending, request: Request, response: Response) -> None:
        """Add the answer to what was remembered; nothing was when nothing was changed."""
        actor = request.actor
        rows = await self._link.read(lambda transaction: transaction.remembered(pending.scope, pending.key))
        if actor is None or rows is None or rows.mark != pending.mark:
            return
        sealed = self._vault.seal(_write(response), _context(pending))

        def work(transaction: Transaction) -> None:
            row = transaction.remembered(pending.scope, pending.key)
            if row is not None and row.mark == pending.mark:
                transaction.put_remembered(replace(row, answer=sealed))

        before = _PENDING.set(())
        try:
            await self._link.change(work, actor=actor, request_id=request.id)
        finally:
            _PENDING.reset(before)


def _is_untouched(transaction: Transaction, row: RememberedRow) -> bool:
    """Tell whether nothing later is in the journal about what a request changed, or else about its project."""
    if row.addresses:
        return all(transaction.last_touched(address) <= row.revision for address in row.addresses)
    newest = transaction.journal(limit=1, project=row.project, newest_first=True)
    return not newest or newest[0].revision <= row.revision


def _context(pending: Pending) -> bytes:
    return f"answer:{pending.scope}:{pending.key}".encode("utf-8", "surrogatepass")


def _write(response: Response) -> bytes:
    raw = isinstance(response.body, bytes)
    body = base64.b64encode(response.data()).decode() if raw else response.body
    kept = {"status": response.status, "headers": response.headers, "raw": raw, "body": body}
    return json.dumps(kept).encode()


def _read(data: bytes) -> Response:
    kept = json.loads(data)
    body = base64.b64decode(kept["body"]) if kept["raw"] else kept["body"]
    return Response(kept["status"], body, kept["headers"])
