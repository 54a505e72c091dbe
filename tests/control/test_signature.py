"""Signed requests verify exactly when nothing that is signed was changed: recordings, the SDK's signer, mutations."""

from __future__ import annotations

import json
import string
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qsl, quote, unquote

import pytest
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import DerivationAKSKSigner, P256SHA256Signer, Signer, SM3Signer
from hypothesis import given, settings
from hypothesis import strategies as st

from ptrd.control.actors import Code, ControlError
from ptrd.control.exchange import Request
from ptrd.control.signature import WINDOW, read_signature, verify

SECRET = b"SKexample"
RECORDINGS = Path(__file__).parent / "recordings"
CREDENTIALS = SimpleNamespace(ak="AKEXAMPLE", sk="SKexample")


def request_of(method, target, headers, body):
    """Make the value that the HTTP edge makes of a request line, headers and body."""
    path, _, query = target.partition("?")
    pairs = tuple(parse_qsl(query, keep_blank_values=True))
    return Request(method, unquote(path), pairs, tuple(headers), body, target)


def recorded():
    """Give every recorded request that is signed."""
    for path in sorted(RECORDINGS.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            sent = json.loads(line)["req"]
            if sent["headers"].get("Authorization", "").startswith("SDK-"):
                yield request_of(sent["method"], sent["path"], sent["headers"].items(), sent["body"].encode())


RECORDED = list(recorded())


def date_of(request):
    """Give X-Sdk-Date in Unix time."""
    text = request.header("X-Sdk-Date")
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()


def verifies(request, now=None, secret=SECRET):
    """Tell whether a request verifies, by default at the time that it states."""
    try:
        verify(request, read_signature(request), secret, date_of(request) if now is None else now)
    except ControlError as error:
        assert error.code is Code.UNAUTHENTICATED
        return False
    return True


def refusal(request, now=None):
    """Give the sentence with which a request is refused."""
    with pytest.raises(ControlError) as caught:
        verify(request, read_signature(request), SECRET, date_of(request) if now is None else now)
    assert caught.value.code is Code.UNAUTHENTICATED
    return str(caught.value)


def with_header(request, name, change):
    """Give the request with one header's value changed."""
    headers = [(key, change(value) if key.lower() == name else value) for key, value in request.headers]
    return replace(request, headers=tuple(headers))


def flips(text):
    """Give every text that differs in one bit, among those that are ASCII and printable."""
    for place, char in enumerate(text):
        for bit in range(7):
            other = chr(ord(char) ^ 1 << bit)
            if other.isprintable():
                yield text[:place] + other + text[place + 1 :]


def test_there_are_recordings_of_both_clients():
    """The Go client's and the Python client's requests are among the recordings, each with a signature."""
    agents = {request.header("User-Agent").split("/")[0] for request in RECORDED}
    assert agents == {"golangsdk", "huaweicloud-usdk-python"} and len(RECORDED) == 33


@pytest.mark.parametrize("request_", RECORDED, ids=lambda request: f"{request.method} {request.raw_path}")
def test_recorded_requests_verify(request_):
    """Every signed request that a real client sent verifies at its own time, and names its access key."""
    assert verifies(request_)
    assert read_signature(request_).access_key == "AKEXAMPLE"
    assert not verifies(request_, secret=b"SKexamplf")


@pytest.mark.parametrize("request_", RECORDED[::4], ids=lambda request: f"{request.method} {request.raw_path}")
def test_no_bit_of_what_is_signed_may_change(request_):
    """One flipped bit in method, path, query, body, any signed header or the signature, and it does not verify."""
    for method in flips(request_.method):
        assert not verifies(replace(request_, method=method))
    for target in flips(request_.raw_path):
        changed = request_of(request_.method, target, request_.headers, request_.body)
        same = changed.path.rstrip("/") == request_.path.rstrip("/") and changed.query == request_.query
        assert verifies(changed) is same, target  # %3a for %3A is the same path, and so seen by every handler
    for place in range(len(request_.body)):
        for bit in range(8):
            body = bytearray(request_.body)
            body[place] ^= 1 << bit
            assert not verifies(replace(request_, body=bytes(body)))
    signed = read_signature(request_)
    for name in signed.headers:
        now = date_of(request_)
        for value in flips(request_.header(name)):
            if value.strip(" \t") != request_.header(name):
                assert not verifies(with_header(request_, name, lambda _, value=value: value), now)
    for signature in flips(signed.signature):
        changed = with_header(
            request_, "authorization", lambda text, new=signature: text.replace(signed.signature, new)
        )
        assert not verifies(changed)


@pytest.mark.parametrize("request_", RECORDED[::5], ids=lambda request: f"{request.method} {request.raw_path}")
def test_the_list_of_signed_headers_is_signed(request_):
    """A name added to or taken from the list, or another order of it, does not verify; nor does a header gone."""
    now = date_of(request_)
    names = list(read_signature(request_).headers)
    written = ";".join(names)
    others = [[name for name in names if name != gone] for gone in names]
    others += [sorted([*names, key.lower()]) for key, _ in request_.headers if key.lower() not in names]
    others += [names[::-1], [*names, names[0]], [*names, "x-nowhere"], []]
    for other in others:
        listed = ";".join(other)
        assert not verifies(with_header(request_, "authorization", lambda t, new=listed: t.replace(written, new)), now)
    for gone in names:
        assert not verifies(replace(request_, headers=tuple(h for h in request_.headers if h[0].lower() != gone)), now)


@pytest.mark.parametrize("request_", RECORDED[::5], ids=lambda request: f"{request.method} {request.raw_path}")
def test_a_signed_header_stands_once(request_):
    """A second header of a signed name is refused wherever it stands, whatever its case; so is a second signature."""
    for name in (*read_signature(request_).headers, "authorization"):
        for extra in (request_.header(name), "other"):
            assert not verifies(replace(request_, headers=(*request_.headers, (name.upper(), extra))))
            assert not verifies(replace(request_, headers=((name, extra), *request_.headers)), date_of(request_))


def test_what_is_not_signed_may_change():
    """A proxy may add and change headers that the signature does not name."""
    request = RECORDED[0]
    assert verifies(replace(request, headers=(*request.headers, ("X-Forwarded-For", "192.0.2.1"))))
    assert verifies(with_header(request, "host", lambda _: "elsewhere"))


def test_a_signature_holds_for_fifteen_minutes():
    """X-Sdk-Date may be 15 minutes behind or ahead, and no more; the refusal says by how much it is off."""
    request = RECORDED[0]
    date = date_of(request)
    assert verifies(request, date + WINDOW) and verifies(request, date - WINDOW) and WINDOW == 900
    assert "901 seconds behind" in refusal(request, date + WINDOW + 1)
    assert "901 seconds ahead" in refusal(request, date - WINDOW - 1)


def test_the_refusal_helps_and_tells_no_signature():
    """The sentence about a signature that does not fit names what to compare, and has no digits of a hash."""
    sentence = refusal(replace(RECORDED[0], method="POST"))
    assert "secret key" in sentence and not set(string.digits) & set(sentence)


@pytest.mark.parametrize("value", ["UNSIGNED-PAYLOAD", "0" * 64, "", "STREAMING"])
def test_the_stated_hash_of_the_body_must_be_right(value):
    """X-Sdk-Content-Sha256, signed or not, is the body's hash or the request is refused; UNSIGNED-PAYLOAD always is."""
    request = RECORDED[0]
    stated = replace(request, headers=(*request.headers, ("X-Sdk-Content-Sha256", value)))
    assert "body" in refusal(stated)
    headers = {"X-Sdk-Date": "20260102T030405Z", "Host": "h", "X-Sdk-Content-Sha256": value}
    assert not value or not verifies(sign(Signer, "PATCH", "/v2", [], headers, b"{}"))


def test_the_right_hash_of_the_body_is_welcome():
    """A body's true hash may stand in X-Sdk-Content-Sha256, signed or not."""
    digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"  # of {}
    headers = {"X-Sdk-Date": "20260102T030405Z", "Host": "h", "X-Sdk-Content-Sha256": digest}
    signed = sign(Signer, "PATCH", "/v2", [], headers, b"{}")
    assert verifies(signed) and not verifies(replace(signed, body=b"[]"))
    bare = sign(Signer, "PATCH", "/v2", [], {"X-Sdk-Date": "20260102T030405Z", "Host": "h"}, b"{}")
    assert verifies(replace(bare, headers=(*bare.headers, ("X-Sdk-Content-Sha256", digest))))


@pytest.mark.parametrize("signer", [SM3Signer, P256SHA256Signer, DerivationAKSKSigner])
def test_other_algorithms_are_refused(signer):
    """SM3, ECDSA and the derived V11 signatures of the SDK are refused, with the algorithm to use."""
    headers = {"X-Sdk-Date": "20260102T030405Z", "Host": "h"}
    derived = ("dns", "region") if signer is DerivationAKSKSigner else ()
    assert "SDK-HMAC-SHA256" in refusal(sign(signer, "GET", "/v2", [], headers, b"", *derived))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SDK-HMAC-SHA256",
        "SDK-HMAC-SHA256 Access=a, SignedHeaders=, Signature=" + "0" * 64,
        "SDK-HMAC-SHA256 Access=, SignedHeaders=x-sdk-date, Signature=" + "0" * 64,
        "SDK-HMAC-SHA256 Access=a, SignedHeaders=x-sdk-date, Signature=" + "0" * 63,
        "SDK-HMAC-SHA256 Access=a, SignedHeaders=x-sdk-date, Signature=" + "0" * 65,
        "SDK-HMAC-SHA256 Access=a, SignedHeaders=X-Sdk-Date, Signature=" + "0" * 64,
        "SDK-HMAC-SHA256 Access=a, SignedHeaders=host, Signature=" + "0" * 64,
        "SDK-HMAC-SHA256 Access=a, SignedHeaders=x-sdk-date;;host, Signature=" + "0" * 64,
        "SDK-HMAC-SHA256 Access=a, SignedHeaders=x-sdk-date, Signature=" + "0" * 64 + "\n",
        "Bearer x",
    ],
)
def test_malformed_authorizations_are_refused(text):
    """What is not the algorithm's header to the letter, or does not sign the date, is refused."""
    assert refusal(with_header(RECORDED[0], "authorization", lambda _: text))


def test_the_date_must_be_signed():
    """A list of signed headers without X-Sdk-Date is refused for that, since the date could then be anybody's."""
    unsigned = "SDK-HMAC-SHA256 Access=a, SignedHeaders=host, Signature=" + "0" * 64
    assert "not among the signed" in refusal(with_header(RECORDED[0], "authorization", lambda _: unsigned))


def test_parameters_may_come_in_any_order():
    """The query is signed in order of names, however a client or proxy orders it."""
    headers = {"X-Sdk-Date": "20260102T030405Z", "Host": "h"}
    request = sign(Signer, "GET", "/v2", [("limit", "1"), ("a-", "x"), ("a", "y")], headers, b"")
    assert verifies(request) and verifies(replace(request, query=request.query[::-1]))


@pytest.mark.parametrize(
    "date",
    [
        "",
        "2026-01-02T03:04:05Z",
        "20261302T030405Z",
        "20260102T250405Z",
        "20260102T030405",
        "٢0260102T030405Z",
        "0" * 16,
    ],
)
def test_dates_that_are_none_are_refused(date):
    """X-Sdk-Date is a time of the calendar in one notation."""
    assert "X-Sdk-Date" in refusal(with_header(RECORDED[0], "x-sdk-date", lambda _: date), 0.0)


def sign(signer, method, path, query, headers, body, *derived):
    """Sign with the SDK's own signer, and give the request as it would arrive."""
    made = SdkRequest(method, "http", "host", path, None, query, dict(headers), body)
    signed = signer(CREDENTIALS).sign(made, *derived)
    # The signer leaves UTF-8 written as Latin-1, which is what goes over the wire; the HTTP edge reads it as UTF-8.
    arrived = [(name, value.encode("latin-1").decode()) for name, value in signed.header_params.items()]
    return request_of(method, signed.uri, arrived, signed.body if isinstance(signed.body, bytes) else b"")


TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
SEGMENT = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
VALUE = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)
NAME = st.text(string.ascii_letters + string.digits + "-", min_size=1, max_size=10).map(lambda name: f"X-A-{name}")
QUERY = st.lists(st.tuples(TEXT, st.one_of(TEXT, st.integers(), st.booleans())), max_size=4, unique_by=lambda p: p[0])


@settings(max_examples=300, deadline=None)
@given(
    method=st.sampled_from(["GET", "PATCH", "POST", "PUT", "DELETE"]),
    segments=st.lists(st.tuples(SEGMENT, st.sampled_from(["", ":~@!$&'()*+,;="])), max_size=4),
    query=QUERY,
    headers=st.lists(st.tuples(NAME, VALUE), max_size=3, unique_by=lambda pair: pair[0].lower()),
    body=st.one_of(st.just(b""), st.binary(max_size=30)),
    slash=st.booleans(),
)
def test_what_the_real_signer_signs_verifies(method, segments, query, headers, body, slash):
    """Any path, query, headers and body that Huawei's signer signs verify here, and another body or path does not."""
    path = "/" + "/".join(quote(segment, safe=safe) for segment, safe in segments) + ("/" if slash else "")
    sent = [("X-Sdk-Date", "20260102T030405Z"), ("Host", "127.0.0.1:80"), *headers]
    request = sign(Signer, method, path, query, sent, body)
    assert verifies(request)
    assert not verifies(replace(request, body=body + b" "))
    assert not verifies(replace(request, path=f"{request.path}x"))
    assert not verifies(replace(request, query=(*request.query, ("x", ""))))


@given(data=st.lists(st.sampled_from(["b", "a", "ä", "a b", ""]), min_size=1, max_size=4))
def test_lists_in_the_query_verify(data):
    """A parameter with several values is signed with its values in order, and verifies."""
    headers = {"X-Sdk-Date": "20260102T030405Z", "Host": "h"}
    assert verifies(sign(Signer, "GET", "/v2", [("tags", list(data)), ("a-", "1"), ("a", "2")], headers, b""))


@given(headers=st.lists(st.tuples(st.text(max_size=20), st.text(max_size=200)), max_size=5), path=st.text(max_size=20))
def test_no_request_breaks_the_verifier(headers, path):
    """Whatever stands in path and headers, the answer is yes or a refusal, never another error."""
    request = replace(RECORDED[0], headers=(*headers, *RECORDED[0].headers), path=path)
    assert not verifies(request, 0.0)
