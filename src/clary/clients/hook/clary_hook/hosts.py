"""Which hosts are AWS's, and where Clary is instead."""

import os

SUFFIXES = (
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".amazonaws.eu",
    ".api.aws",
    ".api.amazonwebservices.com.cn",
    ".api.amazonwebservices.eu",
    ".c2s.ic.gov",
    ".sc2s.sgov.gov",
    ".cloud.adc-e.uk",
    ".csp.hci.ic.gov",
    ".api.aws.ic.gov",
    ".api.aws.scloud",
    ".api.cloud-aws.adc-e.uk",
    ".api.aws.hci.ic.gov",
)
"""The suffixes of botocore's partitions.json, single and dual stack."""

_AT_START = os.environ.get("AWS_ENDPOINT_URL", "")


def is_aws(host: str) -> bool:
    return host.rstrip(".").lower().endswith(SUFFIXES)


def host_of(url: str) -> str:
    """The host of `https://user@host:443/path?query`; empty for what is no URL."""
    authority = url.partition("://")[2].partition("/")[0].partition("?")[0]
    return authority.rpartition("@")[2].partition(":")[0]


def clary() -> "str | None":
    """Clary's URL; None where neither the variable nor its value at start names it."""
    for url in (os.environ.get("AWS_ENDPOINT_URL", ""), _AT_START):
        if url and not is_aws(host_of(url)):
            return url
    return None


def allowed() -> bool:
    """CLARY_ALLOW_AWS=1 lets the program reach AWS's hosts (a public data set in S3, say)."""
    return os.environ.get("CLARY_ALLOW_AWS", "") not in ("", "0")
