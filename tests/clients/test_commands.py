"""`clary env` and `clary run` as a shell runs them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.clients import client_python, plain_environ
from tests.support.process import Clary

from clary.clients import NotServing, discover

CLARY = [sys.executable, "-m", "clary"]


def run(
    *arguments: str, home: Path, environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [*CLARY, arguments[0], "--home", str(home), *arguments[1:]]
    before = {**plain_environ(home.parent / "user"), **(environ or {})}
    return subprocess.run(command, env=before, capture_output=True, text=True, timeout=120)


def test_env_prints_exports_that_a_shell_takes(clary: Clary) -> None:
    odd = "/with space/and 'quote'"
    exports = run("env", home=clary.home, environ={"PYTHONPATH": odd}).stdout
    assert all(line.startswith("export ") for line in exports.splitlines())
    script = exports + 'printf "%s\\n" "$AWS_ENDPOINT_URL" "$AWS_SECRET_ACCESS_KEY" "$PYTHONPATH"'
    shown = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert shown[:2] == [clary.connection.url, clary.connection.secret_key]
    assert shown[2].endswith(":" + odd)


def test_env_as_json(clary: Clary) -> None:
    variables = json.loads(run("env", "--json", home=clary.home).stdout)
    assert variables["AWS_ACCESS_KEY_ID"] == clary.connection.access_key


def test_env_without_a_server_says_what_to_do(tmp_path: Path) -> None:
    home = tmp_path / "none"
    done = run("env", home=home)
    expected = f"Error: No Clary home at {home}; start it with: clary serve --home {home}\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", expected)
    assert not home.exists()


def test_env_with_a_server_that_is_gone(tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text("[notebook]\naws_access_key_id = A\naws_secret_access_key = S\n")
    with pytest.raises(NotServing, match=r"No server of .* is running"):
        discover(tmp_path)
    (tmp_path / "server.json").write_text('{"url": "http://127.0.0.1:1"}')
    with pytest.raises(
        NotServing, match=r"does not answer at http://127.0.0.1:1; start it with: clary serve"
    ):
        discover(tmp_path)


def test_run_starts_a_server_and_stops_it(tmp_path: Path) -> None:
    """The second command finds what the first one left: the home is one, whoever serves it."""
    home = tmp_path / "home"
    python = str(client_python("v2"))
    make = "import boto3; boto3.client('s3').create_bucket(Bucket='kept')"
    show = "import boto3; print([b['Name'] for b in boto3.client('s3').list_buckets()['Buckets']])"
    assert run("run", "--", python, "-c", make, home=home).returncode == 0
    assert not (home / "server.json").exists()
    assert run("run", "--", python, "-c", show, home=home).stdout == "['kept']\n"


def test_run_uses_the_server_that_runs_and_leaves_it(clary: Clary) -> None:
    done = run("run", "--", "sh", "-c", 'echo "$AWS_ENDPOINT_URL"; exit 7', home=clary.home)
    assert (done.returncode, done.stdout) == (7, f"{clary.connection.url}\n")
    assert discover(clary.home).url == clary.connection.url


def test_run_tells_what_it_cannot_start(clary: Clary) -> None:
    done = run("run", "--", "no-such-program", home=clary.home)
    assert (done.returncode, done.stderr) == (127, "clary run: no-such-program: No such file or directory\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_passes_signals_on(clary: Clary, tmp_path: Path, number: signal.Signals) -> None:
    program = f"trap 'echo got it; exit 3' {number.name[3:]}; echo ready; while :; do sleep 0.05; done"
    process = subprocess.Popen(
        [*CLARY, "run", "--home", str(clary.home), "--", "sh", "-c", program],
        env=plain_environ(tmp_path / "user"),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.read() == "got it\n"
    assert process.returncode == 3


def test_the_last_of_two_runs_stops_the_server(tmp_path: Path) -> None:
    """The first, which started it, ends while the second still uses it."""
    home = tmp_path / "home"
    environ = plain_environ(tmp_path / "user")
    command = [*CLARY, "run", "--home", str(home), "--", "sh", "-c", "echo up; read line"]
    first, second = (
        subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    )
    with first, second:
        for process in (first, second):
            assert process.stdout is not None
            assert process.stdout.readline() == "up\n"
        first.communicate("end\n")
        url = discover(home).url
        second.communicate("end\n")
    assert url
    assert not (home / "server.json").exists()


def test_a_server_that_does_not_start_is_told_with_its_log(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("clock_skew = 300\n")
    done = run("run", "--port", "-5", "--", "true", home=tmp_path)
    assert done.returncode == 1
    assert "did not start. The end of" in done.stderr
