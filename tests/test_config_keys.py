"""`keys` of ptrd.yaml: secrets with names, written there or in files, and what is wrong with them."""

from __future__ import annotations

import base64

import pytest

from ptrd.cli import main
from ptrd.cli.exits import Exit
from ptrd.config import ConfigError, load_config, read_config
from ptrd.config.secrets import exposures
from ptrd.records.transfer import Key
from ptrd.wire.names import parse_name

SECRET = base64.b64encode(bytes(range(32))).decode()
ZONE = (
    "zone: 192.0.2.0/24\nsoa: {mname: ns1.example.net, rname: hostmaster@example.net}\nns: [ns1.example.net]\n"
    "records: {192.0.2.1: one.example.net}\ntransfer: {allow: [one]}\n"
)


def problems_of(text):
    """Give the problems of a configuration, without the file's name."""
    with pytest.raises(ConfigError) as caught:
        read_config("ptrd.yaml", text.encode())
    return [str(problem).removeprefix("ptrd.yaml:") for problem in caught.value.problems]


def test_a_key_has_its_secret_there_or_in_a_file(tmp_path):
    """Both reach the server; names are compared without case, and a secret is in no repr."""
    (tmp_path / "b.secret").write_text(f"  {SECRET[:20]}\n{SECRET[20:]}\n")
    text = (
        f"keys:\n  One.Example: {{algorithm: hmac-sha256, secret: {SECRET}}}\n"
        "  two: {algorithm: hmac-sha512, secret_file: b.secret}\n"
    )
    (tmp_path / "ptrd.yaml").write_text(text)
    config = load_config(tmp_path / "ptrd.yaml")
    value = bytes(range(32))
    assert config.keys == (
        Key(parse_name("one.example"), "hmac-sha256", value),
        Key(parse_name("two"), "hmac-sha512", value),
    )
    assert config.answers.keys == tuple((key.name, key.algorithm, key.secret) for key in config.keys)
    assert set(config.publish.keys) == {key.name for key in config.keys}
    assert SECRET not in repr(config) and repr(value) not in repr(config)


def test_without_keys_there_are_none():
    """No key is an empty list, and then a zone may name none."""
    for text in ("", "keys: ~\n", "keys: {}\n"):
        config = read_config("/etc/ptrd.yaml", text.encode())
        assert config.keys == () and config.publish.keys == () and config.secrets == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("keys: x", "1:7: error: keys is a mapping of names; write for example keys: {transfer-key:"),
        ("keys: {k: x}", "1:11: error: a key is a mapping"),
        ("keys: {k: {secret: QUJDREVGR0hJSktMTU5PUA==}}", "1:8: error: the key has no `algorithm`"),
        ("keys: {k: {algorithm: hmac-md5, secret: QUJDREVGR0hJSktMTU5PUA==}}", "1:23: error: `algorithm`: 'hmac-md5'"),
        ("keys: {k: {algorithm: hmac-sha256}}", "1:8: error: a key has either `secret` or `secret_file`"),
        ("keys: {k: {algorithm: hmac-sha256, secret: a b c!}}", "1:44: error: `secret`: this is not Base64"),
        ("keys: {k: {algorithm: hmac-sha256, secret: QUJD}}", "1:44: error: `secret`: the secret has 3 bytes"),
        ("keys: {k: {algorithm: hmac-sha256, secret_file: /no/such}}", "1:8: error: secret_file: cannot read /no/such"),
        ("keys: {k: {algorithm: hmac-sha256, secret: x, salt: y}}", "1:44: error: `secret`: this is not Base64"),
        (
            "keys: {a..b: {algorithm: hmac-sha256, secret: x}}",
            "1:8: error: the name of a key: 'a..b' is no domain name",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text, expected):
    """Each mistake is an error with its line and column; what a secret is does not stand in it."""
    problem = problems_of(text)[0]
    assert problem.startswith(expected) and "QUJD" not in problem


def test_a_name_stands_once():
    """The second key of a name is an error, whatever its case."""
    one = f"{{algorithm: hmac-sha256, secret: {SECRET}}}"
    assert problems_of(f"keys:\n  k: {one}\n  K: {one}\n") == ["3:3: error: the key 'K' stands twice, first in line 2"]


def test_secrets_that_everybody_can_read_are_warned_of(tmp_path, capsys):
    """`ptrd check` names the file, of a secret within the configuration too, and the command that closes it."""
    (tmp_path / "k.secret").write_text(SECRET)
    config = tmp_path / "ptrd.yaml"
    config.write_text(
        f"zones: [z.yaml]\nkeys:\n  one: {{algorithm: hmac-sha256, secret: {SECRET}}}\n"
        "  two: {algorithm: hmac-sha256, secret_file: k.secret}\n"
    )
    (tmp_path / "z.yaml").write_text(ZONE)
    for path in (config, tmp_path / "k.secret"):
        path.chmod(0o644)
    places = load_config(config).secrets
    one, two = (str(problem).partition("; ")[0] for problem in exposures(places))
    assert one == f"{config}:3:3: warning: the secret of the key one stands in {config}, which every user can read"
    assert two.startswith(f"{config}:4:3: warning: the secret of the key two stands in {tmp_path / 'k.secret'}, which")
    assert main(["check", "--config", str(config)]) == Exit.DONE and "2 warnings" in capsys.readouterr().out
    for path in (config, tmp_path / "k.secret"):
        path.chmod(0o640)
    assert exposures(places) == []
    assert main(["check", "--config", str(config)]) == Exit.DONE and "no problems" in capsys.readouterr().out
    config.write_text("zones: [z.yaml]\n")
    assert main(["check", "--config", str(config)]) == Exit.PROBLEM
    assert "there is no key one; write it into `keys`" in capsys.readouterr().out
