"""REST requests: members from the path, the query, headers and the body, each where the model puts it.

The path is matched against the model's template, percent-encoded as it came, so that a key may hold any byte;
`{Key+}` takes slashes too. Header and query values are text; the timestamp formats are told apart by their looks.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec
from botocore.model import Shape

from clary.wire import values
from clary.wire.bodies import structured
from clary.wire.constraints import test
from clary.wire.errors import Malformed
from clary.wire.messages import Document, HttpRequest
from clary.wire.models import Operation
from clary.wire.read_typed import TypedReader
from clary.wire.reading import Flaws, Reader, Readers, checked, completer

Locations = tuple[Mapping[str, str], Mapping[str, list[str]], Mapping[str, str]]
"""Path labels, query values by name, headers."""
Getter = Callable[[Locations, Flaws], Any]
BodyReader = Callable[[HttpRequest, Document, Flaws], None]


class Template:
    """A path of the model, as `/{Bucket}/{Key+}`."""

    def __init__(self, uri: str) -> None:
        path = uri.partition("?")[0]
        pattern = ""
        self._labels: list[str] = []
        for literal, label, greedy in re.findall(r"([^{]*)(?:\{([^}+]+)(\+?)\})?", path):
            pattern += re.escape(literal)
            if label:
                self._labels.append(label)
                pattern += "(.+)" if greedy else "([^/]+)"
        end = "" if path.endswith("+}") else "/?"
        self._pattern = re.compile(pattern.rstrip("/") + end, re.DOTALL)

    def fits(self, path: str) -> bool:
        return self._pattern.fullmatch(path) is not None

    def match(self, path: str) -> dict[str, str] | None:
        """The labels' values, decoded; None for a path of another form. Raises `Malformed` for bytes that are no
        text: two keys must not become one."""
        found = self._pattern.fullmatch(path)
        if found is None:
            return None
        labels = {}
        for label, raw in zip(self._labels, found.groups(), strict=True):
            try:
                labels[label] = unquote(raw, errors="strict")
            except UnicodeDecodeError:
                raise Malformed("Couldn't parse the specified URI.", raw, label) from None
        return labels


def query_values(query: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        found.setdefault(name, []).append(value)
    return found


def rest_reader(
    operation: Operation,
    readers: Readers,
    parse: Callable[[bytes], Any],
    typed: TypedReader | None = None,
) -> Reader:
    """`parse` makes a body's tree for `readers`; `typed` reads the members in the body at once, if it can."""
    shape = operation.input
    if shape is None:
        return lambda request, flaws: {}
    path = Template(operation.model.http["requestUri"])
    getters = [
        (name, *getter)
        for name, member in shape.members.items()
        if (getter := _getter(name, member)) is not None
    ]
    queried = any(member.serialization.get("location") == "querystring" for member in shape.members.values())
    body = _body_reader(shape, readers, parse, typed)
    complete = completer(shape)

    def read(request: HttpRequest, flaws: Flaws) -> Document:
        document: Document = {}
        if getters:
            labels = path.match(request.path) or {}
            query = query_values(request.query) if queried else {}
            locations = (labels, query, request.headers)
            for name, wire, get in getters:
                try:
                    value = get(locations, flaws)
                except Malformed as error:
                    error.member = wire
                    raise
                if value is not None:
                    document[name] = value
        if body is not None:
            body(request, document, flaws)
        if complete is not None:
            complete(document, flaws)
        return document

    return read


def _body_reader(
    shape: Shape, readers: Readers, parse: Callable[[bytes], Any], typed: TypedReader | None
) -> BodyReader | None:
    payload = shape.serialization.get("payload")
    if payload is None:
        members = readers.members(shape)
        if not members:
            return None
        fields = readers.fields(shape)

        def read_members(request: HttpRequest, document: Document, flaws: Flaws) -> None:
            if request.body:
                whole = structured(request)
                if typed is not None and (found := typed(whole)) is not None:
                    document.update(found)
                    return
                for wire, value in fields(parse(whole)).items():
                    if value is not None and (entry := members.get(wire)) is not None:
                        document[entry[0]] = entry[1](value, flaws)

        return read_members
    member = shape.members[payload]
    if member.type_name in {"blob", "string"} or member.serialization.get("eventstream"):
        return _raw_payload(payload, member)
    inner = readers.reader(member)

    def read_payload(request: HttpRequest, document: Document, flaws: Flaws) -> None:
        if request.body:
            document[payload] = inner(parse(structured(request)), flaws)

    return read_payload


def _raw_payload(name: str, member: Shape) -> BodyReader:
    met = test(member)
    text = member.type_name == "string"

    def read(request: HttpRequest, document: Document, flaws: Flaws) -> None:
        if text:
            try:
                value: Any = bytes(request.body).decode()  # type: ignore[arg-type]
            except UnicodeDecodeError:
                raise Malformed("The body is not UTF-8") from None
        else:
            value = request.body
        document[name] = value
        if met is not None and not met(value):
            flaws.append(name)

    return read


def _getter(name: str, member: Shape) -> tuple[str, Getter] | None:
    location = member.serialization.get("location")
    wire = str(member.serialization.get("name", name))
    if location == "uri":
        return wire, _label(wire, _scalar(member))
    if location == "querystring":
        return wire, _query(wire, member)
    if location == "header":
        return wire, _header(wire.lower(), member)
    if location == "headers":
        prefix = wire.lower()
        return wire, lambda at, flaws: _header_map(prefix, at[2])
    return None


def _scalar(member: Shape) -> Reader:
    return checked(values.from_text(member), test(member))


def _label(wire: str, read: Reader) -> Getter:
    def get(at: Locations, flaws: Flaws) -> Any:
        raw = at[0].get(wire)
        return None if raw is None else read(raw, flaws)

    return get


def _query(wire: str, member: Shape) -> Getter:
    if member.type_name == "map":
        many = member.value.type_name == "list"

        def get_map(at: Locations, flaws: Flaws) -> Any:
            return {name: held if many else held[0] for name, held in at[1].items()} or None

        return get_map
    if member.type_name == "list":
        read = _scalar(member.member)

        def get_list(at: Locations, flaws: Flaws) -> Any:
            held = at[1].get(wire)
            return None if held is None else [read(value, flaws) for value in held]

        return get_list
    read = _scalar(member)
    text = member.type_name == "string"

    def get(at: Locations, flaws: Flaws) -> Any:
        held = at[1].get(wire)
        return None if held is None or not (text or held[0]) else read(held[0], flaws)

    return get


def _header(wire: str, member: Shape) -> Getter:
    if member.serialization.get("jsonvalue"):
        return lambda at, flaws: _json_header(at[2].get(wire))
    if member.type_name == "list":
        read = _scalar(member.member)
        split = _dates if member.member.type_name == "timestamp" else _elements

        def get_list(at: Locations, flaws: Flaws) -> Any:
            held = at[2].get(wire)
            return None if held is None else [read(value, flaws) for value in split(held)]

        return get_list
    read = _scalar(member)

    def get(at: Locations, flaws: Flaws) -> Any:
        held = at[2].get(wire)
        return None if held is None else read(held, flaws)

    return get


def _header_map(prefix: str, headers: Mapping[str, str]) -> dict[str, str] | None:
    return {name[len(prefix) :]: value for name, value in headers.items() if name.startswith(prefix)} or None


def _json_header(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return msgspec.json.decode(values.blob(text))
    except msgspec.DecodeError:
        raise Malformed("The header is not JSON", text) from None


def _elements(text: str) -> list[str]:
    """Comma-separated, quoted where an element holds a comma itself."""
    try:
        return [item.strip() for item in next(csv.reader([text], skipinitialspace=True, escapechar="\\"))]
    except (csv.Error, StopIteration):
        raise Malformed("The header is not a list", text) from None


def _dates(text: str) -> list[str]:
    """HTTP dates hold one comma each: `Mon, 16 Dec 2019 23:48:18 GMT, Mon, ...`."""
    if "GMT" not in text:
        return [part.strip() for part in text.split(",")]
    return [part.strip(", ") for part in re.findall(r"[^,]+,[^,]+", text)]
