"""A training job's own trial component, as the training service makes it and keeps it up to date."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.support.server import ACCOUNT, REGION, ports_in

from clary.api import Asked, Context, Document, Ports, Principal, ServiceError
from clary.api.operations import handler
from clary.services.sagemaker import components, experiments_deletion, lineage_query, search
from clary.storage.ports import Point, Resource

LOADED = (components, lineage_query, search)
JOB = "cifar10-training-Resnet-1"
NOW = 1_700_000_000.0


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[Ports]:
    found = ports_in(tmp_path)
    yield found
    found.store.close()


@pytest.fixture
def job() -> Resource:
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:training-job/{JOB.lower()}"
    image = "763104351884.dkr.ecr.us-east-1.amazonaws.com/tensorflow-training:1.15-gpu-py3"
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/datasets/cifar10-dataset"}}
    spec = {
        "TrainingJobName": JOB,
        "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
        "HyperParameters": {"epochs": "30", "learning-rate": "0.001", "model": '"resnet"'},
        "ResourceConfig": {"InstanceType": "ml.p3.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
        "InputDataConfig": [{"ChannelName": "training", "DataSource": source}],
        "DebugHookConfig": {"S3OutputPath": "s3://b/exp/"},
    }
    state = {"TrainingJobArn": arn, "TrainingJobStatus": "InProgress", "SecondaryStatus": "Starting"}
    return Resource(arn, ACCOUNT, REGION, "TrainingJob", JOB, NOW, NOW, spec, state, "InProgress")


def call(ports: Ports, name: str, **request: Any) -> Document:
    found = handler("sagemaker", name)
    assert found is not None
    function: Callable[[Context, Document], Document | None] = found.function
    root = Principal(f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)
    return function(Context(ACCOUNT, REGION, root, "id", NOW, ports), request) or {}


def create(ports: Ports, job: Resource, config: Document | None) -> Resource:
    with ports.store.begin() as tx:
        tx.resources.insert(job)
        return components.create_job_component(
            tx, account=ACCOUNT, region=REGION, now=NOW, job=job, experiment_config=config
        )


def hit(ports: Ports) -> Document:
    filters = [{"Name": "Source.SourceArn", "Operator": "Contains", "Value": "training-job"}]
    answer = call(ports, "Search", Resource="ExperimentTrialComponent", SearchExpression={"Filters": filters})
    (found,) = answer["Results"]
    return dict(found["TrialComponent"])


@pytest.fixture
def trial(ports: Ports) -> Document:
    call(ports, "CreateExperiment", ExperimentName="Exp")
    call(ports, "CreateTrial", TrialName="trial-1", ExperimentName="Exp")
    return {"ExperimentName": "Exp", "TrialName": "trial-1", "TrialComponentDisplayName": JOB}


def test_a_job_shows_what_it_is(ports: Ports, job: Resource, trial: Document) -> None:
    made = create(ports, job, trial)
    assert made.arn.endswith(f":experiment-trial-component/{JOB.lower()}-aws-training-job")
    found = hit(ports)
    assert found["TrialComponentName"] == f"{JOB}-aws-training-job"
    assert found["DisplayName"] == JOB
    assert found["Source"] == {"SourceArn": job.arn, "SourceType": "SageMakerTrainingJob"}
    assert found["Parents"] == [{"TrialName": "trial-1", "ExperimentName": "Exp"}]
    assert found["Parameters"]["model"] == {"StringValue": '"resnet"'}
    assert found["Parameters"]["epochs"] == {"NumberValue": 30.0}
    assert found["Parameters"]["SageMaker.InstanceType"] == {"StringValue": "ml.p3.2xlarge"}
    assert found["InputArtifacts"] == {"training": {"Value": "s3://b/datasets/cifar10-dataset"}}
    assert found["OutputArtifacts"] == {"SageMaker.DebugHookOutput": {"Value": "s3://b/exp/"}}
    assert found["SourceDetail"]["TrainingJob"]["TrainingJobName"] == JOB
    listed = call(ports, "ListTrialComponents", SourceArn=job.arn)["TrialComponentSummaries"]
    assert [item["TrialComponentSource"]["SourceArn"] for item in listed] == [job.arn]


def test_it_follows_the_job(ports: Ports, job: Resource, trial: Document) -> None:
    made = create(ports, job, trial)
    ports.store.append_points(made.arn, [Point("test_acc", 0.9, NOW + 5)])
    ended = {
        "TrainingJobStatus": "Completed", "SecondaryStatus": "Completed", "TrainingStartTime": NOW + 1,
        "TrainingEndTime": NOW + 9, "ModelArtifacts": {"S3ModelArtifacts": "s3://b/exp/model.tar.gz"},
    }  # fmt: skip
    for _ in range(2):
        with ports.store.begin() as tx:
            components.update_job_component(tx, replace(job, state={**job.state, **ended}), NOW + 10)
    found = hit(ports)
    assert found["Status"]["PrimaryStatus"] == "Completed"
    assert (found["StartTime"], found["EndTime"]) == (NOW + 1, NOW + 9)
    assert found["OutputArtifacts"]["SageMaker.ModelArtifact"] == {"Value": "s3://b/exp/model.tar.gz"}
    assert found["OutputArtifacts"]["SageMaker.DebugHookOutput"] == {"Value": "s3://b/exp/"}
    (metric,) = found["Metrics"]
    assert (metric["Last"], metric["SourceArn"]) == (0.9, job.arn)
    graph = call(ports, "QueryLineage", StartArns=[made.arn], IncludeEdges=False)
    assert sorted(vertex["Type"] for vertex in graph["Vertices"]) == ["DataSet", "Image", "Model"]


def test_a_component_that_was_deleted_stays_deleted(ports: Ports, job: Resource) -> None:
    made = create(ports, job, None)
    call(ports, "DeleteTrialComponent", TrialComponentName=made.name)
    with ports.store.begin() as tx:
        components.update_job_component(tx, job, NOW)
        assert tx.resources.find(made.arn) is None


def test_where_a_job_goes(ports: Ports, job: Resource, trial: Document) -> None:
    def parents(number: int, config: Document | None) -> list[str]:
        name = f"job-{number}"
        own = replace(job, name=name, arn=f"{job.arn}-{number}", spec={**job.spec, "TrainingJobName": name})
        made = create(ports, own, config)
        listed = call(ports, "ListTrials", TrialComponentName=made.name)["TrialSummaries"]
        return [item["TrialName"] for item in listed]

    assert parents(1, None) == []
    assert parents(2, {}) == []
    assert parents(3, {"TrialName": "trial-1"}) == ["trial-1"]
    assert parents(4, {"ExperimentName": "Exp"}) == ["job-4-aws-trial"]
    assert parents(5, {"ExperimentName": "Exp", "RunName": "r"}) == ["Default-Run-Group-Exp"]
    assert parents(6, {"ExperimentName": "exp", "RunName": "s"}) == ["Default-Run-Group-Exp"]


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"ExperimentName": "none"}, "ResourceNotFound"),
        ({"ExperimentName": "Exp", "TrialName": "none"}, "ResourceNotFound"),
        ({"ExperimentName": "Other", "TrialName": "trial-1"}, "ValidationException"),
    ],
)
def test_a_wrong_place_is_refused_before_anything_is_written(
    ports: Ports, job: Resource, trial: Document, config: Document, code: str
) -> None:
    call(ports, "CreateExperiment", ExperimentName="Other")
    with pytest.raises(ServiceError) as raised:
        create(ports, job, config)
    assert raised.value.code == code
    assert call(ports, "ListTrialComponents")["TrialComponentSummaries"] == []
    assert call(ports, "ListArtifacts")["ArtifactSummaries"] == []


@pytest.mark.parametrize(
    ("name", "value", "operator", "found"),
    [
        ("HyperParameters.learning-rate", "0.01", "LessThan", True),
        ("HyperParameters.learning-rate", "0.01", "GreaterThan", False),
        ("HyperParameters.model", '"resnet"', "Equals", True),
        ("Metrics.test:acc", "0.9", "GreaterThan", True),
        ("Metrics.test:acc", "0.99", "GreaterThan", False),
        ("Metrics.loss", "0.9", "GreaterThan", False),
        ("InputDataConfig.ChannelName", "training", "Equals", True),
        ("TrainingJobStatus", "InProgress", "Equals", True),
    ],
)
def test_jobs_are_found_by_what_they_are(
    ports: Ports, job: Resource, name: str, value: str, operator: str, found: bool
) -> None:
    final = [
        {"MetricName": "test:acc", "Value": 0.95, "Timestamp": NOW},
        {"MetricName": "loss", "Value": 0.1, "Timestamp": NOW},
    ]
    create(ports, replace(job, state={**job.state, "FinalMetricDataList": final}), None)
    filters = [{"Name": name, "Operator": operator, "Value": value}]
    answer = call(ports, "Search", Resource="TrainingJob", SearchExpression={"Filters": filters})
    assert [hit["TrainingJob"]["TrainingJobName"] for hit in answer["Results"]] == ([JOB] if found else [])


def test_jobs_are_sorted_by_their_metrics(ports: Ports, job: Resource) -> None:
    with ports.store.begin() as tx:
        for name, loss in (("worst", 0.9), ("best", 0.1), ("none", None), ("middle", 0.5)):
            final = [] if loss is None else [{"MetricName": "loss", "Value": loss, "Timestamp": NOW}]
            state = {**job.state, "FinalMetricDataList": final}
            spec = {**job.spec, "TrainingJobName": name}
            tx.resources.insert(replace(job, arn=f"{job.arn}-{name}", name=name, spec=spec, state=state))
    answer = call(ports, "Search", Resource="TrainingJob", SortBy="Metrics.loss", SortOrder="Ascending")
    names = [hit["TrainingJob"]["TrainingJobName"] for hit in answer["Results"]]
    assert names == ["best", "middle", "worst", "none"]


def test_a_job_that_ended_while_its_experiment_was_deleted(
    ports: Ports, job: Resource, trial: Document
) -> None:
    component = create(ports, job, trial)
    experiment = trial["ExperimentName"]
    context = Context(ACCOUNT, REGION, Principal(f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT), "id", NOW, ports)
    asked = Asked({}, {"ExperimentName": experiment})
    experiments_deletion.delete_experiment(context, asked)
    with ports.store.begin() as tx:
        state = {**job.state, "TrainingJobStatus": "Completed", "SecondaryStatus": "Completed"}
        ended = tx.resources.update(replace(tx.resources.get(job.arn), state=state, status="Completed"))
        components.update_job_component(tx, ended, NOW + 1)
    experiments_deletion.restore_experiment(context, asked)
    with ports.store.read() as tx:
        assert tx.resources.get(component.arn).spec["Status"]["PrimaryStatus"] == "Completed"
