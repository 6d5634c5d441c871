"""`file://` URIs: data that lies on this machine already, in folders that the settings open to jobs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

SCHEME = "file://"


class NotAllowed(Exception):
    """The URI cannot be used; the message is for its user."""


def local_path(uri: str, folders: Iterable[str]) -> Path:
    """The file or folder of a URI, links resolved: it lies in one of `folders`. Raises `NotAllowed`."""
    parts = urlsplit(uri, allow_fragments=False)
    if parts.netloc not in ("", "localhost"):
        raise NotAllowed(f"{uri} names a host: write {SCHEME}/absolute/path.")
    path = Path(unquote(parts.path)).resolve()
    opened = [Path(folder).expanduser().resolve() for folder in folders]
    if not any(path.is_relative_to(folder) for folder in opened):
        known = ", ".join(map(str, opened)) or "none"
        raise NotAllowed(
            f"{uri} is in no folder that this server opens to jobs ({known}): see the setting input_folders."
        )
    if not path.exists():
        raise NotAllowed(f"{uri} does not exist.")
    return path
