"""CloudWatch's metrics, those of jobs and endpoints and the user's own, and alarms on them.

find.py     how requests name a metric
read.py     GetMetricStatistics, GetMetricData
list.py     ListMetrics
put.py      PutMetricData
alarms.py   PutMetricAlarm, DescribeAlarms, SetAlarmState, ...
"""

from __future__ import annotations

from clary.services.cloudwatch import alarms, list, put, read

__all__ = ["alarms", "list", "put", "read"]
