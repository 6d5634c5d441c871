"""Endpoints of many models that are served by a program of one's own, by AWS's contract for such containers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.endpoints import BUCKET, Endpoints, archive
from tests.support.process import ALIASES, Clary
from tests.support.programs import MANY

PLAIN = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

HTTPServer(("0.0.0.0", int(sys.argv[1])), Handler).serve_forever()
"""
"""Knows nothing of many models."""
IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/many:1"
IGNORANT = "000000000000.dkr.ecr.us-east-1.amazonaws.com/ignorant:1"


def aliases(folder: Path) -> str:
    serves = {"interpreter": sys.executable, "program": str(folder)}
    for name, text in {"many": MANY, "plain": PLAIN}.items():
        (folder / f"{name}.py").write_text(text)
        command = f"exec {sys.executable} {name}.py $SAGEMAKER_BIND_TO_PORT"
        (folder / f"serve-{name}").write_text(f"#!/bin/sh\n{command}\n")
        (folder / f"serve-{name}").chmod(0o755)
    return json.dumps(
        {
            **ALIASES,
            "*/many:*": {**serves, "serve": "serve-many"},
            "*/ignorant:*": {**serves, "serve": "serve-plain"},
        }
    )


@pytest.fixture(scope="module")
def endpoints(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoints]:
    root = tmp_path_factory.mktemp("many")
    with Clary(root / "home", image_aliases=aliases(root)) as clary:
        yield Endpoints(clary)


def put(endpoints: Endpoints, prefix: str, *names: str) -> None:
    for name in names:
        endpoints.s3.put_object(Bucket=BUCKET, Key=f"{prefix}/{name}.tar.gz", Body=archive({"name": name}))


def up(
    endpoints: Endpoints, *names: str, room: int = 100, timeout: int = 60, image: str = IMAGE, count: int = 1, **members: Any
) -> tuple[str, str]:  # fmt: skip
    """An endpoint with those models, and their prefix."""
    prefix = endpoints.name("many")
    put(endpoints, prefix, *names)
    environment = {"ROOM": str(room), "SAGEMAKER_MODEL_SERVER_TIMEOUT": str(timeout)}
    url = f"s3://{BUCKET}/{prefix}/"
    model = endpoints.model(
        Image=image, Mode="MultiModel", ModelDataUrl=url, environment=environment, **members
    )
    return endpoints.up(model, changes={"InitialInstanceCount": count}), prefix


def ask(endpoints: Endpoints, name: str, model: str, body: str = "1") -> str:
    answer: bytes = endpoints.invoke(name, body, TargetModel=f"{model}.tar.gz")["Body"]
    return answer.decode()


def calls(endpoints: Endpoints, name: str, what: str) -> list[str]:
    """By the program's log: of which models, as callers name them."""
    lines = [line.split(" ") for line in endpoints.lines(name)]
    return [line[2].removesuffix(".tar.gz") for line in lines if line[0] == what]


def logged(endpoints: Endpoints, name: str, what: str, count: int) -> list[str]:
    """As `calls`, once there are so many: the log is a little behind."""
    until = time.monotonic() + 30
    while len(found := calls(endpoints, name, what)) < count:
        assert time.monotonic() < until, endpoints.lines(name)
        time.sleep(0.05)
    return found


def test_models_are_loaded_when_they_are_asked_for(endpoints: Endpoints) -> None:
    name, prefix = up(endpoints, "a", "b")
    assert [ask(endpoints, name, model) for model in "abab"] == ["a", "b", "a", "b"]
    assert logged(endpoints, name, "load", 2) == ["a", "b"]
    told = json.loads(ask(endpoints, name, "a", "headers"))
    assert told["X-Amzn-SageMaker-Target-Model"] == "a.tar.gz"
    assert not [header for header in told if "clary" in header.lower()]
    put(endpoints, prefix, "later")
    assert ask(endpoints, name, "later") == "later"
    with pytest.raises(ClientError, match="Failed to download model data") as raised:
        ask(endpoints, name, "never")
    assert raised.value.response["Error"]["Code"] == "ValidationError"
    with pytest.raises(ClientError, match="TargetModel must be given"):
        endpoints.invoke(name)
    endpoints.delete(name)


def test_a_model_that_was_replaced_is_loaded_anew_and_the_old_one_goes(endpoints: Endpoints) -> None:
    name, prefix = up(endpoints, "a", "b")
    assert ask(endpoints, name, "a") == "a"
    endpoints.s3.put_object(Bucket=BUCKET, Key=f"{prefix}/a.tar.gz", Body=archive({"name": "another a"}))
    assert ask(endpoints, name, "a") == "another a"
    assert logged(endpoints, name, "unload", 1) == ["a"]
    endpoints.delete(name)


def test_a_program_without_room_unloads_what_was_not_used_for_longest(endpoints: Endpoints) -> None:
    name, _ = up(endpoints, "a", "b", "c", room=2)
    assert [ask(endpoints, name, model) for model in "abacac"] == list("abacac")
    assert logged(endpoints, name, "load", 3) == ["a", "b", "c"]  # b had to go, not a
    assert calls(endpoints, name, "full") == ["c"]
    assert calls(endpoints, name, "unload") == ["c"]  # asked for c's sake
    endpoints.delete(name)


def test_callers_of_more_models_than_there_is_room_for_are_all_answered(endpoints: Endpoints) -> None:
    name, _ = up(endpoints, "a", "b", "c", room=1)
    wanted = list("abc" * 10)
    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(lambda model: ask(endpoints, name, model, "work"), wanted)) == wanted
    endpoints.delete(name)


def test_a_program_with_no_room_at_all_is_the_model_s_error(endpoints: Endpoints) -> None:
    name, _ = up(endpoints, "a", room=0)
    with pytest.raises(ClientError, match="no room") as raised:
        ask(endpoints, name, "a")
    assert raised.value.response["OriginalStatusCode"] == 507
    endpoints.delete(name)


def test_models_do_not_stay_where_that_is_switched_off(endpoints: Endpoints) -> None:
    name, _ = up(endpoints, "a", MultiModelConfig={"ModelCacheSetting": "Disabled"})
    assert [ask(endpoints, name, "a") for _ in range(3)] == ["a"] * 3
    assert logged(endpoints, name, "load", 3) == logged(endpoints, name, "unload", 3) == ["a"] * 3
    endpoints.delete(name)


def test_a_model_that_the_program_lost_is_loaded_again(endpoints: Endpoints) -> None:
    name, _ = up(endpoints, "a")
    assert [ask(endpoints, name, "a", body) for body in ("forget", "1")] == ["a", "a"]
    assert logged(endpoints, name, "load", 2) == ["a", "a"]
    with pytest.raises(ClientError, match="no such row") as raised:  # one that is the model's answer
        ask(endpoints, name, "a", "missing")
    assert raised.value.response["OriginalStatusCode"] == 404
    assert calls(endpoints, name, "load") == ["a", "a"]
    endpoints.delete(name)


def test_what_does_not_load_says_why(endpoints: Endpoints) -> None:
    name, _ = up(endpoints, "broken")
    with pytest.raises(ClientError, match="a tree without leaves") as raised:
        ask(endpoints, name, "broken")
    assert raised.value.response["Error"]["Code"] == "ModelError"
    assert raised.value.response["OriginalStatusCode"] == 500
    endpoints.delete(name)
    name, _ = up(endpoints, "a", image=IGNORANT)
    with pytest.raises(
        ClientError, match="answered POST /models with 501: a program for Mode MultiModel must serve"
    ):
        ask(endpoints, name, "a")
    endpoints.delete(name)


def test_a_model_that_loads_for_too_long_is_not_ready_and_holds_nobody(endpoints: Endpoints) -> None:
    name, _ = up(endpoints, "slow", "quick", timeout=1)
    with ThreadPoolExecutor(20) as threads:
        waiting = [threads.submit(ask, endpoints, name, "slow") for _ in range(20)]
        assert ask(endpoints, name, "quick") == "quick"
        for each in waiting:
            with pytest.raises(ClientError, match="still being loaded") as raised:
                each.result()
            response = raised.value.response
            assert response["Error"]["Code"] == "ModelNotReadyException"
            assert response["ResponseMetadata"]["HTTPStatusCode"] == 429
    until = time.monotonic() + 60
    while True:
        try:
            assert ask(endpoints, name, "slow") == "slow"
            break
        except endpoints.runtime.exceptions.ModelNotReadyException:
            assert time.monotonic() < until
    assert sorted(logged(endpoints, name, "load", 2)) == ["quick", "slow"]
    with ThreadPoolExecutor(16) as threads:  # no connection to the program was lost
        assert set(threads.map(lambda _: ask(endpoints, name, "quick", "work"), range(32))) == {"quick"}
    endpoints.delete(name)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Endpoints]:
    with Clary(tmp_path / "home", image_aliases=aliases(tmp_path)) as clary:
        yield Endpoints(clary)


def test_a_restarted_server_asks_what_is_loaded(own: Endpoints) -> None:
    name, _ = up(own, "a", "b")
    assert [ask(own, name, model) for model in "ab"] == ["a", "b"]
    own.clary.kill()
    own.clary.start()
    own.connect()
    assert [ask(own, name, model) for model in "ba"] == ["b", "a"]
    assert calls(own, name, "load") == ["a", "b"]
    assert len(logged(own, name, "list", 3)) == 3  # one of nothing, then two pages
    own.delete(name)


def program_of(home: Path) -> int:
    """The process of the program that serves under this home, seen from outside."""
    (found,) = [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and _read(entry / "cmdline").split(b"\0")[1:2] == [b"many.py"]
        if str(home).encode() in _read(entry / "mountinfo") + _read(entry / "environ")
    ]
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_a_program_that_is_killed_loses_its_models_and_nobody_s_request(own: Endpoints) -> None:
    name, _ = up(own, "a", "b", "c", room=2)
    wanted = list("abc" * 40)
    with ThreadPoolExecutor(4) as threads:
        answers = [threads.submit(ask, own, name, model, "work") for model in wanted]
        for at in (20, 60):
            assert answers[at].result() == wanted[at]
            os.kill(program_of(own.clary.home), signal.SIGKILL)
        assert [answer.result() for answer in answers] == wanted
    own.delete(name)


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs the sandbox")
def test_each_of_two_instances_loads_what_it_is_asked_for(endpoints: Endpoints) -> None:
    name, _ = up(endpoints, "a", "b", count=2)
    with ThreadPoolExecutor(24) as threads:
        wanted = list("ab" * 60)
        assert list(threads.map(lambda model: ask(endpoints, name, model, "work"), wanted)) == wanted
    loads = logged(endpoints, name, "load", 3)
    assert set(loads) == {"a", "b"}
    assert len(loads) <= 4
    endpoints.delete(name)


def test_without_a_sandbox_a_program_finds_its_models(tmp_path: Path) -> None:
    with Clary(tmp_path / "home", image_aliases=aliases(tmp_path), sandbox="never") as clary:
        endpoints = Endpoints(clary)
        name, _ = up(endpoints, "a")
        assert ask(endpoints, name, "a") == "a"
        endpoints.delete(name)
