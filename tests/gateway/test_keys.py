"""What the edge remembers of access keys, and for how long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from clary.gateway.keys import SECONDS, Keys
from clary.storage.ports import Key, Store

KEY = Key("AKIA", "secret", "123456789012", "arn:aws:iam::123456789012:root", 0.0)


class OneKey:
    """A store that holds one key, or none; `during` runs while it is read."""

    def __init__(self) -> None:
        self.key: Key | None = KEY
        self.during: Any = None

    @contextmanager
    def read(self) -> Iterator[OneKey]:
        yield self

    @property
    def keys(self) -> OneKey:
        return self

    def find(self, id: str) -> Key | None:
        found = self.key if self.key and self.key.id == id else None
        if self.during:
            self.during()
        return found


def test_a_key_is_remembered_for_a_while_and_what_is_not_there_never() -> None:
    store, now = OneKey(), [0.0]
    keys = Keys(cast(Store, store), clock=lambda: now[0])
    assert keys.find("AKIB") is None
    assert keys.remembered("AKIB") is None
    assert keys.remembered("AKIA") is None
    assert keys.find("AKIA") == KEY
    store.key = None
    assert keys.remembered("AKIA") == KEY
    now[0] = SECONDS
    assert keys.remembered("AKIA") is None


def test_a_look_up_that_a_change_overtook_leaves_nothing() -> None:
    store = OneKey()
    keys = Keys(cast(Store, store), clock=lambda: 0.0)
    store.during = keys.forget
    assert keys.find("AKIA") == KEY
    assert keys.remembered("AKIA") is None
    store.during = None
    keys.find("AKIA")
    assert keys.remembered("AKIA") == KEY
    keys.forget()
    assert keys.remembered("AKIA") is None
