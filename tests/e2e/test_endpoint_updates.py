"""What an update keeps of the one before, how long it may take, and what a server that starts finds of endpoints."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from tests.support.endpoints import Endpoints
from tests.support.process import Clary

from clary.storage.sql import open_store

AT_ONCE = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
SLOW = "import time\ndef model_fn(d): time.sleep(600)\ndef predict_fn(d, m): return d"


def update(endpoints: Endpoints, name: str, model: str, **members: Any) -> dict[str, Any]:
    endpoints.sagemaker.update_endpoint(
        EndpointName=name, EndpointConfigName=endpoints.config(model), **members
    )
    return endpoints.wait(name)


def test_an_update_may_keep_the_deployment_configuration(clary: Clary) -> None:
    endpoints = Endpoints(clary)
    name = endpoints.up(endpoints.model(label="a"))
    waits = {"TrafficRoutingConfiguration": AT_ONCE, "TerminationWaitInSeconds": 3600}
    config = {"BlueGreenUpdatePolicy": waits}
    root = next((clary.home / "endpoints").glob(f"{name}-*"))
    found = update(endpoints, name, endpoints.model(label="b"), DeploymentConfig=config)
    assert found["LastDeploymentConfig"] == config
    found = update(endpoints, name, endpoints.model(label="c"), RetainDeploymentConfig=True)
    assert found["LastDeploymentConfig"] == config
    assert {path.name for path in root.iterdir()} == {
        "1",
        "2",
        "3",
    }  # kept waiting, as the first update asked
    update(endpoints, name, endpoints.model(label="d"))
    until = time.monotonic() + 60
    while (root / "3").is_dir():  # without it, the old fleet goes at once
        assert time.monotonic() < until
        time.sleep(0.05)
    assert b'"d"' in endpoints.invoke(name)["Body"]
    endpoints.delete(name)


def test_an_update_that_takes_too_long_is_turned_back(own_clary: Clary) -> None:
    """Its time runs while the server is away: ten minutes are the least that AWS's model takes."""
    endpoints = Endpoints(own_clary)
    name = endpoints.up(endpoints.model(label="old"))
    policy = {"TrafficRoutingConfiguration": AT_ONCE, "MaximumExecutionTimeoutInSeconds": 600}
    endpoints.sagemaker.update_endpoint(
        EndpointName=name, EndpointConfigName=endpoints.config(endpoints.model(SLOW)),
        DeploymentConfig={"BlueGreenUpdatePolicy": policy},
    )  # fmt: skip
    found = endpoints.describe(name)
    assert found["EndpointStatus"] == "Updating"
    own_clary.kill()
    ten_minutes_pass(own_clary.home, found["EndpointArn"])
    own_clary.start()
    endpoints.connect()
    found = endpoints.wait(name)
    assert "longer than MaximumExecutionTimeoutInSeconds allows" in found["FailureReason"]
    assert b'"old"' in endpoints.invoke(name)["Body"]
    endpoints.delete(name)


def ten_minutes_pass(home: Path, arn: str) -> None:
    store = open_store(home / "clary.db")
    try:
        with store.begin() as tx:
            row = tx.resources.get(arn)
            clary = row.state["Clary"]
            fleets = {
                key: {**each, "began": each["began"] - 600} if "began" in each else each
                for key, each in clary["fleets"].items()
            }
            tx.resources.update(replace(row, state={**row.state, "Clary": {**clary, "fleets": fleets}}))
    finally:
        store.close()


def test_folders_of_endpoints_that_are_no_more_go_when_a_server_starts(own_clary: Clary) -> None:
    endpoints = Endpoints(own_clary)
    name = endpoints.up(endpoints.model(label="kept"))
    gone = endpoints.up(endpoints.model(label="gone"))
    pids = {each: supervisor(own_clary.home, each) for each in (name, gone)}
    arn = endpoints.describe(gone)["EndpointArn"]
    own_clary.kill()
    store = open_store(own_clary.home / "clary.db")
    with store.begin() as tx:
        tx.resources.delete(arn)  # as after the database was brought back from a copy
    store.close()
    left = own_clary.home / "transforms" / "some-job-1795000000000" / "1"
    left.mkdir(parents=True)
    own_clary.start()
    endpoints.connect()
    folders = [path.name for path in (own_clary.home / "endpoints").iterdir()]
    assert [each.rpartition("-")[0] for each in folders] == [name]
    assert not left.parent.exists()
    assert b'"kept"' in endpoints.invoke(name)["Body"]
    assert runs(pids[name])
    assert not runs(pids[gone])
    endpoints.delete(name)


def supervisor(home: Path, endpoint: str) -> int:
    """The process id of its one instance's."""
    folder = next((home / "endpoints").glob(f"{endpoint}-*"))
    run = next(folder.glob("**/run"))
    return int(json.loads((run / "supervisor" / "started").read_bytes())["pid"])


def runs(pid: int) -> bool:
    """A zombie, which nobody has asked after, does not."""
    command = Path(f"/proc/{pid}/cmdline")
    return command.exists() and bool(command.read_bytes())
