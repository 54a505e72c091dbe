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

from bench.scenarios import write_records
from tests.peers.api import ApiServer
from tests.peers.asking import make_query, udp_ask

PTR = 12
ASKED = 4  # times DNS is asked about each change


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
        headers = {"X-Auth-Token": self.server.token, "Content-Type": "application/json"}
        while time.monotonic() < self.ends:
            octets = (self.number, rng.randrange(256))
            name = f"c{rng.getrandbits(48):x}.example.net."
            began = time.perf_counter()
            path = f"/api/v1/ptrs/10.0.{octets[0]}.{octets[1]}?wait=10"
            connection.request("PUT", path, json.dumps({"names": [name]}), headers)
            response = connection.getresponse()
            body = response.read()
            self.times.append(time.perf_counter() - began)
            if response.status >= 300:
                self.failure = f"{response.status} {body[:300]!r}"
                break
            query = make_query(f"{octets[1]}.{octets[0]}.0.10.in-addr.arpa", PTR)
            for _ in range(ASKED):
                reply = udp_ask(self.server.address, self.server.port, query, seconds=5)
                self.stale += reply is None or str(dns.message.from_wire(reply).answer[0][0].target) != name
        connection.close()


def main() -> None:
    """Run as told on the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.changes", description=__doc__.partition("\n")[0])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--writers", type=int, default=16)
    parser.add_argument("--workers", default="auto")
    parser.add_argument("--seconds", type=float, default=20.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ptrd-bench-") as folder:
        scenario = write_records(Path(folder) / "zone", arguments.records, 1, 1)
        server = ApiServer(
            Path(folder) / "server", zones=[scenario.yaml], origins=[scenario.origin], workers=arguments.workers,
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
