"""Secrets at rest, and the master key that opens them."""

import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptrd.store.vault import CREDENTIAL, Vault, VaultError, open_vault

OLD, NEW = b"o" * 32, b"n" * 32
VAULT = Vault([OLD], "a test")


@given(st.binary(max_size=300), st.binary(max_size=40))
def test_what_is_sealed_opens(secret, context):
    """A secret comes back as it was, and does not stand in what is kept; two seals of one secret differ."""
    sealed = VAULT.seal(secret, context)
    assert VAULT.open(sealed, context) == secret
    assert len(secret) < 4 or secret not in sealed
    assert VAULT.seal(secret, context) != sealed


def test_every_bit_counts():
    """A change of any bit of what is kept is noticed, and so is one that is cut short."""
    sealed = VAULT.seal(b"secret", b"key:1")
    for bit in range(8 * len(sealed)):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(VaultError):
            VAULT.open(bytes(changed), b"key:1")
    for size in range(len(sealed)):
        with pytest.raises(VaultError):
            VAULT.open(sealed[:size], b"key:1")


def test_a_secret_belongs_to_its_row():
    """A secret that was moved to another credential does not open there."""
    with pytest.raises(VaultError, match="was changed; make that credential again"):
        VAULT.open(VAULT.seal(b"secret", b"key:1"), b"key:2")


def test_a_new_key_seals_and_the_old_one_still_opens():
    """With a key put above the old one, all that was sealed opens, and it is known what still needs the old key."""
    sealed = VAULT.seal(b"secret", b"c")
    both = Vault([NEW, OLD], "a test")
    assert both.open(sealed, b"c") == b"secret" and not both.is_current(sealed)
    again = both.seal(b"secret", b"c")
    assert both.is_current(again) and Vault([NEW], "a test").open(again, b"c") == b"secret"


def test_a_wrong_key_is_a_sentence():
    """What another key sealed does not open, and the sentence says which key it is and where it was looked for."""
    with pytest.raises(VaultError, match=r"master key [0-9a-f]{16}, which is not in /etc/key; put that key back"):
        Vault([NEW], "/etc/key").open(VAULT.seal(b"secret", b"c"), b"c")


def test_a_missing_key_is_made_once(tmp_path):
    """The first start makes a random key that only the owner can read; later ones read it."""
    path = tmp_path / "master.key"
    sealed = open_vault(path, make=True).seal(b"secret", b"c")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert open_vault(path, make=False).open(sealed, b"c") == b"secret"
    with pytest.raises(VaultError, match="which is not in"):
        open_vault(tmp_path / "other.key", make=True).open(sealed, b"c")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["master.key", "other.key"]


def test_a_key_that_is_needed_is_not_made_anew(tmp_path):
    """When something was sealed, a missing key is an error and no new key takes its place."""
    with pytest.raises(VaultError, match=r"master.key is missing, and the database has secrets that only it opens"):
        open_vault(tmp_path / "master.key", make=False)
    assert list(tmp_path.iterdir()) == []


def test_the_credential_of_systemd_comes_first(tmp_path):
    """A key that systemd gives is used, and no file is made or read; without one in its folder the file is."""
    given_by_systemd = tmp_path / "credentials"
    given_by_systemd.mkdir()
    path = tmp_path / "master.key"
    (given_by_systemd / CREDENTIAL).write_text(OLD.hex())
    vault = open_vault(path, str(given_by_systemd), make=True)
    assert vault.open(VAULT.seal(b"s", b"c"), b"c") == b"s"
    assert not path.exists()
    (given_by_systemd / CREDENTIAL).unlink()
    open_vault(path, str(given_by_systemd), make=True)
    assert path.exists()


def test_lines_that_say_nothing(tmp_path):
    """A key file may have empty lines and remarks."""
    path = tmp_path / "master.key"
    path.touch(0o600)
    path.write_text(f"# new, 2026\n{NEW.hex()}\n\n  {OLD.hex().upper()}  \n")
    vault = open_vault(path, make=False)
    assert vault.open(VAULT.seal(b"s", b"c"), b"c") == b"s" and vault.is_current(Vault([NEW], "").seal(b"s", b"c"))


@pytest.mark.parametrize("content", [b"", b"# nothing\n", b"zz" * 32, b"00" * 31, b"00" * 33, b"\xff" * 64])
def test_a_damaged_key_file(tmp_path, content):
    """A file without a key is an error, not a reason to make another key, and it stays as it is."""
    path = tmp_path / "master.key"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(VaultError, match=r"master.key(:1: a master key is 64 hex digits| has no master key)"):
        open_vault(path, make=True)
    assert path.read_bytes() == content


def test_a_key_that_others_can_read(tmp_path):
    """A key file with too many rights is refused, and so is a link."""
    path = tmp_path / "master.key"
    open_vault(path, make=True)
    path.chmod(0o640)
    with pytest.raises(VaultError, match="others can read the master key"):
        open_vault(path, make=True)
    path.unlink()
    os.symlink("/etc/hostname", path)  # noqa: PTH211 - pathlib's way, with the ends exchanged, misleads
    with pytest.raises(VaultError, match="it is a symbolic link"):
        open_vault(path, make=True)


def test_a_key_that_cannot_be_made(tmp_path):
    """A folder that is not there is one sentence."""
    with pytest.raises(VaultError, match=r"cannot make the master key .*: No such file or directory"):
        open_vault(tmp_path / "missing" / "master.key", make=True)
