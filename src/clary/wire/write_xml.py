"""Writers of XML: the bodies of query and rest-xml answers.

`element(shape, tag)` gives a closure that appends an element's markup to a list of strings. Tags, name spaces and
attributes are the model's; a flattened list repeats its own tag, others wrap `<member>` or what the model names.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from botocore.model import Shape

from clary.wire import values
from clary.wire.writing import in_body

Out = list[str]
Markup = Callable[[Out, Any], None]

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SPECIAL = re.compile(r"[&<>\"\r\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


class XmlWriters:
    """One per service and protocol. `timestamps` is the format where a shape names none."""

    def __init__(self, timestamps: str = "iso8601") -> None:
        self._timestamps = timestamps
        self._contents: dict[str, tuple[list[tuple[str, Markup]], list[tuple[str, str, values.ToText]]]] = {}

    def element(self, shape: Shape, tag: str, xmlns: str = "") -> Markup:
        start, end = f"<{tag}{xmlns or namespace(shape)}", f"</{tag}>"
        kind = shape.type_name
        if kind == "structure":
            return self._structure(shape, start, end)
        if kind == "list":
            return self._list(shape, tag, start, end)
        if kind == "map":
            return self._map(shape, start, end)
        text = self.text(shape)
        return lambda out, value: out.append(f"{start}>{escape(text(value))}{end}")

    def text(self, shape: Shape) -> values.ToText:
        return values.to_text(shape, self._timestamps)

    def members(self, shape: Shape) -> list[tuple[str, Markup]]:
        """Of a structure, those that are elements of the body."""
        return [
            (name, self.element(member, _tag(name, member)))
            for name, member in shape.members.items()
            if in_body(member) and not member.serialization.get("xmlAttribute")
        ]

    def _structure(self, shape: Shape, start: str, end: str) -> Markup:
        members, attributes = self._content(shape)

        def structure(out: Out, document: Any) -> None:
            held = document.get
            out.append(start)
            for name, tag, text in attributes:
                if (value := held(name)) is not None:
                    out.append(f' {tag}="{escape(text(value))}"')
            out.append(">")
            for name, write in members:
                if (value := held(name)) is not None:
                    write(out, value)
            out.append(end)

        return structure

    def _content(self, shape: Shape) -> tuple[list[tuple[str, Markup]], list[tuple[str, str, values.ToText]]]:
        if shape.name not in self._contents:
            members: list[tuple[str, Markup]] = []
            attributes = [
                (name, member.serialization["name"], self.text(member))
                for name, member in shape.members.items()
                if member.serialization.get("xmlAttribute")
            ]
            # Kept before its members are compiled: a structure may hold itself.
            self._contents[shape.name] = members, attributes
            members.extend(self.members(shape))
        return self._contents[shape.name]

    def _list(self, shape: Shape, tag: str, start: str, end: str) -> Markup:
        member = shape.member
        if shape.serialization.get("flattened"):
            each = self.element(member, tag, namespace(shape))

            def flat(out: Out, value: Any) -> None:
                for item in value:
                    if item is not None:
                        each(out, item)

            return flat
        write = self.element(member, member.serialization.get("name", "member"))

        def wrapped(out: Out, value: Any) -> None:
            out.append(f"{start}>")
            for item in value:
                if item is not None:
                    write(out, item)
            out.append(end)

        return wrapped

    def _map(self, shape: Shape, start: str, end: str) -> Markup:
        key = self.element(shape.key, shape.key.serialization.get("name", "key"))
        write = self.element(shape.value, shape.value.serialization.get("name", "value"))
        flattened = shape.serialization.get("flattened")
        entry_start, entry_end = (f"{start}>", end) if flattened else ("<entry>", "</entry>")

        def mapping(out: Out, value: Any) -> None:
            if not flattened:
                out.append(f"{start}>")
            for name, item in value.items():
                if item is not None:
                    out.append(entry_start)
                    key(out, name)
                    write(out, item)
                    out.append(entry_end)
            if not flattened:
                out.append(end)

        return mapping


def namespace(shape: Shape) -> str:
    """The attribute that declares the shape's name space, with a space before it."""
    named = shape.serialization.get("xmlNamespace")
    if not named:
        return ""
    uri, prefix = (named, None) if isinstance(named, str) else (named["uri"], named.get("prefix"))
    return f' xmlns{f":{prefix}" if prefix else ""}="{escape(uri)}"'


def escape(text: str) -> str:
    """Also of carriage returns, which a parser would turn into line feeds. Characters that XML cannot hold are
    written as references, as S3 does."""
    return _SPECIAL.sub(lambda found: _ENTITIES.get(found[0]) or f"&#{ord(found[0])};", text)


def _tag(name: str, member: Shape) -> str:
    if member.type_name == "list" and member.serialization.get("flattened"):
        inner = member.member.serialization.get("name")
        if inner is not None:
            return str(inner)
    return str(member.serialization.get("name", name))


__all__ = ["DECLARATION", "Markup", "Out", "XmlWriters", "escape", "namespace"]
