"""The mails of monthly statements: put into the outbox with the revision, read back."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select

from scudo_agent.desk.store.errands import Head, head_of
from scudo_agent.desk.store.ledger_tables import statement
from scudo_agent.desk.store.scope import AgentIdentity
from scudo_agent.desk.store.tables import mail_outbox, site, tenant
from scudo_agent.desk.store.window_rows import known_services
from scudo_agent.instant import Instant
from scudo_agent.wire import Named

STATEMENT = "statement"
"""Kind of the mail that brings a revision of a month's statement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementErrand(Head):
    """A claimed mail about a month's statement, with all that its text needs.

    `body` is the statement as it is kept; `whole`: up to when the ledger was whole
    when it was made, None if nobody knows.
    """

    site_id: str
    zone: str
    period: str
    revision: int
    body: bytes
    whole: Instant | None
    services: tuple[Named, ...]


def post_statement(
    db: Connection,
    who: AgentIdentity,
    *,
    of: tuple[str, int, str],
    host: str,
    now: Instant,
) -> int:
    """Put the mail of a period's revision into the outbox; its row's number.

    `of` is period, revision and SHA-256 of the statement. The Message-ID follows from
    them: a desk that was put back from a copy and states the same again writes the
    same mail, and one that states something else writes another.
    """
    period, revision, sha256 = of
    reader = db.execute(
        select(tenant.c.mail, tenant.c.language).where(
            tenant.c.tenant_id == who.tenant_id
        )
    ).one()
    thread = f"{STATEMENT}/{who.tenant_id}/{who.site_id}/{period}"
    first = db.execute(
        select(mail_outbox.c.message_id)
        .where(
            mail_outbox.c.tenant_id == who.tenant_id,
            mail_outbox.c.window_thread == thread,
        )
        .order_by(mail_outbox.c.mail_id)
        .limit(1)
    ).scalar()
    name = f"{STATEMENT}.{who.site_id}.{period}.{revision}.{sha256[:16]}"
    row = {
        "tenant_id": who.tenant_id,
        "window_thread": thread,
        "kind": STATEMENT,
        "rev": revision,
        "state": "pending",
        "message_id": f"<{name}@{host}>",
        "in_reply_to": first,
        "recipient": str(reader.mail),
        "language": str(reader.language),
        "created_us": now,
        "next_us": now,
    }
    query = insert(mail_outbox).values(row).returning(mail_outbox.c.mail_id)
    return int(db.execute(query).scalar_one())


def statement_errand(db: Connection, row: Any, fence: int) -> StatementErrand:
    """What the claimed outbox row `row` tells."""
    facts = db.execute(
        select(statement, site.c.timezone)
        .join(
            site,
            (site.c.tenant_id == statement.c.tenant_id)
            & (site.c.site_id == statement.c.site_id),
        )
        .where(
            statement.c.tenant_id == row.tenant_id, statement.c.mail_id == row.mail_id
        )
    ).one()
    who = AgentIdentity(tenant_id=row.tenant_id, site_id=facts.site_id, agent_id="")
    return StatementErrand(
        **head_of(row, fence),
        site_id=facts.site_id,
        zone=facts.timezone,
        period=facts.period,
        revision=facts.revision,
        body=facts.body,
        whole=None if facts.whole_us is None else Instant(facts.whole_us),
        services=tuple(known_services(db, who)),
    )
