"""The hosts that a job asks for: `algo-1` to `algo-n`, of one instance type or in groups. Pure.

All of them are on this machine. A job of one host is `localhost`; the hosts of a larger one get loopback
addresses of their own, so that two jobs may listen on the same port.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]

HOMOGENEOUS = "homogeneousCluster"


@dataclass(frozen=True, slots=True)
class Host:
    name: str
    instance_type: str
    group: str
    index: int


def hosts(spec: Document) -> tuple[Host, ...]:
    """Of a training job's ResourceConfig or a processing job's ClusterConfig; at least one."""
    config = spec.get("ResourceConfig") or spec.get("ProcessingResources", {}).get("ClusterConfig", {})
    groups = config.get("InstanceGroups") or [{**config, "InstanceGroupName": HOMOGENEOUS}]
    found: list[Host] = []
    for group in groups:
        for _ in range(group.get("InstanceCount", 1)):
            index = len(found)
            kind = group.get("InstanceType", "local")
            found.append(Host(f"algo-{index + 1}", kind, group["InstanceGroupName"], index))
    return tuple(found) or (Host("algo-1", "local", HOMOGENEOUS, 0),)


def addresses(cluster: tuple[Host, ...], key: str) -> dict[str, str]:
    """Each host's address, by name. `key` names the job among all of this machine."""
    if len(cluster) == 1:
        return {cluster[0].name: "127.0.0.1"}
    digest = hashlib.sha256(key.encode()).digest()
    net = f"127.{1 + digest[0] % 254}.{digest[1]}"
    return {host.name: f"{net}.{host.index + 1}" for host in cluster}


def resource_config(cluster: tuple[Host, ...], host: Host) -> Document:
    """`/opt/ml/input/config/resourceconfig.json` as this host sees it."""
    groups: dict[str, Document] = {}
    for each in cluster:
        group = groups.setdefault(
            each.group, {"instance_group_name": each.group, "instance_type": each.instance_type, "hosts": []}
        )
        group["hosts"].append(each.name)
    return {
        "current_host": host.name,
        "current_instance_type": host.instance_type,
        "current_group_name": host.group,
        "hosts": [each.name for each in cluster],
        "instance_groups": list(groups.values()),
        "network_interface_name": "lo",
    }
