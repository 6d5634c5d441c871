"""The room that this machine has for jobs, and what a job's instances need of it."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from clary.domain.cluster import Host, hosts
from clary.domain.instances import capacity
from clary.orchestrator.slots import Room
from clary.settings import Settings
from clary.storage.ports import Resource

UNKNOWN = Room(2, 4.0)
"""For instance types that say nothing of themselves."""


def total(settings: Settings) -> Room:
    """All that jobs may use together: the machine, unless the settings say less."""
    return Room(
        settings.job_cpus or len(os.sched_getaffinity(0)),
        settings.job_memory_gib or _memory_gib(),
        settings.job_gpus if settings.job_gpus >= 0 else len(list(Path("/dev").glob("nvidia[0-9]*"))),
    )


def needed(job: Resource) -> Room:
    """Of all of its hosts."""
    rooms = [of_host(host) for host in hosts(job.spec)]
    return Room(
        sum(room.cpus for room in rooms),
        sum(room.memory_gib for room in rooms),
        sum(room.gpus for room in rooms),
    )


def of_host(host: Host) -> Room:
    offered = capacity(host.instance_type)
    return Room(offered.cpus, offered.memory_gib, offered.gpus) if offered else UNKNOWN


def shortfall(job: Resource, room: Room) -> str:
    """What this machine lacks of the job's instances, in a sentence; empty when it has all."""
    need = needed(job)
    if room.holds(need):
        return ""
    kinds = Counter(host.instance_type for host in hosts(job.spec))
    named = " and ".join(f"{count} x {kind}" if count > 1 else kind for kind, count in kinds.items())
    have = "has" if sum(kinds.values()) == 1 else "have"
    return (
        f"{named} {have} {_words(need)}; this machine gives its jobs {_words(room)}, and the job runs on that"
    )


def _words(room: Room) -> str:
    gpus = f"{room.gpus} GPU{'s' if room.gpus != 1 else ''}"
    return f"{room.cpus} CPUs, {room.memory_gib:.0f} GiB of memory and {gpus}"


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
