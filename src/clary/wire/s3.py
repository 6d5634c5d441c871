"""What S3's answers have that its model does not say."""

from __future__ import annotations

from clary.wire.messages import Document
from clary.wire.write_xml import DECLARATION, escape

NAMESPACE = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'

ROOTS = {
    "ListBuckets": "ListAllMyBucketsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListObjectVersions": "ListVersionsResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "DeleteObjects": "DeleteResult",
    "GetBucketTagging": "Tagging",
    "GetObjectTagging": "Tagging",
    "GetBucketVersioning": "VersioningConfiguration",
    "GetBucketAcl": "AccessControlPolicy",
    "GetObjectAcl": "AccessControlPolicy",
    "GetBucketCors": "CORSConfiguration",
    "GetBucketWebsite": "WebsiteConfiguration",
    "GetBucketLifecycleConfiguration": "LifecycleConfiguration",
    "GetBucketLogging": "BucketLoggingStatus",
    "GetBucketRequestPayment": "RequestPaymentConfiguration",
    "GetBucketAccelerateConfiguration": "AccelerateConfiguration",
}
"""The root elements that S3 documents; the model leaves them out, and names its shapes otherwise. Others are
the operation's name with `Result`."""


def location(document: Document) -> bytes:
    """The one answer of S3 whose member is its root; us-east-1 is written as nothing."""
    region = escape(document.get("LocationConstraint") or "")
    return f"{DECLARATION}<LocationConstraint{NAMESPACE}>{region}</LocationConstraint>".encode()
