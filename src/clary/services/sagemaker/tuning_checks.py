"""What CreateHyperParameterTuningJob checks beyond the model, in AWS's words where they are known."""

from __future__ import annotations

from msgspec.structs import replace

from clary.api import Context, Document
from clary.domain import tuning_plan
from clary.domain.tuning import TERMINAL
from clary.domain.tuning_plan import definitions, objective, searched
from clary.domain.tuning_ranges import Choice, Ranges, combinations
from clary.images.builtin import built_in
from clary.services.sagemaker.job_checks import refused
from clary.services.sagemaker.training import TrainingJob, checked
from clary.storage.ports import Resource, Transaction

RANGES = 30
"""Hyperparameters that a tuning job may search."""


def check_request(spec: Document) -> None:
    check_definitions(spec)
    check_strategy(spec)
    for definition in definitions(spec):
        found = check_ranges(spec, definition)
        check_objective(spec, definition)
        check_resources(definition)
        check_size(spec, found)


def check_definitions(spec: Document) -> None:
    config, several = spec["HyperParameterTuningJobConfig"], spec.get("TrainingJobDefinitions")
    if ("TrainingJobDefinition" in spec) == bool(several):
        raise refused(
            "You must provide either TrainingJobDefinition or TrainingJobDefinitions, but not both of them."
        )
    if several is None:
        return
    if "ParameterRanges" in config or "HyperParameterTuningJobObjective" in config:
        raise refused(
            "With TrainingJobDefinitions, provide HyperParameterRanges and TuningObjective in each training job "
            "definition, not ParameterRanges or HyperParameterTuningJobObjective in HyperParameterTuningJobConfig."
        )
    names = [definition.get("DefinitionName") for definition in several]
    if None in names or len(set(names)) < len(names):
        raise refused("Each of TrainingJobDefinitions must have a DefinitionName of its own.")
    if len({(objective(spec, each) or {}).get("Type") for each in several}) > 1:
        raise refused("The TuningObjective of all training job definitions must have the same Type.")


def check_strategy(spec: Document) -> None:
    config = spec["HyperParameterTuningJobConfig"]
    strategy, limits = config["Strategy"], config["ResourceLimits"]
    maximum, parallel = limits.get("MaxNumberOfTrainingJobs"), limits["MaxParallelTrainingJobs"]
    if maximum is not None and parallel > maximum:
        raise refused(
            f"MaxParallelTrainingJobs [{parallel}] must be less than or equal to MaxNumberOfTrainingJobs [{maximum}]."
        )
    if strategy != "Hyperband" and "StrategyConfig" in config:
        raise refused("StrategyConfig can be provided only if Hyperband is the Strategy.")
    if strategy == "Hyperband" and config.get("TrainingJobEarlyStoppingType") == "Auto":
        raise refused("TrainingJobEarlyStoppingType must be OFF to use the Hyperband strategy.")


def check_ranges(spec: Document, definition: Document) -> Ranges:
    config = spec["HyperParameterTuningJobConfig"]
    given = definition.get("HyperParameterRanges") or config.get("ParameterRanges") or {}
    if given.get("AutoParameters") and spec.get("Autotune", {}).get("Mode") != "Enabled":
        raise refused("AutoParameters can be provided only if Autotune is Enabled.")
    try:
        found = searched(spec, definition)
        tuning_plan.resources(spec, definition)
    except ValueError as error:
        raise refused(str(error)) from None
    if not found:
        raise refused("Provide at least one hyperparameter range to search over.")
    if len(found) > RANGES:
        raise refused(
            f"The sum of the number of hyperparameters for all the ranges [{len(found)}] can't exceed {RANGES}."
        )
    both = sorted({each.name for each in found} & definition.get("StaticHyperParameters", {}).keys())
    if both:
        raise refused(f"Hyperparameter [{both[0]}] can't be both static and tunable.")
    if config["Strategy"] == "Grid" and not all(isinstance(each, Choice) for each in found):
        raise refused("The Grid strategy searches only over categorical hyperparameters.")
    return found


def check_size(spec: Document, found: Ranges) -> None:
    config = spec["HyperParameterTuningJobConfig"]
    wanted, every = config["ResourceLimits"].get("MaxNumberOfTrainingJobs"), combinations(found)
    if (
        config["Strategy"] != "Grid"
        and wanted is not None
        and "TrainingJobDefinition" in spec
        and every < wanted
    ):
        raise refused(
            "You don't have enough combinations of hyperparameter ranges. The total number of hyperparameter "
            f"combinations for the provided ranges [{float(every)}] must be equal or greater than the value of "
            f"MaxNumberOfJobs, [{wanted}]. Provide additional ranges."
        )


def check_objective(spec: Document, definition: Document) -> None:
    specification, metric = definition["AlgorithmSpecification"], objective(spec, definition)
    if metric is None:
        raise refused(
            "Provide the objective metric: HyperParameterTuningJobObjective, or a TuningObjective in each of "
            "TrainingJobDefinitions."
        )
    names = [each["Name"] for each in specification.get("MetricDefinitions", ())]
    algorithm = built_in(specification.get("TrainingImage", ""))
    if algorithm is not None and "sagemaker_program" not in definition.get("StaticHyperParameters", {}):
        known = [each.name for each in algorithm.metrics]
        if metric["MetricName"] not in known:
            raise refused(
                f"The objective metric for the hyperparameter tuning job, [{metric['MetricName']}], isn't valid for "
                f"the [{algorithm.name}] algorithm. Choose one of {', '.join(known)}."
            )
    elif metric["MetricName"] not in names:
        raise refused(
            "A metric is required for this hyperparameter tuning job objective. Provide a metric in the metric "
            "definitions."
        )


def check_resources(definition: Document) -> None:
    if ("ResourceConfig" in definition) == ("HyperParameterTuningResourceConfig" in definition):
        raise refused(
            "Provide either ResourceConfig or HyperParameterTuningResourceConfig in a training job definition, but "
            "not both of them."
        )
    given = definition.get("HyperParameterTuningResourceConfig", {})
    if given and ("InstanceType" in given) == ("InstanceConfigs" in given):
        raise refused(
            "Provide either InstanceType, InstanceCount and VolumeSizeInGB or InstanceConfigs in "
            "HyperParameterTuningResourceConfig, but not both of them."
        )


def check_training_jobs(ctx: Context, tx: Transaction, job: Resource) -> None:
    """All that CreateTrainingJob would refuse: better now than in each training job."""
    for index, definition in enumerate(definitions(job.spec)):
        values = {each.name: next(each.every()) if isinstance(each, Choice) else each.text(each.high)
                  for each in searched(job.spec, definition)}  # fmt: skip
        request = tuning_plan.training_job(job.spec, index, tuning_plan.training_job_name(job, 0), values)
        checked(ctx, tx, TrainingJob.new(ctx, request["TrainingJobName"], request, ctx.now))


def check_parent(spec: Document, parent: Resource, kind: str) -> None:
    if parent.status not in TERMINAL:
        raise refused(
            f"Parent hyperparameter tuning job {parent.name} is in status {parent.status}: it must be in a terminal "
            "state (Completed, Stopped or Failed)."
        )
    mine, theirs = definitions(spec)[0], definitions(parent.spec)[0]
    if objective(spec, mine) != objective(parent.spec, theirs):
        raise refused(
            "The objective metric for the new tuning job must be the same as for all parent jobs: that of "
            f"{parent.name} is different."
        )
    if kind != "IdenticalDataAndAlgorithm":
        return
    image = "AlgorithmSpecification", "TrainingImage"
    if mine[image[0]].get(image[1]) != theirs[image[0]].get(image[1]):
        raise refused(
            f"With IdenticalDataAndAlgorithm, the training image must be that of parent tuning job {parent.name}."
        )
    counts = [len(_names(each, about)) for each, about in ((spec, mine), (parent.spec, theirs))]
    if counts[0] != counts[1]:
        raise refused(
            "With IdenticalDataAndAlgorithm, the total number of static plus tunable hyperparameters must remain "
            f"the same as in all parent jobs: it is {counts[0]}, and {counts[1]} in {parent.name}."
        )


def _names(spec: Document, definition: Document) -> set[str]:
    """Of all hyperparameters but those that the SDK and the tuning job itself add."""
    names = {
        *definition.get("StaticHyperParameters", {}),
        *(each.name for each in searched(spec, definition)),
    }
    return {name for name in names if not name.startswith(("sagemaker_", "_tuning_"))}


def with_objective(job: Resource) -> Resource:
    """As AWS shows it: each definition's static hyperparameters name the objective."""

    def named(definition: Document) -> Document:
        metric = objective(job.spec, definition)
        assert metric is not None
        static = {
            **definition.get("StaticHyperParameters", {}),
            tuning_plan.OBJECTIVE_HYPERPARAMETER: metric["MetricName"],
        }
        return {**definition, "StaticHyperParameters": static}

    if "TrainingJobDefinition" in job.spec:
        changed: Document = {"TrainingJobDefinition": named(job.spec["TrainingJobDefinition"])}
    else:
        changed = {"TrainingJobDefinitions": [named(each) for each in job.spec["TrainingJobDefinitions"]]}
    return replace(job, spec={**job.spec, **changed})
