"""The desk's pages: logging in, the queue, one ticket.

They work without JavaScript. Whoever has no session sees how to get one, and
nothing else, whatever the address.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from scudo_agent.contract.exact import loads
from scudo_agent.desk import auth
from scudo_agent.desk.forms import Forms, RefusedError, own, read_form
from scudo_agent.desk.intervention_pages import InterventionRow, left_alone
from scudo_agent.desk.offload import offload
from scudo_agent.desk.pages import Page
from scudo_agent.desk.settings import DeskSettings
from scudo_agent.desk.statement_pages import list_content, site_content
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.scope import Person
from scudo_agent.desk.store.statement_views import SiteStatements
from scudo_agent.desk.store.views import TicketView
from scudo_agent.desk.window_pages import window_content
from scudo_agent.errors import ConfigError, InputError
from scudo_agent.locale import translator
from scudo_agent.statement.render import render_statement

COOKIE = "scudo_session"
LANGUAGES = ("it", "en")
_STATIC = Path(__file__).parent / "static"
_FILES = {"desk.css": "text/css", "icon.svg": "image/svg+xml"}
_ZONE = "UTC"
_NUMBER = re.compile(r"[0-9]{1,6}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """Who reads: a person with a session, or nobody known."""

    person: Person | None
    session: str
    language: str


class Portal:
    """Handlers of all pages."""

    def __init__(
        self, store: DeskStore, settings: DeskSettings, url: Callable[[], str]
    ) -> None:
        self._store = store
        self._settings = settings
        self._url = url
        self._guesses = auth.Guesses()
        self._acts = Forms(store.acts)

    async def tickets(self, request: Request) -> Response:
        """The queue."""
        reader = await self._reader(request)
        if reader.person is None:
            return self._stranger(request, reader)
        lines = await offload(self._store.views.tickets, reader.person.scope)
        content = self._page(reader).queue(lines)
        content["left"] = await self._left(reader)
        return self._answer(request, reader, "tickets.html", content)

    async def ticket(self, request: Request) -> Response:
        """One ticket; what is not there and what is not allowed look the same."""
        reader = await self._reader(request)
        if reader.person is None:
            return self._stranger(request, reader)
        return await self._ticket(request, reader, reader.person)

    async def act(self, request: Request) -> Response:
        """A form of the ticket's page: close it, set its severity, write a note."""
        reader = await self._reader(request)
        if reader.person is None:
            return self._stranger(request, reader)
        if not own(request):
            return self._plain(request, reader, "missing.html", 403)
        ref = request.path_params["ref"].upper()
        form = read_form(await request.body())
        try:
            found = await offload(
                self._acts.do,
                request.path_params["act"],
                reader.person,
                reader.person.scope,
                ref,
                form,
            )
        except RefusedError as exc:
            refused = translator(reader.language).render(exc.text)
            return await self._ticket(
                request, reader, reader.person, refused=refused, status=422
            )
        if not found:
            return self._missing(request, reader)
        return RedirectResponse(f"/t/{ref}", status_code=303)

    async def _ticket(
        self,
        request: Request,
        reader: _Reader,
        person: Person,
        *,
        refused: str = "",
        status: int = 200,
    ) -> Response:
        ref = request.path_params["ref"].upper()
        page, views, scope = _page(request), self._store.views, person.scope
        view = await offload(lambda: views.ticket(scope, ref, page=page))
        if view is None:
            return self._missing(request, reader)
        content = self._page(reader).ticket(view) | {"refused": refused}
        content["left"] = await self._left(reader, view)
        return self._answer(
            request,
            reader,
            "ticket.html",
            content,
            status=status,
            zone=view.line.zone,
        )

    async def attachment(self, request: Request) -> Response:
        """A file of a ticket, with the ticket's own right."""
        reader = await self._reader(request)
        if reader.person is None:
            return self._stranger(request, reader)
        found = await offload(
            self._store.attachments.content,
            reader.person.scope,
            request.path_params["ref"].upper(),
            request.path_params["attachment"],
        )
        if found is None:
            return self._missing(request, reader)
        one, content = found
        etag, name = f'"{one.sha256}"', f"{one.kind}-{one.attachment_id}.png"
        headers = {
            # It was made at a page that may be hostile: it may do nothing here.
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Content-Disposition": f"inline; filename={name}",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "private, no-cache",
            "ETag": etag,
        }
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=one.media_type, headers=headers)

    async def windows(self, request: Request) -> Response:
        """Maintenance windows of all sites."""
        reader = await self._reader(request)
        if reader.person is None:
            return self._stranger(request, reader)
        lines = await offload(self._store.windows.lines, reader.person.scope)
        speaks, now = translator(reader.language), self._store.now()
        content = await offload(window_content, lines, speaks, now)
        content["left"] = await self._left(reader)
        return self._answer(request, reader, "windows.html", content)

    async def statements(self, request: Request) -> Response:
        """Statements of all sites."""
        reader = await self._reader(request)
        if reader.person is None:
            return self._stranger(request, reader)
        found = await offload(self._store.stated.sites, reader.person.scope)
        speaks, now = translator(reader.language), self._store.now()
        content = await offload(list_content, found, speaks, now)
        return self._answer(request, reader, "statements.html", content)

    async def site_statements(self, request: Request) -> Response:
        """Statements of one site, a page of them."""
        reader = await self._reader(request)
        if reader.person is None:
            return self._stranger(request, reader)
        page = _page(request)
        found = await self._stated(request, reader.person, page=page)
        if found is None:
            return self._missing(request, reader)
        speaks, now = translator(reader.language), self._store.now()
        content = await offload(site_content, found, speaks, now, page=page)
        return self._answer(request, reader, "statements_site.html", content)

    async def statement(self, request: Request) -> Response:
        """One statement: as a page, or with `.json` the bytes that are kept."""
        reader = await self._reader(request)
        if reader.person is None:
            return self._stranger(request, reader)
        found = await self._stated(request, reader.person)
        period, dot, _ = request.path_params["period"].partition(".json")
        given = request.query_params.get("revision")
        if found is None or not (given is None or _NUMBER.fullmatch(given)):
            return self._missing(request, reader)
        revision = None if given is None else int(given)
        try:
            stated = await offload(
                self._store.statements.get, found.who, period, revision=revision
            )
        except (InputError, ConfigError):
            return self._missing(request, reader)
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

    async def log_in(self, request: Request) -> Response:
        """Use a login link: it works once."""
        reader = await self._reader(request)
        if request.method == "HEAD":
            # A look at the link must not use it up.
            return Response(status_code=204)
        now = self._store.now()
        client = request.client.host if request.client else ""
        if not self._guesses.take(client, now):
            return self._plain(request, reader, "wait.html", 429)
        session = auth.new_session()
        person = await offload(
            self._store.people.log_in,
            auth.fingerprint(auth.plain_code(request.path_params["code"])),
            session_sha256=auth.fingerprint(session),
            life_us=auth.SESSION_LIFE_US,
        )
        if person is None:
            return self._plain(request, reader, "spent.html", 404)
        self._guesses.right(client, now)
        answer = RedirectResponse("/", status_code=303)
        answer.set_cookie(
            COOKIE,
            session,
            max_age=auth.SESSION_LIFE_US // 1_000_000,
            secure=self._url().startswith("https:"),
            httponly=True,
            samesite="lax",
        )
        return answer

    async def log_out(self, request: Request) -> Response:
        """End the session for good."""
        reader = await self._reader(request)
        if reader.person is not None and own(request):
            await offload(self._store.people.log_out, auth.fingerprint(reader.session))
        answer = RedirectResponse("/", status_code=303)
        answer.delete_cookie(COOKIE)
        return answer

    async def speak(self, request: Request) -> Response:
        """Read in another language from now on, and go back to the page."""
        reader = await self._reader(request)
        language = request.path_params["language"]
        if language not in LANGUAGES:
            return self._missing(request, reader)
        if reader.person is not None:
            await offload(
                self._store.people.speak, auth.fingerprint(reader.session), language
            )
        back = request.query_params.get("back", "/")
        # Only a path of our own: nobody is sent elsewhere by a link to us.
        if not back.startswith("/") or back.startswith(("//", "/\\")):
            back = "/"
        return RedirectResponse(back, status_code=303)

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
        reader = await self._reader(request)
        if reader.person is None:
            return self._stranger(request, reader)
        return self._missing(request, reader)

    async def _reader(self, request: Request) -> _Reader:
        session = request.cookies.get(COOKIE, "")
        person = None
        if session:
            person = await offload(
                self._store.people.by_session, auth.fingerprint(session)
            )
        language = person.language if person is not None else None
        return _Reader(
            person=person,
            session=session,
            language=language or _wished(request) or self._settings.provider.language,
        )

    async def _left(
        self, reader: _Reader, view: TicketView | None = None
    ) -> list[InterventionRow]:
        """What is muted or paused; of a ticket, what of that it is about."""
        assert reader.person is not None
        scope, speaks = reader.person.scope, translator(reader.language)
        return await offload(left_alone, self._store, scope, speaks, view)

    def _page(self, reader: _Reader) -> Page:
        return Page(translator(reader.language), self._store.now())

    def _stranger(self, request: Request, reader: _Reader) -> Response:
        return self._plain(request, reader, "login.html", 401)

    def _missing(self, request: Request, reader: _Reader) -> Response:
        return self._plain(request, reader, "missing.html", 404)

    def _plain(
        self, request: Request, reader: _Reader, name: str, status: int
    ) -> Response:
        return self._answer(request, reader, name, {}, status=status)

    def _answer(
        self,
        request: Request,
        reader: _Reader,
        name: str,
        content: dict[str, object],
        *,
        status: int = 200,
        zone: str = _ZONE,
    ) -> Response:
        html = self._page(reader).render(
            name,
            zone,
            person=reader.person,
            languages=LANGUAGES,
            provider=self._settings.provider.name,
            path=request.url.path,
            **content,
        )
        return HTMLResponse(html, status, headers={"Cache-Control": "no-store"})


def add_pages(
    app: FastAPI, store: DeskStore, settings: DeskSettings, url: Callable[[], str]
) -> Portal:
    """Add all pages to the application."""
    portal = Portal(store, settings, url)
    app.add_route("/", portal.tickets, methods=["GET"])
    app.add_route("/t/{ref}", portal.ticket, methods=["GET"])
    app.add_route("/t/{ref}/files/{attachment:int}", portal.attachment, methods=["GET"])
    app.add_route("/t/{ref}/{act}", portal.act, methods=["POST"])
    app.add_route("/maintenance", portal.windows, methods=["GET"])
    app.add_route("/statements", portal.statements, methods=["GET"])
    site = "/statements/{tenant}/{site}"
    app.add_route(site, portal.site_statements, methods=["GET"])
    app.add_route(f"{site}/{{period}}", portal.statement, methods=["GET"])
    app.add_route("/in/{code}", portal.log_in, methods=["GET"])
    app.add_route("/out", portal.log_out, methods=["POST"])
    app.add_route("/language/{language}", portal.speak, methods=["GET"])
    app.add_route("/static/{name}", portal.static, methods=["GET"])
    return portal


def _page(request: Request) -> int:
    """Which page of a list is asked for; the first where that says nothing."""
    given = request.query_params.get("page", "")
    return min(max(int(given), 1), 10**6) if _NUMBER.fullmatch(given) else 1


def _shown(body: bytes, language: str) -> str:
    return render_statement(loads(body), language=language)


def _wished(request: Request) -> str | None:
    """The first language of the browser that we have."""
    for part in request.headers.get("accept-language", "").split(","):
        language = part.partition(";")[0].strip().lower().partition("-")[0]
        if language in LANGUAGES:
            return language
    return None
