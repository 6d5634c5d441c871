"""The variables that send a client's TLS to AWS through `clary proxy`, over those of `clary.clients.environment`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from clary.clients.environment import AWS_DOMAINS


def through_proxy(proxy: str, ca: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables to set over `environ`, in which Clary's are already. `ca`: the folder of the authority.

    - HTTPS_PROXY: Go, Python, curl, Rust; Node from 24 on, with NODE_USE_ENV_PROXY.
    - The bundle: AWS_CA_BUNDLE for AWS's SDKs and CLI, SSL_CERT_FILE for Go, Ruby and OpenSSL at large.
    - NO_PROXY loses AWS's hosts, which were there to keep another proxy from them.
    - Java reads none of these: give it -Dhttps.proxyHost, -Dhttps.proxyPort and a trust store with `ca.pem`.
    """
    bundle = str(ca / "bundle.pem")
    variables = dict.fromkeys(
        ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"), bundle
    )
    variables |= {"NODE_EXTRA_CA_CERTS": str(ca / "ca.pem"), "NODE_USE_ENV_PROXY": "1"}
    variables |= {"HTTPS_PROXY": proxy, "https_proxy": proxy}
    for name in ("NO_PROXY", "no_proxy"):
        if environ.get(name):
            kept = [host for host in environ[name].split(",") if host.strip() not in AWS_DOMAINS]
            variables[name] = ",".join(kept)
    return variables
