"""Life of a ticket as people lead it (`domain.md` 5): states, moves, needs; pure.

An act of a person on a ticket gives what the ticket is then, what its history says,
and whether its customer is written to; or it is refused, with words. What stages of
agents do is in `desk.lifecycle`, which fits this: both have the same states.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from scudo_agent.desk.life_values import ASSIGNED as ASSIGNED
from scudo_agent.desk.life_values import CALL_ENTRIES as CALL_ENTRIES
from scudo_agent.desk.life_values import CLOSED as CLOSED
from scudo_agent.desk.life_values import DETAIL_LIMIT as DETAIL_LIMIT
from scudo_agent.desk.life_values import ESTIMATED as ESTIMATED
from scudo_agent.desk.life_values import INTERNAL_KINDS as INTERNAL_KINDS
from scudo_agent.desk.life_values import MAIL_BACK as MAIL_BACK
from scudo_agent.desk.life_values import MAIL_LATE as MAIL_LATE
from scudo_agent.desk.life_values import MAIL_LIMIT as MAIL_LIMIT
from scudo_agent.desk.life_values import MAIL_NOTED as MAIL_NOTED
from scudo_agent.desk.life_values import MESSAGE as MESSAGE
from scudo_agent.desk.life_values import REDUNDANT as REDUNDANT
from scudo_agent.desk.life_values import REMARK as REMARK
from scudo_agent.desk.life_values import STATUS as STATUS
from scudo_agent.desk.life_values import TRIAGED as TRIAGED
from scudo_agent.desk.life_values import WORDS_LIMIT as WORDS_LIMIT
from scudo_agent.desk.life_values import Act as Act
from scudo_agent.desk.life_values import ActError as ActError
from scudo_agent.desk.life_values import Assign as Assign
from scudo_agent.desk.life_values import Doer as Doer
from scudo_agent.desk.life_values import Done as Done
from scudo_agent.desk.life_values import Estimate as Estimate
from scudo_agent.desk.life_values import Life as Life
from scudo_agent.desk.life_values import Mail as Mail
from scudo_agent.desk.life_values import Mode as Mode
from scudo_agent.desk.life_values import Move as Move
from scudo_agent.desk.life_values import Note as Note
from scudo_agent.desk.life_values import Redundant as Redundant
from scudo_agent.desk.life_values import RightError as RightError
from scudo_agent.desk.life_values import StaleError as StaleError
from scudo_agent.desk.life_values import Thing as Thing
from scudo_agent.desk.life_values import Triage as Triage
from scudo_agent.desk.lifecycle import Condition, Status
from scudo_agent.desk.rights import STAFF, Right, may
from scudo_agent.instant import Instant
from scudo_agent.text import T, Text

_OPEN_ENDS = frozenset({Status.RESOLVED, Status.CLOSED})
_WORK = frozenset({Status.IN_PROGRESS}) | _OPEN_ENDS
MOVES: Mapping[Status, frozenset[Status]] = MappingProxyType(
    {
        Status.NEW: _OPEN_ENDS,
        Status.TRIAGED: _WORK | {Status.DIAGNOSING},
        Status.DIAGNOSING: _WORK,
        Status.IN_PROGRESS: _WORK | {Status.WAITING_CUSTOMER},
        Status.WAITING_CUSTOMER: _WORK,
        Status.RESOLVED: frozenset({Status.CLOSED, Status.REOPENED}),
        Status.CLOSED: frozenset({Status.REOPENED}),
        Status.REOPENED: _WORK | {Status.DIAGNOSING},
    }
)
"""Where a person may move a ticket; `triaged` is reached by triage, from `new`.

In progress to itself is another mode of work.
"""


def act_of(life: Life, act: Act, doer: Doer, *, now: Instant) -> Done:
    """What `act` does to the ticket; `RightError` or `ActError` if it cannot be."""
    allow(life, act, doer)
    if isinstance(act, Note):
        return _note(life, act, doer)
    if isinstance(act, Move):
        return _move(life, act, now)
    if isinstance(act, Redundant):
        return _redundant(life, act)
    if life.status is Status.CLOSED:
        raise ActError(T("The ticket is closed: re-open it first."))
    if isinstance(act, Triage):
        return _triage(life, act)
    if isinstance(act, Assign):
        return _assign(life, act)
    return _estimate(life, act, now)


def moves(life: Life, doer: Doer) -> frozenset[Status]:
    """The states that this person may move the ticket to now."""
    return MOVES[life.status] if may(doer.role, Right.WORK) else frozenset()


def allow(life: Life, act: Act, doer: Doer) -> None:
    """`RightError` when this person has no right to such an act on the ticket."""
    needed = Right.WORK
    if isinstance(act, Note) and act.public:
        needed = Right.REQUEST
    elif isinstance(act, Note):
        needed = Right.INTERNAL
    elif isinstance(act, Assign):
        own = {doer.person_id} - {None}
        others = {act.person_id, life.assignee_id} - own - {None}
        needed = Right.DISPATCH if others else Right.WORK
    if not may(doer.role, needed):
        raise RightError(T("Your role does not allow this."))


def _note(life: Life, act: Note, doer: Doer) -> Done:
    limit = MAIL_LIMIT if act.by_mail else WORDS_LIMIT
    words = _words(act.words, T("Write something first."), limit)
    if not act.public:
        return Done(life=life, kind=REMARK, data={"words": words})
    if life.audience == "provider":
        raise ActError(T("No customer sees this ticket: write an internal note."))
    data: dict[str, Any] = {"words": words, "public": True}
    if doer.role in STAFF:
        return Done(life=life, kind=MESSAGE, data=data, mail=Mail.MESSAGE)
    # What it waited for has come: the clocks go on.
    data["by_customer"] = True
    if life.status is Status.WAITING_CUSTOMER:
        life = replace(life, status=Status.IN_PROGRESS)
        data["status"] = turn(Status.WAITING_CUSTOMER, Status.IN_PROGRESS)
    elif life.status in _OPEN_ENDS:
        # The mails that said it was over promise that: "reply, we will re-open it".
        data["status"] = turn(life.status, Status.REOPENED)
        life = replace(life, status=Status.REOPENED, estimate=None)
    return Done(life=life, kind=MESSAGE, data=data, mail=Mail.ANSWER)


def _triage(life: Life, act: Triage) -> Done:
    for value in (act.severity, act.urgency):
        if value is not None and value not in (1, 2, 3):
            raise ActError(T("Severity and urgency are 1, 2 or 3."))
    severity = life.severity if act.severity is None else act.severity
    words = _limited(act.words)
    if life.severity is not None and severity is not None:
        if severity > life.severity and not words:
            raise ActError(T("Say why the severity is lowered."))
    elif life.audience == "provider" and severity is not None:
        raise ActError(T("A ticket of the provider's own has no severity code."))
    elif severity is None and life.audience == "customer":
        raise ActError(T("Set the severity first."))
    changed = severity != life.severity
    after = replace(
        life,
        severity=severity,
        # The rule told why the agents' code held; now a person's decision does.
        rule=None if changed else life.rule,
        edited=life.edited or changed,
        urgency=act.urgency or life.urgency or severity or 3,
        category=life.category if act.category is None else act.category,
        provisional=False,
        status=Status.TRIAGED if life.status is Status.NEW else life.status,
    )
    if after == life:
        raise ActError(T("The ticket is so already."))
    data = {"words": words} | _changes(life, after)
    told = life.provisional and changed
    return Done(life=after, kind=TRIAGED, data=data, mail=_to(life, Mail.CODE, told))


def _changes(before: Life, after: Life) -> dict[str, Any]:
    """What of severity, urgency, category and state is another one now."""
    data: dict[str, Any] = {}
    for name in ("severity", "urgency", "category"):
        was, is_ = getattr(before, name), getattr(after, name)
        if was != is_:
            data[name] = {"from": was, "to": is_}
    if before.status is not after.status:
        data["status"] = turn(before.status, after.status)
    return data


def _assign(life: Life, act: Assign) -> Done:
    if act.person_id == life.assignee_id:
        raise ActError(T("The ticket is so already."))
    data = {"from": life.assignee_id, "to": act.person_id}
    return Done(life=replace(life, assignee_id=act.person_id), kind=ASSIGNED, data=data)


def _estimate(life: Life, act: Estimate, now: Instant) -> Done:
    at = _later(act.at, now)
    words = _limited(act.words)
    if life.status is Status.RESOLVED:
        raise ActError(T("The ticket is resolved: there is nothing to wait for."))
    if at == life.estimate and not words:
        raise ActError(T("The ticket is so already."))
    data = {"estimate_us": at, "before_us": life.estimate, "words": words,
            "public": True}  # fmt: skip
    return Done(
        life=replace(life, estimate=at),
        kind=ESTIMATED,
        data=data,
        mail=_to(life, Mail.ESTIMATE),
    )


def _redundant(life: Life, act: Redundant) -> Done:
    """It is taken out whenever the original is back, be the ticket closed by then."""
    if act.on and life.status in _OPEN_ENDS:
        raise ActError(T("Nobody works on the ticket any more: re-open it first."))
    if act.on is life.redundant:
        raise ActError(T("The ticket is so already."))
    data = {"on": act.on, "words": _limited(act.words), "public": True}
    after = replace(life, redundant=act.on)
    mail = _to(life, Mail.REDUNDANT)
    return Done(life=after, kind=REDUNDANT, data=data, mail=mail)


def _move(life: Life, act: Move, now: Instant) -> Done:
    if act.to not in MOVES[life.status]:
        if act.to is life.status:
            raise ActError(T("The ticket is so already."))
        raise ActError(T("The ticket cannot go there from where it stands."))
    after = replace(life, status=act.to)
    data: dict[str, Any] = {"status": turn(life.status, act.to)}
    return _ARRIVE[act.to](life, after, act, data, now)


def _diagnosing(life: Life, after: Life, act: Move, data: Any, now: Instant) -> Done:
    if act.estimate is None:
        raise ActError(T("Say when the service is thought to be back."))
    at = _later(act.estimate, now)
    data |= {"estimate_us": at, "words": _limited(act.words), "public": True}
    mail = _to(life, Mail.ESTIMATE)
    return Done(life=replace(after, estimate=at), kind=STATUS, data=data, mail=mail)


def _in_progress(life: Life, after: Life, act: Move, data: Any, now: Instant) -> Done:
    if act.mode is None:
        raise ActError(T("Say how the work is done."))
    detail = _limited(act.detail, DETAIL_LIMIT) or None
    if act.mode is Mode.REMOTE:
        if act.thing is None or detail is None:
            raise ActError(T("Say whether it is a desktop or a device, and the tool."))
        detail = f"{act.thing.value}: {detail}"
    after = replace(after, mode=act.mode, mode_detail=detail)
    if after == life:
        raise ActError(T("The ticket is so already."))
    data |= {"mode": act.mode.value, "mode_detail": detail}
    data["words"] = _limited(act.words)
    return Done(life=after, kind=STATUS, data=data)


def _waiting(life: Life, after: Life, act: Move, data: Any, now: Instant) -> Done:
    if life.audience == "provider":
        raise ActError(T("No customer sees this ticket: there is none to wait for."))
    words = _words(act.words, T("Say what you need from the customer."))
    data |= {"words": words, "public": True}
    return Done(life=after, kind=STATUS, data=data, mail=Mail.WAITING)


def _resolved(life: Life, after: Life, act: Move, data: Any, now: Instant) -> Done:
    if life.redundant and not act.redundant:
        raise ActError(
            T(
                "A redundant system is in service: take it out of service first, or "
                "say that it stays."
            )
        )
    if life.condition is Condition.BAD and not act.redundant:
        raise ActError(
            T("It is not up yet: it is resolved only if a redundant system stays.")
        )
    words = _words(act.words, T("Say in a note what was done."))
    data |= {"words": words, "public": True, "redundant": act.redundant}
    mail = _to(life, Mail.RESOLVED)
    after = replace(after, redundant=act.redundant)
    return Done(life=after, kind=STATUS, data=data, mail=mail)


def _closed(life: Life, after: Life, act: Move, data: Any, now: Instant) -> Done:
    data |= {
        "reason": "person",
        "condition": life.condition.value,
        "words": _words(act.words, T("Say why in a few words.")),
        "public": True,
    }
    return Done(life=after, kind=CLOSED, data=data, mail=_to(life, Mail.CLOSED))


def _reopened(life: Life, after: Life, act: Move, data: Any, now: Instant) -> Done:
    data["words"] = _words(act.words, T("Say why in a few words."))
    # What was promised before was for another time.
    return Done(life=replace(after, estimate=None), kind=STATUS, data=data)


_ARRIVE = {
    Status.DIAGNOSING: _diagnosing,
    Status.IN_PROGRESS: _in_progress,
    Status.WAITING_CUSTOMER: _waiting,
    Status.RESOLVED: _resolved,
    Status.CLOSED: _closed,
    Status.REOPENED: _reopened,
}


def turn(before: Status, after: Status) -> dict[str, str]:
    """How an entry of history says that the state is another one."""
    return {"from": before.value, "to": after.value}


def _to(life: Life, mail: Mail, told: bool = True) -> Mail | None:
    """A mail for the customer, if one may see the ticket."""
    return mail if told and life.audience == "customer" else None


def _words(words: str, missing: Text, limit: int = WORDS_LIMIT) -> str:
    words = _limited(words, limit)
    if not words:
        raise ActError(missing)
    return words


def _limited(words: str, limit: int = WORDS_LIMIT) -> str:
    words = words.strip()
    if len(words) > limit:
        raise ActError(T("That is too long: {n} signs at most.", n=limit))
    return words


def _later(at: Instant, now: Instant) -> Instant:
    if at <= now:
        raise ActError(T("The estimate lies in the past."))
    return at
