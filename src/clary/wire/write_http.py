"""REST answers: members to the status, the headers and the body, each where the model puts it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from botocore.model import Shape

from clary.wire import values
from clary.wire.messages import Document, HttpResponse

Headers = list[tuple[str, str]]
HeaderWriter = Callable[[Headers, Any], None]


class HeadWriter:
    """Writes those members of an answer or error that are not in its body."""

    def __init__(self, shape: Shape) -> None:
        self._headers: list[tuple[str, HeaderWriter]] = []
        self._status: str | None = None
        self._names: set[str] = set()
        for name, member in shape.members.items():
            location = member.serialization.get("location")
            wire = str(member.serialization.get("name", name))
            if location == "header":
                self._names.add(wire.lower())
                self._headers.append((name, _header(wire, member)))
            elif location == "headers":
                self._headers.append((name, _header_map(wire)))
            elif location == "statusCode":
                self._status = name

    def may_write(self, header: str) -> bool:
        """Whether a member is this header's; given in lower case."""
        return header in self._names

    def write(self, document: Document, response: HttpResponse) -> None:
        for name, write in self._headers:
            if (value := document.get(name)) is not None:
                write(response.headers, value)
        if self._status is not None and document.get(self._status) is not None:
            response.status = int(document[self._status])


def _header(wire: str, member: Shape) -> HeaderWriter:
    text = _header_text(member)

    def write(headers: Headers, value: Any) -> None:
        headers.append((wire, text(value)))

    if member.type_name == "list":
        return lambda headers, value: write(headers, value) if value else None
    return write


def _header_text(member: Shape) -> values.ToText:
    if member.serialization.get("jsonvalue"):
        return lambda value: values.base64_text(msgspec.json.encode(value))
    if member.type_name == "list":
        text = values.to_text(member.member, "rfc822")
        quote = member.member.type_name == "string"
        return lambda value: ", ".join(_quoted(text(item)) if quote else text(item) for item in value)
    return values.to_text(member, "rfc822")


def _quoted(text: str) -> str:
    if "," not in text and '"' not in text:
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _header_map(prefix: str) -> HeaderWriter:
    def write(headers: Headers, value: Any) -> None:
        headers.extend((f"{prefix}{name}", values.string(item)) for name, item in value.items())

    return write
