"""What a ticket's page offers to who reads it: the acts that are possible now."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scudo_agent.contract.model import Category
from scudo_agent.desk.history import Happening
from scudo_agent.desk.life import MOVES, Mode, Thing
from scudo_agent.desk.life_words import MODES, NEXT, STATES, THINGS, mode_words
from scudo_agent.desk.lifecycle import SETTLED, Status
from scudo_agent.desk.notice import severity_label
from scudo_agent.desk.notice_words import SEVERITY
from scudo_agent.desk.rights import Right
from scudo_agent.desk.store.scope import Person
from scudo_agent.desk.store.views import TicketLine, TicketView
from scudo_agent.locale import Translator
from scudo_agent.text import Text

FORMS: Mapping[Status, str] = {
    Status.DIAGNOSING: "diagnose",
    Status.IN_PROGRESS: "start",
    Status.WAITING_CUSTOMER: "wait",
    Status.RESOLVED: "resolve",
    Status.CLOSED: "close",
    Status.REOPENED: "reopen",
}
"""The form that leads to a state."""

_FIRST: Mapping[Status, str] = {
    Status.NEW: "triage",
    Status.TRIAGED: "diagnose",
    Status.REOPENED: "diagnose",
    Status.DIAGNOSING: "start",
    Status.IN_PROGRESS: "resolve",
    Status.WAITING_CUSTOMER: "start",
    Status.RESOLVED: "close",
    Status.CLOSED: "reopen",
}
"""The form that is open where a ticket stands there: what comes next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """A form that could not be done: which, what was typed, and why not.

    `stale`: the ticket had changed since entry with the mark `seen`.
    """

    act: str
    form: Mapping[str, str] = field(default_factory=dict)
    why: Text
    stale: bool = False
    seen: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the forms let one choose from."""

    hands: Sequence[tuple[int, str]] = ()
    categories: Sequence[Category] = ()
    redundancy: bool = False


def possible(
    line: TicketLine, person: Person, *, redundancy: bool = False
) -> frozenset[str]:
    """Names of the forms that this person can use on the ticket as it stands.

    `redundancy`: the contract gives a redundant system.
    """
    can = set()
    ours = line.audience == "provider"
    if person.may(Right.INTERNAL):
        can.add("note")
    if person.may(Right.REQUEST) and not ours:
        can.add("message")
    if not person.may(Right.WORK):
        return frozenset(can)
    can |= {FORMS[status] for status in MOVES[line.status]}
    done = line.status in SETTLED
    if line.redundant is not None or (redundancy and not done):
        can.add("redundant")
    if ours:
        can.discard("wait")
    if line.status is Status.CLOSED:
        return frozenset(can)
    can.add("triage")
    if line.status is not Status.RESOLVED:
        can.add("estimate")
    me = person.person_id
    if me is not None and line.assignee_id is None:
        can.add("take")
    if person.may(Right.DISPATCH) or (me is not None and line.assignee_id == me):
        can.add("assign")
    return frozenset(can)


def acts_content(
    view: TicketView,
    person: Person,
    speaks: Translator,
    *,
    choices: Choices,
    happened: Sequence[Happening],
    typed: Typed | None,
) -> dict[str, Any]:
    """Where the ticket stands, what comes next, and the forms."""
    line = view.line
    can = possible(line, person, redundancy=choices.redundancy)
    first = _FIRST[line.status] if typed is None else typed.act
    mode = None if line.mode is None else mode_words(Mode(line.mode), line.mode_detail)
    return {
        "staff": person.staff,
        "stands": speaks.render(STATES[line.status]),
        "next": speaks.render(NEXT[line.status]),
        "mode": "" if mode is None else speaks.render(mode),
        "can": can,
        "acts": bool(can - {"message", "note", "take"}),
        "first": first,
        "version": line.version,
        "seen": view.entries[-1].mark if view.entries else "",
        "hands": _hands(choices, person),
        "codes": _labels(speaks),
        "modes": [(one.value, speaks.render(MODES[one])) for one in Mode],
        "things": [(one.value, speaks.render(THINGS[one])) for one in Thing],
        "categories": [
            (one.id, speaks.title(one.title, one.id)) for one in choices.categories
        ],
        # What was not typed is empty, as in a fresh form.
        "typed": defaultdict(str, {} if typed is None else typed.form),
        "typed_act": "" if typed is None else typed.act,
        "refused": "" if typed is None else speaks.render(typed.why),
        "stale": typed is not None and typed.stale,
        "since_seen": _since(happened, typed),
    }


def _hands(choices: Choices, person: Person) -> list[tuple[int, str]]:
    """To whom this person can give the ticket; nobody is always one of them."""
    return list(choices.hands) if person.may(Right.DISPATCH) else []


def _labels(speaks: Translator) -> list[tuple[int, str]]:
    return [(code, severity_label(code, speaks)) for code in sorted(SEVERITY)]


def _since(happened: Sequence[Happening], typed: Typed | None) -> list[Happening]:
    """What happened after the form's reader had last looked."""
    if typed is None or not typed.seen or not typed.stale:
        return []
    marks = [one.mark for one in happened]
    if typed.seen not in marks:
        return []
    last = len(marks) - 1 - marks[::-1].index(typed.seen)
    return [one for one in happened[last + 1 :] if one.mark]
