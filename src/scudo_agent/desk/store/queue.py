"""The desk's queue in pages: which tickets, in which order, and where to go on.

First the numbers of a page's tickets are looked up, from what is in the ticket's row
and in the words; what a line shows is read for those alone.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    func,
    literal_column,
    select,
    tuple_,
)

from scudo_agent.desk.search_words import as_ref, sought
from scudo_agent.desk.store.scope import Scope, within
from scudo_agent.desk.store.search import matching
from scudo_agent.desk.store.tables import ticket
from scudo_agent.instant import Instant

_LAST = 2**62
_NO_CODE = 9
# Written out and not bound: only so do the partial indexes fit.
_CLOSED: ColumnElement[bool] = ticket.c.status == literal_column("'closed'")
_OPEN: ColumnElement[bool] = ticket.c.status != literal_column("'closed'")
_QUEUE: tuple[ColumnElement[int], ...] = (
    func.coalesce(ticket.c.severity, _NO_CODE),
    # Until somebody triages it, a ticket is as urgent as it is severe.
    func.coalesce(ticket.c.urgency, ticket.c.severity, _NO_CODE),
    func.coalesce(ticket.c.due_us, _LAST),
    ticket.c.received_us,
    ticket.c.ticket_id,
)
_LATEST: tuple[ColumnElement[int], ...] = (
    func.coalesce(ticket.c.closed_us, 0),
    ticket.c.ticket_id,
)
_CURSOR = re.compile(r"([oc])((?:\.[0-9]{1,19}){1,4})\.(SC-[0-9A-Z-]{1,20}|-)")
_NONE = "-"
"""Stands for a ticket before all others of its section."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Which tickets: what is empty, None or false narrows nothing.

    `text` is what somebody looks for. `assignee` 0 is nobody. `received_before` and
    `due_before` are instants that the asker's "older than" and "overdue" lead to.
    """

    text: str = ""
    customer: str | None = None
    site: str | None = None
    statuses: Sequence[str] = ()
    severities: Sequence[int] = ()
    urgencies: Sequence[int] = ()
    origin: str | None = None
    category: str | None = None
    assignee: int | None = None
    unstable: bool = False
    due_before: Instant | None = None
    received_before: Instant | None = None


NO_WISH = Wish()


def page_of_ids(
    db: Connection, scope: Scope, wish: Wish, *, after: str | None, limit: int
) -> tuple[list[int], str | None]:
    """The tickets of a page in the queue's order, and where the next page begins.

    The queue's order is `domain.md` 5: severity, urgency, the clock that is due
    first, receipt; closed tickets stand behind, the latest first. A ticket whose
    number is looked for stands before all. A cursor that is none begins at the start.
    """
    section, key = _place(db, after)
    sure = [*within(scope), *narrowed(wish)]
    first = _of_number(db, sure, wish.text)
    if first is not None:
        sure.append(ticket.c.ticket_id != first)
    sure += matching(db, scope, sought(wish.text))
    ids = [first] if first is not None and after is None else []
    if section == "o":
        rows = _open(db, sure, key, limit - len(ids) + 1)
        ids += [row.ticket_id for row in rows]
        if len(ids) > limit:
            return ids[:limit], _cursor("o", rows[-2])
        key = None
    rows = _closed(db, sure, key, limit - len(ids) + 1)
    over = len(ids) + len(rows) > limit
    found = ids + [row.ticket_id for row in rows]
    if not over:
        return found, None
    if len(rows) == 1:
        # The page is full without a closed one: the next begins with them.
        return found[:limit], f"c.{_LAST}.{_NONE}"
    return found[:limit], _cursor("c", rows[-2])


def _open(
    db: Connection,
    sure: list[ColumnElement[bool]],
    key: tuple[int, ...] | None,
    limit: int,
) -> Sequence[Row[Any]]:
    query = select(
        ticket.c.ticket_id, ticket.c.ref, *(one.label(None) for one in _QUEUE[:-1])
    )
    if key is not None:
        query = query.where(tuple_(*_QUEUE) > tuple_(*key))
    return db.execute(query.where(_OPEN, *sure).order_by(*_QUEUE).limit(limit)).all()


def _closed(
    db: Connection,
    sure: list[ColumnElement[bool]],
    key: tuple[int, ...] | None,
    limit: int,
) -> Sequence[Row[Any]]:
    query = select(ticket.c.ticket_id, ticket.c.ref, _LATEST[0].label(None))
    if key is not None:
        query = query.where(tuple_(*_LATEST) < tuple_(*key))
    order = (ticket.c.closed_us.desc(), ticket.c.ticket_id.desc())
    return db.execute(query.where(_CLOSED, *sure).order_by(*order).limit(limit)).all()


def _cursor(section: str, row: Row[Any]) -> str:
    """Where a page ended: the section, and the row's place in its order.

    The ticket stands there by its public number: ours would tell a customer how
    many tickets the others have.
    """
    return ".".join([section, *map(str, row[2:]), row.ref])


def _place(db: Connection, after: str | None) -> tuple[str, tuple[int, ...] | None]:
    match = _CURSOR.fullmatch(after or "")
    if match is None:
        return "o", None
    last = _LAST
    if match[3] != _NONE:
        number = select(ticket.c.ticket_id).where(ticket.c.ref == match[3])
        last = db.execute(number).scalar() or _LAST
    key = (*(min(int(one), 2**63 - 1) for one in match[2][1:].split(".")), last)
    if len(key) != (len(_QUEUE) if match[1] == "o" else len(_LATEST)):
        return "o", None
    return match[1], key


def _of_number(
    db: Connection, sure: list[ColumnElement[bool]], text: str
) -> int | None:
    """The ticket that is named by its number, if the reader may see it."""
    ref = as_ref(text)
    if ref is None:
        return None
    return db.execute(
        select(ticket.c.ticket_id).where(ticket.c.ref == ref, *sure)
    ).scalar()


def narrowed(wish: Wish) -> list[ColumnElement[bool]]:
    """What a ticket must fulfil, apart from words."""
    equal = (
        (ticket.c.tenant_id, wish.customer),
        (ticket.c.site_id, wish.site),
        (ticket.c.origin, wish.origin),
        (ticket.c.category, wish.category),
    )
    among: tuple[tuple[ColumnElement[Any], Sequence[Any]], ...] = (
        (ticket.c.status, wish.statuses),
        (ticket.c.severity, wish.severities),
        (ticket.c.urgency, wish.urgencies),
    )
    sure: list[ColumnElement[bool]] = [
        column == value for column, value in equal if value is not None
    ]
    sure += [column.in_(values) for column, values in among if values]
    if wish.assignee is not None:
        someone = ticket.c.assignee_id
        sure.append(someone == wish.assignee if wish.assignee else someone.is_(None))
    if wish.unstable:
        sure.append(ticket.c.unstable_us.is_not(None))
    if wish.due_before is not None:
        sure += [ticket.c.due_us < wish.due_before, _OPEN]
    if wish.received_before is not None:
        sure.append(ticket.c.received_us < wish.received_before)
    return sure
