"""What one stage does: incident, ticket, history and mail, in one transaction."""

from collections.abc import Iterator

from sqlalchemy import Connection

from scudo_agent.desk.lifecycle import (
    Condition,
    Ticket,
    advance,
    born,
    follow,
    joint,
    mailed,
    tells,
)
from scudo_agent.desk.store.post import Post, Posting
from scudo_agent.desk.store.rows import KnownIncident, Rows
from scudo_agent.desk.store.scope import AgentIdentity
from scudo_agent.instant import Instant
from scudo_agent.wire import Stage


class Applier:
    """Applies stages of one agent within the open transaction `db`."""

    def __init__(
        self,
        db: Connection,
        who: AgentIdentity,
        *,
        now: Instant,
        posting: Posting,
    ) -> None:
        self.now = now
        self._who = who
        self._rows = Rows(db, who, now)
        self._post = Post(db, who.tenant_id, now=now, posting=posting)

    def take(self, stage: Stage) -> str:
        """Apply `stage` and what waited for it; return the ticket's number.

        A stage that was applied before changes nothing; one that comes before
        its predecessor is held (its number is empty while there is no ticket).
        `StageError` when it can never be applied, `PermissionError` when its
        incident is another site's.
        """
        known = self._rows.incident(stage.incident_id)
        if known is not None and known.site_id != self._who.site_id:
            raise PermissionError("the incident belongs to another site")
        has = known.incident.rev if known is not None else 0
        if stage.rev > has + 1:
            self._rows.hold(stage)
        elif stage.rev == has + 1:
            self._apply(stage, known)
            for waiting in self._released(stage):
                self._apply(waiting, self._rows.incident(stage.incident_id))
        return self._rows.ref_of(stage.incident_id)

    def ref_of(self, incident_id: str) -> str:
        """Number of the ticket that an incident belongs to, or an empty text."""
        return self._rows.ref_of(incident_id)

    def finish(self) -> None:
        """After the batch: what came late becomes one mail, and says so."""
        for ticket_id in self._post.fold_late():
            self._rows.mark_late(ticket_id)

    def _released(self, stage: Stage) -> Iterator[Stage]:
        """The held stages that follow on `stage` without a gap."""
        rev = stage.rev
        while (held := self._rows.release(stage.incident_id, rev + 1)) is not None:
            rev = held.rev
            yield held

    def _apply(self, stage: Stage, known: KnownIncident | None) -> None:
        if known is None:
            self._open(stage)
        else:
            self._follow(stage, known)

    def _open(self, stage: Stage) -> None:
        """A new incident: its own ticket, or that of who holds the subject."""
        new = advance(None, stage)
        holder = self._rows.holder(new.subject_key, besides=stage.incident_id)
        if holder is None:
            after = born(new)
            ticket_id = self._rows.new_ticket(stage, after)
        else:
            ticket_id = holder
            others = self._rows.conditions(ticket_id, besides=stage.incident_id)
            after = follow(self._rows.ticket(ticket_id), stage, new, others)
            self._rows.put_ticket(ticket_id, after)
        self._rows.new_incident(
            stage, new, ticket_id=ticket_id, subject_open=holder is None
        )
        self._record(stage, ticket_id, after, quiet=holder is not None)

    def _follow(self, stage: Stage, known: KnownIncident) -> None:
        """The next stage of an incident that the desk has."""
        new = advance(known.incident, stage)
        bad = new.condition is Condition.BAD
        holder = (
            self._rows.holder(new.subject_key, besides=stage.incident_id)
            if bad
            else None
        )
        self._rows.put_incident(
            stage.incident_id, new, subject_open=bad and holder is None
        )
        self._rows.hand_over(known.incident.subject_key)
        ticket_id = known.ticket_id
        if holder is not None and holder != ticket_id:
            self._attach(stage, ticket_id, holder)
            ticket_id = holder
        before = self._rows.ticket(ticket_id)
        others = self._rows.conditions(ticket_id, besides=stage.incident_id)
        after = follow(before, stage, new, others)
        self._rows.put_ticket(ticket_id, after)
        self._record(
            stage, ticket_id, after, quiet=not tells(stage.kind, before, after)
        )

    def _attach(self, stage: Stage, ticket_id: int, holder: int) -> None:
        """The subject has a ticket already: the incident goes there (1.1, root).

        The ticket that it leaves keeps its history and says where it went; with
        no incident of its own left, nothing measures it any longer.
        """
        self._rows.move_incident(stage.incident_id, holder)
        left = self._rows.conditions(ticket_id, besides=stage.incident_id)
        self._rows.put_condition(
            ticket_id, joint(left) if left else Condition.NOT_MEASURED
        )
        self._rows.note_moved(stage, ticket_id, holder)

    def _record(
        self, stage: Stage, ticket_id: int, after: Ticket, *, quiet: bool
    ) -> None:
        """History, and the mail; a quiet stage's mail is folded into the last."""
        event_id = self._rows.note(stage, ticket_id, after)
        if mailed(stage):
            self._post.stage(stage, ticket_id, event_id=event_id, quiet=quiet)
