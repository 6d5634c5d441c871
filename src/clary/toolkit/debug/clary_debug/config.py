"""DebugHookConfig as collections: what is saved, in which steps, whole or reduced. Pure.

A job names collections and gives each its parameters, all of them text:

    include_regex                            names that belong to it, besides those of a built-in collection
    save_interval, start_step, end_step      every n-th step from .. below (500, 0, no end)
    save_steps                               further steps, `1,2,3`
    train., eval., predict., global.         before any of these: for one mode only
    reductions                               `min,abs_mean,l2_norm`: saved instead of the tensor
    save_raw_tensor, save_shape              the tensor besides its reductions; its shape

HookParameters are the same for all collections, and `include_regex` (collection `default`), `save_all`,
`include_workers` (`one` or `all`). Names and meanings are smdebug's (its json_config.py was read for them).
"""

import re

from .format.events import MODES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

INTERVAL = 500
SCALARS = ("losses", "metrics", "feature_importance", "average_shap", "sm_metrics")
"""Collections whose tensors are never reduced."""
REDUCTIONS = ("min", "max", "mean", "std", "variance", "sum", "prod")
NORMS = ("l1", "l2")


class ConfigError(ValueError):
    """The message is for the user."""


class Save:
    """In which steps of a mode."""

    def __init__(self, told: "dict[str, Any]", interval: int) -> None:
        self.interval = _integer(told, "save_interval", interval)
        self.start = _integer(told, "start_step", 0)
        self.end = _integer(told, "end_step", None)
        self.steps = [_number("save_steps", each) for each in split(told.get("save_steps", ""))]
        if self.interval < 1:
            raise ConfigError("save_interval must be at least 1")

    def at(self, step: int) -> bool:
        if step in self.steps:
            return True
        return step % self.interval == 0 and step >= self.start and (self.end is None or step < self.end)

    def document(self) -> "dict[str, Any]":
        return {
            "save_interval": self.interval, "save_steps": self.steps, "start_step": self.start, "end_step": self.end,
        }  # fmt: skip


class Collection:
    def __init__(
        self,
        name: str,
        patterns: "list[str]",
        told: "dict[str, Any]",
        common: "dict[str, Any]",
        interval: int,
    ) -> None:
        """`told`: its own parameters, `common`: those of all. Raises `ConfigError`."""
        self.name = name
        self.patterns = []  # type: list[str]
        self.saves = {mode: Save(_for_mode(told, common, mode), interval) for mode in MODES}
        merged = {} if name in SCALARS else dict(common, **told)
        self.reductions = [_reduction(each) for each in split(merged.get("reductions", ""))]
        self.raw = truth(merged.get("save_raw_tensor", not self.reductions))
        self.shape = truth(merged.get("save_shape", False))
        self.histogram = name not in SCALARS and truth(told.get("save_histogram", True))
        self.names = set()  # type: set[str]
        self.add(patterns + split(told.get("include_regex", "")))

    def add(self, patterns: "list[str]") -> None:
        """Raises `ConfigError`."""
        self.patterns = self.patterns + patterns
        try:
            self._matchers = [re.compile(each) for each in self.patterns]
        except re.error as error:
            raise ConfigError("include_regex of %s: %s" % (self.name, error)) from None

    def matches(self, name: str) -> bool:
        return any(each.search(name) for each in self._matchers)

    def document(self) -> "dict[str, Any]":
        shown = [("abs_" if absolute else "") + name + ("_norm" if name in NORMS else "")
                 for name, absolute in self.reductions]  # fmt: skip
        return {
            "name": self.name,
            "include_regex": self.patterns,
            "tensor_names": sorted(self.names),
            "reduction_config": {
                "save_raw_tensor": self.raw, "reductions": ",".join(shown), "save_shape": self.shape,
            },
            "save_config": {mode: save.document() for mode, save in self.saves.items()},
            "save_histogram": self.histogram,
        }  # fmt: skip


class Config:
    """All collections, and which of them are saved."""

    def __init__(
        self, document: "dict[str, Any]", builtin: "dict[str, list[str]]", default: "tuple[str, ...]",
        interval: int = INTERVAL,
    ) -> None:  # fmt: skip
        """`builtin`: a framework's collections and their patterns; `default`: those saved unasked. Raises
        `ConfigError`."""
        common = document.get("HookParameters") or {}
        asked = {}  # type: dict[str, dict[str, Any]]
        for each in document.get("CollectionConfigurations") or ():
            asked.setdefault(each["CollectionName"], {}).update(each.get("CollectionParameters") or {})
        self.collections = {}  # type: dict[str, Collection]
        saved = set(default) | set(asked)
        if common.get("include_regex"):
            asked.setdefault("default", {}).setdefault("include_regex", common["include_regex"])
            saved.add("default")
        if truth(common.get("save_all", False)):
            asked.setdefault("all", {}).setdefault("include_regex", ".*")
            saved.add("all")
        for name in list(builtin) + sorted(set(asked) - set(builtin)):
            told = asked.get(name, {})
            if name not in builtin and not told.get("include_regex") and name not in ("all", "default"):
                raise ConfigError("collection %s is not a built-in one and has no include_regex" % name)
            self.collections[name] = Collection(name, list(builtin.get(name, ())), told, common, interval)
        self._told, self._common, self._interval = asked, common, interval
        everything = "all" in saved
        self.saved = [each for each in self.collections.values() if everything or each.name in saved]
        self.all_workers = common.get("include_workers", "one") == "all"

    def change(self, name: str, told: "dict[str, Any]") -> None:
        """Of a collection, for scripts that ask themselves: it is saved, with these parameters besides. Raises
        `ConfigError`."""
        before = self.collections.get(name)
        if before is not None and not told and before in self.saved:
            return
        patterns = split(told.get("include_regex", "")) + (before.patterns if before is not None else [])
        told = dict(self._told.get(name, {}), **told)
        self._told[name] = dict(told, include_regex="")
        made = Collection(name, [], self._told[name], self._common, self._interval)
        made.add(patterns)
        if before is not None:
            made.names = before.names
            self.saved = [each for each in self.saved if each is not before]
        self.collections[name] = made
        self.saved.append(made)

    def asks(self, *names: str) -> bool:
        """Whether one of these collections is saved, or one with patterns, that may match anything."""
        return any(each.name in names or self._is_open(each) for each in self.saved)

    def _is_open(self, collection: Collection) -> bool:
        return collection.name not in SCALARS and bool(collection.patterns)


def split(text: "Any") -> "list[str]":
    """Parts between commas, but not those within parentheses, brackets and braces of a regular expression."""
    parts, depth, part = [], 0, ""
    for letter in str(text):
        depth += letter in "([{"
        depth -= letter in ")]}"
        if letter == "," and depth <= 0:
            parts.append(part)
            part = ""
        else:
            part += letter
    return [each.strip() for each in [*parts, part] if each.strip()]


def truth(value: "Any") -> bool:
    return value if isinstance(value, bool) else str(value).strip().lower() in ("true", "1", "yes")


def _for_mode(told: "dict[str, Any]", common: "dict[str, Any]", mode: str) -> "dict[str, Any]":
    """A collection's own parameters before the common ones, a mode's before those of all modes."""
    merged = {}
    for source in (common, told):
        merged.update({key: value for key, value in source.items() if "." not in key})
        prefix = mode.lower() + "."
        merged.update({key[len(prefix) :]: value for key, value in source.items() if key.startswith(prefix)})
    return merged


def _reduction(text: str) -> "tuple[str, bool]":
    absolute = text.startswith("abs_")
    name = text[4:] if absolute else text
    norm = name[: -len("_norm")] if name.endswith("_norm") else ""
    if norm in NORMS or (not norm and name in REDUCTIONS):
        return norm or name, absolute
    raise ConfigError("reductions: %r is none" % text)


def _integer(told: "dict[str, Any]", name: str, default: "Any") -> "Any":
    value = told.get(name)
    return default if value is None or value == "" else _number(name, value)


def _number(name: str, value: "Any") -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise ConfigError("%s: %r is no whole number" % (name, value)) from None
