"""The part of an object that a GET or a copy wants."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from clary.services.s3.faults import fault
from clary.storage.ports import Document, ObjectRecord

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True, slots=True)
class Span:
    start: int
    length: int
    partial: bool = False
    """Answered as 206 with Content-Range."""

    def content_range(self, size: int) -> str:
        return f"bytes {self.start}-{self.start + self.length - 1}/{size}"


def wanted(record: ObjectRecord, request: Document) -> Span:
    """By Range or PartNumber. Raises InvalidRange, InvalidPartNumber, InvalidRequest."""
    header, number = request.get("Range"), request.get("PartNumber")
    if number is not None:
        if header is not None:
            raise fault("InvalidRequest", "Cannot specify both Range header and partNumber query parameter")
        return part(record, number)
    return parse(header, record.size) if header is not None else Span(0, record.size)


def parse(header: str, size: int) -> Span:
    """One range; several, or what is no range at all, mean the whole object. Raises InvalidRange."""
    found = _RANGE.fullmatch(header.strip())
    if found is None or found[0] == "bytes=-":
        return Span(0, size)
    first, last = found[1], found[2]
    if first and last and int(last) < int(first):
        return Span(0, size)
    if first:
        start = int(first)
        length = min(int(last) + 1 if last else size, size) - start
    else:
        length = min(int(last), size)
        start = size - length
    if length <= 0:
        raise fault("InvalidRange", ActualObjectSize=size, RangeRequested=header)
    return Span(start, length, partial=True)


def copied(header: str | None, size: int) -> Span:
    """x-amz-copy-source-range: `bytes=FIRST-LAST`, inside the source. Raises InvalidArgument."""
    if header is None:
        return Span(0, size)
    found = _RANGE.fullmatch(header)
    if found is None or not found[1] or not found[2] or int(found[2]) < int(found[1]):
        raise fault(
            "InvalidArgument",
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are "
            "the zero-based offsets of the first and last bytes to copy",
            ArgumentName="x-amz-copy-source-range",
            ArgumentValue=header,
        )
    if int(found[2]) >= size:
        raise fault(
            "InvalidArgument",
            f"Range specified is not valid for source object of size: {size}",
            ArgumentName="x-amz-copy-source-range",
            ArgumentValue=header,
        )
    return Span(int(found[1]), int(found[2]) - int(found[1]) + 1)


def part(record: ObjectRecord, number: int) -> Span:
    """The bytes of a part; an object that was put in one piece has one. Raises InvalidPartNumber."""
    sizes = part_sizes(record)
    if not 1 <= number <= max(len(sizes), 1):
        raise fault("InvalidPartNumber", ActualPartCount=max(len(sizes), 1), PartNumberRequested=number)
    if not sizes:
        return Span(0, record.size, partial=record.size > 0)
    return Span(sum(sizes[: number - 1]), sizes[number - 1], partial=True)


def part_sizes(record: ObjectRecord) -> list[int]:
    """Of an object uploaded in parts; empty for others. Kept as runs of `[size, count]`: parts are alike."""
    return [size for size, count in record.document.get("Parts", ()) for _ in range(count)]


def runs(sizes: Sequence[int]) -> list[list[int]]:
    """The inverse of `part_sizes`."""
    packed: list[list[int]] = []
    for size in sizes:
        if packed and packed[-1][0] == size:
            packed[-1][1] += 1
        else:
            packed.append([size, 1])
    return packed
