"""AWS's two ini files, edited by the line: everything but the profile's own keys stays, comments included.

The format: https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html. The config file heads a
section `[profile NAME]`, `default` apart; the credentials file `[NAME]`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from clary.clients.connection import Connection

_HEADING = re.compile(r"\s*\[\s*(?P<name>[^\]]*?)\s*\]")
_KEY = re.compile(r"([^\s=:#;\[][^=:]*?)\s*[=:]")
_NAME = re.compile(r"[^\s\[\]#;]+")


class ProfileError(Exception):
    """A profile that cannot be written; the message says why."""


@dataclass(frozen=True, slots=True)
class Change:
    path: Path
    text: str
    """The file's whole new content."""

    def write(self) -> None:
        """Whole or not at all, and for the user alone (0600); a link keeps pointing where it does."""
        target = self.path.resolve()
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        scratch = target.with_name(f".{target.name}.{os.getpid()}")
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(self.text)
                file.flush()
                os.fsync(file.fileno())
            scratch.replace(target)
        except OSError:
            scratch.unlink(missing_ok=True)
            raise


def plan(connection: Connection, profile: str, environ: Mapping[str, str]) -> list[Change]:
    """What to write for `profile`. Raises `ProfileError` for a name that clients could not read back."""
    if not _NAME.fullmatch(profile):
        raise ProfileError(f"{profile!r} cannot be a profile's name: no spaces, brackets, # or ;")
    folder = Path(environ.get("HOME") or Path.home()) / ".aws"
    config = Path(environ.get("AWS_CONFIG_FILE") or folder / "config").expanduser()
    credentials = Path(environ.get("AWS_SHARED_CREDENTIALS_FILE") or folder / "credentials").expanduser()
    heading = profile if profile == "default" else f"profile {profile}"
    return [
        Change(config, edited(_read(config), heading, {
            "region": connection.region,
            "endpoint_url": connection.url,
        })),
        Change(credentials, edited(_read(credentials), profile, {
            "aws_access_key_id": connection.access_key,
            "aws_secret_access_key": connection.secret_key,
            "aws_session_token": None,
        })),
    ]  # fmt: skip


def edited(text: str, section: str, values: Mapping[str, str | None]) -> str:
    """`text` with `values` in `section`, which is added at the end where it is missing.

    A value of None takes the key away. A setting's indented lines (`s3 =` has some) go with it.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = [line.rstrip("\r\n") for line in text.splitlines()]
    settings = [f"{key} = {value}" for key, value in values.items() if value is not None]
    start, end = _find(lines, section)
    if start is None:
        gap = [""] if lines and lines[-1].strip() else []
        lines = [*lines, *gap, f"[{section}]", *settings]
    else:
        body: list[str] = []
        ours = False
        for line in lines[start + 1 : end]:
            if line.strip() and not line[0].isspace():
                key = _KEY.match(line)
                ours = key is not None and key[1].lower() in values
            if not ours or not line.strip():
                body.append(line)
        length = len(body)
        while length and not body[length - 1].strip():
            length -= 1
        # At the end, where no indented line follows that would become part of them.
        lines = [*lines[: start + 1], *body[:length], *settings, *body[length:], *lines[end:]]
    return newline.join([*lines, ""])


def _find(lines: list[str], section: str) -> tuple[int | None, int]:
    """The lines of a section's heading and of the next one's."""
    start: int | None = None
    for number, line in enumerate(lines):
        match = _HEADING.match(line)
        if match is None:
            continue
        if start is not None:
            return start, number
        if " ".join(match["name"].replace('"', "").split()) == section:
            start = number
    return start, len(lines)


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return ""
