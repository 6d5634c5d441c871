"""The floor of ingestion: the least ASGI server that keeps points durably, on SQLite with synchronous=FULL.

    python benchmarks/floors/points.py PORT DATABASE

A body is decoded into typed structs; what arrives while a commit is under way shares the next one. No signature,
no check against a model, no summary, no repeated point found.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import sys
import threading
from typing import Any

import msgspec
import uvicorn


class RawPoint(msgspec.Struct):
    MetricName: str
    Timestamp: float
    Value: float
    Step: int = -1


class Put(msgspec.Struct):
    TrialComponentName: str
    MetricData: list[RawPoint]


class Floor:
    def __init__(self, path: str) -> None:
        self._path, self._decode = path, msgspec.json.Decoder(Put).decode
        self._waiting: queue.SimpleQueue[tuple[list[tuple[Any, ...]], asyncio.Future[None]]] = (
            queue.SimpleQueue()
        )
        self._series: dict[tuple[str, str], int] = {}
        threading.Thread(target=self._write, daemon=True).start()

    def _write(self) -> None:
        connection = sqlite3.connect(self._path, isolation_level=None)
        for statement in (
            "PRAGMA journal_mode=WAL",
            "PRAGMA synchronous=FULL",
            "CREATE TABLE points (series INTEGER, time REAL, step INTEGER, value REAL,"
            " PRIMARY KEY (series, time, step, value)) WITHOUT ROWID",
        ):
            connection.execute(statement)
        while True:
            group = [self._waiting.get()]
            while not self._waiting.empty():
                group.append(self._waiting.get())
            connection.execute("BEGIN")
            rows = [row for call, _ in group for row in call]
            connection.executemany("INSERT OR IGNORE INTO points VALUES (?, ?, ?, ?)", rows)
            connection.execute("COMMIT")
            group[0][1].get_loop().call_soon_threadsafe(self._tell, [end for _, end in group])

    def _tell(self, ends: list[asyncio.Future[None]]) -> None:
        for end in ends:
            end.set_result(None)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for kind in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{kind}.complete"})
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        put = self._decode(body)
        known = self._series
        rows = [
            (
                known.setdefault((put.TrialComponentName, p.MetricName), len(known)),
                p.Timestamp,
                p.Step,
                p.Value,
            )
            for p in put.MetricData
        ]
        end = asyncio.get_running_loop().create_future()
        self._waiting.put((rows, end))
        await end
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})


if __name__ == "__main__":
    uvicorn.run(
        Floor(sys.argv[2]), port=int(sys.argv[1]), loop="uvloop", http="httptools", log_level="warning",
        access_log=False,
    )  # fmt: skip
