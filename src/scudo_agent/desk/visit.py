"""The one way into a page: who looks, what they may, what they sent.

A page is declared by its path, by what its reader must be allowed, and by a handler
that gets a `Visit`; what all pages begin with is done here, once and in this order:

- nobody known: how to get in (401), and nothing else;
- what the reader may not see is not there (404);
- a form that another site sent is not taken (403);
- a form that the reader sees and may not use is refused (403).
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from scudo_agent.desk.forms import Form, own, read_form
from scudo_agent.desk.front import Front, Reader, page_number
from scudo_agent.desk.pages import Page
from scudo_agent.desk.rights import Right
from scudo_agent.desk.store.scope import Person, Scope
from scudo_agent.text import Text

Needs = Right | Callable[[Person], object]
"""What somebody must be allowed: a right, or a question about the person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a form was not done, and what was typed into it: nothing of that is lost."""

    text: Text
    form: Form = field(default_factory=dict)
    status: int = 422


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Somebody at a page that everybody may see; `form` is what was sent, or empty."""

    front: Front
    request: Request
    reader: Reader
    form: dict[str, str]

    @property
    def page(self) -> Page:
        """What puts things into the reader's words, now."""
        return self.front.page(self.reader)

    @property
    def zone(self) -> str:
        """Where times are told that are no site's."""
        return self.front.zone(self.reader)

    @property
    def number(self) -> int:
        """Which page of a list is asked for, from 1 on."""
        return page_number(self.request)

    def part(self, name: str) -> str:
        """A part of the address, as the path names it."""
        return str(self.request.path_params[name])

    def say(self, text: Text | None) -> str:
        """A sentence in the reader's language; none is the empty one."""
        return "" if text is None else self.reader.speaks.render(text)

    def done(self, words: Mapping[str, Text]) -> str:
        """What was done before this page (`?done=`), of what it can say."""
        return self.say(words.get(self.request.query_params.get("done", "")))

    def answer(
        self,
        name: str,
        content: dict[str, Any],
        *,
        status: int = 200,
        zone: str | None = None,
    ) -> Response:
        """The template `name` filled with `content`; see `Front.answer`."""
        return self.front.answer(
            self.request, self.reader, name, content, status=status, zone=zone
        )

    def again(
        self, name: str, content: dict[str, Any], refusal: Refusal | None
    ) -> Response:
        """A page with forms: `refused` says why one was not done, `typed` what with.

        Both are empty on a fresh page (200); what was not typed is empty, too.
        """
        said = {"refused": "", "typed": defaultdict(str)}
        if refusal is None:
            return self.answer(name, said | content)
        said = {
            "refused": self.say(refusal.text),
            "typed": defaultdict(str, refusal.form),
        }
        return self.answer(name, content | said, status=refusal.status)

    def plain(self, name: str, status: int) -> Response:
        """A page that says one thing."""
        return self.front.plain(self.request, self.reader, name, status)

    def missing(self) -> Response:
        """Not there, or not for this reader: both look the same (404)."""
        return self.front.missing(self.request, self.reader)

    def go(self, path: str) -> Response:
        """What was asked for is done: look at `path` of our own (303)."""
        return RedirectResponse(path, status_code=303)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit(Look):
    """Somebody known at a page that they may see."""

    person: Person


class Doors:
    """Adds pages to the application, each with what its reader must be allowed."""

    def __init__(self, app: FastAPI, front: Front) -> None:
        self._app = app
        self.front = front

    def page(
        self,
        path: str,
        handler: Callable[[Visit], Awaitable[Response]],
        *,
        sees: Needs | None = None,
    ) -> None:
        """A page (GET) for who is known and `sees` it; for others it is not there."""

        async def enter(request: Request) -> Response:
            visit = await self._visit(request, sees)
            return visit if isinstance(visit, Response) else await handler(visit)

        self._app.add_route(path, enter, methods=["GET"])

    def customers_page(
        self, name: str, handler: Callable[[Visit, str, Scope], Awaitable[Response]]
    ) -> None:
        """A page about a customer: `/NAME` for its referents, and the same for the
        provider's people as `/customers/ID/NAME`.

        The handler gets the customer's id and the scope of what that customer sees.
        """

        async def own(visit: Visit) -> Response:
            return await handler(visit, visit.person.tenant_id, visit.person.scope)

        async def theirs(visit: Visit) -> Response:
            tenant_id = visit.part("customer")
            return await handler(visit, tenant_id, Scope(tenant_id=tenant_id))

        self.page(f"/{name}", own, sees=refers)
        self.page(f"/customers/{{customer}}/{name}", theirs, sees=Right.INTERNAL)

    def form(
        self,
        path: str,
        handler: Callable[[Visit], Awaitable[Response]],
        *,
        sees: Needs | None = None,
        does: Needs | None = None,
        reads: bool = True,
    ) -> None:
        """A form (POST) of a page that one `sees`; who may not do it is told so (403).

        With `reads=False` the handler reads the body itself (a file); `visit.form`
        is empty then.
        """

        async def enter(request: Request) -> Response:
            visit = await self._visit(request, sees, reads=reads)
            if isinstance(visit, Response):
                return visit
            if not _may(visit.person, does):
                return visit.plain("missing.html", 403)
            return await handler(visit)

        self._app.add_route(path, enter, methods=["POST"])

    def open_page(
        self, path: str, handler: Callable[[Look], Awaitable[Response]]
    ) -> None:
        """A page (GET) for everybody, known or not."""

        async def enter(request: Request) -> Response:
            return await handler(await self._look(request))

        self._app.add_route(path, enter, methods=["GET"])

    def open_form(
        self, path: str, handler: Callable[[Look], Awaitable[Response]]
    ) -> None:
        """A form (POST) for everybody, from a page of our own."""

        async def enter(request: Request) -> Response:
            look = await self._look(request)
            if not own(request):
                return look.plain("missing.html", 403)
            form = read_form(await request.body())
            return await handler(
                Look(front=self.front, request=request, reader=look.reader, form=form)
            )

        self._app.add_route(path, enter, methods=["POST"])

    async def _look(self, request: Request) -> Look:
        reader = await self.front.reader(request)
        return Look(front=self.front, request=request, reader=reader, form={})

    async def _visit(
        self, request: Request, sees: Needs | None, *, reads: bool = True
    ) -> Visit | Response:
        """The visit, or what stands in its way."""
        front, reader = self.front, await self.front.reader(request)
        if reader.person is None:
            return front.stranger(request, reader)
        if not _may(reader.person, sees):
            return front.missing(request, reader)
        form: dict[str, str] = {}
        if request.method == "POST":
            if not own(request):
                return front.plain(request, reader, "missing.html", 403)
            form = read_form(await request.body()) if reads else {}
        return Visit(
            front=front,
            request=request,
            reader=reader,
            form=form,
            person=reader.person,
        )


def somebody(person: Person) -> bool:
    """Whether it is a person of their own, and not who came by a login link."""
    return person.person_id is not None


def refers(person: Person) -> bool:
    """Whether it is one of a customer's people, who sees all of that customer."""
    return not person.staff and person.may(Right.COMPANY)


def _may(person: Person, needs: Needs | None) -> bool:
    if needs is None:
        return True
    return person.may(needs) if isinstance(needs, Right) else bool(needs(person))
