"""Buckets: create, list, look at, delete. One account owns them all; names are global, as on AWS."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode

from clary.api.context import Context
from clary.services.s3 import properties
from clary.services.s3.access import bucket_of
from clary.services.s3.faults import answers, fault
from clary.services.s3.names import check_bucket
from clary.services.s3.objects import canonical_user
from clary.storage.ports import Bucket, Conflict, Exists, Missing
from clary.wire.messages import Document

HOME = "us-east-1"
"""The region without a location constraint, where creating one's own bucket again succeeds."""
MOST = 10_000


@answers("CreateBucket")
def create_bucket(ctx: Context, request: Document) -> Document:
    name = request["Bucket"]
    check_bucket(name)
    properties.check_acl(request)
    if request.get("ObjectLockEnabledForBucket"):
        raise fault("UnsupportedOperation", "Clary does not lock objects.")
    wanted = request.get("CreateBucketConfiguration") or {}
    region = _region(ctx, wanted.get("LocationConstraint"))
    tags = properties.checked_tags(wanted.get("Tags") or (), 50)
    answer = {"Location": f"/{name}", "BucketArn": f"arn:aws:s3:::{name}"}
    with ctx.begin() as tx:
        found = tx.objects.find_bucket(name)
        if found is not None:
            if found.account != ctx.account:
                raise fault("BucketAlreadyExists")
            if found.region == region == HOME:
                return answer
            raise fault("BucketAlreadyOwnedByYou")
        try:
            tx.objects.create_bucket(
                Bucket(name, ctx.account, region, ctx.now, {"Tags": tags} if tags else {})
            )
        except Exists:
            raise fault("BucketAlreadyExists") from None
    return answer


@answers("HeadBucket")
def head_bucket(ctx: Context, request: Document) -> Document:
    with ctx.read() as tx:
        bucket = bucket_of(ctx, tx, request)
    return {
        "BucketRegion": bucket.region,
        "BucketArn": f"arn:aws:s3:::{bucket.name}",
        "AccessPointAlias": False,
    }


@answers("DeleteBucket")
def delete_bucket(ctx: Context, request: Document) -> Document:
    """Uploads under way go with it; objects keep it."""
    name = request["Bucket"]
    with ctx.objects.change() as change:
        bucket_of(ctx, change.tx, request)
        if change.tx.objects.list(name, limit=1):
            raise fault("BucketNotEmpty")
        while uploads := change.tx.objects.list_uploads(name):
            for upload in uploads:
                change.end_upload(upload.id)
        try:
            change.tx.objects.delete_bucket(name)
        except Conflict:
            raise fault("BucketNotEmpty") from None
        except Missing:
            raise fault("NoSuchBucket") from None
    return {}


@answers("ListBuckets")
def list_buckets(ctx: Context, request: Document) -> Document:
    prefix, region = request.get("Prefix") or "", request.get("BucketRegion")
    most = request.get("MaxBuckets") or MOST
    after = _opened(request["ContinuationToken"]) if request.get("ContinuationToken") else ""
    with ctx.read() as tx:
        buckets = [
            bucket
            for bucket in tx.objects.list_buckets(ctx.account)
            if bucket.name > after and bucket.name.startswith(prefix) and region in (None, bucket.region)
        ]
    shown = buckets[:most]
    answer: Document = {
        "Owner": {"ID": canonical_user(ctx.account)},
        "Buckets": [
            {
                "Name": bucket.name,
                "CreationDate": float(int(bucket.created)),
                "BucketArn": f"arn:aws:s3:::{bucket.name}",
                "BucketRegion": bucket.region,
            }
            for bucket in shown
        ],
    }
    if request.get("Prefix"):
        answer["Prefix"] = prefix
    if len(buckets) > most:
        answer["ContinuationToken"] = urlsafe_b64encode(shown[-1].name.encode()).decode()
    return answer


@answers("GetBucketLocation")
def get_bucket_location(ctx: Context, request: Document) -> Document:
    """No constraint means us-east-1."""
    with ctx.read() as tx:
        region = bucket_of(ctx, tx, request).region
    return {} if region == HOME else {"LocationConstraint": region}


def _region(ctx: Context, constraint: str | None) -> str:
    """Where a bucket comes to lie: what the client says, or where its request was signed for.
    Raises IllegalLocationConstraintException as AWS does, so that code that works here works there."""
    if constraint is None:
        if ctx.region != HOME:
            raise fault("IllegalLocationConstraintException")
        return HOME
    if constraint == HOME:
        raise fault(
            "InvalidArgument",
            "The specified location-constraint is not valid",
            ArgumentName="LocationConstraint",
        )
    region = {"EU": "eu-west-1"}.get(constraint, constraint)
    if ctx.region not in (HOME, region):
        raise fault(
            "IllegalLocationConstraintException",
            f"The {constraint} location constraint is incompatible for the region specific endpoint this "
            "request was sent to.",
        )
    return region


def _opened(token: str) -> str:
    try:
        return urlsafe_b64decode(token.encode("ascii")).decode()
    except ValueError:
        raise fault("InvalidArgument", "The continuation token provided is incorrect") from None
