"""Components to search among, and a search as boto3 makes it."""

from __future__ import annotations

import time
from typing import Any

from tests.support.experiments import Region

COMPONENTS = "ExperimentTrialComponent"


def populate(region: Region) -> Any:
    """Experiment `exp` with trials `t0` and `t1`; components `c0` to `c5`: even ones in `t0`, odd ones in `t1`,
    `c0` in both; `loose` in none."""
    sm, metrics = region.client("sagemaker"), region.client("sagemaker-metrics")
    sm.create_experiment(ExperimentName="exp")
    for trial in ("t0", "t1"):
        sm.create_trial(TrialName=trial, ExperimentName="exp")
    for number in range(6):
        name = f"c{number}"
        sm.create_trial_component(
            TrialComponentName=name,
            DisplayName=f"shown-{number % 2}",
            Parameters={
                "lr": {"NumberValue": number / 10},
                "model": {"StringValue": '"resnet"' if number < 3 else '"custom"'},
                "SageMaker.InstanceType": {"StringValue": "ml.m5.large"},
            },
            Tags=[{"Key": "owner", "Value": f"o{number}"}],
        )
        sm.associate_trial_component(TrialComponentName=name, TrialName=f"t{number % 2}")
        points = [
            {"MetricName": "test:acc", "Value": value, "Timestamp": int(time.time()), "Step": step}
            for step, value in enumerate((number / 10, 1 - number / 10, 0.25))
        ]
        metrics.batch_put_metrics(TrialComponentName=name, MetricData=points)
    sm.associate_trial_component(TrialComponentName="c0", TrialName="t1")
    sm.create_trial_component(TrialComponentName="loose")
    return sm


def hits(sm: Any, *filters: tuple[str, ...], resource: str = COMPONENTS, **request: Any) -> list[str]:
    expression = {
        "Filters": [
            {"Name": name, "Operator": operator} | ({"Value": value[0]} if value else {})
            for name, operator, *value in filters
        ]
    }
    answer = sm.search(Resource=resource, SearchExpression=expression if filters else {}, **request)
    record = answer["Results"] and next(iter(answer["Results"][0]))
    return [result[record][f"{record}Name"] for result in answer["Results"]]
