"""The mails of a stage, put into the outbox in the stage's own transaction.

Every stage that is mailed has a row, which ends `sent`, or `folded` into another
row's mail with the rule that folded it: `shared` (no news on a ticket of several
incidents), `recovered` (an escalation that was over before it left), `late` (the
desk heard of it when it was past), `storm` (one of many at once), `flap` (one of
many again and again), or `failed` for good. What is folded into a row that gathers
(`digest`) is told by that mail, which is written when it leaves.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from scudo_agent.desk.cadence import (
    GATHER_US,
    STORM_MAILS_US,
    STORM_NEWS_US,
    summary_due,
)
from scudo_agent.desk.lifecycle import Condition, Ticket, message_id
from scudo_agent.desk.store import post_statements as sql
from scudo_agent.desk.store.caps import Caps
from scudo_agent.instant import MINUTE, Instant, parse_instant
from scudo_agent.model import MAILED, Kind
from scudo_agent.wire import Stage

MOVED = "moved"
"""Kind of the mail of an incident that left a storm."""

STILL_BAD = "still_bad"
"""Kind of the mail of a ticket that the desk re-opened: it is bad though closed."""

SEEN_AGAIN = "seen_again"
"""Kind of the mail of a ticket re-opened since one of a pair is back and sees it."""

OVER = "over"
"""Kind of the mail of a recovery that one agent of a pair told, the other silent."""

TURNS = (MOVED, STILL_BAD, SEEN_AGAIN)
"""Kinds of mails in which the desk itself has something to say."""

LATE_US = 15 * MINUTE
"""An opening older than that, over in the same batch, is no live mail (1.5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """What the outbox must know of the desk's settings.

    `reply_address` is where answers come in, None where no mail does;
    `own_addresses`, in small letters, are those that the desk writes from.
    """

    message_host: str
    provider_mail: str
    provider_language: str = "it"
    reply_address: str | None = None
    own_addresses: frozenset[str] = frozenset()


class _Many:
    """A ticket's rows within a batch; `news`: not only recoveries are among them."""

    def __init__(self, after: Ticket) -> None:
        self.after = after
        self.rows: list[dict[str, Any]] = []
        self.news = False


class Post:
    """Writes outbox rows within the transaction `db`."""

    def __init__(
        self, db: Connection, tenant_id: str, *, now: Instant, posting: Posting
    ) -> None:
        self._db = db
        self._tenant_id = tenant_id
        self._now = now
        self._posting = posting
        self._cap = Caps(db, tenant_id, now)
        self._many: dict[int, _Many] = {}
        self._readers: dict[str, tuple[str, str]] = {}
        self._threads: dict[int, str] = {}
        self._batch: dict[str, list[tuple[int, Stage]]] = {}
        self.muted: str | None = None
        """The mail that stands for the stages' own: they left before (`restored`)."""

    def stage(
        self,
        stage: Stage,
        ticket_id: int,
        after: Ticket,
        *,
        event_id: int,
        quiet: bool,
    ) -> None:
        """One row for one stage of a ticket that is `after` now.

        A quiet one goes into the ticket's last mail; in a storm, or while the ticket
        is unstable, it goes into the mail that gathers what there is to tell.
        """
        row = self._row(stage, ticket_id, event_id)
        if self.muted is not None:
            folded = {"folded_into": self.muted, "fold_rule": "restored"}
            self._put(row, state="folded", **folded)
        elif after.storm is not None or after.steadiness.unstable is not None:
            many = self._many.setdefault(ticket_id, _Many(after))
            many.after = after
            many.rows.append(row)
            many.news |= stage.kind is not Kind.RECOVER
        elif quiet and (into := self._last_message(ticket_id)):
            self._put(row, state="folded", folded_into=into, fold_rule="shared")
        else:
            self._plain(row, stage)

    def flush(self) -> None:
        """Write the rows that are gathered: those of a whole batch at once."""
        for ticket_id, many in self._many.items():
            storm = many.after.storm is not None
            rule = "storm" if storm else "flap"
            due = (self._storm_due if storm else self._flap_due)(ticket_id, many)
            waiting = self._gathering(ticket_id)
            if waiting is None:
                first = many.rows.pop(0)
                into = first["message_id"]
                self._put(first, next_us=due, digest=True)
            else:
                into = waiting.message_id
                self._postpone(waiting, due)
            if many.rows:
                fold = {"state": "folded", "folded_into": into, "fold_rule": rule}
                self._db.execute(sql.PUT, [r | fold for r in many.rows])
        self._many.clear()

    def _plain(self, row: dict[str, Any], stage: Stage) -> None:
        """A mail of its own, if the ticket may have one more today."""
        ticket_id = row["ticket_id"]
        if ticket_id in self._many:
            self.flush()  # it was unstable until a moment ago
        waiting = self._gathering(ticket_id)
        due = self._cap.ticket(ticket_id, besides=waiting)
        if waiting is not None or due > self._now:
            self._gather(row, rule="flap", due=due)
        else:
            if stage.audience == "customer":
                due = self._cap.customer()
            self._put(row, next_us=due)
            self._batch.setdefault(stage.incident_id, []).append((ticket_id, stage))
        if stage.kind is Kind.RECOVER:
            self.fold(stage, kinds=(Kind.RAISE,), rule="recovered")

    def moved(
        self, last: Stage, ticket_id: int, *, event_id: int, storm_id: int, alone: bool
    ) -> None:
        """An incident left the storm for a ticket of its own.

        `alone`: with a mail of its own; else the storm's next mail names it.
        """
        row = self._row(last, ticket_id, event_id) | {
            "kind": MOVED,
            "message_id": message_id(
                last.incident_id, MOVED, last.rev, self._posting.message_host
            ),
        }
        if alone:
            self._put(row, next_us=self._cap.customer())
        else:
            waiting = self._gathering(storm_id)
            due = max(
                self._cap.ticket(storm_id, besides=waiting),
                self._cap.customer(besides=waiting),
            )
            self._gather(row, rule="storm", due=due, thread=storm_id)

    def turned(self, last: Stage, ticket_id: int, *, event_id: int, kind: str) -> None:
        """The desk decided about a ticket, by the last stage of an incident.

        `still_bad` (a person had closed it), `seen_again` or `over`. What a mail of the
        same stage said before is not said again: the ticket's history has it.
        """
        if self._told_before(last, kind):
            return
        host = self._posting.message_host
        row = self._row(last, ticket_id, event_id) | {
            "kind": kind,
            "message_id": message_id(last.incident_id, kind, last.rev, host),
        }
        waiting = self._gathering(ticket_id)
        due = self._cap.ticket(ticket_id, besides=waiting)
        if due > self._now or waiting is not None:
            self._gather(row, rule="flap", due=due)
        else:
            self._put(row)

    def _told_before(self, last: Stage, kind: str) -> bool:
        stage = {"incident": last.incident_id, "kind": kind, "rev": last.rev}
        same = self._db.execute(sql.SAME, {"tenant": self._tenant_id} | stage)
        return same.first() is not None

    def _row(self, stage: Stage, ticket_id: int, event_id: int) -> dict[str, Any]:
        recipient, language = self._reader(stage)
        return {
            "tenant_id": self._tenant_id,
            "ticket_id": ticket_id,
            "incident_id": stage.incident_id,
            "kind": stage.kind.value,
            "rev": stage.rev,
            "event_id": event_id,
            "state": "pending",
            "message_id": self._message_id(stage.incident_id, stage.kind, stage.rev),
            "in_reply_to": self._thread(ticket_id),
            "recipient": recipient,
            "language": language,
            "created_us": self._now,
            "next_us": self._now,
        }

    def _put(self, row: dict[str, Any], **values: Any) -> None:
        self._db.execute(sql.PUT, row | values)

    def _gather(
        self, row: dict[str, Any], *, rule: str, due: Instant, thread: int | None = None
    ) -> None:
        """Put a row into the ticket's gathering mail, or let it be that mail."""
        ticket_id = row["ticket_id"] if thread is None else thread
        into = self._gathering(ticket_id)
        if into is None:
            place = {"ticket_id": ticket_id, "in_reply_to": self._thread(ticket_id)}
            self._put(row | place, next_us=due, digest=True)
            return
        self._postpone(into, due)
        folded = {"folded_into": into.message_id, "fold_rule": rule}
        self._put(row, state="folded", **folded)

    def _postpone(self, waiting: Any, due: Instant) -> None:
        self._db.execute(sql.POSTPONE, {"mail": waiting.mail_id, "due": due})

    def _gathering(self, ticket_id: int) -> Any:
        """The ticket's mail that gathers and that nobody is sending just now."""
        of_ticket = self._of(ticket_id) | {"now": self._now}
        return self._db.execute(sql.GATHERING, of_ticket).first()

    def _storm_due(self, ticket_id: int, many: _Many) -> Instant:
        """When a storm's next mail leaves: soon, seldom, or when all of it is over."""
        waiting = self._gathering(ticket_id)
        last = self._cap.last(ticket_id, besides=waiting)
        if last is None:
            began = self._now if waiting is None else waiting.created_us
            due = Instant(began + GATHER_US)
        else:
            over = many.after.condition is not Condition.BAD
            wait = 0 if over or many.news else STORM_NEWS_US
            due = Instant(self._now + wait)
            if waiting is not None:
                due = min(due, Instant(waiting.next_us))
            due = max(due, Instant(last + STORM_MAILS_US))
        ticket_ = self._cap.ticket(ticket_id, besides=waiting)
        return max(due, ticket_, self._cap.customer(besides=waiting))

    def _flap_due(self, ticket_id: int, many: _Many) -> Instant:
        waiting = self._gathering(ticket_id)
        began = self._now if waiting is None else Instant(waiting.created_us)
        return max(
            summary_due(began, self._now), self._cap.ticket(ticket_id, besides=waiting)
        )

    def fold_late(self) -> list[int]:
        """Collapse what began and ended before the desk heard of it.

        Of an incident that opened more than 15 min ago and recovered in the same
        batch, only the batch's last mail leaves. Return its ticket, if any.
        """
        late = []
        for stages in self._batch.values():
            kinds = [stage.kind for _, stage in stages]
            ticket_id, first = stages[0]
            if first.kind is not Kind.OPEN or Kind.RECOVER not in kinds:
                continue
            if self._now - parse_instant(first.at) <= LATE_US:
                continue
            self.fold(stages[-1][1], kinds=tuple(MAILED), rule="late")
            late.append(ticket_id)
        return late

    def fold(self, into: Stage, *, kinds: tuple[Kind, ...], rule: str) -> None:
        """Fold the incident's earlier mails that nobody is sending just now."""
        which = {
            "tenant": self._tenant_id,
            "incident": into.incident_id,
            "before": into.rev,
            "kinds": [kind.value for kind in kinds],
            "now": self._now,
            "by_rule": rule,
            "into": self._message_id(into.incident_id, into.kind, into.rev),
        }
        self._db.execute(sql.FOLD, which)

    def _of(self, ticket_id: int) -> dict[str, Any]:
        return {"tenant": self._tenant_id, "ticket": ticket_id}

    def _last_message(self, ticket_id: int) -> str | None:
        """The ticket's last mail that was sent or will be."""
        return self._db.execute(sql.LAST, self._of(ticket_id)).scalar()

    def _thread(self, ticket_id: int) -> str | None:
        """The mail that opened the ticket; None for that one itself.

        Where another mail told of it, that one is answered.
        """
        known = self._threads.get(ticket_id)
        if known is None and (known := self._first_mail(ticket_id)) is not None:
            self._threads[ticket_id] = known
        return known

    def _first_mail(self, ticket_id: int) -> str | None:
        return self._db.execute(sql.FIRST_MAIL, self._of(ticket_id)).scalar()

    def _reader(self, stage: Stage) -> tuple[str, str]:
        """To whom the notice goes, and in which language."""
        if stage.audience not in self._readers:
            self._readers[stage.audience] = self._addressed(stage)
        return self._readers[stage.audience]

    def _addressed(self, stage: Stage) -> tuple[str, str]:
        if stage.audience == "provider":
            return self._posting.provider_mail, self._posting.provider_language
        row = self._db.execute(sql.READER, {"tenant": self._tenant_id}).one()
        return str(row.mail), str(row.language)

    def _message_id(self, incident_id: str, kind: Kind, rev: int) -> str:
        return message_id(incident_id, kind.value, rev, self._posting.message_host)
