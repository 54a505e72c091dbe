"""The supervisor's side of the workers: started, watched, replaced, told what to serve, stopped.

Every slot has a worker, or soon will: one that dies, or is silent for 5 s with a message to acknowledge, is killed and
replaced at once, with the same sockets and counters, and is up to date before it reads. A publication or a change is
live when it returns: every worker has acknowledged it. What one worker refuses is taken back from all.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Final

from ptrd.engine.limiter import SECRET_SIZE, WORDS
from ptrd.metrics.blocks import clear_gauges, make_block
from ptrd.serve.channel import Channel, make_channel, write_change
from ptrd.serve.interpreter import WORKER, worker_environment
from ptrd.serve.options import ServeError, ServeOptions, write_options
from ptrd.serve.slots import Slot, State, configuration, split_entry
from ptrd.serve.worker import IGNORED_SIGNALS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ptrd.records.changes import Entry
    from ptrd.serve.channel import Message
    from ptrd.serve.sockets import Listening
    from ptrd.store.certificate import Certificate

SILENCE: Final = 5.0  # seconds without an acknowledgement, after which a worker is replaced
START: Final = 20.0  # seconds an interpreter may take to start, on a machine that is busy
ATTEMPTS: Final = 5  # at starting a worker, before somebody must be told
_BACK_OFF: Final = (0.0, 0.1, 0.3, 1.0, 3.0)  # seconds before the next attempt
_STOPS: Final = "the server stops"
_log = logging.getLogger(__name__)


class WorkerPool:
    """The workers, one for each share of the sockets.

    `engine` are the engine's options, a dataclass of plain values. `failed` is told, in a sentence, when a worker
    cannot be started; the pool keeps trying. `notified` is told of zones that a primary says have changed.
    `certificate` is what TLS begins with, the pool's from here on. Make it in a running loop.
    """

    def __init__(
        self,
        listening: Listening,
        options: ServeOptions,
        engine: object,
        *,
        failed: Callable[[str], None],
        command: Sequence[str] = WORKER,
        certificate: Certificate | None = None,
        notified: Callable[[bytes], None] = lambda _: None,
    ) -> None:
        self._notified = notified
        self._options = options
        self._engine = write_options(engine)
        self._table, _ = make_block(WORDS)
        self._secret = os.urandom(SECRET_SIZE).hex()
        self._failed = failed
        self._command = command
        self._certificate = certificate
        self._loop = asyncio.get_running_loop()
        shares = zip(listening.shares, listening.secure, strict=True)
        self._slots = [Slot(number, share, secure) for number, (share, secure) in enumerate(shares)]
        self._state: State | None = None
        self._sequence = 0  # of the last message that wants an answer
        self._taken_back = -1  # what was sent up to here may be refused by more than one worker
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._publishing = asyncio.Lock()
        self._stopping = False
        self._none_left = asyncio.Event()
        self.restarts = 0

    @property
    def blocks(self) -> list[memoryview]:
        """Give the workers' counters, for `metrics.Readings`."""
        return [slot.counts for slot in self._slots]

    @property
    def pids(self) -> list[int]:
        """Give the processes that run, by slot; 0 where one is being replaced."""
        return [slot.process.pid if slot.process else 0 for slot in self._slots]

    @property
    def states(self) -> tuple[list[int], list[int], list[bool]]:
        """Give `pids`, `acknowledged`, and of each worker whether its data path is the compiled one."""
        return self.pids, self.acknowledged, [slot.compiled for slot in self._slots]

    @property
    def acknowledged(self) -> list[int]:
        """Give the revision that each worker serves, -1 where it serves none yet."""
        return [slot.revision for slot in self._slots]

    def start(self) -> None:
        """Start the workers; they wait for the first `publish`."""
        for slot in self._slots:
            self._start(slot)

    async def publish(
        self, revision: int, image: int, ranges: int, managed: Entry | None = None, history: int = -1
    ) -> None:
        """Have every worker serve an image, with what is managed over it, and the changes newer than `revision`.

        `image`, `ranges` and `history`, the zones' where it is kept, are descriptors, the caller's to close. Raises
        ServeError when a worker refuses the image or cannot be started; all go on with the image before then.
        """
        async with self._publishing:
            before, state = self._state, State(revision, image, ranges, history)
            state.changes = split_entry(managed) if managed is not None else []
            state.past = len(state.changes)
            if before is not None:
                state.changes += [entry for entry in before.changes if entry.revision > revision]
            self._state = state
            try:
                self._tell_all(state)
                await self._acknowledgement()
            except BaseException:
                self._state = before
                if before is not None and self._stopping:
                    before.close()
                elif before is not None:
                    newest = max(before.latest, revision)
                    before.changes += [entry for entry in state.changes if entry.revision > newest]
                    self._tell_all(before)
                state.close()
                raise
            if before is not None:
                before.close()

    async def apply(self, entry: Entry) -> None:
        """Have every worker serve changes on top. Raises ServeError as `publish` does, and takes them back then."""
        state = self._state
        if self._stopping:
            raise ServeError(_STOPS)
        if state is None:
            raise ServeError("no zones are served yet, so nothing in them can change")
        state.changes.append(entry)
        self._sequence += 1
        try:
            for slot in self._slots:
                self._tell_changes(slot, entry)
                self._expect_answer(slot, entry.revision)
            await self._acknowledgement()
        except ServeError:
            for known in state, self._state:
                if known is not None:
                    known.changes = [other for other in known.changes if other is not entry]
            if self._state is not None and not self._stopping:
                self._tell_all(self._state)
            raise

    async def renew(self, certificate: Certificate) -> None:
        """Have every worker take a certificate for new connections, which is the pool's from here on.

        Raises ServeError when one cannot; all go on with the certificate before then.
        """
        async with self._publishing:
            before, self._certificate = self._certificate, certificate
            try:
                self._tell_certificate(certificate)
                await self._acknowledgement()
            except BaseException:
                self._certificate = before
                if before is not None and not self._stopping:
                    self._tell_certificate(before)
                certificate.close()
                raise
            if before is not None:
                before.close()

    async def probe(self) -> bool:
        """Tell whether every worker answers a question put to it within. One that is silent is replaced."""
        if self._state is None or not all(slot.channel and slot.ready for slot in self._slots):
            return False
        self._sequence += 1
        for slot in self._slots:
            slot.probes[self._sequence] = self._loop.create_future()
            self._send(slot, {"type": "probe", "sequence": self._sequence})
            self._expect_answer(slot, slot.expected.get(slot.sent, slot.revision))
        return all(await asyncio.gather(*[slot.probes[self._sequence] for slot in self._slots]))

    async def stop(self, timeout: float) -> None:  # noqa: ASYNC109 - who is late is killed, so no outer timeout will do
        """Have the workers answer what their sockets hold, and end; after `timeout` seconds they are killed."""
        self._stopping = True
        self._fail_waiting(_STOPS)
        for slot in self._slots:
            if slot.timer is not None:
                slot.timer.cancel()
            self._send(slot, {"type": "stop", "seconds": min(self._options.drain_seconds, timeout * 0.8)})
        if any(slot.process for slot in self._slots):
            try:
                await asyncio.wait_for(self._none_left.wait(), timeout)
            except TimeoutError:
                for slot in self._slots:
                    if slot.process is not None:
                        _log.warning("worker %d did not stop within %.1f s", slot.number, timeout)
                        slot.process.kill()
                await self._none_left.wait()
        if self._state is not None:
            self._state.close()
            self._state = None
        if self._certificate is not None:
            self._certificate.close()
            self._certificate = None
        for descriptor in (self._table, *[slot.descriptor for slot in self._slots]):
            os.close(descriptor)

    def _tell_certificate(self, certificate: Certificate) -> None:
        self._sequence += 1
        message = {"type": "certificate", "sequence": self._sequence}
        for slot in self._slots:
            self._send(slot, message, [certificate.chain, certificate.key])
            self._expect_answer(slot, slot.expected.get(slot.sent, slot.revision))

    def _tell_all(self, state: State) -> None:
        self._sequence += 1
        for slot in self._slots:
            if slot.process is None and slot.timer is not None:
                slot.timer.cancel()  # it waits for another attempt, and this one is different
                slot.failures = 0
                self._start(slot)
            else:
                self._tell(slot, state)

    def _tell(self, slot: Slot, state: State) -> None:
        """Tell a worker everything it needs to be up to date; it goes live with all of it at once."""
        message = {"type": "image", "sequence": self._sequence, "later": len(state.changes)}
        self._send(slot, message, [fd for fd in (state.image, state.ranges, state.history) if fd >= 0])
        for number, entry in enumerate(state.changes):
            self._tell_changes(slot, entry, past=number < state.past)
        self._expect_answer(slot, state.latest)

    def _tell_changes(self, slot: Slot, entry: Entry, *, past: bool = False) -> None:
        message = {
            "type": "changes",
            "sequence": self._sequence,
            "revision": entry.revision,
            "changes": [write_change(change) for change in entry.changes],
            "serials": {origin.hex(): serial for origin, serial in entry.serials.items()},
            "past": past,
        }
        self._send(slot, message)

    def _send(self, slot: Slot, message: Message, descriptors: Sequence[int] = ()) -> None:
        """Send to the worker of a slot; one that is being replaced will be told everything when it starts."""
        if slot.channel is not None:
            slot.channel.send(message, descriptors)

    def _expect_answer(self, slot: Slot, revision: int) -> None:
        if slot.channel is not None:
            slot.sent = self._sequence
            slot.expected[self._sequence] = revision
            if slot.timer is None:
                slot.timer = self._loop.call_later(SILENCE, self._end_silence, slot)

    async def _acknowledgement(self) -> None:
        """Wait until every worker has acknowledged everything that was sent by now. Raises ServeError."""
        if self._stopping:
            raise ServeError(_STOPS)
        future = self._loop.create_future()
        self._waiting.append((self._sequence, future))
        self._check_waiting()
        await future

    def _check_waiting(self) -> None:
        lowest = min([slot.acknowledged for slot in self._slots])
        for sequence, future in self._waiting:
            if sequence <= lowest and not future.done():
                future.set_result(None)
        self._waiting = [entry for entry in self._waiting if not entry[1].done()]

    def _fail_waiting(self, sentence: str, sequence: int | None = None) -> bool:
        """Fail who waits for this sequence or an earlier one, or all; tells whether anybody does."""
        failed = [entry[1] for entry in self._waiting if not entry[1].done() and (sequence or entry[0]) >= entry[0]]
        for future in failed:
            future.set_exception(ServeError(sentence))
        self._waiting = [entry for entry in self._waiting if not entry[1].done()]
        return bool(failed)

    def _start(self, slot: Slot) -> None:
        slot.timer = None
        ours, theirs = make_channel()
        # Blocked until the worker ignores them, so that none can end it while it starts.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, IGNORED_SIGNALS)
        try:
            slot.process = subprocess.Popen(  # noqa: S603 - our own interpreter
                [*self._command, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env=worker_environment(),
                process_group=0,  # else a terminal's Ctrl-C reaches the workers before the supervisor can drain them
            )
        except OSError as error:
            ours.close()
            self._replace(slot, f"cannot be started: {error.strerror}")
            return
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            theirs.close()
        slot.pidfd = os.pidfd_open(slot.process.pid)
        self._loop.add_reader(slot.pidfd, self._bury, slot)
        slot.channel = Channel(
            ours, self._loop, lambda message, _: self._receive(slot, message), lambda: self._end(slot)
        )
        slot.timer = self._loop.call_later(START, self._end_silence, slot)
        configure = configuration(slot, len(self._slots), self._options)
        configure |= {"engine": self._engine, "secret": self._secret}
        tls = self._certificate
        sockets = [sock.fileno() for sock in (*slot.sockets, *slot.secure)]
        pair = [tls.chain, tls.key] if tls is not None and slot.secure else []
        self._send(slot, configure, [slot.descriptor, self._table, *sockets, *pair])
        if self._state is not None:
            self._tell(slot, self._state)

    def _receive(self, slot: Slot, message: Message) -> None:
        if message["type"] == "notified":
            for origin in message["zones"]:
                self._notified(bytes.fromhex(origin))
            return
        if message["type"] == "ready":
            slot.ready = True
            slot.compiled = message.get("compiled", False)
        elif message["type"] != "coming":
            sequence = message["sequence"]
            slot.answered = sequence
            if message["type"] == "refused":
                self._take_refusal(slot, sequence, message["error"])
            else:
                slot.failures = 0
                slot.acknowledged = sequence
                slot.revision = slot.expected.get(sequence, slot.revision)
                slot.expected = {number: revision for number, revision in slot.expected.items() if number > sequence}
                slot.answer_probe(sequence, ok=message["ok"])
                self._check_waiting()
        if slot.timer is not None:
            slot.timer.cancel()
            slot.timer = None
        if slot.sent > slot.answered:
            slot.timer = self._loop.call_later(SILENCE, self._end_silence, slot)

    def _take_refusal(self, slot: Slot, sequence: int, error: str) -> None:
        """Tell who waits, and they take it back; when nobody does, the others serve it: this worker is at fault."""
        sentence = f"worker {slot.number} cannot serve it: {error}"
        if self._fail_waiting(sentence, sequence):
            self._taken_back = self._sequence
        elif sequence > self._taken_back:
            _log.error("%s", sentence)
            self._end(slot)

    def _end_silence(self, slot: Slot) -> None:
        slot.timer = None
        _log.error("worker %d is silent for %.0f s and is replaced", slot.number, SILENCE if slot.ready else START)
        self._end(slot)

    def _end(self, slot: Slot) -> None:
        if slot.process is not None:
            slot.process.kill()

    def _bury(self, slot: Slot) -> None:
        """Clear up after a worker that has ended, and fill its place."""
        process = slot.process
        if process is None or slot.channel is None:
            return
        self._loop.remove_reader(slot.pidfd)
        os.close(slot.pidfd)
        status = process.wait()
        slot.channel.close()
        if slot.timer is not None:
            slot.timer.cancel()
        slot.process = slot.channel = slot.timer = None
        slot.ready = False
        slot.sent = slot.answered = slot.acknowledged = slot.revision = -1
        slot.expected.clear()
        for sequence in list(slot.probes):
            slot.answer_probe(sequence, ok=False)
        clear_gauges(slot.counts)
        if not self._stopping:
            how = f"signal {-status}" if status < 0 else f"status {status}"
            self._replace(slot, f"(process {process.pid}) has ended with {how}")
        elif not any(other.process for other in self._slots):
            self._none_left.set()

    def _replace(self, slot: Slot, how: str) -> None:
        """Fill a slot, at once unless its workers keep ending before they serve."""
        self.restarts += 1
        slot.failures += 1
        _log.warning("worker %d %s; it is replaced", slot.number, how)
        if slot.failures % ATTEMPTS == 0:
            sentence = f"worker {slot.number} cannot be started, {slot.failures} times in a row; the last one {how}"
            self._fail_waiting(sentence)
            self._failed(sentence)
        delay = _BACK_OFF[min(slot.failures, len(_BACK_OFF)) - 1]
        slot.timer = self._loop.call_later(delay, self._start, slot)
