"""Processing jobs: what is particular to them in the course of a job (`orchestrator.jobs`).

Inputs lie where their LocalPath says, below /opt/ml/processing; outputs are sent from there when the program
has ended, or while it runs (`Continuous`). Of a job that failed only what was sent while it ran stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clary.domain.cluster import Host, hosts, resource_config
from clary.domain.jobs import inner
from clary.domain.processing import PROCESSING
from clary.images.ports import Environment
from clary.orchestrator import channels
from clary.orchestrator.container import Program
from clary.orchestrator.jobs import Jobs
from clary.orchestrator.layout import JobFiles
from clary.orchestrator.mirror import Mirror
from clary.orchestrator.sources import fetch, items, share
from clary.storage.ports import Document, Resource

ML = "/opt/ml/"
FOLDERS = ("config", "output", "processing")
CODE_INPUTS = ("code", "sourcecode")


class ProcessingJobs(Jobs):
    """The reconciler's `Machine` for kind ProcessingJob."""

    life = PROCESSING
    log_group = "/aws/sagemaker/ProcessingJobs"

    def image(self, job: Resource) -> str:
        return str(job.spec["AppSpecification"]["ImageUri"])

    def requirements(self, job: Resource) -> str:
        """Of the source that SDKs send as input `code`: its driver's `pip install -r` finds all there."""
        for source in s3_inputs(job):
            if source["InputName"] in CODE_INPUTS:
                return channels.loose_requirements(self.ports.objects, source["S3Input"]["S3Uri"])
        return ""

    def fetch(self, job: Resource, host: Host, files: JobFiles) -> None:
        cluster = hosts(job.spec)
        folders = [*FOLDERS, *(below(output["S3Output"]["LocalPath"]) for output in s3_outputs(job))]
        documents = {
            "config/processingjobconfig.json": configuration(job),
            "config/resourceconfig.json": resource_config(cluster, host),
        }
        files.make(folders, documents)
        for source in s3_inputs(job):
            given = source["S3Input"]
            found = items(job, given["S3Uri"], given["S3DataType"], self.ports.objects)
            mine = share(found, given.get("S3DataDistributionType", ""), host.index, len(cluster))
            packed = given.get("S3CompressionType", "None") == "Gzip"
            fetch(mine, files.ml / below(given["LocalPath"]), self.ports.objects, gunzip=packed)

    def program(self, job: Resource, host: Host, files: JobFiles, environment: Environment) -> Program:
        app = job.spec["AppSpecification"]
        argv = (*app.get("ContainerEntrypoint", ()), *app.get("ContainerArguments", ()))
        if argv[0] in ("python", "python3"):
            argv = (str(environment.python), *argv[1:])
        return Program(argv, {"PROCESSING_JOB_NAME": job.name, "PROCESSING_JOB_ARN": job.arn})

    def mirrors(self, job: Resource, hosts: Sequence[JobFiles]) -> list[Mirror]:
        return mirrors(job, hosts, "Continuous")

    def deliver(self, job: Resource, hosts: Sequence[JobFiles]) -> None:
        if inner(job)["outcome"] != "Failed":
            for mirror in mirrors(job, hosts, "EndOfJob"):
                mirror.send(self.ports.objects)


def s3_inputs(job: Resource) -> list[Document]:
    return [given for given in job.spec.get("ProcessingInputs", ()) if "S3Input" in given]


def s3_outputs(job: Resource) -> list[Document]:
    outputs = job.spec.get("ProcessingOutputConfig", {}).get("Outputs", ())
    return [output for output in outputs if "S3Output" in output]


def mirrors(job: Resource, hosts: Sequence[JobFiles], mode: str) -> list[Mirror]:
    found = []
    for output in s3_outputs(job):
        target = output["S3Output"]
        if target["S3UploadMode"] == mode:
            folders = [files.made(below(target["LocalPath"])) for files in hosts]
            found += [Mirror(folder, target["S3Uri"]) for folder in folders if folder and folder.is_dir()]
    return found


def below(path: str) -> str:
    """A LocalPath as one below /opt/ml."""
    return path.removeprefix(ML).rstrip("/")


def configuration(job: Resource) -> dict[str, Any]:
    """`processingjobconfig.json`: the request, with the job's ARN."""
    config: Document = {"ProcessingJobArn": job.arn, **job.spec}
    app = dict(config["AppSpecification"])
    app.setdefault("ContainerEntrypoint", None)
    app.setdefault("ContainerArguments", None)
    return {**config, "AppSpecification": app, "Environment": config.get("Environment", {})}
