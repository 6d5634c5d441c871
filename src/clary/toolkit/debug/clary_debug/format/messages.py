"""Protocol buffers' wire format: a message as its fields (https://protobuf.dev/programming-guides/encoding).

Only what events need: no groups, no reflection.
"""

import struct

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class CorruptMessage(ValueError):
    """Bytes that are no message."""


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field: int, value: int) -> bytes:
    """Empty for 0: a default is not written."""
    return varint(field << 3 | VARINT) + varint(value) if value else b""


def double(field: int, value: float) -> bytes:
    return varint(field << 3 | FIXED64) + struct.pack("<d", value) if value else b""


def single(field: int, value: float) -> bytes:
    """Written even for 0: a member of a oneof."""
    return varint(field << 3 | FIXED32) + struct.pack("<f", value)


def block(field: int, *parts: bytes) -> bytes:
    """Bytes, text or a message."""
    return b"".join((varint(field << 3 | BYTES), varint(sum(map(len, parts))), *parts))


def fields(data: bytes) -> "list[tuple[int, int | bytes]]":
    """Number and value of each field, in order; fixed ones as their bytes. Raises `CorruptMessage`."""
    found = []  # type: list[tuple[int, int | bytes]]
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        kind = key & 7
        if kind == VARINT:
            value, at = _read_varint(data, at)
            found.append((key >> 3, value))
            continue
        if kind == BYTES:
            length, at = _read_varint(data, at)
        elif kind in (FIXED64, FIXED32):
            length = 8 if kind == FIXED64 else 4
        else:
            raise CorruptMessage("a field of kind %d" % kind)
        if at + length > len(data):
            raise CorruptMessage("a field of %d bytes is cut off" % length)
        found.append((key >> 3, data[at : at + length]))
        at += length
    return found


def _read_varint(data: bytes, at: int) -> "tuple[int, int]":
    value = shift = 0
    while shift < 70:
        if at >= len(data):
            raise CorruptMessage("a number is cut off")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise CorruptMessage("a number of more than ten bytes")


def signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def packed(value: "int | bytes") -> "list[int]":
    """The numbers of a repeated field's entry, packed or not."""
    if isinstance(value, int):
        return [signed(value)]
    found, at = [], 0
    while at < len(value):
        one, at = _read_varint(value, at)
        found.append(signed(one))
    return found
