"""The settings' `image_aliases`: shell-style patterns over the whole URI, the first that matches wins, before
the table is asked."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from clary.images.ports import EnvironmentSpec, Server
from clary.settings import SettingsError

_KNOWN = {"requirements", "python", "interpreter", "serve", "program", "network"}


@dataclass(frozen=True, slots=True)
class Alias:
    pattern: str
    python: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    interpreter: Path | None = None
    server: Server | None = None

    def spec(self, uri: str) -> EnvironmentSpec:
        return EnvironmentSpec(
            "alias", self.pattern, self.python, self.requirements, interpreter=self.interpreter, image=uri,
            server=self.server,
        )  # fmt: skip


def read(table: Mapping[str, Any]) -> tuple[Alias, ...]:
    """Raises `SettingsError` for an alias that could not be meant."""
    return tuple(_alias(pattern, value) for pattern, value in table.items())


def find(aliases: tuple[Alias, ...], uri: str) -> Alias | None:
    return next((alias for alias in aliases if fnmatchcase(uri, alias.pattern)), None)


def _alias(pattern: str, value: Any) -> Alias:
    where = f"image_aliases[{pattern!r}]"
    if not isinstance(value, dict):
        raise SettingsError(f"{where}: expected a table, got {value!r}.")
    unknown = sorted(value.keys() - _KNOWN)
    if unknown:
        raise SettingsError(f"{where}: unknown key {unknown[0]!r}. Known: {', '.join(sorted(_KNOWN))}.")
    server = _server(where, value)
    if "interpreter" in value:
        interpreter = value["interpreter"]
        if value.keys() & {"requirements", "python"}:
            raise SettingsError(f"{where}: an interpreter is used as it is, without requirements and python.")
        if not isinstance(interpreter, str) or not Path(interpreter).expanduser().is_absolute():
            raise SettingsError(f"{where}: interpreter should be an absolute path, not {interpreter!r}.")
        return Alias(pattern, interpreter=Path(interpreter).expanduser(), server=server)
    requirements, python = value.get("requirements"), value.get("python")
    if not isinstance(requirements, list) or not all(isinstance(line, str) for line in requirements):
        raise SettingsError(f"{where}: requirements should be a list of strings, not {requirements!r}.")
    if not isinstance(python, str) or not python.replace(".", "").isdigit() or "." not in python:
        raise SettingsError(f'{where}: python should be a version such as "3.10", not {python!r}.')
    return Alias(pattern, (python,), tuple(requirements), server=server)


def _server(where: str, value: Mapping[str, Any]) -> Server | None:
    """Of `serve`, the command; `program`, its folder; and `network`. None where there is none of them."""
    if not value.keys() & {"serve", "program", "network"}:
        return None
    command, program, network = value.get("serve", "serve"), value.get("program"), value.get("network")
    if network not in (None, "host"):
        raise SettingsError(f'{where}: network should be "host", if it is there, not {network!r}.')
    if isinstance(command, str):
        command = shlex.split(command)
    if not isinstance(command, list) or not command or not all(isinstance(each, str) for each in command):
        raise SettingsError(f"{where}: serve should be a command, not {value['serve']!r}.")
    if program is None and "serve" not in value:
        raise SettingsError(
            f"{where}: network is for a program that serves: name it by `serve`, or `program`."
        )
    if program is not None and (not isinstance(program, str) or not Path(program).expanduser().is_absolute()):
        raise SettingsError(f"{where}: program should be the absolute path of a folder, not {program!r}.")
    folder = Path(program).expanduser() if program is not None else None
    return Server(tuple(command), folder, host_network=network == "host")
