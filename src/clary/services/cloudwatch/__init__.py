"""CloudWatch's metrics: those of jobs and endpoints, and the user's own.

find.py   what a namespace, name and dimensions mean: a job's metrics, or a stream of `storage.metric_streams`
read.py   GetMetricStatistics, GetMetricData
list.py   ListMetrics
put.py    PutMetricData
"""

from __future__ import annotations

from clary.services.cloudwatch import list, put, read

__all__ = ["list", "put", "read"]
