"""HTTPS: the certificate that is in use, and the one that takes its place."""

import asyncio
from pathlib import Path

from ptrd.control import reception
from ptrd.store.certificate import CertificateFiles
from tests.control.httpsite import Site, closed, run
from tests.serve.certificates import make_pair
from tests.serve.fakes import until


def make_files(folder, name="one"):
    """Make a certificate and its key."""
    pair = make_pair(folder, name)
    return CertificateFiles(pair.certificate, pair.key)


def test_https_is_answered_and_http_is_not(tmp_path):
    """With a certificate, requests over TLS are answered and known to be secure; plain ones are not."""

    async def work():
        async with Site(tmp_path, tls=make_files(tmp_path)) as site:
            assert (await site.get("/readyz"))[::2] == (200, "ready\n")
            assert (await site.told("/echo/x"))["secure"] is True
            reader, writer = await asyncio.open_connection(*site.address)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await asyncio.wait_for(closed(reader), 10)
            writer.close()
            assert (await site.get("/readyz"))[0] == 200

    run(work())


def test_a_renewed_certificate_is_for_new_connections(tmp_path):
    """A renewal takes a good new pair without disturbing who is connected, and keeps the old one else."""

    async def work():
        files = make_files(tmp_path)
        key = Path(files.key)
        text = await asyncio.to_thread(key.read_bytes)
        async with Site(tmp_path, tls=files) as site:
            reader, writer = await site.connect()
            first = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            assert (await site.server.renew()).how == "unchanged"
            await asyncio.to_thread(key.write_bytes, b"")
            renewal = await site.server.renew()
            assert renewal.how == "refused" and renewal.error.startswith("http.key: ")
            await asyncio.to_thread(key.write_bytes, text)
            assert (await site.get("/readyz"))[0] == 200
            make_files(tmp_path)
            assert (await site.server.renew()).how == "replaced"
            other_reader, other = await site.connect()  # it trusts only the new one
            assert other.get_extra_info("ssl_object").getpeercert(binary_form=True) != first
            writer.write(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert b"ready" in await asyncio.wait_for(reader.read(), 10)
            for one in (writer, other):
                one.close()
            await asyncio.wait_for(closed(other_reader), 10)

    run(work())


def test_without_a_certificate_there_is_nothing_to_renew(tmp_path):
    """A renewal of plain HTTP does nothing."""

    async def work():
        async with Site(tmp_path) as site:
            assert (await site.server.renew()).how == ""

    run(work())


def test_a_handshake_that_stalls_is_ended(tmp_path, monkeypatch):
    """A client that begins no handshake is closed, and at the cap it makes room like any idle one."""
    monkeypatch.setattr(reception, "HANDSHAKE", 0.5)
    monkeypatch.setattr(reception, "MAX_CONNECTIONS", 2)

    async def work():
        async with Site(tmp_path, tls=make_files(tmp_path)) as site:
            stalled = [await asyncio.open_connection(*site.address) for _ in range(2)]
            assert (await site.get("/readyz"))[0] == 200
            for reader, writer in stalled:
                await asyncio.wait_for(closed(reader), 10)
                writer.close()

    run(work())


def test_the_end_ends_handshakes(tmp_path):
    """A server that is closed leaves no connection behind that was being set up."""

    async def work():
        async with Site(tmp_path, tls=make_files(tmp_path)) as site:
            reader, writer = await asyncio.open_connection(*site.address)
            await until(lambda: site.server._reception._greeting)
        await asyncio.wait_for(closed(reader), 10)
        writer.close()

    run(work())
