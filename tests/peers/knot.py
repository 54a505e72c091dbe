"""Knot DNS in front of generated zones: one UDP and one TCP worker, no journal, no rate limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tests.peers.process import Peer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class KnotServer(Peer):
    """Knot. `synth` gives a zone's mod-synthrecord settings, one line each, for the benchmarks."""

    program: ClassVar[str] = "knotd"
    package: ClassVar[str] = "knot"
    hopeless: ClassVar[str] = "failed to parse zone file"

    def __init__(
        self,
        zones: Mapping[str, str | Path],
        *,
        cpu: int | None = None,
        seconds: float = 30.0,
        synth: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(zones, cpu=cpu, seconds=seconds)
        self.synth = dict(synth or {})

    def configure(self) -> list[str]:
        """Write knot.conf."""
        modules = "".join(
            f"  - id: s{number}\n" + "".join(f"    {line}\n" for line in text.splitlines())
            for number, text in enumerate(self.synth.values())
        )
        names = {origin: number for number, origin in enumerate(self.synth)}
        zones = "".join(
            f'  - domain: "{origin}"\n    file: "{path}"\n'
            + (f"    module: mod-synthrecord/s{names[origin]}\n" if origin in names else "")
            for origin, path in self.zone_files().items()
        )
        config = self.folder / "knot.conf"
        config.write_text(
            f"""\
server:
  rundir: "{self.folder}"
  listen: {self.address}@{self.port}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
  udp-max-payload: 1232
  tcp-idle-timeout: 60
  identity: "peer"
  version: ""
log:
  - target: stderr
    any: info
database:
  storage: "{self.folder}"
control:
  listen: "{self.folder}/knot.sock"
template:
  - id: default
    storage: "{self.folder}"
    semantic-checks: off
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
{"mod-synthrecord:" if modules else ""}
{modules}zone:
{zones}""",
            encoding="ascii",
        )
        return ["-c", str(config)]
