"""Requests become actors: every way to say who one is, what a tenant may not ask for, and failures."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from ptrd.control import passwords
from ptrd.control.actors import Code, ControlError, Role
from ptrd.control.credentialviews import Kind
from ptrd.control.logins import Scope
from ptrd.control.throttle import _SOURCES, FORGOTTEN, FREE, LONGEST, Throttle
from tests.control.authworld import NOW, PASSWORD, SOURCE, basic, plain, signed


def identify(world, request, now=NOW):
    """Authenticate a request; give the actor."""
    return world.do(world.authenticator.authenticate(request, now))


def refusal(world, request, now=NOW):
    """Give the code with which a request is refused."""
    with pytest.raises(ControlError) as caught:
        identify(world, request, now)
    return str(caught.value.code)


def test_there_are_four_ways_to_say_who_one_is(world, token):
    """An API token, a login token, a user's password and a signature each make the project's actor."""
    world.user("alice", "shop")
    key = world.make("create_key", project="shop")
    login = world.do(world.logins.login_with_token(token, Scope(), NOW)).text
    actors = [
        world.ask(("X-Auth-Token", token)),
        world.ask(("authorization", f"bearer {token}")),
        world.ask(("X-Auth-Token", login)),
        world.ask(basic("alice")),
        identify(world, signed(key)),
        identify(world, signed(key, X_Project_Id=world.shop.project)),
    ]
    assert {(actor.project, actor.account, actor.role) for actor in actors} == {
        (world.shop.project, world.shop.account, Role.WRITER)
    }
    names = ["token:t", "token:t", "token:t", "user:alice", f"key:{key.credential.id}", f"key:{key.credential.id}"]
    assert [actor.name for actor in actors] == names
    assert {actor.source for actor in actors} == {SOURCE}


def test_no_credential_or_a_wrong_one_is_unauthenticated(world, token):
    """None, two at a time, an unknown scheme and everything that is not right to the letter: UNAUTHENTICATED."""
    world.user("alice", "shop")
    key = world.make("create_key", project="shop")
    for number, headers in enumerate(
        (
            [],
            [("X-Auth-Token", "")],
            [("X-Auth-Token", "notused")],
            [("X-Auth-Token", token[:-1])],
            [("X-Auth-Token", token), ("X-Auth-Token", token)],
            [("X-Auth-Token", token), ("Authorization", f"Bearer {token}")],
            [("Authorization", token)],
            [("Authorization", f"Digest {token}")],
            [("Authorization", "Basic !")],
            [("Authorization", "Basic YWxpY2U=")],
            [("Authorization", "Basic //8=")],
            [basic("alice", "wrong password")],
            [basic("bob")],
        )
    ):
        assert world.denied(*headers, source=f"192.0.2.{number}") == "unauthenticated"
    request = signed(key)
    for number, changed in enumerate(
        (
            replace(request, method="PATCH"),
            replace(request, headers=(*request.headers, ("X-Auth-Token", token))),
            replace(
                request,
                headers=tuple((name, value.replace(key.credential.id, "PTRDX")) for name, value in request.headers),
            ),
        )
    ):
        assert refusal(world, replace(changed, source=f"192.0.2.{100 + number}")) == "unauthenticated"
    assert refusal(world, request, NOW + 901) == "unauthenticated"


def test_an_unknown_access_key_looks_like_a_wrong_signature(world):
    """One sentence is for an access key nobody has, a disabled one, and a signature that does not fit."""
    key, disabled = world.make("create_key", project="shop"), world.make("create_key", project="shop")
    world.make("disable", Kind.KEY, disabled.credential.id)
    unknown = key._replace(credential=replace(key.credential, id="PTRDNOBODY"))
    guessed = unknown._replace(secret="\0" * 32)  # what stands in for the secret of nobody
    requests = [signed(disabled), signed(unknown), signed(guessed), replace(signed(key), method="PUT")]
    found = [world.refused(world.authenticator.authenticate(one, NOW)) for one in requests]
    assert {(error.code, str(error)) for error in found} == {(Code.UNAUTHENTICATED, str(found[0]))}


@pytest.mark.parametrize("way", ["token", "basic", "key"])
def test_a_credential_is_for_its_own_project(world, token, way):
    """Any other project or account in header, path or query is FORBIDDEN, whether it exists or not; its own is not."""
    world.user("alice", "shop")
    key = world.make("create_key", project="shop")

    def ask(extra=(), path="/v2/x", values=None):
        if way == "key":
            request = signed(key, path=path.partition("?")[0], query=plain(path).query)
            return replace(request, headers=(*request.headers, *extra), values=values or {})
        own = ("X-Auth-Token", token) if way == "token" else basic("alice")
        return plain(path, (own, *extra), values=values)

    for project, account in (
        (world.rival.project, world.rival.account),
        ("0" * 32, "1" * 32),
        ("shop", "shop-account"),
    ):
        for request in (
            ask([("X-Project-Id", project)]),
            ask([("x-project-id", project)]),
            ask([("X-Project-Id", world.shop.project), ("X-Project-Id", project)]),
            ask([("X-Domain-Id", account)]),
            ask(path=f"/v2/quotamg/dns/quotas?domain_id={account}"),
            ask(path=f"/v2/quotamg/dns/quotas?domain_id={world.shop.account}&domain_id={account}"),
            ask(values={"project_id": project}),
        ):
            assert refusal(world, request) == "forbidden"
    for request in (
        ask([("X-Project-Id", world.shop.project), ("X-Domain-Id", world.shop.account)]),
        ask([("X-Project-Id", "")]),
        ask(path=f"/v2/quotamg/dns/quotas?domain_id={world.shop.account}"),
        ask(values={"project_id": world.shop.project}),
    ):
        assert identify(world, request).project == world.shop.project


def test_a_user_of_two_projects_names_one(world):
    """With Basic, X-Project-Id chooses among the user's projects, and is needed when there are several."""
    world.user("alice", "shop", "rival")
    assert world.denied(basic("alice")) == "forbidden"
    for project in (world.shop.project, world.rival.project):
        assert world.ask(basic("alice"), ("X-Project-Id", project)).project == project


@pytest.mark.parametrize(
    "name", ["X-Auth-All-Projects", "X-Auth-Sudo-Project-ID", "X-Designate-Edit-Managed-Records", "x-auth-all-projects"]
)
def test_some_headers_are_the_operators(world, token, name):
    """Headers that reach beyond a project are FORBIDDEN to a tenant, unless they say no; an operator may send them."""
    operator = world.make("create_token", "root").secret
    for value in ("True", "true", "1", "yes", world.rival.project, "x"):
        assert world.denied(("X-Auth-Token", token), (name, value)) == "forbidden"
        assert world.ask(("X-Auth-Token", operator), (name, value)).is_operator
    for value in ("False", "0", "no", ""):
        assert world.ask(("X-Auth-Token", token), (name, value)).project == world.shop.project


def test_an_operator_may_name_any_project(world):
    """An operator's token is not bound by project and account headers."""
    operator = world.make("create_token", "root").secret
    named = ("X-Project-Id", world.rival.project), ("X-Domain-Id", world.rival.account)
    assert world.ask(("X-Auth-Token", operator), *named, values={"project_id": world.shop.project}).is_operator


def test_failures_slow_their_source_down(world, token):
    """After five failures a source waits, longer with each; who comes from elsewhere does not, nor who has a token."""
    world.user("alice", "shop")
    assert [world.denied(basic("alice", "guess guess")) for _ in range(FREE + 1)] == ["unauthenticated"] * (FREE + 1)
    assert world.denied(basic("alice", "guess guess")) == "throttled"
    assert world.denied(basic("alice")) == "throttled"
    assert world.denied(("X-Auth-Token", "guess")) == "throttled"
    assert world.ask(("X-Auth-Token", token)).project == world.shop.project
    assert world.ask(basic("alice"), source="192.0.2.78").project == world.shop.project
    assert world.ask(basic("alice"), now=NOW + 1).project == world.shop.project


def test_a_request_without_a_credential_is_no_guess(world):
    """Asking without any credential, as a client does to learn how, never counts as a failure."""
    world.user("alice", "shop")
    assert {world.denied() for _ in range(50)} == {"unauthenticated"}
    assert world.ask(basic("alice"))


def test_guesses_at_a_time_count_too(world):
    """Many guesses at the same moment are not looked at beyond what a source has free."""
    world.user("alice", "shop")
    looked = []
    fits = passwords._fits

    async def guess(number):
        with pytest.raises(ControlError):
            await world.authenticator.authenticate(plain("/", [basic("alice", f"guess {number}")]), NOW)

    async def guess_all():
        await asyncio.gather(*[guess(number) for number in range(60)])

    try:
        passwords._fits = lambda *given: looked.append(1) or fits(*given)
        world.do(guess_all())
    finally:
        passwords._fits = fits
    assert 1 <= len(looked) <= FREE + 1


def test_waits_double_up_to_a_bound_and_are_forgotten():
    """The waits are 1, 2, 4 … seconds and never more than 300; 15 quiet minutes later all is forgotten."""
    throttle, now, waits = Throttle(), 0.0, []
    for _ in range(40):
        throttle.fail(SOURCE, now)
        until = throttle._sources[SOURCE][1]
        waits.append(until - now)
        if until > now:
            with pytest.raises(ControlError) as caught:
                throttle.check(SOURCE, until - 0.1)
            assert caught.value.code is Code.THROTTLED
        now = until
        throttle.check(SOURCE, now)
    assert waits == [0.0] * FREE + [min(2.0**number, LONGEST) for number in range(40 - FREE)]
    throttle.fail(SOURCE, now + FORGOTTEN + 1)
    assert throttle._sources[SOURCE] == (1, now + FORGOTTEN + 1)


def test_the_memory_of_failures_is_fixed():
    """However many sources fail, a fixed number is known, the latest; an IPv6 customer is one source."""
    throttle = Throttle()
    for number in range(_SOURCES + 10):
        throttle.fail(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 0.0)
    assert len(throttle._sources) == _SOURCES and "10.0.0.9" not in throttle._sources
    other = Throttle()
    for number in range(FREE + 1):
        other.fail(f"2001:db8::{number:x}", 0.0)
        other.fail(f"::ffff:192.0.2.1%{number}", 0.0)
    for source in ("2001:db8::ffff:1", "192.0.2.1"):
        with pytest.raises(ControlError):
            other.check(source, 0.5)
    other.check("2001:db8:0:1::1", 0.5)


def test_the_password_is_nowhere(world, tmp_path):
    """What a client authenticates with is not in the store, whatever it did."""
    world.user("alice", "shop")
    world.ask(basic("alice"))
    assert PASSWORD.encode() not in b"".join(path.read_bytes() for path in tmp_path.iterdir())
