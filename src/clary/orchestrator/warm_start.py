"""What a training job does with warm pools: takes one that matches it, and tells the interpreter in its sandbox
which job it is.

A sandbox is as its mounts are. A job that needs others (FastFile and Pipe channels, file:// inputs, another
requirements.txt) starts in a sandbox of its own, in the same folder; the pool counts as reused all the same, as on
AWS. The interpreter is used by a job under whose variables it was started: `Environment` and the debugger's hook.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress

from msgspec.structs import replace

from clary.domain import warm_pool
from clary.domain.cluster import Host, hosts
from clary.domain.jobs import engines, inner, phase
from clary.domain.search import Compare, Operator
from clary.engines.ports import ContainerSpec, EngineState
from clary.orchestrator.layout import JobFiles
from clary.orchestrator.reconciler import advance
from clary.orchestrator.warm_pools import CACHE, WarmPools, old, shown
from clary.storage.ports import Document, Query, Resource, Transaction

ORDER = "order.json"
MARGIN = 300
"""Seconds after its replacement is due for which an interpreter may still be taken."""


def claim(pools: WarmPools, job: Resource) -> Resource:
    """Take the pool that has waited longest of those that match; the job as it is then. Idempotent."""
    store, now = pools.ports.store, time.time()
    with store.read() as tx:
        found = _matching(tx, job)
    if found is None:
        return job
    with store.begin() as tx:
        current = tx.resources.find(job.arn)
        if current is None or phase(current) != "download" or warm(current):
            return current or job
        pool = _matching(tx, current)
        if pool is None:
            return current
        advance(tx, pools, pool, warm_pool.Taken(job.name), now)
        taken = {"root": pools.files(pool).root.name, "sandboxes": pool.state["Sandboxes"]}
        state = {**current.state, "Clary": {**inner(current), "warm": taken}}
        current = tx.resources.update(replace(current, state=state))
    pools.ports.changes.publish(pool.arn)
    return current


def _matching(tx: Transaction, job: Resource) -> Resource | None:
    query = Query(
        job.account, job.region, (warm_pool.KIND,), Compare("Status", Operator.EQUALS, "Available"),
        descending=False, limit=1000,
    )  # fmt: skip
    wanted = warm_pool.match(job.spec)
    ready = (pool for pool in tx.resources.list(query).items if pool.state.get("Ready"))
    return next((pool for pool in ready if pool.spec["Match"] == wanted), None)


def warm(job: Resource) -> Document:
    """What the job has taken; empty when it has not."""
    taken: Document = inner(job).get("warm") or {}
    return taken


def forget_configuration(job: Resource, root: JobFiles) -> None:
    """What the hook of the job before was told: a job is told its own."""
    if warm(job):
        for host in hosts(job.spec):
            for path in (root.at(host).ml / "input" / "config").glob("*.json"):
                path.unlink()


async def sandbox(
    pools: WarmPools, job: Resource, host: Host, files: JobFiles, spec: ContainerSpec
) -> EngineState | None:
    """Where the host's sandbox is that was made ready; None where there is none of use, and then nothing is left of
    it. `files` are the host's."""
    kept = warm(job).get("sandboxes", {}).get(host.name)
    if kept is None:
        return None
    state: EngineState = kept["state"]
    known = engines(job).get(host.name)
    if known is not None:
        return state if known["key"] == state["key"] else None
    if (files.warm / ORDER).exists():
        return state
    wanted = shown(spec.mounts)
    fits = all(mount in kept["mounts"] for mount in wanted)
    if fits and not old(state, MARGIN) and (await pools.engine.observe(state)).status == "running":
        return state
    await pools.end(state)
    return None


async def leave(pools: WarmPools, job: Resource) -> None:
    """End what was made ready for the job, whether or not it has used it. Idempotent."""
    for kept in warm(job).get("sandboxes", {}).values():
        await pools.end(kept["state"])


def order(job: Resource, host: Host, files: JobFiles, spec: ContainerSpec) -> None:
    """Tell the interpreter. Idempotent: it reads the first order that it finds."""
    kept = warm(job)["sandboxes"][host.name]
    path = files.warm / ORDER
    if not path.exists():
        same = agrees(kept["env"], spec.env, job.spec.get("Environment", {}))
        document = {"argv": spec.argv, "env": dict(spec.env), "cwd": spec.cwd, "interpreter": same}
        written = path.with_suffix(".new")
        with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(document, file)
        written.replace(path)
    with suppress(OSError):  # it has read it, and closed the pipe; or it has ended, which the engine tells
        fd = os.open(files.warm / "wake", os.O_WRONLY | os.O_NONBLOCK)
        os.write(fd, b"!")
        os.close(fd)


def agrees(before: Mapping[str, str], now: Mapping[str, str], own: Mapping[str, str]) -> bool:
    """Whether an interpreter started with variables `before` may be one that has `now`, of which a job asked for
    `own`: what else a job is told, credentials and names, no import looks at."""
    kept = all(now.get(name) == value for name, value in before.items() if not name.startswith("AWS_"))
    return kept and all(before.get(name) == value for name, value in own.items())


def hand_on(pools: WarmPools, job: Resource, root: JobFiles) -> None:
    """The cache of a job whose programs have ended, to the next one. Idempotent."""
    arn = warm_pool.pool_arn(job.arn, job.created)
    with pools.ports.store.read() as tx:
        pool = tx.resources.find(arn)
    if pool is None:
        return
    for host in hosts(job.spec):
        made = root.at(host).made(CACHE)
        place = pools.files(pool).at(host).ml / CACHE
        if made is not None and made.is_dir() and place.parent.is_dir():
            with suppress(OSError):  # in use: it was done before
                made.rename(place)  # in the place of an empty one
