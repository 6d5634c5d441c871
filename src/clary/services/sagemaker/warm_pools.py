"""The warm pool of a training job with a KeepAlivePeriodInSeconds: queued with it, shown, kept longer or ended.

`orchestrator.warm_pools` makes the next job's sandbox ready in it; `domain.warm_pool` says when it is whose.
"""

from __future__ import annotations

from msgspec.structs import replace

from clary.api import Context, Document
from clary.api.kind import WAKE
from clary.domain import warm_pool
from clary.domain.warm_pool import PERIOD, SHOWN
from clary.services.sagemaker.job_checks import refused
from clary.services.sagemaker.training import TrainingJob
from clary.storage.ports import Effect, Resource, Transaction


@TrainingJob.on_create
def queue_pool(ctx: Context, tx: Transaction, job: Resource) -> Resource | None:
    period = warm_pool.period(job.spec)
    if not period:
        return None
    state = {warm_pool.STATUS: "InUse"}
    tx.resources.insert(
        Resource(
            arn=warm_pool.pool_arn(job.arn, job.created), account=job.account, region=job.region,
            kind=warm_pool.KIND, name=f"{job.name}-warm-pool", created=job.created, modified=ctx.now,
            parent=job.arn, status="InUse", state=state,
            spec={"TrainingJobArn": job.arn, PERIOD: period, "Match": warm_pool.match(job.spec)},
        )
    )  # fmt: skip
    return replace(job, state={**job.state, SHOWN: state})


@TrainingJob.on_describe
def show_billable_time(ctx: Context, tx: Transaction, job: Resource, document: Document) -> Document:
    """Of a pool that waits, as it is now."""
    if document.get(SHOWN, {}).get("Status") != "Available":
        return document
    pool = _pool(tx, job)
    return document if pool is None else {**document, SHOWN: warm_pool.shown(pool, ctx.now)}


@TrainingJob.on_update
def change_period(ctx: Context, tx: Transaction, job: Resource, request: Document) -> Document:
    """Counted from when the pool became Available; 0 ends it now."""
    if "ResourceConfig" not in request:
        return request
    pool = _pool(tx, job)
    if pool is None or pool.status != "Available":
        status = job.state.get(SHOWN, {}).get("Status", "not there")
        raise refused(
            f"KeepAlivePeriodInSeconds can be updated only while the training job's warm pool is Available; it is {status}."
        )
    config = {**job.spec["ResourceConfig"], **request["ResourceConfig"]}
    tx.resources.update(replace(pool, spec={**pool.spec, PERIOD: config.get(PERIOD, 0)}))
    tx.outbox.put(Effect(pool.arn, pool.generation, WAKE, due=ctx.now))
    return {**request, "ResourceConfig": config}


@TrainingJob.on_delete
def refuse_to_delete_kept(ctx: Context, tx: Transaction, job: Resource) -> None:
    if job.state.get(SHOWN, {}).get("Status") == "Available":
        raise refused(
            f"The training job {job.name} has a warm pool that is Available: set its KeepAlivePeriodInSeconds to 0 "
            "(UpdateTrainingJob), or wait for its end."
        )


def _pool(tx: Transaction, job: Resource) -> Resource | None:
    return tx.resources.find(warm_pool.pool_arn(job.arn, job.created))
