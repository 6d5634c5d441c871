"""The TLS proxy with a client that knows of it only: no endpoint, no hook."""

from __future__ import annotations

import asyncio
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from tests.support.clients import Client, client_python, plain_environ
from tests.support.process import Clary

from clary.clients.connection import address
from clary.clients.proxy.authority import Authority
from clary.clients.proxy.environment import through_proxy
from clary.clients.proxy.server import Proxy

NOT_PROXY = ("AWS_ENDPOINT_URL", "PYTHONPATH")


@pytest.fixture(scope="module")
def proxy(clary: Clary) -> Iterator[str]:
    """`clary proxy` as a user starts it; its URL."""
    command = [sys.executable, "-m", "clary", "proxy", "--home", str(clary.home), "--port", "0"]
    environ = plain_environ(clary.home.parent / "user")
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Clary's TLS proxy listens on http://127.0.0.1:")
        yield address(clary.home, "proxy")
        process.terminate()
    assert not (clary.home / "proxy.json").exists()


@pytest.fixture
def environ(client: Client, clary: Clary, proxy: str) -> dict[str, str]:
    variables = client.environ()
    variables |= through_proxy(proxy, clary.home / "ca", variables)
    return {name: value for name, value in variables.items() if name not in NOT_PROXY}


def test_boto3_by_the_proxy_alone(client: Client, clary: Clary, environ: dict[str, str]) -> None:
    """Buckets virtual-hosted, names with dots, bodies in aws-chunked with trailers, parallel parts."""
    script = """
        import boto3, io, os
        from boto3.s3.transfer import TransferConfig
        print(boto3.client("sts").get_caller_identity()["Account"])
        s3 = boto3.client("s3")
        print(s3.meta.endpoint_url)
        content = os.urandom(20_000_000)
        for bucket in ("through-the-proxy", "through.the.proxy"):
            s3.create_bucket(Bucket=bucket)
            s3.upload_fileobj(io.BytesIO(content), bucket, "a/b c")
            back = io.BytesIO()
            s3.download_fileobj(bucket, "a/b c", back, Config=TransferConfig(multipart_chunksize=4_000_000))
            print(back.getvalue() == content)
        print(boto3.client("sagemaker").describe_experiment(ExperimentName="through-the-proxy")["ExperimentName"])
        """
    clary.client("sagemaker").create_experiment(ExperimentName="through-the-proxy")
    done = client.command([str(client_python("v2")), "-c", "if True:" + script], environ)
    assert done.stdout == "123456789012\nhttps://s3.amazonaws.com\nTrue\nTrue\nthrough-the-proxy\n"


def test_a_host_that_is_not_awss_is_tunnelled(tmp_path: Path, proxy: str) -> None:
    """Untouched: the client sees that server's own answer, in a tunnel of plain bytes."""
    (tmp_path / "page").write_text("theirs")

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(tmp_path))  # type: ignore[arg-type]

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        host = f"127.0.0.1:{server.server_port}"
        answer = say(proxy, f"CONNECT {host} HTTP/1.1\r\n\r\nGET /page HTTP/1.0\r\n\r\n")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert answer.startswith(b"HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.0 200 OK")
    assert answer.endswith(b"theirs")


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        ("GET http://s3.amazonaws.com/ HTTP/1.1\r\n\r\n", b"HTTP/1.1 405 "),
        ("CONNECT nonsense HTTP/1.1\r\n\r\n", b"HTTP/1.1 400 "),
        ("CONNECT 127.0.0.1:1 HTTP/1.1\r\n\r\n", b"HTTP/1.1 502 "),
        (f"CONNECT {'x' * 70_000}:1 HTTP/1.1\r\n\r\n", b"HTTP/1.1 431 "),
    ],
    ids=["not CONNECT", "no port", "nobody there", "too large"],
)
def test_what_is_refused(proxy: str, request_text: str, status: bytes) -> None:
    assert say(proxy, request_text).startswith(status)


def say(proxy: str, text: str) -> bytes:
    async def talk() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(proxy.rpartition(":")[2]))
        writer.write(text.encode())
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        return answer

    return asyncio.run(talk())


def test_another_proxy_behind_it(tmp_path: Path, proxy: str) -> None:
    """What is not AWS's goes on through the proxy that the user had."""

    async def talk() -> bytes:
        front = Proxy(Authority(tmp_path), lambda: "http://127.0.0.1:1", upstream=proxy)
        async with await front.start(0) as server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"CONNECT 127.0.0.1:1 HTTP/1.1\r\n\r\n")
            answer = await reader.read()
            writer.close()
            return answer

    assert b"the proxy behind this one refused 127.0.0.1:1" in asyncio.run(talk())


def test_without_clary_the_client_is_told(tmp_path: Path) -> None:
    async def talk() -> bytes:
        front = Proxy(Authority(tmp_path), lambda: address(tmp_path, "server"))
        async with await front.start(0) as server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"CONNECT sts.amazonaws.com:443 HTTP/1.1\r\n\r\n")
            answer = await reader.read()
            writer.close()
            return answer

    answer = asyncio.run(talk())
    assert answer.startswith(b"HTTP/1.1 503 Service Unavailable")
    assert b"start it with: clary serve" in answer


def test_the_authority_is_kept_and_its_key_is_the_users(tmp_path: Path) -> None:
    first = Authority(tmp_path / "ca").certificate_file.read_bytes()
    assert Authority(tmp_path / "ca").certificate_file.read_bytes() == first
    assert stat.S_IMODE((tmp_path / "ca" / "ca.key").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("host", "trusted"),
    [
        ("a.b.s3.eu-west-1.amazonaws.com", True),
        (f"{'x' * 63}.s3.amazonaws.com", True),
        ("example.org", False),
    ],
)
def test_the_authority_is_good_for_awss_names_only(tmp_path: Path, host: str, trusted: bool) -> None:
    """Verified as strictly as OpenSSL can, by a handshake in memory."""
    authority = Authority(tmp_path / "ca")
    theirs = ssl.create_default_context(cafile=str(authority.certificate_file))
    theirs.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = theirs.wrap_bio(to_client, to_server, server_hostname=host)
    server = authority.context(host).wrap_bio(to_server, to_client, server_side=True)

    def handshake() -> None:
        for end in (client, server, client):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue

    if trusted:
        handshake()
        assert client.version() == "TLSv1.3"
    else:
        with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
            handshake()


def test_the_bundle_still_has_what_was_trusted_before(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    mine = tmp_path / "mine.pem"
    mine.write_text("theirs\n")
    own = authority.certificate_file.read_text()
    bundle = authority.write_bundle({"AWS_CA_BUNDLE": str(mine)})
    assert bundle.read_text() == f"theirs\n\n{own}"
    assert authority.write_bundle({"AWS_CA_BUNDLE": str(bundle)}).read_text().endswith(own)
