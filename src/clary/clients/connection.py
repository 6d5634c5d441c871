"""Where a home's server listens, and the keys that programs use.

`HOME/credentials` (an AWS credentials file, profile `notebook`) is written when a server first starts in the
home, `HOME/server.json` ({"url", "pid", "started"}) whenever one listens.
"""

from __future__ import annotations

import configparser
import http.client
import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from clary import settings

_START = {"server": "clary serve --home {home}", "proxy": "clary proxy --home {home}"}


class NotServing(Exception):
    """No server of this home can be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Connection:
    url: str
    access_key: str
    secret_key: str
    region: str
    home: Path
    token: str | None = None
    """Of a session, where the keys are one's."""


def discover(home: Path | None = None) -> Connection:
    """The running server of `home`, by default CLARY_HOME, else ~/.clary.

    Raises `NotServing`, `SettingsError`.
    """
    values = settings.load(home)
    access_key, secret_key = _keys(values.home)
    url = address(values.home, "server")
    if not answers(url):
        hint = _START["server"].format(home=values.home)
        raise NotServing(f"The server of {values.home} does not answer at {url}; start it with: {hint}")
    return Connection(url, access_key, secret_key, values.region, values.home)


def address(home: Path, what: str) -> str:
    """The URL in `HOME/server.json` or `HOME/proxy.json` (`what`). Raises `NotServing` where there is none."""
    try:
        return str(json.loads((home / f"{what}.json").read_text(encoding="utf-8"))["url"])
    except (OSError, ValueError, KeyError, TypeError):
        hint = _START[what].format(home=home)
        raise NotServing(f"No {what} of {home} is running; start it with: {hint}") from None


def answers(url: str, seconds: float = 2.0) -> bool:
    """Whether an HTTP server answers at `url` at all: any status will do."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)
    try:
        connection.request("GET", "/")
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def _keys(home: Path) -> tuple[str, str]:
    file = home / "credentials"
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        hint = _START["server"].format(home=home)
        raise NotServing(f"No Clary home at {home}; start it with: {hint}") from None
    except (OSError, ValueError, configparser.Error) as error:
        raise NotServing(f"{file} cannot be read: {error}") from error
    try:
        profile = parser["notebook"]
        return profile["aws_access_key_id"], profile["aws_secret_access_key"]
    except KeyError as missing:
        raise NotServing(f"{file} lacks {missing}") from None
