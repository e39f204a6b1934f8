"""The page of people: who may come in, as what, and letting more of them in."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from scudo_agent.desk.front import LANGUAGES, ROLES
from scudo_agent.desk.offload import offload
from scudo_agent.desk.pages import Badge, When
from scudo_agent.desk.rights import STAFF, Role
from scudo_agent.desk.settings import is_mail
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.people import NewPerson, PeopleError, Reach
from scudo_agent.desk.store.people_lines import PersonLine, Standing
from scudo_agent.desk.store.tables import PROVIDER_TENANT
from scudo_agent.desk.visit import Doors, Refusal, Visit
from scudo_agent.locale.formats import clean
from scudo_agent.text import T

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

    def __init__(self, store: DeskStore) -> None:
        self._store = store

    async def people(self, visit: Visit) -> Response:
        """The list."""
        return await self._page(visit)

    async def invite(self, visit: Visit) -> Response:
        """Somebody new."""
        return await self._posted(visit, self._invite)

    async def act(self, visit: Visit) -> Response:
        """A form of somebody's: `role`, `disable`, `enable`, `invite`."""
        return await self._posted(visit, self._change)

    async def _posted(
        self, visit: Visit, do: Callable[[Visit, Reach], Awaitable[str]]
    ) -> Response:
        try:
            done = await do(visit, _reach(visit))
        except PeopleError as exc:
            return await self._page(visit, Refusal(text=exc.text, form=visit.form))
        if not done:
            return visit.missing()
        back = {"done": done}
        if customer := visit.form.get("shown", ""):
            back["customer"] = customer
        return visit.go(f"/people?{urlencode(back)}")

    async def _invite(self, visit: Visit, reach: Reach) -> str:
        form = visit.form
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
        invite = self._store.credentials.invite_new
        await offload(invite, new, actor=visit.person.actor)
        visit.front.wake()
        return "invited"

    async def _change(self, visit: Visit, reach: Reach) -> str:
        people, which = self._store.people, int(visit.part("person"))
        act, actor = visit.part("act"), visit.person.actor
        if act == "role":
            role = _role(visit.form)
            found = await offload(people.set_role, reach, which, role, actor=actor)
        elif act == "disable":
            found = await offload(people.disable, reach, which, actor=actor)
        elif act == "enable":
            found = await offload(people.enable, reach, which, actor=actor)
        elif act == "invite":
            invite = self._store.credentials.invite
            found = await offload(invite, reach, which, actor=actor)
            visit.front.wake()
        else:
            return ""
        return act if found else ""

    async def _page(self, visit: Visit, refusal: Refusal | None = None) -> Response:
        people, reach = self._store.people, _reach(visit)
        query = visit.request.query_params
        shown = visit.form.get("shown") or query.get("customer") or None
        found = await offload(people.lines, reach, customer=shown, page=visit.number)
        customers = await offload(people.customers, reach)
        book = _Book(visit, reach)
        content: dict[str, Any] = {
            "title": visit.say(T("People")),
            "groups": book.groups(found.lines),
            "found": found,
            "shown": shown or "",
            "customers": customers,
            "done": visit.done(_DONE) if refusal is None else "",
            "roles": book.roles(reach.roles),
            "acts": bool(reach.roles),
        }
        return visit.again("people.html", content, refusal)


class _Book:
    """Puts people into words for one reader."""

    def __init__(self, visit: Visit, reach: Reach) -> None:
        self._page, self._say, self._zone = visit.page, visit.say, visit.zone
        self._provider = visit.front.settings.provider.name
        self._person, self._reach = visit.person, reach

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
            until=None if until is None else self._page.when(until, self._zone),
            roles=self.roles((self._reach.roles & side) - {line.role}),
            mine=line.person_id == self._person.person_id,
        )


def _role(form: Mapping[str, str]) -> Role:
    """The role that a form chose."""
    try:
        return Role(form.get("role", Role.CUSTOMER.value))
    except ValueError:
        raise PeopleError(T("There is no such role.")) from None


def _reach(visit: Visit) -> Reach:
    """Whose people the reader looks after; without any there is no page."""
    reach = Reach.of(visit.person)
    assert reach is not None
    return reach


def add_people(doors: Doors) -> None:
    """Add the page to the application."""
    pages = PeoplePages(doors.front.store)
    doors.page("/people", pages.people, sees=Reach.of)
    doors.form("/people", pages.invite, sees=Reach.of)
    doors.form("/people/{person:int}/{act}", pages.act, sees=Reach.of)
