"""Maintenance windows by programs: announced, moved, cancelled, corrected.

When the customer was told stands in no body: the desk knows it by itself.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path
from pydantic import BaseModel, ConfigDict, Field

from scudo_agent.desk.api_v1.directory import Id
from scudo_agent.desk.api_v1.door import idempotent, needs
from scudo_agent.desk.api_v1.refusals import refusals
from scudo_agent.desk.api_v1.scopes import TokenScope
from scudo_agent.desk.offload import offload
from scudo_agent.desk.problems import Problem
from scudo_agent.desk.rights import Right
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.scope import SitePerson
from scudo_agent.desk.store.tokens import TokenUse
from scudo_agent.desk.store.window_adding import Asked
from scudo_agent.desk.store.windows import ReusedKeyError, UnknownWindowError
from scudo_agent.desk.window_requests import (
    CancelWindow,
    CorrectWindow,
    Line,
    MoveWindow,
    NewWindow,
)
from scudo_agent.desk.windows import RefusedError, TooLateError
from scudo_agent.wire import When, canonical
from scudo_agent.wire_site import Windows

Planner = Annotated[TokenUse, Depends(needs(TokenScope.WINDOWS_WRITE, Right.DISPATCH))]
Name = Annotated[str, Path(pattern=r"^[\x21-\x2e\x30-\x7e]{1,100}$")]
Key = Annotated[str | None, Header(alias="Idempotency-Key", include_in_schema=False)]
_BASE = "/customers/{customer}/sites/{site}/windows"
_ONE = _BASE + "/{window}"


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SeriesAsked(_Asked):
    """Occurrences by a rule such as `first saturday 22:00-02:00`, to `last`."""

    rule: Annotated[str, Field(min_length=1, max_length=100)]
    first: Annotated[str | None, Field(pattern=r"^\d{4}-\d\d-\d\d$")] = None
    last: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]
    zone: Annotated[str | None, Field(max_length=60)] = None
    announce: Annotated[str, Field(pattern="^(together|each)$")] = "together"


class WindowAsked(_Asked):
    """A window `[start, end)`, or a series; the person of the token announces it."""

    kind: Annotated[str, Field(pattern="^(ordinary|extraordinary|upgrade|occasional)$")]
    services: Annotated[
        list[Annotated[str, Field(max_length=200)]],
        Field(min_length=1, max_length=200, examples=[["*"]]),
    ]
    reason: Annotated[Line, Field(max_length=300)]
    start: Annotated[When | None, Field(max_length=40)] = None
    end: Annotated[When | None, Field(max_length=40)] = None
    peak_notice: Annotated[When | None, Field(max_length=40)] = None
    series: SeriesAsked | None = None


class MoveAsked(_Asked):
    """A further announcement: from now on the window is `[start, end)`."""

    start: Annotated[When, Field(max_length=40)]
    end: Annotated[When, Field(max_length=40)]
    peak_notice: Annotated[When | None, Field(max_length=40)] = None


class CancelAsked(_Asked):
    """Call a window off, or all of a series that are not over."""

    reason: Annotated[Line, Field(max_length=300)]


class CorrectAsked(_Asked):
    """Note what was otherwise than announced; it changes no figure."""

    change: Annotated[Line, Field(max_length=300)]
    reason: Annotated[Line, Field(max_length=300)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where something is changed, by whom, under which key."""

    use: TokenUse
    customer: str
    site: str
    key: str | None


def add_window_act_routes(
    router: APIRouter, store: DeskStore, committed: Callable[[], None]
) -> None:
    """Add the routes; `committed` is called when mails may be due."""
    post: dict[str, Any] = {
        "dependencies": [Depends(idempotent)],
        "responses": refusals(400, 409),
    }

    async def change(
        place: _Place, act: Callable[..., Any], made: type[BaseModel], *what: Any
    ) -> Windows:
        found = await _changed(store, place, act, made, *what)
        committed()
        return found

    def at(use: Planner, customer: Id, site: Id, key: Key = None) -> _Place:
        return _Place(use=use, customer=customer, site=site, key=key)

    Where = Annotated[_Place, Depends(at)]

    @router.post(_BASE, status_code=201, **post)
    async def announce(where: Where, body: WindowAsked) -> Windows:
        """Announce a window, or all of a series; the customer is told by mail."""
        return await change(where, store.windows.add, NewWindow, body)

    @router.post(f"{_ONE}/announcements", status_code=201, **post)
    async def move(where: Where, window: Name, body: MoveAsked) -> Windows:
        """Announce that a window is another span from now on."""
        return await change(where, store.windows.move, MoveWindow, body, window)

    @router.post(f"{_ONE}/cancel", **post)
    async def cancel(where: Where, window: Name, body: CancelAsked) -> Windows:
        """Call off a window, or what is left of a series."""
        return await change(where, store.windows.cancel, CancelWindow, body, window)

    @router.post(f"{_ONE}/corrections", status_code=201, **post)
    async def correct(where: Where, window: Name, body: CorrectAsked) -> Windows:
        """Note what was otherwise than announced; it changes no figure."""
        return await change(where, store.windows.correct, CorrectWindow, body, window)


async def _changed(
    store: DeskStore,
    place: _Place,
    act: Callable[..., Any],
    made: type[BaseModel],
    body: BaseModel,
    window: str | None = None,
) -> Windows:
    """Do it once; what came of it, at the revision that followed."""
    person = place.use.person
    rows = await offload(store.directory.sites, person.scope, place.customer)
    if place.site not in {row.site_id for row in rows}:
        raise Problem(404, "there is no such site")
    who = SitePerson(
        tenant_id=place.customer,
        site_id=place.site,
        agent_id="",
        person_actor=person.actor,
    )
    told = body.model_dump(mode="json")
    said = sha256(canonical({"act": act.__name__, "of": window, "body": told}))
    asked = Asked(who=who, key=_key(place), sha256=said.hexdigest())
    named = () if window is None else (window,)
    try:
        full = made.model_validate(told | {"by": person.name[:100] or "desk"})
        states = await offload(act, asked, *named, full)
    except RefusedError as exc:
        status = 409 if isinstance(exc, TooLateError) else 422
        raise Problem(status, str(exc)) from None
    except UnknownWindowError:
        raise Problem(404, "this site has no such window") from None
    except ReusedKeyError:
        raise Problem(
            422, "this Idempotency-Key came before, with another request"
        ) from None
    except ValueError as exc:
        raise Problem(422, _first(exc)) from None
    revision = await offload(store.windows.revision, who)
    return Windows(revision=revision, windows=states)


def _key(place: _Place) -> str:
    """The key of the desk's own book: a repeat after a kill changes nothing either."""
    if place.key is None:
        return f"token:{place.use.token_id}:{secrets.token_hex(16)}"
    return f"token:{place.use.token_id}:{sha256(place.key.encode()).hexdigest()}"


def _first(exc: ValueError) -> str:
    """What is wrong, without what pydantic says around it."""
    errors = getattr(exc, "errors", None)
    if errors is None:
        return str(exc)
    return str(errors()[0]["msg"]).removeprefix("Value error, ")
