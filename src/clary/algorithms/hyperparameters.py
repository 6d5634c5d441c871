"""Hyperparameters as declarations, and their check: text in, values out, in AWS's words.

    Integer("k", within="[1, inf)")                 required: it has no default
    Real("learning_rate", "auto", "(0, inf)")       `auto` as a default makes `auto` a value
    Choice("predictor_type", of=("regressor", ...))
    Flag("use_bias", True)
    Choices("eval_metrics", ("msd",), of=("msd", "ssd"))
    Text("feature_dim")

Ranges are written as in mathematics: `[0, 1)` holds 0 and not 1.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, Mapping, Sequence

from .errors import CustomerError

REQUIRED = object()
INTERNAL = (
    "_enable_profiler", "_ftp_port", "_kvstore", "_log_level", "_num_gpus", "_num_kv_servers",
    "_tuning_objective_metric", "_wd_init_scale",
)  # fmt: skip
"""AWS's own, which clients copy from other jobs; they are nobody's business here."""


@dataclass(frozen=True)
class Hyperparameter:
    name: str
    default: Any = REQUIRED

    def parse(self, text: str) -> Any:
        """Raises ValueError."""
        raise NotImplementedError

    def expected(self) -> str:
        """In words, for the message."""
        raise NotImplementedError

    def value(self, text: str) -> Any:
        if self.default == "auto" and text == "auto":
            return text
        return self.parse(text)


@dataclass(frozen=True)
class Number(Hyperparameter):
    within: str = "(-inf, inf)"

    def check(self, number: float) -> None:
        low, high = (float(end) for end in self.within[1:-1].split(","))
        above = number >= low if self.within[0] == "[" else number > low
        below = number <= high if self.within[-1] == "]" else number < high
        if not (above and below):
            raise ValueError


@dataclass(frozen=True)
class Integer(Number):
    def parse(self, text: str) -> int:
        number = float(text)
        if not number.is_integer():
            raise ValueError
        self.check(number)
        return int(number)

    def expected(self) -> str:
        return f"an integer in {self.within}"


@dataclass(frozen=True)
class Real(Number):
    def parse(self, text: str) -> float:
        number = float(text)
        if math.isnan(number):
            raise ValueError
        self.check(number)
        return number

    def expected(self) -> str:
        return f"a number in {self.within}"


@dataclass(frozen=True)
class Flag(Hyperparameter):
    def parse(self, text: str) -> bool:
        if text.lower() not in ("true", "false", "1", "0"):
            raise ValueError
        return text.lower() in ("true", "1")

    def expected(self) -> str:
        return "true or false"


@dataclass(frozen=True)
class Choice(Hyperparameter):
    of: Sequence[str] = ()

    def parse(self, text: str) -> str:
        if text not in self.of:
            raise ValueError
        return text

    def expected(self) -> str:
        return f"one of {', '.join(self.of)}"


@dataclass(frozen=True)
class Choices(Hyperparameter):
    """A list: JSON, or separated by commas."""

    of: Sequence[str] = ()

    def parse(self, text: str) -> Sequence[str]:
        try:
            found = json.loads(text)
        except ValueError:
            found = [part.strip() for part in text.strip("[]").split(",")]
        if isinstance(found, str):
            found = [part.strip() for part in found.split(",")]
        if not isinstance(found, list) or not found:
            raise ValueError
        if self.of and any(str(item).split("@")[0] not in self.of for item in found):
            raise ValueError
        return tuple(str(item) for item in found)

    def expected(self) -> str:
        return f"a list of {', '.join(self.of)}"


@dataclass(frozen=True)
class Text(Hyperparameter):
    def parse(self, text: str) -> str:
        return text

    def expected(self) -> str:
        return "text"


def validate(declared: Sequence[Hyperparameter], given: Mapping[str, str]) -> dict[str, Any]:
    """The values of all declared hyperparameters. Raises `CustomerError`."""
    known = {each.name: each for each in declared}
    mine = {
        name: value
        for name, value in given.items()
        if name in known or not (name in INTERNAL or name.startswith("sagemaker_"))
    }
    unknown = [name for name in mine if name not in known]
    if unknown:
        plural = "were" if len(unknown) > 1 else "was"
        named = ", ".join(repr(name) for name in unknown)
        raise refusal(f"Additional hyperparameters are not allowed ({named} {plural} unexpected)")
    missing = [each.name for each in declared if each.default is REQUIRED and each.name not in mine]
    if missing:
        named = ", ".join(repr(name) for name in missing)
        raise refusal(f"No value(s) were specified for {named} which are required hyperparameter(s)")
    values = {each.name: each.default for each in declared}
    for name, value in mine.items():
        text = unquoted(str(value))
        try:
            values[name] = known[name].value(text)
        except (ValueError, OverflowError):
            auto = " or auto" if known[name].default == "auto" else ""
            raise refusal(
                f"{text!r} is not a valid value of {name!r}: {known[name].expected()}{auto} is expected"
            ) from None
    return values


def refusal(why: str) -> CustomerError:
    return CustomerError(
        "Unable to initialize the algorithm. Failed to validate input hyperparameters. "
        f"(caused by ValidationError)\n\nCaused by: {why}"
    )


def unquoted(text: str) -> str:
    """Some clients encode each value as JSON: `"\\"auto\\""`."""
    if len(text) > 1 and text[0] == text[-1] == '"':
        try:
            return str(json.loads(text))
        except ValueError:
            return text
    return text.strip()
