"""What the desk drops: what agents acknowledged 35 days ago cannot come again, and of
ledger, statements and tickets eleven contract years are kept before the running one.

Windows are append-only, and stay. Tickets that nobody closed stay, too.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, func, or_, select, update

from scudo_agent.contract.hours import local_day
from scudo_agent.contract.year import kept_since
from scudo_agent.desk.lifecycle import Condition, Status
from scudo_agent.desk.store.attachment_tables import attachment
from scudo_agent.desk.store.call_post import CALL
from scudo_agent.desk.store.call_tables import alarm, call, call_link
from scudo_agent.desk.store.contracts import last_contracts
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.ledger_tables import ledger, statement
from scudo_agent.desk.store.life_tables import ticket_word
from scudo_agent.desk.store.mail_room import drop_old
from scudo_agent.desk.store.mail_tables import mail_in
from scudo_agent.desk.store.people_post import KINDS
from scudo_agent.desk.store.people_tables import person_token
from scudo_agent.desk.store.session_tables import login_code, session
from scudo_agent.desk.store.tables import (
    PROVIDER_TENANT,
    held_stage,
    inbox,
    incident,
    mail_outbox,
    security_event,
    site,
    stream_cursor,
    ticket,
    ticket_event,
)
from scudo_agent.instant import DAY, HOUR, Instant
from scudo_agent.locale.formats import zone_info

INBOX_US = 35 * DAY
"""An agent keeps what was acknowledged for so long, and can tell it again."""

EVERY_US = DAY
FIRST_US = HOUR
"""Not in a start's first hour: agents have much to tell then."""

AT_ONCE = 200
"""Tickets in one transaction: others wait for the writer meanwhile."""


class Retention:
    """Drops what was kept for long enough; each step is one transaction."""

    def __init__(self, database: Database, now: Callable[[], Instant]) -> None:
        self._database = database
        self._now = now
        self._next: Instant | None = None

    def drop_due(self) -> tuple[int, Instant | None]:
        """Once a day, `drop`; how many rows, and when the next time is."""
        now = self._now()
        if self._next is None:
            self._next = Instant(now + FIRST_US)
        if now < self._next:
            return 0, self._next
        self._next = Instant(now + EVERY_US)
        return self.drop(), self._next

    def drop(self) -> int:
        """Drop what is due; how many rows."""
        now = self._now()
        with self._database.write() as db:
            done = _received(db, now) + drop_old(db, now)
        with self._database.read() as db:
            contracts = last_contracts(db)
            sites = db.execute(select(site)).all()
        for one in sites:
            found = contracts.get(one.contract_id or "")
            contract = None if found is None else found[1]
            since = kept_since(contract, now)
            zone = one.timezone if contract is None else contract.timezone
            with self._database.write() as db:
                dropped = _told(db, one, since) + _stated(db, one, since, zone)
                if dropped:
                    _remember(db, one, since)
            done += dropped
            while dropped := self._tickets(one, since):
                done += dropped
        return done

    def _tickets(self, one: Row[Any], since: Instant) -> int:
        with self._database.write() as db:
            return _closed(db, one, since)


def _received(db: Connection, now: Instant) -> int:
    """Events that were taken, codes, links and sessions that are over, old alarms."""
    before = now - INBOX_US
    far = kept_since(None, now)
    gone = (
        delete(inbox).where(inbox.c.stored_us < before),
        delete(login_code).where(login_code.c.expires_us < before),
        delete(session).where(session.c.expires_us < before),
        delete(call_link).where(call_link.c.expires_us < before),
        delete(person_token).where(person_token.c.expires_us < before),
        delete(mail_outbox).where(
            mail_outbox.c.kind.in_((*KINDS.values(), CALL)),
            mail_outbox.c.state != "pending",
            mail_outbox.c.created_us < before,
        ),
        delete(security_event).where(security_event.c.at_us < far),
    )
    return sum(db.execute(one).rowcount for one in gone)


def _remember(db: Connection, of: Row[Any], since: Instant) -> None:
    """What was before `since` can be stated no more."""
    mine = (site.c.tenant_id == of.tenant_id, site.c.site_id == of.site_id)
    dropped = max(since, of.dropped_us or 0)
    db.execute(update(site).where(*mine).values(dropped_us=dropped))


def _told(db: Connection, of: Row[Any], since: Instant) -> int:
    """Entries of the ledger before the one that holds at `since`, of each witness.

    A later one that begins no later undoes them: nothing that is kept hangs on them.
    The last one of a stream stays, since the next has its hash.
    """
    here = (ledger.c.tenant_id == of.tenant_id, ledger.c.site_id == of.site_id)
    standing = db.execute(
        select(
            ledger.c.agent_id,
            ledger.c.epoch,
            ledger.c.service,
            func.max(ledger.c.seq).label("seq"),
        )
        .where(*here, ledger.c.service.is_not(None), ledger.c.since_us <= since)
        .group_by(ledger.c.agent_id, ledger.c.epoch, ledger.c.service)
    ).all()
    done = 0
    for row in standing:
        gone = delete(ledger).where(
            *here,
            ledger.c.agent_id == row.agent_id,
            ledger.c.epoch == row.epoch,
            ledger.c.service == row.service,
            ledger.c.seq < row.seq,
        )
        done += db.execute(gone).rowcount
    last = (
        select(stream_cursor.c.last_seq)
        .where(
            stream_cursor.c.agent_id == ledger.c.agent_id,
            stream_cursor.c.epoch == ledger.c.epoch,
            stream_cursor.c.stream == "L",
        )
        .scalar_subquery()
    )
    graves = delete(ledger).where(
        *here,
        ledger.c.service.is_(None),
        ledger.c.stored_us < since,
        ledger.c.seq < last,
    )
    return done + db.execute(graves).rowcount


def _stated(db: Connection, of: Row[Any], since: Instant, zone: str) -> int:
    """Statements of months and years that ended before, with their mails."""
    first = local_day(zone_info(zone), since)
    over = and_(
        statement.c.tenant_id == of.tenant_id,
        statement.c.site_id == of.site_id,
        or_(
            and_(func.length(statement.c.period) == 4,
                 statement.c.period < f"{first:%Y}"),
            and_(func.length(statement.c.period) == 7,
                 statement.c.period < f"{first:%Y-%m}"),
        ),
    )  # fmt: skip
    mails = select(statement.c.mail_id).where(over, statement.c.mail_id.is_not(None))
    gone = list(db.execute(mails).scalars())
    done = db.execute(delete(statement).where(over)).rowcount
    posted = delete(mail_outbox).where(
        mail_outbox.c.tenant_id == of.tenant_id, mail_outbox.c.mail_id.in_(gone)
    )
    return done + db.execute(posted).rowcount


def _closed(db: Connection, of: Row[Any], since: Instant) -> int:
    """Some tickets that were closed before, with all that belongs to them."""
    query = (
        select(ticket.c.ticket_id)
        .where(
            ticket.c.tenant_id == of.tenant_id,
            ticket.c.site_id == of.site_id,
            ticket.c.status == Status.CLOSED.value,
            ticket.c.condition != Condition.BAD.value,
            ticket.c.closed_us < since,
        )
        .order_by(ticket.c.ticket_id)
        .limit(AT_ONCE)
    )
    ids = list(db.execute(query).scalars())
    if not ids:
        return 0
    mine = incident.c.tenant_id == of.tenant_id
    stages = select(incident.c.incident_id).where(mine, incident.c.ticket_id.in_(ids))
    held = delete(held_stage).where(
        held_stage.c.tenant_id == of.tenant_id,
        held_stage.c.incident_id.in_(stages),
    )
    done = db.execute(held).rowcount
    # A storm's mail may tell of an incident that went to another ticket.
    events = select(ticket_event.c.event_id).where(
        ticket_event.c.tenant_id == of.tenant_id, ticket_event.c.ticket_id.in_(ids)
    )
    told = delete(mail_outbox).where(
        mail_outbox.c.tenant_id == of.tenant_id, mail_outbox.c.event_id.in_(events)
    )
    done += db.execute(told).rowcount
    done += _alarms(db, of, ids)
    for table in (
        mail_in,
        ticket_word,
        attachment,
        mail_outbox,
        ticket_event,
        incident,
        ticket,
    ):
        # A mail that came in is the provider's, whatever ticket it is on.
        whose = PROVIDER_TENANT if table is mail_in else of.tenant_id
        gone = delete(table).where(
            table.c.tenant_id == whose, table.c.ticket_id.in_(ids)
        )
        done += db.execute(gone).rowcount
    return done


def _alarms(db: Connection, of: Row[Any], ids: list[int]) -> int:
    """The alarms of some tickets, with their calls and links."""
    alarms = select(alarm.c.alarm_id).where(
        alarm.c.tenant_id == of.tenant_id, alarm.c.ticket_id.in_(ids)
    )
    calls = select(call.c.call_id).where(
        call.c.tenant_id == of.tenant_id, call.c.alarm_id.in_(alarms)
    )
    gone = (
        delete(call_link).where(
            call_link.c.tenant_id == of.tenant_id, call_link.c.call_id.in_(calls)
        ),
        delete(call).where(
            call.c.tenant_id == of.tenant_id, call.c.alarm_id.in_(alarms)
        ),
        delete(alarm).where(
            alarm.c.tenant_id == of.tenant_id, alarm.c.ticket_id.in_(ids)
        ),
    )
    return sum(db.execute(one).rowcount for one in gone)
