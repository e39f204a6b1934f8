"""The pages of customers: who they are, their sites, and which contract holds when.

The provider's people read them; who may look after customers (`Right.CUSTOMERS`)
writes down from which day to which a contract holds for a site.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from starlette.responses import Response

from scudo_agent.desk.forms import RefusedError
from scudo_agent.desk.offload import offload
from scudo_agent.desk.pages import Page, When
from scudo_agent.desk.rights import Right
from scudo_agent.desk.store.coverage import Cover
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.scope import Person
from scudo_agent.desk.visit import Doors, Refusal, Visit
from scudo_agent.errors import InputError
from scudo_agent.instant import Instant
from scudo_agent.text import T, Text

_DAYS = 10
"""Signs of a date, as forms send it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Days:
    """A contract of a site: `now` tells that it holds today."""

    contract: str
    days: str
    now: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Agent:
    """An agent of a site; `heard` is None for one that has never spoken."""

    name: str
    version: str
    heard: When | None
    revoked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Site:
    """One site with its contracts and agents."""

    site: str
    zone: str
    contracts: tuple[_Days, ...]
    agents: tuple[_Agent, ...]


class CustomerPages:
    """Handlers of the pages; a customer's own people find none."""

    def __init__(self, store: DeskStore) -> None:
        self._store = store

    async def listed(self, visit: Visit) -> Response:
        """All customers."""
        lines = await offload(self._store.customers.lines)
        counts = await offload(self._store.directory.open_tickets, visit.person.scope)
        content: dict[str, Any] = {
            "title": visit.say(T("Customers")),
            "customers": [(one, counts.get(one.customer, 0)) for one in lines],
        }
        return visit.answer("customers.html", content)

    async def one(self, visit: Visit) -> Response:
        """One customer; 404 for none."""
        return await self._show(visit)

    async def cover(self, visit: Visit) -> Response:
        """The form of a contract's days."""
        customer = visit.part("customer")
        try:
            await offload(self._put, visit.person, customer, visit.form)
        except RefusedError as exc:
            return await self._show(visit, Refusal(text=exc.text, form=visit.form))
        return visit.go(f"/customers/{customer}?done=1")

    def _put(self, person: Person, customer: str, form: Mapping[str, str]) -> None:
        """Write the days down; `RefusedError` says what would be right."""
        since, until = _day(form, "since"), _day(form, "until")
        if since is None:
            raise RefusedError(T("Say from which day on the contract holds."))
        if until is not None and until < since:
            raise RefusedError(T("A contract cannot end before it begins."))
        contract, site = form.get("contract", ""), form.get("site", "")
        if contract not in self._store.contracts.known():
            raise RefusedError(T("The desk has no such contract."))
        rows = self._store.directory.sites(person.scope, customer)
        if site not in {row.site_id for row in rows}:
            raise RefusedError(T("The customer has no such site."))
        cover = Cover(
            contract_id=contract, since=since, until=until, actor=person.actor
        )
        try:
            self._store.coverage.put(customer, site, cover)
        except InputError:
            raise RefusedError(
                T("These days are another contract's: choose other ones.")
            ) from None

    async def _show(self, visit: Visit, refusal: Refusal | None = None) -> Response:
        found = await offload(self._content, visit, visit.part("customer"))
        if found is None:
            return visit.missing()
        done = "done" in visit.request.query_params and refusal is None
        content = found | {"done": done, "changes": visit.person.may(Right.CUSTOMERS)}
        return visit.again("customer.html", content, refusal)

    def _content(self, visit: Visit, customer: str) -> dict[str, Any] | None:
        directory, scope = self._store.directory, visit.person.scope
        row = directory.customer(scope, customer)
        if row is None:
            return None
        page = visit.page
        agents: dict[str, list[_Agent]] = {}
        for one in directory.agents(scope, customer):
            agents.setdefault(one.site_id, []).append(_agent(one, page))
        return {
            "title": row.name,
            "customer": row,
            "failing": directory.failing(scope, row.mail),
            "open": directory.open_tickets(scope).get(customer, 0),
            "sites": [
                _Site(
                    site=one.site_id,
                    zone=one.timezone,
                    contracts=self._days(visit, customer, one.site_id),
                    agents=tuple(agents.get(one.site_id, ())),
                )
                for one in directory.sites(scope, customer)
            ],
            "contracts": self._store.contracts.known(),
        }

    def _days(self, visit: Visit, customer: str, site: str) -> tuple[_Days, ...]:
        covers = self._store.coverage.of(customer, site)
        today = covers.day(self._store.now())
        return tuple(
            _Days(
                contract=one.contract_id,
                days=visit.say(cover_span(one)),
                now=one.holds(today),
            )
            for one in covers.covers
        )


def cover_span(cover: Cover) -> Text:
    """The days on which a contract holds, as far as anybody knows."""
    since = {"date": cover.since.isoformat()}
    if cover.until is None:
        return T("from {since} on", since=since)
    until = {"date": cover.until.isoformat()}
    return T("from {since} to {until}", since=since, until=until)


def _agent(row: Any, page: Page) -> _Agent:
    heard = row.hello_us
    return _Agent(
        name=row.agent_id,
        version=row.version or "",
        heard=None if heard is None else page.when(Instant(heard), row.timezone),
        revoked=row.revoked_us is not None,
    )


def _day(form: Mapping[str, str], name: str) -> date | None:
    given = form.get(name, "").strip()
    if not given:
        return None
    try:
        if len(given) != _DAYS:
            raise ValueError(given)
        return date.fromisoformat(given)
    except ValueError:
        raise RefusedError(T("There is no such day.")) from None


def add_customers(doors: Doors) -> None:
    """Add the pages to the application."""
    pages, sees = CustomerPages(doors.front.store), Right.INTERNAL
    doors.page("/customers", pages.listed, sees=sees)
    doors.page("/customers/{customer}", pages.one, sees=sees)
    doors.form(
        "/customers/{customer}/contract", pages.cover, sees=sees, does=Right.CUSTOMERS
    )
