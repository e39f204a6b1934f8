"""The mail outbox as its worker sees it: take by lease, send, complete (1.4)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, func, select, update

from scudo_agent.desk.life import Mail
from scudo_agent.desk.lifecycle import HEADINGS, Condition
from scudo_agent.desk.store import mail_statements as do
from scudo_agent.desk.store import promises
from scudo_agent.desk.store.act_post import ACT_MAILS, ActErrand, act_errand
from scudo_agent.desk.store.call_post import CALL, CallErrand, call_errand, needless
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.digests import FlapNews, StormNews, news
from scudo_agent.desk.store.errands import Head, head_of
from scudo_agent.desk.store.people_post import KINDS, PersonErrand, person_errand
from scudo_agent.desk.store.post import MOVED, TURNS
from scudo_agent.desk.store.statement_post import (
    STATEMENT,
    StatementErrand,
    statement_errand,
)
from scudo_agent.desk.store.tables import (
    incident,
    mail_outbox,
    ticket,
    ticket_event,
)
from scudo_agent.desk.store.threads import thread
from scudo_agent.desk.store.window_post import WindowErrand, window_errand
from scudo_agent.instant import MINUTE, Instant
from scudo_agent.model import Kind
from scudo_agent.text import Text
from scudo_agent.wire import Named, Stage

LEASE_US = 5 * MINUTE
"""A worker that does not complete a mail within this time has lost it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand(Head):
    """A claimed mail with all that its text needs.

    `opening` is the stage that opened the incident, `heading` the last one that
    gave the ticket its headline, `affected` the services last told of, `before` the
    severity that held before this one, `previous` and `linked` are public ticket
    numbers. `late`: the opening's own mail was folded into this one, since it was
    over when the desk heard of it. `closes`: when the desk closes the ticket if it
    stays quiet after this recovery; `closed`: when it did, or a person (`closed_by`).
    `commitments` are the contract's of an opening.
    `news` is what a mail that gathers tells. `turn` is the kind of what the desk did
    by itself: `moved` (`left`: the storm's number), `still_bad` or `seen_again`.
    `returns`: the opening of another agent's incident re-opened the ticket.
    """

    ref: str
    ticket_id: int
    tenant_id: str
    site_id: str
    zone: str
    stage: Stage
    opening: Stage | None
    heading: Stage | None
    affected: tuple[Named, ...]
    before: int | None
    previous: str
    linked: tuple[str, ...]
    late: bool
    closes: Instant | None = None
    closed: Instant | None = None
    closed_by: str | None = None
    commitments: tuple[Text, ...] = ()
    news: StormNews | FlapNews | None = None
    turn: str = ""
    left: str = ""
    returns: bool = False


Posted = Errand | ActErrand | WindowErrand | StatementErrand | PersonErrand | CallErrand
"""A claimed mail of any kind; only one of a ticket has a history."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A mail that is this worker's `until` its lease is over: its row, as it was."""

    row: Any
    fence: int
    until: Instant

    @property
    def attempts(self) -> int:
        """Which attempt this one is, from 1."""
        return int(self.row.attempts) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a claimed mail.

    `sent` when a server took it (of a stage of kind `of`); else `error`, to be tried
    again at `next`, or refused for good where that is None.
    """

    claim: Claim
    sent: Instant | None = None
    of: str = ""
    error: str | None = None
    next: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What a worker got: mails to send, and what it was too late to record (`lost`).

    `due` is when there is more to do, unless as many were claimed as were asked for.
    """

    claims: tuple[Claim, ...]
    due: Instant | None
    lost: tuple[Outcome, ...]


class Mailbox:
    """Claims mails for one worker and records what became of them."""

    def __init__(
        self, database: Database, now: Callable[[], Instant], *, owner: str
    ) -> None:
        self._database = database
        self._now = now
        self._owner = owner

    def turn(self, told: Sequence[Outcome], most: int) -> Turn:
        """Record what became of mails, and lease up to `most` that are due.

        Oldest first. Mails of one ticket or window leave in order: one that waits
        or is under way holds back the later ones. An escalation whose incident is
        over is folded and not sent (1.5).
        """
        now = self._now()
        with self._database.write() as db:
            lost = tuple(one for one in told if not self._record(db, one, now))
            claims = self._leased(db, most, now)
            due = None
            if len(claims) < most:
                due = db.execute(do.NEXT_DUE, {"now": now}).scalar()
        return Turn(
            claims=tuple(claims),
            due=None if due is None else Instant(int(due)),
            lost=lost,
        )

    def errand(self, claim: Claim) -> Posted:
        """All that the text of a claimed mail needs; a person's has a new token."""
        if claim.row.kind in KINDS.values():
            with self._database.write() as db:
                return person_errand(db, claim.row, claim.fence, self._now())
        if claim.row.kind == CALL:
            with self._database.write() as db:
                return call_errand(db, claim.row, claim.fence, self._now())
        with self._database.read() as db:
            found = _of(claim.row)(db, claim.row, claim.fence)
            return replace(found, refers=thread(db, claim.row))

    def _leased(self, db: Connection, most: int, now: Instant) -> list[Claim]:
        claims: list[Claim] = []
        looking = most > 0
        while looking:
            looking = False
            left = {"now": now, "most": most - len(claims)}
            for row in db.execute(do.DUE, left).all():
                if _superseded(db, row):
                    looking = len(claims) < most  # the next of its thread is free
                    continue
                until = Instant(now + LEASE_US)
                lease = {"who": self._owner, "until_us": until}
                this = {"mail": row.mail_id, "seen": row.fence}
                fence = db.execute(do.LEASE, this | lease).scalar_one_or_none()
                if fence is not None:
                    claims.append(Claim(row, int(fence), until))
        return claims

    def _record(self, db: Connection, told: Outcome, now: Instant) -> bool:
        """False if the lease was lost: another worker answers for this mail."""
        row = told.claim.row
        held = {"mail": row.mail_id, "who": self._owner, "held": told.claim.fence}
        if db.execute(do.COMPLETE, held | _values(told)).rowcount != 1:
            return False
        if row.ticket_id is not None and (told.next is None or told.sent is not None):
            _history(db, told, now)
        return True

    def backlog(self) -> tuple[int, Instant | None]:
        """How many mails wait, and since when the oldest does."""
        query = select(func.count(), func.min(mail_outbox.c.created_us)).where(
            mail_outbox.c.state == "pending"
        )
        with self._database.read() as db:
            count, oldest = db.execute(query).one()
        return int(count), oldest


def _superseded(db: Connection, row: Any) -> bool:
    """Fold an escalation whose incident is no longer bad into the later mail."""
    if row.kind == CALL:
        return needless(db, row)
    if row.kind != Kind.RAISE.value or row.digest:
        return False
    condition = db.execute(
        select(incident.c.condition).where(
            incident.c.tenant_id == row.tenant_id,
            incident.c.incident_id == row.incident_id,
        )
    ).scalar_one()
    later = db.execute(
        select(mail_outbox.c.message_id)
        .where(
            mail_outbox.c.tenant_id == row.tenant_id,
            mail_outbox.c.incident_id == row.incident_id,
            mail_outbox.c.rev > row.rev,
        )
        .order_by(mail_outbox.c.rev)
        .limit(1)
    ).scalar()
    if condition == Condition.BAD.value or later is None:
        return False
    db.execute(
        update(mail_outbox)
        .where(mail_outbox.c.mail_id == row.mail_id)
        .values(state="folded", fold_rule="recovered", folded_into=later)
    )
    return True


def _errand(db: Connection, row: Any, fence: int) -> Errand:
    facts = db.execute(do.FACTS, {"ticket": row.ticket_id}).one()
    told = {
        "tenant": row.tenant_id,
        "incident": row.incident_id,
        "upto": row.rev,
    }
    history = db.execute(do.HISTORY, told).all()
    stages = [Stage.model_validate(one.data["stage"]) for one in history]
    stage = stages[-1]
    headings = [one for one in stages[::-1] if one.kind in HEADINGS]
    return Errand(
        **head_of(row, fence),
        ref=facts.ref,
        ticket_id=row.ticket_id,
        tenant_id=row.tenant_id,
        site_id=facts.site_id,
        zone=facts.timezone,
        stage=stage,
        opening=stages[0],
        heading=next(iter(headings), None),
        affected=next((tuple(one.affected) for one in headings if one.affected), ()),
        before=history[-2].severity if len(history) > 1 else None,
        previous="".join(_refs(db, row.tenant_id, (stage.previous,))),
        linked=_refs(db, row.tenant_id, tuple(stage.linked)),
        late=_late(db, row),
        closes=promises.closing(db, row, stage, facts),
        closed=facts.closed_us,
        closed_by=facts.closed_by,
        commitments=promises.committed(db, row, stage, facts),
        news=news(db, row),
        turn=row.kind if row.kind in TURNS else "",
        returns=row.kind == Kind.OPEN.value
        and facts.incident_id not in (None, row.incident_id),
        left=_left(db, row),
    )


def _of(row: Any) -> Callable[[Connection, Any, int], Posted]:
    """What reads a mail of the row's kind."""
    if row.kind in ACT_MAILS:
        return act_errand
    if row.ticket_id is not None:
        return _errand
    return statement_errand if row.kind == STATEMENT else window_errand


def _left(db: Connection, row: Any) -> str:
    """Number of the storm that the incident of a `moved` mail was in."""
    if row.kind != MOVED:
        return ""
    query = select(ticket_event.c.data).where(ticket_event.c.event_id == row.event_id)
    return str(db.execute(query).scalar_one().get("from", ""))


def _late(db: Connection, row: Any) -> bool:
    """Whether the opening of the same incident is told by this mail."""
    mine = {
        "tenant": row.tenant_id,
        "incident": row.incident_id,
        "into": row.message_id,
    }
    return db.execute(do.LATE, mine).first() is not None


def _refs(
    db: Connection, tenant_id: str, incidents: tuple[str | None, ...]
) -> tuple[str, ...]:
    """Public numbers of the tickets of these incidents."""
    wanted = [i for i in incidents if i]
    if not wanted:
        return ()
    rows = db.execute(
        select(ticket.c.ref)
        .join(incident, incident.c.ticket_id == ticket.c.ticket_id)
        .where(incident.c.tenant_id == tenant_id, incident.c.incident_id.in_(wanted))
        .distinct()
        .order_by(ticket.c.ref)
    ).scalars()
    return tuple(rows)


def _values(told: Outcome) -> dict[str, Any]:
    """What changes in the mail's row."""
    if told.sent is not None:
        return {"state": "sent", "sent_us": told.sent, "last_error": None}
    if told.next is None:
        return {"state": "failed", "last_error": told.error}
    free = {"owner": None, "lease_until_us": None}
    return {"last_error": told.error, "next_us": told.next, **free}


def _history(db: Connection, told: Outcome, now: Instant) -> None:
    """Say in the ticket to whom it went and after how long, or that it never will.

    A mail without a ticket has no history but its own row.
    """
    row = told.claim.row
    data: dict[str, Any] = {"recipient": row.recipient}
    if told.sent is None:
        kind = "mail_refused"
        data |= {"error": told.error}
    else:
        kind = "mail_accepted"
        data |= {
            "after_us": told.sent - row.created_us,
            "message_id": row.message_id,
            "in_reply_to": row.in_reply_to,
            "of": told.of,
        }
    if row.kind == Mail.ANSWER.value:
        # What a customer wrote goes to the provider: no address of it is shown.
        data["internal"] = True
    entry = {
        "tenant_id": row.tenant_id,
        "ticket_id": row.ticket_id,
        "incident_id": row.incident_id,
        "kind": kind,
        "at_us": now,
        "stored_us": now,
        "actor": "desk",
        "rev": row.rev,
        "data": data,
    }
    db.execute(do.ENTER, entry)
