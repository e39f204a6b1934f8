"""The desk's pages: logging in, the queue, one ticket.

They work without JavaScript. Whoever has no session sees how to get one, and
nothing else, whatever the address.
"""

from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from scudo_agent.contract.exact import loads
from scudo_agent.desk.customer_pages import add_customers
from scudo_agent.desk.filter_bar import bar
from scudo_agent.desk.filters import read
from scudo_agent.desk.front import NUMBER, Front, Reader, page_number
from scudo_agent.desk.intervention_pages import InterventionRow, left_alone
from scudo_agent.desk.link_pages import add_links
from scudo_agent.desk.login_pages import add_login
from scudo_agent.desk.me_pages import add_me
from scudo_agent.desk.offload import offload
from scudo_agent.desk.on_call_pages import add_on_call
from scudo_agent.desk.people_pages import add_people
from scudo_agent.desk.request_pages import add_requests
from scudo_agent.desk.rights import Right
from scudo_agent.desk.statement_pages import list_content, site_content
from scudo_agent.desk.store.scope import Person
from scudo_agent.desk.store.statement_views import SiteStatements
from scudo_agent.desk.store.statements import DroppedError
from scudo_agent.desk.ticket_pages import add_tickets
from scudo_agent.desk.token_pages import add_tokens
from scudo_agent.desk.uploads import answer
from scudo_agent.desk.view_pages import add_views
from scudo_agent.desk.window_pages import window_content
from scudo_agent.errors import ConfigError, InputError
from scudo_agent.locale import translator
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

    async def tickets(self, request: Request) -> Response:
        """The queue."""
        reader = await self._front.reader(request)
        if reader.person is None:
            return self._front.stranger(request, reader)
        views, person = self._store.views, reader.person
        if not request.url.query and (query := await offload(self._preferred, person)):
            return RedirectResponse(f"/?{query}", status_code=303)
        pairs = request.query_params.multi_items()
        asked = read(pairs[:_FIELDS], person, self._store.now())
        if asked.untidy:
            # As the browser sends a form: in the address stands what is asked for.
            return RedirectResponse(f"/?{asked.query or 'status=any'}", status_code=303)
        page = await offload(
            lambda: views.queue(
                person.scope, asked.wish, after=asked.after, limit=_TICKETS
            )
        )
        content = self._front.page(reader).queue(page.lines)
        content["find"] = await offload(
            bar, self._store, reader.speaks, person, asked, page
        )
        counts = await offload(views.counts, person.scope)
        content["counts"] = self._front.page(reader).counts(counts)
        content["left"] = await self._left(reader)
        return self._front.answer(request, reader, "tickets.html", content)

    def _preferred(self, person: Person) -> str:
        """What the list of this person begins with."""
        views = self._store.saved_views.of(person)
        return next((one.query for one in views if one.preferred), "")

    async def attachment(self, request: Request) -> Response:
        """A file of a ticket, with the ticket's own right."""
        reader = await self._front.reader(request)
        if reader.person is None:
            return self._front.stranger(request, reader)
        found = await offload(
            self._store.attachments.content,
            reader.person.scope,
            request.path_params["ref"].upper(),
            request.path_params["attachment"],
        )
        if found is None:
            return self._front.missing(request, reader)
        return answer(request, *found)

    async def windows(self, request: Request) -> Response:
        """Maintenance windows of all sites."""
        reader = await self._front.reader(request)
        if reader.person is None:
            return self._front.stranger(request, reader)
        if not reader.person.may(Right.COMPANY):
            return self._front.missing(request, reader)
        lines = await offload(self._store.windows.lines, reader.person.scope)
        speaks, now = translator(reader.language), self._store.now()
        content = await offload(window_content, lines, speaks, now)
        content["left"] = await self._left(reader)
        return self._front.answer(request, reader, "windows.html", content)

    async def statements(self, request: Request) -> Response:
        """Statements of all sites."""
        reader = await self._front.reader(request)
        if reader.person is None:
            return self._front.stranger(request, reader)
        if not reader.person.may(Right.COMPANY):
            return self._front.missing(request, reader)
        found = await offload(self._store.stated.sites, reader.person.scope)
        speaks, now = translator(reader.language), self._store.now()
        content = await offload(list_content, found, speaks, now)
        return self._front.answer(request, reader, "statements.html", content)

    async def site_statements(self, request: Request) -> Response:
        """Statements of one site, a page of them."""
        reader = await self._front.reader(request)
        if reader.person is None:
            return self._front.stranger(request, reader)
        if not reader.person.may(Right.COMPANY):
            return self._front.missing(request, reader)
        page = page_number(request)
        found = await self._stated(request, reader.person, page=page)
        if found is None:
            return self._front.missing(request, reader)
        speaks, now = translator(reader.language), self._store.now()
        content = await offload(site_content, found, speaks, now, page=page)
        return self._front.answer(request, reader, "statements_site.html", content)

    async def statement(self, request: Request) -> Response:
        """One statement: as a page, or with `.json` the bytes that are kept."""
        reader = await self._front.reader(request)
        if reader.person is None:
            return self._front.stranger(request, reader)
        if not reader.person.may(Right.COMPANY):
            return self._front.missing(request, reader)
        found = await self._stated(request, reader.person)
        period, dot, _ = request.path_params["period"].partition(".json")
        given = request.query_params.get("revision")
        if found is None or not (given is None or NUMBER.fullmatch(given)):
            return self._front.missing(request, reader)
        revision = None if given is None else int(given)
        try:
            stated = await offload(
                self._store.statements.get, found.who, period, revision=revision
            )
        except DroppedError:
            return self._front.plain(request, reader, "dropped.html", 410)
        except (InputError, ConfigError):
            return self._front.missing(request, reader)
        headers = {"Cache-Control": "no-store"}
        if dot:
            return Response(stated.body, media_type="application/json", headers=headers)
        html = await offload(_shown, stated.body, reader.language)
        return HTMLResponse(html, headers=headers)

    async def _stated(
        self, request: Request, person: Person, *, page: int = 1
    ) -> SiteStatements | None:
        where = (request.path_params["tenant"], request.path_params["site"])
        scope = person.scope
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

    async def _left(self, reader: Reader) -> list[InterventionRow]:
        """What is muted or paused."""
        assert reader.person is not None
        scope, speaks = reader.person.scope, translator(reader.language)
        return await offload(left_alone, self._store, scope, speaks, None)


def add_pages(app: FastAPI, front: Front) -> Portal:
    """Add all pages to the application."""
    portal = Portal(front)
    add_login(app, front)
    add_views(app, front)
    add_links(app, front)
    add_tokens(app, front)
    add_me(app, front)
    add_people(app, front)
    add_customers(app, front)
    add_on_call(app, front)
    app.add_route("/", portal.tickets, methods=["GET"])
    app.add_route("/t/{ref}/files/{attachment}", portal.attachment, methods=["GET"])
    add_tickets(app, front)
    add_requests(app, front)
    app.add_route("/maintenance", portal.windows, methods=["GET"])
    app.add_route("/statements", portal.statements, methods=["GET"])
    site = "/statements/{tenant}/{site}"
    app.add_route(site, portal.site_statements, methods=["GET"])
    app.add_route(f"{site}/{{period}}", portal.statement, methods=["GET"])
    app.add_route("/static/{name}", portal.static, methods=["GET"])
    return portal


def _shown(body: bytes, language: str) -> str:
    return render_statement(loads(body), language=language)
