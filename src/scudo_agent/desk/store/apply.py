"""What one stage does: incident, ticket, history and mail, in one transaction."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from sqlalchemy import Connection

from scudo_agent.desk.lifecycle import (
    Condition,
    Incident,
    Ticket,
    advance,
    follow,
    joint,
    mailed,
    tells,
    witnessed,
    worst,
)
from scudo_agent.desk.store.clocking import clocked
from scudo_agent.desk.store.coverage import Covers, covers_of
from scudo_agent.desk.store.crowd import Storms
from scudo_agent.desk.store.pairs import Twins
from scudo_agent.desk.store.post import Post, Posting
from scudo_agent.desk.store.rows import KnownIncident, Rows
from scudo_agent.desk.store.scope import AgentIdentity
from scudo_agent.instant import Instant, parse_instant
from scudo_agent.model import MAILED, Kind
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
        self._storms = Storms(db, who)
        self._twins = Twins(db, who)
        self._db = db
        self._covers: Covers | None = None
        self._stirred: set[int] = set()
        self._past: set[str] = set()
        self.over: frozenset[str] = frozenset()
        """Incidents of which the batch tells the end, too."""
        self.mutes: Callable[[int], str | None] = lambda _seq: None
        """The mail that stands for the mails of an event, by its number."""

    def expect(self, stages: Iterable[Stage]) -> None:
        """These are about to be taken: read once what is known of all of them."""
        self._rows.look_up({stage.incident_id for stage in stages})

    def take(self, stage: Stage) -> str:
        """Apply `stage` and what waited for it; return the ticket's number.

        A stage that was applied before changes nothing; one that comes before
        its predecessor is held (its number is empty while there is no ticket).
        `StageError` when it can never be applied, `PermissionError` when its
        incident is another site's.
        """
        self._post.muted = self.mutes(stage.seq)
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

    def gather(self, into: Stage, rule: str) -> None:
        """Fold what the incident has waiting into the mail of this stage."""
        self._post.fold(into, kinds=tuple(MAILED), rule=rule)

    def finish(self) -> None:
        """After the batch: what came late becomes one mail, and says so."""
        for ticket_id in self._post.fold_late():
            self._rows.mark_late(ticket_id)
        self._post.flush()
        for ticket_id in sorted(self._stirred):
            clocked(self._db, ticket_id, now=self.now)
        self._stirred.clear()

    def _released(self, stage: Stage) -> Iterator[Stage]:
        """The held stages that follow on `stage` without a gap."""
        rev = stage.rev
        while (held := self._rows.release(stage.incident_id, rev + 1)) is not None:
            rev = held.rev
            yield held

    def _apply(self, stage: Stage, known: KnownIncident | None) -> None:
        if stage.audience == "customer" and self._over(stage, known):
            stage = stage.model_copy(update={"audience": "provider"})
        if known is None:
            self._open(stage)
        else:
            self._follow(stage, known)

    def _over(self, stage: Stage, known: KnownIncident | None) -> bool:
        """Whether the contract was over when the incident opened (`domain.md` 5).

        It goes to the provider's office then, and stays there.
        """
        if known is not None:
            return known.audience == "provider"
        if self._covers is None:
            who = self._who
            self._covers = covers_of(self._db, who.tenant_id, who.site_id)
        return self._covers.ended(parse_instant(stage.at)) is not None

    def _open(self, stage: Stage) -> None:
        """A new incident: its subject's ticket, a storm's, or one of its own."""
        new = advance(None, stage)
        holder = self._rows.holder(new.subject_key, besides=stage.incident_id)
        quiet = holder is not None
        twin = None if quiet else self._twins.ticket(stage, new)
        storm = None
        if holder is None and twin is None:
            storm = self._storms.joined(stage, new)
        ticket_id = next((t for t in (holder, twin, storm) if t is not None), None)
        if ticket_id is None:
            after = self._storms.born(stage, new)
            before = after
            ticket_id = self._rows.new_ticket(stage, after)
            self._stirred.add(ticket_id)
        else:
            past = twin is not None and stage.incident_id in self.over
            if past:
                self._past.add(stage.incident_id)
            before = self._rows.ticket(ticket_id)
            after = self._follow_ticket(
                stage, new, ticket_id, past=past, returns=twin is not None
            )
            if storm is not None:
                after = self._storms.grown(after, new)
            elif twin is not None:
                quiet = after.condition is before.condition
            self._put(ticket_id, before, after)
        self._rows.new_incident(
            stage, new, ticket_id=ticket_id, subject_open=holder is None
        )
        self._record(stage, ticket_id, after, before=before, quiet=quiet)

    def _follow_ticket(
        self,
        stage: Stage,
        new: Incident,
        ticket_id: int,
        *,
        past: bool,
        returns: bool = False,
    ) -> Ticket:
        """The ticket after a stage of one of its incidents, or of one that joins."""
        before, rows = self._rows.ticket(ticket_id), self._rows
        if past:
            return witnessed(before, new)
        # What is bad is bad whatever the others are.
        bad = new.condition is Condition.BAD
        others = () if bad else rows.conditions(ticket_id, besides=stage.incident_id)
        reported = None
        if before.edited:
            known = rows.incident(stage.incident_id)
            own = known.incident.severity if known is not None else None
            reported = worst(own, rows.reported(ticket_id, besides=stage.incident_id))
        returns = returns and before.storm is None
        after = follow(before, stage, new, others, reported=reported, returns=returns)
        if others and after.recovered is not None:
            ended = rows.ended(ticket_id, besides=stage.incident_id)
            after = replace(after, recovered=max(after.recovered, Instant(ended or 0)))
        return after

    def _put(self, ticket_id: int, before: Ticket, after: Ticket) -> None:
        """Write the ticket; what moves its clocks is looked at after the batch."""
        self._rows.put_ticket(ticket_id, after)
        if (before.severity, before.status) != (after.severity, after.status):
            self._stirred.add(ticket_id)

    def _follow(self, stage: Stage, known: KnownIncident) -> None:
        """The next stage of an incident that the desk has."""
        new = advance(known.incident, stage)
        bad = new.condition is Condition.BAD and not known.aside
        past = known.aside or stage.incident_id in self._past
        holder = (
            self._rows.holder(new.subject_key, besides=stage.incident_id)
            if bad
            else None
        )
        ticket_id = known.ticket_id
        if holder is not None:
            ticket_id = holder
        if stage.kind is Kind.RETIRE and not past:
            self._rows.wait_for_silent(stage, ticket_id)
        after = self._follow_ticket(stage, new, ticket_id, past=past)
        self._rows.put_incident(
            stage.incident_id, new, subject_open=bad and holder is None
        )
        self._rows.hand_over(known.incident.subject_key)
        if ticket_id != known.ticket_id:
            self._attach(stage, known.ticket_id, ticket_id)
        before = self._rows.ticket(ticket_id)
        self._put(ticket_id, before, after)
        quiet = past or not tells(stage.kind, before, after)
        self._record(stage, ticket_id, after, before=before, quiet=quiet)

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
        self,
        stage: Stage,
        ticket_id: int,
        after: Ticket,
        *,
        before: Ticket,
        quiet: bool,
    ) -> None:
        """History, and the mail; a quiet stage's mail is folded into the last."""
        event_id = self._rows.note(stage, ticket_id, after, before=before)
        if mailed(stage):
            self._post.stage(stage, ticket_id, after, event_id=event_id, quiet=quiet)
