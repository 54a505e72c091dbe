"""The small Keystone: logins as real clients send them, what they read of the answers, errors in Keystone's form."""

from __future__ import annotations

import ast
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ptrd.control.actors import Code, ControlError
from ptrd.control.exchange import Request, Routes
from ptrd.control.openstack.keystone import Keystone
from ptrd.control.settings import ApiSettings
from tests.control.authworld import NOW, PASSWORD, SOURCE, plain, signed
from tests.control.fakelink import OPERATOR

LOG = Path(__file__).parent / "recordings" / "mini-keystone.log"
TOKENS = "/v3/auth/tokens"


class Client:
    """Asks a Keystone, as the HTTP edge would: routes, then authenticates, then handles."""

    def __init__(self, world, **settings):
        self.world = world
        self.now = NOW
        self.keystone = Keystone(world.cases, world.authenticator, ApiSettings(**settings), lambda: self.now)
        self.routes = Routes(self.keystone.routes())

    def ask(self, method, path, body=None, **headers):
        """Ask; give the response."""
        sent = [("Host", "ptrd.example:8080"), *[(name.replace("_", "-"), text) for name, text in headers.items()]]
        data = b"" if body is None else json.dumps(body).encode()
        return self.send(plain(path, sent, method=method, body=data))

    def send(self, request):
        """Have a request answered."""
        route, values, _ = self.routes.find(request.method, request.path)
        request.values = dict(values)
        if not route.public:
            try:
                request.actor = self.world.do(self.world.authenticator.authenticate(request, self.now))
            except ControlError as error:
                return self.keystone.refuse(request, error)
        return self.world.do(route.handler(request))

    def password(self, user="alice", password=PASSWORD, scope=None, at=TOKENS):
        """Log in with a password."""
        person = {"name": user, "password": password, "domain": {"name": "Default"}}
        auth = {"identity": {"methods": ["password"], "password": {"user": person}}}
        return self.ask("POST", at, {"auth": auth | ({"scope": scope} if scope else {})})


@pytest.fixture
def client(world):
    """Give a client, and a user `alice` of `shop`."""
    world.user("alice", "shop")
    return Client(world)


def recorded(method):
    """Give the bodies of logins by a method that real clients sent."""
    found = []
    for line in LOG.read_text(encoding="utf-8").splitlines():
        if line.startswith("POST"):
            body = json.loads(line[line.index('{"auth"') :])
            if body["auth"]["identity"]["methods"] == [method]:
                headers = ast.literal_eval(line[len("POST /v3/auth/tokens ") : line.index('{"auth"')].strip())
                found.append((headers, body))
    assert found
    return found


@pytest.mark.parametrize("prefix", ["", "/openstack"])
def test_the_version_names_itself(client, prefix):
    """GET /v3 needs no credential, and has the version 3 with the place that was asked."""
    for path in (f"{prefix}/v3", f"{prefix}/v3/"):
        response = client.ask("GET", path)
        version = response.body["version"]
        assert response.status == 200 and version["id"].startswith("v3.") and version["status"] == "stable"
        assert version["links"] == [{"rel": "self", "href": f"http://ptrd.example:8080{prefix}/v3/"}]


def test_a_recorded_password_login_is_answered(world, client):
    """What openstacksdk sends with a password gives a token for the project, in X-Subject-Token, and a catalog."""
    for _, body in recorded("password"):
        person = body["auth"]["identity"]["password"]["user"]
        world.make("create_user", "carol", PASSWORD)
        world.make("add_member", "carol", project="shop", role="reader")
        person |= {"name": "carol", "password": PASSWORD}
        body["auth"]["scope"]["project"]["name"] = "shop"
        response = client.ask("POST", TOKENS, body)
        token = response.body["token"]
        assert response.status == 201
        assert token["project"] == {
            "id": world.shop.project,
            "name": "shop",
            "domain": {"id": "default", "name": "Default"},
        }
        assert token["user"]["name"] == "carol" and token["methods"] == ["password"]
        assert token["roles"] == [{"id": "reader", "name": "reader"}]
        expires = datetime.strptime(token["expires_at"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC).timestamp()
        assert expires == NOW + 86400
        actor = world.ask(("X-Auth-Token", response.headers["X-Subject-Token"]))
        assert actor.project == world.shop.project and not actor.may_write


def test_a_recorded_application_login_is_answered(world, client):
    """What openstacksdk sends with an application credential, which names no project, gives a token for its own."""
    created = world.make("create_application", "a", user="alice")
    for _, body in recorded("application_credential"):
        body["auth"]["identity"]["application_credential"] |= {"id": created.credential.id, "secret": created.secret}
        response = client.ask("POST", TOKENS, body)
        assert response.status == 201 and response.body["token"]["project"]["id"] == world.shop.project
        assert response.body["token"]["user"]["name"] == "alice"
        assert world.ask(("X-Auth-Token", response.headers["X-Subject-Token"])).project == world.shop.project
    named = {"name": "a", "secret": created.secret, "user": {"name": "alice", "domain": {"name": "Default"}}}
    identity = {"methods": ["application_credential"], "application_credential": named}
    assert client.ask("POST", TOKENS, {"auth": {"identity": identity}}).status == 201


def test_a_recorded_token_login_is_answered(world, client):
    """What openstacksdk sends with a token, in X-Auth-Token too, gives another token that ends with the first."""
    first = client.password()
    api = world.make("create_token", "t", project="shop").secret
    for headers, body in recorded("token"):
        for text, methods in ((first.headers["X-Subject-Token"], ["password", "token"]), (api, ["token", "token"][:1])):
            client.now += 60
            body["auth"]["identity"]["token"]["id"] = text
            body["auth"]["scope"]["project"]["id"] = world.shop.project
            response = client.ask("POST", TOKENS, body, **dict.fromkeys(headers, text))
            assert response.status == 201 and response.body["token"]["methods"][-1:] == methods[-1:]
            if text is not api:
                assert response.body["token"]["expires_at"] == first.body["token"]["expires_at"]


def test_the_catalog_names_the_dns_service(world, client):
    """The catalog has one service, dns, at PUBLIC/openstack, in every region that is configured or has EIPs."""

    def endpoints(one):
        catalog = one.password().body["token"]["catalog"]
        assert [service["type"] for service in catalog] == ["dns"]
        found = catalog[0]["endpoints"]
        assert {endpoint["interface"] for endpoint in found} == {"public"}
        return {endpoint["region_id"]: endpoint["url"] for endpoint in found}

    assert endpoints(client) == {"RegionOne": "http://ptrd.example:8080/openstack"}
    for number, region in enumerate(("north", "south", "north")):
        new = world.cases.inventory.add_eip(
            OPERATOR, f"192.0.2.{number}", id=f"e{number}", region=region, project="shop", request_id="r"
        )
        world.do(new)
    assert sorted(endpoints(client)) == ["north", "south"]
    public = Client(world, public_url="https://ptrd.example.net/", regions=("east", "west"))
    url = "https://ptrd.example.net/openstack"
    assert endpoints(public) == {"east": url, "west": url}
    assert "catalog" not in client.password(at=f"{TOKENS}?nocatalog").body["token"]


def test_wrong_logins_look_alike(client):
    """Unknown users, wrong passwords and others' projects give one answer, in Keystone's form."""
    answers = [
        client.password("nobody"),
        client.password(password="wrong password"),  # noqa: S106 - of nobody
        client.password(scope={"project": {"name": "rival", "domain": {"name": "Default"}}}),
        client.password(scope={"project": {"id": "0" * 32}}),
    ]
    assert len({json.dumps(answer.body) for answer in answers}) == 1
    error = answers[0].body["error"]
    assert answers[0].status == error["code"] == 401 and error["title"] == "Unauthorized" and error["message"]
    assert list(answers[0].body) == ["error"]


def test_guesses_are_throttled(client):
    """After many wrong passwords the answer is 503, which every client takes for an error, and no password is right."""
    statuses = [client.password(password=f"guess {number}").status for number in range(9)]
    assert statuses == [401] * 6 + [503] * 3 and client.password().status == 503
    client.now += 1
    assert client.password().status == 201


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"auth": None},
        {"auth": {}},
        {"auth": {"identity": {}}},
        {"auth": {"identity": {"methods": "password"}}},
        {"auth": {"identity": {"methods": []}}},
        {"auth": {"identity": {"methods": ["password", "token"]}}},
        {"auth": {"identity": {"methods": ["password"]}}},
        {"auth": {"identity": {"methods": ["password"], "password": {"user": []}}}},
        {"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": 1}}}}},
        {"auth": {"identity": {"methods": ["token"], "token": {"id": {}}}}},
        {"auth": {"identity": {"methods": ["application_credential"], "application_credential": {"name": "a"}}}},
        {"auth": {"identity": {"methods": ["token"], "token": {"id": "x"}}, "scope": {"project": {}}}},
        {"auth": {"identity": {"methods": ["token"], "token": {"id": "x"}}, "scope": {"project": "x"}}},
        {"auth": {"identity": {"methods": ["token"], "token": {"id": "x"}}, "scope": 7}},
    ],
)
def test_malformed_logins_are_bad_requests(client, body):
    """A body that is no login says what is missing, with status 400 and Keystone's form."""
    response = client.ask("POST", TOKENS, body)
    assert response.status == 400 and response.body["error"]["title"] == "Bad Request"


@pytest.mark.parametrize(
    "auth",
    [
        {"identity": {"methods": ["totp"], "totp": {}}},
        {"identity": {"methods": ["token"], "token": {"id": "x"}}, "scope": {"system": {"all": True}}},
        {"identity": {"methods": ["token"], "token": {"id": "x"}}, "scope": {"domain": {"id": "default"}}},
        {"identity": {"methods": ["token"], "token": {}}},
        {"identity": {"methods": ["password"], "password": {"user": {}}}},
    ],
)
def test_other_logins_are_unauthorized(client, auth):
    """A method or scope that this Keystone has not, and an empty credential, are 401."""
    assert client.ask("POST", TOKENS, {"auth": auth}).status == 401


def test_a_body_that_is_no_json_is_a_bad_request(client):
    """A login that is no JSON is answered with 400."""
    route, _, _ = client.routes.find("POST", TOKENS)
    request = Request("POST", TOKENS, body=b"{", source=SOURCE)
    assert client.world.do(route.handler(request)).status == 400


def test_a_login_can_be_looked_at_and_ended(world, client):
    """GET and DELETE of /v3/auth/tokens show and end a login to its own user and to operators; to nobody else."""
    world.user("bob", "shop")
    mine, other = client.password().headers["X-Subject-Token"], client.password("bob").headers["X-Subject-Token"]
    root = world.make("create_token", "root").secret
    for who in (mine, root):
        shown = client.ask("GET", TOKENS, X_Auth_Token=who, X_Subject_Token=mine)
        assert shown.status == 200 and shown.body["token"]["user"]["name"] == "alice"
        assert shown.headers["X-Subject-Token"] == mine
        assert client.ask("HEAD", TOKENS, X_Auth_Token=who, X_Subject_Token=mine).status == 200
    for who, what, status in ((other, mine, 404), (mine, "x", 404), (mine, root, 404), ("x", mine, 401)):
        for method in ("GET", "DELETE"):
            response = client.ask(method, TOKENS, X_Auth_Token=who, X_Subject_Token=what)
            assert response.status == response.body["error"]["code"] == status
    assert client.ask("DELETE", TOKENS, X_Auth_Token=mine, X_Subject_Token=mine).status == 204
    assert world.denied(("X-Auth-Token", mine)) == "unauthenticated"
    assert world.ask(("X-Auth-Token", other))


def test_a_signed_request_finds_its_project_by_region(world, client):
    """Huawei's clients ask for the project named like a region, and get exactly the access key's, by that name."""
    key = world.make("create_key", project="shop")
    response = client.send(signed(key, path="/v3/projects", query=[("name", "cn-north-4")]))
    assert response.status == 200
    assert [(one["id"], one["name"]) for one in response.body["projects"]] == [(world.shop.project, "cn-north-4")]
    assert [one["name"] for one in client.send(signed(key, path="/v3/projects")).body["projects"]] == ["shop"]
    assert client.ask("GET", "/v3/projects?name=cn-north-4").status == 401
    token = world.make("create_token", "t", project="rival").secret
    own = client.ask("GET", "/openstack/v3/auth/projects", X_Auth_Token=token).body["projects"]
    assert [one["id"] for one in own] == [world.rival.project]
    root = world.make("create_token", "root").secret
    every = client.ask("GET", "/v3/projects", X_Auth_Token=root).body["projects"]
    assert {one["name"] for one in every} == {"shop", "rival"}
    assert [one["id"] for one in client.ask("GET", "/v3/projects?name=shop", X_Auth_Token=root).body["projects"]] == [
        world.shop.project
    ]


def test_every_error_has_a_status_that_clients_know(client):
    """No code of a use case becomes a status that OpenStack's clients take for success."""
    known = {400, 401, 403, 404, 409, 413, 500, 503}
    for code in Code:
        response = client.keystone.refuse(plain("/v3"), ControlError(code, "a sentence"))
        assert response.status in known and response.body["error"]["message"] == "a sentence"
    assert client.keystone.nothing_here(plain("/v3/users"), ["GET"]).status == 404
    assert client.keystone.failed(plain("/v3")).status == 500


def test_it_owns_its_paths_only():
    """Paths of version 3, with and without /openstack, are the Keystone's; no others."""
    paths = ("/v3", "/v3/", TOKENS, "/openstack/v3", "/openstack/v3/x", "/v2", "/v33", "/openstack/v2", "/api/v3", "/")
    assert [Keystone.owns(path) for path in paths] == [True] * 5 + [False] * 5
