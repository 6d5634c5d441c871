"""Compiling shapes once, whatever thread asks first."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from threading import RLock
from typing import ParamSpec, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")

_LOCK = RLock()


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Caches without bound, since the model is finite, and lets one thread compile at a time: a structure that may
    hold itself is known to others before its members are."""

    @wraps(function)
    def alone(*arguments: P.args, **named: P.kwargs) -> R:
        with _LOCK:
            return function(*arguments, **named)

    return cast("Callable[P, R]", cache(alone))
