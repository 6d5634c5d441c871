"""The room that this machine has for jobs, and what an instance type needs of it."""

from __future__ import annotations

import os
from pathlib import Path

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
    offered = capacity(instance_type(job))
    return Room(offered.cpus, offered.memory_gib, offered.gpus) if offered else UNKNOWN


def instance_type(job: Resource) -> str:
    resources = job.spec.get("ResourceConfig", {})
    groups = resources.get("InstanceGroups") or [resources]
    return str(groups[0].get("InstanceType", "local"))


def shortfall(job: Resource, room: Room) -> str:
    """What this machine lacks of the job's instance type, in a sentence; empty when it has all."""
    need = needed(job)
    if room.holds(need):
        return ""
    return (
        f"{instance_type(job)} has {_words(need)}; this machine gives its jobs {_words(room)}, "
        "and the job runs on that"
    )


def _words(room: Room) -> str:
    gpus = f"{room.gpus} GPU{'s' if room.gpus != 1 else ''}"
    return f"{room.cpus} CPUs, {room.memory_gib:.0f} GiB of memory and {gpus}"


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
