"""Too many mails of one sender: the provider is told once, and not of each of them."""

from sqlalchemy import Connection, func, select

from scudo_agent.desk.fact_words import FLOOD
from scudo_agent.desk.store.own import OwnIncidents
from scudo_agent.desk.store.post import Posting
from scudo_agent.desk.store.tables import ticket_event
from scudo_agent.instant import HOUR, Instant
from scudo_agent.text import T

_AGAIN_US = HOUR // 2
"""While it goes on the incident is told of again, so that it does not end."""


def tell_flood(
    db: Connection,
    where: tuple[str, str],
    sender: str,
    span_us: int,
    *,
    now: Instant,
    posting: Posting,
) -> None:
    """Open the provider's incident about the site's mail, or let it go on.

    `span_us` is the time within which they are too many: an hour, or a day.
    """
    own = OwnIncidents(db, where, now=now, posting=posting)
    note = T(
        "Mails of {sender} are too many within an hour: more of them are set aside.",
        sender=sender,
    )
    if span_us > HOUR:
        note = T(
            "Mails of {sender} are too many within a day: more of them are set aside.",
            sender=sender,
        )
    standing = own.standing(FLOOD)
    if standing is None:
        own.open(FLOOD, now, note=note)
        return
    last = select(func.max(ticket_event.c.stored_us)).where(
        ticket_event.c.tenant_id == where[0],
        ticket_event.c.incident_id == standing.incident_id,
        ticket_event.c.rev.is_not(None),
    )
    if now - int(db.execute(last).scalar_one()) >= _AGAIN_US:
        own.add(FLOOD, note)
