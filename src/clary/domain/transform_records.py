"""Batch transform's records: split, put together for a request, filtered, joined with their answers. Pure.

    records   a file's bytes as records, by SplitType
    payloads  records as request bodies, by BatchStrategy and MaxPayloadInMB
    Joiner    DataProcessing: InputFilter, JoinSource, OutputFilter over CSV, JSON and JSON Lines

Sources: CreateTransformJob's reference and "Associate Prediction Results with Input Records" in AWS's guide.
"""

from __future__ import annotations

import csv
import io
import json
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from clary.domain.jsonpath import Filter, NoMatch, compile_path

MAGIC = 0xCED7230A
CSV, JSON, JSONLINES = "text/csv", "application/json", "application/jsonlines"


class BadRecord(ValueError):
    """The file cannot be transformed; the message says why."""


def records(file: BinaryIO, split: str) -> Iterator[bytes]:
    """`None`: the file is one record. Lines come without their newline; empty ones are left out."""
    if split == "Line":
        for line in file:
            text = line.rstrip(b"\r\n")
            if text:
                yield text
    elif split == "RecordIO":
        yield from _recordio(file)
    elif split == "TFRecord":
        yield from _tfrecord(file)
    else:
        yield file.read()


def _recordio(file: BinaryIO) -> Iterator[bytes]:
    while head := file.read(8):
        if len(head) < 8 or struct.unpack("<I", head[:4])[0] != MAGIC:
            raise BadRecord("it is not RecordIO: a record does not begin with its magic number")
        length = struct.unpack("<I", head[4:])[0] & 0x1FFFFFFF
        data = file.read(length + -length % 4)
        if len(data) < length:
            raise BadRecord("it is not RecordIO: it ends within a record")
        yield head + data


def _tfrecord(file: BinaryIO) -> Iterator[bytes]:
    while head := file.read(12):
        length = struct.unpack("<Q", head[:8])[0] if len(head) == 12 else -1
        rest = file.read(length + 4) if length >= 0 else b""
        if len(rest) < length + 4 or length < 0:
            raise BadRecord("it is not TFRecord: it ends within a record")
        yield head + rest


@dataclass(frozen=True, slots=True)
class Payload:
    body: bytes
    originals: tuple[bytes, ...]
    """The records in it, as they were before any filter."""


def payloads(
    given: Iterable[bytes], split: str, strategy: str, limit: int, joiner: Joiner | None
) -> Iterator[Payload]:
    """`limit`: bytes of a body; 0: none. Raises `BadRecord` for a record beyond it, or one that a filter refuses."""
    newline = b"\n" if split == "Line" else b""
    bodies: list[bytes] = []
    originals: list[bytes] = []
    size = 0
    for record in given:
        body = joiner.before(record) if joiner else record
        length = len(body) + len(newline)
        if limit and len(body) > limit:
            raise BadRecord(
                f"a record of {len(body)} bytes is larger than MaxPayloadInMB allows ({limit} bytes)"
            )
        if bodies and (strategy == "SingleRecord" or split == "None" or (limit and size + length > limit)):
            yield Payload(newline.join(bodies), tuple(originals))
            bodies, originals, size = [], [], 0
        bodies.append(body)
        originals.append(record)
        size += length
    if bodies:
        yield Payload(newline.join(bodies), tuple(originals))


class Joiner:
    """What DataProcessing asks for. `content_type` and `accept` are those of the job. Raises `BadPath`."""

    def __init__(self, processing: dict[str, str], content_type: str, accept: str) -> None:
        self._input = _filter(processing.get("InputFilter"))
        self._output = _filter(processing.get("OutputFilter"))
        self._join = processing.get("JoinSource") == "Input"
        self._in, self._out = _kind(content_type), _kind(accept or content_type)

    @property
    def after_needed(self) -> bool:
        return self._join or self._output is not None

    def before(self, record: bytes) -> bytes:
        """The record as the model gets it."""
        if self._input is None:
            return record
        return _write(self._apply(self._input, _read(record, self._in)), self._in)

    def after(self, originals: tuple[bytes, ...], answer: bytes) -> bytes:
        """The answer to a payload, with what is joined and kept; records on lines of their own."""
        if not self.after_needed:
            return answer
        answers = self._answers(answer, len(originals))
        lines = []
        for original, each in zip(originals, answers, strict=True):
            value = self._joined(_read(original, self._in), each) if self._join else each
            if self._output is not None:
                value = self._apply(self._output, value)
            lines.append(
                _write(value, CSV if self._in == CSV and isinstance(value, list) else self._written(value))
            )
        return b"\n".join(lines)

    def _written(self, value: Any) -> str:
        return JSON if isinstance(value, dict) or self._out != CSV else CSV

    def _answers(self, answer: bytes, count: int) -> list[Any]:
        if self._out == JSON and count == 1:
            return [_read(answer, JSON)]
        lines = [line for line in answer.splitlines() if line.strip()]
        if len(lines) != count:
            raise BadRecord(
                f"the model answered {len(lines)} lines to {count} records: to associate them, it must answer one line "
                "a record (or use BatchStrategy SingleRecord)"
            )
        return [_read(line, self._out) for line in lines]

    def _joined(self, original: Any, answer: Any) -> Any:
        if self._in == CSV:
            return [*original, *(answer if isinstance(answer, list) else [answer])]
        if isinstance(original, dict):
            return {**original, "SageMakerOutput": answer}
        return {"SageMakerInput": original, "SageMakerOutput": answer}

    def _apply(self, path: Filter, value: Any) -> Any:
        try:
            return path(value)
        except NoMatch as error:
            raise BadRecord(f"a filter of DataProcessing does not fit: {error}") from None


def _filter(path: str | None) -> Filter | None:
    return None if path in (None, "", "$") else compile_path(str(path))


def _kind(content_type: str) -> str:
    kind = content_type.partition(";")[0].strip().lower()
    return {"": CSV, "application/x-jsonlines": JSONLINES, "text/plain": CSV}.get(kind, kind)


def _read(record: bytes, kind: str) -> Any:
    try:
        text = record.decode()
        if kind == CSV:
            return next(csv.reader([text]), [])
        return json.loads(text)
    except (ValueError, csv.Error) as error:
        raise BadRecord(f"a record is not {kind}: {error}") from None


def _write(value: Any, kind: str) -> bytes:
    if kind != CSV:
        return json.dumps(value).encode()
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(value if isinstance(value, list) else [value])
    return out.getvalue().encode()
