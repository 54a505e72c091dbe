"""The secret of DNS cookies in the state folder."""

import os
import stat

import pytest

from ptrd.store.cookiesecret import keep_cookie_secret
from ptrd.store.state import StateError


def test_a_secret_is_made_once(tmp_path):
    """The first start makes 16 random bytes that only the owner can read; later ones read them."""
    path = tmp_path / "cookie.secret"
    secret = keep_cookie_secret(path)
    assert len(secret) == 16 and keep_cookie_secret(path) == secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert keep_cookie_secret(tmp_path / "other") != secret


@pytest.mark.parametrize("content", [b"", b"zz" * 16, b"00" * 15, b"00" * 17, b"\xff" * 32])
def test_a_damaged_secret_is_replaced(tmp_path, content):
    """Nothing depends on a secret that is lost, so another is made."""
    path = tmp_path / "cookie.secret"
    path.write_bytes(content)
    path.chmod(0o600)
    secret = keep_cookie_secret(path)
    assert path.read_text() == f"{secret.hex()}\n"


def test_a_secret_that_others_could_read_is_replaced(tmp_path):
    """A file that is open to others holds no secret."""
    path = tmp_path / "cookie.secret"
    path.write_text("00" * 16)
    path.chmod(0o640)
    assert keep_cookie_secret(path) != bytes(16)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_secret_that_cannot_be_kept(tmp_path):
    """A path that cannot hold it is one sentence."""
    with pytest.raises(StateError, match=r"cannot keep the secret of DNS cookies in .*: No such file or directory"):
        keep_cookie_secret(tmp_path / "missing" / "cookie.secret")
    os.symlink("/etc/passwd", tmp_path / "link")  # noqa: PTH211 - a dangling or foreign link is what is tested
    with pytest.raises(StateError, match="cannot keep the secret"):
        keep_cookie_secret(tmp_path / "link")
