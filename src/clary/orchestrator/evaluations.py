"""Rule evaluations: each rule of a training job is a program of its own that follows what the job saves.

It waits until the job runs, takes no room from jobs, and reads a folder that is filled from the job's S3 output;
so rules see the same on a job that ended long ago. It ends at the first issue, or after the job. Its program
is `clary.debugger.rules.program`, in the environment of its RuleEvaluatorImage.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from clary.domain import jobs
from clary.domain.cluster import Host
from clary.domain.evaluation import DEFAULT_IMAGE, EVALUATION, actions
from clary.domain.job_events import Admitted, Event
from clary.domain.profiling import profiled, uri
from clary.engines.ports import Mount
from clary.images.ports import Environment
from clary.orchestrator import debugging
from clary.orchestrator.actions import take
from clary.orchestrator.container import Program
from clary.orchestrator.inflow import Inflow
from clary.orchestrator.jobs import Jobs
from clary.orchestrator.layout import JobFiles
from clary.orchestrator.mirror import Mirror
from clary.orchestrator.reconciler import Tell
from clary.orchestrator.sources import Item, fetch, split
from clary.storage.ports import Resource

IMAGE = "sagemaker-debugger-rules:latest"
DEBUGGER = "/opt/clary/debugger"
"""Where the program sees `clary.debugger`; beside the toolkit, into which it links."""
TENSORS, PROFILE, OTHERS = "input/data/tensors", "input/data/profiler", "input/data/other_trials"
ENDED = "input/config/job_ended"
"""Made when the job can save nothing more."""
REPORTS = "output/reports"
PAUSE, LONGEST_PAUSE = 0.5, 4.0
"""Seconds between looks at the job's output: the longer nothing comes, the longer."""


def debugger_path() -> Path:
    return Path(__file__).parent.parent / "debugger"


class RuleEvaluations(Jobs):
    """The reconciler's `Machine` for kind RuleEvaluation."""

    life = EVALUATION
    log_group = "/aws/sagemaker/ProcessingJobs"

    def image(self, job: Resource) -> str:
        image = str(job.spec["Rule"].get("RuleEvaluatorImage") or DEFAULT_IMAGE)
        return IMAGE if image == DEFAULT_IMAGE else image

    async def admit(self, job: Resource, tell: Tell) -> Event:
        """When the training job runs, or has ended."""
        with self.ports.changes.watch(job.spec["TrainingJobArn"]) as watch:
            while True:
                training = await asyncio.to_thread(self._find, job.spec["TrainingJobArn"])
                if training is None or jobs.phase(training) in ("run", "upload", "end"):
                    return Admitted()
                await watch.wait(60)

    def fetch(self, job: Resource, host: Host, files: JobFiles) -> None:
        rule = job.spec["Rule"]
        parameters: Mapping[str, str] = rule.get("RuleParameters", {})
        config = {
            "rule": parameters.get("rule_to_invoke") or rule["RuleConfigurationName"],
            "parameters": dict(parameters),
            "trial": job.spec["TrainingJobName"],
            "profiler": job.spec["Profiler"],
        }
        folders = ("input/config", "output", REPORTS, "code", TENSORS, PROFILE, OTHERS)
        files.make(folders, {"input/config/ruleconfig.json": config})
        if source := parameters.get("source_s3_uri"):
            bucket, key = split(source)
            item = Item(bucket, key, key.rsplit("/", 1)[-1])
            fetch([item], files.ml / "code", self.ports.objects, gunzip=False)
        for name, place in sorted(parameters.items()):
            if name.startswith("other_trial"):
                Inflow(place, files.ml / OTHERS / name).fill(self.ports.objects)

    def program(self, job: Resource, host: Host, files: JobFiles, environment: Environment) -> Program:
        argv = (str(environment.python), "-u", f"{DEBUGGER}/rules/program.py", "/opt/ml")
        return Program(argv, {}, [Mount(debugger_path(), DEBUGGER)])

    async def run(self, job: Resource, tell: Tell) -> Event:
        async with asyncio.TaskGroup() as group:
            feeding = group.create_task(self._feed(job))
            event = await super().run(job, tell)
            feeding.cancel()
        return event

    async def _feed(self, job: Resource) -> None:
        """Until the job can save nothing more."""
        ml, arn = self.files(job).ml, job.spec["TrainingJobArn"]
        inflows: dict[str, Inflow] = {}
        pause = PAUSE
        with self.ports.changes.watch(arn) as watch:
            while True:
                training = await asyncio.to_thread(self._find, arn)
                ended = training is None or jobs.phase(training) == "end"
                for folder, place in inputs(training, job).items() if training is not None else ():
                    inflows.setdefault(folder, Inflow(place, ml / folder))
                brought = await asyncio.to_thread(self._fill, list(inflows.values()), ended)
                if ended:
                    (ml / ENDED).touch()
                    return
                pause = PAUSE if brought else min(2 * pause, LONGEST_PAUSE)
                if await watch.wait(pause):
                    pause = PAUSE

    def _fill(self, inflows: Sequence[Inflow], whole: bool) -> int:
        return sum(inflow.fill(self.ports.objects, whole=whole) for inflow in inflows)

    def deliver(self, job: Resource, hosts: Sequence[JobFiles]) -> str | None:
        """Send the reports, and act on a finding; what became of it, in sentences."""
        training = self._find(job.spec["TrainingJobArn"])
        if training is None:
            return None
        reports = hosts[0].made(REPORTS)
        if reports is not None and reports.is_dir():
            Mirror(reports, output(training, job)).send(self.ports.objects)
        if job.state.get("Found") != "IssuesFound":
            return None
        rule = job.spec["Rule"]
        wanted = actions(rule.get("RuleParameters", {}), training.name)
        details = job.state.get("StatusDetails", "")
        done = take(self.ports, wanted, training, rule["RuleConfigurationName"], details)
        for sentence in done:
            self._say(job, sentence)
        return " ".join(done) or None

    def committed(self, after: Resource) -> None:
        for arn in (after.arn, after.spec["TrainingJobArn"]):
            self.ports.changes.publish(arn)

    def resumed(self, resource: Resource, effect: str) -> None:
        """It holds no room."""


def inputs(training: Resource, evaluation: Resource) -> dict[str, str]:
    """S3 URIs of what a rule reads, by the folder below /opt/ml where it finds them."""
    found = {}
    if debugging.TENSORS.member in training.spec:
        found[TENSORS] = debugging.TENSORS.uri(training)
    if evaluation.spec["Profiler"] and profiled(training.spec):
        found[PROFILE] = uri(training.spec, training.name)
    return found


def output(training: Resource, evaluation: Resource) -> str:
    rule = evaluation.spec["Rule"]
    base = rule.get("S3OutputPath") or training.spec["OutputDataConfig"]["S3OutputPath"]
    return f"{base.rstrip('/')}/{training.name}/rule-output/{rule['RuleConfigurationName']}"
