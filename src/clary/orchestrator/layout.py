"""Where a job's files lie: one folder, thrown away when the job has ended.

HOME/jobs/NAME-CREATED/ml/       becomes the program's /opt/ml
                       run/      the supervisor's own
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from clary.storage.ports import Document, Resource

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
MASTER = "algo-1"


@dataclass(frozen=True, slots=True)
class JobFiles:
    root: Path

    @classmethod
    def of(cls, home: Path, job: Resource) -> JobFiles:
        return cls(home / "jobs" / f"{job.name.lower()}-{int(job.created * 1000)}")

    @property
    def ml(self) -> Path:
        return self.root / "ml"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def source(self) -> Path:
        return self.ml / "input" / "source" / "sourcedir.tar.gz"

    @property
    def failure(self) -> Path:
        return self.ml / "output" / "failure"

    def channel(self, name: str) -> Path:
        return self.ml / "input" / "data" / name

    def make(self, job: Resource) -> None:
        """The folders and `/opt/ml/input/config/*.json` that the container contract promises."""
        for part in (
            "input/config",
            "input/data",
            "input/source",
            "model",
            "output/data",
            "code",
            "checkpoints",
        ):
            (self.ml / part).mkdir(parents=True, exist_ok=True)
        for name, document in configuration(job).items():
            (self.ml / "input" / "config" / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")


def configuration(job: Resource) -> dict[str, Document]:
    """Contents of the three configuration files, by name. Values are strings where AWS's are."""
    resources = job.spec.get("ResourceConfig", {})
    instance = resources.get("InstanceType", "local")
    channels = {}
    for channel in job.spec.get("InputDataConfig", ()):
        source = channel.get("DataSource", {}).get("S3DataSource", {})
        channels[channel["ChannelName"]] = {
            "TrainingInputMode": channel.get("InputMode")
            or job.spec["AlgorithmSpecification"].get("TrainingInputMode", "File"),
            "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
            "RecordWrapperType": channel.get("RecordWrapperType", "None"),
        }
        if "ContentType" in channel:
            channels[channel["ChannelName"]]["ContentType"] = channel["ContentType"]
    return {
        "hyperparameters": dict(job.spec.get("HyperParameters", {})),
        "inputdataconfig": channels,
        "resourceconfig": {
            "current_host": MASTER,
            "current_instance_type": instance,
            "current_group_name": "homogeneousCluster",
            "hosts": [MASTER],
            "instance_groups": [
                {"instance_group_name": "homogeneousCluster", "instance_type": instance, "hosts": [MASTER]}
            ],
            "network_interface_name": "lo",
        },
    }


def stream_name(job: Resource) -> str:
    return f"{job.name}/{MASTER}-{int(job.created)}"


def free_bytes(path: Path) -> int:
    stats = os.statvfs(path)
    return stats.f_bavail * stats.f_frsize
