"""Environments on their way, built by an `Images` whose builds end when the test says so."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from clary.images.ports import Environment, EnvironmentSpec, ImageError, Progress
from clary.orchestrator.builds import Builds

READY = Environment(Path("/python"), ())


class Slow:
    """An environment is ready once its build has ended; `quick` is ready from the start."""

    def __init__(self) -> None:
        self.may_end = threading.Event()
        self.built: list[str] = []
        self.fails = ""

    def resolve(self, uri: str) -> EnvironmentSpec:
        return EnvironmentSpec(uri, "1", ("3.11",), image=uri)

    def ready(self, spec: EnvironmentSpec) -> Environment | None:
        return READY if spec.family == "quick" or spec.family in self.built else None

    def build(self, spec: EnvironmentSpec, progress: Progress) -> Environment:
        progress("Installing")
        self.may_end.wait(60)
        progress("Checking")
        if self.fails:
            raise ImageError(self.fails)
        self.built.append(spec.family)
        return READY

    def derive(self, spec: EnvironmentSpec, requirements: str) -> EnvironmentSpec:
        return spec


async def wait(
    builds: Builds,
    images: Slow,
    family: str,
    lines: list[str] | None = None,
    heard: asyncio.Event | None = None,
) -> Environment:
    async def told(line: str) -> None:
        if lines is not None:
            lines.append(line)
        if heard is not None:
            heard.set()

    return await builds.environment(images, images.resolve(family), told)


def test_any_number_may_wait_for_one_build_and_none_waits_for_another() -> None:
    async def run() -> None:
        images, builds = Slow(), Builds(2)
        lines: list[list[str]] = [[] for _ in range(200)]
        heard = [asyncio.Event() for _ in lines]
        waiting = [
            asyncio.create_task(wait(builds, images, "slow", *each))
            for each in zip(lines, heard, strict=True)
        ]
        await asyncio.gather(*(each.wait() for each in heard))
        assert await wait(builds, images, "quick") == READY
        assert not any(task.done() for task in waiting)
        waiting[0].cancel()
        images.may_end.set()
        assert await asyncio.gather(*waiting[1:]) == [READY] * 199
        assert lines[1:] == [["Installing", "Checking"]] * 199
        assert images.built == ["slow"], "it was built once"

    asyncio.run(run())


def test_a_failure_is_everybodys_and_the_next_one_tries_again() -> None:
    async def run() -> None:
        images, builds = Slow(), Builds()
        images.may_end.set()
        images.fails = "no such package"
        both = [wait(builds, images, "slow"), wait(builds, images, "slow")]
        assert [str(error) for error in await asyncio.gather(*both, return_exceptions=True)] == [
            images.fails
        ] * 2
        images.fails = ""
        assert await wait(builds, images, "slow") == READY
        images.fails = "again"
        with pytest.raises(ImageError, match="again"):
            await wait(builds, images, "other")

    asyncio.run(run())
