"""Knot DNS: what its configuration begins with, and in front of generated zones, without a journal or a rate limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from tests.peers.process import Peer, settle

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def write_knot_conf(peer: Peer, sections: str, options: str = "") -> list[str]:
    """Write knot.conf: one worker for each transport, all files in the peer's folder; give the program's arguments.

    `options` are of the section `server`, and `sections` come behind it.
    """
    usual = f"""\
  rundir: "{peer.folder}"
  listen: {peer.address}@{peer.port}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
"""
    config = peer.folder / "knot.conf"
    config.write_text(
        f"""\
server:
{peer.settled(usual + options)}
log:
  - target: stderr
    any: info
database:
  storage: "{peer.folder}"
control:
  listen: "{peer.folder}/knot.sock"
{sections}""",
        encoding="ascii",
    )
    return ["-c", str(config)]


class KnotServer(Peer):
    """Knot. For the benchmarks: `synth` gives a zone's mod-synthrecord settings, one line each; `sections` are more.

    A zone's settings stand in the template of all zones, where modules for the whole server are named too.
    """

    program: ClassVar[str] = "knotd"
    package: ClassVar[str] = "knot"
    hopeless: ClassVar[str] = "failed to parse zone file"

    def __init__(
        self,
        zones: Mapping[str, str | Path],
        *,
        synth: Mapping[str, str] | None = None,
        sections: str = "",
        **options: Any,
    ) -> None:
        super().__init__(zones, **options)
        self.synth = dict(synth or {})
        self.sections = sections

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
        options = """\
  udp-max-payload: 1232
  tcp-idle-timeout: 60
  identity: "peer"
  version: ""
"""
        template = f"""\
    storage: "{self.folder}"
    semantic-checks: off
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
"""
        sections = f"""\
{self.sections}
template:
  - id: default
{settle(template, self.zone_settings)}
{"mod-synthrecord:" if modules else ""}
{modules}zone:
{zones}"""
        return write_knot_conf(self, sections, options)
