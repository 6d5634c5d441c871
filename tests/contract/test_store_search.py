"""Search: the rules, case by case, and SQL's answers beside the memory store's on whatever hypothesis thinks of."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from clary.domain.search import Both, Compare, Either, Expression, Nested, Operator
from clary.storage.memory import MemoryStore
from clary.storage.ports import BadCursor, Edge, Point, Query, Resource, Store
from clary.storage.sql import open_store, search

KIND = "TrainingJob"


def resource(name: str, document: dict[str, Any], kind: str = KIND, **changes: Any) -> Resource:
    plain = Resource(
        arn=f"arn:{kind}/{name}", account="1", region="r", kind=kind, name=name, created=0.0, modified=0.0,
        spec=document,
    )  # fmt: skip
    return replace(plain, **changes)


def keep(store: Store, documents: dict[str, dict[str, Any]]) -> None:
    with store.begin() as tx:
        for name, document in documents.items():
            tx.resources.insert(resource(name, document))


def found(
    store: Store, where: Expression | None = None, kinds: tuple[str, ...] = (KIND,), **query: Any
) -> str:
    """Names of all pages, of two each."""
    names: list[str] = []
    cursor: str | None = None
    first = Query("1", "r", kinds, where, **{"sort_by": "Name", "descending": False, "limit": 2, **query})
    while True:
        with store.read() as tx:
            page = tx.resources.list(replace(first, cursor=cursor))
            assert len(page.items) <= first.limit
            names += [item.name for item in page.items]
            cursor = page.cursor
        if cursor is None:
            break
    with store.read() as tx:
        assert tx.resources.count(first) == len(names)
    return " ".join(names)


LR = {
    "a": {"HyperParameters": {"lr": "0.1", "opt": "adam"}},
    "b": {"HyperParameters": {"lr": "1e-1", "opt": "Adam"}},
    "c": {"HyperParameters": {"lr": "10", "opt": "sgd"}},
    "d": {"HyperParameters": {"lr": "auto"}},
    "e": {},
}


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        (Operator.EQUALS, "0.1", "a b"),
        (Operator.EQUALS, 0.1, "a b"),
        (Operator.EQUALS, "auto", "d"),
        (Operator.EQUALS, "Auto", ""),
        (Operator.NOT_EQUALS, "0.10", "c d"),
        (Operator.GREATER_THAN, "9", "c"),
        (Operator.GREATER_THAN_OR_EQUAL_TO, "10", "c"),
        (Operator.LESS_THAN, "9", "a b"),
        (Operator.LESS_THAN_OR_EQUAL_TO, 0.1, "a b"),
        (Operator.GREATER_THAN, "aut", "d"),
        (Operator.CONTAINS, "1", "a b c"),
        (Operator.CONTAINS, "UT", ""),
        (Operator.EXISTS, None, "a b c d"),
        (Operator.NOT_EXISTS, None, "e"),
        (Operator.IN, ("auto", "10.0"), "c d"),
        (Operator.IN, (), ""),
    ],
)
def test_operators(store: Store, operator: Operator, value: Any, expected: str) -> None:
    keep(store, LR)
    assert found(store, Compare("HyperParameters.lr", operator, value)) == expected


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        (Compare("n", Operator.EQUALS, "5"), "number"),
        (Compare("n", Operator.EQUALS, "5.0"), "number text"),
        (Compare("n", Operator.EQUALS, 5.0), "number"),
        (Compare("n", Operator.GREATER_THAN, "4"), "number text"),
        (Compare("n", Operator.CONTAINS, "5"), "text"),
        (Compare("flag", Operator.EQUALS, "true"), "number"),
        (Compare("empty", Operator.EQUALS, ""), "text"),
        (Compare("empty", Operator.EXISTS), "text"),
    ],
)
def test_texts_equal_exactly_outside_hyperparameters(store: Store, term: Compare, expected: str) -> None:
    keep(
        store,
        {"number": {"n": 5, "flag": True, "empty": None}, "text": {"n": "5.0", "flag": False, "empty": ""}},
    )
    assert found(store, term) == expected


def test_both_and_either(store: Store) -> None:
    keep(store, LR)
    adam = Compare("HyperParameters.opt", Operator.EQUALS, "adam")
    large = Compare("HyperParameters.lr", Operator.GREATER_THAN, "1")
    assert found(store, Either((adam, large))) == "a c"
    assert found(store, Either((Either((adam,)), Either((large, large))))) == "a c"
    assert (
        found(store, Both((Either((adam, large)), Compare("HyperParameters.lr", Operator.LESS_THAN, 1))))
        == "a"
    )
    assert found(store, Both(())) == "a b c d e"
    assert found(store, Either(())) == ""


def test_nested_asks_one_element_for_all(store: Store) -> None:
    keep(
        store,
        {
            "one": {
                "L": [{"name": "train", "s3": {"uri": "s3://x"}}, {"name": "test", "s3": {"uri": "s3://y"}}]
            },
            "two": {"L": [{"name": "train", "s3": {"uri": "s3://y"}}]},
            "none": {"L": []},
        },
    )
    train = Compare("L.name", Operator.EQUALS, "train")
    y = Compare("L.s3.uri", Operator.CONTAINS, "//y")
    assert found(store, Both((train, y))) == "one two"
    assert found(store, Nested("L", (train, y))) == "two"
    assert found(store, Nested("L", (Compare("L.other", Operator.NOT_EXISTS), train))) == "one two"


def test_row_and_derived_properties(store: Store) -> None:
    with store.begin() as tx:
        tx.resources.insert(resource("Exp", {}, "Experiment"))
        trial = tx.resources.insert(resource("trial-1", {}, "Trial"))
        component = tx.resources.insert(
            resource(
                "tc", {"Name": "hidden"}, "TrialComponent", status="Completed", created=5.0, parent="arn:p"
            )
        )
        tx.resources.insert(resource("other", {}, "TrialComponent"))
        tx.tags.put(component.arn, {"team": "7", "a.b/c": "x"})
        tx.edges.put(Edge("PartOf", component.arn, trial.arn, 1.0))
        tx.metrics.append(component.arn, [Point("eval: a/b.c", 1.0, 10.0), Point("eval: a/b.c", 3.0, 20.0)])

    def holds(name: str, operator: Operator, value: Any = None) -> bool:
        answer = found(store, Compare(name, operator, value), ("TrialComponent",))
        assert answer in ("", "tc")
        return answer == "tc"

    equals = Operator.EQUALS
    assert holds("Name", equals, "tc")
    assert not holds("Name", equals, "hidden")
    assert holds("Status", equals, "Completed")
    assert holds("CreationTime", Operator.GREATER_THAN, 4.0)
    assert holds("Arn", Operator.CONTAINS, "/tc")
    assert holds("ParentArn", Operator.EXISTS)
    assert holds("Tags.team", equals, "7")
    assert holds("Tags.a.b/c", equals, "x")
    assert holds("Parents.TrialName", equals, "trial-1")
    assert holds("Parents.TrialArn", equals, trial.arn)
    assert not holds("Parents.ExperimentName", Operator.EXISTS)
    for statistic, value in {
        "Last": 3, "Min": 1, "Max": 3, "Avg": 2, "Count": 2, "StdDev": 1, "TimeStamp": 20
    }.items():  # fmt: skip
        assert holds(f"Metrics.eval: a/b.c.{statistic}", equals, str(value))

    with store.begin() as tx:
        tx.resources.update(replace(trial, parent="arn:Experiment/Exp"))
        tx.tags.remove(component.arn, ["team"])
        tx.metrics.append(component.arn, [Point("eval: a/b.c", 0.0, 15.0)])
    assert holds("Parents.ExperimentName", equals, "Exp")
    assert not holds("Tags.team", Operator.EXISTS)
    assert holds("Metrics.eval: a/b.c.Min", equals, "0")
    assert holds("Metrics.eval: a/b.c.Last", equals, "3")
    with store.read() as tx:
        names = tx.resources.property_names("1", "r", "TrialComponent", "Parents.", 10)
        assert names == ["Parents.ExperimentName", "Parents.TrialArn", "Parents.TrialName"]

    with store.begin() as tx:
        tx.resources.delete("arn:Experiment/Exp")
    assert not holds("Parents.ExperimentName", Operator.EXISTS)
    with store.begin() as tx:
        tx.edges.delete("PartOf", component.arn, trial.arn)
    assert not holds("Parents.TrialName", Operator.EXISTS)


def test_edges_may_come_before_what_they_join(store: Store) -> None:
    with store.begin() as tx:
        tx.edges.put(Edge("PartOf", "arn:TrialComponent/tc", "arn:Trial/t", 1.0))
        tx.tags.put("arn:TrialComponent/tc", {"k": "v"})
        tx.resources.insert(resource("tc", {}, "TrialComponent"))
        tx.resources.insert(resource("t", {}, "Trial", parent="arn:Experiment/e"))
        tx.resources.insert(resource("e", {}, "Experiment"))
    where = Both(
        (
            Compare("Parents.ExperimentName", Operator.EQUALS, "e"),
            Compare("Tags.k", Operator.EQUALS, "v"),
        )
    )
    assert found(store, where, ("TrialComponent",)) == "tc"


def test_sorting_puts_those_without_the_property_last(store: Store) -> None:
    keep(
        store,
        {
            "x": {"p": "b"},
            "y": {},
            "z": {"p": 2},
            "w": {"p": "10"},
            "v": {"p": "B"},
            "u": {},
            "t": {"p": [1, 99]},
        },
    )
    assert found(store, sort_by="p") == "v x t z w y u"
    assert found(store, sort_by="p", descending=True) == "w z t x v u y"
    assert found(store, sort_by="nothing", descending=True) == "t u v w z y x"
    assert found(store, sort_by="CreationTime") == "x y z w v u t"


def test_account_region_and_kind_are_apart(store: Store) -> None:
    with store.begin() as tx:
        tx.resources.insert(resource("a", {"p": 1}))
        tx.resources.insert(replace(resource("b", {"p": 2}, "Other")))
        tx.resources.insert(replace(resource("c", {"p": 3}), account="2"))
        tx.resources.insert(replace(resource("d", {"p": 4}), region="s"))
    assert found(store, sort_by="p") == "a"
    assert found(store, kinds=(KIND, "Other", "None"), sort_by="p") == "a b"
    assert found(store, kinds=("None",)) == ""


def test_a_page_goes_on_where_the_last_one_ended(store: Store) -> None:
    keep(store, {f"r{number}": {"p": number // 2} for number in range(6)})
    query = Query("1", "r", (KIND,), sort_by="p", descending=False, limit=2)
    with store.begin() as tx:
        first = tx.resources.list(query)
        assert [item.name for item in first.items] == ["r0", "r1"]
        tx.resources.delete("arn:TrainingJob/r1")
        tx.resources.insert(resource("early", {"p": -1}))
        tx.resources.insert(resource("late", {"p": 1}))
        second = tx.resources.list(replace(query, cursor=first.cursor, limit=3))
        assert [item.name for item in second.items] == ["r2", "r3", "late"]


def test_a_cursor_belongs_to_its_query(store: Store) -> None:
    keep(store, {f"r{number}": {"p": number} for number in range(6)})
    query = Query("1", "r", (KIND,), sort_by="p", limit=2)
    with store.read() as tx:
        cursor = tx.resources.list(query).cursor
        assert cursor is not None
        bad = [
            cursor[:-2] + ("AA" if cursor[-2:] != "AA" else "BB"),
            "A" + cursor[1:],
            "",
            "x",
            "é",
            cursor * 2,
        ]
        for token in bad:
            with pytest.raises(BadCursor):
                tx.resources.list(replace(query, cursor=token))
        for other in (
            replace(query, sort_by="Name"),
            replace(query, account="2"),
            replace(query, descending=False),
        ):
            with pytest.raises(BadCursor):
                tx.resources.list(replace(other, cursor=cursor))


def test_property_names_are_those_in_use(store: Store) -> None:
    keep(store, {"a": {"HyperParameters": {"lr": 1, "l2": 2, "m": 3}}, "b": {"HyperParameters": {"lr": 1}}})
    with store.begin() as tx:
        assert tx.resources.property_names("1", "r", KIND, "HyperParameters.l", 10) == [
            "HyperParameters.l2",
            "HyperParameters.lr",
        ]
        assert len(tx.resources.property_names("1", "r", KIND, "HyperParameters.", 1)) == 1
        tx.resources.delete("arn:TrainingJob/a")
        assert tx.resources.property_names("1", "r", KIND, "HyperParameters.", 10) == ["HyperParameters.lr"]
        assert tx.resources.property_names("2", "r", KIND, "", 10) == []


# --- whatever hypothesis thinks of

MEMBERS = ["HyperParameters", "a", "b", "é%_. /"]
TEXTS = st.sampled_from(
    ["", "a", "A", "ab", "10", "9", "1e1", "-.5", "+3.", "nan", "é", "%", "_", "a/b", "true", "\U0001f600"]
)
NUMBERS = st.sampled_from([0, -1, 3, 9.0, 10, 10.5, 1e300, -0.5])
SCALARS = st.one_of(TEXTS, NUMBERS, st.booleans(), st.none())
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=3),
    max_leaves=6,
)
ELEMENTS = st.lists(st.dictionaries(st.sampled_from(MEMBERS), SCALARS, max_size=3), max_size=3)
DOCUMENTS = st.dictionaries(st.sampled_from(MEMBERS), VALUES | ELEMENTS, max_size=4)
PATHS = st.one_of(
    st.sampled_from(["Name", "Status", "CreationTime", "ParentArn", "Metrics.m.Last", "Metrics.m.Count", "Tags.t"]),
    st.lists(st.sampled_from(MEMBERS), min_size=1, max_size=3).map(".".join),
)  # fmt: skip
WANTED = st.one_of(TEXTS, NUMBERS)


@st.composite
def comparisons(draw: st.DrawFn, paths: st.SearchStrategy[str] = PATHS) -> Compare:
    operator = draw(st.sampled_from(Operator))
    value: Any = None
    if operator is Operator.IN:
        value = tuple(draw(st.lists(WANTED, max_size=3)))
    elif operator not in (Operator.EXISTS, Operator.NOT_EXISTS):
        value = draw(WANTED)
    return Compare(draw(paths), operator, value)


@st.composite
def nested(draw: st.DrawFn) -> Nested:
    at = draw(st.lists(st.sampled_from(MEMBERS), min_size=1, max_size=2).map(".".join))
    below = st.just(at) | st.sampled_from(MEMBERS).map(lambda member: f"{at}.{member}")
    return Nested(at, tuple(draw(st.lists(comparisons(below), min_size=1, max_size=3))))


EXPRESSIONS: st.SearchStrategy[Expression] = st.recursive(
    comparisons() | nested(),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda terms: Both(tuple(terms)))
        | st.lists(inner, max_size=3).map(lambda terms: Either(tuple(terms)))
    ),
    max_leaves=5,
)
RESOURCES = st.lists(
    st.tuples(DOCUMENTS, DOCUMENTS, st.sampled_from([None, "A", "10"]), st.sampled_from([None, 1.0, -2.0])),
    min_size=1, max_size=7,
)  # fmt: skip


@pytest.fixture(scope="module")
def sql_store() -> Any:
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder) / "clary.db")
        yield store
        store.close()


_accounts = count()


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=RESOURCES, where=EXPRESSIONS | st.none(), sort_by=PATHS, descending=st.booleans(),
    limits=st.sampled_from([(1000, 0, 4000), (0, 0, 4000), (0, 1000, 1), (0, 1000, 4), (1, 0, 1), (0, 2, 2)]),
)  # fmt: skip
def test_sql_and_memory_agree(
    sql_store: Store,
    monkeypatch: pytest.MonkeyPatch,
    rows: Sequence[tuple[dict[str, Any], dict[str, Any], str | None, float | None]],
    where: Expression | None,
    sort_by: str,
    descending: bool,
    limits: tuple[int, int, int],
) -> None:
    for name, limit in zip(("FEW", "MANY", "STEPS"), limits, strict=True):
        monkeypatch.setattr(search, name, limit)
    account = f"account-{next(_accounts)}"
    answers = []
    for store in (MemoryStore(), sql_store):
        with store.begin() as tx:
            for number, (before, after, status, metric) in enumerate(rows):
                one = replace(resource(f"r{number}", before), account=account, arn=f"{account}/r{number}")
                inserted = tx.resources.insert(replace(one, created=float(number // 2)))
                tx.resources.update(replace(inserted, spec=after, status=status))
                if metric is not None:
                    tx.metrics.append(one.arn, [Point("m", metric, 1.0)])
                    tx.tags.put(one.arn, {"t": f"{metric}"})
        query = Query(account, "r", (KIND,), where, sort_by, descending, limit=2)
        names = []
        with store.read() as reader:
            while True:
                page = reader.resources.list(query)
                names += [item.name for item in page.items]
                if page.cursor is None:
                    break
                query = replace(query, cursor=page.cursor)
            known = reader.resources.property_names(account, "r", KIND, "", 1000)
            answers.append((names, reader.resources.count(query), known))
    assert answers[0] == answers[1]
