"""The checksums of S3, computed while bytes pass: MD5 for the ETag, and those that a client asks for.

CRCs have a further gift: the CRC of a whole follows from the CRCs of its parts (`combine`), so a completed
multipart upload has a checksum of the full object without its data being read again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol

from awscrt import checksums

ALGORITHMS = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "SHA512")
"""As S3 names them; `MD5` is besides always known."""

_CRC: dict[str, tuple[Callable[[Any, int], int], Callable[[int, int, int], int], int]] = {
    "CRC32": (checksums.crc32, checksums.combine_crc32, 4),
    "CRC32C": (checksums.crc32c, checksums.combine_crc32c, 4),
    "CRC64NVME": (checksums.crc64nvme, checksums.combine_crc64nvme, 8),
}
_HASH: dict[str, Callable[[], Any]] = {
    "MD5": lambda: hashlib.md5(usedforsecurity=False),
    "SHA1": lambda: hashlib.sha1(usedforsecurity=False),
    "SHA256": hashlib.sha256,
    "SHA512": hashlib.sha512,
}


class Digest(Protocol):
    def update(self, data: Any, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc:
    def __init__(self, name: str) -> None:
        self.function, _, self.width = _CRC[name]
        self.value = 0

    def update(self, data: Any) -> None:
        self.value = self.function(data, self.value)

    def digest(self) -> bytes:
        return self.value.to_bytes(self.width, "big")


def digest(name: str) -> Digest:
    """Raises `KeyError` for a name that is not in `ALGORITHMS` nor `MD5`."""
    return _Crc(name) if name in _CRC else _HASH[name]()


def digests(names: Collection[str]) -> dict[str, Digest]:
    return {name: digest(name) for name in names}


def can_combine(name: str) -> bool:
    """Whether parts' checksums yield the whole's: CRCs do, SHA does not."""
    return name in _CRC


def combine(name: str, parts: Sequence[tuple[bytes, int]]) -> bytes:
    """The CRC of the whole, from (checksum, length in bytes) of each part in order."""
    _, join, width = _CRC[name]
    total = 0
    for value, length in parts:
        total = join(total, int.from_bytes(value, "big"), length)
    return total.to_bytes(width, "big")


def composite(name: str, parts: Sequence[bytes]) -> bytes:
    """The checksum of the parts' checksums, which S3 writes with a `-N` after it (with MD5: the ETag)."""
    whole = digest(name)
    whole.update(b"".join(parts))
    return whole.digest()
