"""The management plane behind a real control socket and real HTTP, over a database in a folder, in a thread of its own.

Only DNS is played: workers acknowledge when a test says so. Commands run by call, as from a shell in that folder.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

from prometheus_client import CollectorRegistry

from ptrd.cli import main
from ptrd.cli.client import ask
from ptrd.control.api import Api
from ptrd.control.authenticate import Authenticator
from ptrd.control.credentials import Credentials
from ptrd.control.edge import Edge
from ptrd.control.http import HttpServer, bind_http
from ptrd.control.local import LocalServer
from ptrd.control.native.dialect import NativeApi
from ptrd.control.options import HttpOptions, LocalOptions
from ptrd.control.repeats import Repeats
from ptrd.control.settings import ApiSettings
from ptrd.store.vault import open_vault
from tests.control.fakelink import make_cases

NOW = 1_800_000_000.0


class World:
    """A server whose folder has `ptrd.yaml`; `run` calls the command line on it."""

    def __init__(self, folder, capsys):
        self.folder = folder
        self.capsys = capsys
        self.config = folder / "ptrd.yaml"
        (folder / "state").mkdir()
        self.config.write_text("zones: [zones]\n")
        self.sent = []  # (method, path, body) of each request of the API
        self._ready = threading.Event()
        self._ended = None
        self._loop = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(30)
        assert not self._thread.is_alive()

    async def _serve(self):
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        bare = make_cases(self.folder / "state")
        self.link = bare.link
        self.link.now = NOW
        vault = open_vault(self.folder / "state" / "master.key", make=True)
        cases = replace(bare, credentials=Credentials(bare.link, vault))
        repeats = Repeats(cases.link, vault)
        authenticator = Authenticator(cases.credentials.logins)
        api = Api([NativeApi(cases, ApiSettings(), repeats)], authenticator, repeats, clock=lambda: NOW)

        async def command(request, user):
            self.sent.append((request["method"], request["path"], request["body"]))
            return await api.command(request, user)

        local = LocalServer(LocalOptions(self.folder / "state" / "control.sock", None), {}, {"api": command})
        listener = bind_http(HttpOptions("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        http = HttpServer(listener, None, CollectorRegistry(), Edge(HttpOptions("127.0.0.1", 0), api))
        await local.start()
        await http.start()
        self._ready.set()
        try:
            await self._ended.wait()
        finally:
            await http.close()
            await local.close()
            self.link.close()

    def run(self, *arguments, config=True):
        """Run a command: (exit status, standard output, standard error)."""
        self.capsys.readouterr()
        words = [*arguments, *(["--config", str(self.config)] if config else [])]
        code = int(main(words))
        printed = self.capsys.readouterr()
        assert "Traceback" not in printed.err
        return code, printed.out, printed.err

    def do(self, *arguments, **options):
        """Run a command that must succeed and complain of nothing; give what it prints."""
        code, out, err = self.run(*arguments, **options)
        assert (code, err) == (0, ""), (arguments, code, out, err)
        return out

    def refused(self, *arguments, status=1, **options):
        """Run a command that must be refused and change nothing; give its sentence."""
        before = self.link.revision
        code, out, err = self.run(*arguments, **options)
        assert (code, out) == (status, ""), (arguments, code, out, err)
        assert self.link.revision == before
        return err

    def ask(self, method, path, body):
        """Ask the API over the control socket for what no command says; give the body of the answer."""
        request = {"command": "api", "method": method, "path": path, "headers": {}, "body": body}
        reply = ask(self.folder / "state" / "control.sock", request)
        assert reply["ok"] and reply["result"]["status"] < 300, reply
        return reply["result"]["body"]

    def furnish(self):
        """Make a project `shop` with two addresses and a prefix."""
        self.do("account", "create", "acme")
        self.do("project", "create", "shop", "--account", "acme")
        for place, eip in (("192.0.2.10", "web1"), ("192.0.2.11", "web2"), ("2001:db8:1::/64", "net")):
            self.do("eip", "add", place, "--id", eip, "--region", "north", "--project", "shop")
        return self
