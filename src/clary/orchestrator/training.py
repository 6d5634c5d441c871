"""Training jobs: what is particular to them in the course of a job (`orchestrator.jobs`).

Their programs find channels, source and configuration below /opt/ml/input, and leave a model, output data and
checkpoints: `AlgorithmSpecification`'s entrypoint, or the toolkit that runs script mode.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from clary.api.context import Ports
from clary.domain.cluster import Host, hosts, resource_config
from clary.domain.job_events import Event
from clary.domain.jobs import inner
from clary.domain.training import TRAINING
from clary.domain.warm_pool import period
from clary.engines import TOOLKIT, train_command
from clary.engines.ports import ContainerSpec, Engine, EngineState, Mount
from clary.images import builtin
from clary.images.builtin import trained
from clary.images.ports import Environment, Images
from clary.orchestrator import (
    artifacts,
    channels,
    checkpoints,
    debugging,
    metric_files,
    profiling,
    warm_start,
)
from clary.orchestrator.cluster_run import ClusterRun
from clary.orchestrator.container import Program, Workplace
from clary.orchestrator.follower import MetricPatterns
from clary.orchestrator.jobs import Derive, Jobs
from clary.orchestrator.keeper import Keeper
from clary.orchestrator.layout import TRAINING_FOLDERS, JobFiles
from clary.orchestrator.reconciler import Tell
from clary.orchestrator.slots import Slots
from clary.orchestrator.warm_pools import CACHE, WarmPools
from clary.storage.ports import Document, Resource, Transaction

CHANNELS = "/opt/ml/input/data"
PIPES = "/opt/clary/pipes"
"""Where a program's feeder finds what its pipes are fed from."""


class TrainingJobs(Jobs):
    """The reconciler's `Machine` for kind TrainingJob."""

    life = TRAINING
    log_group = "/aws/sagemaker/TrainingJobs"

    def __init__(
        self, ports: Ports, engine: Engine, images: Images, workplace: Workplace, slots: Slots, derive: Derive,
        pools: WarmPools,
    ) -> None:  # fmt: skip
        super().__init__(ports, engine, images, workplace, slots, derive)
        self.pools = pools

    def recorded(self, tx: Transaction, before: Resource, after: Resource) -> None:
        super().recorded(tx, before, after)
        self.pools.follow(tx, before, after)

    def committed(self, after: Resource) -> None:
        super().committed(after)
        if "TuningJobArn" in after.state:  # what it did to its tuning job is kept now
            self.ports.changes.publish(after.state["TuningJobArn"])

    def image(self, job: Resource) -> str:
        return str(job.spec["AlgorithmSpecification"].get("TrainingImage", ""))

    def requirements(self, job: Resource) -> str:
        return channels.requirements(job, self.ports.objects)

    def patterns(self, job: Resource) -> MetricPatterns:
        return MetricPatterns(job.spec["AlgorithmSpecification"].get("MetricDefinitions", ()))

    async def download(self, job: Resource, tell: Tell) -> Event:
        job = await asyncio.to_thread(warm_start.claim, self.pools, job)
        await asyncio.to_thread(warm_start.forget_configuration, job, self.files(job))
        return await super().download(job, tell)

    def fetch(self, job: Resource, host: Host, files: JobFiles) -> None:
        cluster = hosts(job.spec)
        if trained(job.spec) and host == cluster[0]:
            cluster = (host,)  # a built-in algorithm's first host trains, with all of the data
        documents = {
            "hyperparameters": dict(job.spec.get("HyperParameters", {})),
            "inputdataconfig": input_config(job, host),
            "resourceconfig": resource_config(cluster, host),
        }
        named = {f"input/config/{name}.json": value for name, value in documents.items()}
        cache = [CACHE] if period(job.spec) else []
        files.make([*TRAINING_FOLDERS, metric_files.FOLDER, *cache], {**named, **debugging.documents(job)})
        channels.download(
            job, cluster, host, files, self.ports.objects, may_link=self.engine.isolates,
            folders=self.ports.settings.input_folders,
        )  # fmt: skip
        checkpoints.restore(job, files, self.ports.objects)

    def program(self, job: Resource, host: Host, files: JobFiles, environment: Environment) -> Program:
        algorithm = job.spec["AlgorithmSpecification"]
        argv = (*algorithm.get("ContainerEntrypoint", ()), *algorithm.get("ContainerArguments", ()))
        built_in = trained(job.spec)
        if built_in:
            argv = builtin.train_command(environment.python, built_in)
        argv = argv or train_command(environment.python)
        mounts = [Mount(files.data / name, f"{CHANNELS}/{name}") for name in channels.linked(files)]
        if (files.data / channels.PIPES).is_dir():
            mounts.append(Mount(files.data / channels.PIPES, PIPES))
            feeder = (str(environment.python), "-I", "-S", f"{TOOLKIT}/pipes.py", PIPES, CHANNELS)
            argv = (*feeder, *argv)
        if self.engine.isolates:
            opened = channels.in_place(job, host, self.ports.settings.input_folders)
            mounts += [Mount(path, f"{CHANNELS}/{name}") for name, path in opened]
        if built_in:
            mounts.append(Mount(builtin.algorithms_path(), builtin.ALGORITHMS))
        mounts += [*checkpoints.mounts(job, files), *debugging.mounts(job, files)]
        env = {
            "TRAINING_JOB_NAME": job.name,
            "TRAINING_JOB_ARN": job.arn,
            "SAGEMAKER_METRICS_DIRECTORY": f"/opt/ml/{metric_files.FOLDER}",
        }
        if len(hosts(job.spec)) > 1:
            env["CLARY_CLUSTER_KEY"] = files.secret()
        return Program(argv, env, mounts, debugging.pythonpath(job))

    async def start(
        self, run: ClusterRun, job: Resource, host: Host, spec: ContainerSpec,
        learned: Callable[[Host, EngineState], Awaitable[None]],
    ) -> None:  # fmt: skip
        files = self.files(job).at(host)
        ready = await warm_start.sandbox(self.pools, job, host, files, spec)
        if ready is None:
            await super().start(run, job, host, spec, learned)
            return
        await run.adopt(host, ready, learned)
        await asyncio.to_thread(warm_start.order, job, host, files, spec)

    async def clean(self, job: Resource, tell: Tell) -> None:
        await warm_start.leave(self.pools, job)
        await super().clean(job, tell)

    async def upload(self, job: Resource, tell: Tell) -> Event:
        sent = await super().upload(job, tell)
        if period(job.spec):
            await asyncio.to_thread(warm_start.hand_on, self.pools, job, self.files(job))
        return sent

    def mirrors(self, job: Resource, hosts: Sequence[JobFiles]) -> list[Keeper]:
        recorders = profiling.recorders(
            job, hosts, self.slots.total, self.ports, partial(self._find, job.arn)
        )
        metrics = metric_files.MetricFiles(self.ports.store, job, hosts)
        return [*checkpoints.mirrors(job, hosts), *debugging.mirrors(job, hosts), *recorders, metrics]

    def deliver(self, job: Resource, hosts: Sequence[JobFiles]) -> str | None:
        debugging.finish(job, self.ports.objects)
        keep_model = inner(job)["outcome"] != "Failed"
        return artifacts.upload(job, hosts, self.ports.objects, model=keep_model)


def input_config(job: Resource, host: Host) -> Document:
    """`inputdataconfig.json`: the host's channels."""
    found = {}
    for channel in job.spec.get("InputDataConfig", ()):
        source = channel.get("DataSource", {}).get("S3DataSource", {})
        if source.get("InstanceGroupNames") and host.group not in source["InstanceGroupNames"]:
            continue
        shown = {
            "TrainingInputMode": channels.mode(job, channel),
            "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
            "RecordWrapperType": channel.get("RecordWrapperType", "None"),
        }
        if "ContentType" in channel:
            shown["ContentType"] = channel["ContentType"]
        found[channel["ChannelName"]] = shown
    return found
