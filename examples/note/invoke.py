"""The note's block "How to invoke the endpoint after deployment?", with its imports and its blanks filled in.

ENDPOINT=my-endpoint clary run python examples/note/invoke.py
"""

import json
import os

import boto3
import numpy as np

sts_client = boto3.client("sts")
role_arn = os.environ.get("ROLE_ARN", "arn:aws:iam::123456789012:role/SageMakerRole")
cfa_endpoint = os.environ["ENDPOINT"]

assumed_role_object = sts_client.assume_role(RoleArn=role_arn, RoleSessionName="SageMakerInferenceSession")

credentials = assumed_role_object["Credentials"]

kwargs = {
    "aws_access_key_id": credentials["AccessKeyId"],
    "aws_secret_access_key": credentials["SecretAccessKey"],
    "aws_session_token": credentials["SessionToken"],
}

runtime = boto3.client(service_name="runtime.sagemaker", **kwargs)

payload = os.environ.get("PAYLOAD", "0.1,0.2,0.3")
response = runtime.invoke_endpoint(EndpointName=cfa_endpoint, ContentType="text/csv", Body=payload)
result = json.loads(response["Body"].read().decode())
test_pred = np.array([r["predicted_label"] for r in result["predictions"]])
print(result)
print(test_pred)
