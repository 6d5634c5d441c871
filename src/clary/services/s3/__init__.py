"""S3 over `storage.objects`: one account's buckets, whole keys, strong consistency, no versions.

    faults      AWS's codes and messages; `@answers(NAME)`, the operation with its errors translated
    access      whose bucket it is
    names       what a bucket and a key may be called
    buckets     buckets themselves
    settings    what clients ask of a bucket in passing: policy, encryption, tagging, ...
    properties  an object's headers, metadata and tags, from a request and into an answer
    checksums   what the client says of its bytes, held against what arrived
    conditions  If-Match and its kin
    ranges      Range and part numbers
    streams     bodies in and out, in constant memory
    objects     Put, Get, Head, Delete, Attributes, Tagging
    copying     CopyObject and UploadPartCopy
    multipart   uploads in parts
    listing     keys, with prefixes and delimiters

Importing the package registers its operations.
"""

from clary.services.s3 import buckets, copying, listing, multipart, objects, settings

__all__ = ["buckets", "copying", "listing", "multipart", "objects", "settings"]
