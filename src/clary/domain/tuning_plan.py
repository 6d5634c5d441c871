"""What a tuning job's request asks for: definitions, ranges, objectives, and the training jobs that follow. Pure.

A request has one training job definition, or several with ranges and objectives of their own. Each definition is a
study by itself; of several, every second training job goes to the one that leads, the others in turn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from clary.domain import tuning_results as results
from clary.domain.machine import Document
from clary.domain.machine import Row as Job
from clary.domain.tuning import JOBS, inner, trials
from clary.domain.tuning_ranges import Ranges, Values, combinations, ranges
from clary.domain.tuning_search import Study, Trial

OBJECTIVE_HYPERPARAMETER = "_tuning_objective_metric"
OBJECTIVE_METRIC = "ObjectiveMetric"
"""Under this name AWS shows a tuned training job's objective once more."""
METRICS = 40
EPOCHS = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")
"""Static hyperparameters that MaxResource is read from where it is not given, in AWS's order."""
TRANSFERRED = 3
"""How many of the parents' best combinations are tried first with TransferLearning."""

COPIED = (
    "RoleArn", "InputDataConfig", "VpcConfig", "OutputDataConfig", "StoppingCondition", "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining", "RetryStrategy", "Environment",
)  # fmt: skip


def definitions(spec: Document) -> list[Document]:
    if "TrainingJobDefinition" in spec:
        return [spec["TrainingJobDefinition"]]
    return list(spec.get("TrainingJobDefinitions", ()))


def searched(spec: Document, definition: Document) -> Ranges:
    """Raises `ValueError`, see `tuning_ranges.ranges`."""
    config = spec["HyperParameterTuningJobConfig"]
    return ranges(definition.get("HyperParameterRanges") or config.get("ParameterRanges") or {})


def objective(spec: Document, definition: Document) -> Document | None:
    """Type and MetricName."""
    config = spec["HyperParameterTuningJobConfig"]
    found: Document | None = definition.get("TuningObjective") or config.get(
        "HyperParameterTuningJobObjective"
    )
    return found


def limit(spec: Document) -> int:
    """How many training jobs may be launched: no more than there are combinations."""
    given = spec["HyperParameterTuningJobConfig"]["ResourceLimits"].get("MaxNumberOfTrainingJobs", JOBS)
    every = sum(combinations(searched(spec, each)) for each in definitions(spec))
    return int(min(given, every))


def resources(spec: Document, definition: Document) -> tuple[int, int] | None:
    """Hyperband's MinResource and MaxResource; None for another strategy. Raises `ValueError`."""
    config = spec["HyperParameterTuningJobConfig"]
    if config["Strategy"] != "Hyperband":
        return None
    given = config.get("StrategyConfig", {}).get("HyperbandStrategyConfig", {})
    static = definition.get("StaticHyperParameters", {})
    known = (static[name].strip('"') for name in EPOCHS if name in static)
    high = given.get("MaxResource") or next((int(text) for text in known if text.isdigit()), None)
    if not high:
        raise ValueError(
            "MaxResource parameter is not provided and could not be inferred from provided static hyperparameters "
            "of TrainingJobDefinition."
        )
    low = given.get("MinResource", 1)
    if low > high:
        raise ValueError(f"MinResource [{low}] must be less than or equal to MaxResource [{high}].")
    return low, high


def next_definition(job: Job, more: Sequence[int] = ()) -> int:
    """Which definition the next training job is of; `more`: those of training jobs about to be made."""
    every, made = definitions(job.spec), [trial["definition"] for trial in trials(job)] + list(more)
    sizes = [combinations(searched(job.spec, each)) for each in every]
    left = [index for index in range(len(every)) if made.count(index) < sizes[index]]
    if job.spec["HyperParameterTuningJobConfig"]["Strategy"] == "Grid":
        return left[0]
    leader = results.best(trials(job))
    if leader is not None and len(made) % 2 and len(made) >= 2 * len(every) and leader["definition"] in left:
        return int(leader["definition"])
    return min(left, key=lambda index: (made.count(index), index))


def study(job: Job, index: int, curves: Mapping[int, Sequence[float]] | None = None) -> Study:
    """All that is known of one definition. `curves`: the objective by epoch, by trial number."""
    spec, kept = job.spec, inner(job)
    definition = definitions(spec)[index]
    found, metric = searched(spec, definition), objective(spec, definition)
    assert metric is not None
    config = spec["HyperParameterTuningJobConfig"]
    mine = [trial for trial in trials(job) if trial["definition"] == index]
    built = Study(
        key=f"definition {index}",
        strategy=config["Strategy"],
        minimize=metric["Type"] == "Minimize",
        seed=kept["seed"],
        ranges=found,
        trials=tuple(_seen(trial, (curves or {}).get(trial["number"], ())) for trial in mine),
        resources=resources(spec, definition),
    )
    parents = [
        trial
        for trial in kept["parents"]
        if trial["definition"] == index
        and all(each.holds(trial["values"].get(each.name, "")) for each in found)
    ]
    if spec.get("WarmStartConfig", {}).get("WarmStartType") == "TransferLearning":
        leading = sorted(parents, key=results.rank)[:TRANSFERRED]
        return replace(built, first=tuple(_only(found, trial["values"]) for trial in leading))
    return replace(
        built,
        parents=tuple(replace(_seen(trial, ()), values=_only(found, trial["values"])) for trial in parents),
    )


def _only(found: Ranges, values: Values) -> Values:
    return {each.name: values[each.name] for each in found}


def _seen(trial: Document, curve: Sequence[float]) -> Trial:
    rungs = {int(rung): value for rung, value in trial.get("rungs", {}).items()}
    value = results.objective(trial) if results.has_objective(trial) else None
    return Trial(trial["values"], value, results.is_running(trial), tuple(curve), rungs)


def inherited(spec: Document, parent: Job) -> list[Document]:
    """A parent's trials that have an objective, as this tuning job keeps them. A hyperparameter that was static
    there and is searched here has its static value."""
    mine, theirs = definitions(spec), definitions(parent.spec)
    names = [each.get("DefinitionName") for each in mine]
    found: list[Document] = []
    for trial in filter(results.has_objective, trials(parent)):
        source = theirs[trial["definition"]]
        name = source.get("DefinitionName")
        index = names.index(name) if name in names else 0
        values = {**source.get("StaticHyperParameters", {}), **trial["values"]}
        values = {each.name: values[each.name] for each in searched(spec, mine[index]) if each.name in values}
        summary = {"TuningJobName": parent.spec["HyperParameterTuningJobName"], **trial["summary"]}
        found.append({"definition": index, "values": values, "summary": summary})
    return found


def training_job_name(job: Job, number: int) -> str:
    """`<tuning>-NNN-xxxxxxxx`; the last part differs for a tuning job of the same name made later."""
    name = job.spec["HyperParameterTuningJobName"]
    digest = hashlib.sha256(f"{name}:{job.created!r}:{number}".encode()).hexdigest()
    return f"{name}-{number:03d}-{digest[:8]}"


def training_job(spec: Document, index: int, name: str, values: Values) -> Document:
    """The CreateTrainingJob request of one combination."""
    definition = definitions(spec)[index]
    metric = objective(spec, definition)
    request: Document = {member: definition[member] for member in COPIED if member in definition}
    request["TrainingJobName"] = name
    request["AlgorithmSpecification"] = dict(definition["AlgorithmSpecification"])
    request["ResourceConfig"] = resource_config(definition)
    request["HyperParameters"] = {**definition.get("StaticHyperParameters", {}), **values}
    if "CheckpointConfig" in definition:
        config = definition["CheckpointConfig"]
        request["CheckpointConfig"] = {**config, "S3Uri": f"{config['S3Uri'].rstrip('/')}/{name}"}
    if metric is not None:
        request["HyperParameters"][OBJECTIVE_HYPERPARAMETER] = metric["MetricName"]
        metrics = list(definition["AlgorithmSpecification"].get("MetricDefinitions", ()))
        again = [each["Regex"] for each in metrics if each["Name"] == metric["MetricName"]]
        if again and len(metrics) < METRICS:
            metrics.append({"Name": OBJECTIVE_METRIC, "Regex": again[0]})
            request["AlgorithmSpecification"]["MetricDefinitions"] = metrics
    return request


def resource_config(definition: Document) -> Document:
    """ResourceConfig; of HyperParameterTuningResourceConfig the first instance type that is listed."""
    if "ResourceConfig" in definition:
        return dict(definition["ResourceConfig"])
    given: dict[str, Any] = dict(definition.get("HyperParameterTuningResourceConfig", {}))
    given.pop("AllocationStrategy", None)
    listed = given.pop("InstanceConfigs", [])
    return {"VolumeSizeInGB": 1, **given, **(listed[0] if listed else {})}
