"""What an image URI says: `[registry/]repository[:tag][@digest]`, as Docker writes it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_DIGEST = re.compile(r"@[A-Za-z][A-Za-z0-9+._-]*:[0-9a-fA-F]{32,}$")
_TAG = re.compile(r":([A-Za-z0-9_][A-Za-z0-9._-]{0,127})$")
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")


@dataclass(frozen=True, slots=True)
class ImageURI:
    registry: str
    """Host, with its port; empty for `python:3.11`. Accounts, regions and domains differ, images do not."""
    repository: str
    """Path under the registry: `pytorch-training`, `library/python`."""
    tag: str
    digest: str

    @property
    def name(self) -> str:
        """The repository's last part."""
        return self.repository.rpartition("/")[2]


def parse(uri: str) -> ImageURI:
    """Raises `ValueError` for what is no image URI."""
    rest = uri.strip().removeprefix("https://").removeprefix("docker://")
    digest = tag = registry = ""
    if found := _DIGEST.search(rest):
        digest, rest = found.group()[1:], rest[: found.start()]
    if found := _TAG.search(rest):
        tag, rest = found.group(1), rest[: found.start()]
    host, slash, path = rest.partition("/")
    if slash and ("." in host or ":" in host or host == "localhost"):
        registry, rest = host, path
    if not _REPOSITORY.fullmatch(rest):
        raise ValueError(f"{uri!r} is not an image URI ([registry/]repository[:tag][@digest]).")
    return ImageURI(registry, rest, tag, digest)
