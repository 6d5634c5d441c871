"""The profiler's rules by AWS's names."""

from __future__ import annotations

from collections.abc import Mapping

from ..rules.catalog import UnknownRule
from .check import ProfilerCheck
from .report import RULES, ProfilerReport

BUILT_IN: Mapping[str, type[ProfilerCheck]] = {**RULES, ProfilerReport.__name__: ProfilerReport}


def find(name: str) -> type[ProfilerCheck]:
    """Raises `UnknownRule`."""
    if name not in BUILT_IN:
        raise UnknownRule(f"There is no profiler rule {name!r}. There are {', '.join(BUILT_IN)}.")
    return BUILT_IN[name]
