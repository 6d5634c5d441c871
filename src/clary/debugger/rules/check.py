"""A built-in rule: its parameters as fields, its condition as a method that answers in words.

    @dataclass
    class VanishingGradient(Check):
        threshold: float = 1e-7

        def check(self, trial, step): ...

A check may keep what it saw of earlier steps; it is told every complete step of a trial once, in order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self, get_type_hints

from .reading import Trial

IGNORED = frozenset(
    {"rule_to_invoke", "action_json", "source_s3_uri", "base_trial", "base_trial_path", "end_step"}
)
"""Parameters that say which rule runs on what, not how."""
TRUE, FALSE = ("true", "1", "yes"), ("false", "0", "no", "")


class BadParameter(ValueError):
    """A parameter that a rule does not have, or a value that it cannot take; the message says what it can."""


@dataclass
class Check:
    judges: ClassVar[bool] = True
    """Whether it can find an issue at all; a report cannot."""

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> Self:
        """From RuleParameters. Raises `BadParameter`."""
        hints = get_type_hints(cls)
        known = [field.name for field in fields(cls) if field.init]
        given: dict[str, Any] = {}
        for name, text in parameters.items():
            if name in IGNORED or name.startswith("other_trial"):
                continue
            if name not in known:
                raise BadParameter(
                    f"{cls.__name__} has no parameter {name!r}. Known: {', '.join(known) or 'none'}."
                )
            try:
                given[name] = converted(text, hints[name])
            except ValueError as error:
                raise BadParameter(f"{name} of {cls.__name__} is {text!r}: {error}.") from None
        return cls(**given)

    def check(self, trial: Trial, step: int) -> str | None:
        """What is wrong at this global step, in a sentence; None when nothing is."""
        raise NotImplementedError

    def quiet(self, seconds: float) -> str | None:
        """Asked while no step comes: `seconds` since the last one did."""
        return None

    def compare(self, others: list[Trial]) -> None:
        """Told of the other trials before the first step."""

    def finish(self, trial: Trial, output: Path) -> None:
        """At the end of the trial: leave reports in `output`."""


def converted(text: str, hint: Any) -> Any:
    """Raises `ValueError`."""
    text = text.strip()
    kind = str(hint)
    if "tuple[str" in kind:
        return tuple(part for part in (each.strip(" '\"[]") for each in text.split(",")) if part)
    if "tuple[float" in kind:
        return tuple(float(part) for part in text.strip(" ()[]").split(",") if part.strip())
    if hint is bool:
        if text.lower() not in TRUE + FALSE:
            raise ValueError("true or false is expected")
        return text.lower() in TRUE
    if "None" in kind and text in ("", "None"):
        return None
    if "int" in kind:
        if not float(text).is_integer():
            raise ValueError("a whole number is expected")
        return int(float(text))
    if "float" in kind:
        return float(text)
    return text
