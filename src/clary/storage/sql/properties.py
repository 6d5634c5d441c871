"""Keeps `properties` true to what it derives from: documents, tags and parents. Only what changed is written.

The statistics of metrics are written here too, but later than their points (see `statistics`).
"""

from __future__ import annotations

from sqlalchemy import bindparam, delete, insert, select

from clary.domain.properties import Properties, of_parents, of_tags
from clary.storage.sql.names import Names
from clary.storage.sql.schema import edges, properties, resources, tags
from clary.storage.sql.session import Session, Statement

PART_OF = "PartOf"

_INSERT = Statement(insert(properties))
_DELETE = Statement(
    delete(properties).where(
        properties.c.resource == bindparam("resource"), properties.c.name == bindparam("name")
    )
)
_resource = Statement(select(resources.c.id, resources.c.scope).where(resources.c.arn == bindparam("arn")))
_trial = resources.alias("trial")
_experiment = resources.alias("experiment")
_parents = Statement(
    select(_trial.c.arn, _trial.c.name, _experiment.c.name)
    .select_from(edges)
    .join(_trial, _trial.c.arn == edges.c.destination)
    .outerjoin(_experiment, _experiment.c.arn == _trial.c.parent)
    .where(edges.c.source == bindparam("arn"), edges.c.kind == PART_OF)
    .order_by(edges.c.created, edges.c.destination)
)
_members = Statement(
    select(edges.c.source).where(edges.c.destination == bindparam("arn"), edges.c.kind == PART_OF)
)
_members_of_children = Statement(
    select(edges.c.source)
    .select_from(resources)
    .join(edges, edges.c.destination == resources.c.arn)
    .where(resources.c.parent == bindparam("arn"), edges.c.kind == PART_OF)
)
_tags = Statement(select(tags.c.key, tags.c.value).where(tags.c.arn == bindparam("arn")))


def locate(session: Session, arn: str) -> tuple[int, int] | None:
    """Id and scope of a resource."""
    row = session.one(_resource, arn=arn)
    return None if row is None else (row[0], row[1])


def add(session: Session, names: Names, id: int, scope: int, found: Properties) -> None:
    """Properties that were not there."""
    session.insert(
        _INSERT.compiled[0],
        [
            (id, number_of_name, position, value.element, value.number, value.text)
            for name, values in found.items()
            for number_of_name in (names.make_name(session, scope, name),)
            for position, value in enumerate(values)
        ],
    )


def change(session: Session, names: Names, id: int, scope: int, old: Properties, new: Properties) -> None:
    """Write the difference. A name in `old` may have no rows."""
    gone = [name for name, values in old.items() if new.get(name) != values]
    if gone:
        session.many(_DELETE.compiled[0], [(id, names.make_name(session, scope, name)) for name in gone])
    come = {name: values for name, values in new.items() if old.get(name) != values}
    if come:
        add(session, names, id, scope, come)


def stored_tags(session: Session, arn: str) -> dict[str, str]:
    return dict(session.all(_tags, arn=arn))


def beside(session: Session, arn: str) -> Properties:
    """What a resource has apart from its document: tags and parents that were there before it."""
    return {**of_tags(stored_tags(session, arn)), **_of_parents(session, arn)}


def _of_parents(session: Session, arn: str) -> Properties:
    return of_parents([(row[0], row[1], row[2]) for row in session.all(_parents, arn=arn)])


_ANY_PARENTS: Properties = {f"Parents.{name}": [] for name in ("TrialArn", "TrialName", "ExperimentName")}


def refresh_parents(session: Session, names: Names, arn: str) -> None:
    """After a change of the `PartOf` edges that leave `arn`, or of what they lead to."""
    found = locate(session, arn)
    if found is not None:
        change(session, names, *found, _ANY_PARENTS, _of_parents(session, arn))


def members(session: Session, arn: str) -> list[str]:
    """ARNs whose parents' properties tell of `arn`: it is their trial, or their trials' experiment."""
    own = session.all(_members, arn=arn)
    return [row[0] for row in own or session.all(_members_of_children, arn=arn)]
