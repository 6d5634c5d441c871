"""Clients of a profile that is meant for AWS (`boto3.Session(profile_name="work")`) sign with Clary's keys.

A profile that the code names wins over AWS_ACCESS_KEY_ID, and Clary does not know its keys. What the code passes
itself (keys, the credentials of a role that it assumed at Clary) stays, and so does a profile with an endpoint
that is not AWS's: `clary configure` writes such ones.
"""

import os
import sys

from clary_hook import hosts  # type: ignore[import-not-found,unused-ignore]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FROM_PROFILE = (
    "shared-credentials-file",
    "config-file",
    "custom-process",
    "sso",
    "login",
    "assume-role",
    "assume-role-with-web-identity",
)
"""botocore's names for how credentials were found. Code that assumes a role may say `assume-role` too."""
_CLASSES = {"ClientCreator": "Credentials", "AioClientCreator": "AioCredentials"}


def replaced(credentials: "Any", profile: "Any", creator: "Any") -> "Any":
    """`profile`: its settings in the configuration file; `creator`: the class that makes the client."""
    method = getattr(credentials, "method", None)
    profile = profile or {}
    if method not in _FROM_PROFILE or (method == "assume-role" and "role_arn" not in profile):
        return credentials
    endpoint = profile.get("endpoint_url")
    if endpoint and not hosts.is_aws(hosts.host_of(endpoint)):
        return credentials
    keys = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if not all(keys) or hosts.clary() is None:
        return credentials
    module = sys.modules[creator.__module__.rpartition(".")[0] + ".credentials"]
    make = getattr(module, _CLASSES[creator.__name__])
    return make(*keys, token=os.environ.get("AWS_SESSION_TOKEN") or None, method="env")
