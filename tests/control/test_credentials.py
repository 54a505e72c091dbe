"""Credentials: made, listed, disabled and taken away by operators; and who may log in with them, and for how long."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from ptrd.control.actors import Code, ControlError, Role
from ptrd.control.credentialviews import DAY, Kind
from tests.control.authworld import NOW, PASSWORD, log_in, use
from tests.control.fakelink import OPERATOR

KINDS = [Kind.TOKEN, Kind.KEY, Kind.APPLICATION]


def make_one(world, kind, project="shop", role=None):
    """Make a credential of a kind."""
    if kind is Kind.TOKEN:
        return world.make("create_token", f"t-{project}", project=project, role=role)
    if kind is Kind.KEY:
        return world.make("create_key", project=project, role=role)
    if not world.do(world.link.read(lambda transaction: transaction.user("alice"))):
        world.user("alice", "shop", "rival")
    return world.make("create_application", f"a-{project}", user="alice", project=project, role=role)


@pytest.mark.parametrize("kind", KINDS)
def test_a_credential_is_of_one_project_and_role(world, kind):
    """Each kind of credential makes an actor of its project, account and role, writer unless it says reader."""
    writer, reader = make_one(world, kind), make_one(world, kind, "rival", "reader")
    actor = use(world, writer)
    assert (actor.project, actor.account, actor.role) == (world.shop.project, world.shop.account, Role.WRITER)
    other = use(world, reader)
    assert (other.project, other.role) == (world.rival.project, Role.READER)
    assert actor.credential != other.credential and writer.secret != reader.secret


def test_an_operator_has_a_token(world):
    """A token without a project is an operator's; one with a project never is, nor are other credentials."""
    actor = use(world, world.make("create_token", "root"))
    assert actor.is_operator and actor.project is None and actor.name == "token:root"
    world.user("alice", "shop")
    for call in (
        world.credentials.create_key(OPERATOR, project="shop", role="operator", request_id="r"),
        world.credentials.add_member(OPERATOR, "alice", project="shop", role="operator", request_id="r"),
        world.credentials.create_application(OPERATOR, "a", user="alice", role="operator", request_id="r"),
        world.credentials.create_token(OPERATOR, "bound", project="shop", role="operator", request_id="r"),
        world.credentials.create_token(OPERATOR, "w", role="writer", request_id="r"),
        world.credentials.create_token(OPERATOR, "w", project="shop", role="owner", request_id="r"),
    ):
        assert world.refused(call).code is Code.INVALID


@pytest.mark.parametrize("kind", KINDS)
def test_a_secret_is_shown_once(world, kind, tmp_path):
    """No list, no journal and no byte of the database has the secret of a credential, nor a password."""
    created = make_one(world, kind)
    listed = world.do(world.credentials.credentials(OPERATOR, kind))
    assert [one.id for one in listed] == [created.credential.id]
    assert listed == [world.do(world.credentials.credential(OPERATOR, kind, created.credential.id))]
    shown = repr(listed) + repr([asdict(entry) for entry in world.journal()])
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for secret in (created.secret, PASSWORD):
        assert secret not in shown and secret.encode() not in stored


def test_secrets_can_be_recognized(world):
    """Tokens and secrets begin so that a scanner for leaks knows them, and have 256 random bits behind that."""
    secrets = [make_one(world, kind).secret for kind in KINDS]
    world.user("bob", "shop")
    secrets.append(log_in(world, "bob").text)
    assert [text.split("_")[0] for text in secrets if "_" in text[:12]][:1] == ["ptrd"]
    assert secrets[2].startswith("ptrdapp_") and secrets[3].startswith("ptrdlogin_")
    assert all(
        len(text.removeprefix("ptrd_").removeprefix("ptrdapp_").removeprefix("ptrdlogin_")) >= 43 for text in secrets
    )


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_disabled_or_revoked_ends_at_once(world, kind):
    """Disabling a credential, its project or account refuses it at once, enabling lets it in again; revoked is gone."""
    created = make_one(world, kind)
    identity = created.credential.id
    assert use(world, created)
    assert world.make("disable", kind, identity).disabled and use(world, created) is None
    assert not world.make("enable", kind, identity).disabled and use(world, created)
    for what, name in (("project", "shop"), ("account", "shop-account")):
        inventory = world.cases.inventory
        world.do(getattr(inventory, f"disable_{what}")(OPERATOR, name, request_id="r"))
        assert use(world, created) is None
        world.do(getattr(inventory, f"enable_{what}")(OPERATOR, name, request_id="r"))
        assert use(world, created)
    world.make("revoke", kind, identity)
    assert use(world, created) is None
    assert world.refused(world.credentials.revoke(OPERATOR, kind, identity, request_id="r")).code is Code.NO_SUCH
    actions = [entry.action for entry in world.journal() if "Project" not in entry.action or kind is Kind.APPLICATION]
    name = {Kind.TOKEN: "Token", Kind.KEY: "AccessKey", Kind.APPLICATION: "ApplicationCredential"}[kind]
    made = [action for action in actions if action.endswith(name)]
    assert made == [f"{verb}{name}" for verb in ("create", "disable", "enable", "revoke")]


def test_a_token_expires(world):
    """A token ends at its expiry, and cannot be made with one that has passed."""
    created = world.make("create_token", "short", project="shop", expires=NOW + 60)
    assert use(world, created, NOW + 59.9) and use(world, created, NOW + 60) is None
    for expires in (NOW, NOW - 1, float("nan"), float("inf"), "soon", True):
        call = world.credentials.create_token(OPERATOR, "x", project="shop", expires=expires, request_id="r")
        assert (
            world.refused(call).code,
            world.refused(
                world.credentials.create_token(OPERATOR, "x", project="shop", expires=expires, request_id="r")
            ).field,
        ) == (Code.INVALID, "expires")


@pytest.mark.parametrize("actor", ["shop", "reader"])
def test_credentials_are_the_operators(world, actor):
    """No tenant, whatever its role, may see or change a credential or a user."""
    who = world.shop if actor == "shop" else replace(world.shop, role=Role.READER)
    cases, before = world.credentials, world.link.revision
    for call in (
        cases.create_token(who, "x", project="shop", request_id="r"),
        cases.create_key(who, project="shop", request_id="r"),
        cases.create_application(who, "x", user="alice", request_id="r"),
        cases.credentials(who, Kind.TOKEN),
        cases.credential(who, Kind.TOKEN, "x"),
        cases.disable(who, Kind.KEY, "x", request_id="r"),
        cases.enable(who, Kind.KEY, "x", request_id="r"),
        cases.revoke(who, Kind.KEY, "x", request_id="r"),
        cases.users(who),
        cases.user(who, "alice"),
        cases.create_user(who, "x", PASSWORD, request_id="r"),
        cases.set_password(who, "x", PASSWORD, request_id="r"),
        cases.disable_user(who, "x", request_id="r"),
        cases.enable_user(who, "x", request_id="r"),
        cases.delete_user(who, "x", request_id="r"),
        cases.add_member(who, "x", project="shop", request_id="r"),
        cases.remove_member(who, "x", project="shop", request_id="r"),
    ):
        assert world.refused(call).code is Code.FORBIDDEN
    assert world.link.revision == before


def test_names_are_unique_and_checked(world):
    """A token, a user and an application credential of a user have a name of their own; what is not there is said."""
    world.user("alice", "shop")
    world.make("create_token", "t", project="shop")
    world.make("create_application", "a", user="alice")
    cases = world.credentials
    for code, call in (
        (Code.EXISTS, cases.create_token(OPERATOR, "t", project="rival", request_id="r")),
        (Code.EXISTS, cases.create_user(OPERATOR, "alice", PASSWORD, request_id="r")),
        (Code.EXISTS, cases.create_application(OPERATOR, "a", user="alice", request_id="r")),
        (Code.INVALID, cases.create_token(OPERATOR, "t/t", project="shop", request_id="r")),
        (Code.INVALID, cases.create_user(OPERATOR, "", PASSWORD, request_id="r")),
        (Code.INVALID, cases.create_user(OPERATOR, "bob", "short", request_id="r")),
        (Code.INVALID, cases.create_user(OPERATOR, "bob", "x" * 1025, request_id="r")),
        (Code.NO_SUCH, cases.create_token(OPERATOR, "u", project="nowhere", request_id="r")),
        (Code.NO_SUCH, cases.create_key(OPERATOR, project="nowhere", request_id="r")),
        (Code.NO_SUCH, cases.create_application(OPERATOR, "b", user="bob", request_id="r")),
        (Code.NO_SUCH, cases.create_application(OPERATOR, "b", user="alice", project="rival", request_id="r")),
        (Code.NO_SUCH, cases.add_member(OPERATOR, "alice", project="nowhere", request_id="r")),
        (Code.NO_SUCH, cases.remove_member(OPERATOR, "alice", project="rival", request_id="r")),
        (Code.NO_SUCH, cases.user(OPERATOR, "bob")),
    ):
        assert world.refused(call).code is code


def test_a_dry_run_makes_nothing(world):
    """A dry run shows what would be, and leaves neither a credential nor a row of the journal."""
    before = world.link.revision
    created = world.make("create_token", "t", project="shop", dry_run=True)
    assert created.credential.name == "t" and use(world, created) is None
    assert world.make("create_user", "bob", PASSWORD, dry_run=True).name == "bob"
    assert world.link.revision == before and world.do(world.credentials.users(OPERATOR)) == []


def test_the_day_of_use_is_noted_once_a_day(world):
    """A credential shows the day on which it was last used; that takes one write a day, and no revision."""
    created = make_one(world, Kind.TOKEN)
    revision = world.link.revision
    assert created.credential.last_used is None
    for now in (NOW, NOW + 60, NOW + 60):
        use(world, created, now)
        shown = world.do(world.credentials.credential(OPERATOR, Kind.TOKEN, created.credential.id))
        assert shown.last_used == NOW // DAY * DAY
    use(world, created, NOW + DAY)
    assert world.do(world.credentials.credential(OPERATOR, Kind.TOKEN, "t-shop")).last_used == (NOW // DAY + 1) * DAY
    assert world.link.revision == revision


def test_a_project_that_goes_takes_its_credentials(world):
    """Deleting a project leaves no credential of it."""
    created = [make_one(world, kind) for kind in KINDS]
    world.do(world.cases.inventory.delete_project(OPERATOR, "shop", request_id="r"))
    assert [use(world, one) for one in created] == [None] * 3
    for kind in KINDS:
        assert world.do(world.credentials.credentials(OPERATOR, kind)) == []
    assert world.do(world.credentials.user(OPERATOR, "alice")).memberships[0].project == world.rival.project


def test_a_full_disk_stops_no_credential(world, monkeypatch):
    """When the day of use cannot be written, the credential is good all the same."""
    created = make_one(world, Kind.TOKEN)

    async def fail(*_, **__):
        raise ControlError(Code.BUSY, "the disk is full")

    monkeypatch.setattr(world.link, "change", fail)
    assert use(world, created)
