"""Tables as an Arrow IPC stream, which pyarrow, pandas, polars, DuckDB and R read without a copy.

Columns are lists of one type, with None where there is no value; arrays of numbers are written as they lie. nanoarrow
writes the stream: it takes 3 MB where pyarrow takes 165 (see docs/adr/0005-arrow.md).
"""

from __future__ import annotations

import io
from array import array
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, Literal

import nanoarrow  # type: ignore[import-untyped]
from nanoarrow.ipc import InputStream, StreamWriter  # type: ignore[import-untyped]

MEDIA_TYPE = "application/vnd.apache.arrow.stream"

Type = Literal["float", "integer", "text"]
_TYPES = {"float": nanoarrow.float64, "integer": nanoarrow.int64, "text": nanoarrow.string}
_CODES = {"float": "d", "integer": "q"}


def encode(columns: Mapping[str, tuple[Type, Sequence[Any]]]) -> bytes:
    """A stream of one batch. `columns`: type and values by name, all of one length."""
    stream = Stream({name: kind for name, (kind, _) in columns.items()})
    return stream.batch([values for _, values in columns.values()]) + stream.end()


class Stream:
    """A stream of batches, of which at least one must be: the schema goes ahead of the first."""

    def __init__(self, types: Mapping[str, Type]) -> None:
        self._types = list(types.values())
        self._schema = nanoarrow.struct({name: _TYPES[kind]() for name, kind in types.items()})
        self._out = io.BytesIO()
        self._writer = StreamWriter.from_writable(self._out)

    def batch(self, columns: Sequence[Sequence[Any]]) -> bytes:
        """In the order of the types, all of one length."""
        children = [_column(kind, values) for kind, values in zip(self._types, columns, strict=True)]
        length = max(map(len, columns), default=0)
        self._writer.write_array(
            nanoarrow.c_array_from_buffers(self._schema, length, [None], children=children)
        )
        return self._taken()

    def end(self) -> bytes:
        self._writer.close()
        return self._taken()

    def _taken(self) -> bytes:
        written = self._out.getvalue()
        self._out.seek(0)
        self._out.truncate()
        return written


def decode(stream: bytes) -> dict[str, list[Any]]:
    """Columns by name, of all batches."""
    with InputStream.from_readable(stream) as source:
        names, columns = nanoarrow.ArrayStream(source).to_columns_pysequence(handle_nulls=_with_nones)
    return dict(zip(names, columns, strict=True))


def _with_nones(valid: Sequence[bool] | None, values: Sequence[Any]) -> list[Any]:
    if valid is None:
        return list(values)
    return [value if there else None for there, value in zip(valid, values, strict=True)]


def _column(kind: Type, values: Sequence[Any]) -> Any:
    if isinstance(values, array) or None not in values:
        valid = None
    else:
        valid = _bits([value is not None for value in values])
        nothing = "" if kind == "text" else 0
        values = [nothing if value is None else value for value in values]
    buffers = _text(values) if kind == "text" else [_numbers(_CODES[kind], values)]
    return nanoarrow.c_array_from_buffers(_TYPES[kind](), len(values), [valid, *buffers])


def _numbers(code: str, values: Sequence[Any]) -> Any:
    return values if isinstance(values, array) and values.typecode == code else array(code, values)


def _text(values: Sequence[str]) -> list[Any]:
    """Offsets and bytes."""
    joined = "".join(values)
    if joined.isascii():
        return [array("i", accumulate(map(len, values), initial=0)), joined.encode()]
    pieces = [value.encode() for value in values]
    return [array("i", accumulate(map(len, pieces), initial=0)), b"".join(pieces)]


def _bits(flags: Sequence[bool]) -> bytes:
    """The least significant bit first. Read as one number: a byte a flag would cost a loop."""
    digits = "".join(["1" if flag else "0" for flag in reversed(flags)])
    return int(digits, 2).to_bytes(-(-len(digits) // 8), "little")
