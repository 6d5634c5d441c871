"""The variables that make an unchanged program reach Clary, and never AWS.

- Every client that honours AWS_ENDPOINT_URL needs no more than the first five.
- Whatever the user's shell says that would win over them (an endpoint for one service, a session token,
  FIPS endpoints) is set anew; an empty token counts as none in every AWS SDK.
- PYTHONPATH gets the hook in front, for the Python code that AWS_ENDPOINT_URL does not reach.
- NO_PROXY gets Clary's host, and AWS's, where a proxy is set: the hook can refuse only look-ups of the
  program's own.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

HOOK = Path(__file__).parent / "hook"
"""The folder that goes first on PYTHONPATH; whoever is to use the hook must be able to read it."""

_EMPTIED = ("AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_CREDENTIAL_EXPIRATION", "AWS_ACCOUNT_ID")
_DISABLED = ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
AWS_DOMAINS = (".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".api.aws")


def environment(
    url: str,
    access_key: str,
    secret_key: str,
    region: str,
    base: Mapping[str, str],
    token: str = "",
) -> dict[str, str]:
    """The variables to set over `base`, the environment that the program would have had.

    `token`: the session token that belongs to temporary keys.
    """
    variables = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "PYTHONPATH": _joined([str(HOOK)], base.get("PYTHONPATH", ""), os.pathsep),
    }
    variables |= {name: "" for name in _EMPTIED if base.get(name)}
    variables |= {name: "false" for name in _DISABLED if base.get(name)}
    variables |= {name: url for name in base if name.startswith("AWS_ENDPOINT_URL_")}
    if token:
        variables["AWS_SESSION_TOKEN"] = token
    return variables | _direct(url, base)


def _direct(url: str, base: Mapping[str, str]) -> dict[str, str]:
    """NO_PROXY, in the spellings that `base` has, where a proxy is set."""
    if not any(base.get(name) for proxy in _PROXIES for name in (proxy, proxy.upper())):
        return {}
    hosts = [urlsplit(url).hostname or ""]
    if base.get("CLARY_ALLOW_AWS", "") in ("", "0"):
        hosts += AWS_DOMAINS
    spellings = [name for name in ("NO_PROXY", "no_proxy") if base.get(name)] or ["NO_PROXY", "no_proxy"]
    return {name: _joined(hosts, base.get(name, ""), ",", first=False) for name in spellings}


def _joined(new: Iterable[str], old: str, separator: str, *, first: bool = True) -> str:
    """`old` with `new`'s parts at its front or end. Empty parts stay: PYTHONPATH means the working folder."""
    kept = old.split(separator) if old else []
    if first:
        new = list(new)
        return separator.join([*new, *(part for part in kept if part not in new)])
    return separator.join([*kept, *(part for part in new if part not in kept)])
