"""The channels of the provider's people, and the calls that are made by them.

A call is claimed before it is made, and never made twice: of one whose desk ended in
the middle nobody knows whether it arrived, and the next step is made.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select, update

from scudo_agent.desk.store.call_post import new_link
from scudo_agent.desk.store.call_tables import alarm, call, call_channel
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.people_tables import person
from scudo_agent.desk.store.scope import Scope
from scudo_agent.desk.store.tables import PROVIDER_TENANT, ticket
from scudo_agent.desk.store.views import TicketLine, line_of, ticket_lines
from scudo_agent.errors import InputError
from scudo_agent.instant import MINUTE, Instant

LEASE_US = 3 * MINUTE
"""A call that is not done with by then is taken for failed."""

CHANNELS_LIMIT = 5
"""Channels of one person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelLine:
    """A channel as its owner sees it: never its address."""

    channel_id: int
    kind: str
    created: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelCall:
    """A claimed call; `token` opens the page to acknowledge."""

    call_id: int
    lease: Instant
    url: str
    language: str | None
    line: TicketLine
    token: str


class ChannelCalls:
    """Keeps channels, claims calls and records what became of them."""

    def __init__(self, database: Database, now: Callable[[], Instant]) -> None:
        self._database = database
        self._now = now

    def add(self, person_id: int, kind: str, url: str) -> None:
        """Call somebody by this channel, too; the same twice is one.

        `InputError` for more than somebody hears.
        """
        row = {
            "tenant_id": PROVIDER_TENANT,
            "person_id": person_id,
            "kind": kind,
            "url": url,
            "created_us": self._now(),
        }
        mine = call_channel.c.person_id == person_id
        with self._database.write() as db:
            known = db.execute(select(call_channel.c.url).where(mine)).scalars().all()
            if url in known:
                return
            if len(known) >= CHANNELS_LIMIT:
                raise InputError(f"there are {CHANNELS_LIMIT} channels already")
            db.execute(insert(call_channel).values(row))

    def lines(self, person_id: int) -> tuple[ChannelLine, ...]:
        """Somebody's channels, the oldest first."""
        query = (
            select(
                call_channel.c.channel_id,
                call_channel.c.kind,
                call_channel.c.created_us,
            )
            .where(call_channel.c.person_id == person_id)
            .order_by(call_channel.c.channel_id)
        )
        with self._database.read() as db:
            return tuple(
                ChannelLine(
                    channel_id=row.channel_id,
                    kind=row.kind,
                    created=Instant(row.created_us),
                )
                for row in db.execute(query)
            )

    def remove(self, person_id: int, channel_id: int) -> bool:
        """Forget a channel of somebody's own; False if there is none."""
        mine = (
            call_channel.c.person_id == person_id,
            call_channel.c.channel_id == channel_id,
        )
        with self._database.write() as db:
            return db.execute(delete(call_channel).where(*mine)).rowcount > 0

    def claim(self) -> ChannelCall | None:
        """The oldest call by a channel that nobody makes yet."""
        with self._database.read() as db:
            if db.execute(_waiting()).first() is None:
                return None
        with self._database.write() as db:
            row = db.execute(_waiting()).first()
            if row is None:
                return None
            now = self._now()
            lease = Instant(now + LEASE_US)
            this = update(call).where(call.c.call_id == row.call_id)
            db.execute(this.values(lease_us=lease))
            query = ticket_lines(Scope.of_staff()).where(
                ticket.c.ticket_id == row.ticket_id
            )
            return ChannelCall(
                call_id=row.call_id,
                lease=lease,
                url=row.url,
                language=row.language,
                line=line_of(db.execute(query).one()),
                token=new_link(db, row, now)[0],
            )

    def done(self, made: ChannelCall, error: str) -> bool:
        """It was made (`error` empty), or not; False if it was over meanwhile."""
        held = (
            call.c.call_id == made.call_id,
            call.c.state == "pending",
            call.c.lease_us == made.lease,
        )
        values: dict[str, Any] = {"sent_us": self._now(), "state": "sent"}
        if error:
            # The rounds of calls make the next step of it.
            values = {"last_error": error, "lease_us": 0}
        with self._database.write() as db:
            return db.execute(update(call).where(*held).values(values)).rowcount == 1


def _waiting() -> Any:
    return (
        select(call, alarm.c.ticket_id, call_channel.c.url, person.c.language)
        .join(
            alarm,
            (alarm.c.tenant_id == call.c.tenant_id)
            & (alarm.c.alarm_id == call.c.alarm_id),
        )
        .join(call_channel, call_channel.c.channel_id == call.c.channel_id)
        .join(person, person.c.person_id == call_channel.c.person_id)
        .where(
            call.c.state == "pending",
            call.c.lease_us.is_(None),
            alarm.c.ended_us.is_(None),
        )
        .order_by(call.c.call_id)
        .limit(1)
    )
