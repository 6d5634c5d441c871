"""What clients read of a bucket in passing, and set where keeping it is the truth.

A feature that a bucket does not have here is told as AWS tells it of a bucket without it. Switching one on
that Clary would not act upon (a policy, a lifecycle, versioning) is refused; what holds of every bucket
here (private, owner's, unversioned) may be set again.
"""

from __future__ import annotations

from msgspec.structs import replace

from clary.api.context import Context
from clary.api.errors import ServiceError
from clary.services.s3 import properties
from clary.services.s3.access import bucket_of
from clary.services.s3.faults import answers, fault
from clary.services.s3.objects import access_control
from clary.storage.ports import Bucket, Document

_ABSENT: dict[str, tuple[str, str]] = {
    "GetBucketPolicy": ("NoSuchBucketPolicy", "The bucket policy does not exist"),
    "GetBucketPolicyStatus": ("NoSuchBucketPolicy", "The bucket policy does not exist"),
    "GetBucketCors": ("NoSuchCORSConfiguration", "The CORS configuration does not exist"),
    "GetBucketLifecycle": ("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"),
    "GetBucketLifecycleConfiguration": (
        "NoSuchLifecycleConfiguration",
        "The lifecycle configuration does not exist",
    ),
    "GetBucketEncryption": (
        "ServerSideEncryptionConfigurationNotFoundError",
        "The server side encryption configuration was not found",
    ),
    "GetBucketReplication": (
        "ReplicationConfigurationNotFoundError",
        "The replication configuration was not found",
    ),
    "GetBucketWebsite": (
        "NoSuchWebsiteConfiguration",
        "The specified bucket does not have a website configuration",
    ),
    "GetObjectLockConfiguration": (
        "ObjectLockConfigurationNotFoundError",
        "Object Lock configuration does not exist for this bucket",
    ),
}
_CONSTANT: dict[str, Document] = {
    "GetBucketVersioning": {},
    "GetBucketLogging": {},
    "GetBucketNotificationConfiguration": {},
    "GetBucketAccelerateConfiguration": {},
    "GetBucketRequestPayment": {"Payer": "BucketOwner"},
    "GetBucketOwnershipControls": {
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    },
    "GetPublicAccessBlock": {
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        }
    },
}
_REMOVE_NOTHING = (
    "DeleteBucketPolicy",
    "DeleteBucketCors",
    "DeleteBucketLifecycle",
    "DeleteBucketEncryption",
    "DeleteBucketReplication",
    "DeleteBucketWebsite",
)


def _bucket(ctx: Context, request: Document) -> Bucket:
    with ctx.read() as tx:
        return bucket_of(ctx, tx, request)


def _serve_absent(name: str, code: str, message: str) -> None:
    @answers(name)
    def absent(ctx: Context, request: Document) -> Document:
        _bucket(ctx, request)
        raise ServiceError(code, message, 404)


def _serve_constant(name: str, answer: Document) -> None:
    @answers(name)
    def constant(ctx: Context, request: Document) -> Document:
        _bucket(ctx, request)
        return answer


for _name, (_code, _message) in _ABSENT.items():
    _serve_absent(_name, _code, _message)
for _name, _answer in {**_CONSTANT, **{name: {} for name in _REMOVE_NOTHING}}.items():
    _serve_constant(_name, _answer)


@answers("GetBucketAcl")
def get_bucket_acl(ctx: Context, request: Document) -> Document:
    return access_control(_bucket(ctx, request).account)


@answers("PutBucketAcl")
def put_bucket_acl(ctx: Context, request: Document) -> Document:
    _bucket(ctx, request)
    if request.get("AccessControlPolicy"):
        raise fault("AccessControlListNotSupported")
    properties.check_acl(request)
    return {}


@answers("PutBucketVersioning")
def put_bucket_versioning(ctx: Context, request: Document) -> Document:
    _bucket(ctx, request)
    if request["VersioningConfiguration"].get("Status") == "Enabled":
        raise fault("UnsupportedOperation", "Clary keeps one version of an object.")
    return {}


@answers("PutPublicAccessBlock")
def put_public_access_block(ctx: Context, request: Document) -> Document:
    _bucket(ctx, request)
    if not all(request["PublicAccessBlockConfiguration"].values()):
        raise fault("UnsupportedOperation", "Clary never makes a bucket public.")
    return {}


@answers("PutBucketOwnershipControls")
def put_bucket_ownership_controls(ctx: Context, request: Document) -> Document:
    _bucket(ctx, request)
    rules = request["OwnershipControls"]["Rules"]
    if any(rule["ObjectOwnership"] != "BucketOwnerEnforced" for rule in rules):
        raise fault("UnsupportedOperation", "A bucket's owner owns all objects in it.")
    return {}


@answers("GetBucketTagging")
def get_bucket_tagging(ctx: Context, request: Document) -> Document:
    tags = _bucket(ctx, request).document.get("Tags")
    if not tags:
        raise ServiceError("NoSuchTagSet", "The TagSet does not exist", 404)
    return {"TagSet": properties.tag_set(tags)}


@answers("PutBucketTagging")
def put_bucket_tagging(ctx: Context, request: Document) -> Document:
    return _tag(ctx, request, properties.checked_tags(request["Tagging"].get("TagSet", ()), 50))


@answers("DeleteBucketTagging")
def delete_bucket_tagging(ctx: Context, request: Document) -> Document:
    return _tag(ctx, request, {})


def _tag(ctx: Context, request: Document, tags: dict[str, str]) -> Document:
    with ctx.begin() as tx:
        bucket = bucket_of(ctx, tx, request)
        tx.objects.update_bucket(replace(bucket, document={**bucket.document, "Tags": tags}))
    return {}
