"""A process that takes several requests together, and some of them hang it: each of the others is answered."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from clary.api.routes import Invocation, Reply, TimedOut
from clary.orchestrator.endpoints.pool import Pool

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Process:
    """Answers one request at a time, in the order they came, and those that say so never."""

    def __init__(self, path: Path) -> None:
        self.path, self.killed = path, 0
        self.turn = asyncio.Lock()
        self.writers: list[asyncio.StreamWriter] = []
        self.server: asyncio.Server

    async def start(self) -> None:
        self.turn = asyncio.Lock()
        self.server = await asyncio.start_unix_server(self.serve, self.path)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        turn = self.turn
        while not reader.at_eof():
            try:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
            except asyncio.IncompleteReadError:
                break
            length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
            body = await reader.readexactly(length)
            if b"/ping" in head:
                writer.write(ANSWER)
                continue
            async with turn:
                if body == b"hang" and turn is self.turn:
                    await asyncio.sleep(3600)
                if turn is self.turn:
                    writer.write(ANSWER)
        writer.close()

    def kill(self) -> None:
        """It is back at once: the callers find another on its socket."""
        self.killed += 1
        self.turn = asyncio.Lock()
        for writer in self.writers:
            writer.transport.abort()
        self.writers.clear()


@pytest.mark.parametrize("hanging", [1, 2, 4])
def test_those_that_hang_take_nobody_with_them(tmp_path: Path, hanging: int) -> None:
    async def run() -> None:
        process = Process(tmp_path / "socket")
        await process.start()
        pool, instance = Pool(timeout=0.2), object()
        workers = [pool.add(instance, process.path, process.kill) for _ in range(8)]
        await asyncio.gather(*(worker.ready.wait() for worker in workers))
        bodies = [*[b"hang"] * hanging, *[b"fine"] * (8 - hanging)]
        answers = await asyncio.gather(
            *(pool.invoke(Invocation(body, {})) for body in bodies), return_exceptions=True
        )
        for body, answer in zip(bodies, answers, strict=True):
            if body == b"hang":
                assert isinstance(answer, TimedOut)
            else:
                assert isinstance(answer, Reply), answer
        assert process.killed <= hanging + 1
        assert pool.load == 0
        pool.remove(instance)
        process.server.close()
        process.kill()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.01)

    asyncio.run(run())
