"""Requests that come twice: replays of signed ones, honest repeats, and keys of the client's own."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from ptrd.control.actors import Code, ControlError
from ptrd.control.exchange import Response
from ptrd.control.refs import ref_of_address
from ptrd.control.repeats import Repeats
from tests.control.authworld import NOW, plain, signed
from tests.control.fakelink import OPERATOR, address

ADDRESS = "192.0.2.1"


def identify(world, request, now=NOW):
    """Authenticate a request; give the actor."""
    return world.do(world.authenticator.authenticate(request, now))


class Signer:
    """A client with an access key of `shop`, whose EIP it names; the clock is the test's."""

    def __init__(self, world, names=("192.0.2.1", "192.0.2.2")):
        self.world = world
        self.now = NOW
        self.runs = 0
        self.key = world.make("create_key", project="shop")
        self.repeats = Repeats(world.link, world.vault, lambda: self.now)
        for text in names:
            world.do(
                world.cases.inventory.add_eip(
                    OPERATOR, text, id=f"e{text[-1]}", region="r", project="shop", request_id="r"
                )
            )

    async def handler(self, request):
        """Name the address that the path ends in as the body says, or not any more."""
        self.runs += 1
        actor, ref = request.actor, ref_of_address(address(request.path.rpartition("/")[2]))
        if request.body:
            names = request.body.decode().split()
            edit = await self.world.cases.pointers.set(actor, ref, names=names, request_id=request.id)
        else:
            edit = await self.world.cases.pointers.delete(actor, ref, missing_ok=True, request_id=request.id)
        pointer = edit.after.pointer
        return Response(202, {"names": pointer.names if pointer else None, "run": self.runs}, {"X-Run": str(self.runs)})

    def request(self, body=b"", at=ADDRESS, method="PATCH", date="20270115T080000Z"):
        """Sign a request."""
        return signed(self.key, method, f"/v2/{at}", body, date)

    def send(self, request):
        """Have a request answered."""
        request.actor = identify(self.world, request, self.now)
        return self.world.do(self.repeats.answer(request, self.handler))

    def names(self, at=ADDRESS):
        """Give what DNS says."""
        return self.world.link.says(at)


def test_a_repeat_gets_the_first_answer(world):
    """The same signed bytes again change nothing and get the same answer, minutes later and after a restart too."""
    client = Signer(world)
    first = client.send(client.request(b"a.example.com"))
    revision = world.link.revision
    client.send(client.request(b"b.example.com", "192.0.2.2"))
    for client.now in (NOW, NOW + 1, NOW + 600, NOW + 900):
        client.repeats = Repeats(world.link, world.vault, lambda: client.now)
        again = client.send(client.request(b"a.example.com"))
        assert (again.status, again.headers) == (202, {"X-Run": "1"}) and again.data() == first.data()
    assert client.runs == 2 and client.names() == ("a.example.com.",)
    assert world.link.revision == revision + 1


def test_set_unset_set_within_a_second_is_meant(world):
    """An honest client whose third request is to the byte its first has it carried out, within two seconds."""
    client = Signer(world)
    for body in (b"a.example.com", b"", b"a.example.com", b"", b"a.example.com"):
        client.send(client.request(body))
        client.now += 0.4
        assert client.names() == (("a.example.com.",) if body else ())
    assert client.runs == 5


@pytest.mark.parametrize("late", [2.1, 60.0, 899.0])
def test_a_late_replay_is_refused_once_things_changed(world, late):
    """Who replays a recorded request after its record was changed is refused, and the record stays as it is."""
    client = Signer(world)
    client.send(client.request(b"a.example.com"))
    client.send(client.request(b"b.example.com"))
    client.now += late
    with pytest.raises(ControlError) as caught:
        client.send(client.request(b"a.example.com"))
    assert caught.value.code is Code.UNAUTHENTICATED
    assert client.names() == ("b.example.com.",) and client.runs == 2


def test_a_request_that_changed_nothing_is_remembered_too(world):
    """Setting what is set already is repeated by its answer while the project is quiet, and refused afterwards."""
    client = Signer(world)
    client.send(client.request(b"a.example.com"))
    client.now += 10
    same = {"date": "20270115T080010Z"}
    client.send(client.request(b"a.example.com", **same))
    assert client.send(client.request(b"a.example.com", **same)).headers == {"X-Run": "2"}
    client.now += 10
    client.send(client.request(b"b.example.com", date="20270115T080020Z"))
    with pytest.raises(ControlError):
        client.send(client.request(b"a.example.com", **same))
    assert client.names() == ("b.example.com.",)


def test_a_lost_answer_lets_a_repeat_only_say_what_is_so(world, monkeypatch):
    """When the server stops between commit and answer, a repeat runs only while the records are as it left them."""
    client = Signer(world)

    async def stop(*_):
        raise ConnectionResetError

    with monkeypatch.context() as patch:
        patch.setattr(client.repeats, "_keep", stop)
        with pytest.raises(ConnectionResetError):
            client.send(client.request(b"a.example.com"))
    client.now += 60
    assert client.send(client.request(b"a.example.com")).body["names"] == ("a.example.com.",)
    client.send(client.request(b"b.example.com", date="20270115T080100Z"))
    with pytest.raises(ControlError):
        client.send(client.request(b"a.example.com"))
    assert client.names() == ("b.example.com.",)


def test_a_race_of_repeats_changes_once(world):
    """The same bytes sent ten times at a time, long after they were signed, make one change."""
    client = Signer(world)
    client.now += 60

    async def send_all():
        requests = [client.request(b"a.example.com") for _ in range(10)]
        for request in requests:
            request.actor = await world.authenticator.authenticate(request, client.now)
        return await asyncio.gather(*[client.repeats.answer(request, client.handler) for request in requests])

    answers = world.do(send_all())
    assert {answer.status for answer in answers} == {202}
    changes = [entry for entry in world.journal() if entry.address is not None and entry.action == "setPTRRecord"]
    assert len(changes) == 1


def test_a_replay_in_flight_is_caught_in_the_transaction(world):
    """A replay that was let in before its first was committed is refused when things have changed since."""
    client = Signer(world)
    client.now += 60
    entered, let_in = asyncio.Event(), asyncio.Event()

    async def slow(request):
        entered.set()
        await let_in.wait()
        return await client.handler(request)

    async def race():
        first, replay = client.request(b"a.example.com"), client.request(b"a.example.com")
        first.actor = replay.actor = await world.authenticator.authenticate(first, client.now)
        late = asyncio.create_task(client.repeats.answer(replay, slow))
        await entered.wait()
        assert (await client.repeats.answer(first, client.handler)).status == 202
        other = client.request(b"b.example.com")
        other.actor = first.actor
        assert (await client.repeats.answer(other, client.handler)).status == 202
        let_in.set()
        with pytest.raises(ControlError) as caught:
            await late
        return caught.value.code

    assert world.do(race()) is Code.UNAUTHENTICATED
    assert client.names() == ("b.example.com.",)


def test_reads_and_tokens_are_not_remembered(world, token):
    """GET, and whatever comes with a token, runs every time."""
    client = Signer(world)
    runs = []

    async def handler(request):
        runs.append(request.method)
        return Response(200)

    for request in (client.request(method="GET"), plain("/v2", [("X-Auth-Token", token)], method="PATCH")):
        request.actor = identify(world, request)
        for _ in range(2):
            world.do(client.repeats.answer(request, handler))
    assert runs == ["GET", "GET", "PATCH", "PATCH"]


def test_a_key_of_ones_own_is_good_once(world, token, tmp_path):
    """An idempotency key gets the first answer whatever happened since, KEY_REUSED with another body; 24 hours long."""
    client = Signer(world)
    secret = "a secret that the answer has"  # noqa: S105 - of nobody

    async def handler(request):
        answer = await client.handler(request)
        return replace(answer, body={**answer.body, "secret": secret})

    def send(key, body=b"a.example.com", credential=token, at=ADDRESS):
        request = plain(f"/api/{at}", [("X-Auth-Token", credential)], method="PUT", body=body)
        request.actor = identify(world, request, client.now)
        return world.do(client.repeats.once(request, key, handler))

    first = send("k")
    send("other", b"b.example.com")
    assert send("k").data() == first.data() and client.runs == 2 and client.names() == ("b.example.com.",)
    with pytest.raises(ControlError) as caught:
        send("k", b"c.example.com")
    assert caught.value.code is Code.KEY_REUSED and client.runs == 2
    send("k", at="192.0.2.2")
    second = world.make("create_token", "second", project="shop").secret
    send("k", b"d.example.com", second)
    assert client.runs == 4
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert secret.encode() not in stored
    client.now += 86401
    send("k", b"e.example.com")
    assert client.runs == 5 and client.names() == ("e.example.com.",)


def test_a_refused_request_is_not_remembered(world, token):
    """A key whose request was refused may be used again."""
    client = Signer(world)
    request = plain(f"/api/{ADDRESS}", [("X-Auth-Token", token)], method="PUT", body=b"not_a..name")
    request.actor = identify(world, request)
    for _ in range(2):
        with pytest.raises(ControlError) as caught:
            world.do(client.repeats.once(request, "k", client.handler))
        assert caught.value.code is Code.INVALID
    assert client.runs == 2
