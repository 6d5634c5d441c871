"""The settings' `image_aliases`: shell-style patterns over the whole URI, the first that matches wins, before
the table is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from clary.images.ports import EnvironmentSpec
from clary.settings import SettingsError


@dataclass(frozen=True, slots=True)
class Alias:
    pattern: str
    python: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    interpreter: Path | None = None

    def spec(self, uri: str) -> EnvironmentSpec:
        return EnvironmentSpec(
            "alias", self.pattern, self.python, self.requirements, interpreter=self.interpreter, image=uri
        )


def read(table: Mapping[str, Any]) -> tuple[Alias, ...]:
    """Raises `SettingsError` for an alias that could not be meant."""
    return tuple(_alias(pattern, value) for pattern, value in table.items())


def find(aliases: tuple[Alias, ...], uri: str) -> Alias | None:
    return next((alias for alias in aliases if fnmatchcase(uri, alias.pattern)), None)


def _alias(pattern: str, value: Any) -> Alias:
    where = f"image_aliases[{pattern!r}]"
    if not isinstance(value, dict):
        raise SettingsError(f"{where}: expected a table, got {value!r}.")
    unknown = sorted(value.keys() - {"requirements", "python", "interpreter"})
    if unknown:
        raise SettingsError(f"{where}: unknown key {unknown[0]!r}. Known: interpreter, python, requirements.")
    if "interpreter" in value:
        interpreter = value["interpreter"]
        if len(value) > 1:
            raise SettingsError(f"{where}: an interpreter is used as it is, without requirements and python.")
        if not isinstance(interpreter, str) or not Path(interpreter).expanduser().is_absolute():
            raise SettingsError(f"{where}: interpreter should be an absolute path, not {interpreter!r}.")
        return Alias(pattern, interpreter=Path(interpreter).expanduser())
    requirements, python = value.get("requirements"), value.get("python")
    if not isinstance(requirements, list) or not all(isinstance(line, str) for line in requirements):
        raise SettingsError(f"{where}: requirements should be a list of strings, not {requirements!r}.")
    if not isinstance(python, str) or not python.replace(".", "").isdigit() or "." not in python:
        raise SettingsError(f'{where}: python should be a version such as "3.10", not {python!r}.')
    return Alias(pattern, (python,), tuple(requirements))
