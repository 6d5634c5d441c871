"""The filters that people type: `lr > 0.01 and model = 'resnet'`, as the document of a SearchExpression. Pure.

    filter      both ("or" both)*
    both        term ("and" term)*
    term        "(" filter ")" | "not" NAME | NAME | NAME operator value | NAME "in" "(" value ("," value)* ")"
    operator    = != > >= < <= ~ (contains)

A name alone asks whether it is there. Names and values with blanks or signs in them stand in quotes, single or
double. What a name stands for is the caller's to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Document = dict[str, Any]

OPERATORS = {
    "=": "Equals",
    "==": "Equals",
    "!=": "NotEquals",
    ">": "GreaterThan",
    ">=": "GreaterThanOrEqualTo",
    "<": "LessThan",
    "<=": "LessThanOrEqualTo",
    "~": "Contains",
}
_TOKEN = re.compile(
    r"""\s*(?:(?P<sign>==|!=|>=|<=|[=<>~(),])|"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<word>[^\s=!<>~(),"']+))"""
)
_WORDS = ("and", "or", "not", "in")


class BadFilter(ValueError):
    """A filter that cannot be read; the message says where."""


def parse(text: str, resolve: Callable[[str], str]) -> Document:
    """The SearchExpression; empty for a blank text. `resolve` turns a name into the property's. Raises `BadFilter`."""
    reader = _Reader(text, resolve)
    if reader.ended:
        return {}
    found = reader.either()
    if not reader.ended:
        raise reader.unexpected()
    return found


class _Reader:
    def __init__(self, text: str, resolve: Callable[[str], str]) -> None:
        self._resolve = resolve
        self._tokens: list[tuple[str, str]] = []
        """(kind, text): `sign`, `quoted`, `word`."""
        self._at = 0
        place, text = 0, text.rstrip()
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None:
                raise BadFilter(f"The filter cannot be read at: {text[place:].strip()}")
            kind = match.lastgroup or ""
            self._tokens.append((kind if kind in ("sign", "word") else "quoted", match[kind]))
            place = match.end()

    @property
    def ended(self) -> bool:
        return self._at == len(self._tokens)

    def unexpected(self) -> BadFilter:
        if self.ended:
            return BadFilter("The filter ends too early.")
        return BadFilter(f"The filter has {self._tokens[self._at][1]!r} where it was not expected.")

    def _take(self, kind: str, *texts: str) -> str | None:
        """The next token's text if it is of the kind and, where given, one of the texts; then it is passed."""
        if self.ended:
            return None
        found, text = self._tokens[self._at]
        if found != kind or (texts and text.lower() not in texts):
            return None
        self._at += 1
        return text

    def _expect(self, sign: str) -> None:
        if self._take("sign", sign) is None:
            raise self.unexpected()

    def either(self) -> Document:
        terms = [self._both()]
        while self._take("word", "or"):
            terms.append(self._both())
        return terms[0] if len(terms) == 1 else {"SubExpressions": terms, "Operator": "Or"}

    def _both(self) -> Document:
        terms = [self._term()]
        while self._take("word", "and"):
            terms.append(self._term())
        return terms[0] if len(terms) == 1 else {"SubExpressions": terms, "Operator": "And"}

    def _term(self) -> Document:
        if self._take("sign", "("):
            found = self.either()
            self._expect(")")
            return found
        if self._take("word", "not"):
            return _filter(self._name(), "NotExists")
        name = self._name()
        if self._take("word", "in"):
            self._expect("(")
            values = [self._value()]
            while self._take("sign", ","):
                values.append(self._value())
            self._expect(")")
            # Search's own In takes texts only.
            return {"SubExpressions": [_filter(name, "Equals", value) for value in values], "Operator": "Or"}
        operator = self._take("sign", *OPERATORS)
        if operator is None:
            return _filter(name, "Exists")
        return _filter(name, OPERATORS[operator], self._value())

    def _name(self) -> str:
        if not self.ended and self._tokens[self._at][0] == "word" and self._tokens[self._at][1] in _WORDS:
            raise self.unexpected()
        return self._resolve(self._value())

    def _value(self) -> str:
        found = self._take("quoted")
        if found is None:
            found = self._take("word")
        if found is None:
            raise self.unexpected()
        return found


def _filter(name: str, operator: str, value: str | None = None) -> Document:
    given = {"Name": name, "Operator": operator}
    return {"Filters": [given if value is None else {**given, "Value": value}]}
