"""Tickets that nobody takes: whom to call now, and who said that he knows.

All that decides is in rows and histories: whatever process looks next goes on from
there. What a step makes is unique, so that two desks call nobody twice.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, func, insert, literal_column, or_, select, update

from scudo_agent.desk.escalation import (
    BY_PERSON,
    End,
    Policy,
    Step,
    Way,
    called,
    next_step,
    step_of,
)
from scudo_agent.desk.store.call_facts import family_of, free_at, taken_by
from scudo_agent.desk.store.call_post import drop_call_mails, put_call_mail
from scudo_agent.desk.store.call_tables import alarm, call, call_channel
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.on_call import on_call_at
from scudo_agent.desk.store.on_call_tables import rota
from scudo_agent.desk.store.people_tables import person
from scudo_agent.desk.store.post import Posting
from scudo_agent.desk.store.tables import (
    PROVIDER_TENANT,
    mail_outbox,
    ticket,
    ticket_event,
)
from scudo_agent.instant import Instant

_UNKNOWN = "the desk ended in the middle of it"
CALLED, FAILED = "called", "call_failed"
ACKNOWLEDGED, SPENT = "call_acknowledged", "calls_spent"
AT_ONCE = 50
"""Alarms that begin in one look: what is more begins with the next."""


class Calls:
    """Begins alarms, makes their calls, ends them; each method is one transaction."""

    def __init__(
        self, database: Database, now: Callable[[], Instant], posting: Posting
    ) -> None:
        self._database = database
        self._now = now
        self._posting = posting

    def look(self, policy: Policy) -> tuple[int, Instant | None]:
        """Do what is due; how many were called, and when the next step is."""
        now = self._now()
        with self._database.read() as db:
            if not _is_due(db, policy, now):
                return 0, _next(db)
        with self._database.write() as db:
            _settle(db, now)
            for one in db.execute(_broken(now)).all():
                self._broke(db, one, now)
            for row in db.execute(_running()).all():
                _end_if_over(db, row, now)
            for row in db.execute(_candidates(policy)).all():
                _begin(db, row, policy, now)
            due = _running().where(alarm.c.next_us <= now)
            made = sum(
                self._step(db, row, policy, now) for row in db.execute(due).all()
            )
            return made, _next(db)

    def _step(self, db: Connection, row: Any, policy: Policy, now: Instant) -> int:
        """Make a step of an alarm, or put it off; how many were called."""
        free, step = free_at(db, row, policy.hours, now), step_of(policy, row.step)
        if free > now:
            _put(db, row, next_us=free)
            return 0
        if step is None:  # there are fewer steps now than when it began
            _put(db, row, next_us=None)
            return 0
        following = next_step(policy, row.step, now)
        _put(db, row, step=row.step + 1, next_us=following)
        made = 0
        for one in self._targets(db, step, now):
            made += self._call(db, row, one, now)
        if following is None:
            enter(db, row, SPENT, "desk", now, {"steps": row.step + 1})
        return made

    def _broke(self, db: Connection, row: Any, now: Instant) -> None:
        """A channel failed: the provider is told by mail, the next step is due."""
        error = row.last_error or _UNKNOWN
        this = update(call).where(call.c.call_id == row.call_id)
        db.execute(this.values(state="failed", last_error=error))
        told = {"step": row.step + 1, "way": row.way, "person": row.person_id}
        enter(db, row, FAILED, "desk", now, told | {"error": error})
        values = {
            "tenant_id": row.tenant_id,
            "alarm_id": row.alarm_id,
            "step": row.step,
            "target": f"fault/{row.channel_id}",
            "way": Way.QUEUE.value,
            "state": "pending",
            "created_us": now,
            "last_error": error,
        }
        made = db.execute(insert(call).values(values).returning(call)).one()
        reader = self._posting.provider_mail, self._posting.provider_language
        host = self._posting.message_host
        message_id = put_call_mail(db, made, row.ref, reader, host=host)
        fault = update(call).where(call.c.call_id == made.call_id)
        db.execute(fault.values(message_id=message_id))
        _hasten(db, row, now)

    def _targets(
        self, db: Connection, step: Step, now: Instant
    ) -> list[tuple[Way, Any]]:
        """Whom a step calls; with nobody on call, the queue's address."""
        line = on_call_at(db, now).line
        number = called(line, step.level)
        who = None
        if number is not None:
            query = select(person).where(person.c.person_id == number)
            who = db.execute(query).first()
        targets: list[tuple[Way, Any]] = []
        if Way.QUEUE in step.ways or who is None:
            targets.append((Way.QUEUE, None))
        if Way.MAIL in step.ways and who is not None:
            targets.append((Way.MAIL, who))
        if Way.CHANNELS in step.ways and who is not None:
            mine = call_channel.c.person_id == who.person_id
            for one in db.execute(select(call_channel).where(mine)).all():
                targets.append((Way.CHANNELS, one))
        return targets

    def _call(
        self, db: Connection, row: Any, target: tuple[Way, Any], now: Instant
    ) -> int:
        way, who = target
        values = {
            "tenant_id": row.tenant_id,
            "alarm_id": row.alarm_id,
            "step": row.step,
            "target": _target(way, who),
            "way": way.value,
            "person_id": None if who is None else who.person_id,
            "state": "pending",
            "created_us": now,
        }
        if way is Way.CHANNELS:
            db.execute(insert(call).values(values | {"channel_id": who.channel_id}))
            told = {"step": row.step + 1, "way": way.value, "to": who.kind}
            told["person"] = who.person_id
            enter(db, row, CALLED, "desk", now, told)
            return 1
        made = db.execute(insert(call).values(values).returning(call)).one()
        reader = self._posting.provider_mail, self._posting.provider_language
        if who is not None:
            reader = who.mail, who.language or reader[1]
        message_id = put_call_mail(
            db, made, row.ref, reader, host=self._posting.message_host
        )
        this = call.c.call_id == made.call_id
        db.execute(update(call).where(this).values(message_id=message_id))
        data = {
            "step": row.step + 1,
            "way": way.value,
            "person": values["person_id"],
            "to": reader[0],
        }
        enter(db, row, CALLED, "desk", now, data)
        return 1


def _target(way: Way, who: Any) -> str:
    if who is None:
        return way.value
    number = who.channel_id if way is Way.CHANNELS else who.person_id
    return f"{way.value}/{number}"


def end(db: Connection, row: Any, how: End, actor: str, now: Instant) -> bool:
    """End an alarm and drop what waits of it; False if it was over."""
    this = (alarm.c.alarm_id == row.alarm_id, alarm.c.ended_us.is_(None))
    values = {"ended_us": now, "ended_how": how.value, "ended_by": actor}
    values["next_us"] = None  # type: ignore[assignment]
    if db.execute(update(alarm).where(*this).values(values)).rowcount != 1:
        return False
    waits = (call.c.alarm_id == row.alarm_id, call.c.state == "pending")
    open_ = db.execute(select(call.c.message_id).where(*waits)).scalars().all()
    drop_call_mails(db, [one for one in open_ if one])
    db.execute(update(call).where(*waits).values(state="dropped"))
    return True


def enter(
    db: Connection, row: Any, kind: str, actor: str, now: Instant, data: dict[str, Any]
) -> None:
    """An entry of the ticket's history; no customer reads it."""
    values = {
        "tenant_id": row.tenant_id,
        "ticket_id": row.ticket_id,
        "kind": kind,
        "at_us": now,
        "stored_us": now,
        "actor": actor,
        "data": data | {"internal": True},
    }
    db.execute(insert(ticket_event).values(values))


def _running() -> Any:
    """Alarms that are not over, with what of their tickets decides."""
    same = (ticket.c.tenant_id == alarm.c.tenant_id) & (
        ticket.c.ticket_id == alarm.c.ticket_id
    )
    return (
        select(
            alarm,
            ticket.c.ref,
            ticket.c.site_id,
            ticket.c.status,
            ticket.c.condition,
            ticket.c.severity,
            ticket.c.category,
            ticket.c.origin,
        )
        .join(ticket, same)
        .where(alarm.c.ended_us.is_(None))
        .order_by(alarm.c.alarm_id)
    )


def _candidates(policy: Policy) -> Any:
    """Tickets that nobody has taken, and of which no alarm tells yet.

    Nobody is called of what was there before the first rota was written down, nor
    again and again of what keeps failing and coming back.
    """
    mine = (
        alarm.c.tenant_id == ticket.c.tenant_id,
        alarm.c.ticket_id == ticket.c.ticket_id,
    )
    told = (
        select(alarm.c.alarm_id)
        .where(
            *mine,
            or_(
                alarm.c.ended_us.is_(None),
                alarm.c.spell == ticket.c.reopen_count,
                ticket.c.unstable_us.is_not(None),
            ),
        )
        .exists()
    )
    begun = select(func.min(rota.c.stored_us)).scalar_subquery()
    new = (ticket.c.status == "new") & ticket.c.assignee_id.is_(None)
    return (
        select(ticket)
        .where(
            # Written out and not bound: only so does the partial index fit.
            ticket.c.status != literal_column("'closed'"),
            ticket.c.audience == "customer",
            ticket.c.severity <= policy.severity,
            ticket.c.condition != "recovered",
            or_(new & (ticket.c.stored_us >= begun), ticket.c.status == "reopened"),
            select(rota.c.version).exists(),
            ~told,
        )
        .order_by(ticket.c.severity, ticket.c.ticket_id)
        .limit(AT_ONCE)
    )


def _is_due(db: Connection, policy: Policy, now: Instant) -> bool:
    """Whether there is anything to write."""
    if db.execute(_candidates(policy).limit(1)).first() is not None:
        return True
    for query in (_settled(), _broken(now)):
        if db.execute(query.limit(1)).first() is not None:
            return True
    for row in db.execute(_running()):
        due = row.next_us is not None and row.next_us <= now
        if due or _over(db, row) is not None:
            return True
    return False


def _next(db: Connection) -> Instant | None:
    running = alarm.c.ended_us.is_(None)
    due = db.execute(select(func.min(alarm.c.next_us)).where(running)).scalar()
    return None if due is None else Instant(int(due))


def _over(db: Connection, row: Any) -> tuple[End, str] | None:
    """How the alarm ended meanwhile, and by whom."""
    actor = taken_by(db, row, Instant(row.begun_us))
    if actor is not None:
        return End.TAKEN, actor
    if row.condition == "recovered" or row.status in ("resolved", "closed"):
        return End.RECOVERED, "desk"
    return None


def _end_if_over(db: Connection, row: Any, now: Instant) -> None:
    over = _over(db, row)
    if over is not None:
        end(db, row, *over, now)


def _begin(db: Connection, row: Any, policy: Policy, now: Instant) -> None:
    """Begin an alarm, unless one of the same storm tells of it, or somebody knows."""
    family = family_of(db, row)
    values = {
        "tenant_id": row.tenant_id,
        "ticket_id": row.ticket_id,
        "spell": row.reopen_count,
        "family": family,
        "begun_us": now,
        "step": 0,
        "next_us": now + policy.steps[0].after_us,
    }
    kin = select(alarm).where(
        alarm.c.tenant_id == row.tenant_id, alarm.c.family == family
    )
    if family != row.ref:
        for one in db.execute(kin.order_by(alarm.c.alarm_id)).all():
            if one.ended_us is None:
                return  # it is looked at again when that one is over
            if one.ended_how in [how.value for how in BY_PERSON]:
                values |= {"next_us": None, "ended_us": now}
                values |= {"ended_how": one.ended_how, "ended_by": one.ended_by}
                break
    db.execute(insert(alarm).values(values))


def _put(db: Connection, row: Any, **values: Any) -> None:
    db.execute(update(alarm).where(alarm.c.alarm_id == row.alarm_id).values(**values))


def _settled() -> Any:
    """Calls whose mails left, or were refused for good."""
    return (
        select(call, alarm.c.ticket_id, mail_outbox.c.state.label("mail_state"),
               mail_outbox.c.sent_us.label("left_us"),
               mail_outbox.c.last_error.label("why"))
        .join(
            mail_outbox,
            (mail_outbox.c.tenant_id == PROVIDER_TENANT)
            & (mail_outbox.c.message_id == call.c.message_id),
        )
        .join(alarm, alarm.c.alarm_id == call.c.alarm_id)
        .where(
            # Written out and not bound: only so does the partial index fit.
            call.c.state == literal_column("'pending'"),
            mail_outbox.c.state.in_(("sent", "failed")),
        )
    )  # fmt: skip


def _settle(db: Connection, now: Instant) -> None:
    """Take down what became of calls; of one that failed the next step is due."""
    rows: Sequence[Any] = db.execute(_settled()).all()
    for row in rows:
        values = {"state": row.mail_state, "sent_us": row.left_us}
        values["last_error"] = row.why
        this = update(call).where(call.c.call_id == row.call_id)
        db.execute(this.values(values))
        if row.mail_state == "failed":
            data = {"step": row.step + 1, "way": row.way, "person": row.person_id}
            enter(db, row, FAILED, "desk", now, data | {"error": row.why})
            _hasten(db, row, now)


def _broken(now: Instant) -> Any:
    """Calls by channels that failed, or that nobody has done with in time."""
    return (
        select(call, alarm.c.ticket_id, ticket.c.ref)
        .join(alarm, alarm.c.alarm_id == call.c.alarm_id)
        .join(ticket, ticket.c.ticket_id == alarm.c.ticket_id)
        .where(
            # Written out and not bound: only so does the partial index fit.
            call.c.state == literal_column("'pending'"),
            call.c.lease_us <= now,
        )
        .order_by(call.c.call_id)
    )


def _hasten(db: Connection, row: Any, now: Instant) -> None:
    """The next step of the alarm is due at once, if there is one."""
    waits = (
        alarm.c.alarm_id == row.alarm_id,
        alarm.c.ended_us.is_(None),
        alarm.c.next_us.is_not(None),
    )
    db.execute(update(alarm).where(*waits).values(next_us=now))
