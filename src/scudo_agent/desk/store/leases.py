"""Leases of mails that a desk that is no more was sending."""

from sqlalchemy import Connection, update

from scudo_agent.desk.store.tables import mail_outbox


def free_leases(db: Connection) -> None:
    """Give every mail back: this desk has just opened its database.

    Its lock says that nobody else has it, so who held a lease is gone, and a mail
    that it was sending need not wait until the lease is over. Owner and fence stay:
    of a database that was opened anew in the same process, a completion under way
    counts as long as nobody has claimed the mail again.
    """
    db.execute(
        update(mail_outbox)
        .where(
            mail_outbox.c.state == "pending", mail_outbox.c.lease_until_us.is_not(None)
        )
        .values(lease_until_us=None)
    )
