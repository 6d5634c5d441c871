"""StartLiveTail over a real server: lines come while a job prints them."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from tests.support.jobs import Jobs
from tests.support.process import Clary

GROUP = "/aws/sagemaker/TrainingJobs"
SCRIPT = """
import time
for n in range(600):
    print("step", n)
    if n % 100 == 0: time.sleep(0.3)
"""


def test_lines_come_while_a_job_prints_them(jobs: Jobs, clary: Clary) -> None:
    jobs.run("print('before')")
    logs = clary.client("logs", inject_host_prefix=False)
    arn = f"arn:aws:logs:us-east-1:123456789012:log-group:{GROUP}"
    request = {"logGroupIdentifiers": [arn], "logEventFilterPattern": "step"}
    stream = logs.start_live_tail(**request)["responseStream"]
    events = iter(stream)
    assert next(events)["sessionStart"]["logEventFilterPattern"] == "step"
    name = jobs.start(SCRIPT)
    lines: list[str] = []
    for event in events:
        results = event["sessionUpdate"]["sessionResults"]
        assert len(results) <= 500
        assert all(result["logStreamName"].startswith(f"{name}/algo-1-") for result in results)
        lines += [result["message"] for result in results]
        if len(lines) >= 600:
            break
    stream.close()
    assert lines == [f"step {n}" for n in range(600)]
    jobs.wait(name)


def test_a_group_that_is_not_there(jobs: Jobs, clary: Clary) -> None:
    logs = clary.client("logs", inject_host_prefix=False)
    with pytest.raises(ClientError, match="does not exist"):
        logs.start_live_tail(logGroupIdentifiers=["arn:aws:logs:us-east-1:123456789012:log-group:nowhere"])
