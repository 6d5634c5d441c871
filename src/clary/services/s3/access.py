"""Whose bucket it is: its account's alone, and the account's that the client expects."""

from __future__ import annotations

from clary.api.context import Context
from clary.services.s3.faults import fault
from clary.storage.objects import Check, NoSuchBucket
from clary.storage.ports import Bucket, ObjectRecord, Transaction
from clary.wire.messages import Document


def allow(ctx: Context, request: Document, bucket: Bucket, expected: str = "ExpectedBucketOwner") -> None:
    """Raises AccessDenied for another account's bucket, or when the client expects another owner."""
    if bucket.account != ctx.account or request.get(expected, bucket.account) != bucket.account:
        raise fault("AccessDenied")


def bucket_of(ctx: Context, tx: Transaction, request: Document) -> Bucket:
    """The bucket that a request names. Raises NoSuchBucket, AccessDenied."""
    bucket = tx.objects.find_bucket(request["Bucket"])
    if bucket is None:
        raise NoSuchBucket(request["Bucket"])
    allow(ctx, request, bucket)
    return bucket


def owned(ctx: Context, request: Document, then: Check | None = None) -> Check:
    """`allow` as a check of the object store, before a further one."""

    def check(bucket: Bucket, record: ObjectRecord | None) -> None:
        allow(ctx, request, bucket)
        if then is not None:
            then(bucket, record)

    return check
