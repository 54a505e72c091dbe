"""What the service says of itself to Huawei's clients: its versions, and the quota of an account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ptrd.control.exchange import Request, Response, Route
from ptrd.control.huawei.records import actor_of
from ptrd.control.settings import ApiSettings, base_url

if TYPE_CHECKING:
    from ptrd.control.cases import Cases

UPDATED: Final = "2022-06-29T00:00:00Z"  # of the interface, as Designate dates it
QUOTA_KEY: Final = "ptr_record"


class HuaweiAbout:
    """The routes of versions and quota."""

    def __init__(self, cases: Cases, settings: ApiSettings) -> None:
        self._cases = cases
        self._settings = settings

    def routes(self) -> list[Route]:
        """Give the routes; `GET /`, which people open too, is not among them."""
        return [
            Route("GET", "/v2", self.version, "huawei_version", public=True),
            Route("GET", "/v2/", self.version, "huawei_version_slash", public=True),
            Route("GET", "/v2.1", self.version, "huawei_version_21", public=True),
            Route("GET", "/v2/quotamg/dns/quotas", self.quota, "huawei_quota"),
        ]

    async def versions(self, request: Request) -> Response:
        """List the versions: as an array, which Huawei's SDK and keystoneauth both read."""
        return Response(200, {"versions": [self._version(request)]})

    async def version(self, request: Request) -> Response:
        """Show the one version there is: v2.1 is more of v2, not another."""
        return Response(200, {"version": self._version(request)})

    async def quota(self, request: Request) -> Response:
        """Tell how many records an account may have, and has."""
        domain = request.parameter("domain_id") or None
        limit, used = await self._cases.inventory.quota_of(actor_of(request), domain)
        quota = {"quota_key": QUOTA_KEY, "quota_limit": limit, "used": used, "unit": "count"}
        return Response(200, {"quotas": [quota]})

    def _version(self, request: Request) -> dict[str, Any]:
        return {
            "id": "v2",
            "status": "CURRENT",
            "links": [{"href": f"{base_url(request, self._settings)}/v2", "rel": "self"}],
            "updated": UPDATED,
            "version": "",
            "min_version": "",
        }
