"""SDK v3's resource classes (`sagemaker.core.resources`), unchanged: they create, wait, list, refresh and delete what is
really there."""

from __future__ import annotations

from tests.support.clients import Client, client_python
from tests.support.endpoints import ECHO, Endpoints
from tests.support.jobs import Jobs
from tests.support.process import IMAGE, ROLE, Clary

ENDPOINT = f"""
import json, os, time
from botocore.exceptions import ClientError
from sagemaker.core.resources import Endpoint, EndpointConfig, Model
from sagemaker.core.shapes import ContainerDefinition, DesiredWeightAndCapacity, ProductionVariant, Tag

def config(name, count):
    return EndpointConfig.create(endpoint_config_name=name, production_variants=[ProductionVariant(
        variant_name="v", model_name="core", initial_instance_count=count, instance_type="ml.m5.large",
        initial_variant_weight=1.0)])

model = Model.create(model_name="core", execution_role_arn="{ROLE}", tags=[Tag(key="a", value="b")],
                     primary_container=ContainerDefinition(image="{IMAGE}", model_data_url=os.environ["DATA"]))
one, two = config("core-1", 1), config("core-2", 2)
endpoint = Endpoint.create(endpoint_name="core", endpoint_config_name="core-1")
endpoint.wait_for_status("InService")
answer = endpoint.invoke(body=b"1,2", content_type="text/csv", accept="application/json")
assert json.loads(answer.body.read()) == {{"predictions": [{{"predicted_label": "a", "cells": 2}}]}}
assert (answer.content_type, answer.invoked_production_variant) == ("application/json", "v")

endpoint.endpoint_config_name = "core-2"
endpoint.update(retain_all_variant_properties=False)
endpoint.wait_for_status("InService")
endpoint.refresh()
assert (endpoint.endpoint_config_name, endpoint.production_variants[0].current_instance_count) == ("core-2", 2)
endpoint.update_weights_and_capacities(
    desired_weights_and_capacities=[DesiredWeightAndCapacity(variant_name="v", desired_instance_count=1)])
endpoint.wait_for_status("InService")
assert Endpoint.get("core").production_variants[0].current_instance_count == 1
assert [each.endpoint_name for each in Endpoint.get_all(status_equals="InService", name_contains="core")] == ["core"]
assert sorted(each.endpoint_config_name for each in EndpointConfig.get_all(name_contains="core")) == ["core-1", "core-2"]
assert [each.model_name for each in Model.get_all(name_contains="core")] == ["core"]

endpoint.delete()
endpoint.wait_for_delete()
for each in (model, one, two):
    each.delete()
for get in (lambda: Endpoint.get("core"), lambda: Model.get("core"), lambda: EndpointConfig.get("core-1")):
    try:
        get()
        raise SystemExit("still there")
    except ClientError as error:
        assert "Could not find" in str(error)
print("all is well")
"""


def test_an_endpoint_s_life(clary: Clary, client: Client) -> None:
    data = Endpoints(clary).data(ECHO)
    assert "all is well" in client.script(client_python("v3"), ENDPOINT, {"DATA": data}).stdout


JOBS = f"""
import json, logging, os, boto3
logging.basicConfig(level="INFO")
from sagemaker.core.resources import Model, ProcessingJob, TrainingJob, TransformJob
from sagemaker.core.shapes import (
    AlgorithmSpecification, AppSpecification, ContainerDefinition, MetricDefinition, OutputDataConfig, ProcessingClusterConfig,
    ProcessingResources, ResourceConfig, StoppingCondition, TransformDataSource, TransformInput, TransformOutput,
    TransformResources, TransformS3DataSource)

bucket, s3 = os.environ["BUCKET"], boto3.client("s3")
given = {{"sagemaker_program": "train.py", "sagemaker_submit_directory": os.environ["SOURCE"]}}
job = TrainingJob.create(
    training_job_name="core", role_arn="{ROLE}", output_data_config=OutputDataConfig(s3_output_path=f"s3://{{bucket}}/out"),
    algorithm_specification=AlgorithmSpecification(
        training_image="{IMAGE}", training_input_mode="File",
        metric_definitions=[MetricDefinition(name="loss", regex="loss: ([0-9.]+)")]),
    resource_config=ResourceConfig(instance_count=1, instance_type="ml.m5.large", volume_size_in_gb=1),
    stopping_condition=StoppingCondition(max_runtime_in_seconds=600),
    hyper_parameters={{name: json.dumps(value) for name, value in given.items()}})
job.wait(logs=True)
assert (job.training_job_status, job.final_metric_data_list[0].value) == ("Completed", 0.5)
assert job.model_artifacts.s3_model_artifacts == f"s3://{{bucket}}/out/core/output/model.tar.gz"

Model.create(model_name="core-jobs", execution_role_arn="{ROLE}", primary_container=ContainerDefinition(
    image="{IMAGE}", model_data_url=os.environ["DATA"]))
s3.put_object(Bucket=bucket, Key="in/rows.csv", Body=b"1,2\\n3\\n")
transform = TransformJob.create(
    transform_job_name="core", model_name="core-jobs",
    transform_input=TransformInput(content_type="text/csv", split_type="Line", data_source=TransformDataSource(
        s3_data_source=TransformS3DataSource(s3_data_type="S3Prefix", s3_uri=f"s3://{{bucket}}/in"))),
    transform_output=TransformOutput(s3_output_path=f"s3://{{bucket}}/transformed"),
    transform_resources=TransformResources(instance_type="ml.m5.large", instance_count=1))
transform.wait()
body = s3.get_object(Bucket=bucket, Key="transformed/rows.csv.out")["Body"].read()
assert [row["cells"] for row in json.loads(body)["predictions"]] == [2, 1]

processing = ProcessingJob.create(
    processing_job_name="core", role_arn="{ROLE}",
    processing_resources=ProcessingResources(cluster_config=ProcessingClusterConfig(
        instance_count=1, instance_type="ml.m5.large", volume_size_in_gb=1)),
    app_specification=AppSpecification(
        image_uri="{IMAGE}", container_entrypoint=["python3", "-c", "print('processed here')"]))
processing.wait(logs=True)
processing.refresh()
assert processing.processing_job_status == "Completed"
assert [each.processing_job_name for each in ProcessingJob.get_all(name_contains="core")] == ["core"]
assert [each.training_job_name for each in TrainingJob.get_all(status_equals="Completed", name_contains="core")] == ["core"]

failing = ProcessingJob.create(
    processing_job_name="core-fails", role_arn="{ROLE}",
    processing_resources=ProcessingResources(cluster_config=ProcessingClusterConfig(
        instance_count=1, instance_type="ml.m5.large", volume_size_in_gb=1)),
    app_specification=AppSpecification(
        image_uri="{IMAGE}", container_entrypoint=["python3", "-c", "raise ValueError('no rows')"]))
try:
    failing.wait()
    raise SystemExit("it should have failed")
except Exception as error:
    assert "no rows" in str(error), error
print("all is well")
"""


def test_jobs_are_waited_for_and_read_back(clary: Clary, client: Client) -> None:
    jobs, data = Jobs(clary), Endpoints(clary).data(ECHO)
    script = "import os; print('loss: 0.5'); open(os.environ['SM_MODEL_DIR'] + '/m', 'w').write('x')"
    shell = {"SOURCE": jobs.source(script), "DATA": data, "BUCKET": "jobs"}
    done = client.script(client_python("v3"), JOBS, shell)
    assert "all is well" in done.stdout
    assert "processed here" in done.stdout + done.stderr, "wait(logs=True) shows the log"
