"""What is run to fill an environment's folder: venv, the image's packages, a job's own on top."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clary.images import uv
from clary.images.locks import Journal
from clary.images.ports import EnvironmentSpec, ImageError
from clary.images.pythons import Python
from clary.images.resolve import how_to_alias
from clary.settings import Settings

_TESTS = "site-packages/.*/tests?/"
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
                f" {self.python.version} from the package index: {error} {self._alias()}"
            ) from error
        if self.spec.added:
            self._add(torch)
        self._compile()

    def _alias(self, *requirements: str) -> str:
        return how_to_alias(self.spec.image, requirements or self.spec.requirements, self.python.version)

    def _what(self) -> str:
        return self.spec.requirements[0] if self.spec.requirements else "its environment"

    def _add(self, torch: Sequence[str]) -> None:
        self.journal.tell("Installing the job's requirements.txt")
        how = (*torch, *self._without())
        try:
            try:
                self._install(self.spec.added, *how, "--only-binary", ":all:")
            except uv.UvError:
                # On AWS pip would build what has no wheel; most such packages are pure Python.
                self.journal.tell("Not all of it has wheels that fit: building from source")
                self._install(self.spec.added, *how)
        except uv.UvError as error:
            raise ImageError(f"The job's requirements.txt cannot be installed: {error}") from error

    def _compile(self) -> None:
        """Jobs see the environment read-only, so that none of them could keep what it compiles. At the end,
        because what had been compiled of a package survives its replacement; not by uv, which cannot for
        Python 3.6 and compiles packages' own tests too, half of all files."""
        self.journal.tell("Compiling")
        own = ["-I", "-m", "compileall", "-qq", "-j", "0", "-x", _TESTS, str(self.folder / "lib")]
        # It fails where a package has files for other Pythons among its own: no reason not to go on.
        subprocess.run(
            [str(self.folder / "bin/python"), *own],
            check=False,
            stdout=subprocess.DEVNULL,
            pass_fds=(self.lock,),
        )

    def _see(self, sites: Sequence[Path]) -> None:
        """Let an environment on top of an existing interpreter import what that has."""
        inside = next(self.folder.glob("lib/python*/site-packages"))
        (inside / "_interpreter.pth").write_text("".join(f"{site}\n" for site in sites), encoding="utf-8")

    def _torch(self) -> tuple[Sequence[str], Sequence[str]]:
        """The requirements and the arguments that give PyTorch's CPU build. Index and find-links are asked for
        it first (its version ends in `+cpu`), then PyTorch's own index; without either, what the index has."""
        requirements = self.spec.requirements
        if not self.spec.cpu_torch:
            return requirements, ()
        marked = [_EXACT_TORCH.sub(r"\1==\2+cpu", line) for line in requirements]
        wanted = [line for line in requirements if line.startswith("torch")]
        backend = ("--torch-backend", "cpu")
        try:
            self._can_install([line for line in marked if line.startswith("torch")])
        except uv.UvError:
            pass
        else:
            return marked, ()
        try:
            self._can_install(wanted, *backend)
        except uv.UvError:
            # It runs on a CPU too: better than a job that fails for want of a smaller download.
            self.journal.tell(
                f"The CPU build of {wanted[0]} cannot be had, neither from the package index or find_links nor"
                " from PyTorch's own index: taking the build for CUDA, several GB, once."
            )
            return requirements, ()
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

    def _can_install(self, requirements: Sequence[str], *arguments: str) -> None:
        """Raises `UvError`, soon, if these cannot be had."""
        command = [*self._command(requirements), "--no-deps", "--dry-run", *arguments]
        env = {**uv.environment(self.cache), "UV_HTTP_RETRIES": "1"}
        uv.run(command, env, _untold, self.lock)

    def _install(self, requirements: Sequence[str], *arguments: str) -> None:
        self._uv(*self._command(requirements), *arguments)

    def _command(self, requirements: Sequence[str]) -> list[str]:
        command = ["pip", "install", "--python", str(self.folder / "bin/python")]
        if self.settings.index_url:
            command += ["--index-url", self.settings.index_url]
        for place in self.settings.find_links:
            command += ["--find-links", place if "://" in place else str(Path(place).expanduser().absolute())]
        if self.spec.constraints:
            command += ["--constraint", str(self._write("constraints.txt", self.spec.constraints))]
        return [*command, "--requirement", str(self._write("requirements.txt", requirements))]

    def _write(self, name: str, lines: Sequence[str]) -> Path:
        path = self.folder / name
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return path

    def _uv(self, *arguments: str) -> None:
        uv.run(arguments, uv.environment(self.cache), self.journal.tell, self.lock)


def _untold(line: str) -> None:
    """Progress of what is only asked."""
