"""What every store promises of the trash: out of sight as if deleted, and back as it was."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contract.conftest import StoreFactory

from clary.domain.search import Compare, Operator
from clary.storage.ports import Discarded, Edge, Exists, Missing, Point, Query, Resource, Store, Transaction

WHERE = ("123456789012", "us-east-1")


def resource(kind: str, name: str, **changes: Any) -> Resource:
    return Resource(
        arn=f"arn:{kind.lower()}/{name}", account=WHERE[0], region=WHERE[1], kind=kind, name=name, created=1.0,
        modified=1.0, **changes,
    )  # fmt: skip


EXPERIMENT = resource("Experiment", "e")
TRIALS = [resource("Trial", name, parent=EXPERIMENT.arn) for name in ("t1", "t2")]
OTHER = resource("Trial", "other", parent="arn:experiment/f")
PARTS = [resource("TrialComponent", name, spec={"Parameters": {"lr": {"NumberValue": 0.1}}}) for name in "ab"]
SHARED = resource("TrialComponent", "shared")
DATA = resource("Artifact", "data")
GONE = [one.arn for one in (EXPERIMENT, *TRIALS, *PARTS)]


def discarded(id: str, time: float = 5.0) -> Discarded:
    return Discarded(id, *WHERE, "Experiment", "e", time, {"Trials": 2})


@pytest.fixture
def filled(store: Store) -> Store:
    with store.begin() as tx:
        for one in (EXPERIMENT, resource("Experiment", "f"), *TRIALS, OTHER, *PARTS, SHARED, DATA):
            tx.resources.insert(one)
        for part in (*PARTS, SHARED):
            tx.edges.put(Edge("PartOf", part.arn, TRIALS[0].arn, 2.0))
        tx.edges.put(Edge("PartOf", SHARED.arn, OTHER.arn, 3.0))
        tx.edges.put(Edge("ContributedTo", DATA.arn, PARTS[0].arn, 4.0, {"CreatedBy": {}}))
        tx.tags.put(PARTS[0].arn, {"owner": "ann"})
        tx.metrics.append(PARTS[0].arn, [Point("loss", 1 / n, float(n), n) for n in range(1, 6)])
    return store


def everything(tx: Transaction) -> Any:
    """All that can be seen of the seven kinds, through lists, searches and areas."""
    rows = [
        tx.resources.list(Query(*WHERE, (kind,), sort_by="Name")).items
        for kind in ("Experiment", "Trial", "TrialComponent", "Artifact")
    ]
    found = [one for kind in rows for one in kind]
    return (
        found,
        tx.edges.list(),
        {one.arn: tx.tags.get(one.arn) for one in found},
        tx.metrics.summaries([one.arn for one in found]),
        [list(tx.metrics.points(one.arn, "loss")) for one in found],
        {
            (name, value): matching(tx, name, value)
            for name, value in (
                ("Parents.ExperimentName", "e"), ("Parents.ExperimentName", "f"), ("Tags.owner", "ann"),
                ("Parameters.lr.NumberValue", 0.1), ("Metrics.loss.Min", 0.2), ("ParentArn", EXPERIMENT.arn),
            )
        },
    )  # fmt: skip


def matching(tx: Transaction, name: str, value: Any) -> list[str]:
    query = Query(
        *WHERE,
        ("Trial", "TrialComponent"),
        where=Compare(name, Operator.EQUALS, value),
        sort_by="Name",
        descending=False,
    )
    return [one.name for one in tx.resources.list(query).items]


def test_what_is_restored_is_as_it_was(filled: Store) -> None:
    with filled.read() as tx:
        before = everything(tx)
    with filled.begin() as tx:
        tx.trash.put(discarded("1"), GONE)
    with filled.begin() as tx:
        tx.trash.restore("1")
    with filled.read() as tx:
        assert everything(tx) == before
        assert tx.trash.list(*WHERE) == []
    with filled.begin() as tx:
        after = tx.resources.update(tx.resources.get(PARTS[0].arn))
        assert after.version == 2


def test_what_is_in_the_trash_is_as_if_deleted(filled: Store) -> None:
    with filled.begin() as tx:
        tx.trash.put(discarded("1"), GONE)
    with filled.read() as tx:
        trashed = everything(tx)
        assert all(tx.resources.find(arn) is None for arn in GONE)
        assert tx.trash.list(*WHERE) == [discarded("1")]
        assert tx.trash.list("210987654321", "us-east-1") == []
        assert matching(tx, "Parents.ExperimentName", "f") == ["shared"]
    with pytest.raises(Missing):
        filled.append_points(PARTS[0].arn, [Point("loss", 1.0, 1.0)])
    with filled.begin() as tx:
        tx.trash.restore("1")
        for arn in GONE:
            tx.resources.delete(arn)
    with filled.read() as tx:
        assert everything(tx) == trashed


def test_a_name_that_was_taken_again_refuses_and_changes_nothing(filled: Store) -> None:
    with filled.begin() as tx:
        tx.trash.put(discarded("1"), GONE)
        tx.resources.insert(TRIALS[1])
    with filled.read() as tx:
        before = everything(tx)
    with pytest.raises(Exists, match="arn:trial/t2"), filled.begin() as tx:
        tx.trash.restore("1")
    with filled.read() as tx:
        assert everything(tx) == before
        assert tx.trash.list(*WHERE) == [discarded("1")]


def test_an_edge_to_what_was_deleted_meanwhile_stays_away(filled: Store) -> None:
    with filled.begin() as tx:
        tx.trash.put(discarded("1"), GONE)
    with filled.begin() as tx:
        tx.resources.delete(DATA.arn)
        tx.resources.delete(SHARED.arn)
    with filled.begin() as tx:
        tx.trash.restore("1")
    with filled.read() as tx:
        kept = {(edge.source, edge.destination) for edge in tx.edges.list()}
        assert kept == {(part.arn, TRIALS[0].arn) for part in PARTS}
        assert matching(tx, "Parents.ExperimentName", "e") == ["a", "b"]


@pytest.mark.parametrize("order", [("1", "2"), ("2", "1")])
def test_an_edge_between_two_that_were_deleted_apart_comes_back_with_the_second(
    filled: Store, order: tuple[str, str]
) -> None:
    with filled.read() as tx:
        before = everything(tx)
    with filled.begin() as tx:
        tx.trash.put(discarded("1"), GONE)
        tx.trash.put(discarded("2"), [SHARED.arn, DATA.arn])
    for id in order:
        with filled.begin() as tx:
            tx.trash.restore(id)
    with filled.read() as tx:
        assert everything(tx) == before


def test_purging_forgets_the_old_only(filled: Store) -> None:
    with filled.begin() as tx:
        tx.trash.put(discarded("old", 5.0), GONE)
        tx.trash.put(discarded("new", 9.0), [SHARED.arn])
    with filled.begin() as tx:
        assert tx.trash.purge(9.0) == 1
        assert [one.id for one in tx.trash.list(*WHERE)] == ["new"]
        with pytest.raises(Missing):
            tx.trash.restore("old")
        tx.trash.restore("new")
        assert [edge.destination for edge in tx.edges.list(source=SHARED.arn)] == [OTHER.arn]
        assert tx.trash.purge(100.0) == 0


def test_what_is_not_there_cannot_be_put_nor_restored(filled: Store) -> None:
    with pytest.raises(Missing), filled.begin() as tx:
        tx.trash.put(discarded("1"), [*GONE, "arn:none"])
    with pytest.raises(Missing), filled.begin() as tx:
        tx.trash.restore("1")
    with filled.read() as tx:
        assert all(tx.resources.find(arn) is not None for arn in GONE)
        assert tx.trash.list(*WHERE) == []


def test_the_trash_outlives_the_store(store_factory: StoreFactory) -> None:
    store = store_factory()
    with store.begin() as tx:
        tx.resources.insert(EXPERIMENT)
        tx.trash.put(discarded("1"), [EXPERIMENT.arn])
    store.close()
    again = store_factory()
    with again.begin() as tx:
        tx.trash.restore("1")
        assert tx.resources.get(EXPERIMENT.arn).name == "e"
