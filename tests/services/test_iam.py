"""IAM as boto3 speaks to it, what policies allow, and the first start of a home."""

from __future__ import annotations

import configparser
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.server import ACCOUNT, Running, ports_in, running

from clary.domain.identity import role_arn
from clary.domain.identity_policies import MalformedPolicy, evaluate, parse_policy, trusts
from clary.services import iam
from clary.services.iam.bootstrap import write_credentials
from clary.services.iam.entities import key_of
from clary.storage.ports import Key

TRUST = json.dumps({
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "sagemaker.amazonaws.com"}}],
})  # fmt: skip
ROOT = f"arn:aws:iam::{ACCOUNT}:root"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    ports = ports_in(tmp_path_factory.mktemp("home"))
    with running(ports, ["sts", "iam"]) as started:
        yield started
    ports.store.close()


@pytest.fixture(scope="module")
def client(server: Running) -> Any:
    return server.client("iam")


def code(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    response = error.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def policy(*actions: str, effect: str = "Allow", resource: str = "*", **more: Any) -> str:
    statement = {"Effect": effect, "Action": list(actions), "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_a_role_lives_and_dies(client: Any) -> None:
    made = client.create_role(
        RoleName="MySageMakerRole", AssumeRolePolicyDocument=TRUST, Description="as the notebook says",
        Tags=[{"Key": "team", "Value": "a"}],
    )["Role"]  # fmt: skip
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/MySageMakerRole"
    assert made["RoleId"].startswith("AROA")
    got = client.get_role(RoleName="MySageMakerRole")["Role"]
    assert got["AssumeRolePolicyDocument"] == json.loads(TRUST)
    assert (got["Description"], got["MaxSessionDuration"], got["Path"]) == ("as the notebook says", 3600, "/")
    assert got["CreateDate"] == made["CreateDate"]
    assert client.list_role_tags(RoleName="MySageMakerRole")["Tags"] == [{"Key": "team", "Value": "a"}]
    with pytest.raises(ClientError, match="Role with name mysagemakerrole already exists") as error:
        client.create_role(RoleName="mysagemakerrole", Path="/other/", AssumeRolePolicyDocument=TRUST)
    assert code(error) == ("EntityAlreadyExists", 409)
    assert [role["RoleName"] for role in client.list_roles()["Roles"]] == ["MySageMakerRole", "SageMakerRole"]
    client.delete_role(RoleName="MySageMakerRole")
    with pytest.raises(ClientError, match="The role with name MySageMakerRole cannot be found") as error:
        client.get_role(RoleName="MySageMakerRole")
    assert code(error) == ("NoSuchEntity", 404)


def test_roles_come_in_pages(client: Any) -> None:
    for n in range(5):
        client.create_role(RoleName=f"page-{n}", Path="/pages/", AssumeRolePolicyDocument=TRUST)
    pages = client.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 2})
    names = [role["RoleName"] for page in pages for role in page["Roles"]]
    assert names == sorted(names)
    assert len([name for name in names if name.startswith("page-")]) == 5
    under = client.list_roles(PathPrefix="/pages/")["Roles"]
    assert [role["RoleName"] for role in under] == [f"page-{n}" for n in range(5)]


def test_a_role_with_policies_stays(client: Any) -> None:
    client.create_role(RoleName="kept", AssumeRolePolicyDocument=TRUST)
    arn = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
    client.attach_role_policy(RoleName="kept", PolicyArn=arn)
    client.attach_role_policy(RoleName="kept", PolicyArn=arn)
    assert client.list_attached_role_policies(RoleName="kept")["AttachedPolicies"] == [
        {"PolicyName": "AmazonS3ReadOnlyAccess", "PolicyArn": arn}
    ]
    with pytest.raises(ClientError, match="must detach all policies first") as error:
        client.delete_role(RoleName="kept")
    assert code(error) == ("DeleteConflict", 409)
    client.detach_role_policy(RoleName="kept", PolicyArn=arn)
    with pytest.raises(ClientError) as error:
        client.detach_role_policy(RoleName="kept", PolicyArn=arn)
    assert code(error) == ("NoSuchEntity", 404)
    client.put_role_policy(RoleName="kept", PolicyName="own", PolicyDocument=policy("s3:*"))
    assert client.get_role_policy(RoleName="kept", PolicyName="own")["PolicyDocument"] == json.loads(
        policy("s3:*")
    )
    assert client.list_role_policies(RoleName="kept")["PolicyNames"] == ["own"]
    with pytest.raises(ClientError, match="must delete policies first"):
        client.delete_role(RoleName="kept")
    client.delete_role_policy(RoleName="kept", PolicyName="own")
    with pytest.raises(ClientError) as error:
        client.get_role_policy(RoleName="kept", PolicyName="own")
    assert code(error) == ("NoSuchEntity", 404)
    client.delete_role(RoleName="kept")


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("{", "invalid Json"),
        ("{}", "Syntax errors"),
        (policy("s3:*"), "prohibited field Resource"),
        (TRUST.replace("sts:AssumeRole", "s3:Get"), "only specify STS"),
        (TRUST.replace("Principal", "Nobody"), "must contain principals"),
    ],
)
def test_a_malformed_trust_policy_changes_nothing(client: Any, document: str, said: str) -> None:
    with pytest.raises(ClientError, match=said) as error:
        client.create_role(RoleName="never", AssumeRolePolicyDocument=document)
    assert code(error) == ("MalformedPolicyDocument", 400)
    with pytest.raises(ClientError):
        client.get_role(RoleName="never")


def test_an_unknown_managed_policy_cannot_be_attached(client: Any) -> None:
    with pytest.raises(ClientError, match="does not exist or is not attachable") as error:
        client.attach_role_policy(RoleName="SageMakerRole", PolicyArn="arn:aws:iam::aws:policy/NoSuchPolicy")
    assert code(error) == ("NoSuchEntity", 404)


def test_a_users_key_works_until_it_is_switched_off(server: Running, client: Any) -> None:
    client.create_user(UserName="eve")
    made = client.create_access_key(UserName="eve")["AccessKey"]
    assert len(made["AccessKeyId"]) == 20
    assert len(made["SecretAccessKey"]) == 40
    sts = server.client("sts", Key(made["AccessKeyId"], made["SecretAccessKey"], ACCOUNT, "", 0.0))
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/eve"
    assert sts.get_caller_identity()["UserId"] == client.get_user(UserName="eve")["User"]["UserId"]
    client.update_access_key(UserName="eve", AccessKeyId=made["AccessKeyId"], Status="Inactive")
    with pytest.raises(ClientError) as error:
        sts.get_caller_identity()
    assert code(error) == ("InvalidClientTokenId", 403)
    assert client.list_access_keys(UserName="eve")["AccessKeyMetadata"][0]["Status"] == "Inactive"
    client.update_access_key(UserName="eve", AccessKeyId=made["AccessKeyId"], Status="Active")
    sts.get_caller_identity()
    with pytest.raises(ClientError, match="must delete access keys first") as error:
        client.delete_user(UserName="eve")
    assert code(error) == ("DeleteConflict", 409)
    client.delete_access_key(UserName="eve", AccessKeyId=made["AccessKeyId"])
    with pytest.raises(ClientError) as error:
        sts.get_caller_identity()
    assert code(error) == ("InvalidClientTokenId", 403)
    client.delete_user(UserName="eve")
    with pytest.raises(ClientError) as error:
        client.get_user(UserName="eve")
    assert code(error) == ("NoSuchEntity", 404)


def test_a_key_is_its_owners_only_and_two_are_enough(client: Any) -> None:
    client.create_user(UserName="one")
    client.create_user(UserName="two")
    keys = [client.create_access_key(UserName="one")["AccessKey"]["AccessKeyId"] for _ in range(2)]
    with pytest.raises(ClientError, match="Cannot exceed quota") as error:
        client.create_access_key(UserName="one")
    assert code(error) == ("LimitExceeded", 409)
    with pytest.raises(ClientError) as error:
        client.delete_access_key(UserName="two", AccessKeyId=keys[0])
    assert code(error) == ("NoSuchEntity", 404)
    assert {user["UserName"] for user in client.list_users()["Users"]} >= {"one", "two"}


def test_the_root_is_a_user_without_a_name(server: Running, client: Any) -> None:
    assert client.get_user()["User"]["Arn"] == ROOT
    assert [key["AccessKeyId"] for key in client.list_access_keys()["AccessKeyMetadata"]] == [server.key.id]


def decisions(answer: dict[str, Any]) -> dict[str, str]:
    return {result["EvalActionName"]: result["EvalDecision"] for result in answer["EvaluationResults"]}


def test_what_a_role_may_do_is_told_by_its_policies(client: Any) -> None:
    arn = client.create_role(RoleName="weak", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    actions = ["s3:GetObject", "s3:PutObject", "sagemaker:CreateTrainingJob"]
    ask = {"PolicySourceArn": arn, "ActionNames": actions, "ResourceArns": ["arn:aws:s3:::data/x"]}
    assert set(decisions(client.simulate_principal_policy(**ask)).values()) == {"implicitDeny"}
    client.attach_role_policy(RoleName="weak", PolicyArn="arn:aws:iam::aws:policy/AmazonS3FullAccess")
    answer = client.simulate_principal_policy(**ask)
    assert decisions(answer) == dict(zip(actions, ["allowed", "allowed", "implicitDeny"], strict=True))
    assert answer["EvaluationResults"][0]["MatchedStatements"][0]["SourcePolicyId"] == "AmazonS3FullAccess"
    client.put_role_policy(
        RoleName="weak",
        PolicyName="no",
        PolicyDocument=policy("s3:Put*", effect="Deny", resource="arn:aws:s3:::data/*"),
    )
    assert decisions(client.simulate_principal_policy(**ask))["s3:PutObject"] == "explicitDeny"
    elsewhere = {**ask, "ResourceArns": ["arn:aws:s3:::other/x"]}
    assert decisions(client.simulate_principal_policy(**elsewhere))["s3:PutObject"] == "allowed"


@pytest.mark.parametrize("arn", [ROOT, role_arn(ACCOUNT, "/", "SageMakerRole")])
def test_the_root_and_the_role_of_the_first_start_may_train(client: Any, arn: str) -> None:
    answer = client.simulate_principal_policy(
        PolicySourceArn=arn,
        ActionNames=["sagemaker:CreateTrainingJob", "s3:GetObject", "s3:PutObject", "s3:ListBucket",
                     "logs:CreateLogStream", "logs:PutLogEvents", "ecr:BatchGetImage", "cloudwatch:PutMetricData"],
    )  # fmt: skip
    assert set(decisions(answer).values()) == {"allowed"}


def test_who_is_not_there_cannot_be_simulated(client: Any) -> None:
    with pytest.raises(ClientError) as error:
        client.simulate_principal_policy(
            PolicySourceArn=role_arn(ACCOUNT, "/", "gone"), ActionNames=["s3:GetObject"]
        )
    assert code(error) == ("NoSuchEntity", 404)


def test_a_deny_wins_and_unknown_conditions_never_allow() -> None:
    allow = ("a", parse_policy(policy("s3:*")))
    assert evaluate([allow], "s3:GetObject").outcome == "allowed"
    assert (
        evaluate([allow, ("d", parse_policy(policy("*", effect="Deny")))], "s3:GetObject").outcome
        == "explicitDeny"
    )
    strange = {"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}
    assert (
        evaluate([("c", parse_policy(policy("s3:*", Condition=strange)))], "s3:GetObject").outcome
        == "implicitDeny"
    )
    denying = ("d", parse_policy(policy("s3:*", effect="Deny", Condition=strange)))
    assert evaluate([allow, denying], "s3:GetObject").outcome == "explicitDeny"
    tagged = ("t", parse_policy(policy("s3:Get?bject", Condition={"StringLike": {"S3:Prefix": "home/*"}})))
    assert evaluate([tagged], "s3:GetObject", context={"s3:prefix": ("home/x",)}).outcome == "allowed"
    assert evaluate([tagged], "s3:GetObject").outcome == "implicitDeny"


def test_trust_names_accounts_users_roles_and_sessions() -> None:
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/R/s"
    for principal, trusted in (
        ("*", True), (ACCOUNT, True), (ROOT, True), (session, True), (role_arn(ACCOUNT, "/", "R"), True),
        (role_arn(ACCOUNT, "/", "Q"), False), ("210987654321", False),
    ):  # fmt: skip
        document = {"Statement": {"Effect": "Allow", "Action": "sts:*", "Principal": {"AWS": principal}}}
        assert trusts(document, session) is trusted, principal
    assert not trusts(parse_policy(TRUST, trust=True), ROOT)
    with pytest.raises(MalformedPolicy, match="should not specify a principal"):
        parse_policy(TRUST)


def credentials(path: Path, profile: str = "default") -> dict[str, str]:
    parser = configparser.ConfigParser()
    parser.read(path)
    return dict(parser[profile])


def test_the_first_start_makes_a_key_and_every_later_one_keeps_it(tmp_path: Path) -> None:
    ports = ports_in(tmp_path)
    key = iam.bootstrap(ports)
    path = tmp_path / iam.CREDENTIALS
    assert (len(key.id), key.id[:4], len(key.secret), key.principal) == (20, "AKIA", 40, ROOT)
    assert credentials(path) == {"aws_access_key_id": key.id, "aws_secret_access_key": key.secret}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    written = path.stat().st_mtime_ns
    assert iam.bootstrap(ports) == key
    assert path.stat().st_mtime_ns == written
    # As if the server had been killed between the transaction and the file.
    path.unlink()
    assert iam.bootstrap(ports) == key
    assert credentials(path)["aws_access_key_id"] == key.id
    with ports.store.begin() as tx:
        assert iam.role_exists(tx, role_arn(ACCOUNT, "/", iam.ROLE))
        tx.resources.delete(key_of(ACCOUNT, "Role", iam.ROLE))
    iam.bootstrap(ports)
    with ports.store.read() as tx:
        assert not iam.role_exists(tx, role_arn(ACCOUNT, "/", iam.ROLE)), "a role that was deleted stays so"
    ports.store.close()


def test_a_root_without_an_active_key_gets_one_at_the_next_start(tmp_path: Path) -> None:
    ports = ports_in(tmp_path)
    first = iam.bootstrap(ports)
    with ports.store.begin() as tx:
        tx.keys.delete(first.id)
    second = iam.bootstrap(ports)
    assert second.id != first.id
    assert credentials(tmp_path / iam.CREDENTIALS)["aws_access_key_id"] == second.id
    ports.store.close()


def test_other_profiles_in_the_file_stay_and_its_mode_is_put_right(tmp_path: Path) -> None:
    path = tmp_path / "credentials"
    path.write_text("[mine]\naws_access_key_id = X\n\n[default]\naws_access_key_id = old\n")
    path.chmod(0o644)
    write_credentials(path, {"default": Key("AKIANEW", "secret%/+", ACCOUNT, ROOT, 0.0)})
    parser = configparser.RawConfigParser()
    parser.read(path)
    assert dict(parser["mine"]) == {"aws_access_key_id": "X"}
    assert dict(parser["default"]) == {"aws_access_key_id": "AKIANEW", "aws_secret_access_key": "secret%/+"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
