"""The native API over HTTP: TLS with the system's certificates, a token that is sent nowhere else.

No redirection is followed and no proxy is used: either would show the token to somebody who was not named.
"""

from __future__ import annotations

import getpass
import http.client
import json
import os
import ssl
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlencode, urlsplit

from ptrd import PtrdError
from ptrd.cli.api import Answer, Message
from ptrd.cli.client import UnreachableError
from ptrd.cli.options import UsageError

if TYPE_CHECKING:
    from ptrd.cli.api import Sender

CONNECT_PATIENCE: Final = 10.0  # seconds
PATIENCE: Final = 150.0  # seconds for an answer: more than a server takes to give one


def open_http(url: str, token_file: str | None, *, insecure: bool) -> Sender:
    """Send to a URL, below which `/api/v1` is. Raises UsageError, PtrdError."""
    parts = _read_url(url)
    if parts.scheme == "http" and not insecure and not _is_loopback(parts.hostname or ""):
        raise UsageError(
            f"no token is sent to {parts.hostname} over plain HTTP, where others can read it: "
            "use https://, or say --insecure-http"
        )
    token = _find_token(token_file, url)
    context = ssl.create_default_context() if parts.scheme == "https" else None

    def send(message: Message) -> Answer:
        connection = _connect(parts, context)
        target = parts.path.rstrip("/") + message.path + ("?" + urlencode(message.query) if message.query else "")
        headers = {**message.headers, "X-Auth-Token": token, "Accept": "application/json"}
        try:
            connection.connect()
            connection.sock.settimeout(PATIENCE)
            connection.request(message.method, target, message.body and message.body.encode(), headers)
            response = connection.getresponse()
            data = response.read()
        except ssl.SSLCertVerificationError as error:
            reason = (
                f"its certificate is not accepted: {error.verify_message}; SSL_CERT_FILE can name one's own authority"
            )
            raise UnreachableError(f"cannot ask {url}: {reason}") from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise UnreachableError(f"cannot ask {url}: {reason}") from None
        finally:
            connection.close()
        return Answer(response.status, _read(data, response.headers.get_content_type(), url, response.status))

    return send


def _connect(parts: SplitResult, context: ssl.SSLContext | None) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    if context is None:
        return http.client.HTTPConnection(host, parts.port, timeout=CONNECT_PATIENCE)
    return http.client.HTTPSConnection(host, parts.port, timeout=CONNECT_PATIENCE, context=context)


def _read(data: bytes, media: str, url: str, status: int) -> object:
    if not data:
        return None
    if not media.endswith("json"):
        raise UnreachableError(f"what answers at {url} is no ptrd: it said {status} with {media}")
    try:
        return json.loads(data)
    except ValueError:
        raise UnreachableError(f"what answers at {url} is no ptrd: its JSON cannot be read") from None


def _read_url(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise UsageError(f"{url!r} is no URL; write one such as https://ns1.example.net:9153") from None
    if parts.username is not None or parts.password is not None:
        raise UsageError("the URL holds a user or a password; a token comes from PTRD_TOKEN or --token-file")
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0 or parts.query or parts.fragment:
        raise UsageError(f"{url!r} is no URL of a server; write one such as https://ns1.example.net:9153")
    return parts


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _find_token(token_file: str | None, url: str) -> str:
    """Find the token: in the file, the environment, or what is typed. Raises PtrdError."""
    if token_file is not None:
        try:
            token = Path(token_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise PtrdError(f"cannot read the token in {token_file}: {reason}") from None
        where = token_file
    elif "PTRD_TOKEN" in os.environ:
        token, where = os.environ["PTRD_TOKEN"].strip(), "PTRD_TOKEN"
    elif sys.stdin.isatty():
        token, where = getpass.getpass(f"Token for {url}: ").strip(), "what was typed"
    else:
        raise PtrdError(f"{url} wants a token: set PTRD_TOKEN, or name a file with --token-file")
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise PtrdError(f"there is no token in {where}: it is one line without spaces")
    return token
