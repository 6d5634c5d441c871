"""Pages of Search while rows come, change and go between them: what stays as it is is seen once, whatever else happens."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.machine import Services

from clary.services import metrics
from clary.services.sagemaker import components, search

LOADED = (components, metrics, search)
NAMES = st.sampled_from([f"c{number}" for number in range(12)])
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("create"), NAMES, st.integers(0, 5)),
        st.tuples(st.just("delete"), NAMES, st.just(0)),
        st.tuples(st.just("update"), NAMES, st.integers(0, 5)),
        st.tuples(st.just("measure"), NAMES, st.integers(0, 5)),
    ),
    max_size=4,
)


class Rows(Services):
    def apply(self, kind: str, name: str, value: int) -> bool:
        """Whether it did anything."""
        parameters = {"lr": {"NumberValue": float(value)}}
        there = self.call("ListTrialComponents", MaxResults=100)["TrialComponentSummaries"]
        if (name in {item["TrialComponentName"] for item in there}) == (kind == "create"):
            return False
        if kind == "create":
            self.call("CreateTrialComponent", TrialComponentName=name, Parameters=parameters)
        elif kind == "delete":
            self.call("DeleteTrialComponent", TrialComponentName=name)
        elif kind == "update":
            self.call("UpdateTrialComponent", TrialComponentName=name, Parameters=parameters)
        else:
            point = {"MetricName": "m", "Value": float(value), "Timestamp": self.now}
            self.call("BatchPutMetrics", "sagemaker-metrics", TrialComponentName=name, MetricData=[point])
        return True

    def page(self, **request: Any) -> tuple[list[str], str | None]:
        answer = self.call("Search", Resource="ExperimentTrialComponent", **request)
        hits = [hit["TrialComponent"]["TrialComponentName"] for hit in answer["Results"]]
        return hits, answer.get("NextToken")


ORDERS = ("TrialComponentName", "Parameters.lr", "Metrics.m.Last", "CreationTime", "LastModifiedTime", None)


@settings(max_examples=25, deadline=None)
@given(
    by=st.sampled_from(ORDERS),
    first=st.lists(
        st.tuples(NAMES, st.integers(0, 5)), min_size=1, max_size=12, unique_by=lambda pair: pair[0]
    ),
    between=st.lists(CHANGES, min_size=1, max_size=8),
    size=st.integers(1, 4),
    order=st.sampled_from(["Ascending", "Descending"]),
    filtered=st.booleans(),
)
def test_what_stays_is_seen_once(
    by: str | None,
    first: list[tuple[str, int]],
    between: list[list[tuple[str, str, int]]],
    size: int,
    order: str,
    filtered: bool,
) -> None:
    rows = Rows()
    try:
        for place, (name, value) in enumerate(first):
            rows.apply("create", name, value)
            if place % 2:
                rows.apply("measure", name, value)
        request: dict[str, Any] = {"MaxResults": size, "SortOrder": order}
        if by:
            request["SortBy"] = by
        if filtered:
            wanted = [{"Name": "Parameters.lr", "Operator": "LessThan", "Value": "4"}]
            request["SearchExpression"] = {"Filters": wanted}
        before = rows.page(**{**request, "MaxResults": 100})[0]
        touched: set[str] = set()
        seen: list[str] = []
        token: dict[str, str] = {}
        while True:
            hits, following = rows.page(**request, **token)
            seen += hits
            if following is None:
                break
            assert len(hits) == size
            token = {"NextToken": following}
            for change in between.pop(0) if between else []:
                if rows.apply(*change):
                    touched.add(change[1])
        undisturbed = [name for name in before if name not in touched]
        assert [name for name in seen if name not in touched] == undisturbed
    finally:
        rows.close()
