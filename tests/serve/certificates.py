"""Certificates for tests, made with the openssl command in a folder of the test."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
import time

from ptrd.serve.options import TlsOptions
from ptrd.store.certificate import read_certificate
from tests.peers.process import require_program

NAME = "ns1.example.net"
EC = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")


def openssl(*arguments):
    """Run openssl."""
    command = [require_program("openssl", "openssl"), *map(str, arguments)]
    subprocess.run(command, capture_output=True, check=True, timeout=60)


def make_pair(folder, name="one", *, key=EC, days=30):
    """Make a self-signed certificate and its key; give what `read_certificate` takes."""
    chain, secret = folder / f"{name}.pem", folder / f"{name}.key"
    openssl(
        *("req", "-x509", "-newkey", *key, "-nodes", "-subj", f"/CN={name}.example.net", "-days", days),
        *("-addext", f"subjectAltName=DNS:{NAME},IP:127.0.0.1", "-keyout", secret, "-out", chain),
    )
    return TlsOptions((("127.0.0.1", 0),), str(chain), str(secret))


def load(options):
    """Read a pair as the supervisor does."""
    return read_certificate(options, time.time())


def client_context(options, *, version=None):
    """Make what a client takes that trusts just this certificate."""
    context = ssl.create_default_context(cafile=options.certificate)
    context.set_alpn_protocols(["dot"])
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


async def connect(address, options, **restrictions):
    """Connect a TLS client."""
    context = client_context(options, **restrictions)
    return await asyncio.open_connection(*address, ssl=context, server_hostname=NAME)


class Client:
    """A TLS client whose every byte is in the hands of the test; `write` and `read` move bytes to and fro."""

    def __init__(self, options, write, read):
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.session = client_context(options).wrap_bio(self._incoming, self._outgoing, server_hostname=NAME)
        self._write = write
        self._read = read

    async def shake_hands(self):
        """Do the handshake."""
        await self._repeat(self.session.do_handshake)

    async def send(self, data):
        """Send plain text."""
        self.session.write(data)
        await self._write(self._outgoing.read())

    async def receive(self, size=65536):
        """Receive a record's plain text; nothing at the end."""
        try:
            return await self._repeat(lambda: self.session.read(size))
        except (ssl.SSLZeroReturnError, EOFError):
            return b""

    async def say_goodbye(self):
        """Send a close_notify, and wait for none."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self.session.unwrap()
        await self._write(self._outgoing.read())

    async def _repeat(self, step):
        while True:
            try:
                done = step()
            except ssl.SSLWantReadError:
                done = None
            if self._outgoing.pending:
                await self._write(self._outgoing.read())
            if done is not None or (step == self.session.do_handshake and self.session.version()):
                return done
            data = await self._read(65536)
            if not data:
                raise EOFError
            self._incoming.write(data)
