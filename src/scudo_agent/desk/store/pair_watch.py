"""One agent of a pair is silent while the other is heard (`docs/decisions/pair.md`).

The provider is told. What the silent one reported of an outage does not keep its
ticket bad once the other has seen the end: it is set aside, and the recovery told.
An agent that is back and still sees it after a while counts again.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from scudo_agent.desk.lifecycle import Condition, Status, joint, returned
from scudo_agent.desk.own_words import ONE_SILENT
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.own import OwnIncidents
from scudo_agent.desk.store.post import OVER, SEEN_AGAIN, Post, Posting
from scudo_agent.desk.store.rows import Rows
from scudo_agent.desk.store.scope import AgentIdentity
from scudo_agent.desk.store.tables import (
    agent,
    incident,
    mail_outbox,
    ticket,
    ticket_event,
)
from scudo_agent.instant import MINUTE, Instant
from scudo_agent.model import Kind
from scudo_agent.wire import Stage

AGAIN_US = 15 * MINUTE
"""So long an agent that is heard again may take to see for itself."""

SET_ASIDE, COUNTS_AGAIN = "set_aside", "counts_again"
_WHILE_SILENT = 1 << 62
_FOR_GOOD = 0
"""It counts, and is not set aside again before it is over."""


@dataclass(frozen=True, slots=True)
class _Agent:
    """One of two that a site has; `silent` too when its key was taken away."""

    who: AgentIdentity
    heard: int | None
    revoked: bool
    silent: bool


class PairWatch:
    """Looks after the sites that two agents watch."""

    def __init__(self, database: Database, posting: Posting) -> None:
        self._database = database
        self._posting = posting

    def look(self, now: Instant, silent_us: int) -> tuple[int, int]:
        """How many agents fell silent beside another, and how many are back.

        An agent is silent when it was not heard for `silent_us`.
        """
        with self._database.read() as db:
            sites = _pairs(db, now, silent_us)
            todo = [
                two
                for two in sites
                if _news(db, two) or _to_set_aside(db, two) or _aside(db, two)
            ]
        fell = back = 0
        for two in todo:
            with self._database.write() as db:
                less, more = self._notices(db, two, now)
                fell, back = fell + less, back + more
                for row in _to_set_aside(db, two):
                    self._set_aside(db, row, now)
                for row, one in _aside(db, two):
                    self._back(db, row, one, now)
        return fell, back

    def _notices(
        self, db: Connection, two: list[_Agent], now: Instant
    ) -> tuple[int, int]:
        """Tell the provider who is silent; nobody but the site's ticket if both are."""
        fell = back = 0
        for one, silent in _news(db, two):
            where = (one.who.tenant_id, one.who.site_id)
            name = _name(one.who)
            own = OwnIncidents(db, where, now=now, posting=self._posting, name=name)
            if silent:
                own.open(ONE_SILENT, Instant(one.heard or now))
                fell += 1
            else:
                own.recover(ONE_SILENT, Instant(one.heard or now))
                back += 1
        return fell, back

    def _set_aside(self, db: Connection, row: Row[Any], now: Instant) -> None:
        """From now on the other agent's word is what the ticket goes by."""
        rows = Rows(db, _of(row), now)
        condition = joint(rows.conditions(row.ticket_id, besides=row.incident_id))
        if condition is Condition.NOT_MEASURED:
            return  # nobody else would ever say that it is over
        _put(db, row, aside_us=_WHILE_SILENT, subject_open=False)
        event_id = _enter(db, row, SET_ASIDE, now)
        rows.hand_over(row.subject_key)
        if condition is not Condition.RECOVERED:
            return
        ended = rows.ended(row.ticket_id, besides=row.incident_id)
        _put_ticket(db, row, condition=condition.value, recovered_us=ended)
        last = _last(db, row.tenant_id, row.twin_id)
        if row.storm_us is None and last.kind is Kind.RECOVER:
            post = Post(db, row.tenant_id, now=now, posting=self._posting)
            post.turned(last, row.ticket_id, event_id=event_id, kind=OVER)

    def _back(self, db: Connection, row: Row[Any], one: _Agent, now: Instant) -> None:
        """Its agent: is it heard, for long enough, and does it still see it?"""
        if one.silent:
            if row.aside_us != _WHILE_SILENT:
                _put(db, row, aside_us=_WHILE_SILENT)
        elif row.aside_us == _WHILE_SILENT:
            _put(db, row, aside_us=now + AGAIN_US)
        elif row.aside_us <= now:
            self._count_again(db, row, now)

    def _count_again(self, db: Connection, row: Row[Any], now: Instant) -> None:
        _put(db, row, aside_us=_FOR_GOOD)
        again = row.condition != Condition.BAD.value
        told = {"back": True} if again else {}
        event_id = _enter(db, row, COUNTS_AGAIN, now, **told)
        Rows(db, _of(row), now).hand_over(row.subject_key)
        if not again:
            return  # the other one sees it, too
        _put_ticket(
            db,
            row,
            condition=Condition.BAD.value,
            recovered_us=None,
            status=returned(Status(row.status)).value,
            closed_us=None,
            closed_by=None,
            reopen_count=row.reopen_count + 1,
        )
        if row.storm_us is None:
            last = _last(db, row.tenant_id, row.incident_id)
            post = Post(db, row.tenant_id, now=now, posting=self._posting)
            post.turned(last, row.ticket_id, event_id=event_id, kind=SEEN_AGAIN)


def _pairs(db: Connection, now: Instant, silent_us: int) -> list[list[_Agent]]:
    """The agents of each site that has two of which one is heard."""
    several = (
        select(agent.c.tenant_id, agent.c.site_id)
        .group_by(agent.c.tenant_id, agent.c.site_id)
        .having(func.count() > 1)
        .subquery()
    )
    found: dict[tuple[str, str], list[_Agent]] = {}
    for row in db.execute(
        select(agent)
        .join(
            several,
            (several.c.tenant_id == agent.c.tenant_id)
            & (several.c.site_id == agent.c.site_id),
        )
        .order_by(agent.c.agent_id)
    ):
        revoked, heard = row.revoked_us is not None, row.hello_us
        late = heard is None or now - heard > silent_us
        one = _Agent(_of(row), heard, revoked, revoked or late)
        found.setdefault((row.tenant_id, row.site_id), []).append(one)
    return [two for two in found.values() if not all(one.silent for one in two)]


def _news(db: Connection, two: list[_Agent]) -> list[tuple[_Agent, bool]]:
    """Agents whose silence, or the end of it, nobody was told of."""
    told = set(
        db.execute(
            select(incident.c.subject_key).where(
                incident.c.tenant_id == two[0].who.tenant_id,
                incident.c.site_id == two[0].who.site_id,
                incident.c.subject_open,
                incident.c.subject_key.in_([_subject(one.who) for one in two]),
            )
        ).scalars()
    )
    news = []
    for one in two:
        # Who was never heard is not there yet; who was revoked is not waited for.
        missed = one.silent and not one.revoked and one.heard is not None
        if missed != (_subject(one.who) in told):
            news.append((one, missed))
    return news


def _to_set_aside(db: Connection, two: list[_Agent]) -> list[Row[Any]]:
    """Incidents of silent agents of which the other one has seen the end."""
    twin = incident.alias()
    silent = [one.who.agent_id for one in two if one.silent]
    heard = [one.who.agent_id for one in two if not one.silent]
    rows = db.execute(
        _with_ticket(twin.c.incident_id.label("twin_id"))
        .join(
            twin,
            (twin.c.tenant_id == incident.c.tenant_id)
            & (twin.c.ticket_id == incident.c.ticket_id)
            & (twin.c.subject_key == incident.c.subject_key),
        )
        .where(
            *_of_site(two),
            incident.c.agent_id.in_(silent),
            incident.c.aside_us.is_(None),
            incident.c.condition == Condition.BAD.value,
            incident.c.audience == "customer",
            twin.c.agent_id.in_(heard),
            twin.c.condition == Condition.RECOVERED.value,
            twin.c.ended_us > incident.c.since_us,
            ~_relapsed(incident, twin),
            ~_over_told(twin),
        )
        .order_by(incident.c.incident_id, twin.c.ended_us)
    )
    # Of several the one that was over last.
    return list({row.incident_id: row for row in rows}.values())


def _relapsed(mine: Any, twin: Any) -> Any:
    """It is back since: of that the other one has not seen the end."""
    return (
        select(ticket_event.c.event_id)
        .where(
            ticket_event.c.tenant_id == mine.c.tenant_id,
            ticket_event.c.incident_id == mine.c.incident_id,
            ticket_event.c.kind == Kind.REOPEN.value,
            ticket_event.c.at_us >= twin.c.ended_us,
        )
        .exists()
    )


def _over_told(twin: Any) -> Any:
    """Of this end there is a mail: an end is told once."""
    return (
        select(mail_outbox.c.mail_id)
        .where(
            mail_outbox.c.tenant_id == twin.c.tenant_id,
            mail_outbox.c.incident_id == twin.c.incident_id,
            mail_outbox.c.kind == OVER,
            mail_outbox.c.rev == twin.c.rev,
        )
        .exists()
    )


def _aside(db: Connection, two: list[_Agent]) -> list[tuple[Row[Any], _Agent]]:
    """What is set aside of them."""
    by_name = {one.who.agent_id: one for one in two}
    rows = db.execute(_with_ticket().where(*_of_site(two), incident.c.aside_us > 0))
    return [(row, by_name[row.agent_id]) for row in rows]


def _with_ticket(*more: Any) -> Any:
    return select(
        incident.c.tenant_id,
        incident.c.site_id,
        incident.c.agent_id,
        incident.c.incident_id,
        incident.c.subject_key,
        incident.c.ticket_id,
        incident.c.aside_us,
        incident.c.rev,
        ticket.c.condition,
        ticket.c.status,
        ticket.c.reopen_count,
        ticket.c.storm_us,
        *more,
    ).join(ticket, ticket.c.ticket_id == incident.c.ticket_id)


def _of_site(two: list[_Agent]) -> tuple[Any, ...]:
    return (
        incident.c.tenant_id == two[0].who.tenant_id,
        incident.c.site_id == two[0].who.site_id,
    )


def _last(db: Connection, tenant_id: str, incident_id: str) -> Stage:
    """The last stage that was told of an incident."""
    data = db.execute(
        select(ticket_event.c.data)
        .where(
            ticket_event.c.tenant_id == tenant_id,
            ticket_event.c.incident_id == incident_id,
            ticket_event.c.kind.in_([kind.value for kind in Kind]),
        )
        .order_by(ticket_event.c.rev.desc())
        .limit(1)
    ).scalar_one()
    return Stage.model_validate(data["stage"])


def _put(db: Connection, row: Row[Any], **values: Any) -> None:
    mine = (
        incident.c.tenant_id == row.tenant_id,
        incident.c.incident_id == row.incident_id,
    )
    db.execute(update(incident).where(*mine).values(values))


def _put_ticket(db: Connection, row: Row[Any], **values: Any) -> None:
    db.execute(update(ticket).where(ticket.c.ticket_id == row.ticket_id).values(values))


def _enter(db: Connection, row: Row[Any], kind: str, now: Instant, **told: bool) -> int:
    values = {
        "tenant_id": row.tenant_id,
        "ticket_id": row.ticket_id,
        "incident_id": row.incident_id,
        "kind": kind,
        "at_us": now,
        "stored_us": now,
        "actor": "desk",
        "data": {"agent": _name(_of(row)), **told},
    }
    query = insert(ticket_event).values(values).returning(ticket_event.c.event_id)
    return int(db.execute(query).scalar_one())


def _of(row: Any) -> AgentIdentity:
    return AgentIdentity(
        tenant_id=row.tenant_id, site_id=row.site_id, agent_id=row.agent_id
    )


def _name(who: AgentIdentity) -> str:
    """As people read it, who know the customer: `acme-milano/2`."""
    return who.agent_id.removeprefix(f"{who.tenant_id}/")


def _subject(who: AgentIdentity) -> str:
    return f"{ONE_SILENT}:{_name(who)}"
