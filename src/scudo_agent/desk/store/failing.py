"""Addresses at which the desk's mails do not arrive: their last one came back."""

from collections.abc import Iterable

from sqlalchemy import Connection, func, select

from scudo_agent.desk.store.tables import mail_outbox


def failing(db: Connection, addresses: Iterable[str | None]) -> dict[str, str]:
    """Of these addresses, in small letters, those that fail, with what was said.

    A mail that was sent after the one that came back, and did not, ends it.
    """
    wanted = sorted({one.lower() for one in addresses if one})
    if not wanted:
        return {}
    address = func.lower(mail_outbox.c.recipient)
    back = (
        select(
            address.label("address"),
            func.max(mail_outbox.c.mail_id).label("mail_id"),
        )
        .where(mail_outbox.c.bounced_us.is_not(None), address.in_(wanted))
        .group_by(address)
        .subquery()
    )
    later = mail_outbox.alias()
    arrived = (
        select(later.c.mail_id)
        .where(
            later.c.mail_id > back.c.mail_id,
            func.lower(later.c.recipient) == back.c.address,
            later.c.state == "sent",
        )
        .exists()
    )
    query = (
        select(back.c.address, mail_outbox.c.bounce)
        .join(mail_outbox, mail_outbox.c.mail_id == back.c.mail_id)
        .where(~arrived)
    )
    return {str(row.address): str(row.bounce or "") for row in db.execute(query)}
