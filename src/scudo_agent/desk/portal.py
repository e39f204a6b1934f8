"""The desk's pages: logging in, the queue, one ticket.

They work without JavaScript. Whoever has no session sees how to get one, and
nothing else, whatever the address.
"""

from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from scudo_agent.contract.exact import loads
from scudo_agent.desk.call_pages import add_calls
from scudo_agent.desk.contract_pages import add_contracts
from scudo_agent.desk.customer_pages import add_customers
from scudo_agent.desk.filter_bar import bar
from scudo_agent.desk.filters import read
from scudo_agent.desk.front import NUMBER, Front
from scudo_agent.desk.intervention_pages import InterventionRow, left_alone
from scudo_agent.desk.link_pages import add_links
from scudo_agent.desk.login_pages import add_login
from scudo_agent.desk.mail_pages import add_mails_in
from scudo_agent.desk.me_pages import add_me
from scudo_agent.desk.offload import offload
from scudo_agent.desk.on_call_pages import add_on_call
from scudo_agent.desk.overview_pages import add_overview
from scudo_agent.desk.people_pages import add_people
from scudo_agent.desk.request_pages import add_requests
from scudo_agent.desk.rights import Right
from scudo_agent.desk.statement_pages import list_content, site_content
from scudo_agent.desk.statistics_pages import add_statistics
from scudo_agent.desk.store.scope import Person
from scudo_agent.desk.store.statement_views import SiteStatements
from scudo_agent.desk.store.statements import DroppedError
from scudo_agent.desk.ticket_pages import add_tickets
from scudo_agent.desk.token_pages import add_tokens
from scudo_agent.desk.uploads import answer
from scudo_agent.desk.view_pages import add_views
from scudo_agent.desk.visit import Doors, Visit
from scudo_agent.desk.window_pages import window_content
from scudo_agent.errors import ConfigError, InputError
from scudo_agent.statement.render import render_statement

_STATIC = Path(__file__).parent / "static"
_FILES = {"desk.css": "text/css", "icon.svg": "image/svg+xml"}
_TICKETS = 100
"""Tickets on a page of the list."""
_FIELDS = 40


class Portal:
    """Handlers of all pages."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._store = front.store

    async def tickets(self, visit: Visit) -> Response:
        """The queue."""
        views, person, url = self._store.views, visit.person, visit.request.url
        if not url.query and (query := await offload(self._preferred, person)):
            return visit.go(f"/?{query}")
        pairs = visit.request.query_params.multi_items()
        asked = read(pairs[:_FIELDS], person, self._store.now())
        if asked.untidy:
            # As the browser sends a form: in the address stands what is asked for.
            return visit.go(f"/?{asked.query or 'status=any'}")
        page = await offload(
            lambda: views.queue(
                person.scope, asked.wish, after=asked.after, limit=_TICKETS
            )
        )
        speaks = visit.reader.speaks
        content = visit.page.queue(page.lines)
        content["find"] = await offload(bar, self._store, speaks, person, asked, page)
        counts = await offload(views.counts, person.scope)
        content["counts"] = visit.page.counts(counts)
        content["left"] = await self._left(visit)
        return visit.answer("tickets.html", content)

    def _preferred(self, person: Person) -> str:
        """What the list of this person begins with."""
        views = self._store.saved_views.of(person)
        return next((one.query for one in views if one.preferred), "")

    async def attachment(self, visit: Visit) -> Response:
        """A file of a ticket, with the ticket's own right."""
        found = await offload(
            self._store.attachments.content,
            visit.person.scope,
            visit.part("ref").upper(),
            visit.part("attachment"),
        )
        return visit.missing() if found is None else answer(visit.request, *found)

    async def windows(self, visit: Visit) -> Response:
        """Maintenance windows of all sites."""
        lines = await offload(self._store.windows.lines, visit.person.scope)
        speaks, now = visit.reader.speaks, self._store.now()
        content = await offload(window_content, lines, speaks, now)
        content["left"] = await self._left(visit)
        return visit.answer("windows.html", content)

    async def statements(self, visit: Visit) -> Response:
        """Statements of all sites."""
        found = await offload(self._store.stated.sites, visit.person.scope)
        speaks, now = visit.reader.speaks, self._store.now()
        content = await offload(list_content, found, speaks, now)
        return visit.answer("statements.html", content)

    async def site_statements(self, visit: Visit) -> Response:
        """Statements of one site, a page of them."""
        found = await self._stated(visit, page=visit.number)
        if found is None:
            return visit.missing()
        speaks, now = visit.reader.speaks, self._store.now()
        content = await offload(site_content, found, speaks, now, page=visit.number)
        return visit.answer("statements_site.html", content)

    async def statement(self, visit: Visit) -> Response:
        """One statement: as a page, or with `.json` the bytes that are kept."""
        found = await self._stated(visit)
        period, dot, _ = visit.part("period").partition(".json")
        given = visit.request.query_params.get("revision")
        if found is None or not (given is None or NUMBER.fullmatch(given)):
            return visit.missing()
        revision = None if given is None else int(given)
        try:
            stated = await offload(
                self._store.statements.get, found.who, period, revision=revision
            )
        except DroppedError:
            return visit.plain("dropped.html", 410)
        except (InputError, ConfigError):
            return visit.missing()
        headers = {"Cache-Control": "no-store"}
        if dot:
            return Response(stated.body, media_type="application/json", headers=headers)
        html = await offload(_shown, stated.body, visit.reader.language)
        return HTMLResponse(html, headers=headers)

    async def _stated(self, visit: Visit, *, page: int = 1) -> SiteStatements | None:
        where, scope = (visit.part("tenant"), visit.part("site")), visit.person.scope
        return await offload(self._store.stated.site, scope, *where, page=page)

    async def static(self, request: Request) -> Response:
        """Style sheet and icon, to everybody."""
        name = request.path_params["name"]
        if name not in _FILES:
            return await self.missing(request)
        return Response(
            await offload((_STATIC / name).read_bytes),
            media_type=_FILES[name],
            headers={"Cache-Control": "max-age=300"},
        )

    async def missing(self, request: Request) -> Response:
        """No such page."""
        reader = await self._front.reader(request)
        if reader.person is None:
            return self._front.stranger(request, reader)
        return self._front.missing(request, reader)

    async def _left(self, visit: Visit) -> list[InterventionRow]:
        """What is muted or paused."""
        scope, speaks = visit.person.scope, visit.reader.speaks
        zone = visit.reader.zone
        return await offload(left_alone, self._store, scope, speaks, None, zone=zone)


def add_pages(app: FastAPI, front: Front) -> Portal:
    """Add all pages to the application."""
    portal, doors = Portal(front), Doors(app, front)
    add_login(app, doors)
    for add in (add_views, add_links, add_tokens, add_me, add_people, add_customers):
        add(doors)
    add_on_call(doors)
    add_calls(doors)
    add_overview(doors)
    add_contracts(doors)
    add_mails_in(doors)
    add_statistics(doors)
    doors.page("/", portal.tickets)
    doors.page("/t/{ref}/files/{attachment}", portal.attachment)
    add_tickets(doors)
    add_requests(doors)
    doors.page("/maintenance", portal.windows, sees=Right.COMPANY)
    doors.page("/statements", portal.statements, sees=Right.COMPANY)
    site = "/statements/{tenant}/{site}"
    doors.page(site, portal.site_statements, sees=Right.COMPANY)
    doors.page(f"{site}/{{period}}", portal.statement, sees=Right.COMPANY)
    app.add_route("/static/{name}", portal.static, methods=["GET"])
    return portal


def _shown(body: bytes, language: str) -> str:
    return render_statement(loads(body), language=language)
