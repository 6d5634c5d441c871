"""Compact numbers for scopes (account, region, kind) and for property names within them.

Both are made once and never removed, so that a process may remember them. What a transaction makes is
remembered only after it: one that is undone made nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.sqlite import insert

from clary.storage.sql.schema import property_names, scopes
from clary.storage.sql.session import Session, Statement

CACHE_LIMIT = 500_000

_find_scope = Statement(
    select(scopes.c.id).where(
        scopes.c.account == bindparam("account"),
        scopes.c.region == bindparam("region"),
        scopes.c.kind == bindparam("kind"),
    )
)
_add_scope = Statement(
    insert(scopes)
    .values(account=bindparam("account"), region=bindparam("region"), kind=bindparam("kind"))
    .returning(scopes.c.id)
)
_scope_by_id = Statement(
    select(scopes.c.account, scopes.c.region, scopes.c.kind).where(scopes.c.id == bindparam("id"))
)
_find_name = Statement(
    select(property_names.c.id).where(
        property_names.c.scope == bindparam("scope"), property_names.c.name == bindparam("name")
    )
)
_add_name = Statement(
    insert(property_names)
    .values(scope=bindparam("scope"), name=bindparam("name"))
    .returning(property_names.c.id)
)

Scope = tuple[str, str, str]


class Names:
    """Shared by all transactions of a store. Plain dictionaries: single reads and writes are atomic."""

    def __init__(self) -> None:
        self._scopes: dict[Scope, int] = {}
        self._scopes_by_id: dict[int, Scope] = {}
        self._names: dict[tuple[int, str], int] = {}
        self.stale = 0
        """About how many series have searchable statistics that lag behind (see `statistics`)."""

    def scope(self, session: Session, scope: Scope) -> int | None:
        found = self._scopes.get(scope) or session.scopes.get(scope)
        if found is None:
            account, region, kind = scope
            row = session.one(_find_scope, account=account, region=region, kind=kind)
            if row is None:
                return None
            found = session.scopes[scope] = int(row[0])
        return found

    def make_scope(self, session: Session, scope: Scope) -> int:
        found = self.scope(session, scope)
        if found is None:
            account, region, kind = scope
            found = int(session.all(_add_scope, account=account, region=region, kind=kind)[0][0])
            session.scopes[scope] = found
        return found

    def scope_of(self, session: Session, id: int) -> Scope:
        found = self._scopes_by_id.get(id)
        if found is None:
            account, region, kind = session.all(_scope_by_id, id=id)[0]
            found = account, region, kind
            session.scopes[found] = id
        return found

    def name(self, session: Session, scope: int, name: str) -> int | None:
        key = scope, name
        found = self._names.get(key) or session.names.get(key)
        if found is None:
            row = session.one(_find_name, scope=scope, name=name)
            if row is None:
                return None
            found = session.names[key] = int(row[0])
        return found

    def make_name(self, session: Session, scope: int, name: str) -> int:
        found = self.name(session, scope, name)
        if found is None:
            found = int(session.all(_add_name, scope=scope, name=name)[0][0])
            session.names[scope, name] = found
        return found

    def names(self, session: Session, scopes: Sequence[int], name: str) -> list[int]:
        return [id for scope in scopes if (id := self.name(session, scope, name)) is not None]

    def remember(self, session: Session) -> None:
        """After its commit."""
        if session.scopes:
            self._scopes.update(session.scopes)
            self._scopes_by_id.update({id: scope for scope, id in session.scopes.items()})
        if session.names:
            if len(self._names) > CACHE_LIMIT:
                self._names.clear()
            self._names.update(session.names)
