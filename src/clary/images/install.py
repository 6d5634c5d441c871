"""What is run to fill an environment's folder: venv, the image's packages, a job's own on top."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clary.images import uv
from clary.images.locks import Journal
from clary.images.ports import EnvironmentSpec, ImageError
from clary.images.pythons import Python
from clary.images.resolve import how_to_alias
from clary.settings import Settings

_EXACT_TORCH = re.compile(r"(torch|torchvision)==([\d.]+)")


@dataclass(frozen=True, slots=True)
class Installation:
    """One build, under its lock."""

    spec: EnvironmentSpec
    folder: Path
    python: Python
    settings: Settings
    cache: Path
    journal: Journal
    lock: int
    """The lock's descriptor."""

    def run(self) -> None:
        """Raises `ImageError`."""
        try:
            self._uv("venv", "--quiet", "--no-project", "--python", str(self.python.base), str(self.folder))
            if self.spec.interpreter:
                self._see(self.python.sites)
            requirements, torch = self._torch()
            if requirements:
                self._install(requirements, *torch, *self._wheels_only(), *self._without())
        except uv.UvError as error:
            raise ImageError(
                f"Image {self.spec.image or self.spec.version}: {self._what()} cannot be had for Python"
                f" {self.python.version} from the package index: {error} {how_to_alias(self.spec.image)}"
            ) from error
        if self.spec.added:
            self._add(torch)

    def _what(self) -> str:
        return self.spec.requirements[0] if self.spec.requirements else "its environment"

    def _add(self, torch: Sequence[str]) -> None:
        self.journal.tell("Installing the job's requirements.txt")
        try:
            try:
                self._install(self.spec.added, *torch, "--only-binary", ":all:", *self._without())
            except uv.UvError:
                # On AWS pip would build what has no wheel; most such packages are pure Python.
                self.journal.tell("Not all of it has wheels that fit: building from source")
                self._install(self.spec.added, *torch, *self._without())
        except uv.UvError as error:
            raise ImageError(f"The job's requirements.txt cannot be installed: {error}") from error

    def _see(self, sites: Sequence[Path]) -> None:
        """Let an environment on top of an existing interpreter import what that has."""
        inside = next(self.folder.glob("lib/python*/site-packages"))
        (inside / "_interpreter.pth").write_text("".join(f"{site}\n" for site in sites), encoding="utf-8")

    def _torch(self) -> tuple[Sequence[str], Sequence[str]]:
        """The requirements and the arguments that give PyTorch's CPU build. Index and find-links are asked
        for it first (its version ends in `+cpu`), then PyTorch's own index."""
        requirements = self.spec.requirements
        if not self.spec.cpu_torch:
            return requirements, ()
        marked = [_EXACT_TORCH.sub(r"\1==\2+cpu", line) for line in requirements]
        wanted = [line for line in requirements if line.startswith("torch")]
        backend = ("--torch-backend", "cpu")
        try:
            self._install([line for line in marked if line.startswith("torch")], "--no-deps", "--dry-run")
        except uv.UvError:
            pass
        else:
            return marked, ()
        try:
            self._install(wanted, "--no-deps", "--dry-run", *backend, UV_HTTP_RETRIES="1")
        except uv.UvError as error:
            raise ImageError(
                f"Image {self.spec.image}: the CPU build of {wanted[0]} for Python {self.python.version}"
                " cannot be had, neither from the package index or find_links nor from PyTorch's own index"
                f" ({error}). Put a folder with its wheel into the setting find_links, or alias the image to"
                f" what there is. {how_to_alias(self.spec.image)}"
            ) from error
        return requirements, backend

    def _wheels_only(self) -> list[str]:
        arguments = ["--only-binary", ":all:"]
        for package in self.spec.sources:
            arguments += ["--no-binary", package]
        return arguments

    def _without(self) -> list[str]:
        if not self.spec.excludes:
            return []
        lines = [f"{package} ; sys_platform == 'never'" for package in self.spec.excludes]
        return ["--override", str(self._write("overrides.txt", lines))]

    def _install(self, requirements: Sequence[str], *arguments: str, **environ: str) -> None:
        command = ["pip", "install", "--python", str(self.folder / "bin/python"), "--compile-bytecode"]
        if self.settings.index_url:
            command += ["--index-url", self.settings.index_url]
        for place in self.settings.find_links:
            command += ["--find-links", place]
        if self.spec.constraints:
            command += ["--constraint", str(self._write("constraints.txt", self.spec.constraints))]
        command += ["--requirement", str(self._write("requirements.txt", requirements)), *arguments]
        self._uv(*command, **environ)

    def _write(self, name: str, lines: Sequence[str]) -> Path:
        path = self.folder / name
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return path

    def _uv(self, *arguments: str, **environ: str) -> None:
        env = {**uv.environment(self.cache), **environ}
        uv.run(arguments, env, self.journal.tell, self.lock)
