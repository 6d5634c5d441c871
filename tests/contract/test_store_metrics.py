"""Metric series: every point once, summaries as if computed from the points, whoever wrote them and when."""

from __future__ import annotations

import contextlib
import math
import random
import statistics
import threading
from typing import Any

import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clary.domain.series import step_key
from clary.storage.memory import MemoryStore
from clary.storage.ports import Discarded, Exists, Missing, Point, Query, Resource, Store, Summary

ARN = "arn:component"


def add_resource(store: Store, arn: str = ARN) -> None:
    with store.begin() as tx:
        tx.resources.insert(Resource(arn, "1", "r", "TrialComponent", arn, 1.0, 1.0))


def summary(store: Store, name: str = "loss", arn: str = ARN) -> Summary:
    with store.read() as tx:
        return next(found for found in tx.metrics.summaries([arn])[arn] if found.name == name)


def curve(store: Store, name: str = "loss", arn: str = ARN, **bounds: Any) -> list[Point]:
    with store.read() as tx:
        return list(tx.metrics.points(arn, name, **bounds))


def test_points_come_back_by_time_step_and_arrival(store: Store) -> None:
    add_resource(store)
    points = [
        Point("loss", 5.0, 2.0, 1),
        Point("loss", 4.0, 1.0, 7),
        Point("loss", 9.0, 2.0),
        Point("loss", 3.0, 2.0, 1),
        Point("loss", 1.0, 2.0, 0),
        Point("other", 1.0, 0.0),
    ]
    store.append_points(ARN, points[:3])
    store.append_points(ARN, points[3:])
    assert curve(store) == [points[1], points[2], points[4], points[0], points[3]]
    assert curve(store, start=2.0) == [points[2], points[4], points[0], points[3]]
    assert curve(store, end=2.0) == [points[1]]
    assert curve(store, "none") == []
    assert summary(store).last == 3.0
    with store.read() as tx:
        assert [found.name for found in tx.metrics.summaries([ARN, "arn:none"])[ARN]] == ["loss", "other"]
        columns = tx.metrics.points(ARN, "loss")
        assert (len(columns), columns[1], list(columns[1:3])) == (5, points[2], [points[2], points[4]])
        assert list(columns.steps) == [7, None, 0, 1, 1]


def test_a_repeated_point_is_one(store: Store) -> None:
    add_resource(store)
    batch = [
        Point("loss", 1.0, 1.0, 0),
        Point("loss", 1.0, 1.0),
        Point("loss", 2.0, 1.0, 0),
        Point("loss", 1.0, 1.0, 0),
    ]
    store.append_points(ARN, batch)
    store.append_points(ARN, [Point("loss", 7.0, 3.0), *batch])
    store.append_points(ARN, batch)
    assert curve(store) == [batch[1], batch[0], batch[2], Point("loss", 7.0, 3.0)]
    assert summary(store) == Summary("loss", 4, 2.75, 1.0, 7.0, statistics.pstdev([1, 1, 2, 7]), 7.0, 3.0)


def test_a_late_point_does_not_become_the_last(store: Store) -> None:
    add_resource(store)
    store.append_points(ARN, [Point("loss", 1.0, 10.0, 5)])
    store.append_points(ARN, [Point("loss", 2.0, 9.0, 6), Point("loss", 3.0, 10.0, 4)])
    assert (summary(store).last, summary(store).time) == (1.0, 10.0)
    store.append_points(ARN, [Point("loss", 4.0, 10.0, 5)])
    assert summary(store).last == 4.0


def test_nan_and_infinity_are_kept_and_propagate(store: Store) -> None:
    add_resource(store)
    store.append_points(
        ARN, [Point("loss", math.nan, 1.0), Point("loss", math.nan, 1.0), Point("loss", 1.0, 2.0)]
    )
    store.append_points(ARN, [Point("high", math.inf, 1.0), Point("high", 1.0, 2.0)])
    store.append_points(ARN, [Point("high", 2.0, 3.0)])
    values = [point.value for point in curve(store)]
    assert (len(values), math.isnan(values[0]), values[1]) == (2, True, 1.0)
    found = summary(store)
    assert (found.count, found.last) == (2, 1.0)
    assert all(map(math.isnan, (found.average, found.minimum, found.maximum, found.deviation)))
    high = summary(store, "high")
    assert (high.count, high.average, high.minimum, high.maximum) == (3, math.inf, 1.0, math.inf)
    assert math.isnan(high.deviation)


def test_bad_points_change_nothing(store: Store) -> None:
    with pytest.raises(Missing):
        store.append_points(ARN, [Point("loss", 1.0, 1.0)])
    add_resource(store)
    for time in (math.nan, math.inf):
        with pytest.raises(ValueError, match="finite"):
            store.append_points(ARN, [Point("loss", 1.0, 1.0), Point("loss", 1.0, time)])
    with store.read() as tx:
        assert tx.metrics.summaries([ARN]) == {}


def test_threads_together_write_every_point_once(store: Store) -> None:
    """Each batch is written by two threads, as clients that retry do."""
    for number in range(4):
        add_resource(store, f"arn:{number}")
    batches = [
        (
            f"arn:{resource}",
            [
                Point(f"m{name}", math.sin(part * 7 + index), part + index / 8, part)
                for index in range(5)
                for name in range(2)
            ],
        )
        for resource in range(4)
        for part in range(6)
    ]
    failures: list[BaseException] = []

    def write(start: int) -> None:
        try:
            for arn, points in batches[start:] + batches[:start]:
                store.append_points(arn, points)
            with pytest.raises(Missing):
                store.append_points("arn:none", [Point("x", 1.0, 1.0)])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(start,)) for start in (0, 0, 8, 16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for number in range(4):
        for name in ("m0", "m1"):
            values = [
                point.value
                for arn, points in batches
                if arn == f"arn:{number}"
                for point in points
                if point.name == name
            ]
            found = summary(store, name, f"arn:{number}")
            assert found.count == len(values) == len(curve(store, name, f"arn:{number}")) == 30
            assert found.average == pytest.approx(math.fsum(values) / len(values), rel=1e-12)
            assert found.deviation == pytest.approx(statistics.pstdev(values), rel=1e-9)


FLOATS = st.floats(min_value=-(2.0**40), max_value=2.0**40, width=32)
POINTS = st.builds(
    Point,
    st.sampled_from(["a", "b/c: d"]),
    FLOATS,
    st.sampled_from([1.0, 1.5, 2.0, 1e9]),
    st.none() | st.integers(0, 3),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(POINTS, max_size=6), max_size=6))
def test_both_stores_agree_with_numpy(store_factory: Any, batches: list[list[Point]]) -> None:
    sql, memory = store_factory(), MemoryStore()
    with sql.begin() as tx:
        if tx.resources.find(ARN) is not None:
            tx.resources.delete(ARN)
    for store in (sql, memory):
        add_resource(store)
        for batch in batches:
            store.append_points(ARN, batch)
    with sql.read() as one, memory.read() as two:
        mine, theirs = one.metrics.summaries([ARN]), two.metrics.summaries([ARN])
        assert mine.keys() == theirs.keys()
        for a, b in zip(mine.get(ARN, ()), theirs.get(ARN, ()), strict=True):
            points = list(one.metrics.points(ARN, a.name))
            assert points == list(two.metrics.points(ARN, b.name))
            assert (a.name, a.count, a.minimum, a.maximum, a.last, a.time) == (
                b.name, b.count, b.minimum, b.maximum, b.last, b.time
            )  # fmt: skip
            scale = max((abs(point.value) for point in points), default=0.0)
            assert a.average == pytest.approx(b.average, rel=1e-9, abs=1e-9 * scale)
            values = numpy.array([point.value for point in points])
            assert (a.count, a.minimum, a.maximum) == (values.size, values.min(), values.max())
            assert a.average == pytest.approx(values.mean(), rel=1e-9, abs=1e-12 * scale)
            assert a.deviation == pytest.approx(values.std(), rel=1e-9, abs=1e-12 * scale)
    sql.close()


def test_a_long_curve_is_whole_however_it_came(store: Store) -> None:
    """Batches of all sizes, some twice, some late, with and without a step."""
    add_resource(store)
    dice = random.Random(5)
    points = [
        Point("loss", dice.choice([dice.random(), math.nan, 0.0]), 100.0 + n // 3, None if n % 7 == 0 else n)
        for n in range(700)
    ]
    late = [points.pop(dice.randrange(len(points))) for _ in range(60)]
    at = 0
    while at < len(points):
        size = dice.choice([1, 2, 9, 170])
        batch = points[at : at + size]
        store.append_points(ARN, batch)
        if size == 9:
            store.append_points(ARN, [*batch, late.pop()] if late else batch)
        at += size
    store.append_points(ARN, late)
    found = curve(store)
    assert len(found) == 700
    assert set(map(str, found)) == set(map(str, [*points, *late]))
    places = [(point.time, step_key(point.step)) for point in found]
    assert places == sorted(places)
    values = numpy.array([point.value for point in found])
    assert (summary(store).count, summary(store).time) == (700, found[-1].time)
    assert math.isnan(summary(store).average) == bool(numpy.isnan(values).any())
    for start, end in ((None, 150.0), (150.0, None), (120.0, 200.5), (333.0, 333.0), (0.0, 100.0)):
        part = [
            point
            for point in found
            if (start is None or point.time >= start) and (end is None or point.time < end)
        ]
        assert list(map(str, curve(store, start=start, end=end))) == list(map(str, part))


OTHERS = st.sampled_from(["append", "begin", "undone", "delete", "trash", "restore", "search"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deeds=st.lists(OTHERS, max_size=12))
def test_what_others_write_between_two_appends_is_seen(store_factory: Any, deeds: list[str]) -> None:
    """A series that is written again and again is remembered (`Appends`): not beyond anybody else's write."""
    stores: list[Store] = [store_factory(), MemoryStore()]
    found = []
    for store in stores:
        with store.begin() as tx:
            if tx.resources.find(ARN) is not None:
                tx.resources.delete(ARN)
            tx.trash.purge(math.inf)
        add_resource(store)
        told: list[Any] = []
        for number, deed in enumerate([*deeds, "append", "append"]):
            points = [Point("loss", float(number), float(number), number)]
            try:
                _do(store, deed, points)
            except (Missing, Exists, KeyError) as error:
                told.append(type(error))
        told.append(curve(store))
        with store.read() as tx:
            summaries = tx.metrics.summaries([ARN]).get(ARN, ())
        told += [
            (
                each.name,
                each.count,
                round(each.average, 9),
                each.minimum,
                each.maximum,
                round(each.deviation, 9),
                each.last,
            )
            for each in summaries
        ]
        found.append(told)
    assert found[0] == found[1]
    stores[0].close()


def _do(store: Store, deed: str, points: list[Point]) -> None:
    if deed == "append":
        store.append_points(ARN, points)
        return
    if deed == "search":
        by_loss = Query("1", "r", ("TrialComponent",), sort_by="Metrics.loss.Last")
        with store.read() as tx:
            tx.resources.list(by_loss)
        return
    if deed == "undone":
        with contextlib.suppress(ZeroDivisionError), store.begin() as tx:
            tx.metrics.append(ARN, points)
            raise ZeroDivisionError
        return
    with store.begin() as tx:
        if deed == "begin":
            tx.metrics.append(ARN, points)
        elif deed == "delete":
            tx.resources.delete(ARN)
            tx.resources.insert(Resource(ARN, "1", "r", "TrialComponent", ARN, 1.0, 1.0))
        elif deed == "trash":
            tx.trash.put(Discarded("1", "1", "r", "TrialComponent", ARN, 1.0, {}), [ARN])
        else:
            tx.trash.restore("1")
