"""What a client says of its bytes, held against what arrived; and what an answer says of them.

A checksum comes in a header before the bytes, or in a trailer after them. Source: "Checking object
integrity", S3 user guide.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping

from clary.services.s3.faults import fault
from clary.storage.blobs import Written
from clary.storage.blobs.digests import ALGORITHMS, digest
from clary.storage.objects import CHECKSUM, encoded
from clary.storage.ports import Document

OTHERS = ("MD5", "XXHASH64", "XXHASH3", "XXHASH128")
"""Algorithms that the model names and Clary does not compute."""


def wanted(request: Document, default: str | None = None) -> tuple[str, ...]:
    """Algorithms to compute while the bytes arrive: what the request names, else the default.
    Raises InvalidRequest."""
    named = request.get("ChecksumAlgorithm")
    if named in OTHERS or any(f"Checksum{name}" in request for name in OTHERS):
        raise fault(
            "InvalidRequest", f"Checksum algorithm provided is unsupported. Use one of {list(ALGORITHMS)}."
        )
    given = [name for name in ALGORITHMS if request.get(f"Checksum{name}") is not None]
    if len(given) > 1:
        raise fault(
            "InvalidRequest",
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
        )
    return tuple(given or [named or default or CHECKSUM])


def verify(request: Document, trailers: Mapping[str, str], written: Written) -> None:
    """Raises BadDigest, InvalidDigest, InvalidRequest."""
    if request.get("ContentMD5") is not None:
        _verify_md5(request["ContentMD5"], written)
    checksums = encoded(written.digests)
    for name in ALGORITHMS:
        header = f"x-amz-checksum-{name.lower()}"
        given = request.get(f"Checksum{name}") or trailers.get(header)
        if given is None or name not in checksums:
            continue
        if len(_decoded(given)) != len(digest(name).digest()):
            raise fault("InvalidRequest", f"Value for {header} header is invalid.")
        if given != checksums[name]:
            raise fault("BadDigest", f"The {name} you specified did not match the calculated checksum.")


def unchecked(trailers: Mapping[str, str], written: Written) -> bool:
    """Whether a trailer brought a checksum that nobody had announced."""
    return any(
        f"x-amz-checksum-{name.lower()}" in trailers and name not in written.digests for name in ALGORITHMS
    )


def shown(document: Document) -> Document:
    """The Checksum... members of an answer."""
    checksums: Mapping[str, str] = document.get("Checksums", {})
    answer: Document = {f"Checksum{name}": value for name, value in checksums.items()}
    if answer:
        answer["ChecksumType"] = document.get("ChecksumType", "FULL_OBJECT")
    return answer


def _verify_md5(header: str, written: Written) -> None:
    given, computed = _decoded(header), written.digests["MD5"]
    if len(given) != len(computed):
        raise fault("InvalidDigest", Content_MD5=header)
    if given != computed:
        raise fault("BadDigest", ExpectedDigest=header, CalculatedDigest=b64encode(computed).decode())


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return b""
