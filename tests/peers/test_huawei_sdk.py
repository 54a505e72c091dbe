"""Huawei's own Python SDK, unmodified, leads PTR records through their life; after each step DNS says the same."""

from __future__ import annotations

import importlib.util
import time
from typing import TYPE_CHECKING, Any

import dns.name
import dns.rdatatype
import dns.reversename
import pytest

from tests.peers.asking import make_query, read_reply, udp_ask
from tests.peers.process import unable

if TYPE_CHECKING:
    from collections.abc import Iterator

FOUR, SIX = "192.0.2.10", "2001:db8::10"
PATIENCE = 10.0  # seconds until a change is served, at the very most
KIND = "DNS-ptr_record"


class Huawei:
    """A user of the SDK: its client, its models as `sdk`, and what DNS says."""

    def __init__(self, sdk: Any, server: Any) -> None:
        self.sdk = sdk
        self.server = server
        self.region = server.region
        self.before = {address: self.names(address) for address in (FOUR, SIX)}  # what the zone files say
        self.client = self.connect(server.access_key, server.secret_key)

    def connect(self, access_key: str, secret_key: str) -> Any:
        """Make a client as the SDK's documentation does."""
        from huaweicloudsdkcore.auth.credentials import BasicCredentials  # noqa: PLC0415 - the same

        credentials = BasicCredentials(access_key, secret_key, self.server.project)
        builder = self.sdk.DnsClient.new_builder().with_credentials(credentials)
        return builder.with_endpoint(self.server.http_url).build()

    def place(self, address: str = FOUR) -> dict[str, str]:
        """Say which EIP a request is about."""
        return {"region": self.region, "floatingip_id": self.server.eips[address]}

    def id(self, address: str = FOUR) -> str:
        """Give the id that v2 has for an address."""
        return f"{self.region}:{self.server.eips[address]}"

    def set(self, name: str, address: str = FOUR, **fields: Any) -> Any:
        """Set a name by v2."""
        body = self.sdk.CreatePtrReq(ptrdname=name, **fields)
        return self.client.create_eip_record_set(self.sdk.CreateEipRecordSetRequest(**self.place(address), body=body))

    def show(self, address: str = FOUR) -> Any:
        """Show a record by v2."""
        return self.client.show_ptr_record_set(self.sdk.ShowPtrRecordSetRequest(**self.place(address)))

    def restore(self, address: str = FOUR, name: str | None = None) -> Any:
        """Give an address back its default name, as the SDK does: it leaves the null out."""
        body = self.sdk.RestorePtrReq(ptrdname=name)
        return self.client.restore_ptr_record(self.sdk.RestorePtrRecordRequest(**self.place(address), body=body))

    def listed(self, **query: Any) -> list[str]:
        """List the ids of records by v2."""
        return [item.id for item in self.client.list_ptr_records(self.sdk.ListPtrRecordsRequest(**query)).floatingips]

    def refused(self, call: Any, *arguments: Any, **options: Any) -> tuple[int, str]:
        """Do what is refused; give (status, code)."""
        from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException  # noqa: PLC0415 - the same

        with pytest.raises(ClientRequestException) as refusal:
            call(*arguments, **options)
        assert refusal.value.request_id.startswith("req-")
        assert refusal.value.error_msg
        return refusal.value.status_code, refusal.value.error_code

    def wait_active(self, show: Any, *arguments: Any) -> Any:
        """Ask until a record is ACTIVE, as Terraform does."""
        end = time.monotonic() + PATIENCE
        while (found := show(*arguments)).status != "ACTIVE":
            assert found.status in {"PENDING_CREATE", "PENDING_UPDATE"} and time.monotonic() < end, found
            time.sleep(0.01)
        return found

    def names(self, address: str) -> list[tuple[str, int]]:
        """Ask DNS for the names of an address, with their TTLs."""
        query = make_query(dns.reversename.from_address(address).to_text(), dns.rdatatype.PTR)
        reply = read_reply(query, udp_ask(self.server.address, self.server.port, query))
        assert not isinstance(reply, str), reply
        found = [(rdata, ttl) for _, rtype, ttl, rdata in reply.answer if rtype == "PTR"]
        return sorted((dns.name.from_wire(rdata, 0)[0].to_text(), ttl) for rdata, ttl in found)

    def check(self, names: list[tuple[str, int]] | None = None, address: str = FOUR) -> None:
        """Wait until DNS says exactly this of an address, or what it said at first; fail when it does not."""
        wanted = self.before[address] if names is None else names
        end = time.monotonic() + PATIENCE
        while (found := self.names(address)) != wanted and time.monotonic() < end:
            time.sleep(0.01)
        assert found == wanted


@pytest.fixture
def sdk() -> Any:
    """Give the SDK's module for DNS, or skip the test."""
    if importlib.util.find_spec("huaweicloudsdkdns") is None:
        unable("huaweicloudsdkdns is not installed; pip install huaweicloudsdkdns")
    from huaweicloudsdkdns import v2  # noqa: PLC0415 - the client need not be there

    return v2


@pytest.fixture
def huawei(sdk: Any, api_server: Any) -> Iterator[Huawei]:
    """Give a user of a server whose addresses have no record; each test leaves them so."""
    made = Huawei(sdk, api_server)
    assert made.listed() == []
    yield made
    for address in (FOUR, SIX):
        made.restore(address)
        made.check(address=address)


def test_the_life_of_a_record_by_v2(huawei: Huawei) -> None:
    """Set, show, list, update and restore; after each DNS says what the SDK was told, and at the end the default."""
    tag = huawei.sdk.Tag(key="key1", value="value1")
    made = huawei.set("WWW.Example.com", description="my record", ttl=600, enterprise_project_id="0", tags=[tag])
    assert (made.id, made.ptrdname, made.address) == (huawei.id(), "www.example.com.", FOUR)
    assert (made.ttl, made.description, made.enterprise_project_id) == (600, "my record", "0")
    assert made.status in {"PENDING_CREATE", "ACTIVE"}
    huawei.check([("www.example.com.", 600)])
    shown = huawei.wait_active(huawei.show)
    assert (shown.ptrdname, shown.action) == ("www.example.com.", "NONE")
    assert shown.links._self == f"{huawei.server.http_url}/v2/reverse/floatingips/{huawei.id()}"

    update = huawei.sdk.UpdatePtrReq(ptrdname="mail.example.com", description="", ttl=700)
    request = huawei.sdk.UpdatePtrRecordRequest(**huawei.place(), body=update)
    changed = huawei.client.update_ptr_record(request)
    assert (changed.ptrdname, changed.description, changed.ttl) == ("mail.example.com.", "", 700)
    huawei.check([("mail.example.com.", 700)])
    huawei.wait_active(huawei.show)

    (item,) = huawei.client.list_ptr_records(huawei.sdk.ListPtrRecordsRequest()).floatingips
    assert (item.id, item.ptrdname, [(one.key, one.value) for one in item.tags]) == (
        huawei.id(),
        "mail.example.com.",
        [("key1", "value1")],
    )
    huawei.restore()
    huawei.check()
    assert huawei.refused(huawei.show) == (404, "DNS.0507")
    huawei.restore()  # a repeat is no error


def test_a_list_is_filtered_and_has_pages(huawei: Huawei) -> None:
    """Tags (with a part of a value), status, enterprise project, limit, offset and marker narrow what is listed."""
    for address, value in ((FOUR, "a value"), (SIX, "another")):
        huawei.set("a.example.com", address, tags=[huawei.sdk.Tag(key="key1", value=value)])
        huawei.check([("a.example.com.", 300)], address)
        huawei.wait_active(huawei.show, address)
    both = huawei.listed()
    assert sorted(both) == sorted([huawei.id(FOUR), huawei.id(SIX)])
    assert huawei.listed(tags="key1,a value|key1,*val", status="ACTIVE") == [huawei.id(FOUR)]
    assert huawei.listed(tags="key1,*not", enterprise_project_id="0") == [huawei.id(SIX)]
    assert huawei.listed(status="ERROR") == []
    assert [huawei.listed(limit=1, offset=offset) for offset in range(3)] == [both[:1], both[1:], []]
    assert [huawei.listed(limit=1, marker=marker) for marker in both] == [both[1:], []]
    page = huawei.client.list_ptr_records(huawei.sdk.ListPtrRecordsRequest(limit=1))
    assert (page.metadata.total_count, bool(page.links.next)) == (2, True)
    assert huawei.refused(huawei.listed, limit=501) == (400, "DNS.0006")


def test_the_life_of_a_record_by_v21(huawei: Huawei) -> None:
    """Create with several names, show, list, update and delete by the 32-digit id; DNS says all names."""
    sdk, client = huawei.sdk, huawei.client
    place = sdk.PublicIpReq(region=huawei.region, id=huawei.server.eips[FOUR])
    body = sdk.CreatePtrRequestBody(publicip=place, ptrdnames=["a.example.com", "b.example.com"], ttl=400)
    made = client.create_ptr(sdk.CreatePtrRequest(body=body))
    assert (made.ptrdnames, made.ttl) == (["a.example.com.", "b.example.com."], 400)
    assert (made.publicip.region, made.publicip.id, made.publicip.address) == (place.region, place.id, FOUR)
    huawei.check([("a.example.com.", 400), ("b.example.com.", 400)])
    shown = huawei.wait_active(client.show_ptr, sdk.ShowPtrRequest(ptr_id=made.id))
    assert (shown.id, shown.ptrdnames) == (made.id, made.ptrdnames)
    again = sdk.CreatePtrRequestBody(publicip=place, ptrdnames=["z.example.com"])  # the same would be a repeat
    assert huawei.refused(client.create_ptr, sdk.CreatePtrRequest(body=again)) == (400, "DNS.0016")
    assert huawei.show().ptrdname == "a.example.com."

    update = sdk.UpdatePtrRequestBody(ptrdnames=["c.example.com"], description="", ttl=1)
    assert client.update_ptr(sdk.UpdatePtrRequest(ptr_id=made.id, body=update)).ptrdnames == ["c.example.com."]
    huawei.check([("c.example.com.", 1)])
    (item,) = client.list_ptrs(sdk.ListPtrsRequest(limit=2, resource_type="publicip")).floatingips
    assert (item.id, item.ptrdnames, item.ttl) == (made.id, ["c.example.com."], 1)

    client.delete_ptr(sdk.DeletePtrRequest(ptr_id=made.id))
    huawei.check()
    assert huawei.refused(client.show_ptr, sdk.ShowPtrRequest(ptr_id=made.id)) == (404, "DNS.0507")


def test_tags_of_a_record(huawei: Huawei) -> None:
    """Tags are added, changed, listed, searched and taken away, under either id; DNS says the name all the while."""
    sdk, client = huawei.sdk, huawei.client
    huawei.set("a.example.com")
    (record,) = client.list_ptrs(sdk.ListPtrsRequest()).floatingips

    def tags(resource: str) -> dict[str, str]:
        request = sdk.ShowResourceTagRequest(resource_type=KIND, resource_id=resource)
        return {tag.key: tag.value for tag in client.show_resource_tag(request).tags}

    for resource in (huawei.id(), record.id):
        one = {"resource_type": KIND, "resource_id": resource}
        client.create_tag(sdk.CreateTagRequest(**one, body=sdk.CreateTagReq(tag=sdk.Tag(key="k2", value="v2"))))
        many = sdk.BatchHandTags(
            action="create", tags=[sdk.Tag(key="k3", value="中文"), sdk.Tag(key="k2", value="new")]
        )
        client.batch_create_tag(sdk.BatchCreateTagRequest(**one, body=many))
        assert tags(resource) == {"k2": "new", "k3": "中文"}
        found = client.list_tags(sdk.ListTagsRequest(resource_type=KIND)).tags
        assert [(tag.key, tag.values) for tag in found] == [("k2", ["new"]), ("k3", ["中文"])]
        search = sdk.ListTagReq(
            action="filter",
            limit=10,
            offset=0,
            tags=[sdk.TagValues(key="k3", values=["中文"])],
            matches=[sdk.Match(key="resource_name", value="a.exam")],
        )
        (hit,) = client.list_tag(sdk.ListTagRequest(resource_type=KIND, body=search)).resources
        assert (hit.resource_id, hit.resource_name) == (huawei.id(), "a.example.com.")
        client.delete_tag(sdk.DeleteTagRequest(**one, key="k2"))
        assert tags(resource) == {"k3": "中文"}
        less = sdk.BatchHandTags(action="delete", tags=[sdk.Tag(key="k3"), sdk.Tag(key="absent")])
        client.batch_create_tag(sdk.BatchCreateTagRequest(**one, body=less))
        assert tags(resource) == {}
    huawei.check([("a.example.com.", 300)])


def test_a_batch_deletes_all_or_nothing(huawei: Huawei) -> None:
    """Two records go at once, and with one id that is not there none goes; the quota follows."""
    sdk, client = huawei.sdk, huawei.client

    def used() -> int:
        answer = client.show_domain_quota(sdk.ShowDomainQuotaRequest())
        return next(int(quota.used) for quota in answer.quotas if quota.quota_key == "ptr_record")

    def delete(*ids: str) -> Any:
        body = sdk.BatchDeletePtrRecordsRequestBody(floatingip_ids=list(ids))
        return client.batch_delete_ptr_records(sdk.BatchDeletePtrRecordsRequest(body=body))

    before = used()
    for address in (FOUR, SIX):
        huawei.set("a.example.com", address)
        huawei.check([("a.example.com.", 300)], address)
    assert used() == before + 2
    assert huawei.refused(delete, huawei.id(FOUR), f"{huawei.region}:nope") == (404, "DNS.0502")
    assert len(huawei.listed()) == 2
    delete(huawei.id(FOUR), huawei.id(SIX))
    for address in (FOUR, SIX):
        huawei.check(address=address)
        assert huawei.refused(huawei.show, address) == (404, "DNS.0507")
    assert used() == before


def test_refusals_reach_the_user(huawei: Huawei) -> None:
    """The SDK raises with our status, code, sentence and request id; nothing is served of what was refused."""
    sdk = huawei.sdk
    assert huawei.refused(huawei.show) == (404, "DNS.0507")
    assert huawei.refused(huawei.set, "null") == (400, "DNS.0505")
    assert huawei.refused(huawei.restore, name="null") == (400, "DNS.0505")
    assert huawei.refused(huawei.set, "a.example.com", ttl=0) == (400, "DNS.0506")
    assert huawei.refused(huawei.set, "a.example.com", description="x" * 256) == (400, "DNS.0508")
    nowhere = sdk.ShowPtrRecordSetRequest(region=huawei.region, floatingip_id="nope")
    assert huawei.refused(huawei.client.show_ptr_record_set, nowhere) == (404, "DNS.0502")
    wrong = huawei.connect(huawei.server.access_key, "not the secret")
    request = sdk.ListPtrRecordsRequest()
    assert huawei.refused(wrong.list_ptr_records, request) == (401, "DNS.0005")
    huawei.check()


def test_versions_are_listed(huawei: Huawei) -> None:
    """The SDK reads what `GET /` and `GET /v2` say."""
    huawei.client.list_api_versions(huawei.sdk.ListApiVersionsRequest())
    version = huawei.client.show_api_info(huawei.sdk.ShowApiInfoRequest(version="v2")).version
    assert (version.id, version.status) == ("v2", "CURRENT")


@pytest.mark.filterwarnings("ignore:::openstack")  # it warns of what it will itself remove
def test_openstacksdk_speaks_this_dialect_too(huawei: Huawei) -> None:
    """At the root, as on clouds of Huawei's make: set, change a part, unset by null, and then there is none."""
    if importlib.util.find_spec("openstack") is None:
        unable("openstacksdk is not installed; pip install openstacksdk")
    import openstack  # noqa: PLC0415 - the client need not be there

    auth = {"endpoint": f"{huawei.server.http_url}/v2", "token": huawei.server.token}
    with openstack.connect(load_yaml_config=False, load_envvars=False, auth_type="admin_token", auth=auth) as cloud:
        told = cloud.dns.update_floating_ip(huawei.id(), ptrdname="mail.example.com", ttl=600, description="d")
        assert (told.ptrdname, told.ttl, told.address) == ("mail.example.com.", 600, FOUR)
        huawei.check([("mail.example.com.", 600)])
        told = cloud.dns.update_floating_ip(huawei.id(), ttl=700)
        assert (told.ptrdname, told.ttl, told.description) == ("mail.example.com.", 700, "d")
        huawei.check([("mail.example.com.", 700)])
        assert cloud.dns.update_floating_ip(huawei.id(), description=None).description == ""
        assert [item.id for item in cloud.dns.floating_ips(limit=1)] == [huawei.id()]
        cloud.dns.unset_floating_ip(huawei.id())
        huawei.check()
        with pytest.raises(openstack.exceptions.NotFoundException):
            cloud.dns.get_floating_ip(huawei.id())
