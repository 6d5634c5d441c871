"""Filters as people type them."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clary.domain.run_filter import OPERATORS, BadFilter, parse


def read(text: str) -> dict[str, Any]:
    return parse(text, str.upper)


def compare(name: str, operator: str, value: str | None = None) -> dict[str, Any]:
    given = {"Name": name, "Operator": operator}
    return {"Filters": [given if value is None else {**given, "Value": value}]}


@pytest.mark.parametrize("sign", OPERATORS)
def test_comparisons_with_and_without_blanks(sign: str) -> None:
    assert read(f"lr {sign} 0.01") == read(f"lr{sign}0.01") == compare("LR", OPERATORS[sign], "0.01")


def test_and_binds_before_or_and_parentheses_before_both() -> None:
    a, b, c = (compare(name, "Exists") for name in "ABC")
    assert read("a or b and c") == {
        "Operator": "Or", "SubExpressions": [a, {"Operator": "And", "SubExpressions": [b, c]}],
    }  # fmt: skip
    assert read("(a or b) and c") == {
        "Operator": "And", "SubExpressions": [{"Operator": "Or", "SubExpressions": [a, b]}, c],
    }  # fmt: skip
    assert read("NOT a") == compare("A", "NotExists")
    assert read("a in (1, 'x y')") == {
        "Operator": "Or", "SubExpressions": [compare("A", "Equals", "1"), compare("A", "Equals", "x y")],
    }  # fmt: skip


def test_blank_is_everything() -> None:
    assert read("") == read("  ") == {}


@pytest.mark.parametrize(
    "text", ["a >", "> 1", "a = 1 and", "(a", "a)", "a in 1", "a 'b", "and", "not", "a b"]
)
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(BadFilter):
        read(text)


@given(st.text(st.characters(exclude_characters="'\"")), st.text(st.characters(exclude_characters="'")))
def test_quotes_hold_anything(name: str, value: str) -> None:
    assert parse(f"\"{name}\" = '{value}'", lambda given: given) == compare(name, "Equals", value)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(BadFilter):
        assert isinstance(read(text), dict)
