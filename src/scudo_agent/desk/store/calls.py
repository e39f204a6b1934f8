"""Tickets that nobody takes: whom to call now.

What a step makes is unique, so that two desks call nobody twice.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from scudo_agent.desk.escalation import Policy, Step, Way, called, next_step, step_of
from scudo_agent.desk.store.alarms import (
    begin,
    candidates,
    end,
    enter,
    over,
    put,
    restless,
    running,
)
from scudo_agent.desk.store.call_ends import (
    FAILED,
    FAULT,
    broken,
    hasten,
    settle,
    settled,
)
from scudo_agent.desk.store.call_facts import free_at
from scudo_agent.desk.store.call_post import put_call_mail
from scudo_agent.desk.store.call_tables import alarm, call, call_channel
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.on_call import on_call_at
from scudo_agent.desk.store.people_tables import person
from scudo_agent.desk.store.post import Posting
from scudo_agent.instant import MINUTE, Instant

_UNKNOWN = "the desk ended in the middle of it"
_UNMADE = "nobody made it in time"
CALLED, SPENT = "called", "calls_spent"
AT_ONCE = 50
"""Alarms that begin in one look: what is more begins with the next."""
_AGAIN_US = 5 * MINUTE
"""A step put off is looked at again: the ticket may be a worse one by then."""
_BETWEEN_US = MINUTE
"""What is unstable and up is looked at again after so long."""


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
            settle(db, policy, now)
            for one in db.execute(broken(now)).all():
                self._broke(db, one, policy, now)
            for row in db.execute(running()).all():
                if (how := over(db, row, now)) is not None:
                    end(db, row, *how, now)
            _begin_some(db, policy, now)
            due = running().where(alarm.c.next_us <= now)
            made = sum(
                self._step(db, row, policy, now) for row in db.execute(due).all()
            )
            return made, _next(db)

    def _step(self, db: Connection, row: Any, policy: Policy, now: Instant) -> int:
        """Make a step of an alarm, or put it off; how many were called."""
        if row.condition == "recovered" and restless(row, now):
            put(db, row, next_us=now + _BETWEEN_US)
            return 0
        free, step = free_at(db, row, policy.hours, now), step_of(policy, row.step)
        if free > now:
            put(db, row, next_us=min(free, now + _AGAIN_US))
            return 0
        if step is None:  # there are fewer steps now than when it began
            put(db, row, next_us=None)
            return 0
        following = next_step(policy, row.step, now)
        put(db, row, step=row.step + 1, next_us=following)
        made = 0
        for one in self._targets(db, step, now):
            made += self._call(db, row, one, now)
        if following is None:
            enter(db, row, SPENT, "desk", now, {"steps": row.step + 1})
        return made

    def _broke(self, db: Connection, row: Any, policy: Policy, now: Instant) -> None:
        """A channel failed: the provider is told by mail, the next step is due."""
        error = row.last_error or (_UNMADE if row.lease_us is None else _UNKNOWN)
        this = update(call).where(call.c.call_id == row.call_id)
        db.execute(this.values(state="failed", last_error=error))
        told = {"step": row.step + 1, "way": row.way, "person": row.person_id}
        enter(db, row, FAILED, "desk", now, told | {"error": error})
        values = {
            "tenant_id": row.tenant_id,
            "alarm_id": row.alarm_id,
            "step": row.step,
            "target": FAULT.format(channel_id=row.channel_id),
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
        hasten(db, row, policy, now)

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


def _begin_some(db: Connection, policy: Policy, now: Instant) -> None:
    """Begin alarms, but not so many that others wait for the writer meanwhile."""
    begun = 0
    for row in db.execute(candidates(policy)).all():
        begun += begin(db, row, policy, now)
        if begun >= AT_ONCE:
            return


def _is_due(db: Connection, policy: Policy, now: Instant) -> bool:
    """Whether there is anything to write."""
    for query in (candidates(policy), settled(), broken(now)):
        if db.execute(query.limit(1)).first() is not None:
            return True
    for row in db.execute(running()):
        due = row.next_us is not None and row.next_us <= now
        if due or over(db, row, now) is not None:
            return True
    return False


def _next(db: Connection) -> Instant | None:
    waits = alarm.c.ended_us.is_(None)
    due = db.execute(select(func.min(alarm.c.next_us)).where(waits)).scalar()
    return None if due is None else Instant(int(due))
