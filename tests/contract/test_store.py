"""What every store promises: transactions, resources, tags, edges, the outbox, leases and credentials."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from clary.storage.ports import (
    Conflict,
    Edge,
    Effect,
    Exists,
    Key,
    Missing,
    Misuse,
    Point,
    Query,
    Resource,
    Store,
)

ARN = "arn:aws:sagemaker:us-east-1:123456789012:training-job/"


def resource(name: str, kind: str = "TrainingJob", **changes: Any) -> Resource:
    plain = Resource(
        arn=f"{ARN}{kind}/{name}", account="123456789012", region="us-east-1", kind=kind, name=name,
        created=100.0, modified=100.0,
    )  # fmt: skip
    return replace(plain, **changes)


def names(store: Store, **query: Any) -> list[str]:
    with store.read() as tx:
        page = tx.resources.list(Query("123456789012", "us-east-1", ("TrainingJob",), **query))
        return [found.name for found in page.items]


def test_a_resource_is_kept_as_it_was_given(store: Store) -> None:
    given = resource(
        "a", spec={"HyperParameters": {"lr": "0.1"}, "n": [1, 2.5, None, True, {"é": "\n"}]},
        state={"TrainingJobStatus": "InProgress"}, status="InProgress", target="Stopped", parent="arn:x",
        generation=3,
    )  # fmt: skip
    with store.begin() as tx:
        inserted = tx.resources.insert(given)
    assert inserted == replace(given, version=1)
    with store.read() as tx:
        assert tx.resources.get(given.arn) == inserted
        assert tx.resources.find(given.arn) == inserted
        assert tx.resources.find("arn:none") is None
        with pytest.raises(Missing):
            tx.resources.get("arn:none")


def test_a_second_insert_is_refused(store: Store) -> None:
    with store.begin() as tx:
        tx.resources.insert(resource("a"))
        with pytest.raises(Exists):
            tx.resources.insert(resource("a", status="Other"))
    with store.read() as tx:
        assert tx.resources.get(resource("a").arn).status is None


def test_update_compares_the_version(store: Store) -> None:
    with store.begin() as tx:
        first = tx.resources.insert(resource("a"))
    with store.begin() as tx:
        second = tx.resources.update(
            replace(first, status="Completed", modified=200.0, state={"x": 1}, generation=2, target="Stopped")
        )
        assert second.version == 2
        with pytest.raises(Conflict):
            tx.resources.update(replace(first, status="Failed"))
        with pytest.raises(Missing):
            tx.resources.update(resource("b"))
    with store.read() as tx:
        assert tx.resources.get(first.arn) == second


def test_a_returned_document_is_the_callers_own(store: Store) -> None:
    with store.begin() as tx:
        given = tx.resources.insert(resource("a", spec={"list": [1]}))
        given.spec["list"].append(2)
    with store.read() as tx:
        found = tx.resources.get(given.arn)
        found.spec["list"].append(3)
        assert tx.resources.get(given.arn).spec == {"list": [1]}


def test_a_block_that_raises_leaves_nothing(store: Store) -> None:
    with store.begin() as tx:
        tx.resources.insert(resource("kept", spec={"Old": "1"}))
    with pytest.raises(ZeroDivisionError), store.begin() as tx:  # noqa: PT012
        tx.resources.insert(resource("gone", spec={"New": "1"}))
        tx.tags.put(resource("kept").arn, {"k": "v"})
        tx.metrics.append(resource("kept").arn, [Point("loss", 1.0, 1.0)])
        tx.outbox.put(Effect(resource("kept").arn, 1, "wake"))
        raise ZeroDivisionError
    assert names(store) == ["kept"]
    with store.read() as tx:
        assert tx.tags.get(resource("kept").arn) == {}
        assert tx.metrics.summaries([resource("kept").arn]) == {}
        assert tx.outbox.due(1e12) == []
        assert "New" not in tx.resources.property_names("123456789012", "us-east-1", "TrainingJob", "", 99)
    with store.begin() as tx:
        tx.resources.insert(resource("gone", spec={"New": "2"}))
    assert names(store, sort_by="New") == ["gone", "kept"]


def test_begin_does_not_nest(store: Store) -> None:
    with pytest.raises(Misuse), store.begin() as tx:  # noqa: PT012
        tx.resources.insert(resource("a"))
        with store.begin():
            raise AssertionError("entered")
    assert names(store) == []
    with store.begin() as tx:
        tx.resources.insert(resource("b"))
        with pytest.raises(Misuse):
            store.append_points(resource("b").arn, [Point("loss", 1.0, 1.0)])
    assert names(store) == ["b"]


def test_read_cannot_write(store: Store) -> None:
    with store.read() as tx, pytest.raises(Misuse):
        tx.resources.insert(resource("a"))
    assert names(store) == []


def test_a_reader_sees_one_state(store: Store) -> None:
    with store.begin() as tx:
        tx.resources.insert(resource("a"))
    with store.read() as reader:
        query = Query("123456789012", "us-east-1", ("TrainingJob",))
        assert reader.resources.count(query) == 1
        with store.begin() as tx:
            tx.resources.insert(resource("b"))
            assert tx.resources.count(query) == 2
        assert reader.resources.count(query) == 1
        assert reader.resources.find(resource("b").arn) is None
    assert names(store) == ["b", "a"]


def test_writers_of_many_threads_queue(store: Store) -> None:
    failures = []

    def write(thread: int) -> None:
        try:
            for number in range(10):
                with store.begin() as tx:
                    tx.resources.insert(resource(f"{thread}-{number}", spec={f"p{thread}": number}))
                with store.read() as tx:
                    assert tx.resources.find(resource(f"{thread}-{number}").arn) is not None
                if number == 5:
                    with pytest.raises(KeyError), store.begin() as tx:  # noqa: PT012
                        tx.resources.insert(resource(f"bad-{thread}"))
                        raise KeyError
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(names(store, limit=1000)) == 80


def test_delete_takes_what_hangs_on_it(store: Store) -> None:
    a, b = resource("a", spec={"x": "1"}), resource("b")
    with store.begin() as tx:
        for one in (a, b):
            tx.resources.insert(one)
            tx.tags.put(one.arn, {"k": one.name})
            tx.metrics.append(one.arn, [Point("loss", 1.0, 1.0)])
            tx.outbox.put(Effect(one.arn, 1, "wake"))
        tx.edges.put(Edge("ContributedTo", a.arn, b.arn, 1.0))
        tx.edges.put(Edge("ContributedTo", b.arn, a.arn, 2.0))
        tx.edges.put(Edge("ContributedTo", b.arn, "arn:other", 3.0))
    with store.begin() as tx:
        tx.resources.delete(a.arn)
        with pytest.raises(Missing):
            tx.resources.delete(a.arn)
    with store.read() as tx:
        assert tx.tags.get(a.arn) == {}
        assert tx.tags.get(b.arn) == {"k": "b"}
        assert list(tx.metrics.summaries([a.arn, b.arn])) == [b.arn]
        assert list(tx.metrics.points(a.arn, "loss")) == []
        assert [effect.arn for effect in tx.outbox.due(1.0)] == [b.arn]
        assert [edge.destination for edge in tx.edges.list()] == ["arn:other"]
    with store.begin() as tx:
        tx.resources.insert(a)
        assert tx.metrics.summaries([a.arn]) == {}


def test_tags(store: Store) -> None:
    with store.begin() as tx:
        tx.tags.put("arn:a", {"one": "1", "two": "2"})
        tx.tags.put("arn:a", {"two": "zwei", "three": "3"})
        tx.tags.put("arn:b", {"one": "uno"})
        tx.tags.remove("arn:a", ["one", "none"])
    with store.read() as tx:
        assert tx.tags.get("arn:a") == {"two": "zwei", "three": "3"}
        assert tx.tags.get("arn:b") == {"one": "uno"}


def test_edges_by_end_kind_and_page(store: Store) -> None:
    kept = [
        Edge("PartOf", "c1", "t1", 3.0, {"n": 1}),
        Edge("PartOf", "c2", "t1", 1.0),
        Edge("Produced", "c1", "t1", 2.0),
        Edge("PartOf", "c1", "t2", 2.0),
    ]
    with store.begin() as tx:
        for edge in [Edge("PartOf", "c1", "t1", 9.0), *kept]:
            tx.edges.put(edge)
    with store.read() as tx:
        by_time = [kept[1], kept[2], kept[3], kept[0]]
        assert tx.edges.list() == by_time
        assert tx.edges.list(descending=True) == by_time[::-1]
        assert tx.edges.list(source="c1") == by_time[1:]
        assert tx.edges.list(destination="t1", kinds=["PartOf"]) == [kept[1], kept[0]]
        assert tx.edges.list(kinds=[]) == []
        assert tx.edges.list(limit=2) == by_time[:2]
        assert tx.edges.list(after=(2.0, "c1", "t1"), limit=1) == [kept[3]]
        assert tx.edges.list(after=(2.0, "c1", "t2"), descending=True) == [kept[2], kept[1]]
        by_source = [kept[2], kept[3], kept[0], kept[1]]
        assert tx.edges.list(by="source") == by_source
        assert tx.edges.list(by="source", after=(2.0, "c1", "t2")) == by_source[2:]
        assert tx.edges.list(by="source", after=(2.0, "c1", "t2"), descending=True) == [kept[2]]
        by_destination = [kept[1], kept[2], kept[0], kept[3]]
        assert tx.edges.list(by="destination") == by_destination
        assert tx.edges.list(by="destination", after=(3.0, "c1", "t1"), limit=1) == [kept[3]]
        assert tx.edges.list(by="destination", destination="t1", descending=True) == by_destination[2::-1]
    with store.begin() as tx:
        assert not tx.edges.delete("PartOf", "c9", "t1")
        assert tx.edges.delete("PartOf", "c2", "t1")
        assert tx.edges.delete(None, "c1", "t1")
        assert tx.edges.list() == [kept[3]]


def test_an_effect_equal_in_name_replaces_the_other(store: Store) -> None:
    with store.begin() as tx:
        first = tx.outbox.put(Effect("arn:a", 1, "run", {"x": 1}, due=5.0))
        other = tx.outbox.put(Effect("arn:b", 1, "run", due=4.0))
        again = tx.outbox.put(Effect("arn:a", 1, "run", {"x": 2}, due=6.0))
        assert first.id == again.id != 0
        assert other.id not in (0, first.id)
    with store.read() as tx:
        assert tx.outbox.due(5.0) == [other]
        assert tx.outbox.due(6.0) == [other, again]
        assert tx.outbox.due(6.0, limit=1) == [other]
        assert tx.outbox.next_due_after(4.0) == 6.0
        assert tx.outbox.next_due_after(6.0) is None
        assert tx.outbox.list("arn:a") == [again]
    with store.begin() as tx:
        assert tx.outbox.delete(other.id)
        assert not tx.outbox.delete(other.id)
        tx.outbox.clear("arn:a")
        assert tx.outbox.due(1e9) == []
        assert tx.outbox.put(Effect("arn:c", 1, "run")).id not in (first.id, other.id)


def test_subscribers_hear_of_committed_effects(store: Store) -> None:
    seen: list[int] = []

    def look() -> None:
        with store.read() as tx:
            seen.append(len(tx.outbox.due(1e9)))

    store.subscribe(look)
    with store.begin() as tx:
        tx.resources.insert(resource("a"))
    assert seen == []
    with store.begin() as tx:
        tx.outbox.put(Effect("arn:a", 1, "run"))
        assert seen == []
    assert seen == [1]
    with pytest.raises(KeyError), store.begin() as tx:  # noqa: PT012
        tx.outbox.put(Effect("arn:b", 1, "run"))
        raise KeyError
    assert seen == [1]


def test_a_lease_belongs_to_one_until_it_ends(store: Store) -> None:
    with store.begin() as tx:
        assert tx.leases.acquire("job", "a", now=0.0, seconds=10.0)
        assert not tx.leases.acquire("job", "b", now=9.0, seconds=10.0)
        assert tx.leases.acquire("job", "a", now=9.0, seconds=10.0)
        assert not tx.leases.acquire("job", "b", now=18.0, seconds=10.0)
        assert tx.leases.acquire("job", "b", now=19.0, seconds=10.0)
        tx.leases.release("job", "a")
        assert not tx.leases.acquire("job", "a", now=20.0, seconds=1.0)
        tx.leases.release("job", "b")
        assert tx.leases.acquire("job", "a", now=20.0, seconds=1.0)


def test_keys(store: Store) -> None:
    user = Key("AKIA1", "s", "1", "arn:user", 1.0)
    session = Key("ASIA1", "s", "1", "arn:role", 2.0, token="t", expires=10.0)
    with store.begin() as tx:
        tx.keys.put(user)
        tx.keys.put(session)
        tx.keys.put(replace(user, active=False))
        assert tx.keys.find("AKIA1") == replace(user, active=False)
        assert tx.keys.find("none") is None
        tx.keys.purge(9.0)
        assert tx.keys.list("arn:role") == [session]
        tx.keys.purge(10.0)
        assert tx.keys.list("arn:role") == []
        tx.keys.delete("AKIA1")
        tx.keys.delete("AKIA1")
        assert tx.keys.list("arn:user") == []


def test_a_closed_store_says_so(store: Store) -> None:
    store.close()
    store.close()
    with pytest.raises(Misuse), store.begin():
        pass
    with pytest.raises(Misuse), store.read():
        pass


def test_the_state_differs_after_each_commit(store: Store) -> None:
    before = store.state()
    with store.read() as tx:
        tx.resources.find("arn:aws:x")
    assert store.state() == before
    with pytest.raises(RuntimeError), store.begin() as tx:  # noqa: PT012
        tx.resources.insert(resource("undone"))
        raise RuntimeError
    assert store.state() == before
    with store.begin() as tx:
        tx.resources.insert(resource("kept"))
    after = store.state()
    assert after != before
    store.append_points(resource("kept").arn, [Point("m", 1.0, 1.0)])
    assert store.state() != after


def test_the_state_differs_after_a_commit_of_another_process(store_factory: Callable[[], Store]) -> None:
    one, other = store_factory(), store_factory()
    before = one.state()
    with other.begin() as tx:
        tx.resources.insert(resource("theirs"))
    assert one.state() != before
