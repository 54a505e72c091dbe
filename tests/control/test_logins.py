"""Logins: with passwords, application credentials and tokens; for how long, and what ends them."""

from __future__ import annotations

import pytest

from ptrd.control import passwords
from ptrd.control.actors import Code, ControlError, Role
from ptrd.control.credentialviews import DAY, Kind
from ptrd.control.logins import LIFETIME, Scope
from ptrd.store.credentials import LoginRow, TokenRow
from ptrd.store.credentialtables import MAX_LOGINS
from tests.control.authworld import CHEAP, NOW, PASSWORD, log_in, pass_all, use
from tests.control.fakelink import OPERATOR

ANY = Scope()


def token_works(world, text, now=NOW):
    """Tell whether a token is good."""
    try:
        world.do(world.logins.token(text, now))
    except ControlError as error:
        assert error.code is Code.UNAUTHENTICATED
        return False
    return True


def test_a_user_logs_in_to_a_project(world):
    """A login is for the project named by id or name, for the only one when none is, and lives at most 24 hours."""
    world.user("alice", "shop")
    login = log_in(world)
    assert (login.project.name, login.user_name, login.expires) == ("shop", "alice", NOW + LIFETIME)
    actor = world.do(world.logins.token(login.text, NOW))
    assert (actor.name, actor.project, actor.role) == ("user:alice", world.shop.project, Role.WRITER)
    assert token_works(world, login.text, NOW + LIFETIME - 1) and not token_works(world, login.text, NOW + LIFETIME)
    world.make("add_member", "alice", project="rival", role="reader")
    for scope in (Scope(id=world.rival.project), Scope(name="rival"), Scope(world.rival.project, "rival")):
        assert log_in(world, scope=scope).actor.role is Role.READER
    for scope in (ANY, Scope(id="0" * 32), Scope(name="nowhere"), Scope(world.rival.project, "shop")):
        with pytest.raises(ControlError):
            log_in(world, scope=scope)


def test_wrong_logins_are_one_and_the_same(world):
    """An unknown user, a wrong password, a disabled user and somebody else's project are refused in the same words."""
    world.user("alice", "shop")
    world.user("carol", "shop")
    world.make("disable_user", "carol")
    found = set()
    for user, password, scope in (
        ("nobody", PASSWORD, ANY),
        ("alice", "wrong password", ANY),
        ("carol", PASSWORD, ANY),
        ("alice", PASSWORD, Scope(id=world.rival.project)),
        ("alice", PASSWORD, Scope(id="0" * 32)),
        ("alice", "", ANY),
        ("", "", ANY),
    ):
        with pytest.raises(ControlError) as caught:
            log_in(world, user, password, scope)
        found.add((caught.value.code, str(caught.value), caught.value.field))
    assert len(found) == 1


def test_an_unknown_user_takes_as_long(world, monkeypatch):
    """A password is hashed once for each failed login, whether there is such a user or not, enabled or not."""
    world.user("alice", "shop")
    world.user("carol", "shop")
    world.make("disable_user", "carol")
    calls = []
    derive = passwords._derive
    monkeypatch.setattr(passwords, "_derive", lambda *given: calls.append(given[2]) or derive(*given))
    for user in ("nobody", "alice", "carol"):
        with pytest.raises(ControlError):
            log_in(world, user, "wrong password")
    assert calls == [CHEAP] * 3


def test_passwords_are_dear():
    """A password's hash has a salt of its own, and costs 32 MiB."""
    one, other = passwords.hash_password(PASSWORD), passwords.hash_password(PASSWORD)
    assert one != other and one.startswith("scrypt:32768:8:1:")
    assert passwords._fits(PASSWORD, one) and passwords._fits(PASSWORD, other) and not passwords._fits("x", one)


def test_a_new_password_ends_logins(world):
    """After a change of password neither the old one nor a login made with it is good, though it was just used."""
    world.user("alice", "shop")
    login = log_in(world)
    world.make("set_password", "alice", "another horse")
    assert not token_works(world, login.text)
    with pytest.raises(ControlError):
        log_in(world)
    assert log_in(world, password="another horse")  # noqa: S106 - of nobody


@pytest.mark.parametrize("how", ["disable_user", "delete_user", "remove_member"])
def test_a_user_who_goes_takes_all_along(world, how):
    """Disabling or deleting a user, or its membership, ends its logins and application credentials at once."""
    world.user("alice", "shop")
    application = world.make("create_application", "a", user="alice")
    login, other = (
        log_in(world),
        world.do(world.logins.login_with_application(application.credential.id, application.secret, ANY, NOW)),
    )
    assert token_works(world, login.text) and token_works(world, other.text)
    world.make(how, "alice", **({"project": "shop"} if how == "remove_member" else {}))
    assert not token_works(world, login.text) and not token_works(world, other.text)
    assert use(world, application) is None
    if how == "disable_user":
        world.make("enable_user", "alice")
        assert not token_works(world, login.text) and use(world, application) and log_in(world)


def test_an_application_may_no_more_than_its_user(world):
    """A writer's application credential only reads as soon as its user only reads, and the other way round."""
    world.user("alice", "shop")
    writer = world.make("create_application", "w", user="alice")
    reader = world.make("create_application", "r", user="alice", role="reader")
    assert (use(world, writer).role, use(world, reader).role) == (Role.WRITER, Role.READER)
    world.make("add_member", "alice", project="shop", role="reader")
    assert (use(world, writer).role, use(world, reader).role) == (Role.READER, Role.READER)


def test_an_application_logs_in_by_id_or_name(world):
    """An application credential logs in by id, or by its name and its user; never to another project."""
    world.user("alice", "shop", "rival")
    created = world.make("create_application", "a", user="alice", project="shop")
    identity, secret = created.credential.id, created.secret
    enter = world.logins.login_with_application
    assert world.do(enter(identity, secret, ANY, NOW)).project.name == "shop"
    assert world.do(enter("a", secret, Scope(name="shop"), NOW, "alice")).project.name == "shop"
    for values in (
        (identity, "wrong", ANY, NOW),
        ("0" * 32, secret, ANY, NOW),
        ("a", secret, ANY, NOW, "bob"),
        ("b", secret, ANY, NOW, "alice"),
        (identity, secret, Scope(name="rival"), NOW),
    ):
        assert world.refused(enter(*values)).code is Code.UNAUTHENTICATED


def test_a_token_login_keeps_the_end_of_the_first(world):
    """Logging in with a login's token again and again never outlives the first; the projects are the user's."""
    world.user("alice", "shop", "rival")
    first = log_in(world, scope=Scope(name="shop"))
    again = first
    for hour in range(1, 4):
        scope = Scope(name=("shop", "rival")[hour % 2])
        again = world.do(world.logins.login_with_token(again.text, scope, NOW + 3600 * hour))
        assert (again.expires, again.project.name) == (first.expires, scope.name)
        assert again.methods == ("password", "token")
    for scope in (Scope(name="nowhere"), Scope(id="0" * 32)):
        assert world.refused(world.logins.login_with_token(first.text, scope, NOW)).code is Code.UNAUTHENTICATED
    world.make("remove_member", "alice", project="shop")
    assert not token_works(world, first.text) and token_works(world, again.text)
    assert world.refused(world.logins.login_with_token(again.text, Scope(name="shop"), NOW))


def test_a_login_that_has_ended_makes_no_other(world):
    """A login token that has expired logs nobody in."""
    world.user("alice", "shop")
    first = log_in(world)
    again = world.logins.login_with_token(first.text, ANY, NOW + LIFETIME)
    assert world.refused(again).code is Code.UNAUTHENTICATED


def test_a_password_changed_meanwhile_is_not_good(world, monkeypatch):
    """A login whose password is changed while it is being checked is refused, and leaves no token."""
    world.user("alice", "shop")
    check = world.logins._user

    async def check_and_change(*values):
        row = await check(*values)
        await world.credentials.set_password(OPERATOR, "alice", "another horse", request_id="r")
        return row

    monkeypatch.setattr(world.logins, "_user", check_and_change)
    with pytest.raises(ControlError):
        log_in(world)


def test_an_api_token_can_log_in(world):
    """An API token makes login tokens for its project alone, which end with it; an operator's for any project."""
    created = world.make("create_token", "t", project="shop", expires=NOW + 60)
    login = world.do(world.logins.login_with_token(created.secret, ANY, NOW))
    assert (login.project.name, login.expires, login.user_name) == ("shop", NOW + 60, "t")
    assert world.refused(world.logins.login_with_token(created.secret, Scope(name="rival"), NOW))
    operator = world.make("create_token", "root")
    anywhere = world.do(world.logins.login_with_token(operator.secret, Scope(name="rival"), NOW))
    assert anywhere.actor.is_operator and anywhere.actor.project == world.rival.project
    assert world.refused(world.logins.login_with_token(operator.secret, ANY, NOW))
    for call in ("disable", "enable"):
        world.make(call, Kind.TOKEN, created.credential.id)
        assert not token_works(world, login.text)


def test_a_logout_ends_one_login(world):
    """Revoking a login token leaves the user's other logins."""
    world.user("alice", "shop")
    one, other = log_in(world), log_in(world)
    assert world.do(world.logins.show_login(one.text, NOW)).user_name == "alice"
    world.do(world.logins.log_out(one.text, one.actor))
    assert not token_works(world, one.text) and token_works(world, other.text)
    assert world.refused(world.logins.show_login(one.text, NOW)).code is Code.UNAUTHENTICATED


def test_what_has_expired_is_swept(world):
    """A login takes expired logins and remembered requests out of the store, and tokens that ended 30 days ago."""
    world.user("alice", "shop")

    def prepare(transaction):
        for number, expires in enumerate((NOW - 1, NOW + 1)):
            transaction.put_login(LoginRow(bytes([number]), "password", "u", "p", NOW, expires))
        for number, expires in enumerate((NOW - 31 * DAY, NOW - DAY)):
            transaction.put_token(TokenRow(f"{number}", f"{number}", bytes([number]), None, "operator", expires))

    def look(transaction):
        kept = [transaction.login(bytes([number])) is not None for number in (0, 1)]
        return kept, [row.id for row in transaction.tokens()]

    world.do(world.link.change(prepare, actor=OPERATOR, request_id=""))
    log_in(world)
    assert world.do(world.link.read(look)) == ([False, True], ["1"])


def test_logins_of_one_user_are_bounded(world):
    """Of more logins of one user than there may be the oldest end."""

    def work(transaction):
        for number in range(MAX_LOGINS + 3):
            row = LoginRow(number.to_bytes(2), "password", "u", "p", NOW + number, NOW + DAY)
            transaction.put_login(row)
        return [number for number in range(MAX_LOGINS + 3) if transaction.login(number.to_bytes(2)) is None]

    assert world.do(world.link.change(work, actor=OPERATOR, request_id="")) == [0, 1, 2]


def test_a_known_password_is_not_hashed_again(world):
    """A password that was right a moment ago is known again, until it is changed; a wrong one never is."""
    hashes = []
    fits = world.logins.passwords
    hashed = world.do(fits.hash(PASSWORD))
    turn = fits._in_turn

    async def counted(*values, **named):
        hashes.append(1)
        return await turn(*values, **named)

    fits._in_turn = counted
    answers = [world.do(fits.fits(text, hashed, pass_all)) for text in (PASSWORD, PASSWORD, "x", "x", PASSWORD)]
    assert answers == [True, True, False, False, True] and len(hashes) == 3
