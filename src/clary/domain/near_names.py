"""What somebody may have meant by a name that nothing has. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

SHOWN = 5


def near(name: str, known: Iterable[str]) -> list[str]:
    """At most five of the known names: those spelled alike, the nearest first, then those that hold the name or lie in
    it. Letters' case counts for nothing."""
    by_lower = {one.lower(): one for one in known}
    asked = name.lower()
    alike = get_close_matches(asked, by_lower, n=SHOWN)
    holding = [one for one in by_lower if len(asked) > 1 < len(one) and (asked in one or one in asked)]
    return [by_lower[one] for one in dict.fromkeys((*alike, *holding))][:SHOWN]


def said(name: str, known: Iterable[str], heading: str = "") -> str:
    """The end of a refusal: what was meant, or what there is; `heading` stands before each name."""
    by_lower: dict[str, str] = {}
    for one in known:
        by_lower.setdefault(one.lower(), one)
    known = list(by_lower.values())
    found = [f"{heading}{one}" for one in near(name, known)]
    if found:
        before = f"{', '.join(found[:-1])} or " if len(found) > 1 else ""
        return f"Did you mean {before}{found[-1]}?"
    if not known:
        return "There are none."
    more = len(known) - SHOWN
    shown = ", ".join(f"{heading}{one}" for one in known[:SHOWN])
    return f"There are {shown}{f' and {more} more' if more > 0 else ''}."
