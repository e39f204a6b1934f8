"""The agents' API of maintenance windows (`domain.md` 4): read, announce, correct.

The site comes from the credential. A request that changes something carries an
`Idempotency-Key`: the same one again answers what came of it and mails nothing.
"""

import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header
from pydantic import BaseModel
from starlette.responses import Response

from scudo_agent.desk.offload import offload
from scudo_agent.desk.problems import Problem
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.scope import AgentIdentity
from scudo_agent.desk.store.window_adding import Asked
from scudo_agent.desk.store.windows import (
    ReusedKeyError,
    UnknownWindowError,
    WindowBook,
)
from scudo_agent.desk.window_calendar import calendar
from scudo_agent.desk.window_requests import (
    CancelWindow,
    CorrectWindow,
    MoveWindow,
    NewWindow,
    Services,
)
from scudo_agent.desk.windows import RefusedError, TooLateError
from scudo_agent.locale import translator
from scudo_agent.wire import canonical
from scudo_agent.wire_site import Windows, WindowState

Agent = Callable[..., Coroutine[Any, Any, AgentIdentity]]
_Act = Callable[..., list[WindowState]]
Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="Made by the client, one for each thing that it wants done.",
    ),
]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Changes:
    """The way of a request that changes something."""

    store: DeskStore
    committed: Callable[[], None]

    async def make(
        self, act: _Act, who: AgentIdentity, key: str, body: BaseModel, name: str = ""
    ) -> Windows:
        """Do it once; what came of it, at the revision that followed."""
        words = (act.__name__, name)
        asked = Asked(who=who, key=key, sha256=_hash(*words, body=body))
        named = (_known(name),) if name else ()
        try:
            states = await offload(act, asked, *named, body)
        except RefusedError as exc:
            status = 409 if isinstance(exc, TooLateError) else 422
            raise Problem(status, str(exc)) from None
        except UnknownWindowError:
            raise Problem(404, "this site has no such window") from None
        except ReusedKeyError:
            raise Problem(
                422, "this Idempotency-Key came before, with another request"
            ) from None
        self.committed()
        what = states[0].id if len(states) == 1 else f"{len(states)} windows"
        _log.info("%s asked: %s %s", who.actor, act.__name__, what)
        revision = await offload(self.store.windows.revision, who)
        return Windows(revision=revision, windows=states)


def add_window_routes(
    router: APIRouter, store: DeskStore, committed: Callable[[], None], agent: Agent
) -> None:
    """Add the routes to the agents' router; `agent` knows whose key it is."""
    _add_reading(router, store, agent)
    _add_changing(router, _Changes(store, committed), agent)


def _add_reading(router: APIRouter, store: DeskStore, agent: Agent) -> None:
    Who = Annotated[AgentIdentity, Depends(agent)]

    @router.get("/services")
    async def services(who: Who) -> Services:
        """The site's services as the desk knows them."""
        return Services(services=await offload(store.windows.services, who))

    @router.put("/services")
    async def put_services(who: Who, body: Services) -> Services:
        """Tell the site's services: windows can be announced for these."""
        if len({one.id for one in body.services}) < len(body.services):
            raise Problem(422, "a service is named twice")
        await offload(store.windows.put_services, who, body.services)
        return body

    @router.get("/windows")
    async def windows(who: Who) -> Windows:
        """All windows of the site, with all that was announced of them."""
        return await offload(store.windows.of_site, who)

    @router.get("/windows.ics", response_class=Response)
    async def windows_ics(who: Who) -> Response:
        """The windows as an iCalendar file."""
        data = await offload(_calendar, store.windows, who)
        return Response(data, media_type="text/calendar; charset=utf-8")


def _add_changing(router: APIRouter, changes: _Changes, agent: Agent) -> None:
    Who = Annotated[AgentIdentity, Depends(agent)]
    store = changes.store

    @router.post("/windows", status_code=201)
    async def add(who: Who, key: Key, body: NewWindow) -> Windows:
        """Announce a window, or all occurrences of a series; the customer is told."""
        return await changes.make(store.windows.add, who, key, body)

    @router.post("/windows/{name}/announcements", status_code=201)
    async def move(who: Who, name: str, key: Key, body: MoveWindow) -> Windows:
        """Announce that a window is another span from now on."""
        return await changes.make(store.windows.move, who, key, body, name)

    @router.post("/windows/{name}/cancel")
    async def cancel(who: Who, name: str, key: Key, body: CancelWindow) -> Windows:
        """Call off a window, or what is left of a series."""
        return await changes.make(store.windows.cancel, who, key, body, name)

    @router.post("/windows/{name}/corrections", status_code=201)
    async def correct(who: Who, name: str, key: Key, body: CorrectWindow) -> Windows:
        """Note what was otherwise than announced; it changes no figure."""
        return await changes.make(store.windows.correct, who, key, body, name)


def _calendar(book: WindowBook, who: AgentIdentity) -> bytes:
    """In the customer's language: it is the customer's calendar."""
    return calendar(
        book.of_site(who).windows,
        book.services(who),
        translator(book.language(who)),
        host=book.host,
    )


def _known(name: str) -> str:
    """A name that may be asked of the store: ids are short and ASCII."""
    if not name.isascii() or not name.isprintable() or len(name) > 100:
        raise Problem(404, "this site has no such window")
    return name


def _hash(*words: str, body: BaseModel) -> str:
    data = {"words": list(words), "body": body.model_dump(mode="json")}
    return sha256(canonical(data)).hexdigest()
