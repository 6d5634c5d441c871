"""TFRecord framing, as TensorFlow's record_writer.cc has it, with smdebug's footer.

    uint64 length | uint32 masked CRC32C of these 8 bytes | payload | uint32 masked CRC32C

smdebug's footer is not of the payload but of ten fixed bytes, unless TensorBoard is to read the file.
"""

import struct

MAGIC = b"0x12345678"
HEADER, FOOTER = 12, 4
LARGEST = 1 << 31
"""Bytes; a length above it is not one."""


class CorruptRecord(ValueError):
    """A record that is cut off or is none."""


def _table() -> "list[int]":
    found = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        found.append(byte)
    return found


_TABLE = _table()


def masked_crc32c(data: bytes) -> int:
    value = 0xFFFFFFFF
    for byte in data:
        value = value >> 8 ^ _TABLE[(value ^ byte) & 0xFF]
    value ^= 0xFFFFFFFF
    return (value >> 15 | value << 17 & 0xFFFFFFFF) + 0xA282EAD8 & 0xFFFFFFFF


_MAGIC_FOOTER = struct.pack("<I", masked_crc32c(MAGIC))


def frame(payload: bytes, checksum: bool = False) -> bytes:
    """`checksum`: of the payload, as TensorBoard checks it."""
    length = struct.pack("<Q", len(payload))
    footer = struct.pack("<I", masked_crc32c(payload)) if checksum else _MAGIC_FOOTER
    return b"".join((length, struct.pack("<I", masked_crc32c(length)), payload, footer))


def unframe(data: bytes, start: int = 0) -> "tuple[bytes, int]":
    """The payload of the record at `start`, and where the next begins. Raises `CorruptRecord`."""
    header = data[start : start + HEADER]
    if len(header) < HEADER:
        raise CorruptRecord("a record's header is cut off at byte %d" % start)
    length, crc = struct.unpack("<QI", header)
    if masked_crc32c(header[:8]) != crc or length > LARGEST:
        raise CorruptRecord("byte %d is not the beginning of a record" % start)
    end = start + HEADER + length + FOOTER
    payload, footer = data[start + HEADER : end - FOOTER], data[end - FOOTER : end]
    if len(footer) < FOOTER:
        raise CorruptRecord("a record of %d bytes is cut off" % length)
    if footer != _MAGIC_FOOTER and footer != struct.pack("<I", masked_crc32c(payload)):
        raise CorruptRecord("a record's checksum is wrong at byte %d" % start)
    return payload, end
