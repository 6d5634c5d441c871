"""DescribeTrainingJob and its like: the SDK's first look at a job waits a while for the job's end, or its
`fit(wait=True)` would sleep for 30 s before it looks again; see `describe_wait` in the settings. A client with
Clary's hook needs none of it: it looks again soon, and shows the logs of the job meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict

from clary.api import Context, Document, Kind, operation
from clary.domain.jobs import TERMINAL

SDK, HOOKED = "sagemaker-python-sdk", "app/clary"
"""In user agents."""
KEPT = 10_000


def serve_waiting_describe(kind: Kind) -> None:
    """Answer the kind's Describe, in place of `kind.serves("Describe")`."""
    waited: OrderedDict[str, None] = OrderedDict()
    """Jobs whose first look has waited. A server that restarts forgets them, and one look waits again."""

    def may_wait(ctx: Context, arn: str) -> bool:
        agent = ctx.user_agent.lower()
        if ctx.settings.describe_wait <= 0 or SDK not in agent or HOOKED in agent or arn in waited:
            return False
        waited[arn] = None
        if len(waited) > KEPT:
            waited.popitem(last=False)
        return True

    async def describe(ctx: Context, request: Document) -> Document:
        arn = kind.arn(ctx, request[kind.identifier])
        if not may_wait(ctx, arn):
            return await asyncio.to_thread(kind.describe, ctx, request)
        until = time.monotonic() + ctx.settings.describe_wait
        with ctx.ports.changes.watch(arn) as watch:
            while True:
                answer = await asyncio.to_thread(kind.describe, ctx, request)
                left = until - time.monotonic()
                if answer[kind.status or ""] in TERMINAL or left <= 0:
                    return answer
                await watch.wait(left)

    operation(kind.service, f"Describe{kind.noun}")(describe)
