"""Credentials over a database in a folder: two projects of two accounts, and requests as the HTTP edge makes them."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from itertools import count
from types import SimpleNamespace
from urllib.parse import parse_qsl, unquote

import pytest
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer

from ptrd.control.actors import Code, ControlError
from ptrd.control.authenticate import Authenticator
from ptrd.control.credentials import Credentials
from ptrd.control.credentialviews import Kind
from ptrd.control.exchange import Request
from ptrd.control.logins import Scope
from ptrd.store.vault import Vault
from tests.control.fakelink import OPERATOR, make_cases, make_project

NOW = 1_800_000_000.0
PASSWORD = "correct horse"  # noqa: S105 - of nobody
SOURCE = "192.0.2.77"
ANY = Scope()
CHEAP = (1 << 4, 8, 1)  # for passwords, where a test makes many


class AuthWorld:
    """Projects `shop` and `rival`; `do` runs a coroutine to its end."""

    def __init__(self, folder):
        self._runner = asyncio.Runner()
        self._requests = count(1)
        bare = make_cases(folder)
        self.link = bare.link
        self.link.now = NOW
        self.vault = Vault([bytes(32)], "the key of this test is lost")
        self.credentials = Credentials(self.link, self.vault)
        self.logins = self.credentials.logins
        self.cases = replace(bare, credentials=self.credentials)
        self.authenticator = Authenticator(self.logins)
        self.shop = self.do(make_project(self.cases, "shop"))
        self.rival = self.do(make_project(self.cases, "rival"))

    def do(self, coroutine):
        """Run something to its end."""
        return self._runner.run(coroutine)

    def refused(self, coroutine):
        """Give the error with which something is refused."""
        with pytest.raises(ControlError) as caught:
            self.do(coroutine)
        return caught.value

    def make(self, name, *values, actor=OPERATOR, **named):
        """Call a use case of credentials that changes something."""
        request_id = f"req-{next(self._requests)}"
        return self.do(getattr(self.credentials, name)(actor, *values, request_id=request_id, **named))

    def user(self, name="alice", *projects, role="writer"):
        """Make a user in projects."""
        user = self.make("create_user", name, PASSWORD)
        for project in projects:
            user = self.make("add_member", name, project=project, role=role)
        return user

    def ask(self, *headers, now=NOW, source=SOURCE, path="/v2/reverse/floatingips", values=None):
        """Authenticate a request that has headers; give the actor."""
        return self.do(self.authenticator.authenticate(plain(path, headers, source, values), now))

    def denied(self, *headers, **named):
        """Give the code with which a request that has headers is refused."""
        with pytest.raises(ControlError) as caught:
            self.ask(*headers, **named)
        return str(caught.value.code)

    def journal(self):
        """Give the journal."""
        return self.do(self.link.read(lambda transaction: transaction.journal(limit=1000)))

    def close(self):
        """End."""
        self._runner.close()
        self.link.close()


def plain(path, headers=(), source=SOURCE, values=None, method="GET", body=b""):
    """Make a request."""
    bare, _, query = path.partition("?")
    pairs = tuple(parse_qsl(query, keep_blank_values=True))
    return Request(method, unquote(bare), pairs, tuple(headers), body, path, "req-x", source, values=values or {})


def signed(
    created, method="GET", path="/v2/reverse/floatingips", body=b"", date="20270115T080000Z", query=(), **headers
):
    """Make a request that Huawei's own signer signed with an access key; 20270115T080000Z is NOW."""
    sent = {"X-Sdk-Date": date, "Host": "127.0.0.1", **{name.replace("_", "-"): text for name, text in headers.items()}}
    made = SdkRequest(method, "http", "127.0.0.1", path, None, list(query), sent, body)
    credentials = SimpleNamespace(ak=created.credential.id, sk=created.secret)
    done = Signer(credentials).sign(made)
    return plain(done.uri, tuple(done.header_params.items()), method=method, body=body)


def basic(user, password=PASSWORD):
    """Give the header of HTTP's Basic scheme."""
    return "Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def pass_all():
    """Let every password be looked at."""


def use(world, created, now=NOW):
    """Give the actor that a credential makes, None when it is refused."""
    identity, secret = created.credential.id, created.secret
    try:
        if created.credential.kind is Kind.TOKEN:
            return world.do(world.logins.token(secret, now))
        if created.credential.kind is Kind.KEY:
            found = world.do(world.logins.key(identity, now))
            assert found is None or found[0] == secret.encode()
            return found and found[1]
        return world.do(world.logins.login_with_application(identity, secret, ANY, now)).actor
    except ControlError as error:
        assert error.code is Code.UNAUTHENTICATED
        return None


def log_in(world, user="alice", password=PASSWORD, scope=ANY, now=NOW):
    """Log in with a password."""
    return world.do(world.logins.login_with_password(user, password, scope, now, pass_all))
