"""Callers never notice: an update, a worker killed, one that hangs, one that grows, the server started again."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.support.endpoints import Endpoints, Load
from tests.support.process import Clary


@pytest.fixture(scope="module")
def endpoints(clary: Clary) -> Endpoints:
    return Endpoints(clary)


def labels(load: Load) -> set[str]:
    return {json.loads(answer)["predictions"][0]["predicted_label"] for answer in load.answers}


def test_an_update_costs_no_request(endpoints: Endpoints) -> None:
    name = endpoints.up(endpoints.model(label="old"))
    new = endpoints.config(endpoints.model(label="new"))
    with Load(endpoints, name) as load:
        load.some(40)
        endpoints.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new)
        assert endpoints.describe(name)["EndpointStatus"] in ("Updating", "InService")
        found = endpoints.wait(name)
        assert found["EndpointConfigName"] == new
        load.answers.clear()
        load.some(60)
    assert load.errors == []
    assert "new" in labels(load)
    assert json.loads(endpoints.invoke(name)["Body"])["predictions"][0]["predicted_label"] == "new"
    endpoints.delete(name)


def test_a_canary_has_its_share_before_all_turns_over(endpoints: Endpoints) -> None:
    name = endpoints.up(endpoints.model(label="old"))
    new = endpoints.config(endpoints.model(label="new"))
    routing = {
        "Type": "CANARY", "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 50}, "WaitIntervalInSeconds": 2,
    }  # fmt: skip
    with Load(endpoints, name, callers=2) as load:
        endpoints.sagemaker.update_endpoint(
            EndpointName=name, EndpointConfigName=new,
            DeploymentConfig={"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing}},
        )  # fmt: skip
        while "new" not in labels(load):
            load.some(5)
        assert endpoints.describe(name)["EndpointStatus"] == "Updating"
        load.answers.clear()
        load.some(40)
        assert labels(load) == {"old", "new"}
        endpoints.wait(name)
    assert load.errors == []
    endpoints.delete(name)


def test_an_update_that_fails_changes_nothing(endpoints: Endpoints) -> None:
    name = endpoints.up(endpoints.model(label="old"))
    before = endpoints.describe(name)
    broken = endpoints.config(endpoints.model("raise RuntimeError('broken weights')"))
    with Load(endpoints, name, callers=2) as load:
        load.some(10)
        endpoints.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=broken)
        with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
            endpoints.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=broken)
        found = endpoints.wait(name)
        load.some(10)
    assert load.errors == []
    assert labels(load) == {"old"}
    assert found["EndpointConfigName"] == before["EndpointConfigName"]
    assert "broken weights" in found["FailureReason"]
    endpoints.delete(name)


PIDS = """
import json, os
def model_fn(model_dir): return None
def transform_fn(model, body, content_type, accept):
    with open("/proc/self/status") as file:
        inside = next(line for line in file if line.startswith("NSpid")).split()[1:]
    return json.dumps({"pid": int(inside[-1])})
"""


def workers(home: Path) -> set[int]:
    """Worker processes under this home, seen from outside: Pythons that serve, with a parent that does too."""
    found: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
                environ = (entry / "environ").read_bytes()
            except OSError:
                continue
            python, _, arguments = command.partition(b"\0")
            if (
                b"python" in python
                and b"toolkit/serve.py" in arguments
                and str(home).encode() in environ + command + _mounts(entry)
            ):
                found[int(entry.name)] = parent_of(int(entry.name))
    return {pid for pid, parent in found.items() if parent in found}


def masters(home: Path) -> set[int]:
    return {parent_of(pid) for pid in workers(home)}


def parent_of(pid: int) -> int:
    stat = Path(f"/proc/{pid}/stat").read_text()
    return int(stat[stat.rindex(")") + 1 :].split()[1])


def _mounts(entry: Path) -> bytes:
    try:
        return (entry / "mountinfo").read_bytes()
    except OSError:
        return b""


def test_a_worker_that_is_killed_costs_no_request(own_clary: Clary) -> None:
    endpoints = Endpoints(own_clary)
    name = endpoints.up(endpoints.model(PIDS))
    with Load(endpoints, name) as load:
        for _ in range(3):
            load.some(20)
            alive = workers(own_clary.home)
            assert alive
            os.kill(min(alive), signal.SIGKILL)
        load.some(40)
    assert load.errors == []
    assert len(load.answers) >= 3  # others took their places


def test_a_container_that_is_killed_costs_no_request(own_clary: Clary) -> None:
    endpoints = Endpoints(own_clary)
    name = endpoints.up(endpoints.model(PIDS))
    with Load(endpoints, name) as load:
        load.some(20)
        (master,) = masters(own_clary.home)
        os.kill(master, signal.SIGKILL)
        load.some(40)
        assert masters(own_clary.home) - {master}
    assert load.errors == []


HANGS = """
import json, time
def model_fn(model_dir): return None
def transform_fn(model, body, content_type, accept):
    while body == "hang": time.sleep(1)
    return "fine"
"""


def test_a_worker_that_hangs_is_replaced(endpoints: Endpoints) -> None:
    model = endpoints.model(HANGS, environment={"SAGEMAKER_MODEL_SERVER_TIMEOUT": "1"})
    name = endpoints.up(model)
    with Load(endpoints, name, callers=2) as load:
        load.some(10)
        for _ in range(3):  # more often than there are workers
            with pytest.raises(ClientError) as raised:
                endpoints.invoke(name, "hang")
            assert raised.value.response["Error"]["Code"] == "ModelError"
            assert "timed out" in raised.value.response["Error"]["Message"]
        load.some(20)
    assert load.errors == []
    endpoints.delete(name)


GROWS = """
held = []
def model_fn(model_dir): return None
def transform_fn(model, body, content_type, accept):
    held.append(bytearray(4 << 20))
    return str(len(held))
"""


@pytest.mark.slow
def test_a_worker_that_leaks_is_replaced_between_requests(endpoints: Endpoints) -> None:
    model = endpoints.model(GROWS, environment={"SAGEMAKER_MODEL_SERVER_WORKERS": "16"})
    name = endpoints.up(model, changes={"InstanceType": "ml.t2.medium"})  # 4 GiB: 256 MiB a worker
    most = 0
    with Load(endpoints, name, callers=4) as load:
        until = time.monotonic() + 60
        while not any("makes room" in line for line in endpoints.lines(name)):
            assert time.monotonic() < until, endpoints.lines(name)
            load.some(20)
        load.some(100)
        most = max(map(int, load.answers))
    assert load.errors == []
    assert most * 4 <= 256 + 4 * 16
    endpoints.delete(name)


def test_a_restarted_server_takes_its_workers_on(own_clary: Clary) -> None:
    endpoints = Endpoints(own_clary)
    name = endpoints.up(endpoints.model(PIDS))
    served = workers(own_clary.home)
    with Load(endpoints, name) as before:
        before.some(400)  # all workers come to it
    own_clary.kill()
    own_clary.start()
    endpoints.connect()
    with Load(endpoints, name) as after:
        after.some(40)
    assert after.errors == []
    assert set(after.answers) <= set(before.answers)
    assert workers(own_clary.home) == served
    assert endpoints.describe(name)["EndpointStatus"] == "InService"
    endpoints.delete(name)
    assert workers(own_clary.home) == set()


@pytest.mark.parametrize("how", ["killed", pytest.param("stopped", marks=pytest.mark.slow)])
def test_a_restart_under_load_costs_no_request_of_clients_that_retry(own_clary: Clary, how: str) -> None:
    """As boto3's do by default; one that does not retry loses what is under way, and what comes meanwhile."""
    endpoints = Endpoints(own_clary)
    name = endpoints.up(endpoints.model(PIDS))
    served = workers(own_clary.home)
    found = own_clary.connection
    endpoints.runtime = boto3.client(
        "sagemaker-runtime", endpoint_url=found.url, region_name=found.region, aws_access_key_id=found.access_key,
        aws_secret_access_key=found.secret_key,
        config=Config(retries={"max_attempts": 10, "mode": "legacy"}, max_pool_connections=64),
    )  # fmt: skip
    with Load(endpoints, name) as load:
        load.some(30)
        (own_clary.kill if how == "killed" else own_clary.stop)()
        own_clary.start()
        load.some(30)
    assert load.errors == []
    assert workers(own_clary.home) == served
