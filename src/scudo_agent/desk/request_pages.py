"""The forms by which requests come in: `/new` for who takes a call, `/request`.

`/new` is made for typing while talking: one page, keys only, and whatever is wrong,
nothing of what was typed is lost. A call was received when its form was opened.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from scudo_agent.desk.forms import Form, field_text, local_instant, own, read_form
from scudo_agent.desk.front import Front, Reader
from scudo_agent.desk.life import ActError
from scudo_agent.desk.notice import severity_label
from scudo_agent.desk.offload import offload
from scudo_agent.desk.rights import Right
from scudo_agent.desk.store.requests import (
    CHANNELS,
    OLDEST_US,
    Asked,
    Place,
    RequestError,
)
from scudo_agent.desk.store.scope import Person
from scudo_agent.errors import InputError
from scudo_agent.instant import Instant, format_instant, parse_instant
from scudo_agent.text import T, Text

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

    def __init__(self, front: Front) -> None:
        self._front = front
        self._store = front.store

    async def new(self, request: Request) -> Response:
        """The form of the provider's people."""
        return await self._either(request, staff=True)

    async def request(self, request: Request) -> Response:
        """The form of a customer's people."""
        return await self._either(request, staff=False)

    async def _either(self, request: Request, *, staff: bool) -> Response:
        reader = await self._front.reader(request)
        if reader.person is None:
            return self._front.stranger(request, reader)
        person = reader.person
        needed = Right.WORK if staff else Right.REQUEST
        if person.staff is not staff or not person.may(needed):
            return self._front.missing(request, reader)
        if request.method != "POST":
            form = {"began": format_instant(self._store.now())}
            return await self._show(request, reader, form)
        if not own(request):
            return self._front.plain(request, reader, "missing.html", 403)
        form = read_form(await request.body())
        return await self._sent(request, reader, person, form)

    async def _sent(
        self, request: Request, reader: Reader, person: Person, form: Form
    ) -> Response:
        if form.get("do") != "open":
            return await self._show(request, reader, form)
        choice = await self._choice(person, form)
        if choice.chosen is None and form.get("site"):
            return self._front.missing(request, reader)
        if choice.chosen is None:
            faults = {"site": T("Choose whom it is about.")}
            return await self._show(request, reader, form, faults=faults)
        try:
            asked = self._asked(person, form, choice.chosen)
            ref = await offload(self._store.requests.open, person, asked)
        except RequestError as exc:
            return await self._show(request, reader, form, faults=exc.faults)
        if ref is None:
            return self._front.missing(request, reader)
        self._front.wake()
        return RedirectResponse(f"/t/{ref}", status_code=303)

    def _asked(self, person: Person, form: Form, place: Place) -> Asked:
        faults: dict[str, Text] = {}

        def instant(name: str) -> Instant | None:
            try:
                return local_instant(form, name, place.zone)
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
        self,
        request: Request,
        reader: Reader,
        form: Form,
        *,
        faults: Mapping[str, Text] | None = None,
    ) -> Response:
        assert reader.person is not None
        staff, speaks = reader.person.staff, reader.speaks
        choice = await self._choice(reader.person, form)
        categories: list[tuple[str, str]] = []
        if choice.chosen is not None:
            known = await offload(self._store.requests.categories, choice.chosen)
            categories = [(one.id, speaks.title(one.title, one.id)) for one in known]
        content: dict[str, Any] = {
            "staff": staff,
            "title": speaks.render(T("New request")),
            "form": defaultdict(str, form),
            "began": format_instant(self._began(form)),
            "choice": choice,
            "key": _key,
            "categories": categories,
            "channels": [(n, speaks.render(w)) for n, w in CHANNEL_WORDS.items()],
            "codes": [(code, severity_label(code, speaks)) for code in (1, 2, 3)],
            "faults": defaultdict(
                str, {n: speaks.render(w) for n, w in (faults or {}).items()}
            ),
            "looked": bool(form.get("q")),
        }
        status = 422 if faults else 200
        return self._front.answer(
            request, reader, "request.html", content, status=status
        )


def add_requests(app: FastAPI, front: Front) -> None:
    """Add both forms to the application."""
    pages = RequestPages(front)
    app.add_route("/new", pages.new, methods=["GET", "POST"])
    app.add_route("/request", pages.request, methods=["GET", "POST"])


def _key(place: Place) -> str:
    return f"{place.tenant_id}/{place.site_id}"


def _words(place: Place) -> str:
    return f"{place.tenant_id} {place.customer} {place.site_id}".casefold()
