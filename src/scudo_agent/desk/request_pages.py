"""The forms by which requests come in: `/new` for who takes a call, `/request`.

`/new` is made for typing while talking: one page, keys only, and whatever is wrong,
nothing of what was typed is lost. A call was received when its form was opened.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from scudo_agent.desk.file_pages import size_words
from scudo_agent.desk.forms import Form, field_text, local_instant
from scudo_agent.desk.life import ActError
from scudo_agent.desk.notice import severity_label
from scudo_agent.desk.offload import offload
from scudo_agent.desk.rights import Right
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.files import FILE_LIMIT, REFUSED
from scudo_agent.desk.store.requests import (
    CHANNELS,
    OLDEST_US,
    REQUEST_FILES,
    Asked,
    Place,
    RequestError,
)
from scudo_agent.desk.store.scope import Person
from scudo_agent.desk.uploads import BrokenError, read_parts, upload
from scudo_agent.desk.visit import Doors, Visit
from scudo_agent.errors import InputError
from scudo_agent.instant import Instant, format_instant, parse_instant
from scudo_agent.text import T, Text

_FIELDS = 30
_FILES = REQUEST_FILES + 5
"""More than are taken: so many can still be told that they are too many."""

_SHOWN = 12
"""So many sites are offered; more want a longer word to look for."""

CHANNEL_WORDS: Mapping[str, Text] = {
    "phone": T("Telephone"),
    "voicemail": T("Voicemail"),
    "weekend_number": T("Week-end number"),
    "whatsapp": T("WhatsApp"),
    "software": T("J2K, from the software"),
    "mail": T("Mail"),
    "portal": T("Portal"),
    "other": T("Another way"),
}
assert CHANNEL_WORDS.keys() == CHANNELS.keys()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """Which site was chosen, and which ones fit what was looked for."""

    chosen: Place | None
    found: tuple[Place, ...]
    more: int


class RequestPages:
    """Handlers of both forms."""

    def __init__(self, store: DeskStore) -> None:
        self._store = store

    async def empty(self, visit: Visit) -> Response:
        """The form, just opened."""
        return await self._show(visit, {"began": format_instant(self._store.now())})

    async def sent(self, visit: Visit) -> Response:
        """The form, filled in: a ticket, or the form again with what was typed."""
        person = visit.person
        try:
            parts = read_parts(visit.request, files=_FILES, fields=_FIELDS)
            form, brought = await parts
        except BrokenError:
            faults = {"file": REFUSED["broken"]}
            return await self._show(visit, {}, faults=faults)
        if form.get("do") != "open":
            return await self._show(visit, form)
        choice = await self._choice(person, form)
        if choice.chosen is None and form.get("site"):
            return visit.missing()
        if choice.chosen is None:
            faults = {"site": T("Choose whom it is about.")}
            return await self._show(visit, form, faults=faults)
        try:
            asked = self._asked(person, form, choice.chosen)
            files = [upload(*one, public=True) for one in brought]
            asked = dataclasses.replace(asked, files=tuple(files))
            ref = await offload(self._store.requests.open, person, asked)
        except RequestError as exc:
            return await self._show(visit, form, faults=exc.faults)
        if ref is None:
            return visit.missing()
        visit.front.wake()
        return visit.go(f"/t/{ref}")

    def _asked(self, person: Person, form: Form, place: Place) -> Asked:
        faults: dict[str, Text] = {}

        def instant(name: str) -> Instant | None:
            try:
                return local_instant(form, name, person.timezone or place.zone)
            except ActError as exc:
                faults[name] = exc.text
                return None

        detected, received = instant("detected"), instant("received")
        if faults:
            raise RequestError(faults)
        who = {name: field_text(form, name) for name in ("name", "phone", "mail")}
        told = {name: value for name, value in who.items() if value}
        severity = form.get("severity", "")
        return Asked(
            tenant_id=place.tenant_id,
            site_id=place.site_id,
            channel=form.get("channel", "") if person.staff else "portal",
            received=(received or self._began(form))
            if person.staff
            else self._store.now(),
            description=field_text(form, "description"),
            category=field_text(form, "category") or None,
            severity=int(severity)
            if person.staff and severity in ("1", "2", "3")
            else None,
            url=field_text(form, "url") or None,
            detected=detected,
            software_version=field_text(form, "software_version") or None,
            conformity=form.get("conformity") == "yes",
            backup=form.get("backup") == "yes",
            requester_id=None if person.staff else person.person_id,
            requester=told if person.staff and told else None,
        )

    def _began(self, form: Form) -> Instant:
        """When the form was opened: the call's begin; now, of one without a begin."""
        now = self._store.now()
        try:
            began = parse_instant(form.get("began", ""))
        except InputError:
            return now
        return began if now - OLDEST_US <= began <= now else now

    async def _choice(self, person: Person, form: Form) -> _Choice:
        places = await offload(self._store.requests.places, person)
        named = form.get("site", "") if form.get("do") != "other" else ""
        chosen = next((p for p in places if _key(p) == named), None)
        wanted = field_text(form, "q").casefold().split()
        found = tuple(
            place
            for place in places
            if all(word in _words(place) for word in wanted)
            and (wanted or not person.staff)
        )
        if not named and len(found) == 1 and form.get("do") != "other":
            chosen = found[0]
        return _Choice(
            chosen=chosen, found=found[:_SHOWN], more=max(len(found) - _SHOWN, 0)
        )

    async def _show(
        self, visit: Visit, form: Form, *, faults: Mapping[str, Text] | None = None
    ) -> Response:
        staff, speaks = visit.person.staff, visit.reader.speaks
        choice = await self._choice(visit.person, form)
        categories: list[tuple[str, str]] = []
        required: tuple[str, ...] = ()
        if choice.chosen is not None:
            rules = await offload(self._store.requests.rules, choice.chosen)
            known = rules.categories if rules else ()
            categories = [(one.id, speaks.title(one.title, one.id)) for one in known]
            required = rules.required if rules else ()
        content: dict[str, Any] = {
            "staff": staff,
            "title": speaks.render(T("New request")),
            "form": defaultdict(str, form),
            "began": format_instant(self._began(form)),
            "choice": choice,
            "key": _key,
            "categories": categories,
            "required": required,
            "files": REQUEST_FILES,
            "most": size_words(FILE_LIMIT, speaks),
            "channels": [(n, speaks.render(w)) for n, w in CHANNEL_WORDS.items()],
            "codes": [(code, severity_label(code, speaks)) for code in (1, 2, 3)],
            "faults": defaultdict(
                str, {n: speaks.render(w) for n, w in (faults or {}).items()}
            ),
            "looked": bool(form.get("q")),
        }
        return visit.answer("request.html", content, status=422 if faults else 200)


def add_requests(doors: Doors) -> None:
    """Add both forms to the application."""
    pages = RequestPages(doors.front.store)
    for path, sees in (("/new", _takes_calls), ("/request", _asks)):
        doors.page(path, pages.empty, sees=sees)
        doors.form(path, pages.sent, sees=sees, reads=False)


def _takes_calls(person: Person) -> bool:
    return person.staff and person.may(Right.WORK)


def _asks(person: Person) -> bool:
    return not person.staff and person.may(Right.REQUEST)


def _key(place: Place) -> str:
    return f"{place.tenant_id}/{place.site_id}"


def _words(place: Place) -> str:
    return f"{place.tenant_id} {place.customer} {place.site_id}".casefold()
