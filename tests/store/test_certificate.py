"""Certificates of DNS over TLS and of HTTP: a good pair is taken, anything else is told in a sentence that helps."""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from pathlib import Path

import pytest

from ptrd.serve.options import TlsOptions
from ptrd.store.certificate import (
    CertificateError,
    CertificateFiles,
    CertificateKeeper,
    Renewal,
    combine,
    read_certificate,
    read_validity,
    write_date,
)
from tests.serve.certificates import EC, make_pair, openssl
from tests.serve.fakes import open_descriptors


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give a folder for the certificates of all tests."""
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def pair(folder):
    """Make a good pair."""
    return make_pair(folder)


def trouble(options, now=None):
    """Give the sentence with which a pair is refused; no descriptor is left."""
    before = open_descriptors()
    with pytest.raises(CertificateError) as caught:
        read_certificate(options, time.time() if now is None else now)
    assert open_descriptors() == before
    return str(caught.value)


@pytest.mark.parametrize("key", [EC, ("rsa:2048",), ("ed25519",)])
def test_a_good_pair_is_taken(folder, key):
    """Keys of every usual kind load; the descriptors hold the files, and nobody can change them."""
    options = make_pair(folder, key[0].partition(":")[0], key=key)
    certificate = read_certificate(options, time.time())
    try:
        assert certificate.expires == pytest.approx(time.time() + 30 * 86400, abs=3600)
        for descriptor, path in ((certificate.chain, options.certificate), (certificate.key, options.key)):
            assert Path(f"/proc/self/fd/{descriptor}").read_bytes() == Path(path).read_bytes()
            with pytest.raises(PermissionError):
                os.pwrite(descriptor, b"x", 0)
    finally:
        certificate.close()


def test_a_file_that_cannot_be_read_is_named(pair, folder):
    """A missing file is told with its key in ptrd.yaml, its path and the reason."""
    gone = str(folder / "gone")
    assert trouble(TlsOptions(pair.listen, gone, pair.key)).startswith(f"tls.certificate: cannot read {gone}: No such")
    assert trouble(TlsOptions(pair.listen, pair.certificate, gone)).startswith(f"tls.key: cannot read {gone}: No such")
    assert "Is a directory" in trouble(TlsOptions(pair.listen, str(folder), pair.key))


def test_a_file_that_holds_something_else_is_named(pair, folder):
    """Files that were exchanged, cut off or are no PEM at all are told apart."""
    assert trouble(TlsOptions(pair.listen, pair.key, pair.key)).startswith(
        f"tls.certificate: {pair.key} holds no certificate in PEM"
    )
    assert trouble(TlsOptions(pair.listen, pair.certificate, pair.certificate)).startswith(
        f"tls.key: {pair.certificate} holds no private key in PEM"
    )
    broken = folder / "broken"
    text = Path(pair.certificate).read_text(encoding="ascii")
    broken.write_text(text.replace(text[60:100], "A" * 40), encoding="ascii")
    assert str(broken) in trouble(TlsOptions(pair.listen, str(broken), pair.key))
    broken.write_text("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", encoding="ascii")
    assert "is damaged" in trouble(TlsOptions(pair.listen, str(broken), pair.key))
    broken.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", encoding="ascii")
    assert str(broken) in trouble(TlsOptions(pair.listen, pair.certificate, str(broken)))
    broken.write_bytes(bytes(2 << 20))
    assert "is larger than" in trouble(TlsOptions(pair.listen, str(broken), pair.key))


def test_a_key_of_another_certificate_is_refused(pair, folder):
    """A pair that does not fit together is told as such."""
    other = make_pair(folder, "other")
    mixed = TlsOptions(pair.listen, pair.certificate, other.key)
    assert trouble(mixed).startswith(f"tls.key: {other.key} is not the key of {pair.certificate}")


def test_a_key_with_a_passphrase_is_refused(pair, folder):
    """Nobody is asked for a passphrase: the sentence says to write the key without."""
    locked = folder / "locked.key"
    openssl("pkey", "-in", pair.key, "-aes256", "-passout", "pass:secret", "-out", locked)
    assert "has a passphrase" in trouble(TlsOptions(pair.listen, pair.certificate, str(locked)))


def test_an_expired_certificate_is_refused(pair):
    """A certificate whose time is over is told with the date."""
    certificate = read_certificate(pair, time.time())
    certificate.close()
    assert f"has expired on {write_date(certificate.expires)}" in trouble(pair, certificate.expires)
    read_certificate(pair, certificate.expires - 1).close()


def test_a_certificate_of_tomorrow_is_refused(pair):
    """A certificate whose time has not begun is told with the date."""
    assert "is not valid before 20" in trouble(pair, time.time() - 3 * 86400)


@pytest.mark.parametrize(("days", "kind"), [(20, b"\x17"), (365 * 60, b"\x18")])
def test_the_expiry_is_that_of_openssl(folder, days, kind):
    """Both ways in which a certificate may write a time are read as OpenSSL reads them (RFC 5280, 4.1.2.5)."""
    options = make_pair(folder, f"days{days}", days=days)
    text = Path(options.certificate).read_text(encoding="ascii")
    der = ssl.PEM_cert_to_DER_cert(text)
    printed = folder / "printed"
    openssl("x509", "-in", options.certificate, "-noout", "-enddate", "-out", printed)
    date = printed.read_text(encoding="ascii").strip().removeprefix("notAfter=")
    assert read_validity(der)[1] == ssl.cert_time_to_seconds(date)
    assert kind in der


def test_a_renewal_takes_only_what_is_new_and_good(folder):
    """Unchanged files are left alone, a bad pair is refused with its reason, and a good one is spread."""
    options = make_pair(folder, "renewed")
    keeper = CertificateKeeper(options)
    spread = []

    async def take(certificate):
        spread.append(certificate)

    def renew():
        return asyncio.run(keeper.renew(take))

    first = keeper.current
    assert (renew().how, spread) == ("unchanged", [])
    key = Path(options.key).read_bytes()
    Path(options.key).write_bytes(b"")
    renewal = renew()
    assert (renewal.how, spread, keeper.current) == ("refused", [], first)
    assert options.key in renewal.error and renewal.expires == first.expires
    Path(options.key).write_bytes(key)
    assert renew().how == "unchanged"
    make_pair(folder, "renewed", days=60)
    renewal = renew()
    assert renewal.how == "replaced" and spread == [keeper.current]
    assert renewal.expires == keeper.current.expires > first.expires
    for certificate in (first, keeper.current):
        certificate.close()


def test_the_sentence_names_the_group_of_the_configuration(pair, folder):
    """What is wrong with the certificate of HTTP is told with the keys of `http`."""
    files = CertificateFiles(pair.certificate, str(folder / "gone"))
    with pytest.raises(CertificateError, match=r"^http\.key: cannot read "):
        CertificateKeeper(files, "http", "HTTP")


def test_renewals_are_told_together():
    """Of two renewals the worse counts, every error is told, and the first to expire."""
    nothing, same, new = Renewal("", "", 0.0), Renewal("unchanged", "", 7.0), Renewal("replaced", "", 9.0)
    bad = Renewal("refused", "http.key: no", 8.0)
    assert combine() == combine(nothing) == nothing
    assert combine(nothing, same) == same
    assert combine(same, new) == Renewal("replaced", "", 7.0)
    assert combine(new, bad) == Renewal("refused", "http.key: no", 8.0)
    assert combine(bad, bad).error == "http.key: no; http.key: no"
