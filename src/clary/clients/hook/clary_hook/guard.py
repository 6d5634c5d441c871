"""Looking up an AWS host is refused at once, before a packet leaves.

`requests`, `urllib3`, `http.client`, `urllib` and asyncio all look hosts up by `socket.getaddrinfo`; the
others here are for what is written by hand. The refusal is a `socket.gaierror`, which every one of them
takes for a host that does not exist. (`clary env` adds AWS's hosts to NO_PROXY where a proxy is set, so that
no proxy does the looking up.)
"""

import functools

from clary_hook import hosts  # type: ignore[import-not-found,unused-ignore]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LOOKUPS = ("getaddrinfo", "gethostbyname", "gethostbyname_ex")


def change(socket: "Any") -> None:
    for name in _LOOKUPS:
        setattr(socket, name, _guarded(getattr(socket, name), socket))


def _guarded(look_up: "Any", socket: "Any") -> "Any":
    @functools.wraps(look_up)
    def wrapper(host: "Any", *args: "Any", **kwargs: "Any") -> "Any":
        name = host.decode("ascii", "replace") if isinstance(host, (bytes, bytearray)) else host
        if isinstance(name, str) and hosts.is_aws(name) and not hosts.allowed():
            raise socket.gaierror(socket.EAI_NONAME, refusal(name))
        return look_up(host, *args, **kwargs)

    return wrapper


def refusal(host: str) -> str:
    return (
        f"{host} is AWS's, and this program runs against Clary at {hosts.clary()}: nothing was sent. "
        "Set CLARY_ALLOW_AWS=1 to allow it."
    )
