"""Reads by column answer what pages of records do."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from msgspec.structs import replace
from tests.contract.test_store import resource

from clary.domain.search import Compare, Operator
from clary.storage.ports import Edge, Point, Query, Store

NAMES = ["c", "a", "é", 'quo"te', "b"]


def arn(name: str) -> str:
    return resource(name).arn


def query(**changes: Any) -> Query:
    of = resource("a")
    return replace(Query(of.account, of.region, (of.kind,), sort_by="Of", descending=False), **changes)


def fill(store: Store) -> None:
    with store.begin() as tx:
        for number, name in enumerate(NAMES):
            tx.resources.insert(resource(name, spec={"Of": name, "Even": number % 2} if number else {}))
        for created, kind, source, destination in (
            (3.0, "PartOf", "a", "b"),
            (1.0, "PartOf", "a", "c"),
            (2.0, "Produced", "a", "é"),
        ):
            tx.edges.put(Edge(kind, arn(source), arn(destination), created))
        tx.metrics.append(arn("b"), [Point("z", 1.0, 1.0), Point("a", math.inf, 1.0), Point("z", 4.0, 2.0)])
        tx.metrics.append(arn("é"), [Point("z", math.nan, 1.0)])


def test_ids_are_in_a_searchs_order_and_rows_in_theirs(store: Store) -> None:
    fill(store)
    some = Compare("Even", Operator.EQUALS, 1.0)
    with store.read() as tx:
        for asked in (query(), query(descending=True), query(sort_by="CreationTime"), query(where=some)):
            rows = tx.columns.rows(tx.columns.ids(asked))
            found = tx.resources.list(asked).items
            assert list(rows.arns) == [item.arn for item in found]
            assert list(rows.created) == [item.created for item in found]
            assert [json.loads(spec) for spec in rows.specs] == [item.spec for item in found]
        assert list(tx.columns.ids(query(), 2)) == list(tx.columns.ids(query()))[:2]
        assert list(tx.columns.ids(query(kinds=("None",)))) == []
        assert list(tx.columns.rows([]).arns) == []


def test_what_is_deleted_meanwhile_is_left_out(store: Store) -> None:
    fill(store)
    with store.read() as tx:
        ids = tx.columns.ids(query())
    with store.begin() as tx:
        tx.resources.delete(arn("b"))
    with store.read() as tx:
        rows = tx.columns.rows(ids)
        assert list(rows.arns) == [arn("a"), arn('quo"te'), arn("é"), arn("c")]
        assert len(rows.ids) == 4
        assert len(tx.columns.series(ids)) == len(tx.columns.destinations(ids, "PartOf")) == 5


def test_statistics_are_the_summaries(store: Store) -> None:
    fill(store)
    names = ("Last", "Min", "Max", "Avg", "StdDev", "Count")
    with store.read() as tx:
        rows = tx.columns.rows(tx.columns.ids(query()))
        summaries = tx.metrics.summaries(rows.arns)
        assert [list(found) for found in tx.columns.series(rows.ids)] == [
            [one.name for one in summaries.get(arn, ())] for arn in rows.arns
        ]
        metrics = ("z", *(f"none{number}" for number in range(20)), "a", "none")
        pairs = [(metric, name) for metric in metrics for name in names]
        everything = tx.columns.statistics(rows.ids, pairs)
        for start, metric in zip(range(0, len(pairs), 6), metrics, strict=True):
            columns = everything[start : start + 6]
            for at, of in enumerate(rows.arns):
                one = next((one for one in summaries.get(of, ()) if one.name == metric), None)
                found = [column[at] for column in columns]
                if one is None:
                    assert found == [None] * 6
                else:
                    wanted = [one.last, one.minimum, one.maximum, one.average, one.deviation, one.count]
                    assert found == pytest.approx(wanted, nan_ok=True)


def test_destinations_are_the_edges(store: Store) -> None:
    fill(store)
    with store.read() as tx:
        rows = tx.columns.rows(tx.columns.ids(query()))
        found = dict(zip(rows.arns, map(list, tx.columns.destinations(rows.ids, "PartOf")), strict=True))
        assert found.pop(arn("a")) == [arn("c"), arn("b")]
        assert set(map(len, found.values())) == {0}
