"""Why a tuning job ends before its number of training jobs, and what Autotune searches: on a real server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.jobs import Jobs
from tests.support.process import Clary
from tests.support.tuning import Tunings

SCRIPT = "import sys\nprint('loss: 1.0', sys.argv[1:])\n"
RATE = {"ContinuousParameterRanges": [{"Name": "rate", "MinValue": "0", "MaxValue": "1"}]}


@pytest.fixture(scope="module")
def tunings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tunings]:
    with Clary(tmp_path_factory.mktemp("clary") / "home", describe_wait="120") as clary:
        yield Tunings(Jobs(clary))


def criteria(**given: Any) -> dict[str, Any]:
    return {"TuningJobCompletionCriteria": given}


def test_no_better_objective_for_some_training_jobs(tunings: Tunings) -> None:
    patience = {"MaxNumberOfTrainingJobsNotImproving": 3}
    job = tunings.run(
        SCRIPT, jobs=50, parallel=1, ranges=RATE, config=criteria(BestObjectiveNotImproving=patience)
    )
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["TrainingJobStatusCounters"]["Completed"] == 4
    assert job["TuningJobCompletionDetails"]["NumberOfTrainingJobsObjectiveNotImproving"] == 3


def test_convergence_ends_it_where_that_is_asked(tunings: Tunings) -> None:
    config = criteria(ConvergenceDetected={"CompleteOnConvergence": "Enabled"})
    job = tunings.wait(tunings.start(SCRIPT, jobs=50, parallel=2, ranges=RATE, config=config), seconds=180)
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    # One hyperparameter: the best comes first, and 12 further ones are no better.
    assert job["TrainingJobStatusCounters"]["Completed"] == 13
    assert job["CreationTime"] < job["TuningJobCompletionDetails"]["ConvergenceDetectedTime"]


def test_autotune_searches_round_the_example_values(tunings: Tunings) -> None:
    hints = [{"Name": "rate", "ValueHint": "0.1"}, {"Name": "depth", "ValueHint": "8"}]
    request = tunings.request(SCRIPT, jobs=3, parallel=3, ranges={"AutoParameters": hints})
    tunings.sagemaker.create_hyper_parameter_tuning_job(**request, Autotune={"Mode": "Enabled"})
    name = request["HyperParameterTuningJobName"]
    job = tunings.wait(name)
    assert job["HyperParameterTuningJobStatus"] == "Completed", job
    assert job["Autotune"] == {"Mode": "Enabled"}
    tuned = [each["TunedHyperParameters"] for each in tunings.training_jobs(name)]
    assert len({each["rate"] for each in tuned}) == 3
    assert all(0.01 <= float(each["rate"]) <= 1 and 2 <= int(each["depth"]) <= 32 for each in tuned)


@pytest.mark.slow
def test_max_runtime(tunings: Tunings) -> None:
    """AWS's least is two minutes."""
    limits = {"MaxNumberOfTrainingJobs": 50, "MaxParallelTrainingJobs": 1, "MaxRuntimeInSeconds": 120}
    began = time.monotonic()
    name = tunings.start(
        "import time\nprint('loss: 1', flush=True)\ntime.sleep(600)", config={"ResourceLimits": limits}
    )
    job = tunings.wait(name, seconds=400)
    assert time.monotonic() - began >= 119
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["TrainingJobStatusCounters"]["Stopped"] == 1
    assert job["ObjectiveStatusCounters"]["Succeeded"] == 1, "what it had reported counts"


def test_the_sdks_first_look_is_answered_at_the_end(tunings: Tunings) -> None:
    """A client without Clary's hook: its `HyperparameterTuner.wait()` is over with one Describe."""
    sdk = tunings.jobs.clary.client(
        "sagemaker", user_agent_extra="sagemaker-python-sdk/2.0", read_timeout=300
    )
    name = tunings.start(SCRIPT, jobs=2, parallel=1, ranges=RATE)
    job = sdk.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    assert job["HyperParameterTuningJobStatus"] == "Completed"
