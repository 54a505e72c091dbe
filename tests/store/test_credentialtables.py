"""Rows of credentials come back as they were written, are changed whole, and go with what they stand by."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ptrd.records.management import Address
from ptrd.store.credentials import (
    ApplicationRow,
    KeyRow,
    LoginRow,
    MembershipRow,
    RememberedRow,
    TokenRow,
    UserRow,
)
from ptrd.store.sqlite import SqliteDatabase

TOKEN = TokenRow("t1", "deploy", b"\1" * 32, None, "operator", 2e9, disabled=True, created=1.5, last_used=20000)
KEY = KeyRow("AK1", "", b"\2sealed", "p1", "writer", created=2.5)
USER = UserRow("u1", "alice", "scrypt:…", created=3.5)
MEMBER = MembershipRow("u1", "p1", "reader")
APPLICATION = ApplicationRow("a1", "ci", b"\3" * 32, "u1", "p1", "reader", None, disabled=False, created=4.5)
LOGIN = LoginRow(b"\4" * 32, "password", "u1", "p1", 5.5, 2e9)
REMEMBERED = RememberedRow(
    "signature:AK1", "ff", b"\5", "m", 7, "p1", (Address(4, 1), Address(6, 2**128 - 1)), 2e9, b"sealed"
)


@pytest.fixture
def database(tmp_path):
    """Give an empty database."""
    made = SqliteDatabase(tmp_path / "ptrd.db")
    yield made
    made.close()


def change(database, work, now=1e9):
    """Do a transaction; give what its work gives."""
    return database.write(work, actor="test", request_id="", now=now).result


def put_all(transaction):
    """Write one row of each kind."""
    transaction.put_token(TOKEN)
    transaction.put_access_key(KEY)
    transaction.put_user(USER)
    transaction.put_membership(MEMBER)
    transaction.put_application(APPLICATION)
    transaction.put_login(LOGIN)
    transaction.put_remembered(REMEMBERED)


def get_all(transaction):
    """Read the rows again."""
    return [
        transaction.token("t1"),
        transaction.access_key("AK1"),
        transaction.user("u1"),
        transaction.membership("u1", "p1"),
        transaction.application("a1"),
        transaction.login(LOGIN.digest),
        transaction.remembered("signature:AK1", "ff"),
    ]


ROWS = [TOKEN, KEY, USER, MEMBER, APPLICATION, LOGIN, REMEMBERED]


def test_rows_come_back_as_they_were(database):
    """Each row that is written is read again, equal in every field and type, by each way to find it."""
    change(database, put_all)
    found = database.read(get_all)
    assert found == ROWS and all(repr(one) == repr(row) for one, row in zip(found, ROWS, strict=True))
    others = database.read(
        lambda transaction: [
            transaction.token_of(TOKEN.digest),
            transaction.user("alice"),
            transaction.application_named("u1", "ci"),
            *transaction.tokens(),
            *transaction.access_keys("p1"),
            *transaction.users(),
            *transaction.memberships(project="p1"),
            *transaction.memberships(user="u1"),
            *transaction.applications("u1", "p1"),
        ]
    )
    assert others == [TOKEN, USER, APPLICATION, TOKEN, KEY, USER, MEMBER, MEMBER, APPLICATION]


def test_what_is_not_there_is_none(database):
    """Nothing is found in an empty database, and nothing of another project."""
    assert database.read(get_all) == [None] * 7
    change(database, put_all)
    lists = lambda transaction: [  # noqa: E731 - a work of one expression
        *transaction.tokens("p1"),
        *transaction.access_keys("p2"),
        *transaction.memberships("u1", "p2"),
        *transaction.applications("u2"),
    ]
    assert database.read(lists) == []


def test_a_row_is_changed_whole(database):
    """Writing a row again changes each field of it and leaves no second row."""
    change(database, put_all)

    def work(transaction):
        transaction.put_token(replace(TOKEN, name="other", role="reader", project="p1", expires=None, disabled=False))
        transaction.put_user(replace(USER, password="x", disabled=True))  # noqa: S106 - of nobody
        transaction.put_membership(replace(MEMBER, role="writer"))
        transaction.put_remembered(replace(REMEMBERED, addresses=(), answer=None))
        return [len(transaction.tokens()), len(transaction.users()), len(transaction.memberships())]

    assert change(database, work) == [1, 1, 1]
    token, _, user, member, _, _, remembered = database.read(get_all)
    assert (token.name, token.role, token.project, token.expires, token.disabled) == (
        "other",
        "reader",
        "p1",
        None,
        False,
    )
    assert (user.password, user.disabled, member.role) == ("x", True, "writer")
    assert (remembered.addresses, remembered.answer) == ((), None)


def test_what_goes_takes_what_stands_by_it(database):
    """A user goes with all that it has; a project with all that is of it; others stay."""
    change(database, put_all)
    change(database, lambda transaction: transaction.drop_user("u1"))
    assert database.read(get_all) == [TOKEN, KEY, None, None, None, None, REMEMBERED]
    change(database, put_all)
    change(database, lambda transaction: transaction.drop_credentials_of("p1"))
    assert database.read(get_all) == [TOKEN, None, USER, None, None, None, None]


def test_a_database_tells_whether_it_holds_secrets(database):
    """Only access keys cannot be made again when the master key is lost."""
    assert not database.read(lambda transaction: transaction.holds_secrets())
    change(database, put_all)
    assert database.read(lambda transaction: transaction.holds_secrets())
    change(database, lambda transaction: transaction.drop_access_key("AK1"))
    assert not database.read(lambda transaction: transaction.holds_secrets())
