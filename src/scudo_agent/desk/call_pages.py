"""The page of a link by which somebody who was called says that he knows.

Looking records nothing: programs that look into mails follow links. The page works
without logging in, and shows what the mail said and no more.
"""

from dataclasses import replace

from starlette.responses import Response

from scudo_agent.desk import auth
from scudo_agent.desk.call_notice import about
from scudo_agent.desk.front import Reader
from scudo_agent.desk.notice import severity_label
from scudo_agent.desk.offload import offload
from scudo_agent.desk.rights import Right
from scudo_agent.desk.store.call_links import CallSeen
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.visit import Doors, Look


class CallPages:
    """Handlers of the page and its one button."""

    def __init__(self, store: DeskStore) -> None:
        self._links, self._views = store.call_links, store.views

    async def look(self, look: Look) -> Response:
        """The page; nothing is recorded."""
        seen = await offload(self._links.look, *_asked(look))
        if seen is None:
            return look.plain("spent_call.html", 404)
        return await self._page(look, seen)

    async def acknowledge(self, look: Look) -> Response:
        """Its button."""
        seen = await offload(self._links.acknowledge, *_asked(look))
        if seen is None:
            return look.plain("spent_call.html", 404)
        look.front.wake()
        return look.go(look.request.url.path)

    async def _page(self, look: Look, seen: CallSeen) -> Response:
        if look.reader.person is None and seen.language is not None:
            reader = Reader(person=None, session="", language=seen.language)
            look = replace(look, reader=reader)
        line, severity = seen.line, seen.line.severity
        speaks = look.reader.speaks
        content: dict[str, object] = {
            "line": line,
            "what": about(line, speaks),
            "severity": "" if severity is None else severity_label(severity, speaks),
            "since": look.page.when(line.since, line.zone),
            "name": seen.name,
            "how": "" if seen.how is None else seen.how.value,
            "by": seen.by,
            "ended": seen.ended and look.page.when(seen.ended, line.zone),
            "seen": await self._last(look, line.ref, line.assignee_id),
        }
        return look.answer("called.html", content, zone=line.zone)

    async def _last(self, look: Look, ref: str, assignee: int | None) -> int | None:
        """The last entry of history, for who is logged in and may take the ticket."""
        person = look.reader.person
        if person is None or person.person_id is None or assignee is not None:
            return None
        if not person.may(Right.WORK):
            return None
        view = await offload(self._views.ticket, person.scope, ref)
        return None if view is None else view.entries[-1].event_id


def _asked(look: Look) -> tuple[str, str]:
    """The ticket's number and the token's hash."""
    return look.part("number").upper(), auth.fingerprint(look.part("token"))


def add_calls(doors: Doors) -> None:
    """Add the page to the application."""
    pages = CallPages(doors.front.store)
    doors.open_page("/called/{number}/{token}", pages.look)
    doors.open_form("/called/{number}/{token}", pages.acknowledge)
