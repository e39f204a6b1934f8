"""Saved views: keep the filters of the list under a name, rename, forget, prefer."""

from collections.abc import Mapping

from starlette.responses import Response

from scudo_agent.desk.filter_bar import tidy
from scudo_agent.desk.offload import offload
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.saved_views import (
    NAME_SIGNS,
    QUERY_SIGNS,
    VIEWS_LIMIT,
    ViewError,
)
from scudo_agent.desk.store.scope import Person
from scudo_agent.desk.visit import Doors, Refusal, Visit, somebody
from scudo_agent.locale.formats import clean
from scudo_agent.text import T, Text

_ACTS = ("rename", "delete", "prefer")


class ViewPages:
    """Handlers of the page of views and its forms."""

    def __init__(self, store: DeskStore) -> None:
        self._views = store.saved_views

    async def listed(self, visit: Visit) -> Response:
        """One's own views; who came by a login link has none."""
        query = tidy(visit.request.url.query[:QUERY_SIGNS])
        return await self._page(visit, query=query)

    async def save(self, visit: Visit) -> Response:
        """Keep what the list is narrowed to under a name."""
        return await self._do(visit, "save", "")

    async def change(self, visit: Visit) -> Response:
        """Rename a view, forget it, or let the list begin with it."""
        act = visit.part("act")
        if act not in _ACTS:
            return visit.missing()
        return await self._do(visit, act, visit.part("view"))

    async def _do(self, visit: Visit, act: str, view: str) -> Response:
        form = visit.form
        query = tidy(form.get("query", "")[:QUERY_SIGNS])
        refused, found = await offload(self._act, act, visit.person, view, form)
        if refused is not None:
            refusal = Refusal(text=refused, form=form)
            return await self._page(visit, query=query, refusal=refusal)
        if not found:
            return visit.missing()
        return visit.go(f"/?{query}" if act == "save" else "/views")

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
        self, visit: Visit, *, query: str, refusal: Refusal | None = None
    ) -> Response:
        content: dict[str, object] = {
            "views": await offload(self._views.of, visit.person),
            "query": query,
            "at": visit.request.path_params.get("view"),
        }
        return visit.again("views.html", content, refusal)


def add_views(doors: Doors) -> None:
    """Add the pages to the application."""
    pages = ViewPages(doors.front.store)
    doors.page("/views", pages.listed, sees=somebody)
    doors.form("/views", pages.save, sees=somebody)
    doors.form("/views/{view}/{act}", pages.change, sees=somebody)
