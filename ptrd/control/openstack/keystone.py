"""A Keystone as small as clients allow: it logs in with a password, an application credential or a token.

It stands at /v3 and /openstack/v3, and its catalog names the one service that there is. A project is found by its id
or name, domains are not looked at. What is wrong with a login is never told apart. Huawei's clients ask here for the
project of a signed request, by the name of a region.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from ptrd.control.actors import Code, ControlError
from ptrd.control.exchange import Response, Route
from ptrd.control.logins import Scope
from ptrd.control.settings import base_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrd.control.authenticate import Authenticator
    from ptrd.control.cases import Cases
    from ptrd.control.exchange import Handler, Request
    from ptrd.control.logins import LoginToken
    from ptrd.control.settings import ApiSettings
    from ptrd.records.management import Project
    from ptrd.store.database import Transaction

PREFIXES: Final = ("", "/openstack")
DOMAIN: Final = {"id": "default", "name": "Default"}
REGION: Final = "RegionOne"  # of a project without EIPs, when the configuration names no regions
_TITLES: Final = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    413: "Request Entity Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
# Statuses that clients of the OpenStack dialect take for errors: 405 and 429 are none of them.
_STATUSES: Final = {
    Code.UNAUTHENTICATED: 401,
    Code.FORBIDDEN: 403,
    Code.THROTTLED: 503,
    Code.BUSY: 503,
    Code.NO_SUCH: 404,
    Code.TOO_LARGE: 413,
}


class Keystone:
    """The login. `clock` gives Unix time."""

    def __init__(
        self,
        cases: Cases,
        authenticator: Authenticator,
        settings: ApiSettings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._cases = cases
        self._authenticator = authenticator
        self._settings = settings
        self._clock = clock

    def routes(self) -> list[Route]:
        """Give the operations."""
        operations = [
            ("GET", "", self.version, "version", True),
            ("GET", "/", self.version, "version, with a slash", True),
            ("POST", "/auth/tokens", self.log_in, "log in", True),
            ("GET", "/auth/tokens", self.show, "show login", False),
            ("HEAD", "/auth/tokens", self.show, "check login", False),
            ("DELETE", "/auth/tokens", self.log_out, "log out", False),
            ("GET", "/projects", self.projects, "projects", False),
            ("GET", "/auth/projects", self.projects, "own projects", False),
        ]
        return [
            Route(method, f"{prefix}/v3{path}", _guarded(handler), f"keystone: {name} at {prefix}/v3", public=public)
            for prefix in PREFIXES
            for method, path, handler, name, public in operations
        ]

    @staticmethod
    def owns(path: str) -> bool:
        """Tell whether errors about a path are to be written here."""
        return any(path == f"{prefix}/v3" or path.startswith(f"{prefix}/v3/") for prefix in PREFIXES)

    @staticmethod
    def refuse(request: Request, error: ControlError) -> Response:  # noqa: ARG004 - as every dialect has it
        """Answer to an error of a use case, or of reading or authenticating a request."""
        return _error(_STATUSES.get(error.code, 400), str(error))

    @staticmethod
    def nothing_here(request: Request, methods: list[str]) -> Response:  # noqa: ARG004 - 405 would be a success
        """Answer to a path or method that does not exist."""
        return _error(404, "there is no such operation of this Keystone; it logs in at POST /v3/auth/tokens")

    @staticmethod
    def failed(request: Request) -> Response:
        """Answer for a fault of ours, which was logged under the request's id."""
        return _error(500, f"the server's log says more about the request {request.id}")

    async def version(self, request: Request) -> Response:
        """Give the version document."""
        href = f"{base_url(request, self._settings)}{_prefix(request)}/v3/"
        kind = {"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}
        version = {
            "id": "v3.14",
            "status": "stable",
            "updated": "2020-04-07T00:00:00Z",
            "links": [{"rel": "self", "href": href}],
            "media-types": [kind],
        }
        return Response(200, {"version": version})

    async def log_in(self, request: Request) -> Response:
        """Log in, and give the token in X-Subject-Token."""
        body = request.json()
        auth = _dict(_dict(body, "the body").get("auth"), "auth")
        identity = _dict(auth.get("identity"), "identity")
        methods = identity.get("methods")
        if not isinstance(methods, list) or len(methods) != 1:
            raise ControlError(
                Code.INVALID, "identity.methods has one of password, application_credential, token", "body"
            )
        scope = _scope(auth.get("scope"))
        now = self._clock()
        source = request.source
        logins = self._cases.credentials.logins
        if methods == ["password"]:
            user = _dict(_dict(identity.get("password"), "password").get("user"), "user")
            name = _text(user, "id") or _text(user, "name") or ""
            password = _text(user, "password") or ""
            made = await self._authenticator.attempt_password(
                source, now, lambda allow: logins.login_with_password(name, password, scope, now, allow)
            )
        elif methods == ["application_credential"]:
            given = _dict(identity.get("application_credential"), "application_credential")
            secret = _text(given, "secret") or ""
            identifier = _text(given, "id")
            owner = None
            if identifier is None:
                person = _dict(given.get("user"), "user")
                owner = _text(person, "id") or _text(person, "name") or ""
            known = identifier or _text(given, "name") or ""
            made = await self._authenticator.attempt(
                source, now, lambda: logins.login_with_application(known, secret, scope, now, owner)
            )
        elif methods == ["token"]:
            text = _text(_dict(identity.get("token"), "token"), "id") or ""
            made = await self._authenticator.attempt(source, now, lambda: logins.login_with_token(text, scope, now))
        else:
            raise ControlError(Code.UNAUTHENTICATED, "log in with password, application_credential or token")
        return await self._answer(request, made, 201)

    async def show(self, request: Request) -> Response:
        """Give what the login token in X-Subject-Token is for, to who has it."""
        return await self._answer(request, await self._subject(request), 200)

    async def log_out(self, request: Request) -> Response:
        """Revoke the login token in X-Subject-Token."""
        made = await self._subject(request)
        await self._cases.credentials.logins.log_out(made.text, made.actor)
        return Response(204)

    async def projects(self, request: Request) -> Response:
        """Give the sender's project. Its name is what was asked for: Huawei's clients ask by the name of a region."""
        actor = request.actor
        if actor is None:
            raise ControlError(Code.UNAUTHENTICATED, "send a credential")
        asked = request.parameter("name")

        def work(transaction: Transaction) -> list[Project]:
            if actor.project is None:
                return [one for one in transaction.projects() if asked in {None, one.name}]
            project = transaction.project(actor.project)
            return [] if project is None else [project]

        base = f"{base_url(request, self._settings)}{_prefix(request)}/v3/projects"
        found = [
            {
                "id": project.id,
                "name": asked or project.name,
                "domain_id": project.account,
                "parent_id": project.account,
                "enabled": not project.disabled,
                "is_domain": False,
                "description": "",
                "links": {"self": f"{base}/{project.id}"},
            }
            for project in await self._cases.link.read(work)
        ]
        return Response(200, {"projects": found, "links": {"self": base, "next": None, "previous": None}})

    async def _subject(self, request: Request) -> LoginToken:
        actor = request.actor
        gone = ControlError(Code.NO_SUCH, "there is no such login token")
        try:
            made = await self._cases.credentials.logins.show_login(
                request.header("X-Subject-Token") or "", self._clock()
            )
        except ControlError:
            raise gone from None
        if actor is None or not (actor.is_operator or actor.credential == made.actor.credential):
            raise gone
        return made

    async def _answer(self, request: Request, made: LoginToken, status: int) -> Response:
        token: dict[str, Any] = {
            "methods": list(made.methods),
            "user": {"id": made.user_id, "name": made.user_name, "domain": DOMAIN, "password_expires_at": None},
            "project": {"id": made.project.id, "name": made.project.name, "domain": DOMAIN},
            "is_domain": False,
            "roles": [{"id": str(made.actor.role), "name": str(made.actor.role)}],
            "issued_at": _write_time(made.issued),
            "expires_at": _write_time(made.expires),
            "audit_ids": [],
        }
        if request.parameter("nocatalog") is None:
            token["catalog"] = await self._catalog(request, made.project)
        return Response(status, {"token": token}, {"X-Subject-Token": made.text, "Vary": "X-Auth-Token"})

    async def _catalog(self, request: Request, project: Project) -> list[dict[str, Any]]:
        regions = list(self._settings.regions)
        if not regions:
            regions = await self._cases.link.read(lambda transaction: _regions(transaction, project.id)) or [REGION]
        url = f"{base_url(request, self._settings)}/openstack"
        endpoints = [
            {"id": f"dns-{region}", "interface": "public", "region_id": region, "region": region, "url": url}
            for region in regions
        ]
        return [{"id": "dns", "type": "dns", "name": "ptrd", "endpoints": endpoints}]


def _guarded(handler: Handler) -> Handler:
    """Have the errors of use cases written here, also those of operations that need no credential."""

    async def guarded(request: Request) -> Response:
        try:
            return await handler(request)
        except ControlError as error:
            return Keystone.refuse(request, error)

    return guarded


def _regions(transaction: Transaction, project: str) -> list[str]:
    """Give the regions in which a project has EIPs, without reading all of these."""
    found: list[str] = []
    while rest := transaction.eips(project=project, after=(found[-1], "\x7f") if found else None, limit=1):
        found.append(rest[0].region)
    return found


def _prefix(request: Request) -> str:
    return "/openstack" if request.path.startswith("/openstack/") else ""


def _scope(scope: object) -> Scope:
    """Read the project that a login is for; none when the client wants what there is."""
    if scope is None or scope == "unscoped":
        return Scope()
    project = _dict(scope, "scope").get("project")
    if project is None:
        raise ControlError(Code.UNAUTHENTICATED, "a login is for a project; name it in scope.project")
    found = Scope(_text(_dict(project, "project"), "id"), _text(_dict(project, "project"), "name"))
    if found == Scope():
        raise ControlError(Code.INVALID, "scope.project has the project's id or name", "body")
    return found


def _dict(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ControlError(Code.INVALID, f"{name} is an object of JSON, as Keystone's API v3 has it", "body")
    return value


def _text(value: dict[str, Any], name: str) -> str | None:
    found = value.get(name)
    if found is not None and not isinstance(found, str):
        raise ControlError(Code.INVALID, f"{name} is text", "body")
    return found or None


def _write_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _error(status: int, sentence: str) -> Response:
    return Response(status, {"error": {"code": status, "title": _TITLES[status], "message": sentence}})
