"""Saved views: keep the filters of the list under a name, rename, forget, prefer."""

from collections.abc import Mapping

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from scudo_agent.desk.filter_bar import tidy
from scudo_agent.desk.forms import own, read_form
from scudo_agent.desk.front import Front, Reader
from scudo_agent.desk.offload import offload
from scudo_agent.desk.store.saved_views import (
    NAME_SIGNS,
    QUERY_SIGNS,
    VIEWS_LIMIT,
    ViewError,
)
from scudo_agent.desk.store.scope import Person
from scudo_agent.locale.formats import clean
from scudo_agent.text import T, Text

_ACTS = ("rename", "delete", "prefer")


class ViewPages:
    """Handlers of the page of views and its forms."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._views = front.store.saved_views

    async def listed(self, request: Request) -> Response:
        """One's own views; who came by a login link has none."""
        reader = await self._front.reader(request)
        if reader.person is None:
            return self._front.stranger(request, reader)
        if reader.person.person_id is None:
            return self._front.missing(request, reader)
        query = tidy(request.url.query[:QUERY_SIGNS])
        return await self._page(request, reader, reader.person, query=query)

    async def save(self, request: Request) -> Response:
        """Keep what the list is narrowed to under a name."""
        return await self._do(request, "save")

    async def change(self, request: Request) -> Response:
        """Rename a view, forget it, or let the list begin with it."""
        act = request.path_params["act"]
        return await self._do(request, act if act in _ACTS else "")

    async def _do(self, request: Request, act: str) -> Response:
        reader = await self._front.reader(request)
        person = reader.person
        if person is None:
            return self._front.stranger(request, reader)
        if not own(request):
            return self._front.plain(request, reader, "missing.html", 403)
        if not act or person.person_id is None:
            return self._front.missing(request, reader)
        form = read_form(await request.body())
        query = tidy(form.get("query", "")[:QUERY_SIGNS])
        refused, found = await offload(
            self._act, act, person, request.path_params.get("view", ""), form
        )
        if refused is not None:
            return await self._page(
                request, reader, person, query=query, form=form, refused=refused
            )
        if not found:
            return self._front.missing(request, reader)
        return RedirectResponse(
            f"/?{query}" if act == "save" else "/views", status_code=303
        )

    def _act(
        self, act: str, person: Person, view: str, form: Mapping[str, str]
    ) -> tuple[Text | None, bool]:
        """Why it cannot be done, or whether there was something to do it with."""
        if act == "delete":
            return None, self._views.delete(person, view)
        if act == "prefer":
            on = form.get("on") == "1"
            return None, self._views.prefer(person, view, on=on)
        name = clean(form.get("name", "")).strip()
        if not 0 < len(name) <= NAME_SIGNS:
            return T("A view has a name of {n} signs at most.", n=NAME_SIGNS), False
        try:
            if act == "rename":
                return None, self._views.rename(person, view, name)
            query = tidy(form.get("query", "")[:QUERY_SIGNS])
            self._views.save(person, name, query)
        except ViewError as exc:
            if str(exc) == "taken":
                return T("Another view has this name already."), False
            return T(
                "{n} views are as many as are kept: delete one.", n=VIEWS_LIMIT
            ), False
        return None, True

    async def _page(
        self,
        request: Request,
        reader: Reader,
        person: Person,
        *,
        query: str,
        form: Mapping[str, str] | None = None,
        refused: Text | None = None,
    ) -> Response:
        content: dict[str, object] = {
            "views": await offload(self._views.of, person),
            "query": query,
            "typed": {} if form is None else form,
            "refused": "" if refused is None else reader.speaks.render(refused),
            "at": request.path_params.get("view"),
        }
        status = 200 if refused is None else 422
        return self._front.answer(request, reader, "views.html", content, status=status)


def add_views(app: FastAPI, front: Front) -> None:
    """Add the pages to the application."""
    pages = ViewPages(front)
    app.add_route("/views", pages.listed, methods=["GET"])
    app.add_route("/views", pages.save, methods=["POST"])
    app.add_route("/views/{view}/{act}", pages.change, methods=["POST"])
