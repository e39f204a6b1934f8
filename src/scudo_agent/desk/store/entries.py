"""A ticket's history and its mails as they are read; what is internal stays here."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, func, select

from scudo_agent.desk.life import ASSIGNED, CALL_ENTRIES, INTERNAL_KINDS
from scudo_agent.desk.marks import mark
from scudo_agent.desk.store.people_tables import person
from scudo_agent.desk.store.tables import mail_outbox, ticket_event
from scudo_agent.instant import Instant
from scudo_agent.wire import Stage

HISTORY_LIMIT = 400
"""Entries of a history that are read at once: its first few, and the latest."""

MAIL_ENTRIES = ("mail_accepted", "mail_refused")
"""Kinds of the entries that say what became of a mail."""

_FIRST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a ticket's history; `stage` when an agent's stage made it.

    `event_id` grows with time.
    """

    event_id: int
    at: Instant
    stored: Instant
    kind: str
    actor: str
    incident_id: str | None
    rev: int | None
    severity: int | None
    rule: str | None
    data: dict[str, Any]
    stage: Stage | None

    @property
    def mark(self) -> str:
        """What it is called in forms, among the entries of its ticket."""
        return mark(self.kind, self.at, self.stored, self.actor, self.rev)


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingMail:
    """A mail of this ticket that has not left."""

    kind: str
    state: str
    recipient: str
    attempts: int
    error: str | None
    next: Instant


def entries_of(
    db: Connection, of: tuple[str, int], *, mails_only: bool, internal: bool
) -> tuple[tuple[Entry, ...], int]:
    """The history, or its begin and its end, and how many are left out.

    Without `internal` it has what a customer may read, and nothing else leaves here.
    """
    mine = [
        ticket_event.c.tenant_id == of[0],
        ticket_event.c.ticket_id == of[1],
    ]
    if mails_only:
        mine.append(ticket_event.c.kind.in_(MAIL_ENTRIES))
    if not internal:
        mine.append(ticket_event.c.kind.not_in(sorted(INTERNAL_KINDS)))
    count = select(func.count()).select_from(ticket_event).where(*mine)
    left_out = max(int(db.execute(count).scalar_one()) - HISTORY_LIMIT, 0)
    query, place = select(ticket_event).where(*mine), ticket_event.c.event_id
    if left_out:
        first = db.execute(query.order_by(place).limit(_FIRST)).all()
        rest = query.order_by(place.desc()).limit(HISTORY_LIMIT - _FIRST)
        rows = [*first, *reversed(db.execute(rest).all())]
    else:
        rows = list(db.execute(query.order_by(place)))
    entries = tuple(map(entry_of, rows))
    if internal:
        return entries, left_out
    shown = (one for one in entries if not one.data.get("internal"))
    return tuple(map(public, shown)), left_out


def public(entry: Entry) -> Entry:
    """An entry without words that only the provider's people may read."""
    if entry.data.get("public") or "words" not in entry.data:
        return entry
    data = {name: value for name, value in entry.data.items() if name != "words"}
    return replace(entry, data=data)


def names_in(db: Connection, entries: Iterable[Entry]) -> dict[int, str]:
    """Names of the people who did something, or to whom the ticket was given."""
    numbers = {one.actor.partition("person:")[2] for one in entries}
    wanted = {int(one) for one in numbers if one.isdecimal()}
    for one in entries:
        if one.kind == ASSIGNED:
            given = (one.data.get("from"), one.data.get("to"))
            wanted |= {number for number in given if number is not None}
        if one.kind in CALL_ENTRIES and one.data.get("person") is not None:
            wanted.add(int(one.data["person"]))
    if not wanted:
        return {}
    query = select(person.c.person_id, person.c.name).where(
        person.c.person_id.in_(sorted(wanted))
    )
    return {row.person_id: row.name for row in db.execute(query)}


def entry_of(row: Any) -> Entry:
    """The entry of a row of `ticket_event`."""
    return Entry(
        event_id=row.event_id,
        at=row.at_us,
        stored=row.stored_us,
        kind=row.kind,
        actor=row.actor,
        incident_id=row.incident_id,
        rev=row.rev,
        severity=row.severity,
        rule=row.rule,
        data=row.data,
        stage=stage_in(row.data),
    )


def stage_in(data: Any) -> Stage | None:
    """The stage that an entry of history keeps, if it keeps one."""
    kept = data.get("stage") if isinstance(data, dict) else None
    return None if kept is None else Stage.model_validate(kept)


def unsent_of(db: Connection, of: tuple[str, int]) -> tuple[PendingMail, ...]:
    rows = db.execute(
        select(mail_outbox)
        .where(
            mail_outbox.c.tenant_id == of[0],
            mail_outbox.c.ticket_id == of[1],
            mail_outbox.c.state.in_(("pending", "failed")),
        )
        .order_by(mail_outbox.c.mail_id)
    )
    return tuple(
        PendingMail(
            kind=row.kind,
            state=row.state,
            recipient=row.recipient,
            attempts=row.attempts,
            error=row.last_error,
            next=row.next_us,
        )
        for row in rows
    )
