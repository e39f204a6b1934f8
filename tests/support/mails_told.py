"""The checker of I5: every mailed stage was told, by its own mail or by another.

Reads a desk's database and finds fault; an empty list is the proof. `open`, `raise`,
`recover` and `reopen` are mailed (`reliability.md` 1.1).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from scudo_agent.desk.store.tables import inbox, mail_outbox, ticket_event
from scudo_agent.model import MAILED

RULES = ("late", "flap", "storm", "shared", "recovered", "restored")
"""By which a stage's mail may be folded into another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One row of the outbox, as far as the check goes."""

    message_id: str
    state: str
    rule: str | None
    into: str | None


def untold(db: Connection, *, sent: bool = True) -> list[str]:
    """One line for each stage that nobody was told of, or nobody knows why.

    With `sent` the mail at the end must have been accepted by a server; without, it
    may still wait in the outbox.
    """
    rows = db.execute(
        select(mail_outbox).where(mail_outbox.c.incident_id.is_not(None))
    ).all()
    mails = {
        (row.tenant_id, row.incident_id, row.kind, row.rev): Told(
            message_id=row.message_id,
            state=row.state,
            rule=row.fold_rule,
            into=row.folded_into,
        )
        for row in rows
    }
    stages = db.execute(
        select(
            ticket_event.c.tenant_id,
            ticket_event.c.incident_id,
            ticket_event.c.kind,
            ticket_event.c.rev,
        ).where(ticket_event.c.kind.in_([kind.value for kind in MAILED]))
    )
    faults = [
        f"{key[1]}.{key[2]}.{key[3]} has no mail row"
        for key in map(tuple, stages)
        if key not in mails
    ]
    by_id = {one.message_id: one for one in mails.values()}
    return faults + unled(by_id, mails.values(), sent=sent)


def unled(by_id: Mapping[str, Told], mails: Iterable[Told], *, sent: bool) -> list[str]:
    """Rows whose folds lead to no mail that left."""
    faults = []
    for one in mails:
        end, seen = one, {one.message_id}
        while end.state == "folded":
            if end.rule not in RULES:
                faults.append(f"{end.message_id} is folded by '{end.rule}'")
            into = by_id.get(end.into or "")
            if into is None or into.message_id in seen:
                faults.append(f"{one.message_id} is folded into nothing: {end.into}")
                break
            seen.add(into.message_id)
            end = into
        else:
            if sent and end.state != "sent":
                faults.append(f"{one.message_id} ends in a mail that is {end.state}")
    return faults


def unheard(db: Connection) -> list[str]:
    """Stages that reached the desk and are in no ticket's history."""
    known = {
        tuple(row)
        for row in db.execute(
            select(
                ticket_event.c.tenant_id, ticket_event.c.incident_id, ticket_event.c.rev
            ).where(ticket_event.c.actor.like("agent:%"))
        )
    }
    rows = db.execute(
        select(inbox.c.tenant_id, inbox.c.incident_id, inbox.c.rev).where(
            inbox.c.gap_reason.is_(None)
        )
    )
    return [
        f"{row.incident_id} rev {row.rev} is in no history"
        for row in rows
        if tuple(row) not in known
    ]
