"""A desk that was put back from a copy, and what its agents tell it again (1.7).

An agent whose events the desk acknowledged and does not have is told to send them
again. They are applied as they were, without their mails: those left long ago. The
provider gets one mail about all of it.
"""

from sqlalchemy import Connection, bindparam, func, select, update

from scudo_agent.desk.lifecycle import message_id
from scudo_agent.desk.own_words import RESTORED
from scudo_agent.desk.store.own import OwnIncidents
from scudo_agent.desk.store.post import Posting
from scudo_agent.desk.store.scope import FIRST, AgentIdentity, agent_of
from scudo_agent.desk.store.tables import agent, inbox, mail_outbox, ticket
from scudo_agent.instant import MINUTE, Instant
from scudo_agent.text import TN
from scudo_agent.wire import Hello

RULE = "restored"
PATIENCE_US = 10 * MINUTE
"""The provider's mail waits so long for the last of it."""

_STREAM = "I"
_NAMED = 20

_HELD = select(agent.c.recover_epoch, agent.c.recover_from, agent.c.recover_seq).where(
    agent.c.agent_id == bindparam("who")
)


class Recovery:
    """One agent's recovery within the transaction `db`."""

    def __init__(
        self, db: Connection, who: AgentIdentity, *, now: Instant, posting: Posting
    ) -> None:
        self._db = db
        self._who = who
        self._now = now
        self._posting = posting
        self._mine = agent.c.agent_id == who.agent_id
        row = db.execute(_HELD, {"who": who.agent_id}).one()
        self._epoch: int | None = row.recover_epoch
        self._from: int = row.recover_from or 0
        self._seq: int = row.recover_seq or 0

    def greet(self, hello: Hello, epoch: int, last: int) -> bool:
        """What a hello tells of it; whether the desk lacks what it once had."""
        acked = hello.acked_seq.get(_STREAM, 0)
        if self._epoch is not None and self._epoch != epoch:
            self._end()
        if hello.epoch == epoch and acked > max(last, self._seq):
            self._begin(epoch, last, acked)
        return self._epoch == epoch and last < self._seq

    def mutes(self, epoch: int, seq: int) -> str | None:
        """The mail that stands for an event's own, if it is one that is told again."""
        if self._epoch != epoch or seq > self._seq:
            return None
        return self._digest()

    def moved(self, epoch: int, last: int) -> None:
        """The desk has all up to `last`: it may be over."""
        if self._epoch == epoch and last >= self._seq:
            self._end()

    def _begin(self, epoch: int, last: int, acked: int) -> None:
        first = last if self._epoch is None else self._from
        self._own().open(RESTORED, self._now)
        # The one mail tells of all of it, when that is known.
        self._db.execute(
            update(mail_outbox)
            .where(
                mail_outbox.c.tenant_id == self._who.tenant_id,
                mail_outbox.c.message_id == self._digest(),
                mail_outbox.c.state == "pending",
            )
            .values(next_us=self._now + PATIENCE_US)
        )
        self._put(epoch, first, acked)

    def _end(self) -> None:
        refs = list(
            self._db.execute(
                select(ticket.c.ref)
                .join(mail_outbox, mail_outbox.c.ticket_id == ticket.c.ticket_id)
                .where(
                    mail_outbox.c.tenant_id == self._who.tenant_id,
                    mail_outbox.c.fold_rule == RULE,
                    mail_outbox.c.folded_into == self._digest(),
                )
                .distinct()
                .order_by(ticket.c.ref)
            ).scalars()
        )
        named = ", ".join(refs[:_NAMED]) + ("…" if len(refs) > _NAMED else "")
        gone = self._gone()
        note = TN(
            "One event was told again; tickets: {tickets}.",
            "{n} events were told again; tickets: {tickets}.",
            n=self._seq - self._from - gone,
            tickets=named or "–",
        )
        if gone:
            note = TN(
                "One event is lost: the agent no longer has it, since the desk "
                "had acknowledged it more than 35 days ago. Told again: {again}; "
                "tickets: {tickets}.",
                "{n} events are lost: the agent no longer has them, since the desk "
                "had acknowledged them more than 35 days ago. Told again: {again}; "
                "tickets: {tickets}.",
                n=gone,
                again=self._seq - self._from - gone,
                tickets=named or "–",
            )
        self._own().recover(RESTORED, self._now, note=note, gathers=RULE)
        self._put(None, None, None)

    def _gone(self) -> int:
        """How many of them will never come."""
        query = select(func.count()).where(
            inbox.c.agent_id == self._who.agent_id,
            inbox.c.epoch == self._epoch,
            inbox.c.stream == _STREAM,
            inbox.c.seq > self._from,
            inbox.c.seq <= self._seq,
            inbox.c.gap_reason.is_not(None),
        )
        return int(self._db.execute(query).scalar_one())

    def _put(self, epoch: int | None, first: int | None, seq: int | None) -> None:
        values = {"recover_epoch": epoch, "recover_from": first, "recover_seq": seq}
        self._db.execute(update(agent).where(self._mine).values(values))
        self._epoch, self._from, self._seq = epoch, first or 0, seq or 0

    def _own(self) -> OwnIncidents:
        who = self._who
        where = (who.tenant_id, who.site_id)
        # Each of a pair recovers by itself: the end of one is not that of the other.
        first = agent_of(*where, FIRST).agent_id == who.agent_id
        name = None if first else who.agent_id.removeprefix(f"{who.tenant_id}/")
        return OwnIncidents(
            self._db, where, now=self._now, posting=self._posting, name=name
        )

    def _digest(self) -> str | None:
        """Message-ID of the provider's mail."""
        last = self._own().standing(RESTORED)
        if last is None:
            return None
        kind = "open" if last.rev == 1 else "reopen"
        host = self._posting.message_host
        return message_id(last.incident_id, kind, last.rev, host)
