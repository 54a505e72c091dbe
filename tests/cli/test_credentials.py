"""`ptrd user`, `token`, `key` and `application-credential`: a secret is printed once, and no command line takes one."""

from __future__ import annotations

import io
import json
import sys
from datetime import datetime
from types import SimpleNamespace

import pytest

from ptrd.cli import asking, credentials
from tests.cli.world import NOW

PASSWORD = "correct horse battery"  # noqa: S105 - of nobody


@pytest.fixture
def typed(monkeypatch):
    """Give standard input a text, which is no terminal's."""

    def give(text):
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))

    give("")
    return give


@pytest.fixture
def ada(shop, typed):
    """Make a user with a role in shop."""
    typed(f"{PASSWORD}\n")
    shop.do("user", "create", "ada", "--project", "shop")
    return shop


def test_a_password_comes_from_standard_input(shop, typed):
    """`user create` reads the first line of standard input, and prints the password nowhere."""
    typed(f"{PASSWORD}\r\nsecond line\n")
    code, out, err = shop.run("user", "create", "ada", "--project", "shop", "--role", "reader", "-o", "json")
    project = json.loads(shop.do("project", "show", "shop", "-o", "json"))["id"]
    assert code == 0 and json.loads(out)["projects"] == [{"project_id": project, "role": "reader"}]
    assert PASSWORD not in out + err + shop.do("log", "-o", "json") + shop.do("user", "list", "-o", "json")
    assert [json.loads(body) for method, path, body in shop.sent if path == "/api/v1/users" and method == "POST"] == [
        {"name": "ada", "password": PASSWORD}
    ]
    name, _, rest = shop.do("user", "list").splitlines()[1].partition(" ")
    assert name == "ada" and rest.endswith(f"no        {project}:reader")


@pytest.mark.usefixtures("typed")
def test_a_password_is_typed_twice(shop, monkeypatch):
    """At a terminal the password is asked for without being shown, and twice; two that differ change nothing."""
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    answers = iter([PASSWORD, PASSWORD, PASSWORD, "other"])
    monkeypatch.setattr(asking.getpass, "getpass", lambda _prompt: next(answers))
    shop.do("user", "create", "ada")
    assert shop.refused("user", "password", "ada") == "ptrd: the two passwords are not the same; nothing was changed\n"


def test_users(ada, typed):
    """A user is granted and revoked roles, disabled and enabled, gets a new password, and is deleted."""
    project = json.loads(ada.do("project", "show", "shop", "-o", "json"))["id"]
    granted = json.loads(ada.do("user", "grant", "ada", "--project", "shop", "--role", "reader", "-o", "json"))
    assert granted["projects"] == [{"project_id": project, "role": "reader"}]
    tried = ada.do("user", "revoke", "ada", "--project", "shop", "--dry-run")
    assert tried == f"would modify ada\n- projects: {project}:reader\n"
    assert json.loads(ada.do("user", "revoke", "ada", "--project", "shop", "-o", "json"))["projects"] == []
    assert json.loads(ada.do("user", "disable", "ada", "-o", "json"))["disabled"] is True
    assert json.loads(ada.do("user", "enable", "ada", "-o", "json"))["disabled"] is False
    typed("another long password\n")
    out = ada.do("user", "password", "ada")
    assert "another" not in out and "name      ada\n" in out
    assert ada.do("user", "delete", "ada") == "user ada is deleted\n"
    assert ada.do("user", "list") == "NAME  ID  DISABLED  PROJECTS\n"


def test_a_token_is_shown_once(shop):
    """`token create -o json` has the token; nothing later shows it, and revoked it lets nobody in."""
    made = json.loads(shop.do("token", "create", "--project", "shop", "--name", "deploy", "-o", "json"))
    assert list(made)[:2] == ["token", "id"] and made["role"] == "writer" and made["name"] == "deploy"
    shown = shop.do("token", "list") + shop.do("token", "list", "-o", "json") + shop.do("log", "-o", "json")
    assert made["token"] not in shown and made["id"] in shown
    assert made["token"] not in (shop.folder / "state" / "ptrd.db").read_bytes().decode("latin-1")
    assert "would delete" in shop.do("token", "revoke", "deploy", "--dry-run")
    assert shop.do("token", "revoke", "deploy") == "token deploy is revoked\n"
    assert json.loads(shop.do("token", "list", "-o", "json")) == []
    code, out, err = shop.run("token", "create", "--role", "operator")
    assert (code, out.split()[0]) == (0, "token")
    assert err == "ptrd: this is the only time that the token's secret is shown: keep it\n"
    tried = shop.do("token", "create", "--project", "shop", "--dry-run", "-o", "json")
    assert json.loads(tried)["before"] is None and "ptrd_" not in tried


@pytest.mark.parametrize(("text", "days"), [("12h", 0.5), ("90d", 90), ("4w", 28)])
def test_a_token_expires(shop, text, days, monkeypatch):
    """--expires takes a span from now, or a time."""
    monkeypatch.setattr(credentials, "time", SimpleNamespace(time=lambda: NOW))
    made = json.loads(shop.do("token", "create", "--project", "shop", "--expires", text, "-o", "json", "--dry-run"))
    then = datetime.fromisoformat(made["after"]["expires"])
    assert then.timestamp() == NOW + days * 86400
    time = "2031-01-31T12:00:00Z"
    made = json.loads(shop.do("token", "create", "--project", "shop", "--expires", time, "-o", "json"))
    assert made["expires"] == "2031-01-31T12:00:00.000Z"


def test_keys(shop):
    """`key create -o json` has access_key, secret_key and project_id; a key is disabled, enabled and revoked."""
    made = json.loads(shop.do("key", "create", "--project", "shop", "--name", "sdk", "--role", "reader", "-o", "json"))
    assert list(made)[:2] == ["access_key", "secret_key"] and made["project_id"] and made["role"] == "reader"
    key = made["access_key"]
    assert shop.do("key", "list", "--project", "shop", "-o", "csv").splitlines()[1].startswith(f"{key},sdk,reader,")
    assert made["secret_key"] not in shop.do("key", "list", "-o", "json") + shop.do("log", "-o", "json")
    assert json.loads(shop.do("key", "disable", key, "-o", "json"))["disabled"] is True
    assert shop.do("key", "enable", key, "--dry-run").splitlines()[1:] == ["- disabled: yes", "+ disabled: no"]
    assert json.loads(shop.do("key", "enable", key, "-o", "json"))["disabled"] is False
    assert shop.do("key", "revoke", key, "-o", "csv") == f"deleted\n{key}\n"


def test_application_credentials(ada):
    """An application credential is a user's; its secret is shown once."""
    made = json.loads(ada.do("application-credential", "create", "ci", "--user", "ada", "-o", "json"))
    assert list(made)[:2] == ["id", "secret"] and made["name"] == "ci"
    shown = ada.do("application-credential", "list", "--user", "ada", "-o", "json")
    assert made["id"] in shown and made["secret"] not in shown
    assert ada.do("application-credential", "revoke", made["id"]) == (
        f"application credential {made['id']} is revoked\n"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["user", "create", "bob"], "there is no password; type one, or write it to standard input as one line"),
        (["user", "create", "bob", "--project", "nobody"], "there is no"),
        (["user", "password", "nobody"], "there is no"),
        (["user", "disable", "nobody"], "there is no"),
        (["user", "enable", "nobody"], "there is no"),
        (["user", "delete", "nobody"], "there is no"),
        (["user", "grant", "nobody", "--project", "shop"], "there is no"),
        (["user", "grant", "ada", "--project", "nobody"], "there is no"),
        (["user", "revoke", "ada", "--project", "nobody"], "there is no"),
        (["token", "create", "--project", "nobody"], "there is no"),
        (["token", "create", "--project", "shop", "--name", "a/b"], "the name of a token has 1 to 64 letters"),
        (["token", "create", "--project", "shop", "--expires", "soon"], "expires is a time such as"),
        (["token", "create", "--project", "shop", "--expires", "2001-01-01T00:00:00Z"], "expires"),
        (["token", "list", "--project", "nobody"], "there is no"),
        (["token", "revoke", "nothing"], "there is no"),
        (["key", "create", "--project", "nobody"], "there is no"),
        (["key", "create", "--project", "shop", "--name", "a/b"], "the name of"),
        (["key", "disable", "nothing"], "there is no"),
        (["key", "enable", "nothing"], "there is no"),
        (["key", "revoke", "nothing"], "there is no"),
        (["application-credential", "create", "ci", "--user", "nobody"], "there is no"),
        (["application-credential", "create", "ci", "--user", "ada", "--project", "nobody"], "there is no"),
        (["application-credential", "create", "a/b", "--user", "ada"], "the name of"),
        (["application-credential", "list", "--user", "nobody"], "there is no"),
        (["application-credential", "revoke", "nothing"], "there is no"),
    ],
)
def test_what_the_server_refuses_is_a_sentence(ada, typed, arguments, sentence):
    """A refusal is one sentence on standard error, the exit status 1, and changes nothing."""
    typed("" if "bob" in arguments else f"{PASSWORD}\n")
    err = ada.refused(*arguments)
    assert err.startswith("ptrd: ") and err.count("\n") == 1 and sentence in err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["user", "create", "bob", PASSWORD], f"unrecognized arguments: {PASSWORD}"),
        (["user", "create", "bob", "--password", "x"], "unrecognized arguments: --password x"),
        (["user", "grant", "bob"], "required: --project"),
        (["user", "grant", "bob", "--project", "shop", "--role", "operator"], "invalid choice: 'operator'"),
        (["token", "create"], "say whose it is: --project NAME, or --role operator"),
        (["token", "create", "--project", "shop", "--role", "king"], "invalid choice: 'king'"),
        (["token", "revoke"], "required: ID"),
        (["key", "create"], "required: --project"),
        (["key", "create", "--project", "shop", "--role", "operator"], "invalid choice: 'operator'"),
        (["key", "disable"], "required: ID"),
        (["application-credential", "create", "ci"], "required: --user"),
        (["application-credential", "revoke"], "required: ID"),
    ],
)
def test_a_command_line_that_cannot_be_meant(shop, arguments, sentence):
    """A wrong command line ends with 2 and says what is wrong."""
    assert sentence in shop.refused(*arguments, status=2)
