"""Lists in pages, as SDKs and Terraform go through them: every record once, in one order, and then an end."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.control.huaweiworld import LIST, PTRS, REGION, URL, World

NAMES = ("one", "two", "three", "four", "five", "six", "seven")


@pytest.fixture
def world(tmp_path):
    """Give the dialect, with seven records of the first tenant and one of the second's."""
    world = World(tmp_path)
    for number, name in enumerate(NAMES):
        tags = [{"key": "odd" if number % 2 else "even", "value": f"value {number}"}, {"key": "all", "value": ""}]
        fields = {"tags": tags, "enterprise_project_id": str(number % 3)}
        world.named(f"{name}.example.com", f"{REGION}:{name}", **fields)
    yield world
    world.close()


def ids(page):
    """Give the ids of a page."""
    return [item["id"] for item in page["floatingips"]]


def ends(page):
    """Give the EIPs of a page of v2."""
    return [name.partition(":")[2] for name in ids(page)]


@pytest.mark.parametrize("path", [LIST, PTRS])
def test_a_list_has_all_and_no_next(world, path):
    """Without parameters all records come at once; `next` is left out, for a null sends some clients round for ever."""
    page = world.ok("GET", path)
    assert (len(page["floatingips"]), page["metadata"]) == (7, {"total_count": 7})
    assert page["links"] == {"self": f"{URL}{path}"}


def test_items_have_tags(world):
    """An item of a list is what a show gives, and its tags."""
    item = world.ok("GET", f"{LIST}?limit=1")["floatingips"][0]
    assert item.pop("tags") == [{"key": "all", "value": ""}, {"key": "even", "value": "value 0"}]
    assert item == world.ok("GET", f"{LIST}/{item['id']}")
    item = world.ok("GET", f"{PTRS}?limit=1&resource_type=publicip")["floatingips"][0]
    assert item.pop("tags") == [{"key": "all", "value": ""}, {"key": "even", "value": "value 0"}]
    assert item == world.ok("GET", f"{PTRS}/{item['id']}")


@pytest.mark.parametrize("path", [LIST, PTRS])
@pytest.mark.parametrize("limit", [1, 3, 7, 500])
def test_offsets_reach_an_empty_page(world, path, limit):
    """Terraform counts its offset up until a page is empty: each record comes once, and the empty page comes."""
    found, offset = [], 0
    for _ in range(10):
        page = world.ok("GET", f"{path}?limit={limit}&offset={offset}")
        assert page["metadata"]["total_count"] == 7
        if not page["floatingips"]:
            break
        found += ids(page)
        offset += len(page["floatingips"])
    assert page["floatingips"] == [] and "next" not in page["links"]
    assert found == ids(world.ok("GET", path))


@pytest.mark.parametrize("path", [LIST, PTRS])
@pytest.mark.parametrize("limit", [1, 3, 7])
def test_markers_reach_the_end(world, path, limit):
    """With the last id of each page as the marker every record comes once, then a page that is empty."""
    found, page = [], world.ok("GET", f"{path}?limit={limit}")
    while page["floatingips"]:
        found += ids(page)
        page = world.ok("GET", f"{path}?limit={limit}&marker={found[-1]}&offset=2")  # an offset beside it means nothing
    assert found == ids(world.ok("GET", path))


@pytest.mark.parametrize("path", [LIST, PTRS])
@pytest.mark.parametrize("query", ["limit=2", "limit=3&offset=1", "limit=1&status=ACTIVE&tags=even", "limit=2&x=%26"])
def test_next_leads_through_all(world, path, query):
    """`next` is a whole link that keeps the filters; it comes until nothing follows, and never with the last page."""
    everything = ids(world.ok("GET", f"{path}?{query.replace('limit', 'unlimited')}"))
    found, target = [], f"{path}?{query}"
    for _ in range(10):
        page = world.ok("GET", target)
        found += ids(page)
        if "next" not in page["links"]:
            break
        assert page["floatingips"]
        assert page["links"]["next"].startswith(f"{URL}{path}?")
        target = page["links"]["next"].removeprefix(URL)
        wanted = {key: values for key, values in parse_qs(query).items() if key != "offset"}
        assert wanted.items() <= parse_qs(urlsplit(target).query).items()
    assert found == everything


def test_a_marker_of_next_outlives_its_record(world):
    """A client may delete each page before it asks for the next: what `next` names need not be there any more."""
    page = world.ok("GET", f"{LIST}?limit=3")
    seen = ids(page)
    while page["floatingips"]:
        world.ok("DELETE", "/v2.1/reverse/floatingips", {"floatingip_ids": ids(page)}, status=202)
        if "next" not in page["links"]:
            break
        page = world.ok("GET", page["links"]["next"].removeprefix(URL))
        seen += ids(page)
    assert sorted(seen) == sorted(f"{REGION}:{name}" for name in NAMES)
    assert world.ok("GET", LIST)["metadata"]["total_count"] == 0


def test_a_limit_of_zero_counts(world):
    """No items, the total, and no next that would lead round for ever."""
    page = world.ok("GET", f"{LIST}?limit=0")
    assert (page["floatingips"], page["metadata"]["total_count"], "next" in page["links"]) == ([], 7, False)


@pytest.mark.parametrize("path", [LIST, PTRS])
@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("enterprise_project_id=0", {"one", "four", "seven"}),
        ("enterprise_project_id=9", set()),
        ("tags=odd,value 1", {"two"}),
        ("tags=odd,value", set()),
        ("tags=odd,*value", {"two", "four", "six"}),
        ("tags=odd,*3|all,", {"four"}),
        ("tags=odd", {"two", "four", "six"}),
        ("tags=odd,*|even,*", set()),
        ("tags=all,", set(NAMES)),
        ("status=ACTIVE", set(NAMES)),
        ("status=PENDING_CREATE", set()),
        ("status=ILLEGAL", set()),
        ("enterprise_project_id=0&tags=odd,*&status=ACTIVE", {"four"}),
        ("enterprise_project_id=&tags=&status=&marker=&limit=&offset=", set(NAMES)),
        ("sort_key=name&whatever=1", set(NAMES)),
    ],
)
def test_filters(world, path, query, wanted):
    """A list is narrowed by enterprise project, tags (all of them, `*` for a part) and status; others are ignored."""
    page = world.ok("GET", f"{path}?{query.replace(' ', '%20').replace('|', '%7C')}")
    found = {item.get("publicip", {}).get("id") or item["id"].partition(":")[2] for item in page["floatingips"]}
    assert found == wanted
    assert page["metadata"]["total_count"] == len(wanted)


def test_status_is_what_workers_know(world):
    """The filter sees a status as it is at that moment, and pages of it go on."""
    world.link.live = world.link.revision
    for name in ("one", "three", "five"):
        world.named(f"new-{name}.example.com", f"{REGION}:{name}")
    page = world.ok("GET", f"{LIST}?status=PENDING_UPDATE&limit=2")
    rest = world.ok("GET", page["links"]["next"].removeprefix(URL))
    assert ends(page) + ends(rest) == ["one", "three", "five"]
    assert world.ok("GET", f"{LIST}?status=ACTIVE")["metadata"]["total_count"] == 4


@pytest.mark.parametrize("path", [LIST, PTRS])
@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=501", "DNS.0006"),
        ("limit=-1", "DNS.0006"),
        ("limit=x", "DNS.0006"),
        ("limit=1.0", "DNS.0006"),
        ("limit=%D9%A1", "DNS.0006"),
        ("limit=99999999999999999999", "DNS.0006"),
        ("offset=-1", "DNS.0017"),
        ("offset=2147483648", "DNS.0017"),
        ("offset=x", "DNS.0017"),
        ("marker=nope", "DNS.0007"),
        (f"marker={REGION}:nope", "DNS.0007"),
        (f"marker={REGION}:nine", "DNS.0007"),
        ("marker=a%20b:c", "DNS.0007"),
        ("status=GONE", "DNS.0315"),
        ("status=active", "DNS.0315"),
        ("tags=_sys_a,b", "DNS.1003"),
        ("tags=,b", "DNS.1003"),
    ],
)
def test_a_bad_parameter_is_refused_with_its_code(world, path, query, code):
    """Each parameter has its limits, and says so with its own code."""
    assert world.refused("GET", f"{path}?{query}") == (400, code)


def test_a_list_is_of_public_addresses(world):
    """v2.1 knows one type of resource."""
    assert world.refused("GET", f"{PTRS}?resource_type=instance") == (400, "DNS.1002")


def test_offset_at_its_limit_is_beyond_the_end(world):
    """The largest offset is a number like others."""
    assert world.ok("GET", f"{LIST}?offset=2147483647")["floatingips"] == []
