"""Answers to NOTIFY over real sockets: which count, which do not, and what happens when none comes."""

from __future__ import annotations

import socket

import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.tsig
import pytest

from tests.control.notifying import KEY, PATIENT, QUICK, RING, run, until, zone


def test_silence_is_met_with_back_off_and_then_with_patience():
    """A NOTIFY that nobody answers is sent three times here, has failed then, and is not sent until the next change."""

    async def test(secondary, port, primary):
        secondary.answer = lambda _: []
        made = primary(zone(f"127.0.0.1:{port}"))
        made.notifier.start()
        await until(lambda: made.notifier.failed == 1)
        assert len(secondary.told) == 3
        assert made.standing().trouble == "does not answer NOTIFY"
        secondary.answer = lambda notify: [dns.message.make_response(notify)]
        made.move(101)
        await until(lambda: made.notifier.acknowledged == 1)
        assert secondary.serials[:3] == [100] * 3 and set(secondary.serials[3:]) == {101}

    run(test)


def test_a_late_answer_counts():
    """An answer to the first NOTIFY that comes after it was sent again is an acknowledgement all the same."""

    async def test(secondary, port, primary):
        secondary.answer = lambda _: []
        made = primary(zone(f"127.0.0.1:{port}"), pace=QUICK._replace(first=0.5))
        made.notifier.start()
        await until(lambda: len(secondary.told) == 2)
        _, first, addr = secondary.told[0]
        secondary.say(dns.message.make_response(first), addr)
        await until(lambda: made.notifier.acknowledged == 1)
        await until(lambda: len(secondary.asked) > 2)
        assert len(secondary.told) == 2 and made.notifier.failed == 0

    run(test)


def wrong(change):
    """Make an answer that is changed in one thing."""

    def answer(notify):
        reply = dns.message.make_response(notify)
        changed = change(reply)
        return [reply if changed is None else changed]

    return answer


def other_id(reply):
    """Answer another message."""
    reply.id ^= 1


def query(reply):
    """Send a question back."""
    reply.flags &= ~dns.flags.QR


def other_opcode(reply):
    """Answer as if it had been a query."""
    reply.set_opcode(dns.opcode.QUERY)


def other_zone(reply):
    """Answer for another zone."""
    reply.question[0].name = dns.name.from_text("example.org")


@pytest.mark.parametrize(
    "change",
    [
        other_id,
        query,
        other_opcode,
        other_zone,
        lambda _: b"",
        lambda reply: reply.to_wire()[:20],
        lambda _: b"\xff" * 40,
    ],
)
def test_what_is_no_answer_to_it_is_passed_over(change):
    """Another identity, opcode or zone, a question, or rubbish: none of it acknowledges anything."""

    async def test(secondary, port, primary):
        secondary.answer = wrong(change)
        made = primary(zone(f"127.0.0.1:{port}"))
        made.notifier.start()
        await until(lambda: made.notifier.failed == 1)
        assert made.notifier.acknowledged == 0

    run(test)


def test_an_answer_from_elsewhere_is_passed_over():
    """Only the address and port that was told can acknowledge."""

    async def test(secondary, port, primary):
        def from_elsewhere(notify):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.sendto(dns.message.make_response(notify).to_wire(), secondary.told[-1][2])
            return []

        secondary.answer = from_elsewhere
        made = primary(zone(f"127.0.0.1:{port}"))
        made.notifier.start()
        await until(lambda: made.notifier.failed == 1)
        assert made.notifier.acknowledged == 0

    run(test)


@pytest.mark.parametrize(("rcode", "counts"), [("NOTIMP", True), ("REFUSED", False), ("NOTAUTH", False)])
def test_rcodes(rcode, counts):
    """Who does not know NOTIFY is left alone (RFC 1996, 3.12); who refuses it is told again, and it is said so."""

    async def test(secondary, port, primary):
        def answer(notify):
            reply = dns.message.make_response(notify)
            reply.set_rcode(dns.rcode.from_text(rcode))
            return [reply]

        secondary.answer = answer
        made = primary(zone(f"127.0.0.1:{port}"), pace=PATIENT if counts else QUICK)
        made.notifier.start()
        await until(lambda: made.notifier.acknowledged if counts else made.notifier.failed)
        assert len(secondary.told) == (1 if counts else 3)

    run(test)


def test_a_key_signs_and_must_sign_the_answer():
    """With a key the NOTIFY and the question for the SOA are signed, and a signed answer counts."""

    async def test(secondary, port, primary):
        secondary.serial = 100
        made = primary(zone(f"127.0.0.1:{port} transfer-key"), keys=[KEY])
        made.notifier.start()
        await until(lambda: made.standing().serial == 100)
        assert made.notifier.acknowledged == 1
        assert secondary.told[0][1].had_tsig and secondary.asked[0].had_tsig

    run(test, keyring=RING)


def unsigned(notify):
    """Leave the signature out."""
    reply = dns.message.make_response(notify)
    reply.use_tsig(None)
    return [reply]


def signed_with_another_secret(notify):
    """Sign with what the primary does not have."""
    reply = dns.message.make_response(notify)
    reply.use_tsig(dns.tsig.Key("transfer-key", b"fedcba9876543210", "hmac-sha256"))
    reply.request_mac = notify.mac
    return [reply]


def signed_for_another_message(notify):
    """Sign an answer to something else."""
    reply = dns.message.make_response(notify)
    reply.request_mac = b"\0" * 32
    return [reply]


@pytest.mark.parametrize("answer", [unsigned, signed_with_another_secret, signed_for_another_message])
def test_an_answer_that_is_not_signed_well_does_not_count(answer):
    """Where there is a key, an answer without it or with another proves nothing, and the NOTIFY is sent again."""

    async def test(secondary, port, primary):
        secondary.answer = answer
        made = primary(zone(f"127.0.0.1:{port} transfer-key"), keys=[KEY])
        made.notifier.start()
        await until(lambda: made.notifier.failed == 1)
        assert made.notifier.acknowledged == 0

    run(test, keyring=RING)
