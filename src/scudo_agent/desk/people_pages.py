"""The page of people: who may come in, as what, and letting more of them in."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from scudo_agent.desk.forms import own, read_form
from scudo_agent.desk.front import LANGUAGES, ROLES, Front, Reader
from scudo_agent.desk.offload import offload
from scudo_agent.desk.pages import Badge, When
from scudo_agent.desk.rights import STAFF, Role
from scudo_agent.desk.settings import is_mail
from scudo_agent.desk.store.people import NewPerson, PeopleError, Reach
from scudo_agent.desk.store.people_lines import PersonLine, Standing
from scudo_agent.desk.store.scope import Person
from scudo_agent.desk.store.tables import PROVIDER_TENANT
from scudo_agent.locale.formats import clean
from scudo_agent.text import T, Text

_ZONE = "UTC"
_STANDINGS = {
    Standing.ACTIVE: ("●", T("may come in"), "good"),
    Standing.INVITED: ("◐", T("is invited"), "limited"),
    Standing.WITHOUT: ("?", T("has no way in"), "quiet"),
    Standing.DISABLED: ("■", T("is locked out"), "quiet"),
}
_DONE = {
    "invited": T("The invitation is on its way."),
    "role": T("The role is changed."),
    "disable": T("Locked out, and logged out everywhere."),
    "enable": T("Let in again."),
    "invite": T("Another invitation is on its way."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One person of the list, in the reader's words."""

    line: PersonLine
    role: str
    standing: Badge
    until: When | None
    roles: tuple[tuple[str, str], ...]
    mine: bool


class PeoplePages:
    """Handlers of the page; who looks after nobody finds none."""

    def __init__(self, front: Front) -> None:
        self._front = front

    async def people(self, request: Request) -> Response:
        """The list."""
        reader = await self._front.reader(request)
        if reader.person is None:
            return self._front.stranger(request, reader)
        reach = Reach.of(reader.person)
        if reach is None:
            return self._front.missing(request, reader)
        return await self._page(request, reader, reader.person, reach)

    async def invite(self, request: Request) -> Response:
        """Somebody new."""
        return await self._posted(request, self._invite)

    async def act(self, request: Request) -> Response:
        """A form of somebody's: `role`, `disable`, `enable`, `invite`."""
        return await self._posted(request, self._change)

    async def _posted(
        self,
        request: Request,
        do: Callable[[Request, Person, Reach, dict[str, str]], Awaitable[str]],
    ) -> Response:
        reader = await self._front.reader(request)
        if reader.person is None:
            return self._front.stranger(request, reader)
        reach = Reach.of(reader.person)
        if reach is None:
            return self._front.missing(request, reader)
        if not own(request):
            return self._front.plain(request, reader, "missing.html", 403)
        form = read_form(await request.body())
        try:
            done = await do(request, reader.person, reach, form)
        except PeopleError as exc:
            return await self._page(
                request, reader, reader.person, reach, form=form, refused=exc.text
            )
        if not done:
            return self._front.missing(request, reader)
        back = {"done": done}
        if customer := form.get("shown", ""):
            back["customer"] = customer
        return RedirectResponse(f"/people?{urlencode(back)}", status_code=303)

    async def _invite(
        self, _: Request, person: Person, reach: Reach, form: dict[str, str]
    ) -> str:
        mail = form.get("mail", "").strip()
        if not is_mail(mail):
            raise PeopleError(T("This is no mail address."))
        role, where = _role(form), form.get("customer", "")
        if reach.tenant_id is not None:
            # A referent's people are his company's, and what they may is not his.
            role, where = Role.CUSTOMER, reach.tenant_id
        if role in STAFF:
            where = PROVIDER_TENANT
        if role in STAFF and role not in reach.roles:
            raise PeopleError(T("This person cannot have this role."))
        language = form.get("language")
        new = NewPerson(
            tenant_id=where,
            mail=mail,
            name=clean(form.get("name", "")),
            role=role,
            language=language if language in LANGUAGES else None,
        )
        invite = self._front.store.credentials.invite_new
        await offload(invite, new, actor=person.actor)
        self._front.wake()
        return "invited"

    async def _change(
        self, request: Request, person: Person, reach: Reach, form: dict[str, str]
    ) -> str:
        people, which = self._front.store.people, request.path_params["person"]
        act, actor = request.path_params["act"], person.actor
        if act == "role":
            found = await offload(
                people.set_role, reach, which, _role(form), actor=actor
            )
        elif act == "disable":
            found = await offload(people.disable, reach, which, actor=actor)
        elif act == "enable":
            found = await offload(people.enable, reach, which, actor=actor)
        elif act == "invite":
            invite = self._front.store.credentials.invite
            found = await offload(invite, reach, which, actor=actor)
            self._front.wake()
        else:
            return ""
        return act if found else ""

    async def _page(
        self,
        request: Request,
        reader: Reader,
        person: Person,
        reach: Reach,
        *,
        form: Mapping[str, str] | None = None,
        refused: Text | None = None,
    ) -> Response:
        people, query = self._front.store.people, request.query_params
        shown = (form or {}).get("shown") or query.get("customer") or None
        number = query.get("page", "1")
        page = int(number) if number.isascii() and number.isdigit() else 1
        found = await offload(
            people.lines, reach, customer=shown, page=min(max(page, 1), 10**6)
        )
        customers = await offload(people.customers, reach)
        book = _Book(self._front, reader, person, reach)
        done = None if form else _DONE.get(query.get("done", ""))
        say = reader.speaks.render
        content: dict[str, Any] = {
            "title": say(T("People")),
            "groups": book.groups(found.lines),
            "found": found,
            "shown": shown or "",
            "customers": customers,
            "refused": "" if refused is None else say(refused),
            "done": "" if done is None else say(done),
            "typed": form or {},
            "roles": book.roles(reach.roles),
            "acts": bool(reach.roles),
        }
        status = 200 if refused is None else 422
        return self._front.answer(
            request, reader, "people.html", content, status=status
        )


class _Book:
    """Puts people into words for one reader."""

    def __init__(
        self, front: Front, reader: Reader, person: Person, reach: Reach
    ) -> None:
        self._page, self._say = front.page(reader), reader.speaks.render
        self._provider = front.settings.provider.name
        self._person, self._reach = person, reach

    def groups(self, lines: tuple[PersonLine, ...]) -> list[tuple[str, list[_Row]]]:
        """By whose people they are, in the order of the list."""
        return [
            (
                self._provider if tenant == PROVIDER_TENANT else customer,
                [self._row(one) for one in some],
            )
            for (tenant, customer), some in groupby(
                lines, key=lambda one: (one.tenant_id, one.customer)
            )
        ]

    def roles(self, roles: frozenset[Role]) -> tuple[tuple[str, str], ...]:
        """Roles to choose from, in their order."""
        return tuple((r.value, self._say(ROLES[r])) for r in Role if r in roles)

    def _row(self, line: PersonLine) -> _Row:
        shape, word, tone = _STANDINGS[line.standing]
        side = STAFF if line.tenant_id == PROVIDER_TENANT else frozenset(Role) - STAFF
        until = line.invited_until
        return _Row(
            line=line,
            role=self._say(ROLES[line.role]),
            standing=Badge(shape=shape, word=self._say(word), tone=tone),
            until=None if until is None else self._page.when(until, _ZONE),
            roles=self.roles((self._reach.roles & side) - {line.role}),
            mine=line.person_id == self._person.person_id,
        )


def _role(form: Mapping[str, str]) -> Role:
    """The role that a form chose."""
    try:
        return Role(form.get("role", Role.CUSTOMER.value))
    except ValueError:
        raise PeopleError(T("There is no such role.")) from None


def add_people(app: FastAPI, front: Front) -> None:
    """Add the page to the application."""
    pages = PeoplePages(front)
    app.add_route("/people", pages.people, methods=["GET"])
    app.add_route("/people", pages.invite, methods=["POST"])
    app.add_route("/people/{person:int}/{act}", pages.act, methods=["POST"])
