"""Messages with descriptors: whole, in order, or the channel is lost."""

from __future__ import annotations

import array
import asyncio
import os
import socket

import pytest

from ptrd.records.changes import Change
from ptrd.serve.channel import (
    MAX_DESCRIPTORS,
    MAX_MESSAGE,
    Channel,
    ChannelError,
    make_channel,
    read_change,
    write_change,
)
from tests.serve.fakes import open_descriptors, until


class End:
    """One end of a channel, and what came out of it."""

    def __init__(self, sock):
        self.messages = []
        self.descriptors = []
        self.lost = asyncio.Event()
        self.channel = Channel(sock, asyncio.get_running_loop(), self._receive, self.lost.set)

    def _receive(self, message, descriptors):
        self.messages.append(message)
        self.descriptors.append(descriptors)

    async def wait_for(self, count):
        """Wait for that many messages."""
        await until(lambda: len(self.messages) >= count)


def run_with_ends(talk):
    """Run a coroutine with the two ends of a channel, then close them and every descriptor that arrived."""

    async def run():
        ends = [End(sock) for sock in make_channel()]
        try:
            await talk(*ends)
        finally:
            for end in ends:
                end.channel.close()
                for descriptors in end.descriptors:
                    for descriptor in descriptors:
                        os.close(descriptor)

    asyncio.run(run())


def test_descriptors_arrive_with_their_message():
    """A message has exactly its own descriptors, not inherited by programs that are started; the sender keeps its."""

    async def talk(ours, theirs):
        reading, writing = os.pipe()
        for number in range(20):
            ours.channel.send({"number": number}, [writing] * number)
        await theirs.wait_for(20)
        assert [message["number"] for message in theirs.messages] == list(range(20))
        assert [len(descriptors) for descriptors in theirs.descriptors] == list(range(20))
        assert not os.get_inheritable(theirs.descriptors[5][0])
        os.write(theirs.descriptors[7][3], b"through")
        assert os.read(reading, 10) == b"through"
        os.close(reading)
        os.close(writing)

    run_with_ends(talk)


def test_the_loop_has_its_turn_between_messages():
    """However many messages have come, whatever else is due happens after each of them."""

    async def talk(ours, theirs):
        loop = asyncio.get_running_loop()
        turns, seen = 0, []

        def turn():
            nonlocal turns
            turns += 1
            seen.append(len(theirs.messages))
            if len(theirs.messages) < 20:
                loop.call_soon(turn)

        for number in range(20):
            ours.channel.send({"number": number})
        loop.call_soon(turn)
        await theirs.wait_for(20)
        assert turns >= 20 and set(seen) >= set(range(1, 20))

    run_with_ends(talk)


def test_long_messages_do_not_block():
    """Megabytes wait for a slow reader without holding up the sender, keep their order, and their descriptors."""

    async def talk(ours, theirs):
        reading, writing = os.pipe()
        for number in range(5):
            ours.channel.send({"number": number, "text": "x" * 1_000_000}, [writing])
        os.close(writing)
        assert theirs.messages == []
        await theirs.wait_for(5)
        assert [message["number"] for message in theirs.messages] == list(range(5))
        assert all(len(message["text"]) == 1_000_000 for message in theirs.messages)
        assert all(len(descriptors) == 1 for descriptors in theirs.descriptors)
        os.close(reading)

    run_with_ends(talk)


def test_too_large_is_refused_before_anything_is_sent():
    """A message over the limits raises, and the channel goes on."""

    async def talk(ours, theirs):
        with pytest.raises(ChannelError, match="too large"):
            ours.channel.send({"text": "x" * MAX_MESSAGE})
        with pytest.raises(ChannelError, match="too large"):
            ours.channel.send({}, [0] * (MAX_DESCRIPTORS + 1))
        ours.channel.send({"fine": True}, [0] * MAX_DESCRIPTORS)
        await theirs.wait_for(1)
        assert theirs.messages == [{"fine": True}]

    run_with_ends(talk)


def test_the_other_end_is_noticed():
    """When one end closes, the other hears of it once; sending into the void is no error."""

    async def talk(ours, theirs):
        ours.channel.send({"last": 1})
        ours.channel.close()
        await asyncio.wait_for(theirs.lost.wait(), 5)
        assert theirs.messages == [{"last": 1}]
        theirs.channel.send({"late": 1})
        ours.channel.send({"late": 1})

    run_with_ends(talk)


@pytest.mark.parametrize("packet", [b"\0\0no JSON", b"\0\1{}", b"\0", b"\0\3{}"])
def test_nonsense_ends_the_channel(packet):
    """What is no message, or lacks a descriptor that it announces, ends the channel and leaks no descriptor."""

    async def run():
        raw, sock = make_channel()
        end = End(sock)
        before = open_descriptors()
        beside = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 0]))] if packet[1:2] == b"\3" else []
        raw.sendmsg([packet], beside)
        await asyncio.wait_for(end.lost.wait(), 5)
        assert end.messages == []
        assert open_descriptors() == before - 1  # the end that was lost
        raw.close()

    asyncio.run(run())


def test_changes_travel_as_json():
    """A change reads back equal, whatever bytes its names hold."""
    change = Change(6, 2**127 + 1, 300, (b"\3a\xffb\0", b"\0"))
    assert read_change(write_change(change)) == change
