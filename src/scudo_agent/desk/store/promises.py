"""What a contract says of a ticket, for its mails: clocks, and closing by itself."""

from typing import Any

from sqlalchemy import Connection, select

from scudo_agent.desk.commitments import commitments
from scudo_agent.desk.lifecycle import Condition, closes
from scudo_agent.desk.notice import AGENT_ORIGIN
from scudo_agent.desk.store.contracts import last_version
from scudo_agent.desk.store.tables import ticket_event
from scudo_agent.instant import Instant, parse_instant
from scudo_agent.model import Kind
from scudo_agent.text import Text
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


def committed(db: Connection, row: Any, stage: Stage, facts: Any) -> tuple[Text, ...]:
    """What the contract's clocks promise of a ticket that was just opened."""
    if stage.kind is not Kind.OPEN or facts.contract_id is None:
        return ()
    version = last_version(db, facts.contract_id)
    if version is None or stage.audience == "provider":
        return ()
    told = commitments(
        version.contract, _heard(db, row), severity=stage.severity, origin=AGENT_ORIGIN
    )
    return tuple(told)


def _heard(db: Connection, row: Any) -> Instant:
    """When the desk heard of what a mail tells."""
    query = select(ticket_event.c.stored_us).where(
        ticket_event.c.event_id == row.event_id
    )
    return Instant(db.execute(query).scalar_one())
