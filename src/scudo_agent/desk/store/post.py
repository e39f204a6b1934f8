"""The mails of a stage, put into the outbox in the stage's own transaction.

Every stage that is mailed has a row, which ends `sent`, or `folded` into another
row's mail with the rule that folded it: `shared` (no news on a ticket of several
incidents), `recovered` (an escalation that was over before it left), `late` (the
desk heard of it when it was past), or `failed` for good.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, or_, select, update

from scudo_agent.desk.lifecycle import message_id
from scudo_agent.desk.store.tables import mail_outbox, tenant
from scudo_agent.instant import MINUTE, Instant, parse_instant
from scudo_agent.model import MAILED, Kind
from scudo_agent.wire import Stage

LATE_US = 15 * MINUTE
"""An opening older than that, over in the same batch, is no live mail (1.5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """What the outbox must know of the desk's settings."""

    message_host: str
    provider_mail: str
    provider_language: str = "it"


class Post:
    """Writes outbox rows within the transaction `db`."""

    def __init__(
        self, db: Connection, tenant_id: str, *, now: Instant, posting: Posting
    ) -> None:
        self._db = db
        self._tenant_id = tenant_id
        self._now = now
        self._posting = posting
        self._batch: dict[str, list[tuple[int, Stage]]] = {}

    def stage(
        self, stage: Stage, ticket_id: int, *, event_id: int, quiet: bool
    ) -> None:
        """One row for one stage; a quiet one goes into the ticket's last mail."""
        into = self._last_message(ticket_id) if quiet else None
        recipient, language = self._reader(stage)
        row = {
            "tenant_id": self._tenant_id,
            "ticket_id": ticket_id,
            "incident_id": stage.incident_id,
            "kind": stage.kind.value,
            "rev": stage.rev,
            "event_id": event_id,
            "state": "pending" if into is None else "folded",
            "folded_into": into,
            "fold_rule": None if into is None else "shared",
            "message_id": self._message_id(stage.incident_id, stage.kind, stage.rev),
            "in_reply_to": self._thread(ticket_id),
            "recipient": recipient,
            "language": language,
            "created_us": self._now,
            "next_us": self._now,
        }
        self._db.execute(insert(mail_outbox).values(row))
        self._batch.setdefault(stage.incident_id, []).append((ticket_id, stage))
        if stage.kind is Kind.RECOVER:
            self._fold(stage, kinds=(Kind.RAISE,), rule="recovered")

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
            self._fold(stages[-1][1], kinds=tuple(MAILED), rule="late")
            late.append(ticket_id)
        return late

    def _fold(self, into: Stage, *, kinds: tuple[Kind, ...], rule: str) -> None:
        """Fold the incident's earlier mails that nobody is sending just now."""
        change = (
            update(mail_outbox)
            .where(
                mail_outbox.c.tenant_id == self._tenant_id,
                mail_outbox.c.incident_id == into.incident_id,
                mail_outbox.c.rev < into.rev,
                mail_outbox.c.kind.in_([kind.value for kind in kinds]),
                mail_outbox.c.state == "pending",
                or_(
                    mail_outbox.c.lease_until_us.is_(None),
                    mail_outbox.c.lease_until_us <= self._now,
                ),
            )
            .values(
                state="folded",
                fold_rule=rule,
                folded_into=self._message_id(into.incident_id, into.kind, into.rev),
            )
        )
        self._db.execute(change)

    def _last_message(self, ticket_id: int) -> str | None:
        """The ticket's last mail that was sent or will be."""
        return self._db.execute(
            select(mail_outbox.c.message_id)
            .where(
                mail_outbox.c.tenant_id == self._tenant_id,
                mail_outbox.c.ticket_id == ticket_id,
                mail_outbox.c.state.in_(("pending", "sent")),
            )
            .order_by(mail_outbox.c.mail_id.desc())
            .limit(1)
        ).scalar()

    def _thread(self, ticket_id: int) -> str | None:
        """The mail that opened the ticket; None for that one itself."""
        return self._db.execute(
            select(mail_outbox.c.message_id)
            .where(
                mail_outbox.c.tenant_id == self._tenant_id,
                mail_outbox.c.ticket_id == ticket_id,
            )
            .order_by(mail_outbox.c.mail_id)
            .limit(1)
        ).scalar()

    def _reader(self, stage: Stage) -> tuple[str, str]:
        """To whom the notice goes, and in which language."""
        if stage.audience == "provider":
            return self._posting.provider_mail, self._posting.provider_language
        row = self._db.execute(
            select(tenant.c.mail, tenant.c.language).where(
                tenant.c.tenant_id == self._tenant_id
            )
        ).one()
        return str(row.mail), str(row.language)

    def _message_id(self, incident_id: str, kind: Kind, rev: int) -> str:
        return message_id(incident_id, kind.value, rev, self._posting.message_host)
