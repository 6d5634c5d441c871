"""What was deleted and can still be brought back: the same rows, out of sight under ARNs of their own.

Putting a resource into the trash prefixes its ARN wherever that stands, and moves the row to a scope that no query
asks for: nothing finds it, its ARN is free, and its metrics, which hang on the row's number, stay where they are.
An edge has both its ends prefixed. Searchable properties are dropped, and derived again when the row comes back.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import BindParameter, bindparam, delete, func, insert, select, update

from clary.domain.properties import of_document
from clary.storage.ports import Discarded, Exists, Missing
from clary.storage.sql import properties as derived
from clary.storage.sql.names import Names
from clary.storage.sql.properties import PART_OF
from clary.storage.sql.schema import edges, metric_summaries, outbox, properties, resources, tags, trash
from clary.storage.sql.series import drop_series
from clary.storage.sql.session import Row, Session, Statement, from_json, to_json
from clary.storage.sql.statistics import bound_staleness

_COLUMNS = (
    trash.c.id,
    trash.c.account,
    trash.c.region,
    trash.c.kind,
    trash.c.name,
    trash.c.time,
    trash.c.document,
)
_keep = Statement(insert(trash).values({column.name: bindparam(column.name) for column in _COLUMNS}))
_all = select(*_COLUMNS).order_by(trash.c.time.desc(), trash.c.id)
_list = Statement(_all.where(trash.c.account == bindparam("account"), trash.c.region == bindparam("region")))
_before = Statement(_all.where(trash.c.time < bindparam("before")))
_find = Statement(_all.where(trash.c.id == bindparam("id")))
_since = Statement(
    select(trash.c.id).where(trash.c.time >= bindparam("time")).order_by(trash.c.time, trash.c.id)
)
_forget = Statement(delete(trash).where(trash.c.id == bindparam("id")))

_row = Statement(
    select(resources.c.id, resources.c.scope, resources.c.parent).where(resources.c.arn == bindparam("arn"))
)
_members = Statement(
    select(edges.c.source).where(edges.c.destination == bindparam("arn"), edges.c.kind == PART_OF)
)
_move = Statement(
    update(resources)
    .where(resources.c.id == bindparam("id_"))
    .values(arn=bindparam("arn"), scope=bindparam("scope"), parent=bindparam("parent"))
)
_both_ends = {
    "source": bindparam("prefix").concat(edges.c.source),
    "destination": bindparam("prefix").concat(edges.c.destination),
}
_arn: BindParameter[str] = bindparam("arn")
_hide = (
    Statement(update(edges).where(edges.c.source == _arn).values(_both_ends)),
    Statement(update(edges).where(edges.c.destination == _arn).values(_both_ends)),
    Statement(update(tags).where(tags.c.arn == _arn).values(arn=bindparam("prefix").concat(tags.c.arn))),
    Statement(delete(outbox).where(outbox.c.arn == _arn)),
)
_drop_properties = Statement(delete(properties).where(properties.c.resource == bindparam("id")))
_set_stale = Statement(
    update(metric_summaries)
    .where(metric_summaries.c.resource == bindparam("id_"), metric_summaries.c.stale != bindparam("stale"))
    .values(stale=bindparam("stale"))
)

_start: BindParameter[str] = bindparam("start")
_end: BindParameter[str] = bindparam("end")
_kept = Statement(
    select(
        resources.c.id, resources.c.arn, resources.c.scope, resources.c.parent, resources.c.spec, resources.c.state
    )
    .where(resources.c.arn >= _start, resources.c.arn < _end)
    .order_by(resources.c.id)
)  # fmt: skip
_edges = Statement(
    select(edges.c.kind, edges.c.source, edges.c.destination).where(
        edges.c.source >= _start, edges.c.source < _end
    )
)
_edge = (
    edges.c.kind == bindparam("kind"),
    edges.c.source == bindparam("a"),
    edges.c.destination == bindparam("b"),
)
_move_edge = Statement(
    update(edges).where(*_edge).values(source=bindparam("to_a"), destination=bindparam("to_b"))
)
_drop_edges = Statement(delete(edges).where(edges.c.source >= _start, edges.c.source < _end))
_show_tags = Statement(
    update(tags)
    .where(tags.c.arn >= _start, tags.c.arn < _end)
    .values(arn=func.substr(tags.c.arn, bindparam("length")))
)
_drop_tags = Statement(delete(tags).where(tags.c.arn >= _start, tags.c.arn < _end))
_drop_row = Statement(delete(resources).where(resources.c.id == bindparam("id")))
_HIDDEN = "Trash/"
"""Before the kind in the scope of rows in the trash."""


class SqlTrash:
    def __init__(self, session: Session, names: Names) -> None:
        self._session, self._names = session, names

    def put(self, discarded: Discarded, arns: Sequence[str]) -> None:
        session, prefix = self._session, _prefix(discarded.id)
        gone = dict.fromkeys(arns)
        rows = [(arn, *self._located(arn)) for arn in gone]
        left = {row[0] for arn in gone for row in session.all(_members, arn=arn)} - gone.keys()
        session.run(
            _keep, id=discarded.id, account=discarded.account, region=discarded.region, kind=discarded.kind,
            name=discarded.name, time=discarded.time, document=to_json(discarded.document),
        )  # fmt: skip
        for arn, id, scope, parent in rows:
            for statement in _hide:
                session.run(statement, arn=arn, prefix=prefix)
            session.run(_drop_properties, id=id)
            session.run(_set_stale, id_=id, stale=0)
            account, region, kind = self._names.scope_of(session, scope)
            hidden = self._names.make_scope(session, (account, region, _HIDDEN + kind))
            session.run(
                _move,
                id_=id,
                arn=prefix + arn,
                scope=hidden,
                parent=prefix + parent if parent in gone else parent,
            )
        for arn in left:
            derived.refresh_parents(session, self._names, arn)

    def list(self, account: str, region: str) -> Sequence[Discarded]:
        return [_discarded(row) for row in self._session.all(_list, account=account, region=region)]

    def restore(self, id: str) -> None:
        session = self._session
        held = session.one(_find, id=id)
        if held is None:
            raise Missing(id)
        span = _span(id)
        rows = session.all(_kept, **span)
        back = {row[1][len(span["start"]) :]: row for row in rows}
        for arn in back:
            if derived.locate(session, arn) is not None:
                raise Exists(arn)
        for arn, row in back.items():
            self._show(arn, row, span["start"])
        session.run(_show_tags, **span, length=len(span["start"]) + 1)
        session.run(_forget, id=id)
        left = self._show_edges(span, held[5]) - back.keys()
        for arn, row in back.items():
            _, scope = self._found(arn)
            document = {**from_json(row[4]), **from_json(row[5])}
            found = {**of_document(document), **derived.beside(session, arn)}
            derived.add(session, self._names, row[0], scope, found)
        for arn in left:
            derived.refresh_parents(session, self._names, arn)

    def purge(self, before: float) -> int:
        session = self._session
        found = session.all(_before, before=before)
        for id, *_ in found:
            span = _span(id)
            for row in session.all(_kept, **span):
                drop_series(session, row[0])
                session.run(_drop_row, id=row[0])
            session.run(_drop_edges, **span)
            session.run(_drop_tags, **span)
            session.run(_forget, id=id)
        return len(found)

    def _show(self, arn: str, row: Row, prefix: str) -> None:
        id, _, hidden, parent = row[:4]
        account, region, kind = self._names.scope_of(self._session, hidden)
        scope = self._names.make_scope(self._session, (account, region, kind.removeprefix(_HIDDEN)))
        own = parent is not None and parent.startswith(prefix)
        self._session.run(
            _move, id_=id, arn=arn, scope=scope, parent=parent[len(prefix) :] if own else parent
        )  # fmt: skip
        bound_staleness(self._session, self._names, self._session.changed(_set_stale, id_=id, stale=1))

    def _show_edges(self, span: dict[str, str], time: float) -> set[str]:
        """The sources of the `PartOf` edges that came back. `time`: when they were put here; an end that is not
        there was deleted after it, and of several that bore its name it is the first."""
        session, length = self._session, len(span["start"])
        others = [_prefix(row[0]) for row in session.all(_since, time=time)]
        sources = set()
        for kind, a, b in session.all(_edges, **span):
            source, destination = a[length:], b[length:]
            missing = [arn for arn in (source, destination) if derived.locate(session, arn) is None]
            held = [other for other in others if missing and derived.locate(session, other + missing[0])]
            if not missing or held:
                prefix = held[0] if held else ""
                session.run(_move_edge, kind=kind, a=a, b=b, to_a=prefix + source, to_b=prefix + destination)
            if not missing and kind == PART_OF:
                sources.add(source)
        session.run(_drop_edges, **span)
        return sources

    def _located(self, arn: str) -> Row:
        row = self._session.one(_row, arn=arn)
        if row is None:
            raise Missing(arn)
        return row

    def _found(self, arn: str) -> tuple[int, int]:
        found = derived.locate(self._session, arn)
        assert found is not None
        return found


def _prefix(id: str) -> str:
    return f"trash:{id}:"


def _span(id: str) -> dict[str, str]:
    """The ARNs that begin with the prefix: from `start` to before `end`."""
    return {"start": _prefix(id), "end": f"trash:{id};"}


def _discarded(row: Row) -> Discarded:
    id, account, region, kind, name, time, document = row
    return Discarded(id, account, region, kind, name, time, from_json(document))
