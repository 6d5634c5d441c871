"""HyperparameterTuner of the SDKs, unchanged: fit, wait, analytics, the best job, attach, warm start."""

from __future__ import annotations

import json

import pytest
from tests.support.clients import Client, client_python
from tests.support.process import IMAGE, ROLE
from tests.support.tuning import SCRIPT

V2 = f"""
    import json, os
    from sagemaker import Session
    from sagemaker.estimator import Estimator
    from sagemaker.tuner import (
        CategoricalParameter, ContinuousParameter, HyperparameterTuner, IntegerParameter)

    os.makedirs("code", exist_ok=True)
    open("code/train.py", "w").write({SCRIPT!r})
    estimator = Estimator(
        image_uri={IMAGE!r}, role={ROLE!r}, instance_count=1, instance_type="ml.m5.large", sagemaker_session=Session(),
        entry_point="train.py", source_dir="code", hyperparameters={{"batch": 32}})
    tuner = HyperparameterTuner(
        estimator, "loss",
        {{"rate": ContinuousParameter(0.001, 1, scaling_type="Logarithmic"), "depth": IntegerParameter(2, 8),
          "kind": CategoricalParameter(["a", "b"])}},
        metric_definitions=[{{"Name": "loss", "Regex": "loss: ([0-9.]+)"}}], objective_type="Minimize",
        max_jobs=4, max_parallel_jobs=2, strategy="Bayesian", random_seed=3, base_tuning_job_name="tune")
    tuner.fit()
    table = tuner.analytics().dataframe().sort_values("FinalObjectiveValue")
    again = HyperparameterTuner.attach(tuner.latest_tuning_job.name)
    best = again.best_estimator()
    warm = tuner.identical_dataset_and_algorithm_tuner()
    warm.max_jobs = warm.max_parallel_jobs = 1
    warm.metric_definitions = tuner.metric_definitions  # the SDK leaves them behind
    warm.fit()
    print(json.dumps({{
        "columns": sorted(table.columns), "rows": len(table), "statuses": sorted(set(table["TrainingJobStatus"])),
        "first": table.iloc[0]["TrainingJobName"], "best": tuner.best_training_job(),
        "objective": again.objective_metric_name, "rate": best.hyperparameters()["rate"],
        "attached": best.latest_training_job.name, "status": tuner.describe()["HyperParameterTuningJobStatus"],
        "overall": warm.describe()["OverallBestTrainingJob"]["TrainingJobName"], "warm": warm.best_training_job(),
    }}))
"""


@pytest.mark.slow
def test_the_tuner_of_sdk_v2(client: Client) -> None:
    # In the user's home, where the program writes its source.
    found = json.loads(client.script(client_python("v2"), f"""
    import os
    os.chdir(os.environ["HOME"])
    {V2}""").stdout.splitlines()[-1])  # fmt: skip
    assert found["columns"] == [
        "FinalObjectiveValue", "TrainingElapsedTimeSeconds", "TrainingEndTime", "TrainingJobName", "TrainingJobStatus",
        "TrainingStartTime", "depth", "kind", "rate",
    ]  # fmt: skip
    assert (found["rows"], found["statuses"], found["status"]) == (4, ["Completed"], "Completed")
    assert found["first"] == found["best"] == found["attached"]
    assert found["objective"] == "loss"
    assert found["overall"] in (found["best"], found["warm"])


V3 = f"""
    import json, os
    os.chdir(os.environ["HOME"])
    from sagemaker.core.helper.session_helper import Session
    from sagemaker.core.parameter import ContinuousParameter, IntegerParameter
    from sagemaker.train import ModelTrainer
    from sagemaker.train.configs import Compute, SourceCode
    from sagemaker.train.tuner import HyperparameterTuner

    os.makedirs("code", exist_ok=True)
    open("code/train.py", "w").write({SCRIPT!r})
    trainer = ModelTrainer(
        training_image={IMAGE!r}, role={ROLE!r}, sagemaker_session=Session(), base_job_name="v3tune",
        source_code=SourceCode(source_dir="code", entry_script="train.py"), hyperparameters={{"batch": 32}},
        compute=Compute(instance_type="ml.t3.medium", instance_count=1))
    tuner = HyperparameterTuner(
        trainer, "loss", {{"rate": ContinuousParameter(0.001, 1), "depth": IntegerParameter(2, 8)}},
        metric_definitions=[{{"Name": "loss", "Regex": "loss: ([0-9.]+)"}}], objective_type="Minimize",
        max_jobs=3, max_parallel_jobs=2, strategy="Random", base_tuning_job_name="v3")
    tuner.tune(wait=True)
    table = tuner.analytics().dataframe().sort_values("FinalObjectiveValue")
    print(json.dumps([list(table["TrainingJobStatus"]), table.iloc[0]["TrainingJobName"], tuner.best_training_job()]))
"""


@pytest.mark.slow
def test_the_tuner_of_sdk_v3(client: Client) -> None:
    statuses, first, best = json.loads(client.script(client_python("v3"), V3).stdout.splitlines()[-1])
    assert statuses == ["Completed"] * 3
    assert first == best
