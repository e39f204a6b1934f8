"""What the provider must know of once: a ledger altered, a store damaged, a report
refused (`reliability.md` 1.3 and 3, threat 9).

They are the provider's incidents like a silent agent. A further one while it is open
is an entry of the same ticket; after an hour without one it is over. Everything
follows from rows.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, func, insert, or_, select

from scudo_agent.desk.fact_words import ALTERED, DAMAGED, FACTS, UNSTORED
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.ledger_tables import ledger_mark
from scudo_agent.desk.store.own import OwnIncidents
from scudo_agent.desk.store.post import Posting
from scudo_agent.desk.store.scope import AgentIdentity
from scudo_agent.desk.store.tables import (
    agent,
    incident,
    security_event,
    ticket_event,
)
from scudo_agent.instant import DAY, HOUR, MINUTE, Instant
from scudo_agent.text import T, Text
from scudo_agent.wire import Sentence, canonical

CALM_US = HOUR
"""Without a further fact for so long it is over."""

OLD_US = 35 * DAY
"""What befell a store longer ago is no news to a desk that is new."""

_LATER_US = 10 * MINUTE
"""A ledger that is still not in order is looked at again after so long."""

_REASON = 300
_LONGEST = 4_096
_DAMAGED_KIND, _UNSTORED_KIND = "store_damaged", "store_takes_nothing"


def tell_fact(
    db: Connection,
    who: AgentIdentity,
    about: str,
    note: Text,
    *,
    now: Instant,
    posting: Posting,
) -> None:
    """Open the provider's incident about it, or add to the one that is open."""
    own = OwnIncidents(db, (who.tenant_id, who.site_id), now=now, posting=posting)
    if own.standing(about) is None:
        own.open(about, now, note=note)
    else:
        own.add(about, note)


def refused(stream: str, seq: int, reason: str) -> Text:
    """What the ticket says of a report that the desk cannot take."""
    return T(
        "Event {seq} of stream {stream}: {reason}.",
        seq=seq,
        stream=stream,
        reason=reason[:_REASON].rstrip("."),
    )


def note_damage(
    db: Connection,
    who: AgentIdentity,
    damaged: Sentence | None,
    *,
    now: Instant,
    posting: Posting,
) -> None:
    """The agent says in its greetings what last befell its store: told once."""
    if damaged is None or not _first(db, who, _DAMAGED_KIND, damaged, now=now):
        return
    if now - _when(damaged) <= OLD_US:
        note = Text.from_json(damaged)
        tell_fact(db, who, DAMAGED, note, now=now, posting=posting)


def note_unstored(
    db: Connection,
    who: AgentIdentity,
    unstored: Sentence | None,
    *,
    now: Instant,
    posting: Posting,
) -> None:
    """The agent says in its greetings that its store takes nothing just now."""
    if unstored is not None and _first(db, who, _UNSTORED_KIND, unstored, now=now):
        note = Text.from_json(unstored)
        tell_fact(db, who, UNSTORED, note, now=now, posting=posting)


def _first(
    db: Connection, who: AgentIdentity, kind: str, said: Sentence, *, now: Instant
) -> bool:
    """Whether this agent says so for the first time; it is kept then."""
    if len(canonical(said)) > _LONGEST:
        return False
    known = db.execute(
        select(security_event.c.data).where(
            security_event.c.tenant_id == who.tenant_id,
            security_event.c.kind == kind,
            security_event.c.actor == who.actor,
        )
    ).scalars()
    if any(one == said for one in known):
        return False
    row = {
        "tenant_id": who.tenant_id,
        "kind": kind,
        "actor": who.actor,
        "at_us": now,
        "data": said,
    }
    db.execute(insert(security_event).values(row))
    return True


def _when(damaged: Sentence) -> int:
    at = damaged.get("values", {}).get("at", {})
    found = at.get("instant") if isinstance(at, dict) else None
    return found if isinstance(found, int) else 0


class Facts:
    """Ends the incidents of facts of which nothing more has come."""

    def __init__(
        self, database: Database, now: Callable[[], Instant], posting: Posting
    ) -> None:
        self._database = database
        self._now = now
        self._posting = posting

    def end_due(self) -> tuple[int, Instant | None]:
        """End what has been calm for an hour; how many, and when the next is due."""
        now = self._now()
        with self._database.read() as db:
            waiting = [(row, _due(db, row, now)) for row in db.execute(_OPEN).all()]
        over = [row for row, due in waiting if due <= now]
        for row in over:
            with self._database.write() as db:
                where = (row.tenant_id, row.site_id)
                own = OwnIncidents(db, where, now=now, posting=self._posting)
                own.recover(row.subject_key.partition(":")[0], now)
        later = [due for _, due in waiting if due > now]
        return len(over), min(later, default=None)


def _due(db: Connection, row: Any, now: Instant) -> Instant:
    """When it is over, as far as known: an hour after the last that was told of it."""
    last = db.execute(
        select(func.max(ticket_event.c.stored_us)).where(
            ticket_event.c.tenant_id == row.tenant_id,
            ticket_event.c.incident_id == row.incident_id,
            ticket_event.c.rev.is_not(None),
            ticket_event.c.kind != _ACCEPTED,
        )
    ).scalar_one()
    due = Instant(last + CALM_US)
    if due > now or not row.subject_key.startswith(f"{ALTERED}:"):
        return due
    # Greetings that do not hold leave no mark: it is not over while they come, of
    # whichever agent of a pair.
    said = func.max(ledger_mark.c.said_us)
    of_agent = (
        select(agent.c.hello_us, said)
        .outerjoin(ledger_mark, ledger_mark.c.agent_id == agent.c.agent_id)
        .where(
            agent.c.tenant_id == row.tenant_id,
            agent.c.site_id == row.site_id,
            agent.c.revoked_us.is_(None),
        )
        .group_by(agent.c.agent_id, agent.c.hello_us)
    )
    heard = [(at, mark or 0) for at, mark in db.execute(of_agent)]
    holds = any(mark >= due for _, mark in heard) and not any(
        at is not None and at >= due > mark for at, mark in heard
    )
    return due if holds else Instant(now + _LATER_US)


_ACCEPTED = "mail_accepted"
_OPEN = select(incident).where(
    incident.c.subject_open,
    incident.c.audience == "provider",
    or_(*(incident.c.subject_key.startswith(f"{about}:") for about in FACTS)),
)
