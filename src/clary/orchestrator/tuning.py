"""Runs tuning jobs: what each effect of `domain.tuning` does in the world.

    launch     asks for values and makes their training jobs, all in one transaction with the row that counts them
    look       follows the objective of running training jobs for as long as some run, where they are stopped early
    deadline   MaxRuntimeInSeconds is over

A training job's step tells its tuning job (`follow`), and a tuning job's step asks training jobs to stop
(`recorded`), each in the transaction of the step: neither can know what the other does not.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from msgspec.structs import replace

from clary.api import ServiceError
from clary.api.context import Ports
from clary.api.kind import WAKE
from clary.domain import tuning, tuning_plan
from clary.domain import tuning_results as results
from clary.domain.jobs import inner
from clary.domain.machine import Step
from clary.domain.tuning_ranges import Values
from clary.domain.tuning_search import Study, Suggester, worse_than_median
from clary.orchestrator.reconciler import Tell, advance
from clary.storage.ports import Document, Effect, Resource, Transaction

PAUSE = 0.5
"""Seconds between two looks at the objective of what runs."""

Make = Callable[[Transaction, Resource, Document, float], Resource]
"""Makes a tuning job's training job from its request. Raises `ServiceError` before anything is written."""

Curves = dict[int, tuple[float, ...]]
"""The objective by epoch, by trial number."""


class TuningJobs:
    """The reconciler's `Machine` for kind HyperParameterTuningJob."""

    status = "HyperParameterTuningJobStatus"

    def __init__(self, ports: Ports, suggester: Suggester, make: Make) -> None:
        self._ports, self._suggester, self._make = ports, suggester, make

    def step(self, job: Resource, event: tuning.Event, now: float) -> Step:
        return tuning.step(job, event, now)

    def effects(self) -> Mapping[str, Callable[[Resource, Tell], Awaitable[tuning.Event | None]]]:
        return {"wake": self.wake, "launch": self.launch, "look": self.look, "deadline": self.deadline}

    def failed(self, error: Exception) -> tuning.EffectFailed:
        return tuning.EffectFailed(f"InternalServerError: {type(error).__name__}: {error}")

    def recorded(self, tx: Transaction, before: Resource, after: Resource) -> None:
        """Ask the training jobs to stop that this step wants stopped."""
        asked = {trial["number"] for trial in tuning.trials(before) if trial.get("stop")}
        for trial in tuning.trials(after):
            if trial.get("stop") and trial["number"] not in asked and results.is_running(trial):
                job = tx.resources.find(trial["summary"]["TrainingJobArn"])
                if job is not None and job.target != "Stopped":
                    tx.resources.update(replace(job, target="Stopped"))
                    tx.outbox.put(Effect(job.arn, job.generation, WAKE, due=after.modified))

    def committed(self, after: Resource) -> None:
        self._ports.changes.publish(after.arn)

    def resumed(self, resource: Resource, effect: str) -> None:
        """Nothing is held for a tuning job."""

    def follow(self, tx: Transaction, job: Resource, now: float) -> None:
        """In the transaction that changed a training job: tell the tuning job that made it, if one did."""
        arn = job.state.get("TuningJobArn")
        parent = tx.resources.find(arn) if arn else None
        if parent is None:
            return
        trial = next((t for t in tuning.trials(parent) if t["summary"]["TrainingJobArn"] == job.arn), None)
        if trial is None:
            return
        summary = _summary(parent, job.document, trial["definition"], trial["values"])
        if summary != trial["summary"]:
            advance(tx, self, parent, tuning.Reported(trial["number"], summary), now)

    async def wake(self, job: Resource, tell: Tell) -> tuning.Event:
        return tuning.Woken()

    async def deadline(self, job: Resource, tell: Tell) -> tuning.Event:
        return tuning.Expired()

    async def launch(self, job: Resource, tell: Tell) -> tuning.Event:
        await asyncio.to_thread(self._launch, job.arn)
        return tuning.Filled()

    async def look(self, job: Resource, tell: Tell) -> tuning.Event | None:
        """Ends with an event, so that one launched after the last look is looked at by the next effect."""
        ended: Curves = {}
        while True:
            current = await asyncio.to_thread(self._find, job.arn)
            if current is None or not results.running(tuning.trials(current)):
                return tuning.Judged()
            judged = await asyncio.to_thread(self._judge, current, ended)
            if judged.stop or judged.rungs:
                await tell(judged)
            await asyncio.sleep(PAUSE)

    def _find(self, arn: str) -> Resource | None:
        with self._ports.store.read() as tx:
            return tx.resources.find(arn)

    def _launch(self, arn: str) -> None:
        job = self._find(arn)
        if job is None:
            return
        planned = self._plan(job)
        with self._ports.store.begin() as tx:
            current = tx.resources.find(arn)
            if current is None or len(tuning.trials(current)) != len(tuning.trials(job)):
                return
            now = time.time()
            made = [
                self._launched(tx, current, number, index, values, now)
                for number, index, values in planned[: tuning.room(current)]
            ]
            if made:
                advance(tx, self, current, tuning.Launched(tuple(made)), now)

    def _plan(self, job: Resource) -> list[tuple[int, int, Values]]:
        """Number, definition and values of the training jobs that there is room for."""
        planned: list[tuple[int, int, Values]] = []
        studies: dict[int, Study] = {}
        for _ in range(tuning.room(job)):
            index = tuning_plan.next_definition(job, [index for _, index, _ in planned])
            study = studies.get(index) or tuning_plan.study(job, index)
            values = self._suggester.suggest(study)
            studies[index] = study.with_trial(values)
            planned.append((len(tuning.trials(job)) + len(planned) + 1, index, values))
        return planned

    def _launched(
        self, tx: Transaction, job: Resource, number: int, index: int, values: Values, now: float
    ) -> Document:
        """The trial of a training job just made; of one that could not be made, as it failed."""
        name = tuning_plan.training_job_name(job, number)
        request = tuning_plan.training_job(job.spec, index, name, values)
        try:
            document = self._make(tx, job, request, now).document
        except ServiceError as error:
            document = {
                "TrainingJobName": name,
                "TrainingJobArn": f"arn:aws:sagemaker:{job.region}:{job.account}:training-job/{name.lower()}",
                "CreationTime": now,
                "TrainingJobStatus": "Failed",
                "FailureReason": f"ClientError: {error.message}"[: tuning.REASON_LIMIT],
            }
        summary = _summary(job, document, index, values)
        return {"number": number, "definition": index, "values": values, "summary": summary}

    def _judge(self, job: Resource, ended: Curves) -> tuning.Judged:
        """`ended` keeps the curves of ended trials from look to look."""
        hyperband = job.spec["HyperParameterTuningJobConfig"]["Strategy"] == "Hyperband"
        running = [trial for trial in results.running(tuning.trials(job)) if not trial.get("stop")]
        known = () if hyperband else [t for t in tuning.trials(job) if results.has_objective(t)]
        with self._ports.store.read() as tx:
            curves = {trial["number"]: self._curve(tx, job, trial) for trial in running}
            for trial in known:
                if trial["number"] not in ended:
                    ended[trial["number"]] = self._curve(tx, job, trial)
        if hyperband:
            return self._compare(job, running, curves)
        stop = set()
        for trial in running:
            metric = _metric(job, trial["definition"])
            others = [ended[t["number"]] for t in known if t["definition"] == trial["definition"]]
            if worse_than_median(curves[trial["number"]], others, metric["Type"] == "Minimize"):
                stop.add(trial["number"])
        return tuning.Judged(frozenset(stop))

    def _compare(self, job: Resource, running: Sequence[Document], curves: Curves) -> tuning.Judged:
        stop, rungs = set(), {}
        for trial in running:
            number, index = trial["number"], trial["definition"]
            study = tuning_plan.study(job, index, curves)
            assert study.resources is not None
            mine = [t["number"] for t in tuning.trials(job) if t["definition"] == index]
            verdict = self._suggester.judge(study, mine.index(number))
            # One that is at MaxResource is let finish what comes after its last epoch.
            if verdict.stop or len(curves[number]) > study.resources[1]:
                stop.add(number)
            if {str(rung): value for rung, value in verdict.rungs.items()} != trial.get("rungs", {}):
                rungs[number] = verdict.rungs
        return tuning.Judged(frozenset(stop), rungs)

    def _curve(self, tx: Transaction, job: Resource, trial: Document) -> tuple[float, ...]:
        found = tx.resources.find(trial["summary"]["TrainingJobArn"])
        component = inner(found).get("component") if found is not None else None
        if component is None:
            return ()
        return tuple(tx.metrics.points(component, _metric(job, trial["definition"])["MetricName"]).values)


def _metric(job: Resource, index: int) -> Document:
    found = tuning_plan.objective(job.spec, tuning_plan.definitions(job.spec)[index])
    assert found is not None
    return found


def _summary(job: Resource, document: Document, index: int, values: Values) -> Document:
    name = tuning_plan.definitions(job.spec)[index].get("DefinitionName")
    return results.summary(document, values, _metric(job, index), name)
