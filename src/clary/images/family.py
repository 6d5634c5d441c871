"""What an image table is made of: families of repositories, and the releases that their tags name."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

COMMON = ("pip", "setuptools<81", "wheel", "boto3", "requests", "psutil")
"""In every environment: pip because scripts call it, setuptools below 81 because older packages import
pkg_resources."""


@dataclass(frozen=True, slots=True)
class Release:
    python: tuple[str, ...]
    """Pythons that a tag without one (`py3`) may run on, AWS's own first."""
    requirements: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    unavailable: str = ""
    """Why it cannot be had."""


@dataclass(frozen=True, slots=True)
class Family:
    name: str
    repositories: re.Pattern[str]
    """Matches the repository's last part, current and older names."""
    releases: dict[str, Release]
    """By the version as tags write it."""
    aliases: dict[str, str] = field(default_factory=dict)
    """Short versions: `2.0` is `2.0.1`."""
    common: tuple[str, ...] = COMMON
    excludes: tuple[str, ...] = ()
    """Left out on a machine without GPU."""
    beyond: tuple[str, ...] = ()
    """Requirements of a version that the table lacks but whose tag names its Python, `{version}` and
    `{transformers}` filled in; empty: the table is all there is."""
    cpu_torch: bool = False
