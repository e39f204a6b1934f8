"""What the desk's metrics are made of, read at each scrape."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from scudo_agent.clock import Clock
from scudo_agent.dbfile.backup import last_taken
from scudo_agent.desk.mail.line import Line
from scudo_agent.desk.mail.spool import Spool, arrived
from scudo_agent.desk.mail.why import Outcome
from scudo_agent.desk.settings import SPOOL
from scudo_agent.desk.store.backup import DESK
from scudo_agent.desk.store.call_tables import alarm, call
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.mail_tables import mail_in
from scudo_agent.desk.store.mailbox import LEASE_US
from scudo_agent.desk.store.tables import agent, mail_outbox, stream_cursor
from scudo_agent.instant import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentMeasured:
    """One agent that is not revoked; instants are None before there was one."""

    customer: str
    site: str
    agent: str
    heard: Instant | None
    key_since: Instant | None
    oldest_us: int | None
    frozen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Arriving:
    """Mails at the door: in the spool, and how the line to the mailbox is.

    `up` and `looked` are None where there is no mailbox.
    """

    waiting: int
    oldest_us: int
    up: int | None
    looked: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The desk at one moment; ages are lengths of time, 0 where nothing waits."""

    waiting: int
    failed: int
    oldest_us: int
    lease_us: int
    gaps: dict[str, int]
    agents: Sequence[AgentMeasured]
    store_bytes: int
    free_bytes: int
    reserve_used: bool
    offset_us: int
    backup: Instant | None
    calls: dict[tuple[str, str], int]
    alarm_us: int
    mails_in: Mapping[str, int]
    quarantined: int
    quarantined_us: int
    arriving: Arriving


class Measures:
    """Reads them; may be called from any thread."""

    def __init__(
        self,
        database: Database,
        now: Callable[[], Instant],
        clock: Clock,
        folder: Path,
        mails_in: Callable[[], Mapping[str, int]],
    ) -> None:
        self._database = database
        self._now = now
        self._clock = clock
        self._folder = folder
        self._mails_in = mails_in

    def read(self) -> Measured:
        """The desk now."""
        now, wall = self._now(), self._clock.wall()
        with self._database.read() as db:
            by_state = {str(row.state): row for row in db.execute(_MAILS).all()}
            leased = db.execute(_LEASED).scalar()
            agents = db.execute(_AGENTS).all()
            calls = {(r.way, r.state): int(r.many) for r in db.execute(_CALLS)}
            begun = db.execute(_ALARM).scalar()
            gaps = {"I": 0, "L": 0}
            aside = db.execute(_ASIDE).one()
            gaps |= {row.stream: int(row.many) for row in db.execute(_GAPS)}
        waits, failed = by_state.get("pending"), by_state.get("failed")
        return Measured(
            waiting=waits.many if waits else 0,
            failed=failed.many if failed else 0,
            oldest_us=max(now - waits.oldest, 0) if waits else 0,
            lease_us=0 if leased is None else max(now - leased + LEASE_US, 0),
            gaps=gaps,
            agents=[
                AgentMeasured(
                    customer=row.tenant_id,
                    site=row.site_id,
                    agent=row.agent_id.rpartition("/")[2],
                    heard=row.hello_us,
                    key_since=row.key_us,
                    oldest_us=row.oldest_unacked_age_us,
                    frozen=row.cloned_us is not None,
                )
                for row in agents
            ],
            store_bytes=self._database.bytes(),
            free_bytes=shutil.disk_usage(self._folder).free,
            reserve_used=self._database.reserve_used,
            offset_us=wall - now,
            backup=last_taken(self._folder, DESK),
            calls=calls,
            alarm_us=0 if begun is None else max(now - begun, 0),
            mails_in=self._mails_in(),
            quarantined=aside.many,
            quarantined_us=max(now - aside.oldest, 0) if aside.many else 0,
            arriving=_arriving(self._folder / SPOOL, wall),
        )


def _arriving(folder: Path, now: Instant) -> Arriving:
    came = [arrived(path) or now for path in Spool(folder).waiting()]
    line = Line(folder).read()
    return Arriving(
        waiting=len(came),
        oldest_us=max(now - min(came, default=now), 0),
        up=None if line is None else int(line.lost is None),
        looked=None if line is None else line.looked,
    )


_MAILS = (
    select(
        mail_outbox.c.state,
        func.count().label("many"),
        func.min(mail_outbox.c.created_us).label("oldest"),
    )
    .where(mail_outbox.c.state.in_(("pending", "failed")))
    .group_by(mail_outbox.c.state)
)
_ASIDE = select(
    func.count().label("many"), func.min(mail_in.c.received_us).label("oldest")
).where(mail_in.c.outcome == Outcome.QUARANTINED.value)
_LEASED = select(func.min(mail_outbox.c.lease_until_us)).where(
    mail_outbox.c.state == "pending", mail_outbox.c.owner.is_not(None)
)
_AGENTS = select(agent).where(agent.c.revoked_us.is_(None)).order_by(agent.c.agent_id)
# Counted with the cursors: the reports themselves are many, and dropped some day.
_GAPS = select(
    stream_cursor.c.stream, func.sum(stream_cursor.c.gaps).label("many")
).group_by(stream_cursor.c.stream)
_CALLS = select(call.c.way, call.c.state, func.count().label("many")).group_by(
    call.c.way, call.c.state
)
_ALARM = select(func.min(alarm.c.begun_us)).where(alarm.c.ended_us.is_(None))
