"""The page of one ticket, and what its forms do."""

from collections.abc import Mapping

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from scudo_agent.desk.clock_words import nothing_promised, promise_rows
from scudo_agent.desk.file_pages import FileRefusedError, files_content, take_file
from scudo_agent.desk.forms import act_from, own, read_form, seen_of, version_of
from scudo_agent.desk.front import Front, Reader, page_number
from scudo_agent.desk.history import timeline
from scudo_agent.desk.intervention_pages import left_alone
from scudo_agent.desk.life import ActError, Note, RightError, StaleError
from scudo_agent.desk.offload import offload
from scudo_agent.desk.rights import Right
from scudo_agent.desk.store.clocking import Promised
from scudo_agent.desk.store.scope import Person
from scudo_agent.desk.store.views import TicketView
from scudo_agent.desk.ticket_acts import Choices, Typed, acts_content

_REFUSED, _NO_RIGHT, _STALE = 422, 403, 409


class TicketPages:
    """Handlers of a ticket's page."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._store = front.store

    async def ticket(self, request: Request) -> Response:
        """One ticket; what is not there and what is not allowed look the same."""
        reader = await self._front.reader(request)
        if reader.person is None:
            return self._front.stranger(request, reader)
        return await self._show(request, reader, reader.person)

    async def act(self, request: Request) -> Response:
        """A form of the page: done, or the page again with what was typed."""
        reader = await self._front.reader(request)
        if reader.person is None:
            return self._front.stranger(request, reader)
        if not own(request):
            return self._front.plain(request, reader, "missing.html", 403)
        ref, name = _ref(request), request.path_params["act"]
        form = read_form(await request.body())
        try:
            done = await offload(self._do, reader.person, ref, name, form)
        except ActError as exc:
            typed = Typed(
                act=name,
                form=form,
                why=exc.text,
                stale=isinstance(exc, StaleError),
                seen=seen_of(form),
            )
            return await self._show(
                request, reader, reader.person, typed=typed, status=_status(exc)
            )
        if not done:
            return self._front.missing(request, reader)
        self._front.wake()
        return RedirectResponse(f"/t/{ref}", status_code=303)

    async def attach(self, request: Request) -> Response:
        """The form that brings a file: kept, or the page again with its note."""
        reader = await self._front.reader(request)
        if reader.person is None:
            return self._front.stranger(request, reader)
        if not own(request):
            return self._front.plain(request, reader, "missing.html", 403)
        ref = _ref(request)
        try:
            found = await take_file(self._store, reader.person, ref, request)
        except FileRefusedError as exc:
            return await self._show(
                request, reader, reader.person, refused=exc, status=_REFUSED
            )
        if not found:
            return self._front.missing(request, reader)
        self._front.wake()
        return RedirectResponse(f"/t/{ref}#files", status_code=303)

    def _do(self, person: Person, ref: str, name: str, form: Mapping[str, str]) -> bool:
        """Do what a form asks for; False when there is no such ticket or form."""
        zone = self._store.views.zone(person.scope, ref)
        act = None if zone is None else act_from(name, form, person, zone)
        if act is None:
            return False
        version = version_of(form)
        if isinstance(act, Note) and not act.public:
            version = None  # it is added, whatever happened meanwhile
        return self._store.acts.do(person, ref, act, version=version) is not None

    async def _show(
        self,
        request: Request,
        reader: Reader,
        person: Person,
        *,
        typed: Typed | None = None,
        refused: FileRefusedError | None = None,
        status: int = 200,
    ) -> Response:
        ref, page = _ref(request), page_number(request)
        views, scope = self._store.views, person.scope
        view = await offload(lambda: views.ticket(scope, ref, page=page))
        if view is None:
            return self._front.missing(request, reader)
        speaks = reader.speaks
        content = self._front.page(reader).ticket(view)
        promised = await offload(self._store.clocks.of, scope, ref) or Promised()
        page_ = self._front.page(reader)
        content |= {
            "promises": promise_rows(promised, page_, speaks, view.line.zone),
            "unpromised": nothing_promised(promised, view.line.origin, speaks),
        }
        content["left"] = await offload(left_alone, self._store, scope, speaks, view)
        content |= acts_content(
            view,
            person,
            speaks,
            choices=await offload(self._choices, person, view),
            happened=timeline(view, speaks),
            typed=typed,
        )
        page_of = self._front.page(reader)
        content["files"] = files_content(view, page_of, speaks, person, refused)
        zone = view.line.zone
        return self._front.answer(
            request, reader, "ticket.html", content, status=status, zone=zone
        )

    def _choices(self, person: Person, view: TicketView) -> Choices:
        if not person.may(Right.WORK):
            return Choices()
        acts, line = self._store.acts, view.line
        return Choices(
            hands=acts.hands() if person.may(Right.DISPATCH) else (),
            categories=acts.categories(line.tenant_id, line.site_id, line.received),
        )


def add_tickets(app: FastAPI, front: Front) -> None:
    """Add a ticket's page and its forms to the application."""
    pages = TicketPages(front)
    app.add_route("/t/{ref}", pages.ticket, methods=["GET"])
    app.add_route("/t/{ref}/files", pages.attach, methods=["POST"])
    app.add_route("/t/{ref}/{act}", pages.act, methods=["POST"])


def _ref(request: Request) -> str:
    return str(request.path_params["ref"]).upper()


def _status(exc: ActError) -> int:
    if isinstance(exc, RightError):
        return _NO_RIGHT
    return _STALE if isinstance(exc, StaleError) else _REFUSED
