"""TensorProto: arrays to bytes and back. Numbers are `tensor_content`; text is `string_val`."""

import numpy as np

from .messages import CorruptMessage, block, fields, number, packed

TYPES = {
    "float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int16": 5, "int8": 6, "complex64": 8, "int64": 9, "bool": 10,
    "uint16": 17, "complex128": 18, "float16": 19, "uint32": 22, "uint64": 23,
}  # fmt: skip
"""DataType by NumPy's name."""
_NAMES = {code: name for name, code in TYPES.items()}
_STRING = 7
_LISTED = {5: ("float32", 0), 6: ("float64", 0), 7: ("int32", 1), 10: ("int64", 1), 11: ("bool", 1)}
"""Fields in which TensorFlow itself lists numbers: their type, and whether they are varints."""


def as_array(value: object) -> "np.ndarray":
    """As smdebug takes a value: a scalar is an array of one. Types that the format lacks become float32."""
    array = np.asarray(value)
    if array.ndim == 0:
        array = array.reshape(1)
    if array.dtype.kind in "USO":
        return array.reshape(-1).astype(str)
    if array.dtype.name not in TYPES:
        array = array.astype(np.float32)
    return array.astype(array.dtype.newbyteorder("<"), copy=False)


def encode(array: "np.ndarray", name: str) -> bytes:
    """`array` as `as_array` gives it; its dimensions are named after the tensor, as smdebug does."""
    dimensions = [
        block(2, number(1, size), block(2, ("%s_%d" % (name, size)).encode("utf-8"))) for size in array.shape
    ]
    shape = block(2, *dimensions)
    if array.dtype.kind == "U":
        return shape + b"".join(block(8, str(text).encode("utf-8")) for text in array)
    content = array.tobytes()
    return number(1, TYPES[array.dtype.name]) + shape + (block(4, content) if content else b"")


def decode(data: bytes) -> "np.ndarray":
    """Raises `CorruptMessage`."""
    kind, shape, content = 0, [], b""
    texts, listed = [], {}  # type: list[str], dict[int, list[object]]
    for field, value in fields(data):
        if field == 1 and isinstance(value, int):
            kind = value
        elif field == 2 and isinstance(value, bytes):
            shape = [_size(part) for number_, part in fields(value) if number_ == 2]
        elif field == 4 and isinstance(value, bytes):
            content = value
        elif field == 8 and isinstance(value, bytes):
            texts.append(value.decode("utf-8", "replace"))
        elif field in _LISTED:
            name, varints = _LISTED[field]
            numbers = (
                packed(value)
                if varints
                else list(np.frombuffer(_bytes(value), np.dtype(name).newbyteorder("<")))
            )
            listed.setdefault(field, []).extend(numbers)
    try:
        if texts or kind == _STRING:
            return np.array(texts).reshape(shape)
        name = _NAMES[kind]
        if content:
            return np.frombuffer(content, np.dtype(name).newbyteorder("<")).astype(name).reshape(shape)
        for numbers in listed.values():
            array = np.array(numbers, dtype=name)
            return np.full(shape, array[0]) if array.size == 1 else array.reshape(shape)
        return np.zeros(shape, dtype=name)
    except (KeyError, ValueError) as error:
        raise CorruptMessage(
            "a tensor of type %d and shape %s cannot be read: %s" % (kind, shape, error)
        ) from None


def _size(dimension: "int | bytes") -> int:
    for field, value in fields(_bytes(dimension)):
        if field == 1 and isinstance(value, int):
            return value
    return 0


def _bytes(value: "int | bytes") -> bytes:
    if isinstance(value, int):
        raise CorruptMessage("a number where bytes are to be")
    return value
