"""Links by which somebody says that he knows: looked at as often as one likes, used
by a button.

A token opens the page of its own ticket and nothing else. To know is not to take in
charge: the clocks of the contract go on until somebody takes the ticket.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, or_, select

from scudo_agent.desk.escalation import End
from scudo_agent.desk.store.alarms import end, enter
from scudo_agent.desk.store.call_tables import alarm, call, call_link
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.people_tables import person
from scudo_agent.desk.store.scope import Scope
from scudo_agent.desk.store.tables import ticket
from scudo_agent.desk.store.views import TicketLine, line_of, ticket_lines
from scudo_agent.instant import Instant

ACKNOWLEDGED = "call_acknowledged"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSeen:
    """What a link shows: the ticket as a mail to the provider tells it.

    `name` is whose link it is, empty for the queue's. `how`, `ended` and `by` (a
    person's name, or empty) tell that the alarm is over.
    """

    line: TicketLine
    begun: Instant
    name: str
    language: str | None
    how: End | None
    ended: Instant | None
    by: str


class CallLinks:
    """Finds links by their tokens' hashes; each method is one transaction."""

    def __init__(self, database: Database, now: Callable[[], Instant]) -> None:
        self._database = database
        self._now = now

    def look(self, ref: str, token_sha256: str) -> CallSeen | None:
        """What a link of that ticket shows; None if it is none, or is too old."""
        with self._database.read() as db:
            row = self._row(db, ref, token_sha256)
            return None if row is None else _seen(db, row)

    def acknowledge(self, ref: str, token_sha256: str) -> CallSeen | None:
        """Somebody knows: call nobody more. What is so then; None as in `look`."""
        with self._database.write() as db:
            row = self._row(db, ref, token_sha256)
            if row is None:
                return None
            now = self._now()
            number = row.person_id
            actor = "desk" if number is None else f"person:{number}"
            if end(db, row, End.ACKNOWLEDGED, actor, now):
                data = {"way": row.way, "person": number}
                enter(db, row, ACKNOWLEDGED, actor, now, data)
            return _seen(db, self._row(db, ref, token_sha256))

    def _row(self, db: Connection, ref: str, token_sha256: str) -> Any:
        query = (
            select(
                alarm, call.c.way, call.c.person_id, person.c.name, person.c.language
            )
            .join(
                call,
                (call.c.tenant_id == call_link.c.tenant_id)
                & (call.c.call_id == call_link.c.call_id),
            )
            .join(
                alarm,
                (alarm.c.tenant_id == call.c.tenant_id)
                & (alarm.c.alarm_id == call.c.alarm_id),
            )
            .join(
                ticket,
                (ticket.c.tenant_id == alarm.c.tenant_id)
                & (ticket.c.ticket_id == alarm.c.ticket_id),
            )
            .outerjoin(person, person.c.person_id == call.c.person_id)
            .where(
                call_link.c.token_sha256 == token_sha256,
                call_link.c.expires_us > self._now(),
                ticket.c.ref == ref,
                or_(call.c.person_id.is_(None), person.c.disabled_us.is_(None)),
            )
        )
        return db.execute(query.select_from(call_link)).first()


def _seen(db: Connection, row: Any) -> CallSeen:
    query = ticket_lines(Scope.of_staff()).where(ticket.c.ticket_id == row.ticket_id)
    by = (row.ended_by or "").partition("person:")[2]
    name = ""
    if by.isdecimal():
        whose = select(person.c.name).where(person.c.person_id == int(by))
        name = str(db.execute(whose).scalar() or "")
    return CallSeen(
        line=line_of(db.execute(query).one()),
        begun=Instant(row.begun_us),
        name=row.name or "",
        language=row.language,
        how=None if row.ended_how is None else End(row.ended_how),
        ended=None if row.ended_us is None else Instant(row.ended_us),
        by=name,
    )
