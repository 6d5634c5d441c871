"""Clients made by botocore go to Clary.

AWS_ENDPOINT_URL does it alone only in botocore 1.31 and later, and not where the code names an endpoint, as
both SageMaker SDKs do for STS. So the endpoint is set where every client is made, with or without a
Session: `ClientCreator.create_client(service_name, region_name, is_secure, endpoint_url, ...)`.
An endpoint that is not AWS's (another store for objects) is the user's own choice and stays.
"""

import functools

from clary_hook import hosts, profiles  # type: ignore[import-not-found,unused-ignore]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_CREATORS = ("ClientCreator", "AioClientCreator")


def change(module: "Any") -> None:
    for name in _CREATORS:
        creator = vars(module).get(name)
        if creator is not None and creator.__module__ == module.__name__:
            creator.create_client = _to_clary(creator, creator.create_client)


def _to_clary(creator: "Any", create_client: "Any") -> "Any":
    @functools.wraps(create_client)
    def wrapper(
        self: "Any",
        service_name: str,
        region_name: "Any",
        is_secure: bool = True,
        endpoint_url: "Any" = None,
        verify: "Any" = None,
        credentials: "Any" = None,
        scoped_config: "Any" = None,
        *args: "Any",
        **kwargs: "Any",
    ) -> "Any":
        if not endpoint_url or hosts.is_aws(hosts.host_of(endpoint_url)):
            endpoint_url = hosts.clary() or endpoint_url
            credentials = profiles.replaced(credentials, scoped_config, creator)
        return create_client(
            self, service_name, region_name, is_secure, endpoint_url, verify, credentials, scoped_config,
            *args, **kwargs
        )  # fmt: skip

    return wrapper
