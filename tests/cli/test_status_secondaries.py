"""What `ptrd status` prints of the secondaries of our zones."""

from __future__ import annotations

from ptrd.cli import status
from ptrd.cli.arguments import main

RESULT = {
    "version": "1",
    "pid": 7,
    "uptime": 61,
    "degraded": "",
    "revision": 3,
    "zones": 1,
    "records": 1,
    "ranges": 0,
    "bytes": 100,
    "managed": 0,
    "orphans": "",
    "listen": ["127.0.0.1:53"],
    "workers": [],
    "uncompiled": "",
    "restarts": 0,
    "received": [],
    "publish": None,
    "secondaries": {"total": 3, "behind": 1},
}
STANDINGS = [
    ("192.0.2.2", "a.example.", 7, 9, 3725.2, "does not answer NOTIFY"),
    ("192.0.2.2:5300", "b.example.", 9, 9, 0.0, ""),
    ("2001:db8::2", "catalog.example.", None, 9, None, ""),
]
FIELDS = ("secondary", "zone", "serial", "newest", "behind", "trouble")


def printed(monkeypatch, capsys, tmp_path, result, *options):
    """Run `ptrd status` against a server that says this; give what it was asked, and the lines that it prints."""
    (tmp_path / "ptrd.yaml").write_text("listen: ['127.0.0.1:53']\n")
    asked = []
    monkeypatch.setattr(status, "ask", lambda _path, request: asked.append(request) or {"ok": True, "result": result})
    assert main(["status", "--config", str(tmp_path / "ptrd.yaml"), *options]) == 0
    return asked[0], capsys.readouterr().out.splitlines()


def test_secondaries_are_counted(monkeypatch, capsys, tmp_path):
    """Without the option one line tells how many there are and how many are behind; none where there are none."""
    asked, lines = printed(monkeypatch, capsys, tmp_path, RESULT)
    assert asked == {"command": "status", "secondaries": False}
    assert "told      3 secondaries of our zones, of which 1 are behind" in lines
    _, lines = printed(monkeypatch, capsys, tmp_path, RESULT | {"secondaries": {"total": 0, "behind": 0}})
    assert not any(line.startswith("told") for line in lines)


def test_secondaries_are_listed(monkeypatch, capsys, tmp_path):
    """With --secondaries each has a line: who, zone, serial, for how long it is behind, and what keeps it."""
    standings = [dict(zip(FIELDS, values, strict=True)) for values in STANDINGS]
    asked, lines = printed(monkeypatch, capsys, tmp_path, RESULT | {"standings": standings}, "--secondaries")
    assert asked["secondaries"] is True
    assert [line.split(maxsplit=3) for line in lines[-4:]] == [
        ["SECONDARY", "ZONE", "SERIAL", "BEHIND         TROUBLE"],
        ["192.0.2.2", "a.example.", "7", "for 1 h 2 min  does not answer NOTIFY"],
        ["192.0.2.2:5300", "b.example.", "9", "no"],
        ["2001:db8::2", "catalog.example.", "not", "known"],
    ]
