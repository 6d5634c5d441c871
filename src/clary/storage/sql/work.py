"""The outbox of effects, and leases: what is to be done, and by whom."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace
from sqlalchemy import bindparam, delete, func, or_, select
from sqlalchemy.dialects.sqlite import insert

from clary.storage.ports import Effect
from clary.storage.sql.schema import leases, outbox
from clary.storage.sql.session import Row, Session, Statement, from_json, to_json

_COLUMNS = (outbox.c.arn, outbox.c.generation, outbox.c.name, outbox.c.payload, outbox.c.due, outbox.c.id)
_insert = insert(outbox).values({column.name: bindparam(column.name) for column in _COLUMNS[:-1]})
_put = Statement(
    _insert.on_conflict_do_update(
        index_elements=["arn", "generation", "name"],
        set_={"payload": _insert.excluded.payload, "due": _insert.excluded.due},
    ).returning(outbox.c.id)
)
_due = Statement(
    select(*_COLUMNS)
    .where(outbox.c.due <= bindparam("now"))
    .order_by(outbox.c.due, outbox.c.id)
    .limit(bindparam("limit"))
)
_next = Statement(select(func.min(outbox.c.due)).where(outbox.c.due > bindparam("now")))
_of = Statement(select(*_COLUMNS).where(outbox.c.arn == bindparam("arn")).order_by(outbox.c.due, outbox.c.id))
_delete = Statement(delete(outbox).where(outbox.c.id == bindparam("id")))
_clear = Statement(delete(outbox).where(outbox.c.arn == bindparam("arn")))

_lease = insert(leases).values(key=bindparam("key"), owner=bindparam("owner"), expires=bindparam("expires"))
_acquire = Statement(
    _lease.on_conflict_do_update(
        index_elements=["key"],
        set_={"owner": _lease.excluded.owner, "expires": _lease.excluded.expires},
        where=or_(leases.c.owner == _lease.excluded.owner, leases.c.expires <= bindparam("now")),
    )
)
_release = Statement(
    delete(leases).where(leases.c.key == bindparam("key"), leases.c.owner == bindparam("owner"))
)


def _effect(row: Row) -> Effect:
    return Effect(row[0], row[1], row[2], from_json(row[3]), row[4], row[5])


class SqlOutbox:
    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, effect: Effect) -> Effect:
        row = self._session.all(
            _put, arn=effect.arn, generation=effect.generation, name=effect.name,
            payload=to_json(effect.payload), due=effect.due,
        )[0]  # fmt: skip
        self._session.effects = True
        return replace(effect, id=row[0])

    def due(self, now: float, limit: int = 1000) -> Sequence[Effect]:
        return [_effect(row) for row in self._session.all(_due, now=now, limit=limit)]

    def next_due_after(self, now: float) -> float | None:
        row = self._session.one(_next, now=now)
        return None if row is None else row[0]

    def list(self, arn: str) -> Sequence[Effect]:
        return [_effect(row) for row in self._session.all(_of, arn=arn)]

    def delete(self, id: int) -> bool:
        return self._session.changed(_delete, id=id) > 0

    def clear(self, arn: str) -> None:
        self._session.run(_clear, arn=arn)


class SqlLeases:
    def __init__(self, session: Session) -> None:
        self._session = session

    def acquire(self, key: str, owner: str, now: float, seconds: float) -> bool:
        return self._session.changed(_acquire, key=key, owner=owner, now=now, expires=now + seconds) > 0

    def release(self, key: str, owner: str) -> None:
        self._session.run(_release, key=key, owner=owner)
