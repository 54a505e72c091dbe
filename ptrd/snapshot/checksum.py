"""Checksums of an image: CRC-32 as in zlib, which ISA-L computes five times as fast where it is installed."""

from __future__ import annotations

try:
    from isal.isal_zlib import crc32
except ImportError:  # it is made for x86-64 and aarch64
    from zlib import crc32

__all__ = ["crc32"]
