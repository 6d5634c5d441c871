"""STS as boto3 speaks to it: who calls, roles taken on, sessions that end."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.support.server import ACCOUNT, Running, ports_in, running

from clary.domain.identity import role_arn
from clary.services import sts
from clary.services.iam import role_exists
from clary.storage.ports import Key

ROLE = role_arn(ACCOUNT, "/", "SageMakerRole")


class Clock:
    """Time as the server sees it: the true one, moved by what a test says."""

    def __init__(self) -> None:
        self.offset = 0.0

    def __call__(self) -> float:
        return time.time() + self.offset


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Iterator[Running]:
    ports = ports_in(tmp_path_factory.mktemp("home"), clock_skew=7 * 86400)
    with running(ports, ["sts", "iam"], clock=clock) as started:
        yield started
    ports.store.close()


def code(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    response = error.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def as_key(answer: dict[str, Any]) -> Key:
    given = answer["Credentials"]
    return Key(given["AccessKeyId"], given["SecretAccessKey"], ACCOUNT, "", 0.0, given["SessionToken"])


def trusting(*principals: str, **condition: Any) -> str:
    statement: dict[str, Any] = {
        "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": list(principals)}
    }  # fmt: skip
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


def test_the_root_calls(server: Running) -> None:
    answer = server.client("sts").get_caller_identity()
    assert answer["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    assert answer["Account"] == answer["UserId"] == ACCOUNT
    assert answer["ResponseMetadata"]["RequestId"]


def test_a_role_taken_on_is_who_calls_and_iam_knows_it(server: Running) -> None:
    """What `get_execution_role()` of the SageMaker SDK does with the answer."""
    answer = server.client("sts").assume_role(RoleArn=ROLE, RoleSessionName="notebook", DurationSeconds=900)
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/SageMakerRole/notebook"
    assert 0 < answer["Credentials"]["Expiration"].timestamp() - time.time() <= 900
    inside = as_key(answer)
    identity = server.client("sts", inside).get_caller_identity()
    assert identity["Arn"] == answer["AssumedRoleUser"]["Arn"]
    assert identity["UserId"] == answer["AssumedRoleUser"]["AssumedRoleId"]
    name = identity["Arn"].split("/")[1]
    role = server.client("iam", inside).get_role(RoleName=name)["Role"]
    assert role["Arn"] == ROLE
    principals = role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]
    assert principals["Service"] == "sagemaker.amazonaws.com"


def test_each_session_has_a_token_of_its_own(server: Running) -> None:
    client = server.client("sts")
    first, second = (as_key(client.assume_role(RoleArn=ROLE, RoleSessionName="ses")) for _ in range(2))
    assert first.token != second.token
    crossed = Key(first.id, first.secret, ACCOUNT, "", 0.0, second.token)
    with pytest.raises(ClientError) as error:
        server.client("sts", crossed).get_caller_identity()
    assert code(error) == ("InvalidClientTokenId", 403)
    without = Key(first.id, first.secret, ACCOUNT, "", 0.0)
    with pytest.raises(ClientError) as error:
        server.client("sts", without).get_caller_identity()
    assert code(error) == ("InvalidClientTokenId", 403)


def test_a_session_ends(server: Running, clock: Clock) -> None:
    inside = as_key(
        server.client("sts").assume_role(RoleArn=ROLE, RoleSessionName="ses", DurationSeconds=900)
    )
    client = server.client("sts", inside)
    client.get_caller_identity()
    clock.offset += 901
    try:
        with pytest.raises(ClientError) as error:
            client.get_caller_identity()
    finally:
        clock.offset -= 901
    assert code(error) == ("ExpiredToken", 403)


def test_an_unknown_role_is_refused_as_an_untrusting_one(server: Running) -> None:
    missing = role_arn(ACCOUNT, "/", "Nobody")
    with pytest.raises(
        ClientError, match="is not authorized to perform: sts:AssumeRole on resource"
    ) as error:
        server.client("sts").assume_role(RoleArn=missing, RoleSessionName="ses")
    assert code(error) == ("AccessDenied", 403)


def test_a_role_is_taken_on_by_those_whom_it_trusts(server: Running) -> None:
    iam = server.client("iam")
    iam.create_user(UserName="ann")
    made = iam.create_access_key(UserName="ann")["AccessKey"]
    ann = server.client("sts", Key(made["AccessKeyId"], made["SecretAccessKey"], ACCOUNT, "", 0.0))
    role = iam.create_role(
        RoleName="anns", Path="/team/", AssumeRolePolicyDocument=trusting(f"arn:aws:iam::{ACCOUNT}:user/bob")
    )
    arn = role["Role"]["Arn"]
    with pytest.raises(ClientError) as error:
        ann.assume_role(RoleArn=arn, RoleSessionName="ses")
    assert code(error) == ("AccessDenied", 403)
    iam.update_assume_role_policy(
        RoleName="anns", PolicyDocument=trusting(f"arn:aws:iam::{ACCOUNT}:user/ann")
    )
    assert ann.assume_role(RoleArn=arn, RoleSessionName="ses")["AssumedRoleUser"]["Arn"].endswith(
        "assumed-role/anns/ses"
    )
    with pytest.raises(ClientError):
        ann.assume_role(RoleArn=role_arn(ACCOUNT, "/", "anns"), RoleSessionName="ses")
    condition = {"StringEquals": {"sts:ExternalId": "open-sesame"}}
    iam.update_assume_role_policy(RoleName="anns", PolicyDocument=trusting(ACCOUNT, **condition))
    with pytest.raises(ClientError):
        ann.assume_role(RoleArn=arn, RoleSessionName="ses")
    ann.assume_role(RoleArn=arn, RoleSessionName="ses", ExternalId="open-sesame")


def test_how_long_a_session_may_last(server: Running) -> None:
    iam, client = server.client("iam"), server.client("sts", config=Config(parameter_validation=False))
    arn = iam.create_role(RoleName="short", AssumeRolePolicyDocument=trusting(ACCOUNT))["Role"]["Arn"]
    for seconds, said in ((3601, "MaxSessionDuration"), (899, "900"), (43201, "43200")):
        with pytest.raises(ClientError, match=said) as error:
            client.assume_role(RoleArn=arn, RoleSessionName="ses", DurationSeconds=seconds)
        assert code(error) == ("ValidationError", 400)
    inside = as_key(client.assume_role(RoleArn=arn, RoleSessionName="ses", DurationSeconds=3600))
    with pytest.raises(ClientError, match="role chaining") as error:
        server.client("sts", inside).assume_role(RoleArn=ROLE, RoleSessionName="ses", DurationSeconds=3601)
    assert code(error) == ("ValidationError", 400)


def test_a_session_token_of_ones_own(server: Running) -> None:
    answer = server.client("sts").get_session_token(DurationSeconds=86400)
    assert answer["Credentials"]["Expiration"].timestamp() - time.time() <= 3600
    inside = server.client("sts", as_key(answer))
    assert inside.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    with pytest.raises(ClientError) as error:
        inside.get_session_token()
    assert code(error) == ("AccessDenied", 403)


def test_what_is_not_answered_is_said_to_be_so(server: Running) -> None:
    """Signed or, as this one is on AWS, not."""
    with pytest.raises(ClientError, match="does not answer GetFederationToken of sts") as error:
        server.client("sts").get_federation_token(Name="ann")
    assert code(error) == ("UnsupportedOperation", 400)
    with pytest.raises(ClientError, match="does not answer AssumeRoleWithWebIdentity of sts") as error:
        server.client("sts").assume_role_with_web_identity(
            RoleArn=ROLE, RoleSessionName="ses", WebIdentityToken="abcd"
        )
    assert code(error) == ("UnsupportedOperation", 400)


def test_a_job_gets_credentials_of_its_role(server: Running) -> None:
    now = time.time()
    with server.ports.store.begin() as tx:
        assert role_exists(tx, ROLE)
        assert not role_exists(tx, role_arn(ACCOUNT, "/path/", "SageMakerRole"))
        assert not role_exists(tx, f"arn:aws:iam::{ACCOUNT}:root")
        assert not role_exists(tx, "SageMakerRole")
        key = sts.session(tx, ACCOUNT, ROLE, "SageMaker-job", now, 7 * 86400)
    identity = server.client("sts", key).get_caller_identity()
    assert identity["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/SageMakerRole/SageMaker-job"
    with server.ports.store.begin() as tx, pytest.raises(ValueError, match="not the ARN of a role"):
        sts.session(tx, ACCOUNT, "arn:aws:iam::1:user/x", "s", now, 60)
