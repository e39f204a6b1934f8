"""What the forms of a ticket's page ask for, as acts of life."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

from starlette.requests import Request

from scudo_agent.contract.hours import wall
from scudo_agent.desk.life import (
    Act,
    ActError,
    Assign,
    Estimate,
    Mode,
    Move,
    Note,
    Redundant,
    Thing,
    Triage,
)
from scudo_agent.desk.lifecycle import Status
from scudo_agent.desk.marks import MARK
from scudo_agent.desk.store.scope import Person
from scudo_agent.errors import ScudoError
from scudo_agent.instant import Instant
from scudo_agent.locale.formats import clean
from scudo_agent.text import T, Text

_FIELDS = 20
_LOCAL = re.compile(r"(\d{4}-\d\d-\d\d)[T ]([01]\d|2[0-3]):([0-5]\d)(:\d\d)?")
_MARK = re.compile(MARK)
_NUMBER = re.compile(r"[0-9]{1,18}")

Form = Mapping[str, str]
_Kind = TypeVar("_Kind", Mode, Thing)


class RefusedError(ScudoError):
    """What a form asks for cannot be; `text` says why to who sent it."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.id)
        self.text = text


def act_from(name: str, form: Form, person: Person, zone: str) -> Act | None:
    """The act that a form of that name asks for; None: there is no such form.

    Times of a form are those of the clock in `zone`. `ActError` for a field that
    cannot be meant; what an act needs is checked where it is done.
    """
    maker = _ACTS.get(name)
    return None if maker is None else maker(form, person, zone)


def version_of(form: Form) -> int | None:
    """Which version of the ticket the form was made of; None: it does not say."""
    given = form.get("version", "")
    return int(given) if _NUMBER.fullmatch(given) else None


def seen_of(form: Form) -> str:
    """The mark of the last entry of history that the form's reader had before them."""
    given = form.get("seen", "")
    return given if _MARK.fullmatch(given) else ""


def _take(form: Form, person: Person, zone: str) -> Act:
    if person.person_id is None:
        raise ActError(
            T("Who came by a login link is nobody in particular: assign it to someone.")
        )
    return Assign(person_id=person.person_id)


def _assign(form: Form, person: Person, zone: str) -> Act:
    given = form.get("person", "")
    if not given:
        return Assign(person_id=None)
    if not _NUMBER.fullmatch(given):
        raise ActError(T("A ticket is assigned to one of the provider's people."))
    return Assign(person_id=int(given))


def _triage(form: Form, person: Person, zone: str) -> Act:
    return Triage(
        severity=_code(form, "severity"),
        urgency=_code(form, "urgency"),
        category=field_text(form, "category") or None,
        words=field_text(form, "words"),
    )


def _estimate(form: Form, person: Person, zone: str) -> Act:
    at = local_instant(form, "estimate", zone)
    if at is None:
        raise ActError(T("Say when the service is thought to be back."))
    return Estimate(at=at, words=field_text(form, "words"))


def _diagnose(form: Form, person: Person, zone: str) -> Act:
    return Move(
        to=Status.DIAGNOSING,
        estimate=local_instant(form, "estimate", zone),
        words=field_text(form, "words"),
    )


def _start(form: Form, person: Person, zone: str) -> Act:
    return Move(
        to=Status.IN_PROGRESS,
        mode=_one(Mode, form, "mode"),
        thing=_one(Thing, form, "thing"),
        detail=field_text(form, "detail"),
        words=field_text(form, "words"),
    )


def _to(status: Status) -> Callable[[Form, Person, str], Act]:
    def move(form: Form, person: Person, zone: str) -> Act:
        return Move(
            to=status,
            words=field_text(form, "words"),
            redundant=form.get("redundant") == "yes",
        )

    return move


def _redundant(form: Form, person: Person, zone: str) -> Act:
    return Redundant(on=form.get("on") == "yes", words=field_text(form, "words"))


def _note(*, public: bool) -> Callable[[Form, Person, str], Act]:
    def note(form: Form, person: Person, zone: str) -> Act:
        return Note(words=field_text(form, "words"), public=public)

    return note


_ACTS: Mapping[str, Callable[[Form, Person, str], Act]] = {
    "take": _take,
    "assign": _assign,
    "triage": _triage,
    "estimate": _estimate,
    "diagnose": _diagnose,
    "start": _start,
    "wait": _to(Status.WAITING_CUSTOMER),
    "resolve": _to(Status.RESOLVED),
    "close": _to(Status.CLOSED),
    "reopen": _to(Status.REOPENED),
    "redundant": _redundant,
    "note": _note(public=False),
    "message": _note(public=True),
}


def field_text(form: Form, name: str) -> str:
    """A field without what a screen would not show; lines stay lines."""
    lines = form.get(name, "").replace("\r\n", "\n").split("\n")
    return "\n".join(clean(line) for line in lines).strip()


def _code(form: Form, name: str) -> int | None:
    given = form.get(name, "")
    if not given:
        return None
    if given not in ("1", "2", "3"):
        raise ActError(T("Severity and urgency are 1, 2 or 3."))
    return int(given)


def _one(kinds: type[_Kind], form: Form, name: str) -> _Kind | None:
    given = form.get(name, "")
    return next((kind for kind in kinds if kind.value == given), None)


def local_instant(form: Form, name: str, zone: str) -> Instant | None:
    """A local time as browsers send it, by the clock of the ticket's site."""
    given = form.get(name, "").strip()
    if not given:
        return None
    if (found := _LOCAL.fullmatch(given)) is None:
        raise ActError(T("Write the time as 2026-11-23T16:30."))
    try:
        day = date.fromisoformat(found[1])
        return wall(ZoneInfo(zone), day, int(found[2]) * 60 + int(found[3]))
    except (ValueError, OverflowError):
        raise ActError(T("There is no such day.")) from None


def read_form(body: bytes) -> dict[str, str]:
    """The fields of a form as browsers send it; the last of equal names counts."""
    try:
        pairs = parse_qsl(body.decode("utf-8", "replace"), max_num_fields=_FIELDS)
    except ValueError:
        return {}
    return dict(pairs)


def own(request: Request) -> bool:
    """Whether a form was sent from our own page (no other site's)."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == request.headers.get("host")
