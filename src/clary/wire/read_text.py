"""Readers of trees whose leaves are text: the query protocol's forms and rest-xml's elements.

A form is first split at the dots of its names: `Tags.member.1.Key=a` becomes `{"Tags": {"member": {"1": {"Key": "a"}}}}`.
XML is an `Element`. Document types do not exist in either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from botocore.model import Shape

from clary.wire import values
from clary.wire.constraints import Test
from clary.wire.errors import Malformed
from clary.wire.reading import Reader, Readers, checked

MISPLACED = "Start of structure or map found where not expected."


class FormReaders(Readers):
    def fields(self, shape: Shape) -> Callable[[Any], Mapping[str, Any]]:
        return form_fields

    def member_name(self, name: str, shape: Shape) -> str:
        if shape.type_name == "list" and shape.serialization.get("flattened"):
            name = shape.serialization.get("name", name)
            return str(shape.member.serialization.get("name", name))
        return super().member_name(name, shape)

    def items(self, shape: Shape) -> Callable[[Any], list[Any]]:
        if shape.serialization.get("flattened"):
            return numbered
        wrapper = shape.member.serialization.get("name", "member")
        return lambda raw: numbered(form_fields(raw).get(wrapper, ""))

    def entries(self, shape: Shape) -> Callable[[Any], Iterable[tuple[str, Any]]]:
        flattened = shape.serialization.get("flattened")
        key_name = shape.key.serialization.get("name", "key")
        value_name = shape.value.serialization.get("name", "value")

        def pairs(raw: Any) -> Iterable[tuple[str, Any]]:
            for entry in numbered(raw if flattened else form_fields(raw).get("entry", "")):
                pair = form_fields(entry)
                yield form_text(pair.get(key_name, "")), pair.get(value_name)

        return pairs

    def scalar(self, shape: Shape, met: Test | None) -> Reader:
        convert = values.from_text(shape)
        return checked(lambda raw: convert(form_text(raw)), met)


def form_tree(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Names to their nested form; a name that is both a leaf and a branch is a branch."""
    tree: dict[str, Any] = {}
    for name, value in pairs:
        *branches, leaf = name.split(".")
        node = tree
        for branch in branches:
            below = node.get(branch)
            if type(below) is not dict:
                below = node[branch] = {}
            node = below
        if type(node.get(leaf)) is not dict:
            node[leaf] = value
    return tree


def form_fields(raw: Any) -> dict[str, Any]:
    """Of a structure; an empty one is written as an empty value."""
    if type(raw) is dict:
        return raw
    if raw == "":
        return {}
    raise Malformed("Unexpected value found where a structure was expected", raw)


def form_text(raw: Any) -> str:
    if type(raw) is str:
        return raw
    raise Malformed(MISPLACED, raw)


def numbered(raw: Any) -> list[Any]:
    """Items in the order of their numbers, which need not be without gaps."""
    try:
        return [item for _, item in sorted((int(number), item) for number, item in form_fields(raw).items())]
    except (ValueError, TypeError):
        raise Malformed("Unexpected list element", raw) from None


class XmlReaders(Readers):
    def fields(self, shape: Shape) -> Callable[[Any], Mapping[str, Any]]:
        attributes = [
            member.serialization["name"]
            for member in shape.members.values()
            if member.serialization.get("xmlAttribute")
        ]

        def children(raw: Any) -> Mapping[str, Any]:
            found: dict[str, Any] = {}
            for child in raw[0]:
                found.setdefault(local(child.tag), []).append(child)
            if attributes:
                held = {local(name): value for name, value in raw[0].attrib.items()}
                for name in attributes:
                    if (value := held.get(name.rpartition(":")[2])) is not None:
                        element = Element(name)
                        element.text = value
                        found[name] = [element]
            return found

        return children

    def items(self, shape: Shape) -> Callable[[Any], list[Any]]:
        if shape.serialization.get("flattened"):
            return lambda raw: [[element] for element in raw]
        wrapper = shape.member.serialization.get("name", "member")
        return lambda raw: [[element] for element in raw[0] if local(element.tag) == wrapper]

    def entries(self, shape: Shape) -> Callable[[Any], Iterable[tuple[str, Any]]]:
        flattened = shape.serialization.get("flattened")
        key_name = shape.key.serialization.get("name", "key")
        value_name = shape.value.serialization.get("name", "value")

        def pairs(raw: Any) -> Iterable[tuple[str, Any]]:
            for entry in raw if flattened else raw[0]:
                pair = {local(child.tag): child for child in entry}
                key, value = pair.get(key_name), pair.get(value_name)
                if key is not None and value is not None:
                    yield key.text or "", [value]

        return pairs

    def scalar(self, shape: Shape, met: Test | None) -> Reader:
        convert = values.from_text(shape)
        if shape.type_name in {"string", "character", "blob"}:
            return checked(lambda raw: convert(xml_text(raw)), met)
        # Indented documents put white space around numbers and dates.
        return checked(lambda raw: convert(xml_text(raw).strip()), met)


def parse_xml(body: bytes) -> Element:
    """The root element. Raises `Malformed`: also for a document type, which no AWS service reads, and which is
    how entities expand without bound."""
    parser = XMLParser(target=_Builder())
    try:
        parser.feed(body)
        root: Element = parser.close()
        return root
    except (ParseError, ValueError, LookupError) as error:
        raise Malformed(f"The XML is not well-formed: {error}") from None


class _Builder(TreeBuilder):
    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise Malformed("A document type declaration is not allowed")


def local(tag: str) -> str:
    """Without `{namespace}`: AWS's services do not ask for it."""
    return tag.rpartition("}")[2]


def xml_text(raw: Any) -> str:
    element = raw[0]
    if len(element):
        raise Malformed(MISPLACED, element.tag)
    return element.text or ""
