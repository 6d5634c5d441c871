"""RecordIO-protobuf, the format of AWS's algorithms, read and written without a protobuf library.

A file is a row of records: magic 0xced7230a, length, the record, zeros up to a multiple of four bytes. A record is
the message `aialgs.data.Record` (https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-training.html):

    Record  {map<string, Value> features = 1, label = 2}
    Value   {Float32Tensor float32_tensor = 2; Float64Tensor float64_tensor = 3; Int32Tensor int32_tensor = 7}
    Tensor  {repeated values = 1 [packed]; repeated uint64 keys = 2, shape = 3 [packed]}    keys: where sparse

Records that differ in their numbers alone, as a matrix written row by row, are read by one strided copy.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Iterator, Mapping, Sequence

import numpy as np

from ..errors import CustomerError
from . import Array, Table

MAGIC = 0xCED7230A
FEATURES, LABEL, VALUES = 1, 2, "values"
WIDEST = 1 << 31
TENSORS = {2: "<f4", 3: "<f8", 7: ""}
"""Field of Value -> numpy's name of its fixed-width values; int32 values are varints."""


@dataclass(frozen=True)
class Tensor:
    values: Array
    keys: Array
    """Columns of the values, or None where dense."""
    size: int | None
    """Of the whole vector, where sparse."""
    span: tuple[int, int, str] | None = None
    """Where fixed-width values lie in the record: first byte, last byte, type."""


def read(data: bytes) -> Table:
    """Features and labels of the key `values`. Raises `CustomerError` for what is no such file."""
    records = list(split(data))
    if not records:
        return Table(np.zeros((0, 0), np.float32))
    return _uniform(data, records) or _each(data, records)


def split(data: bytes) -> Iterator[tuple[int, int]]:
    """First and last byte of each record."""
    at = 0
    while at < len(data):
        if at + 8 > len(data):
            raise CustomerError("The RecordIO data ends within a record's header.")
        magic, length = struct.unpack_from("<II", data, at)
        if magic != MAGIC:
            raise CustomerError(f"The data is not RecordIO: a record should start at byte {at}.")
        if length >> 29 or at + 8 + length > len(data):
            raise CustomerError(f"The RecordIO record at byte {at} is longer than its data.")
        yield at + 8, at + 8 + length
        at += 8 + (length + 3) // 4 * 4


def _uniform(data: bytes, records: list[tuple[int, int]]) -> Table | None:
    """All records at once, if they have the layout of the first."""
    start, end = records[0]
    features, label = parse(data, start, end)
    if features is None or features.keys is not None or features.span is None:
        return None
    if label is not None and (label.span is None or len(label.values) != 1):
        return None
    stride = 8 + (end - start + 3) // 4 * 4
    if len(data) != stride * len(records) or records[-1] != (
        len(data) - stride + 8,
        len(data) - stride + 8 + end - start,
    ):
        return None
    matrix = np.frombuffer(data, np.uint8).reshape(len(records), stride)
    fixed = np.ones(stride, bool)
    for tensor in (features, label):
        if tensor is not None and tensor.span:
            fixed[tensor.span[0] : tensor.span[1]] = False
    if not (matrix[:, fixed] == matrix[0, fixed]).all():
        return None

    def column(tensor: Tensor) -> Array:
        assert tensor.span
        first, last, kind = tensor.span
        return np.ascontiguousarray(matrix[:, first:last]).view(kind)

    labels = None if label is None else column(label)[:, 0].astype(np.float64)
    return Table(column(features).astype(np.float32), labels)


def _each(data: bytes, records: list[tuple[int, int]]) -> Table:
    rows, labels = [], []
    for start, end in records:
        features, label = parse(data, start, end)
        if features is None:
            raise CustomerError(f"The record at byte {start - 8} has no features under the key 'values'.")
        rows.append(features)
        labels.append(None if label is None or not len(label.values) else float(label.values[0]))
    if any(label is None for label in labels):
        if any(label is not None for label in labels):
            raise CustomerError("Some records have labels and others have none.")
        return Table(_matrix(rows))
    return Table(_matrix(rows), np.array(labels, np.float64))


def _matrix(rows: list[Tensor]) -> Array:
    if all(row.keys is None for row in rows):
        width = len(rows[0].values)
        if any(len(row.values) != width for row in rows):
            raise CustomerError("The records have different numbers of features.")
        return np.stack([row.values for row in rows]).astype(np.float32)
    from scipy.sparse import csr_matrix

    width = max(_width(row) for row in rows)
    if width > WIDEST:
        raise CustomerError(f"A sparse record's shape is {width}: at most {WIDEST} features are possible.")
    columns = [np.arange(len(row.values)) if row.keys is None else row.keys for row in rows]
    lengths = [len(row.values) for row in rows]
    if any(len(keys) != length for keys, length in zip(columns, lengths)):
        raise CustomerError("A sparse record has not as many keys as values.")
    values = np.concatenate([row.values for row in rows]).astype(np.float32)
    places = np.concatenate(columns).astype(np.int64)
    if len(places) and places.max() >= width:
        raise CustomerError(f"A sparse record has the key {places.max()}, and its shape is {width}.")
    return csr_matrix((values, places, np.concatenate([[0], np.cumsum(lengths)])), shape=(len(rows), width))


def _width(row: Tensor) -> int:
    if row.size is not None:
        return row.size
    if row.keys is None:
        return len(row.values)
    return int(row.keys.max()) + 1 if len(row.keys) else 0


def parse(data: bytes, start: int, end: int) -> tuple[Tensor | None, Tensor | None]:
    """Features and label of one record; `span`s count from the record's header."""
    found: dict[int, Tensor] = {}
    try:
        for field, first, last in _fields(data, start, end):
            if field in (FEATURES, LABEL):
                name, tensor = _entry(data, first, last, start - 8)
                if name == VALUES and tensor is not None:
                    found[field] = tensor
    except (IndexError, struct.error, ValueError, OverflowError) as error:
        raise CustomerError(f"The record at byte {start - 8} is not a protobuf Record: {error}.") from None
    return found.get(FEATURES), found.get(LABEL)


def _entry(data: bytes, start: int, end: int, origin: int) -> tuple[str, Tensor | None]:
    name, tensor = "", None
    for field, first, last in _fields(data, start, end):
        if field == 1:
            name = data[first:last].decode("utf-8")
        elif field == 2:
            for kind, low, high in _fields(data, first, last):
                if kind in TENSORS:
                    tensor = _tensor(data, low, high, TENSORS[kind], origin)
    return name, tensor


def _tensor(data: bytes, start: int, end: int, kind: str, origin: int) -> Tensor:
    values, keys, size, span = np.zeros(0, kind or np.int32), None, None, None
    for field, first, last in _fields(data, start, end):
        if field == 1 and kind:
            values, span = np.frombuffer(data[first:last], kind), (first - origin, last - origin, kind)
        elif field == 1:
            values = np.array(list(_varints(data, first, last)), np.uint64).astype(np.int64).astype(np.int32)
        elif field == 2:
            keys = np.array(list(_varints(data, first, last)), np.int64)
        elif field == 3:
            shape = list(_varints(data, first, last))
            size = int(shape[-1]) if shape else None
    if keys is None and size is not None and not len(values):
        keys = np.zeros(0, np.int64)  # a sparse row of nothing
    return Tensor(values, keys, size, span)


def _fields(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Number, first and last byte of each field that has a length; others are passed over."""
    at = start
    while at < end:
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == 2:
            length, at = _varint(data, at)
            if at + length > end:
                raise ValueError("a field is longer than its message")
            yield tag >> 3, at, at + length
            at += length
        elif kind == 0:
            _, at = _varint(data, at)
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise ValueError(f"wire type {kind}")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & (1 << 64) - 1, at
        shift += 7
        if shift > 63:
            raise ValueError("a number is too long")


def _varints(data: bytes, start: int, end: int) -> Iterator[int]:
    at = start
    while at < end:
        value, at = _varint(data, at)
        yield value


def write(records: Sequence[Mapping[str, Any]]) -> bytes:
    """Records whose labels are float32 vectors by name: how algorithms answer."""
    return b"".join(
        _frame(b"".join(_labelled(name, values) for name, values in each.items())) for each in records
    )


def _labelled(name: str, values: Any) -> bytes:
    packed = np.atleast_1d(np.asarray(values, "<f4")).tobytes()
    value = _field(2, _field(1, packed))  # Value {float32_tensor {values}}
    return _field(LABEL, _field(1, name.encode()) + _field(2, value))


def _frame(record: bytes) -> bytes:
    return struct.pack("<II", MAGIC, len(record)) + record + b"\0" * (-len(record) % 4)


def _field(number: int, content: bytes) -> bytes:
    head = bytes([number << 3 | 2])
    length = len(content)
    while length > 127:
        head += bytes([length & 127 | 128])
        length >>= 7
    return head + bytes([length]) + content
