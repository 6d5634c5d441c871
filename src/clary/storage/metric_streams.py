"""CloudWatch's metrics over the metric store: a resource for each namespace and set of dimensions, whose series
are the metrics of that name. Full resolution, like all metrics here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Protocol

from clary.storage.ports import Point, Resource, Transaction

KIND = "MetricStream"


class Placed(Protocol):
    """What has an account and a region: a call's context, a resource."""

    @property
    def account(self) -> str: ...
    @property
    def region(self) -> str: ...


def arn(where: Placed, namespace: str, dimensions: Mapping[str, str]) -> str:
    text = json.dumps([namespace, sorted(dimensions.items())])
    name = hashlib.sha256(text.encode()).hexdigest()[:32]
    return f"arn:aws:cloudwatch:{where.region}:{where.account}:metric-stream/{name}"


def put(
    tx: Transaction, where: Placed, namespace: str, dimensions: Mapping[str, str], points: Iterable[Point], now: float
) -> None:  # fmt: skip
    """Keep points; the series that are new begin."""
    place = arn(where, namespace, dimensions)
    if tx.resources.find(place) is None:
        spec = {"Namespace": namespace, "Dimensions": dict(sorted(dimensions.items()))}
        stream = Resource(
            arn=place, account=where.account, region=where.region, kind=KIND, name=place.rpartition("/")[2],
            created=now, modified=now, spec=spec,
        )  # fmt: skip
        tx.resources.insert(stream)
    tx.metrics.append(place, points)
