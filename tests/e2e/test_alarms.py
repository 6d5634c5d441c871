"""CloudWatch's alarms on metrics as they are put."""

from __future__ import annotations

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.process import Clary


def put_alarm(client: Any, name: str, **changes: Any) -> None:
    client.put_metric_alarm(**{
        "AlarmName": name, "Namespace": "Mine", "MetricName": name, "Statistic": "Sum", "Period": 10,
        "EvaluationPeriods": 1, "Threshold": 3.0, "ComparisonOperator": "GreaterThanThreshold", **changes,
    })  # fmt: skip


def described(client: Any, name: str) -> dict[str, Any]:
    (alarm,) = client.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    found: dict[str, Any] = alarm
    return found


def until(client: Any, name: str, wanted: str) -> dict[str, Any]:
    end = time.monotonic() + 60
    while (found := described(client, name))["StateValue"] != wanted:
        assert time.monotonic() < end, found
        time.sleep(0.05)
    return found


def test_an_alarm_follows_its_metric_through_a_restart(own_clary: Clary) -> None:
    client = own_clary.client("cloudwatch")
    put_alarm(client, "errors", TreatMissingData="notBreaching", Dimensions=[{"Name": "Job", "Value": "a"}])
    first = until(client, "errors", "OK")
    assert first["AlarmArn"].endswith(":alarm:errors")
    assert first["ActionsEnabled"] is True
    datum = {"MetricName": "errors", "Value": 4.0, "Dimensions": [{"Name": "Job", "Value": "a"}]}
    client.put_metric_data(Namespace="Mine", MetricData=[{**datum, "Dimensions": []}])
    client.put_metric_data(Namespace="Mine", MetricData=[datum])
    found = until(client, "errors", "ALARM")
    assert "1 out of the last 1 datapoint [4 (" in found["StateReason"]
    own_clary.kill()
    own_clary.start()
    client = own_clary.client("cloudwatch")
    assert described(client, "errors")["StateValue"] in ("ALARM", "OK")
    until(client, "errors", "OK")
    history = client.describe_alarm_history(AlarmName="errors", ScanBy="TimestampAscending")
    assert [each["HistorySummary"] for each in history["AlarmHistoryItems"]] == [
        'Alarm "errors" created',
        "Alarm updated from INSUFFICIENT_DATA to OK",
        "Alarm updated from OK to ALARM",
        "Alarm updated from ALARM to OK",
    ]


def test_an_alarm_is_set_and_listed_and_deleted(clary: Clary) -> None:
    client = clary.client("cloudwatch")
    for number in range(3):
        put_alarm(
            client, f"set-{number}", Period=60, AlarmActions=[f"arn:aws:sns:us-east-1:123456789012:t{number}"]
        )
    client.set_alarm_state(AlarmName="set-1", StateValue="ALARM", StateReason="tried")
    assert described(client, "set-1")["StateReason"] == "tried"
    pages = client.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix="set-", PaginationConfig={"PageSize": 2}
    )
    assert [each["AlarmName"] for page in pages for each in page["MetricAlarms"]] == [
        "set-0",
        "set-1",
        "set-2",
    ]
    by_state = client.describe_alarms(StateValue="ALARM", AlarmNamePrefix="set-")["MetricAlarms"]
    assert [each["AlarmName"] for each in by_state] == ["set-1"]
    by_action = client.describe_alarms(ActionPrefix="arn:aws:sns:us-east-1:123456789012:t2")["MetricAlarms"]
    assert [each["AlarmName"] for each in by_action] == ["set-2"]
    (same,) = client.describe_alarms_for_metric(Namespace="Mine", MetricName="set-0")["MetricAlarms"]
    assert same["AlarmName"] == "set-0"
    client.disable_alarm_actions(AlarmNames=["set-0"])
    assert described(client, "set-0")["ActionsEnabled"] is False
    with pytest.raises(ClientError) as raised:
        client.delete_alarms(AlarmNames=["set-0", "never"])
    assert raised.value.response["Error"]["Code"] == "ResourceNotFound"
    client.delete_alarms(AlarmNames=["set-0", "set-1", "set-2"])
    assert client.describe_alarms(AlarmNamePrefix="set-")["MetricAlarms"] == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"Period": 7}, "Period must be"),
        ({"DatapointsToAlarm": 2}, "less than or equal to EvaluationPeriods"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "anomaly bands"),
        ({"TreatMissingData": "nothing"}, "TreatMissingData"),
        ({"ExtendedStatistic": "p99"}, "Exactly one of"),
        ({"Period": 86400, "EvaluationPeriods": 8}, "seven days"),
    ],
)
def test_what_cannot_be_watched_is_refused(clary: Clary, changes: dict[str, Any], words: str) -> None:
    client = clary.client("cloudwatch")
    with pytest.raises(ClientError, match=words):
        put_alarm(client, "refused", **changes)
    assert client.describe_alarms(AlarmNames=["refused"])["MetricAlarms"] == []
