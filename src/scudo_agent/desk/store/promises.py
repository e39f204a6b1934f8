"""What a contract says of a ticket, for its mails: clocks, and closing by itself."""

from typing import Any

from sqlalchemy import Connection, select

from scudo_agent.contract.hours import TicketFacts
from scudo_agent.desk.commitments import commitments
from scudo_agent.desk.lifecycle import Condition, closes
from scudo_agent.desk.store.contracts import last_version
from scudo_agent.desk.store.coverage import covers_of, version_at
from scudo_agent.desk.store.tables import ticket_event
from scudo_agent.instant import Instant, parse_instant
from scudo_agent.model import Kind
from scudo_agent.text import T, Text
from scudo_agent.wire import Stage


def closing(db: Connection, row: Any, stage: Stage, facts: Any) -> Instant | None:
    """When the ticket closes by itself, as of this recovery; None: people do it."""
    if stage.kind is not Kind.RECOVER or facts.contract_id is None:
        return None
    version = last_version(db, facts.contract_id)
    after_us = None if version is None else version.contract.tickets.close_after_us
    if after_us is None or facts.condition == Condition.NOT_MEASURED.value:
        return None
    until = stage.outage.until if stage.outage else stage.at
    return closes(parse_instant(until), _heard(db, row), after_us)


def closing_resolved(db: Connection, row: Any, resolved: Instant) -> Instant | None:
    """When a ticket closes by itself that a person resolved then; None: people do it.

    `row` has its `condition` and the site's `contract_id`. What is still down, while a
    redundant system stays, is not closed.
    """
    if row.contract_id is None or row.condition == Condition.BAD.value:
        return None
    version = last_version(db, row.contract_id)
    after_us = None if version is None else version.contract.tickets.close_after_us
    return None if after_us is None else Instant(resolved + after_us)


def committed(db: Connection, row: Any, stage: Stage, facts: Any) -> tuple[Text, ...]:
    """What the contract's clocks promise of a ticket that was just opened.

    Clocks count from the receipt, whenever the desk came to hear of it (`domain.md`
    6). After the end of a contract nothing is promised, and the notice says why.
    """
    if stage.kind is not Kind.OPEN:
        return ()
    received = Instant(facts.received_us)
    covers = covers_of(db, row.tenant_id, facts.site_id)
    if (over := covers.ended(received)) is not None and over.until is not None:
        until = {"date": over.until.isoformat()}
        return (T("none: the contract ended on {date}", date=until),)
    held = covers.at(received)
    if held is None or stage.audience == "provider" or stage.severity is None:
        return ()
    version = version_at(db, held.contract_id, received)
    if version is None:
        return ()
    known = TicketFacts(severity=stage.severity, origin=facts.origin)
    return tuple(commitments(version.contract, received, known))


def _heard(db: Connection, row: Any) -> Instant:
    """When the desk heard of what a mail tells."""
    query = select(ticket_event.c.stored_us).where(
        ticket_event.c.event_id == row.event_id
    )
    return Instant(db.execute(query).scalar_one())
