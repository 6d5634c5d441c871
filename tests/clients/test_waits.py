"""Waits of SDKs and of botocore: as long as on AWS in all, with quick looks at first."""

from __future__ import annotations

from tests.support.clients import Client, client_python

WAITS = """
import time
slept = []
real, time.sleep = time.sleep, slept.append
import botocore.waiter, boto3
from botocore.exceptions import WaiterError

class Config:
    delay, max_attempts = 30, 4
    acceptors = []

asked = []
waiter = botocore.waiter.Waiter("x", Config(), lambda **given: asked.append(given) or {})
try:
    waiter.wait(EndpointName="x")
except WaiterError as error:
    assert "Max attempts" in str(error)
assert set(slept) == {0.5}, slept
assert len(asked) == 240 and sum(slept) == 119.5, (len(asked), sum(slept))  # two minutes, as asked for

del slept[:], asked[:]
try:
    waiter.wait(WaiterConfig={"Delay": 1, "MaxAttempts": 3})
except WaiterError:
    assert slept == [1, 1], slept

import sagemaker.session
del slept[:]
for _ in range(40):
    sagemaker.session.time.sleep(30)
assert slept[0] == 0.2 and slept == sorted(slept) and slept[-1] == 30, slept
sagemaker.session.time.sleep(0.1)
assert slept[-1] == 0.1
assert abs(sagemaker.session.time.time() - time.time()) < 1

def looks(clock, timeout=None):
    # As the SDK's loop over a job's logs looks at the job.
    last_describe_job_call = clock.time()
    clock.sleep(10)
    return clock.time() - last_describe_job_call >= 30

assert looks(sagemaker.session.time) and not looks(sagemaker.session.time, timeout=60)

sent = []
client = sagemaker.session.Session().sagemaker_client
client.meta.events.register("before-send", lambda request, **_: sent.append(request.headers["User-Agent"]))
client.list_endpoints()
assert b"app/clary" in sent[0] and b"AWS-SageMaker-Python-SDK" in sent[0], sent
print("all is well")
"""


def test_looks_come_soon_and_the_whole_wait_stays(client: Client) -> None:
    assert "all is well" in client.script(client_python("v2"), WAITS).stdout
