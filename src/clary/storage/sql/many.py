"""Reads by many keys in one statement. The keys travel as one JSON array, so that the SQL is the same for any
number of them, and what they find comes back in no particular order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Column, Select, bindparam, func, select

from clary.storage.sql.session import encode

_keys = func.json_each(bindparam("keys")).table_valued("key", "value")
PLACE = _keys.c.key
"""Of a statement made by `by_keys`: which of the keys found a row, from 0 on."""


def keys(values: Iterable[str | int]) -> str:
    """The parameter `keys` of a statement made by `by_keys`."""
    return encode(list(values)).decode()


def by_keys(key: Column[Any], *columns: Any) -> Select[Any]:
    """The columns of the rows whose `key` is one of the keys."""
    return select(*columns).select_from(_keys.join(key.table, key == _keys.c.value))
