"""The clients that people have, unchanged, against a real server; and nothing that they do leaves the machine."""

from __future__ import annotations

import pytest
from tests.clients.conftest import Watch
from tests.support.clients import Client, client_python

HERE = {"127.0.0.1"}


def test_sdk_v2_finds_its_account_and_bucket(client: Client, watch: Watch) -> None:
    """STS is called by its own endpoint in each of these."""
    script = """
        import boto3, sagemaker
        session = sagemaker.Session()
        print(session.default_bucket())
        print(session.account_id())
        print(session.get_caller_identity_arn())
        print(sagemaker.get_execution_role(session))
        """
    done = client.script(client_python("v2"), script, {"PYTHONPATH": str(watch.folder)})
    bucket, account, arn, role = done.stdout.splitlines()[-4:]
    assert bucket == f"sagemaker-us-east-1-{account}"
    assert arn == role == f"arn:aws:iam::{account}:role/SageMakerRole"
    assert watch.hosts == HERE


TELEMETRY = """
    import logging, time
    logging.basicConfig(level=logging.DEBUG)
    from {module} import _telemetry_emitter
    from {features} import Feature

    class Estimator:
        def __init__(self):
            self.sagemaker_session = {session}
        @_telemetry_emitter(Feature.{feature}, "estimator.fit")
        def fit(self):
            return "fitted"

    print(Estimator().fit())
    """


def test_sdk_v2_reports_nothing(client: Client, watch: Watch) -> None:
    script = TELEMETRY.format(
        module="sagemaker.telemetry.telemetry_logging",
        features="sagemaker.telemetry.constants",
        session="__import__('sagemaker').Session()",
        feature="ESTIMATOR_V2",
    )
    done = client.script(client_python("v2"), script, {"PYTHONPATH": str(watch.folder)})
    assert done.stdout.endswith("fitted\n")
    assert "preparing to emit telemetry" in done.stderr
    assert "telemetry request" not in done.stderr
    assert watch.hosts <= HERE


@pytest.mark.slow
def test_sdk_v3_finds_its_account_and_reports_nothing(client: Client, watch: Watch) -> None:
    script = TELEMETRY.format(
        module="sagemaker.core.telemetry.telemetry_logging",
        features="sagemaker.core.telemetry.constants",
        session="session",
        feature="MODEL_TRAINER",
    )
    first = """
    from sagemaker.core.helper.session_helper import Session
    session = Session()
    print(session.default_bucket())
    print(session.get_caller_identity_arn())
    """
    done = client.script(client_python("v3"), first + script, {"PYTHONPATH": str(watch.folder)})
    bucket, arn, fitted = done.stdout.splitlines()[-3:]
    assert bucket.startswith("sagemaker-us-east-1-")
    assert arn.startswith("arn:aws:iam::")
    assert fitted == "fitted"
    assert watch.hosts == HERE


def test_boto3_of_2022_on_python_3_7(client: Client) -> None:
    script = """
        import boto3
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="boto3-of-2022")
        s3.put_object(Bucket="boto3-of-2022", Key="a/b c", Body=b"content")
        print(boto3.__version__, s3.get_object(Bucket="boto3-of-2022", Key="a/b c")["Body"].read().decode())
        sm = boto3.client("sagemaker")
        sm.create_experiment(ExperimentName="boto3-of-2022")
        listed = sm.list_experiments(SortBy="CreationTime", SortOrder="Descending")["ExperimentSummaries"]
        print([each["ExperimentName"] for each in listed if each["ExperimentName"].startswith("boto3")])
        """
    done = client.script(client_python("old"), script)
    assert done.stdout == "1.24.96 content\n['boto3-of-2022']\n"


def test_aws_cli(client: Client) -> None:
    """Version 1, whose botocore is awscli.botocore."""
    aws = str(client_python("awscli").with_name("aws"))
    environ = client.environ()
    identity = client.command([aws, "sts", "get-caller-identity", "--query", "Account"], environ)
    assert identity.stdout == '"123456789012"\n'
    regional = "https://s3.us-east-1.amazonaws.com"
    client.command([aws, "s3", "mb", "s3://of-the-cli", "--endpoint-url", regional], environ)
    assert "of-the-cli" in client.command([aws, "s3", "ls"], environ).stdout
