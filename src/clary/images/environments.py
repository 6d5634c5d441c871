"""Image URIs as Python environments, built by uv once and shared: the `Images` port.

    ROOT/environments/<family>-<version>-<digest>/   one environment; complete when environment.json is in it
    ROOT/locks/<name>.lock, .log                     who builds it, and what it is doing
    ROOT/pythons/                                    Pythons that uv downloaded
    ROOT/cache/                                      uv's cache, on the same disk, so that packages are linked

The digest is of the spec, so equal specs share one environment and a changed table builds a new one. A folder
without its environment.json is a build that was cut short: nobody uses it, the next builder starts anew, and
`sweep` removes it. The file is written last, after all else is on the disk.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

from clary.images import aliases, pythons, uv
from clary.images.install import Installation
from clary.images.locks import Journal, held, holding
from clary.images.ports import Environment, EnvironmentSpec, ImageError, Progress
from clary.images.pythons import Python
from clary.images.resolve import how_to_alias, resolve
from clary.settings import Settings

_FORMAT = 1
"""Of what a build makes; raise it to have every environment built anew."""


class Environments:
    """`root` may be shared by servers and homes on one machine. Raises `SettingsError` for a bad alias."""

    def __init__(self, root: Path, settings: Settings) -> None:
        self._root = root.absolute()
        self._settings = settings
        self._aliases = aliases.read(settings.image_aliases)
        self._gpu = Path("/dev/nvidiactl").exists()
        # On other platforms the index's own build of PyTorch is for the CPU.
        self._cpu_torch = not self._gpu and sys.platform == "linux" and platform.machine() == "x86_64"

    def resolve(self, uri: str) -> EnvironmentSpec:
        if alias := aliases.find(self._aliases, uri):
            return alias.spec(uri)
        return resolve(uri, gpu=self._gpu, cpu_torch=self._cpu_torch)

    def ready(self, spec: EnvironmentSpec) -> Environment | None:
        if spec.interpreter and not spec.added:
            found = pythons.probe(spec.interpreter)
            return _foreign(found) if found else None
        return _load(self._folder(spec))

    def build(self, spec: EnvironmentSpec, progress: Progress) -> Environment:
        if found := self.ready(spec):
            return found
        if spec.interpreter and not spec.added:
            raise _no_interpreter(spec)
        folder = self._folder(spec)
        with holding(self._lock(folder), progress) as (journal, lock):
            if found := self.ready(spec):
                return found
            try:
                return self._build(spec, folder, journal, lock)
            except (ImageError, OSError) as error:
                shutil.rmtree(folder, ignore_errors=True)
                reason = str(error)
                if isinstance(error, OSError):
                    reason = f"Image {spec.image or spec.version} cannot be built: {error.strerror}."
                journal.fail(reason)
                raise ImageError(reason) from error

    def derive(self, spec: EnvironmentSpec, requirements: str) -> EnvironmentSpec:
        joined = re.sub(r"\\\r?\n", " ", requirements)
        lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in joined.splitlines())
        added = tuple(line for line in lines if line)
        return replace(spec, added=(*spec.added, *added)) if added else spec

    def warm(self, uris: Iterable[str], progress: Progress) -> dict[str, Environment | ImageError]:
        """Build what these images stand for, one after the other; a failure does not keep the others."""
        outcome: dict[str, Environment | ImageError] = {}
        for uri in uris:
            try:
                outcome[uri] = self.build(self.resolve(uri), progress)
            except ImageError as error:
                outcome[uri] = error
        return outcome

    def sweep(self) -> list[Path]:
        """Remove what builds that were cut short have left; returns the folders."""
        removed = []
        for folder in (self._root / "environments").glob("*"):
            with held(self._lock(folder)) as mine:
                if mine and not (folder / "environment.json").exists():
                    shutil.rmtree(folder, ignore_errors=True)
                    removed.append(folder)
        return removed

    def _folder(self, spec: EnvironmentSpec) -> Path:
        meant = asdict(replace(spec, image="", notes=(), server=None)) | {"format": _FORMAT}
        del meant["server"]  # one environment, whoever serves from it
        digest = hashlib.sha256(json.dumps(meant, sort_keys=True, default=str).encode()).hexdigest()
        name = re.sub(r"[^A-Za-z0-9.]+", "-", f"{spec.family}-{spec.version}").strip("-")[:60]
        return self._root / "environments" / f"{name}-{digest[:16]}"

    def _lock(self, folder: Path) -> Path:
        return self._root / "locks" / f"{folder.name}.lock"

    def _build(self, spec: EnvironmentSpec, folder: Path, journal: Journal, lock: int) -> Environment:
        python = self._python(spec, journal)
        journal.tell(f"Building the environment of {spec.image or spec.version} on Python {python.version}")
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        Installation(spec, folder, python, self._settings, self._root / "cache", journal, lock).run()
        below = _foreign(python) if spec.interpreter else Environment(python.base, python.installation)
        versions = below.versions | _versions(folder.glob("lib/python*/site-packages"))
        built = Environment(folder / "bin/python", _distinct(folder, *below.paths), versions)
        _store(folder, built)
        journal.tell(f"The environment is ready: {len(built.versions)} packages")
        return built

    def _python(self, spec: EnvironmentSpec, journal: Journal) -> Python:
        own = self._root / "pythons"
        if spec.interpreter:
            found = pythons.probe(spec.interpreter)
            if found is None:
                raise _no_interpreter(spec)
            return found
        wanted, *others = spec.python
        if found := pythons.find(wanted, own):
            return found
        tried = "and the setting python_downloads is off"
        if self._settings.python_downloads:
            journal.tell(f"Downloading Python {wanted}")
            pythons.download(uv.binary(), wanted, own, uv.environment(self._root / "cache"))
            if found := pythons.find(wanted, own):
                return found
            tried = "and uv cannot download it"
        for other in others:
            if found := pythons.find(other, own):
                journal.tell(f"Python {wanted} is not to be had: Python {other} instead")
                return found
        raise ImageError(
            f"Image {spec.image or spec.version} needs Python {' or '.join(spec.python)}, which this machine"
            f" lacks, {tried}. There are Python {', '.join(pythons.installed(own))}."
            f" {how_to_alias(spec.image, spec.requirements)}"
        )


def _no_interpreter(spec: EnvironmentSpec) -> ImageError:
    return ImageError(
        f"Image {spec.image} is aliased to the interpreter {spec.interpreter}, which is no Python 3 that"
        " runs. Correct image_aliases in config.toml."
    )


def _foreign(python: Python) -> Environment:
    paths = _distinct(python.prefix, *python.installation)
    elsewhere = [site for site in python.sites if not any(site.is_relative_to(path) for path in paths)]
    paths = _distinct(*paths, *elsewhere)
    return Environment(python.executable, paths, _versions(python.sites))


def _distinct(*paths: Path) -> tuple[Path, ...]:
    return tuple(dict.fromkeys(paths))


def _versions(sites: Iterable[Path]) -> dict[str, str]:
    """Distributions in these folders by normalised name (PEP 503), read from the names of their metadata."""
    found: dict[str, str] = {}
    for site in sites:
        for folder in (*site.glob("*.dist-info"), *site.glob("*.egg-info")):
            name, _, rest = folder.name.rpartition(".")[0].partition("-")
            if rest:
                found[re.sub(r"[-_.]+", "-", name).lower()] = rest.partition("-py")[0]
    return dict(sorted(found.items()))


def _store(folder: Path, environment: Environment) -> None:
    """Make it complete: everything on the disk, then the file that says so."""
    os.sync()  # of thousands of small files; fsync of each would take longer than the build
    body = {
        "python": str(environment.python),
        "paths": [str(path) for path in environment.paths],
        "versions": environment.versions,
    }
    temporary = folder / "environment.json.new"
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(body, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / "environment.json")
    for directory in (folder, folder.parent):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _load(folder: Path) -> Environment | None:
    try:
        body = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    python = Path(body["python"])
    if not python.exists():  # a dangling link: its base installation has been removed
        return None
    return Environment(python, tuple(Path(path) for path in body["paths"]), body["versions"])
