"""Edges by the types of their ends: the same from every store, and in SQLite read by an index, in databases of older
versions too."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.contract.conftest import StoreFactory

from clary.storage.ports import Discarded, Edge, EdgeOrder, EdgePlace, Resource, Store
from clary.storage.sql import open_store

KEPT = [
    Edge("Produced", "a", "x", 3.0, {"n": 1}, "Image", "Model"),
    Edge("ContributedTo", "b", "x", 1.0, {}, "DataSet", "Model"),
    Edge("ContributedTo", "b", "y", 2.0, {}, "DataSet", "Action"),
    Edge("PartOf", "c", "y", 2.5),
    Edge("ContributedTo", "a", "z", 2.0, {}, "Image", "Action"),
]
IMAGE_X, DATA_X, DATA_Y, PLAIN, IMAGE_Z = KEPT


def put(store: Store, *edges: Edge) -> None:
    with store.begin() as tx:
        for edge in edges:
            tx.edges.put(edge)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, [DATA_X, IMAGE_Z, DATA_Y, PLAIN, IMAGE_X]),
        ({"source_type": "Image"}, [IMAGE_Z, IMAGE_X]),
        ({"destination_type": "Model", "descending": True}, [IMAGE_X, DATA_X]),
        ({"source_type": "Image", "destination_type": "Model"}, [IMAGE_X]),
        ({"source_type": "DataSet", "after": (1.0, "b", "x")}, [DATA_Y]),
        ({"source_type": "DataSet", "by": "destination", "descending": True}, [DATA_Y, DATA_X]),
        ({"source_type": "None"}, []),
        ({"by": "source_type"}, [DATA_X, DATA_Y, IMAGE_Z, IMAGE_X]),
        ({"by": "source_type", "after": ("DataSet", 2.0, "b", "y"), "limit": 1}, [IMAGE_Z]),
        (
            {"by": "destination_type", "after": ("Model", 1.0, "b", "x"), "descending": True},
            [DATA_Y, IMAGE_Z],
        ),
    ],
    ids=str,
)
def test_edges_by_type(store: Store, query: dict[str, Any], expected: list[Edge]) -> None:
    put(store, Edge("Produced", "a", "x", 9.0, {}, "Other", "Other"), *KEPT)
    with store.read() as tx:
        assert tx.edges.list(**query) == expected


@contextmanager
def counted(connection: sqlite3.Connection) -> Iterator[Callable[[], int]]:
    """How many steps SQLite's machine takes: what a statement reads, whatever the computer's speed."""
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1

    connection.set_progress_handler(step, 1)
    yield lambda: steps
    connection.set_progress_handler(None, 1)


PLACE = 5.0, "s5", "d5"


@pytest.mark.parametrize(
    ("end", "by", "after"),
    [
        ("source_type", "created", PLACE),
        ("destination_type", "created", PLACE),
        ("source_type", "source_type", ("rare", *PLACE)),
        ("destination_type", "destination_type", ("rare", *PLACE)),
    ],
)
def test_a_page_of_a_type_costs_the_same_among_many_edges(
    store_factory: StoreFactory, end: str, by: EdgeOrder, after: EdgePlace
) -> None:
    store = store_factory()
    rare = [Edge("Produced", f"s{n}", f"d{n}", float(n), {}, "rare", "rare") for n in range(40)]
    put(store, *rare)

    def cost() -> int:
        with store.read() as tx, counted(tx._session.connection) as steps:  # type: ignore[attr-defined]
            page = tx.edges.list(**{end: "rare"}, by=by, after=after, limit=11, kinds=("Produced",))  # type: ignore[arg-type]
            assert page == rare[6:17]
            return steps()

    few = cost()
    put(store, *(Edge("Produced", f"x{n}", f"y{n}", n / 100, {}, "common", "common") for n in range(4000)))
    put(store, *(Edge("Produced", f"z{n}", f"y{n}", 50.0 + n, {}, "rare", "rare") for n in range(1000)))
    assert cost() <= few * 1.2


def test_edges_of_an_older_clary_get_their_types(tmp_path: Path) -> None:
    """Version 3 knew no types."""
    path = tmp_path / "clary.db"
    store = open_store(path)
    image: dict[str, Any] = {"ArtifactType": "Image"}
    job: dict[str, Any] = {"Source": {"SourceType": "SageMakerJob"}}
    kinds = [("Artifact", image), ("TrialComponent", job), ("TrialComponent", {}), ("Artifact", image)]
    with store.begin() as tx:
        for number, (kind, spec) in enumerate(kinds):
            tx.resources.insert(Resource(f"arn:{number}", "1", "r", kind, f"n{number}", 1.0, 1.0, spec=spec))
        tx.edges.put(Edge("Produced", "arn:0", "arn:1", 1.0))
        tx.edges.put(Edge("PartOf", "arn:1", "arn:2", 2.0))
        tx.edges.put(Edge("Produced", "arn:0", "arn:2", 3.0, {"k": "v"}))
        tx.edges.put(Edge("Produced", "arn:3", "arn:2", 4.0))
        tx.trash.put(Discarded("one", "1", "r", "Artifact", "n3", 5.0), ["arn:3"])
    store.close()
    connection = sqlite3.connect(path)
    for end in ("source", "destination"):
        connection.execute(f"DROP INDEX edges_{end}_type")
        connection.execute(f"ALTER TABLE edges DROP COLUMN {end}_type")
    connection.execute("DELETE FROM schema_version WHERE version > 3")
    connection.commit()
    connection.close()
    again = open_store(path)
    with again.begin() as tx:
        assert list(tx.edges.list()) == [
            Edge("Produced", "arn:0", "arn:1", 1.0, {}, "Image", "SageMakerJob"),
            Edge("PartOf", "arn:1", "arn:2", 2.0),
            Edge("Produced", "arn:0", "arn:2", 3.0, {"k": "v"}, "Image", "TrialComponent"),
        ]
        tx.trash.restore("one")
        assert len(tx.edges.list(source_type="Image", destination_type="TrialComponent")) == 2
    again.close()
