"""Environments on their way: one thread builds each, however many jobs wait for it, and who waits holds none.

So jobs whose environment is there never queue behind those that wait minutes for theirs. `THREADS` different
environments are built at a time; what another process of this machine builds is waited for by the one thread too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from clary.images.ports import Environment, EnvironmentSpec, Images

THREADS = 8

Told = Callable[[str], Awaitable[None]]
"""Told a line for people."""


def specification(images: Images, uri: str, requirements: str) -> EnvironmentSpec:
    """Of an image, with a job's own requirements.txt on top where it has one. Raises `ImageError`."""
    spec = images.resolve(uri)
    return images.derive(spec, requirements) if requirements.strip() else spec


class Builds:
    """Used from one loop."""

    def __init__(self, threads: int = THREADS) -> None:
        self._threads = ThreadPoolExecutor(threads, "build")
        self._under_way: dict[EnvironmentSpec, Build] = {}

    async def environment(self, images: Images, spec: EnvironmentSpec, told: Told) -> Environment:
        """Raises `ImageError`, to all who wait."""
        build = self._under_way.get(spec)
        if build is None:
            ready = await asyncio.to_thread(images.ready, spec)
            if ready is not None:
                return ready
            build = self._under_way.get(spec) or self._begin(images, spec)
        return await build.followed(told)

    def _begin(self, images: Images, spec: EnvironmentSpec) -> Build:
        build = Build(asyncio.get_running_loop())
        self._under_way[spec] = build
        doing = asyncio.get_running_loop().run_in_executor(self._threads, images.build, spec, build.tell)

        def ended(doing: asyncio.Future[Environment]) -> None:
            del self._under_way[spec]
            build.end(doing)

        doing.add_done_callback(ended)
        return build


class Build:
    """One that goes on, whoever still follows it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lines: list[str] = []
        self._done: asyncio.Future[Environment] | None = None
        self._changed = asyncio.Event()

    def tell(self, line: str) -> None:
        """From the thread that builds."""
        self._loop.call_soon_threadsafe(self._hear, line)

    def end(self, doing: asyncio.Future[Environment]) -> None:
        doing.exception()  # retrieved here: there may be nobody left who follows
        self._done = doing
        self._wake()

    async def followed(self, told: Told) -> Environment:
        """Its end; every line is told, those from before too."""
        seen = 0
        while True:
            changed = self._changed
            for line in self._lines[seen:]:
                await told(line)
                seen += 1
            if self._done is not None and seen == len(self._lines):
                return self._done.result()
            await changed.wait()

    def _hear(self, line: str) -> None:
        self._lines.append(line)
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
