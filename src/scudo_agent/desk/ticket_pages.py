"""The page of one ticket, and what its forms do."""

from collections.abc import Mapping
from dataclasses import replace

from starlette.responses import Response

from scudo_agent.desk.clock_words import nothing_promised, promise_rows
from scudo_agent.desk.file_pages import FileRefusedError, files_content, take_file
from scudo_agent.desk.forms import act_from, seen_of, version_of
from scudo_agent.desk.history import timeline
from scudo_agent.desk.intervention_pages import left_alone
from scudo_agent.desk.life import ActError, Note, RightError, StaleError
from scudo_agent.desk.offload import offload
from scudo_agent.desk.rights import Right
from scudo_agent.desk.store.clocking import Promised
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.scope import Person
from scudo_agent.desk.store.views import TicketView
from scudo_agent.desk.ticket_acts import Choices, Typed, acts_content
from scudo_agent.desk.visit import Doors, Visit

_REFUSED, _NO_RIGHT, _STALE = 422, 403, 409


class TicketPages:
    """Handlers of a ticket's page."""

    def __init__(self, store: DeskStore) -> None:
        self._store = store

    async def ticket(self, visit: Visit) -> Response:
        """One ticket; what is not there and what is not allowed look the same."""
        return await self._show(visit)

    async def act(self, visit: Visit) -> Response:
        """A form of the page: done, or the page again with what was typed."""
        ref, name, form = _ref(visit), visit.part("act"), visit.form
        try:
            done = await offload(self._do, visit.person, ref, name, form)
        except ActError as exc:
            typed = Typed(
                act=name,
                form=form,
                why=exc.text,
                stale=isinstance(exc, StaleError),
                seen=seen_of(form),
            )
            return await self._show(visit, typed=typed, status=_status(exc))
        if not done:
            return visit.missing()
        visit.front.wake()
        return visit.go(f"/t/{ref}")

    async def attach(self, visit: Visit) -> Response:
        """The form that brings a file: kept, or the page again with its note."""
        ref = _ref(visit)
        try:
            found = await take_file(self._store, visit.person, ref, visit.request)
        except FileRefusedError as exc:
            return await self._show(visit, refused=exc, status=_REFUSED)
        if not found:
            return visit.missing()
        visit.front.wake()
        return visit.go(f"/t/{ref}#files")

    def _do(self, person: Person, ref: str, name: str, form: Mapping[str, str]) -> bool:
        """Do what a form asks for; False when there is no such ticket or form."""
        zone = self._store.views.zone(person.scope, ref)
        if zone is not None:
            zone = person.timezone or zone
        act = None if zone is None else act_from(name, form, person, zone)
        if act is None:
            return False
        version = version_of(form)
        if isinstance(act, Note) and not act.public:
            version = None  # it is added, whatever happened meanwhile
        return self._store.acts.do(person, ref, act, version=version) is not None

    async def _show(
        self,
        visit: Visit,
        *,
        typed: Typed | None = None,
        refused: FileRefusedError | None = None,
        status: int = 200,
    ) -> Response:
        views, scope, person = self._store.views, visit.person.scope, visit.person
        view = await offload(
            lambda: views.ticket(scope, _ref(visit), page=visit.number)
        )
        if view is None:
            return visit.missing()
        if visit.reader.zone is not None:
            # All that the page tells of it is told by the reader's clock.
            line = replace(view.line, zone=visit.reader.zone)
            view = replace(view, line=line)
        speaks, page, zone = visit.reader.speaks, visit.page, view.line.zone
        promised = await offload(self._store.clocks.of, scope, _ref(visit))
        promised = promised or Promised()
        content = page.ticket(view) | {
            "promises": promise_rows(promised, page, speaks, zone),
            "unpromised": nothing_promised(promised, view.line.origin, speaks),
            "left": await offload(
                left_alone, self._store, scope, speaks, view, zone=zone
            ),
            "files": files_content(view, page, speaks, person, refused),
        }
        content |= acts_content(
            view,
            person,
            speaks,
            choices=await offload(self._choices, person, view),
            happened=timeline(view, speaks),
            typed=typed,
        )
        return visit.answer("ticket.html", content, status=status, zone=zone)

    def _choices(self, person: Person, view: TicketView) -> Choices:
        if not person.may(Right.WORK):
            return Choices()
        acts, line = self._store.acts, view.line
        of = (line.tenant_id, line.site_id, line.received)
        return Choices(
            hands=acts.hands() if person.may(Right.DISPATCH) else (),
            categories=acts.categories(*of),
            redundancy=acts.redundancy(*of),
        )


def add_tickets(doors: Doors) -> None:
    """Add a ticket's page and its forms to the application."""
    pages = TicketPages(doors.front.store)
    doors.page("/t/{ref}", pages.ticket)
    doors.form("/t/{ref}/files", pages.attach, reads=False)
    doors.form("/t/{ref}/{act}", pages.act)


def _ref(visit: Visit) -> str:
    return visit.part("ref").upper()


def _status(exc: ActError) -> int:
    if isinstance(exc, RightError):
        return _NO_RIGHT
    return _STALE if isinstance(exc, StaleError) else _REFUSED
