"""Where Pythons are: asked of the interpreters themselves, because names lie (pyenv's shims answer to every
name and run what they please) and because a sandbox has to show the whole installation that one belongs to.

Looked at, in order: the interpreter that runs Clary, uv's and Clary's own, pyenv's, then PATH. What matches
is probed; the first that really is the version asked for is taken. What nobody has, uv downloads, if allowed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from clary.images.catalog import PYTHON_VERSIONS

_PROBE = """
import json, os, sys, sysconfig
base = getattr(sys, "_base_executable", None) or sys.executable
paths = sysconfig.get_paths()
own = tuple(p + os.sep for p in (sys.prefix, sys.base_prefix))
sites = [p for p in sys.path if p.endswith(("site-packages", "dist-packages")) or not p.startswith(own) and os.path.isdir(p)]
print(json.dumps([list(sys.version_info[:3]), sys.executable, base, sys.prefix, sys.base_prefix, sites]))
"""


@dataclass(frozen=True, slots=True)
class Python:
    version: str
    """`3.10.13`"""
    executable: Path
    """As it was asked for."""
    base: Path
    """The installation's own interpreter, links resolved."""
    prefix: Path
    """Its own folder: an environment's, or the installation's."""
    installation: tuple[Path, ...]
    """Folders that `base` needs to run."""
    sites: tuple[Path, ...]
    """Where its packages are, those included that lie elsewhere and that a `.pth` file names."""

    def matches(self, wanted: str) -> bool:
        return f"{self.version}.".startswith(f"{wanted}.")


def probe(executable: Path) -> Python | None:
    """None for what does not run or is no Python 3."""
    try:
        answer = subprocess.run(
            [str(executable), "-I", "-c", _PROBE], capture_output=True, timeout=30, check=True, cwd="/"
        ).stdout
        version, own, base, prefix, base_prefix, sites = json.loads(answer)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    # Python 3.6 has no _base_executable; in an environment its links lead to the base all the same.
    real = Path(base).resolve()
    installation = dict.fromkeys((Path(base_prefix), Path(base_prefix).resolve()))
    if not any(real.is_relative_to(folder) for folder in installation):
        installation[real.parent] = None
    return Python(
        ".".join(map(str, version)),
        Path(own),
        real,
        Path(prefix),
        tuple(installation),
        tuple(Path(site) for site in sites),
    )


def find(wanted: str, own_pythons: Path) -> Python | None:
    """`wanted` is `3.10` or `3.10.13`; `own_pythons` is where Clary has had uv put some."""
    seen: set[Path] = set()
    for candidate in _candidates(wanted, own_pythons):
        real = candidate.resolve()
        if real in seen or not os.access(real, os.X_OK):
            continue
        seen.add(real)
        found = probe(candidate)
        if found and found.matches(wanted):
            return found
    return None


def installed(own_pythons: Path) -> list[str]:
    """Minor versions that `find` would find, for messages."""
    return [version for version in PYTHON_VERSIONS if find(version, own_pythons)]


def download(uv: str, wanted: str, own_pythons: Path, env: dict[str, str]) -> None:
    """Have uv install it, quickly giving up where it cannot: unknown version, no network."""
    env = {**env, "UV_HTTP_RETRIES": "1", "UV_PYTHON_DOWNLOADS": "manual"}
    command = [uv, "python", "install", wanted, "--install-dir", str(own_pythons), "--no-bin"]
    subprocess.run(command, env=env, cwd="/", capture_output=True, check=False)


def _candidates(wanted: str, own_pythons: Path) -> Iterator[Path]:
    minor = ".".join(wanted.split(".")[:2])
    name = f"python{minor}"
    if f"{sys.version_info[0]}.{sys.version_info[1]}" == minor:
        yield Path(sys.executable)
    home = Path(os.environ.get("HOME", "/"))
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share")
    managed = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv/python")
    path = [Path(directory) for directory in os.environ.get("PATH", "").split(os.pathsep) if directory]
    # pyenv's shims stand for nothing by themselves; its versions lie beside them.
    pyenvs = [Path(os.environ.get("PYENV_ROOT") or home / ".pyenv")]
    pyenvs += [directory.parent for directory in path if directory.name == "shims"]
    places = [(own_pythons, f"*-{minor}.*"), (managed, f"*-{minor}.*")]
    places += [(pyenv / "versions", f"{minor}.*") for pyenv in pyenvs]
    for folder, pattern in places:
        # Newest patch first: 3.9.18 before 3.9.2.
        for installation in sorted(folder.glob(pattern), key=_numbers, reverse=True):
            yield installation / "bin" / name
    for directory in path:
        if directory.name != "shims":
            yield directory / name
            yield directory / "python3"
    for usual in ("/usr/local/bin", "/usr/bin", "/opt/homebrew/bin"):
        yield Path(usual) / name


def _numbers(path: Path) -> list[int]:
    return [int(part) for part in "".join(c if c.isdigit() else " " for c in path.name).split()]
