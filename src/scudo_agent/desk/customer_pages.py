"""The pages of customers: who they are, their sites, and which contract holds when.

The provider's people read them; who may look after customers (`Right.CUSTOMERS`)
writes down from which day to which a contract holds for a site.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from scudo_agent.desk.forms import RefusedError, own, read_form
from scudo_agent.desk.front import Front, Reader
from scudo_agent.desk.offload import offload
from scudo_agent.desk.pages import Page, When
from scudo_agent.desk.rights import Right
from scudo_agent.desk.store.coverage import Cover
from scudo_agent.desk.store.scope import Person
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

    def __init__(self, front: Front) -> None:
        self._front = front
        self._store = front.store

    async def listed(self, request: Request) -> Response:
        """All customers."""
        reader = await self._front.reader(request)
        if reader.person is None:
            return self._front.stranger(request, reader)
        if not reader.person.may(Right.INTERNAL):
            return self._front.missing(request, reader)
        lines = await offload(self._store.customers.lines)
        counts = await offload(self._store.directory.open_tickets, reader.person.scope)
        content: dict[str, Any] = {
            "title": reader.speaks.render(T("Customers")),
            "customers": [(one, counts.get(one.customer, 0)) for one in lines],
        }
        return self._front.answer(request, reader, "customers.html", content)

    async def one(self, request: Request) -> Response:
        """One customer; 404 for none."""
        reader = await self._front.reader(request)
        if reader.person is None:
            return self._front.stranger(request, reader)
        return await self._show(request, reader, reader.person)

    async def cover(self, request: Request) -> Response:
        """The form of a contract's days."""
        reader = await self._front.reader(request)
        person = reader.person
        if person is None:
            return self._front.stranger(request, reader)
        if not person.may(Right.INTERNAL):
            return self._front.missing(request, reader)
        if not own(request) or not person.may(Right.CUSTOMERS):
            return self._front.plain(request, reader, "missing.html", 403)
        form = read_form(await request.body())
        customer = request.path_params["customer"]
        try:
            await offload(self._put, person, customer, form)
        except RefusedError as exc:
            return await self._show(
                request, reader, person, typed=form, refused=exc.text
            )
        return RedirectResponse(f"/customers/{customer}?done=1", status_code=303)

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

    async def _show(
        self,
        request: Request,
        reader: Reader,
        person: Person,
        *,
        typed: Mapping[str, str] | None = None,
        refused: Text | None = None,
    ) -> Response:
        if not person.may(Right.INTERNAL):
            return self._front.missing(request, reader)
        customer = request.path_params["customer"]
        found = await offload(self._content, reader, person, customer)
        if found is None:
            return self._front.missing(request, reader)
        said = "" if refused is None else reader.speaks.render(refused)
        done = "done" in request.query_params and refused is None
        content = found | {"typed": typed or {}, "refused": said, "done": done}
        content["changes"] = person.may(Right.CUSTOMERS)
        status = 200 if refused is None else 422
        return self._front.answer(
            request, reader, "customer.html", content, status=status
        )

    def _content(
        self, reader: Reader, person: Person, customer: str
    ) -> dict[str, Any] | None:
        directory, scope = self._store.directory, person.scope
        row = directory.customer(scope, customer)
        if row is None:
            return None
        page = self._front.page(reader)
        agents: dict[str, list[_Agent]] = {}
        for one in directory.agents(scope, customer):
            agents.setdefault(one.site_id, []).append(_agent(one, page))
        return {
            "title": row.name,
            "customer": row,
            "open": directory.open_tickets(scope).get(customer, 0),
            "sites": [
                _Site(
                    site=one.site_id,
                    zone=one.timezone,
                    contracts=self._days(reader, customer, one.site_id),
                    agents=tuple(agents.get(one.site_id, ())),
                )
                for one in directory.sites(scope, customer)
            ],
            "contracts": self._store.contracts.known(),
        }

    def _days(self, reader: Reader, customer: str, site: str) -> tuple[_Days, ...]:
        covers = self._store.coverage.of(customer, site)
        today = covers.day(self._store.now())
        return tuple(
            _Days(
                contract=one.contract_id,
                days=reader.speaks.render(_span(one)),
                now=one.holds(today),
            )
            for one in covers.covers
        )


def _span(cover: Cover) -> Text:
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


def add_customers(app: FastAPI, front: Front) -> None:
    """Add the pages to the application."""
    pages = CustomerPages(front)
    app.add_route("/customers", pages.listed, methods=["GET"])
    app.add_route("/customers/{customer}", pages.one, methods=["GET"])
    app.add_route("/customers/{customer}/contract", pages.cover, methods=["POST"])
