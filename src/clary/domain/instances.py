"""What an instance type offers: vCPUs, memory and GPUs, by the rule of AWS's names and a table of exceptions.

A name is `ml.FAMILY.SIZE`. In a family memory grows with the vCPUs (GiB per vCPU below), and the vCPUs
double from size to size: large has 2, xlarge 4, Nxlarge 4 N. Families with GPUs are listed size by size.
Source: AWS's instance type pages (EC2 and SageMaker pricing).
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Capacity:
    cpus: int
    memory_gib: float
    gpus: int = 0


_GIB_PER_VCPU = {
    "t": 2.0,
    "m": 4.0,
    "c": 2.0,
    "r": 8.0,
    "x": 16.0,
    "i": 8.0,
    "trn": 4.0,
    "inf": 2.0,
    "g": 4.0,
    "p": 8.0,
}
_GIB_OF_FAMILY = {"c4": 1.875, "c5n": 2.625, "r7i": 8.0, "t3": 4.0}
_SMALL = {"nano": (2, 0.5), "micro": (2, 1.0), "small": (2, 2.0), "medium": (2, 4.0)}

_GPUS = {
    "p2": {"xlarge": 1, "8xlarge": 8, "16xlarge": 16},
    "p3": {"2xlarge": 1, "8xlarge": 4, "16xlarge": 8},
    "p3dn": {"24xlarge": 8},
    "p4d": {"24xlarge": 8},
    "p4de": {"24xlarge": 8},
    "p5": {"4xlarge": 1, "48xlarge": 8},
    "p5e": {"48xlarge": 8},
    "p5en": {"48xlarge": 8},
    "p6-b200": {"48xlarge": 8},
    "g4dn": {"12xlarge": 4, "16xlarge": 1},
    "g5": {"12xlarge": 4, "24xlarge": 4, "48xlarge": 8},
    "g6": {"12xlarge": 4, "24xlarge": 4, "48xlarge": 8},
    "g6e": {"12xlarge": 4, "24xlarge": 4, "48xlarge": 8},
}
_GPUS_OTHERWISE = {"g4dn": 1, "g5": 1, "g6": 1, "g6e": 1}
_MEMORY = {
    "p3.2xlarge": 61.0,
    "p3.8xlarge": 244.0,
    "p3.16xlarge": 488.0,
    "p2.xlarge": 61.0,
    "p2.8xlarge": 488.0,
}

_NAME = re.compile(r"(?:ml\.)?(?P<family>[a-z0-9-]+)\.(?P<size>[a-z0-9-]+)")


def capacity(instance_type: str) -> Capacity | None:
    """None for a name that says nothing (`local`, a family that is not known)."""
    match = _NAME.fullmatch(instance_type)
    if not match:
        return None
    family, size = match["family"], match["size"]
    letters = re.match(r"[a-z]+", family)
    if letters is None:
        return None
    ratio = _GIB_OF_FAMILY.get(family) or _GIB_PER_VCPU.get(letters[0])
    if ratio is None:
        return None
    if size in _SMALL:
        return Capacity(*_SMALL[size])
    cpus = _vcpus(size)
    if cpus is None:
        return None
    gpus = _GPUS.get(family, {}).get(size, _GPUS_OTHERWISE.get(family, 0))
    return Capacity(cpus, _MEMORY.get(f"{family}.{size}", cpus * ratio), gpus)


def _vcpus(size: str) -> int | None:
    if size == "large":
        return 2
    match = re.fullmatch(r"(\d*)xlarge", size)
    if match:
        return 4 * int(match[1] or 1)
    return None
