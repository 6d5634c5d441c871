"""StartLiveTail: what is printed from now on, a second's worth at a time.

A session starts with `sessionStart`; then comes a `sessionUpdate` each second, empty when nothing was printed.
AWS samples what exceeds 500 lines a second; here all lines come, in as many updates as they need.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

from clary.api import Context, Document, ServiceError, operation
from clary.services.logs.events import group_named, matcher, no_group

PAUSE = 1.0
SESSION_SECONDS = 3 * 3600
UPDATE = 500


@operation("logs", "StartLiveTail")
async def start_live_tail(ctx: Context, request: Document) -> Document:
    groups = [group_named({"logGroupIdentifier": given}) for given in request["logGroupIdentifiers"]]
    narrowed = request.get("logStreamNames") or request.get("logStreamNamePrefixes")
    if narrowed and len(groups) > 1:
        raise ServiceError(
            "InvalidParameterException", "logStreamNames and logStreamNamePrefixes need a single log group."
        )
    session = Session(ctx, request, groups)
    await asyncio.to_thread(session.begin)
    return {"responseStream": session.events()}


class Session:
    def __init__(self, ctx: Context, request: Document, groups: list[str]) -> None:
        self._ctx, self._request, self._groups = ctx, request, groups
        self._names = request.get("logStreamNames")
        self._prefixes = tuple(request.get("logStreamNamePrefixes", ()))
        self._matches = matcher(request.get("logEventFilterPattern", ""))
        self._seen: dict[str, int] = {}
        """Id of the last line of each group that was looked at."""

    def begin(self) -> None:
        """Raises `ServiceError` for a group that is not there."""
        with self._ctx.read() as tx:
            for group in self._groups:
                if not tx.logs.streams(group, limit=1):
                    raise no_group()
                last = tx.logs.lines(group, limit=1, newest=True)
                self._seen[group] = last[-1][1].id if last else 0

    async def events(self) -> AsyncIterator[Document]:
        kept = ("logGroupIdentifiers", "logStreamNames", "logStreamNamePrefixes", "logEventFilterPattern")
        told: Document = {name: self._request[name] for name in kept if name in self._request}
        yield {"sessionStart": {"requestId": self._ctx.request_id, "sessionId": str(uuid.uuid4()), **told}}
        until = time.monotonic() + SESSION_SECONDS
        while time.monotonic() < until:
            found = await asyncio.to_thread(self._look)
            for start in range(0, max(1, len(found)), UPDATE):
                yield {
                    "sessionUpdate": {
                        "sessionMetadata": {"sampled": False},
                        "sessionResults": found[start : start + UPDATE],
                    }
                }
            await asyncio.sleep(PAUSE)
        raise ServiceError("SessionTimeoutException", "The session has been open for three hours.")

    def _look(self) -> list[dict[str, Any]]:
        found = []
        with self._ctx.read() as tx:
            for group in self._groups:
                for stream, line in tx.logs.lines(group, self._names, after=self._seen[group]):
                    self._seen[group] = line.id
                    if (not self._prefixes or stream.startswith(self._prefixes)) and self._matches(line.text):
                        found.append({
                            "logGroupIdentifier": group, "logStreamName": stream, "message": line.text,
                            "timestamp": int(line.time * 1000), "ingestionTime": int(line.ingested * 1000),
                        })  # fmt: skip
        return found
