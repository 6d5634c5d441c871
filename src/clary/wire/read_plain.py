"""Readers of trees of dicts and lists: JSON and CBOR.

The wording of `Malformed` is that of AWS's JSON services (`STRING_VALUE can not be converted to an Integer`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from botocore.model import Shape

from clary.wire import times, values
from clary.wire.constraints import Test
from clary.wire.errors import Malformed
from clary.wire.reading import Completer, Flaws, Members, Reader, Readers, checked, remembered

NOT_NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class PlainReaders(Readers):
    """The hot path: what the base class does in two calls is written out in one."""

    def fields(self, shape: Shape) -> Callable[[Any], Mapping[str, Any]]:
        return opened_map

    def entries(self, shape: Shape) -> Callable[[Any], Iterable[tuple[str, Any]]]:
        return lambda raw: opened_map(raw).items()

    def items(self, shape: Shape) -> Callable[[Any], list[Any]]:
        return opened_list

    def structure(self, shape: Shape, members: Members, complete: Completer | None) -> Reader:
        known = members.get

        def read(raw: Any, flaws: Flaws) -> dict[str, Any]:
            if type(raw) is not dict:
                raw = opened_map(raw)
            document: dict[str, Any] = {}
            for wire, value in raw.items():
                if value is not None and (entry := known(wire)) is not None:
                    name, inner = entry
                    document[name] = inner(value, flaws)
            if complete is not None:
                complete(document, flaws)
            return document

        return read

    def scalar(self, shape: Shape, met: Test | None) -> Reader:
        kind = shape.type_name
        if kind in {"string", "character"}:
            return string_reader(met)
        if kind in {"integer", "long"}:
            return integer_reader(values.number_name(kind), values.BOUNDS[kind], met)
        if kind in {"float", "double"}:
            return real_reader(real(values.number_name(kind)), met)
        if kind == "timestamp":
            return timestamp_reader
        return checked(boolean if kind == "boolean" else self.blob, met)

    @staticmethod
    def blob(raw: Any) -> bytes:
        return values.blob(raw) if type(raw) is str else refuse(raw, "a Blob")


class CborReaders(PlainReaders):
    @staticmethod
    def blob(raw: Any) -> bytes:
        return raw if type(raw) is bytes else refuse(raw, "a Blob")


def string_reader(met: Test | None) -> Reader:
    if met is None:

        def free(raw: Any, flaws: Flaws) -> Any:
            return raw if type(raw) is str else refuse(raw, "a String")

        return free
    passes = remembered(met)
    assert passes is not None

    def string(raw: Any, flaws: Flaws) -> Any:
        if type(raw) is not str:
            refuse(raw, "a String")
        if not passes(raw):
            flaws.append("string")
        return raw

    return string


def integer_reader(noun: str, bound: int, met: Test | None) -> Reader:
    def integer(raw: Any, flaws: Flaws) -> int:
        if type(raw) is int:
            value = raw
        elif type(raw) is float and math.isfinite(raw):
            value = int(raw)  # AWS cuts fractions off.
        else:
            value = refuse(raw, noun)
        if not -bound <= value < bound:
            refuse(raw, noun)
        if met is not None and not met(value):
            flaws.append("integer")
        return value

    return integer


def real_reader(convert: Callable[[Any], float], met: Test | None) -> Reader:
    if met is None:
        return lambda raw, flaws: raw if type(raw) is float else convert(raw)

    def number(raw: Any, flaws: Flaws) -> float:
        value = raw if type(raw) is float else convert(raw)
        if not met(value):
            flaws.append("number")
        return value

    return number


def timestamp_reader(raw: Any, flaws: Flaws) -> float:
    if (type(raw) is int or type(raw) is float) and times.EARLIEST <= raw <= times.LATEST:
        return float(raw)
    if type(raw) in (int, float, str):
        return times.parse(raw)
    return times.epoch(raw) if isinstance(raw, datetime) else refuse(raw, "milliseconds since epoch")


def opened_map(raw: Any) -> dict[str, Any]:
    if type(raw) is dict:
        return raw
    if type(raw) is list:
        raise Malformed("Start of list found where not expected", raw)
    raise Malformed("Unexpected token received from parser", raw)


def opened_list(raw: Any) -> list[Any]:
    if type(raw) is list:
        return raw
    if type(raw) is dict:
        raise Malformed("Start of structure or map found where not expected.", raw)
    raise Malformed("Unexpected token received from parser", raw)


def real(noun: str) -> Callable[[Any], float]:
    def number(raw: Any) -> float:
        if type(raw) is float:
            return raw
        if type(raw) is int:
            try:
                return float(raw)
            except OverflowError:
                return math.inf if raw > 0 else -math.inf
        return NOT_NUMBERS[raw] if type(raw) is str and raw in NOT_NUMBERS else refuse(raw, noun)

    return number


def boolean(raw: Any) -> bool:
    if type(raw) is bool:
        return raw
    return bool(raw == "true" if raw in ("true", "false") else refuse(raw, "a Boolean"))


def refuse(raw: Any, noun: str) -> Any:
    """Raises `Malformed`, naming the token that was found as AWS's parser does."""
    if isinstance(raw, list):
        raise Malformed("Start of list found where not expected", raw)
    if isinstance(raw, dict):
        raise Malformed("Start of structure or map found where not expected.", raw)
    if isinstance(raw, bool):
        token = "TRUE_VALUE" if raw else "FALSE_VALUE"
    else:
        token = "STRING_VALUE" if isinstance(raw, str) else "NUMBER_VALUE"
    raise Malformed(f"{token} can not be converted to {noun}", raw)
