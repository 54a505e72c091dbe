"""How the command line reaches a server: the control socket, or a URL with a token that nobody else is to see."""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import ssl
import subprocess
import sys
import threading

import pytest

from ptrd.cli import http
from ptrd.cli.api import Api, Message
from ptrd.cli.client import UnreachableError
from ptrd.cli.options import spell_wait
from ptrd.cli.output import cell, plain, write_tags
from ptrd.cli.ptrtexts import _read_tags
from tests.serve.certificates import make_pair

LIST = ["ptr", "list", "-o", "json"]


@pytest.fixture
def token(shop):
    """Make a token of shop."""
    return json.loads(shop.do("token", "create", "--project", "shop", "-o", "json"))["token"]


@pytest.fixture
def played():
    """Play an HTTP server that gives one answer: `played(bytes)` gives its URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads, received = [], []

    def play(answer, context=None):
        def serve():
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):  # a client that goes away may do so
                if context is not None:
                    connection = context.wrap_socket(connection, server_side=True)
                received.append(connection.recv(65536))
                connection.sendall(answer)
                connection.close()

        threads.append(threading.Thread(target=serve, daemon=True))
        threads[-1].start()
        return f"http{'' if context is None else 's'}://127.0.0.1:{listener.getsockname()[1]}"

    play.received = received

    yield play
    for thread in threads:
        thread.join(10)
    listener.close()


def test_a_token_over_http(shop, token, monkeypatch):
    """With --url, or PTRD_URL, a token does what its project may, and reads no configuration."""
    monkeypatch.setenv("PTRD_TOKEN", token)
    shop.do("ptr", "create", "192.0.2.10", "mail.example.com", "--url", shop.url, config=False)
    monkeypatch.setenv("PTRD_URL", shop.url + "/")
    assert json.loads(shop.do(*LIST, config=False))[0]["names"] == ["mail.example.com."]
    last = json.loads(shop.do("log", "--address", "192.0.2.10", "-o", "json", config=False))[-1]
    assert last["actor"].startswith("token:")
    assert "operator" in shop.refused("account", "create", "b", config=False)
    shop.do("account", "create", "b")  # a configuration that is named means its own server


def test_a_token_in_a_file(shop, token, monkeypatch, tmp_path):
    """--token-file goes before PTRD_TOKEN; a file that is missing or holds no token is a sentence."""
    monkeypatch.setenv("PTRD_TOKEN", "wrong")
    file = tmp_path / "token"
    file.write_text(token + "\n")
    shop.do(*LIST, "--url", shop.url, "--token-file", str(file), config=False)
    file.write_text("two words\n")
    url = ["--url", shop.url, "--token-file"]
    assert shop.refused(*LIST, *url, str(file), config=False) == (
        f"ptrd: there is no token in {file}: it is one line without spaces\n"
    )
    assert "cannot read the token in /nonexistent: No such file" in shop.refused(
        *LIST, *url, "/nonexistent", config=False
    )
    assert "--token-file and --insecure-http go with --url" in shop.refused(*LIST, "--token-file", str(file), status=2)


def test_a_token_is_typed(shop, token, monkeypatch):
    """At a terminal the token is asked for; without one the command says where it may come from."""
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert shop.refused(*LIST, "--url", shop.url, config=False) == (
        f"ptrd: {shop.url} wants a token: set PTRD_TOKEN, or name a file with --token-file\n"
    )
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(http.getpass, "getpass", lambda _prompt: token)
    assert shop.do(*LIST, "--url", shop.url, config=False) == "[]\n"


def test_a_wrong_token_is_a_sentence(shop, monkeypatch):
    """A token that the server does not know ends with 1, and is not repeated to anybody."""
    monkeypatch.setenv("PTRD_TOKEN", "ptrd_wrong")
    err = shop.refused(*LIST, "--url", shop.url, config=False)
    assert err.startswith("ptrd: the token is not accepted: ") and "ptrd_wrong" not in err
    assert err.endswith("; name a valid one in PTRD_TOKEN or in a file with --token-file\n")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (
            "http://192.0.2.1:9153",
            "no token is sent to 192.0.2.1 over plain HTTP, where others can read it: use https://",
        ),
        ("http://localhost.example.net", "no token is sent to localhost.example.net over plain HTTP"),
        ("ftp://127.0.0.1", "is no URL of a server"),
        ("127.0.0.1:9153", "is no URL of a server"),
        ("https://", "is no URL of a server"),
        ("https://a:99999", "is no URL; write one such as https://ns1.example.net:9153"),
        ("https://user:secret@127.0.0.1", "the URL holds a user or a password; a token comes from PTRD_TOKEN"),
    ],
)
def test_a_url_that_gets_no_token(shop, url, sentence, monkeypatch):
    """A URL that would show the token to others, or is none, ends with 2 before anything is sent."""
    monkeypatch.setenv("PTRD_TOKEN", "t")
    assert sentence in shop.refused(*LIST, "--url", url, status=2, config=False)


def test_plain_http_by_its_name(monkeypatch):
    """Loopback may be asked over plain HTTP, and another machine when --insecure-http is said."""
    monkeypatch.setenv("PTRD_TOKEN", "t")
    for url in ("http://127.0.0.9:1", "http://[::1]:1", "http://localhost:1"):
        assert http.open_http(url, None, insecure=False)
    assert http.open_http("http://192.0.2.1", None, insecure=True)


def test_a_server_that_cannot_be_reached_is_status_3(shop, monkeypatch, played):
    """No server, no ptrd, no JSON: exit status 3 and one sentence that names the URL."""
    monkeypatch.setenv("PTRD_TOKEN", "t")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
    err = shop.refused(*LIST, "--url", nobody, status=3, config=False)
    assert err == f"ptrd: cannot ask {nobody}: Connection refused\n"
    url = played(b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nno")
    err = shop.refused(*LIST, "--url", url, status=3, config=False)
    assert err == f"ptrd: what answers at {url} is no ptrd: it said 502 with text/html\n"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n{",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 500 Oops\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]",
    ],
)
def test_an_answer_that_is_none(shop, monkeypatch, played, answer):
    """Whatever else comes back, or breaks off, is status 3 and a sentence; a redirection is not followed."""
    monkeypatch.setenv("PTRD_TOKEN", "t")
    shop.refused(*LIST, "--url", played(answer), status=3, config=False)


def test_only_a_certificate_that_is_trusted_gets_the_token(shop, monkeypatch, played, tmp_path):
    """Over HTTPS nothing is sent to a server whose certificate is not trusted; SSL_CERT_FILE can name who is."""
    monkeypatch.setenv("PTRD_TOKEN", "the-token")
    pair = make_pair(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    body = b'{"records": [], "total": 0, "next_marker": null}'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    url = played(head + body, context)
    err = shop.refused(*LIST, "--url", url, status=3, config=False)
    assert err.startswith(f"ptrd: cannot ask {url}: its certificate is not accepted: ") and "SSL_CERT_FILE" in err
    assert played.received == []
    monkeypatch.setenv("SSL_CERT_FILE", pair.certificate)
    assert shop.do(*LIST, "--url", played(head + body, context), config=False) == "[]\n"
    assert b"X-Auth-Token: the-token\r\n" in played.received[0]


def test_no_server_on_the_socket_is_status_3(tmp_path, capsys):
    """Where no server runs, every noun says so and ends with 3."""
    from ptrd.cli import main  # noqa: PLC0415 - here the real entry is what is tested

    (tmp_path / "ptrd.yaml").write_text("zones: [zones]\n")
    for noun in ("ptr", "eip", "account", "project", "user", "token", "key", "application-credential"):
        assert main([noun, "list", "--config", str(tmp_path / "ptrd.yaml")]) == 3
        assert "no server runs here" in capsys.readouterr().err


def test_a_path_and_a_query_are_as_in_a_url():
    """Whatever stands in a name cannot become another path; what is None or false is not sent."""
    sent = []

    def send(message):
        sent.append(message)
        raise UnreachableError("enough")

    with pytest.raises(UnreachableError):
        Api(send).get("accounts", "a b/../c?d#é", tag=["x=1", "y"], marker=None, wait=2.5, dry_run=True, force=False)
    path, query = "/api/v1/accounts/a%20b%2F..%2Fc%3Fd%23%C3%A9", [("tag", "x=1"), ("tag", "y"), ("wait", "2.5")]
    assert sent == [Message("GET", path, [*query, ("dry_run", "true")], {}, None)]


def test_serving_imports_nothing_of_this():
    """`ptrd serve` starts without the modules of the other commands, so that it answers the sooner."""
    code = (
        "import sys, ptrd.cli.arguments as a\n"
        "parser = a.make_parser(['serve', '--config', 'x'])\n"
        "assert parser.parse_args(['serve', '--config', 'x']).command == 'serve'\n"
        "print(sorted(m for m in sys.modules if m.startswith(('ptrd.cli.', 'http.', 'csv', 'shtab'))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=os.environ | {"PYTHONPATH": "."},
    )
    assert done.stdout == (
        "['ptrd.cli.arguments', 'ptrd.cli.client', 'ptrd.cli.exits', 'ptrd.cli.options', 'ptrd.cli.serve']\n"
    )


def test_wait_is_spelled_out():
    """`--wait` without a number gets the default, whatever follows it."""
    assert spell_wait(["--wait"]) == ["--wait=30"]
    assert spell_wait(["--wait", "192.0.2.1", "x"]) == ["--wait=30", "192.0.2.1", "x"]
    assert spell_wait(["--wait", "5", "--wait=2"]) == ["--wait", "5", "--wait=2"]
    assert spell_wait([]) == []


def test_values_as_text():
    """A cell says what a value is; tags that cannot be read back are JSON, and control characters are spelled out."""
    assert [cell(value) for value in (None, True, False, 5, "x", ["a", "b"], {"a": "1", "b": ""})] == [
        "", "yes", "no", "5", "x", "a b", "a=1;b=",
    ]  # fmt: skip
    for tags in ({"a": "b=c d", "e": ""}, {"a=b": "c"}, {}):
        assert _read_tags(write_tags(tags)) == tags
    assert cell({"n": 1}) == '{"n": 1}'
    assert plain("a\x1b[31m\n\u202eé") == "a\\x1b[31m\\n\\u202eé"
