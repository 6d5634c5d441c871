"""`clary proxy`: the TLS proxy for clients of other languages."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import urllib.request
from pathlib import Path

import click

from clary.cli.options import home_option, load_settings
from clary.clients.connection import address


@click.command()
@home_option
@click.option(
    "--port", type=int, default=4748, show_default=True, help="Port on loopback; 0 takes a free one."
)
def proxy(home: Path | None, port: int) -> None:
    """Run a TLS proxy for clients that ignore AWS_ENDPOINT_URL, until Ctrl-C: eval "$(clary env --proxy)".

    AWS's hosts end at Clary; other hosts are passed through, by the proxy that HTTPS_PROXY names if any.
    """
    folder = load_settings(home).home
    try:
        asyncio.run(_run(folder, port))
    except OSError as error:
        raise click.ClickException(str(error)) from error


async def _run(home: Path, port: int) -> None:
    from clary.clients.proxy.authority import Authority
    from clary.clients.proxy.server import Proxy

    authority = Authority(home / "ca")
    authority.write_bundle(os.environ)
    upstream = urllib.request.getproxies_environment().get("https", "")
    server = await Proxy(authority, lambda: address(home, "server"), upstream).start(port)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    record = home / "proxy.json"
    record.write_text(json.dumps({"url": url, "pid": os.getpid()}), encoding="utf-8")
    click.echo(f"Clary's TLS proxy listens on {url}; its authority: {authority.certificate_file}")
    click.echo(f'In another terminal: eval "$(clary env --home {home} --proxy)"')
    try:
        await stop.wait()
    finally:
        record.unlink(missing_ok=True)
        server.close()
