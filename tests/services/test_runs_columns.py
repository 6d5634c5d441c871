"""The table of runs by column (Arrow) is the one by document (JSON), on whatever hypothesis thinks of."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.server import ports_in

from clary.api import Asked, Context, ServiceError
from clary.api.context import Ports, Principal
from clary.domain.experiments import PART_OF
from clary.services.sagemaker import runs_columns
from clary.services.sagemaker.components import Place, TrialComponent
from clary.services.sagemaker.experiments import Experiment
from clary.services.sagemaker.runs import runs
from clary.services.sagemaker.trials import Trial, in_experiment
from clary.storage.ports import Edge, Point
from clary.wire import arrow
from clary.wire.messages import HttpResponse

ACCOUNT = "123456789012"
REGIONS = (f"region-{number}" for number in itertools.count())

VALUES = st.one_of(
    st.fixed_dictionaries({"NumberValue": st.one_of(st.integers(-9, 9), st.floats(-1e300, 1e300))}),
    st.fixed_dictionaries({"StringValue": st.sampled_from(["", "0.1", "é", "x" * 1500])}),
)
RUNS = st.lists(
    st.fixed_dictionaries(
        {
            "parameters": st.dictionaries(st.sampled_from(["lr", "a.b", "Last", "NumberValue"]), VALUES),
            "metrics": st.dictionaries(
                st.sampled_from(["loss", "lr", "a.b"]),
                st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=4),
            ),
            "trials": st.sets(st.integers(0, 2)),
            "more": st.fixed_dictionaries(
                {},
                optional={
                    "DisplayName": st.text("aé ", max_size=3),
                    "Status": st.just({"PrimaryStatus": "Failed"}),
                },
            ),
        }
    ),
    max_size=6,
)
ASKED = st.fixed_dictionaries(
    {},
    optional={
        "columns": st.sampled_from(
            ["lr,Name", "loss.count,loss.avg,loss.stddev,lr,lr", "trials,Status", "a.b"]
        ),
        "sort": st.sampled_from(["loss", "lr", "name"]),
        "order": st.just("ascending"),
        "filter": st.sampled_from(["lr > 0", 'Name != "c-1"', "loss < 1"]),
        "limit": st.sampled_from(["0", "2"]),
        "experiment": st.just("e-0"),
    },
)


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    found = ports_in(tmp_path_factory.mktemp("runs"))
    yield found
    found.store.close()


def fill(ports: Ports, region: str, made: list[dict[str, Any]]) -> None:
    place = Place(ACCOUNT, region)
    with ports.store.begin() as tx:
        experiments = [Experiment.new(place, f"e-{n}", {"ExperimentName": f"e-{n}"}, 1.0) for n in range(2)]
        trials = [
            in_experiment(Trial.new(place, f"t-{n}", {"TrialName": f"t-{n}"}, 1.0), experiments[n % 2])
            for n in range(3)
        ]
        for resource in (*experiments, *trials):
            tx.resources.insert(resource)
        for number, run in enumerate(made):
            name = f"c-{number}"
            document = {"TrialComponentName": name, "Parameters": run["parameters"], **run["more"]}
            component = TrialComponent.new(place, name, document, float(number // 2))
            tx.resources.insert(component)
            for trial in run["trials"]:
                tx.edges.put(Edge(PART_OF, component.arn, trials[trial].arn, float(-trial)))
            for metric, values in run["metrics"].items():
                points = [Point(metric, value, float(at), at) for at, value in enumerate(values)]
                tx.metrics.append(component.arn, points)


def of_one_type(values: list[Any]) -> list[Any]:
    """As Arrow has them: a column with a text is one of texts."""
    if not any(isinstance(value, str) for value in values):
        return [None if value is None else float(value) for value in values]
    return [value if value is None or isinstance(value, str) else repr(value) for value in values]


async def whole(body: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in body])


@settings(deadline=None, max_examples=60)
@given(made=RUNS, asked=ASKED)
def test_by_column_as_by_document(ports: Ports, made: list[dict[str, Any]], asked: dict[str, str]) -> None:
    region = next(REGIONS)
    fill(ports, region, made)
    ctx = Context(ACCOUNT, region, Principal(f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT), "r", 1.0, ports)
    try:
        document = runs(ctx, Asked(asked, {}))
    except ServiceError as refused:
        with pytest.raises(ServiceError, match=re.escape(refused.message)):
            runs(ctx, Asked({**asked, "format": "arrow"}, {}))
        return
    assert isinstance(document, dict)
    wanted = {name: of_one_type(values) for name, values in document["Columns"].items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs_columns, "BATCH", 2)
        answer = runs(ctx, Asked({**asked, "format": "arrow"}, {}))
        assert isinstance(answer, HttpResponse)
        assert not isinstance(answer.body, bytes)
        found = arrow.decode(asyncio.run(whole(answer.body)))
    assert list(found) == list(wanted)
    assert repr(found) == repr(wanted), "by repr, in which a NaN is a NaN"
