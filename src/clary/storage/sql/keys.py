"""Credentials: users' and roots' access keys, and role sessions."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert

from clary.storage.ports import Key
from clary.storage.sql.schema import access_keys as keys
from clary.storage.sql.session import Row, Session, Statement

_COLUMNS = (
    keys.c.id, keys.c.secret, keys.c.account, keys.c.principal, keys.c.created, keys.c.token, keys.c.expires,
    keys.c.active,
)  # fmt: skip
_insert = insert(keys).values({column.name: bindparam(column.name) for column in _COLUMNS})
_put = Statement(
    _insert.on_conflict_do_update(
        index_elements=["id"], set_={column.name: _insert.excluded[column.name] for column in _COLUMNS[1:]}
    )
)
_find = Statement(select(*_COLUMNS).where(keys.c.id == bindparam("id")))
_list = Statement(
    select(*_COLUMNS).where(keys.c.principal == bindparam("principal")).order_by(keys.c.created, keys.c.id)
)
_delete = Statement(delete(keys).where(keys.c.id == bindparam("id")))
_purge = Statement(delete(keys).where(keys.c.expires <= bindparam("now")))


def _key(row: Row) -> Key:
    return Key(row[0], row[1], row[2], row[3], row[4], row[5], row[6], bool(row[7]))


class SqlKeys:
    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, key: Key) -> None:
        self._session.run(
            _put, id=key.id, secret=key.secret, account=key.account, principal=key.principal,
            created=key.created, token=key.token, expires=key.expires, active=int(key.active),
        )  # fmt: skip

    def find(self, id: str) -> Key | None:
        row = self._session.one(_find, id=id)
        return None if row is None else _key(row)

    def list(self, principal: str) -> Sequence[Key]:
        return [_key(row) for row in self._session.all(_list, principal=principal)]

    def delete(self, id: str) -> None:
        self._session.run(_delete, id=id)

    def purge(self, now: float) -> None:
        self._session.run(_purge, now=now)
