"""How fast a change is live: so many writers over HTTP, over an image of so many records, and DNS asked after each.

`python -m bench.changes --records 1000000 --writers 16 --seconds 20`. Each writer sets names with `wait`, so an answer
says that every worker has the change; then DNS is asked from fresh ports, which the kernel spreads over the workers,
and an old name is a failure. Times are from sending the request to its answer.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import statistics
import tempfile
import threading
import time
from pathlib import Path

import dns.message

from bench.scenarios import write_world
from tests.peers.api import ApiServer
from tests.peers.asking import make_query, udp_ask

PTR = 12
ASKED = 4  # times DNS is asked about each change
STREAM_WRITERS = 16


class Writer(threading.Thread):
    """Sets names of addresses of its own until the time is over."""

    def __init__(self, server: ApiServer, number: int, ends: float) -> None:
        super().__init__()
        self.server = server
        self.number = number
        self.ends = ends
        self.times: list[float] = []
        self.stale = 0
        self.failure = ""

    def run(self) -> None:
        """Write."""
        rng = random.Random(self.number)
        connection = http.client.HTTPConnection("127.0.0.1", self.server.http_port, timeout=30)
        while time.monotonic() < self.ends:
            octets = (self.number, rng.randrange(256))
            name = f"c{rng.getrandbits(48):x}.example.net."
            began = time.perf_counter()
            self.failure = put_on(connection, self.server, f"10.0.{octets[0]}.{octets[1]}", name, wait=10)
            self.times.append(time.perf_counter() - began)
            if self.failure:
                break
            query = make_query(f"{octets[1]}.{octets[0]}.0.10.in-addr.arpa", PTR)
            for _ in range(ASKED):
                reply = udp_ask(self.server.address, self.server.port, query, seconds=5)
                self.stale += reply is None or str(dns.message.from_wire(reply).answer[0][0].target) != name
        connection.close()


class Stream:
    """Changes at a fixed rate from several writers, who do not wait until DNS has them; for so many seconds."""

    def __init__(self, server: ApiServer, rate: float, seconds: float) -> None:
        self.server = server
        self.pause = STREAM_WRITERS / rate
        self.seconds = seconds
        self.done = 0
        self.failure = ""
        self.threads = [threading.Thread(target=self._write, args=(number,)) for number in range(STREAM_WRITERS)]

    def start(self) -> None:
        """Begin."""
        for thread in self.threads:
            thread.start()

    def finish(self) -> float:
        """Wait for the end; give how many changes a second there were. Raises RuntimeError when one was refused."""
        for thread in self.threads:
            thread.join()
        if self.failure:
            raise RuntimeError(self.failure)
        return self.done / self.seconds

    def _write(self, number: int) -> None:
        rng = random.Random(number)
        connection = http.client.HTTPConnection("127.0.0.1", self.server.http_port, timeout=30)
        began = due = time.monotonic()
        while time.monotonic() < began + self.seconds and not self.failure:
            name = f"s{rng.getrandbits(48):x}.example.net."
            self.failure = put_on(connection, self.server, f"10.0.{64 + number}.{rng.randrange(256)}", name)
            self.done += 1
            due += self.pause
            time.sleep(max(due - time.monotonic(), 0))
        connection.close()


def put(server: ApiServer, address: str, name: str, *, wait: int = 0) -> None:
    """Set the name of an address, over a connection of its own. Raises RuntimeError when that is refused."""
    connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=30)
    failure = put_on(connection, server, address, name, wait=wait)
    connection.close()
    if failure:
        raise RuntimeError(failure)


def put_on(connection: http.client.HTTPConnection, server: ApiServer, address: str, name: str, *, wait: int = 0) -> str:
    """Set the name of an address; give what the server said against it. `wait`: seconds until every worker has it."""
    path = f"/api/v1/ptrs/{address}" + (f"?wait={wait}" if wait else "")
    headers = {"X-Auth-Token": server.token, "Content-Type": "application/json"}
    connection.request("PUT", path, json.dumps({"names": [name]}), headers)
    response = connection.getresponse()
    body = response.read()
    return f"{response.status} {body[:300]!r}" if response.status >= 300 else ""


def main() -> None:
    """Run as told on the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.changes", description=__doc__.partition("\n")[0])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--writers", type=int, default=16)
    parser.add_argument("--workers", default="auto")
    parser.add_argument("--seconds", type=float, default=20.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ptrd-bench-") as folder:
        world = write_world(Path(folder) / "zone", 4, arguments.records)
        server = ApiServer(
            Path(folder) / "server", zones=[world.yaml], origins=[world.origin], workers=arguments.workers,
            seconds=300.0,
        )  # fmt: skip
        server.eips = {"10.0.0.0/16": "grant"}
        with server:
            server.api("PATCH", "/api/v1/accounts/acme", {"quota": 100_000})
            ends = time.monotonic() + arguments.seconds
            writers = [Writer(server, number, ends) for number in range(arguments.writers)]
            for writer in writers:
                writer.start()
            for writer in writers:
                writer.join()
    times = sorted(second for writer in writers for second in writer.times)
    failures = [writer.failure for writer in writers if writer.failure]
    print(f"{arguments.records:,} records, {arguments.writers} writers, {arguments.seconds:.0f} s")
    print(f"changes a second   {len(times) / arguments.seconds:8.0f}")
    for name, share in (("median", 0.5), ("p99", 0.99)):
        print(f"live after, {name:6s} {1000 * times[int(share * (len(times) - 1))]:8.1f} ms")
    print(f"mean               {1000 * statistics.fmean(times):8.1f} ms")
    print(f"stale answers      {sum(writer.stale for writer in writers):8d} of {ASKED * len(times)}")
    print(f"failures           {len(failures):8d} {failures[:1] or ''}")


if __name__ == "__main__":
    main()
