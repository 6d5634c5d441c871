"""Tuning jobs as boto3 sees them: real training jobs of a real server."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.jobs import Jobs
from tests.support.process import Clary
from tests.support.tuning import GRID, SCRIPT, Tunings


@pytest.fixture(scope="module")
def tunings(jobs: Jobs) -> Tunings:
    return Tunings(jobs)


def value(summary: dict[str, Any]) -> float:
    return float(summary["FinalHyperParameterTuningJobObjectiveMetric"]["Value"])


def test_a_tuning_job_trains_counts_and_finds_its_best(tunings: Tunings, jobs: Jobs) -> None:
    tags = [{"Key": "team", "Value": "vision"}]
    job = tunings.run(strategy="Bayesian", jobs=6, parallel=3, static={"batch": 32}, Tags=tags)
    name = job["HyperParameterTuningJobName"]
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["TrainingJobStatusCounters"] == {
        "Completed": 6, "InProgress": 0, "RetryableError": 0, "NonRetryableError": 0, "Stopped": 0,
    }  # fmt: skip
    assert job["ObjectiveStatusCounters"] == {"Succeeded": 6, "Pending": 0, "Failed": 0}
    filters = [{"Name": "BestTrainingJob.TrainingJobName", "Operator": "Exists"},
               {"Name": "Tags.team", "Operator": "Equals", "Value": "vision"}]  # fmt: skip
    (hit,) = tunings.sagemaker.search(
        Resource="HyperParameterTuningJob", SearchExpression={"Filters": filters}
    )["Results"]
    assert hit["HyperParameterTuningJob"]["BestTrainingJob"] == job["BestTrainingJob"]
    filters = [{"Name": "TuningJobArn", "Operator": "Equals", "Value": job["HyperParameterTuningJobArn"]}]
    trained = tunings.sagemaker.search(Resource="TrainingJob", SearchExpression={"Filters": filters})
    assert len(trained["Results"]) == 6
    assert job["HyperParameterTuningEndTime"] >= job["CreationTime"]
    assert "OverallBestTrainingJob" not in job
    static = job["TrainingJobDefinition"]["StaticHyperParameters"]
    assert static["_tuning_objective_metric"] == "loss"
    summaries = tunings.training_jobs(name)
    assert [summary["TrainingJobName"][: len(name) + 5] for summary in summaries] == [
        f"{name}-00{number}-" for number in range(1, 7)
    ]
    assert all(re.fullmatch(rf"{name}-\d{{3}}-[0-9a-f]{{8}}", each["TrainingJobName"]) for each in summaries)
    by_value = tunings.training_jobs(
        name, SortBy="FinalObjectiveMetricValue", PaginationConfig={"PageSize": 2}
    )
    assert [value(each) for each in by_value] == sorted(map(value, summaries))
    assert job["BestTrainingJob"] == by_value[0]
    best = jobs.describe(by_value[0]["TrainingJobName"])
    tuned = by_value[0]["TunedHyperParameters"]
    assert set(tuned) == {"rate", "depth", "kind"}
    assert best["HyperParameters"] == {**static, **tuned}
    assert best["TuningJobArn"] == job["HyperParameterTuningJobArn"]
    loss = abs(float(tuned["rate"]) - 0.1) + abs(int(tuned["depth"]) - 4) / 10
    assert value(by_value[0]) == pytest.approx(loss, abs=1e-5)
    assert {metric["MetricName"] for metric in best["FinalMetricDataList"]} == {"loss", "ObjectiveMetric"}
    sagemaker = tunings.sagemaker
    assert sagemaker.list_tags(ResourceArn=best["TrainingJobArn"])["Tags"] == tags
    components = sagemaker.list_trial_components(ExperimentName=f"{name}-aws-tuning-job", MaxResults=50)
    assert sorted(
        c["TrialComponentSource"]["SourceArn"] for c in components["TrialComponentSummaries"]
    ) == sorted(each["TrainingJobArn"] for each in summaries)
    listed = sagemaker.list_hyper_parameter_tuning_jobs(NameContains=name)["HyperParameterTuningJobSummaries"]
    assert [(each["Strategy"], each["TrainingJobStatusCounters"]["Completed"]) for each in listed] == [
        ("Bayesian", 6)
    ]


def test_a_grid_is_walked_whole_without_a_limit(tunings: Tunings) -> None:
    job = tunings.run(
        strategy="Grid", ranges=GRID, static={"kind": "x"},
        config={"ResourceLimits": {"MaxParallelTrainingJobs": 4}},
    )  # fmt: skip
    found = [
        (each["TunedHyperParameters"]["rate"], each["TunedHyperParameters"]["depth"])
        for each in tunings.training_jobs(job["HyperParameterTuningJobName"])
    ]
    assert found == [("0.1", "3"), ("0.1", "4"), ("0.2", "3"), ("0.2", "4")]
    assert job["BestTrainingJob"]["TunedHyperParameters"] == {"rate": "0.1", "depth": "4"}


def test_one_seed_has_one_sequence(tunings: Tunings) -> None:
    runs = [tunings.run(strategy="Bayesian", jobs=2, parallel=1) for _ in range(2)]
    tuned = [
        [each["TunedHyperParameters"] for each in tunings.training_jobs(job["HyperParameterTuningJobName"])]
        for job in runs
    ]
    assert tuned[0] == tuned[1]


def test_a_stop_stops_what_runs(tunings: Tunings) -> None:
    name = tunings.start("import time\nprint('loss: 1', flush=True)\ntime.sleep(300)", jobs=4, parallel=2)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = tunings.training_jobs(name)
        if len(found) == 2 and any("TrainingStartTime" in each for each in found):
            break
        time.sleep(0.1)
    with pytest.raises(ClientError, match="only one that is Completed"):
        tunings.sagemaker.delete_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    tunings.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    job = tunings.wait(name)
    assert job["HyperParameterTuningJobStatus"] == "Stopped"
    assert job["TrainingJobStatusCounters"]["Stopped"] == 2
    assert [each["TrainingJobStatus"] for each in tunings.training_jobs(name)] == ["Stopped"] * 2
    with pytest.raises(ClientError, match="is in status Stopped"):
        tunings.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    tunings.sagemaker.delete_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    with pytest.raises(ClientError) as raised:
        tunings.describe(name)
    assert raised.value.response["Error"]["Code"] == "ResourceNotFound"


def test_failures_are_told_and_given_up_after_five(tunings: Tunings) -> None:
    job = tunings.run("raise ValueError('no such data')", jobs=9, parallel=3)
    assert job["HyperParameterTuningJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("No training job succeeded after 5 attempts.")
    assert job["TrainingJobStatusCounters"]["NonRetryableError"] >= 5
    first = tunings.training_jobs(job["HyperParameterTuningJobName"])[0]
    assert "no such data" in first["FailureReason"]
    assert first["ObjectiveStatus"] == "Failed"


def test_a_completed_training_job_without_the_objective_counts_as_failed_for_it(tunings: Tunings) -> None:
    job = tunings.run("import sys\nif '--kind=a' in sys.argv or 'a' in sys.argv: print('loss: 1')",
                      ranges={"CategoricalParameterRanges": [{"Name": "kind", "Values": ["a", "b"]}]}, jobs=2)  # fmt: skip
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["TrainingJobStatusCounters"]["Completed"] == 2
    assert job["ObjectiveStatusCounters"] == {"Succeeded": 1, "Pending": 0, "Failed": 1}
    assert job["BestTrainingJob"]["TunedHyperParameters"] == {"kind": "a"}


def test_a_target_ends_it_before_its_limit(tunings: Tunings) -> None:
    job = tunings.run(
        jobs=50, parallel=1, config={"TuningJobCompletionCriteria": {"TargetObjectiveMetricValue": 10}}
    )
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["TrainingJobStatusCounters"]["Completed"] == 1


def test_early_stopping_ends_what_is_worse_than_the_median(tunings: Tunings) -> None:
    script = (
        "import argparse, time\n"
        "p = argparse.ArgumentParser(); p.add_argument('--loss', type=float); loss = p.parse_args().loss\n"
        "for epoch in range(3): print('loss: %f' % loss, flush=True)\n"
        "time.sleep(0 if loss < 1 else 300)\n"
    )
    values = ["0.1", "0.2", "0.3", "5"]
    job = tunings.run(script, strategy="Grid", jobs=4, parallel=1, config={"TrainingJobEarlyStoppingType": "Auto"},
                      ranges={"CategoricalParameterRanges": [{"Name": "loss", "Values": values}]})  # fmt: skip
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    last = tunings.training_jobs(job["HyperParameterTuningJobName"])[-1]
    assert (last["TrainingJobStatus"], last["ObjectiveStatus"], value(last)) == ("Stopped", "Succeeded", 5.0)


def test_hyperband_stops_what_loses_its_comparison(tunings: Tunings) -> None:
    script = (
        "import argparse, time\n"
        "p = argparse.ArgumentParser(); p.add_argument('--loss', type=float); p.add_argument('--epochs', type=int)\n"
        "given = p.parse_args()\n"
        "for epoch in range(given.epochs):\n    print('loss: %f' % given.loss, flush=True)\n    time.sleep(0.2)\n"
    )
    job = tunings.run(
        script, strategy="Hyperband", jobs=8, parallel=2, static={"epochs": 9},
        ranges={"ContinuousParameterRanges": [{"Name": "loss", "MinValue": "0", "MaxValue": "1"}]},
        config={"RandomSeed": 5},
    )  # fmt: skip
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    summaries = tunings.training_jobs(job["HyperParameterTuningJobName"])
    stopped = [value(each) for each in summaries if each["TrainingJobStatus"] == "Stopped"]
    completed = [value(each) for each in summaries if each["TrainingJobStatus"] == "Completed"]
    assert len(stopped) + len(completed) == 8
    assert stopped
    assert min(completed) < min(stopped), "the best is never stopped"


def test_warm_starts_go_on_from_their_parents(tunings: Tunings) -> None:
    parent = tunings.run(jobs=4, parallel=4)
    warm = {
        "ParentHyperParameterTuningJobs": [
            {"HyperParameterTuningJobName": parent["HyperParameterTuningJobName"]}
        ]
    }
    same = tunings.run(jobs=1, parallel=1, strategy="Bayesian",
                       WarmStartConfig={**warm, "WarmStartType": "IdenticalDataAndAlgorithm"})  # fmt: skip
    everyone = [parent["BestTrainingJob"], same["BestTrainingJob"]]
    overall = min(everyone, key=value)
    assert same["OverallBestTrainingJob"]["TrainingJobName"] == overall["TrainingJobName"]
    assert same["OverallBestTrainingJob"]["TuningJobName"] in (
        parent["HyperParameterTuningJobName"], same["HyperParameterTuningJobName"],
    )  # fmt: skip
    transfer = tunings.run(jobs=1, parallel=1, strategy="Bayesian",
                           WarmStartConfig={**warm, "WarmStartType": "TransferLearning"})  # fmt: skip
    tuned = transfer["BestTrainingJob"]["TunedHyperParameters"]
    assert tuned == parent["BestTrainingJob"]["TunedHyperParameters"]
    assert "OverallBestTrainingJob" not in transfer


def test_several_definitions_are_searched_together(tunings: Tunings) -> None:
    request = tunings.request(jobs=5, parallel=2)
    definition = request.pop("TrainingJobDefinition")
    config = request["HyperParameterTuningJobConfig"]
    ranges, objective = config.pop("ParameterRanges"), config.pop("HyperParameterTuningJobObjective")
    worse = tunings.definition(SCRIPT.replace("print(", "print('kind two'); print(").replace("0.1)", "9)"))
    request["TrainingJobDefinitions"] = [
        {**each, "DefinitionName": name, "HyperParameterRanges": ranges, "TuningObjective": objective}
        for name, each in (("one", definition), ("two", worse))
    ]
    tunings.sagemaker.create_hyper_parameter_tuning_job(**request)
    job = tunings.wait(request["HyperParameterTuningJobName"])
    names = [
        each["TrainingJobDefinitionName"]
        for each in tunings.training_jobs(job["HyperParameterTuningJobName"])
    ]
    assert names.count("one") + names.count("two") == 5
    assert names[:2] == ["one", "two"]
    assert job["BestTrainingJob"]["TrainingJobDefinitionName"] == "one"


def test_a_kill_at_any_moment_loses_and_repeats_nothing(own_clary: Clary) -> None:
    tunings = Tunings(Jobs(own_clary))
    name = tunings.start(strategy="Bayesian", jobs=6, parallel=2)
    seen: dict[str, dict[str, str]] = {}
    for pause in (0.1, 0.4, 1.1):
        time.sleep(pause)
        own_clary.kill()
        own_clary.start()
        tunings.sagemaker = own_clary.client("sagemaker")
        for each in tunings.training_jobs(name):
            tuned = seen.setdefault(each["TrainingJobName"], each["TunedHyperParameters"])
            assert tuned == each["TunedHyperParameters"]
    job = tunings.wait(name)
    summaries = tunings.training_jobs(name)
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["TrainingJobStatusCounters"]["Completed"] == len(summaries) == 6
    assert set(seen) <= {each["TrainingJobName"] for each in summaries}
    listed = tunings.sagemaker.list_training_jobs(NameContains=name, MaxResults=100)["TrainingJobSummaries"]
    assert sorted(each["TrainingJobName"] for each in listed) == [
        each["TrainingJobName"] for each in summaries
    ]


def _config(**changes: Any) -> Any:
    return lambda request: request["HyperParameterTuningJobConfig"].update(changes)


def _definition(**changes: Any) -> Any:
    return lambda request: request["TrainingJobDefinition"].update(changes)


def _ranges(**changes: Any) -> Any:
    return _config(ParameterRanges=changes)


INTEGER = {"Name": "depth", "MinValue": "1", "MaxValue": "3"}
HYPERBAND = {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 9}}
WARM = {
    "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "nobody"}],
    "WarmStartType": "TransferLearning",
}
REFUSED: dict[str, tuple[Any, str]] = {
    "no definition": (lambda r: r.pop("TrainingJobDefinition"), "either TrainingJobDefinition or"),
    "no metric": (_definition(AlgorithmSpecification={"TrainingImage": "x/plain:1", "TrainingInputMode": "File"}),
                  "A metric is required for this hyperparameter tuning job objective"),
    "no objective": (lambda r: r["HyperParameterTuningJobConfig"].pop("HyperParameterTuningJobObjective"),
                     "Provide the objective metric"),
    "no ranges": (_ranges(), "at least one hyperparameter range"),
    "too few combinations": (_ranges(IntegerParameterRanges=[INTEGER]),
                             "hyperparameter combinations for the provided ranges [3.0] must be equal or greater"),
    "an empty range": (_ranges(IntegerParameterRanges=[{**INTEGER, "MaxValue": "1"}]), "must be less than its MaxValue"),
    "a name twice": (_ranges(IntegerParameterRanges=[INTEGER, INTEGER]), "more than one range"),
    "static and tunable": (_ranges(CategoricalParameterRanges=[{"Name": "sagemaker_program", "Values": list("abcd")}]),
                           "can't be both static and tunable"),
    "a grid of numbers": (_config(Strategy="Grid"), "only over categorical hyperparameters"),
    "Hyperband that stops early": (_config(Strategy="Hyperband", TrainingJobEarlyStoppingType="Auto"), "must be OFF"),
    "Hyperband without resources": (_config(Strategy="Hyperband"), "MaxResource parameter is not provided"),
    "StrategyConfig without Hyperband": (_config(StrategyConfig=HYPERBAND), "only if Hyperband"),
    "more parallel than all": (_config(ResourceLimits={"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 2}),
                               "must be less than or equal to MaxNumberOfTrainingJobs"),
    "automatic ranges without Autotune": (_ranges(AutoParameters=[{"Name": "a", "ValueHint": "1"}]), "only if Autotune"),
    "no instances": (lambda r: r["TrainingJobDefinition"].pop("ResourceConfig"), "either ResourceConfig or"),
    "an unknown role": (_definition(RoleArn="arn:aws:iam::123456789012:role/Nobody"), "Could not assume role"),
    "an unknown bucket": (_definition(OutputDataConfig={"S3OutputPath": "s3://nowhere/out"}), "nowhere"),
    "no parent": (lambda r: r.update(WarmStartConfig=WARM), "Could not find the hyperparameter tuning job nobody"),
    "a long name": (lambda r: r.update(HyperParameterTuningJobName="x" * 33), "hyperParameterTuningJobName"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_is_refused_and_leaves_nothing(tunings: Tunings, change: Any, words: str) -> None:
    sagemaker = tunings.jobs.clary.client("sagemaker", parameter_validation=False)
    request = tunings.request(source="s3://jobs/source/none.tar.gz")
    change(request)
    experiments = len(sagemaker.list_experiments(MaxResults=100)["ExperimentSummaries"])
    with pytest.raises(ClientError) as raised:
        sagemaker.create_hyper_parameter_tuning_job(**request)
    assert words in raised.value.response["Error"]["Message"]
    name = request["HyperParameterTuningJobName"]
    with pytest.raises(ClientError):
        sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    assert len(sagemaker.list_experiments(MaxResults=100)["ExperimentSummaries"]) == experiments


def test_a_second_tuning_job_of_the_same_name(tunings: Tunings) -> None:
    request = tunings.request(jobs=1, parallel=1)
    tunings.sagemaker.create_hyper_parameter_tuning_job(**request)
    with pytest.raises(ClientError) as raised:
        tunings.sagemaker.create_hyper_parameter_tuning_job(**request)
    assert raised.value.response["Error"]["Code"] == "ResourceInUse"
    tunings.wait(request["HyperParameterTuningJobName"])


def test_autotune_makes_ranges_of_examples(tunings: Tunings) -> None:
    hints = [{"Name": "rate", "ValueHint": "0.1"}, {"Name": "depth", "ValueHint": "4"}]
    job = tunings.run(jobs=2, ranges={"AutoParameters": hints}, Autotune={"Mode": "Enabled"})
    for each in tunings.training_jobs(job["HyperParameterTuningJobName"]):
        tuned = each["TunedHyperParameters"]
        assert 0.01 <= float(tuned["rate"]) <= 0.55
        assert 1 <= int(tuned["depth"]) <= 16
    assert job["Autotune"] == {"Mode": "Enabled"}
