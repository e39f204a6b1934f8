"""What a stage of an incident does to the incident and to its ticket; pure.

A ticket follows its incident (`domain.md` 5): it is opened once, raised and
never lowered, keeps its number through recovery and re-opening, and is never
closed by an agent; a relapse re-opens it, whoever closed it. `reliability.md` 1.4
says how several incidents share one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import sha256

from scudo_agent.desk.cadence import Steadiness, steadied
from scudo_agent.instant import Instant, parse_instant
from scudo_agent.model import MAILED, Kind
from scudo_agent.wire import Stage

HEADINGS = (Kind.OPEN, Kind.RAISE, Kind.REOPEN, Kind.ROOT)
"""Stages that give a ticket its headline: the last one's holds."""

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""32 signs without I, L, O and U: nothing to misread on the telephone."""


class Condition(StrEnum):
    """How the thing itself is, whatever people do with the ticket.

    `reported`: a person told of it and no agent measures it (a customer's request).
    """

    BAD = "bad"
    RECOVERED = "recovered"
    NOT_MEASURED = "not_measured"
    REPORTED = "reported"


MEASURED = (Condition.BAD, Condition.RECOVERED, Condition.NOT_MEASURED)
"""Conditions that an incident can have."""


class Status(StrEnum):
    """Life of a ticket (`domain.md` 5); `desk.life` has the steps that people take."""

    NEW = "new"
    TRIAGED = "triaged"
    DIAGNOSING = "diagnosing"
    IN_PROGRESS = "in_progress"
    WAITING_CUSTOMER = "waiting_customer"
    RESOLVED = "resolved"
    CLOSED = "closed"
    REOPENED = "reopened"


SETTLED = frozenset({Status.RESOLVED, Status.CLOSED})
"""Nobody works on it any more; what is worse or back re-opens it."""

_AT_WORK = frozenset({Status.TRIAGED, Status.DIAGNOSING, Status.IN_PROGRESS})
"""Somebody has it in hand: a relapse changes nothing of that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """What the desk knows of one incident after its `rev`-th stage."""

    subject_key: str
    title: dict[str, str] = field(default_factory=dict)
    since: Instant
    opened: Instant
    severity: int | None
    rule: str | None
    condition: Condition = Condition.BAD
    ended: Instant | None = None
    reopen_count: int = 0
    rev: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What a stage can change of a ticket.

    `storm`: the date of the last opening that went into this storm ticket, None for
    one that is none. `edited`: a person set the severity, which holds against the
    agents until one of them reports worse than they all did before.
    """

    title: dict[str, str]
    status: Status = Status.NEW
    condition: Condition = Condition.BAD
    severity: int | None
    rule: str | None
    reopen_count: int = 0
    recovered: Instant | None = None
    steadiness: Steadiness = field(default_factory=Steadiness)
    storm: Instant | None = None
    edited: bool = False


class StageError(ValueError):
    """The stage cannot follow what the desk has: the event is poison."""


def short_code(seed: str, *, signs: int = 8) -> str:
    """`XXXX-XXXX` of the hash of `seed`, in groups of four."""
    number = int.from_bytes(sha256(seed.encode()).digest())
    code = "".join(_ALPHABET[(number >> (5 * i)) & 31] for i in range(signs))
    return "-".join(code[i : i + 4] for i in range(0, signs, 4))


def ticket_ref(incident_id: str, collision: int = 0) -> str:
    """Public number of the ticket that this incident opened.

    It depends on nothing but the incident, so that it survives a desk that is
    restored; `collision` counts the tickets of other incidents that had it.
    """
    seed = incident_id if not collision else f"{incident_id}#{collision}"
    return f"SC-{short_code(seed)}"


def storm_ref(incident_id: str, collision: int = 0) -> str:
    """Public number of the storm ticket that this incident's opening began.

    Another one than the incident's own, which it gets if it leaves the storm.
    """
    return ticket_ref(f"storm:{incident_id}", collision)


def message_id(incident_id: str, kind: str, rev: int, host: str) -> str:
    """Message-ID of a stage's mail: the same whenever it is sent again."""
    return f"<{incident_id}.{kind}.{rev}@{host}>"


def mailed(stage: Stage) -> bool:
    """Whether the stage becomes a mail (`reliability.md` 1.1)."""
    return stage.kind in MAILED


RATING = frozenset({Kind.OPEN, Kind.RAISE, Kind.REOPEN})
"""Stages that say how severe an incident is; the others only come along."""


def worst(*severities: int | None) -> int | None:
    """The gravest of the codes: the smallest number; None has no code."""
    known = [s for s in severities if s is not None]
    return min(known) if known else None


def tells(kind: Kind, before: Ticket, after: Ticket) -> bool:
    """Whether a stage says something of the *ticket* that its readers don't know.

    When several incidents share a ticket, the second one's opening, or the first
    one's recovery while the second is still bad, is no news: its mail is folded.
    """
    if kind is Kind.RAISE:
        return after.severity != before.severity
    if kind is Kind.RECOVER:
        # Over for its readers already: the other agent of a pair has said so.
        was = before.condition is Condition.BAD
        return was and after.condition is not Condition.BAD
    if kind is Kind.REOPEN:
        return before.condition is not Condition.BAD
    return kind in MAILED


def advance(incident: Incident | None, stage: Stage) -> Incident:
    """The incident after `stage`; `StageError` when it cannot be its next one."""
    if incident is None:
        if stage.kind is not Kind.OPEN or stage.rev != 1:
            raise StageError("an incident begins with rev 1 and kind open")
        since = parse_instant(stage.since)
        return Incident(
            subject_key=stage.subject_key,
            title=dict(stage.subject.title),
            since=since,
            opened=parse_instant(stage.at),
            severity=stage.severity,
            rule=stage.rule,
        )
    if stage.kind is Kind.OPEN or stage.rev != incident.rev + 1:
        raise StageError(f"rev {incident.rev + 1} with another kind than open is next")
    after = replace(
        incident,
        rev=stage.rev,
        subject_key=stage.subject_key,
        title=dict(stage.subject.title) or incident.title,
    )
    if stage.kind in RATING:
        # A join of the same instant already bears what the raise behind it says;
        # taking it from the join would make the raise no news, and unmailed.
        severity = worst(incident.severity, stage.severity)
        after = replace(after, severity=severity, rule=stage.rule or incident.rule)
    return _turned(after, stage)


def _turned(incident: Incident, stage: Stage) -> Incident:
    """Set what the kind alone decides: condition, end, re-openings."""
    if stage.kind is Kind.RECOVER:
        until = stage.outage.until if stage.outage else stage.at
        return replace(
            incident, condition=Condition.RECOVERED, ended=parse_instant(until)
        )
    if stage.kind is Kind.RETIRE:
        return replace(
            incident, condition=Condition.NOT_MEASURED, ended=parse_instant(stage.at)
        )
    if stage.kind is Kind.REOPEN:
        return replace(
            incident,
            condition=Condition.BAD,
            ended=None,
            reopen_count=incident.reopen_count + 1,
        )
    return incident


def born(incident: Incident) -> Ticket:
    """The ticket that an opening makes."""
    return Ticket(title=incident.title, severity=incident.severity, rule=incident.rule)


def follow(
    ticket: Ticket,
    stage: Stage,
    incident: Incident,
    others: Iterable[Condition] = (),
    *,
    reported: int | None = None,
    returns: bool = False,
) -> Ticket:
    """The ticket after `stage`, which left its incident as `incident`.

    `returns`: another agent's opening says that what the ticket is about is back.

    `others` are the conditions of the other incidents that share the ticket:
    it is bad while one of them is. The severity never falls; the rule is the
    one that decided the severity which holds. Where a person set it, `reported` is
    the worst that agents had reported before, and only worse than that counts.
    """
    severity, edited = worst(ticket.severity, incident.severity), False
    if ticket.edited and worst(reported, incident.severity) == reported:
        severity, edited = ticket.severity, True
    graver = severity != ticket.severity or (ticket.rule is None and not edited)
    condition = joint((incident.condition, *others))
    bad = condition is Condition.BAD
    # Bad while settled: a person settled it, and only what is worse is news (1.5).
    begins = ticket.condition is not Condition.BAD
    relapsed = bad and (begins or _worse(ticket, severity))
    # Within a shared ticket that is bad a relapse of one incident re-opens nothing.
    again = (stage.kind is Kind.REOPEN or returns) and begins
    at = parse_instant(stage.at)
    return replace(
        ticket,
        title=incident.title if stage.kind is Kind.ROOT else ticket.title,
        severity=severity,
        rule=incident.rule if graver else ticket.rule,
        condition=condition,
        status=returned(ticket.status, again=again, worse=relapsed),
        reopen_count=ticket.reopen_count + (1 if again else 0),
        recovered=incident.ended if condition is Condition.RECOVERED else None,
        steadiness=steadied(ticket.steadiness, at, relapse=again),
        edited=edited,
    )


def returned(status: Status, *, again: bool = True, worse: bool = False) -> Status:
    """Where a ticket stands that is back (`again`), or became worse; else as it was.

    One that somebody has in hand stays there. What waited for the customer is back
    all the same: its clocks go on.
    """
    if status in SETTLED:
        return Status.REOPENED if again or worse else status
    if status in _AT_WORK:
        return status
    return Status.REOPENED if again else status


def witnessed(ticket: Ticket, incident: Incident) -> Ticket:
    """The ticket after the word of one whose view does not decide how it is now.

    That is an agent that tells late of an outage that the other one of a pair has
    told of, or one that was silent meanwhile. What was worse stays known.
    """
    severity = worst(ticket.severity, incident.severity)
    graver = severity != ticket.severity and not ticket.edited
    ended = ticket.recovered
    if ended is not None and incident.ended is not None:
        ended = max(ended, incident.ended)
    return replace(
        ticket,
        severity=severity if graver else ticket.severity,
        rule=incident.rule if graver else ticket.rule,
        recovered=ended,
    )


def _worse(ticket: Ticket, severity: int | None) -> bool:
    return severity != ticket.severity and severity == worst(severity, ticket.severity)


def closes(recovered: Instant, active: Instant, close_after_us: int) -> Instant:
    """When the desk closes a ticket by itself (`domain.md` 5).

    Quiet begins with the recovery's date or, if that is later, with the last thing
    that an agent or a person had to say of the ticket, as of when the desk had it:
    what reaches the desk late is not closed before anybody could read it.
    """
    return Instant(max(recovered, active) + close_after_us)


def joint(conditions: Iterable[Condition]) -> Condition:
    """Condition of a ticket from those of its incidents: bad wins."""
    all_ = set(conditions)
    for condition in (Condition.BAD, Condition.NOT_MEASURED):
        if condition in all_:
            return condition
    return Condition.RECOVERED
