"""The hook in a real Python: what reaches Clary, what is refused, and what it leaves as it was."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.clients.conftest import Listener, Watch
from tests.support.clients import Client, client_python, interpreter, plain_environ

from clary.clients import HOOK

THIS = Path(sys.executable)
KEY_ID = "AKIAIOSFODNN7EXAMPLE/"
IDENTIFY = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"


CALLS = [
    "boto3.client('sts').get_caller_identity()",
    "boto3.client('sts', endpoint_url='https://sts.eu-west-1.amazonaws.com').get_caller_identity()",
    "boto3.Session().client('sts', 'cn-north-1', endpoint_url='https://sts.cn-north-1.amazonaws.com.cn/')"
    ".get_caller_identity()",
    "botocore.session.get_session().create_client('sts').get_caller_identity()",
    "boto3.client('s3').list_buckets()",
    "boto3.resource('s3', endpoint_url='https://s3.amazonaws.com').meta.client.list_buckets()",
]


@pytest.mark.parametrize("client", ["v2", "old"])
def test_boto3_reaches_clary(heard: Client, listener: Listener, client: str) -> None:
    heard.script(client_python(client), "\n".join(["import boto3, botocore.session", *CALLS]))
    assert listener.operations == ["GetCallerIdentity" if "sts" in call else "GET /" for call in CALLS]


def test_endpoint_of_another_store_is_the_users_choice(heard: Client, listener: Listener) -> None:
    other = listener.url.replace("127.0.0.1", "localhost")
    heard.script(
        client_python("v2"), f"import boto3; boto3.client('s3', endpoint_url={other!r}).list_buckets()"
    )
    assert listener.requests[0]["headers"]["Host"].startswith("localhost:")


SHELLS = {
    "token": {"AWS_SESSION_TOKEN": "stale", "AWS_CREDENTIAL_EXPIRATION": "2020-01-01T00:00:00Z"},
    "endpoints": {
        "AWS_ENDPOINT_URL_STS": "https://sts.us-east-1.amazonaws.com",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_USE_DUALSTACK_ENDPOINT": "true",
    },
    "proxies": {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"},
    "lower case proxies": {"http_proxy": "http://127.0.0.1:9", "no_proxy": "example.com"},
    "region": {"AWS_EC2_METADATA_DISABLED": "false", "AWS_REGION": "eu-west-1"},
}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("client", ["v2", "old"])
def test_what_the_users_shell_says_does_not_win(
    heard: Client, listener: Listener, client: str, shell: str
) -> None:
    heard.script(client_python(client), IDENTIFY, shell=SHELLS[shell])
    (request,) = listener.requests
    assert KEY_ID in request["headers"]["Authorization"]
    assert "X-Amz-Security-Token" not in request["headers"]


@pytest.mark.parametrize(
    "attempt",
    [
        "import requests; requests.get('https://bucket.s3.us-east-1.amazonaws.com/key')",
        "import urllib.request; urllib.request.urlopen('https://s3.amazonaws.com/')",
        "import urllib3; urllib3.PoolManager().request('GET', 'https://s3.amazonaws.com.cn', retries=False)",
        "import http.client; http.client.HTTPSConnection('S3.AmazonAWS.com').connect()",
        "import asyncio; asyncio.run(asyncio.open_connection('ec2.eu-west-1.api.aws', 443))",
        "import socket; socket.gethostbyname('sts.amazonaws.com')",
    ],
    ids=lambda attempt: attempt.split(";")[0].split()[1],
)
def test_everything_else_is_kept_from_aws(heard: Client, watch: Watch, attempt: str) -> None:
    shell = {"PYTHONPATH": str(watch.folder), "HTTPS_PROXY": "http://127.0.0.1:9"}
    done = heard.script(client_python("v2"), attempt, shell=shell, check=False)
    assert done.returncode == 1
    assert "is AWS's, and this program runs against Clary" in done.stderr
    assert watch.events == []


def test_allowed_where_the_user_says_so(heard: Client) -> None:
    """A look-up by the resolver that cannot succeed (port name), so that nothing is sent here either."""
    attempt = (
        "import socket; socket.getaddrinfo('s3.amazonaws.com', 'no such port', flags=socket.AI_NUMERICHOST)"
    )
    done = heard.script(THIS, attempt, shell={"CLARY_ALLOW_AWS": "1"}, check=False)
    assert "is AWS's" not in done.stderr
    assert "gaierror" in done.stderr


def test_every_domain_of_botocores_partitions_is_aws(heard: Client) -> None:
    script = """
        import botocore, json, os
        from clary_hook import hosts
        with open(os.path.join(os.path.dirname(botocore.__file__), "data", "partitions.json")) as file:
            outputs = [partition["outputs"] for partition in json.load(file)["partitions"]]
        suffixes = [output[key] for output in outputs for key in ("dnsSuffix", "dualStackDnsSuffix")]
        print(sorted({suffix for suffix in suffixes if not hosts.is_aws("sagemaker.region." + suffix)}))
        print(hosts.is_aws("amazonaws.com.example.org"), hosts.is_aws("myamazonaws.com"), hosts.is_aws(""))
        """
    assert heard.script(THIS, script).stdout == "[]\nFalse False False\n"


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.7", "3.8", "3.12", "3.13"])
def test_silent_in_any_python(tmp_path: Path, version: str) -> None:
    found = interpreter(version)
    if found is None or not Path(found).exists():
        pytest.skip(f"no Python {version} on this machine")
    environ = {
        **plain_environ(tmp_path / "user"),
        "PYTHONPATH": str(HOOK),
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    }
    done = subprocess.run(
        [found, "-c", "import socket, sys; sys.stdout.write(socket.getaddrinfo.__module__)"],
        env={**environ, "CLARY_DEBUG": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("socket" if version != "2.7" else "_socket", "")


def test_the_hidden_sitecustomize_runs_once(heard: Client, tmp_path: Path) -> None:
    """Also one that looks for the next itself, as tracers do."""
    for name, text in {
        "tracer": "import sys, os; print('tracer'); here = os.path.dirname(__file__); sys.path.remove(here);"
        "del sys.modules['sitecustomize']; import sitecustomize; sys.path.insert(0, here)",
        "second": "print('second')",
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "sitecustomize.py").write_text(text)
    path = f"{tmp_path / 'tracer'}:{tmp_path / 'second'}"
    done = heard.script(THIS, "import sitecustomize, socket", shell={"PYTHONPATH": path})
    assert done.stdout == "tracer\nsecond\n"


def test_an_error_in_the_users_sitecustomize_is_told_by_python(heard: Client, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("raise ValueError('mine')")
    done = heard.script(THIS, "print('goes on')", shell={"PYTHONPATH": str(tmp_path)})
    assert done.stdout == "goes on\n"
    assert "ValueError: mine" in done.stderr


def test_loaders_are_as_they_were(heard: Client) -> None:
    script = """
        import socket, inspect, pkgutil, botocore.client, botocore.session
        assert type(botocore.client.__loader__).__name__ == "SourceFileLoader", botocore.client.__loader__
        assert "exec_module" not in vars(botocore.client.__loader__)
        assert "class ClientCreator" in inspect.getsource(botocore.client)
        assert pkgutil.get_data("botocore", "data/partitions.json")
        import importlib; importlib.reload(socket); importlib.reload(botocore.client)
        """
    heard.script(THIS, script)


def test_a_concern_that_fails_leaves_the_module_as_it_is(heard: Client, tmp_path: Path) -> None:
    (tmp_path / "botocore").mkdir()
    (tmp_path / "botocore" / "__init__.py").touch()
    (tmp_path / "botocore" / "client.py").write_text("class ClientCreator: pass")
    script = "from botocore.client import ClientCreator; print(ClientCreator())"
    shell = {"PYTHONPATH": str(tmp_path)}
    assert heard.script(THIS, script, shell=shell).stderr == ""
    told = heard.script(THIS, script, shell={**shell, "CLARY_DEBUG": "1"}).stderr
    assert "clary: cannot change botocore.client: AttributeError" in told


def test_nothing_is_loaded_before_it_is_needed(heard: Client) -> None:
    script = "import sys; print(sorted(name for name in sys.modules if name.startswith('clary_hook')))"
    done = heard.script(THIS, script)
    assert done.stdout == "['clary_hook', 'clary_hook.chain', 'clary_hook.imports']\n"


def test_silent_without_an_endpoint(tmp_path: Path) -> None:
    environ = {**plain_environ(tmp_path / "user"), "PYTHONPATH": str(HOOK)}
    script = "import sys, socket; print([name for name in sys.modules if name == 'clary_hook.guard'])"
    done = subprocess.run(
        [sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


PROFILES = """
[profile work]
aws_access_key_id = AKIAREALREALREALREAL
aws_secret_access_key = real
region = eu-west-1
[profile role]
role_arn = arn:aws:iam::999999999999:role/Deploy
source_profile = work
[profile tool]
credential_process = cat TOOL
[profile other-clary]
aws_access_key_id = AKIAOTHEROTHEROTHERO
aws_secret_access_key = other
endpoint_url = URL
"""
TOOL = '{"Version": 1, "AccessKeyId": "AKIAREALREALREALREAL", "SecretAccessKey": "real"}'
SIGNED_BY = {
    "boto3.Session(profile_name='work').client('s3')": KEY_ID,
    "boto3.Session(profile_name='role').client('s3')": KEY_ID,
    "boto3.Session(profile_name='tool').client('s3')": KEY_ID,
    "boto3.Session(profile_name='work').client('s3', endpoint_url='https://s3.amazonaws.com')": KEY_ID,
    "boto3.Session(profile_name='work').client('s3', endpoint_url='URL')": "AKIAREALREALREALREAL/",
    "boto3.Session(profile_name='other-clary').client('s3')": "AKIAOTHEROTHEROTHERO/",
    "boto3.client('s3')": KEY_ID,
    "boto3.client('s3', aws_access_key_id='AKIAPASSED', aws_secret_access_key='s')": "AKIAPASSED/",
}


@pytest.mark.parametrize("client", ["v2", "old"])
def test_a_profile_for_aws_signs_with_clarys_keys(
    heard: Client, listener: Listener, tmp_path: Path, client: str
) -> None:
    other = listener.url.replace("127.0.0.1", "localhost")
    (tmp_path / "config").write_text(PROFILES.replace("URL", other).replace("TOOL", str(tmp_path / "tool")))
    (tmp_path / "tool").write_text(TOOL)
    calls = [f"{call.replace('URL', other)}.list_buckets()" for call in SIGNED_BY]
    shell = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_PROFILE": "role"}
    heard.script(client_python(client), "\n".join(["import boto3", *calls]), shell=shell)
    keys = [request["headers"]["Authorization"] for request in listener.requests]
    assert [key in header for header, key in zip(keys, SIGNED_BY.values(), strict=True)] == [True] * len(keys)


def test_a_role_that_the_code_assumed_keeps_its_credentials(heard: Client, listener: Listener) -> None:
    """Refreshable ones, made by the code in botocore's way."""
    script = """
        import boto3, botocore.session
        from botocore.credentials import DeferredRefreshableCredentials
        def refresh():
            return {"access_key": "ASIAROLEROLEROLEROLE", "secret_key": "s", "token": "of-the-role",
                    "expiry_time": "2100-01-01T00:00:00Z"}
        session = botocore.session.get_session()
        session._credentials = DeferredRefreshableCredentials(refresh, "assume-role")
        boto3.Session(botocore_session=session).client("s3").list_buckets()
        """
    heard.script(client_python("v2"), script)
    (request,) = listener.requests
    assert request["headers"]["X-Amz-Security-Token"] == "of-the-role"
