"""Buckets as boto3 sees them: creating, naming, listing, deleting, and what clients read in passing."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.s3 import S3, refused

from clary.services.s3.names import check_bucket


def test_create_list_head_delete(s3: S3) -> None:
    created = s3.client.create_bucket(Bucket="first-bucket")
    assert created["Location"] == "/first-bucket"
    s3.client.create_bucket(Bucket="second-bucket")
    names = {bucket["Name"] for bucket in s3.client.list_buckets()["Buckets"]}
    assert {"first-bucket", "second-bucket"} <= names
    assert len(s3.client.list_buckets()["Owner"]["ID"]) == 64
    assert s3.client.head_bucket(Bucket="first-bucket")["BucketRegion"] == "us-east-1"
    s3.client.delete_bucket(Bucket="first-bucket")
    assert {bucket["Name"] for bucket in s3.client.list_buckets()["Buckets"]} == names - {"first-bucket"}
    with refused("404"):
        s3.client.head_bucket(Bucket="first-bucket")


def test_buckets_are_listed_in_pages(s3: S3) -> None:
    names = [f"page-{number}" for number in range(5)]
    for name in names:
        s3.client.create_bucket(Bucket=name)
    s3.client.create_bucket(Bucket="other")
    pages = s3.client.get_paginator("list_buckets").paginate(Prefix="page-", PaginationConfig={"PageSize": 2})
    assert [[bucket["Name"] for bucket in page["Buckets"]] for page in pages] == [
        names[:2],
        names[2:4],
        names[4:],
    ]


def test_creating_a_bucket_again(s3: S3) -> None:
    """us-east-1 answers 200, other regions 409."""
    s3.client.create_bucket(Bucket="again")
    s3.client.put_object(Bucket="again", Key="kept", Body=b"x")
    s3.client.create_bucket(Bucket="again")
    assert s3.client.get_object(Bucket="again", Key="kept")["Body"].read() == b"x"
    west = s3.in_region("eu-west-1")
    constraint = {"LocationConstraint": "eu-west-1"}
    west.create_bucket(Bucket="again-west", CreateBucketConfiguration=constraint)
    with refused("BucketAlreadyOwnedByYou", 409):
        west.create_bucket(Bucket="again-west", CreateBucketConfiguration=constraint)


def test_regions(s3: S3) -> None:
    """A bucket of another region is served all the same: no redirect, so no client can loop."""
    west = s3.in_region("eu-west-1")
    with refused("IllegalLocationConstraintException", 400):
        west.create_bucket(Bucket="somewhere")
    west.create_bucket(Bucket="western", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert west.get_bucket_location(Bucket="western")["LocationConstraint"] == "eu-west-1"
    assert s3.client.head_bucket(Bucket="western")["BucketRegion"] == "eu-west-1"
    s3.client.put_object(Bucket="western", Key="from-the-east", Body=b"x")
    assert west.get_object(Bucket="western", Key="from-the-east")["Body"].read() == b"x"
    s3.client.create_bucket(Bucket="eastern")
    assert s3.client.get_bucket_location(Bucket="eastern")["LocationConstraint"] is None


def test_only_an_empty_bucket_is_deleted(s3: S3, bucket: str) -> None:
    s3.client.put_object(Bucket=bucket, Key="k", Body=b"x")
    with refused("BucketNotEmpty", 409):
        s3.client.delete_bucket(Bucket=bucket)
    s3.client.delete_object(Bucket=bucket, Key="k")
    s3.client.create_multipart_upload(Bucket=bucket, Key="unfinished")
    s3.client.delete_bucket(Bucket=bucket)
    with refused("NoSuchBucket", 404):
        s3.client.delete_bucket(Bucket=bucket)


@pytest.mark.parametrize(
    "name",
    [
        "ab",
        "a" * 64,
        "Upper",
        "under_score",
        "-first",
        "last-",
        "two..dots",
        "192.168.5.4",
        "xn--a",
        "a-s3alias",
    ],
)
def test_bad_bucket_names(name: str) -> None:
    with pytest.raises(Exception, match="not valid"):
        check_bucket(name)


@pytest.mark.parametrize(
    "name", ["abc", "a" * 63, "my.bucket-1", "1bucket", "sagemaker-us-east-1-123456789012"]
)
def test_good_bucket_names(name: str) -> None:
    check_bucket(name)


def test_a_bad_name_is_refused_over_the_wire(s3: S3) -> None:
    with refused("InvalidBucketName", 400):
        s3.client.create_bucket(Bucket="Not.Valid")


def test_the_expected_owner(s3: S3, bucket: str) -> None:
    assert s3.client.head_bucket(Bucket=bucket, ExpectedBucketOwner="123456789012")
    with refused("403", 403):
        s3.client.head_bucket(Bucket=bucket, ExpectedBucketOwner="000000000000")
    for call in (s3.client.list_objects_v2, s3.client.get_bucket_location, s3.client.delete_bucket):
        with refused("AccessDenied", 403):
            call(Bucket=bucket, ExpectedBucketOwner="000000000000")
    for call in (s3.client.put_object, s3.client.delete_object, s3.client.get_object):
        with refused("AccessDenied", 403):
            call(Bucket=bucket, Key="k", ExpectedBucketOwner="000000000000")


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("get_bucket_policy", "NoSuchBucketPolicy"),
        ("get_bucket_policy_status", "NoSuchBucketPolicy"),
        ("get_bucket_cors", "NoSuchCORSConfiguration"),
        ("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration"),
        ("get_bucket_encryption", "ServerSideEncryptionConfigurationNotFoundError"),
        ("get_bucket_website", "NoSuchWebsiteConfiguration"),
        ("get_bucket_replication", "ReplicationConfigurationNotFoundError"),
        ("get_object_lock_configuration", "ObjectLockConfigurationNotFoundError"),
        ("get_bucket_tagging", "NoSuchTagSet"),
    ],
)
def test_what_a_bucket_does_not_have(s3: S3, bucket: str, operation: str, code: str) -> None:
    with refused(code, 404):
        getattr(s3.client, operation)(Bucket=bucket)
    with refused("NoSuchBucket", 404):
        getattr(s3.client, operation)(Bucket="not-there")


def test_what_every_bucket_is(s3: S3, bucket: str) -> None:
    assert "Status" not in s3.client.get_bucket_versioning(Bucket=bucket)
    grants = s3.client.get_bucket_acl(Bucket=bucket)["Grants"]
    assert [grant["Permission"] for grant in grants] == ["FULL_CONTROL"]
    block = s3.client.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    assert s3.client.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    rules = s3.client.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    for read in (
        "get_bucket_logging",
        "get_bucket_notification_configuration",
        "get_bucket_accelerate_configuration",
    ):
        assert getattr(s3.client, read)(Bucket=bucket)


def test_what_cannot_be_switched_on_is_refused(s3: S3, bucket: str) -> None:
    with refused("UnsupportedOperation", 400):
        s3.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    with refused("UnsupportedOperation", 400):
        s3.client.put_bucket_policy(Bucket=bucket, Policy="{}")
    with refused("AccessControlListNotSupported", 400):
        s3.client.put_bucket_acl(Bucket=bucket, ACL="public-read")
    everything: dict[str, Any] = s3.client.get_public_access_block(Bucket=bucket)[
        "PublicAccessBlockConfiguration"
    ]
    s3.client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=everything)
    with refused("UnsupportedOperation", 400):
        s3.client.put_public_access_block(
            Bucket=bucket, PublicAccessBlockConfiguration={**everything, "BlockPublicAcls": False}
        )


def test_tags_of_a_bucket(s3: S3, bucket: str) -> None:
    tags = [{"Key": "team", "Value": "vision"}, {"Key": "empty", "Value": ""}]
    s3.client.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    assert s3.client.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags
    s3.client.delete_bucket_tagging(Bucket=bucket)
    with refused("NoSuchTagSet"):
        s3.client.get_bucket_tagging(Bucket=bucket)
    with refused("InvalidTag", 400):
        s3.client.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [tags[0], tags[0]]})


def test_errors_name_what_they_are_about(s3: S3) -> None:
    with pytest.raises(ClientError) as caught:
        s3.client.get_object(Bucket="not-there", Key="a/b")
    error = caught.value.response["Error"]
    assert (error["Code"], error["BucketName"]) == ("NoSuchBucket", "not-there")
    assert error["Message"] == "The specified bucket does not exist"
