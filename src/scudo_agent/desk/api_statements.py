"""The agents' API of statements: what the desk states of a site's uptime.

A statement goes out as the very bytes that are kept: its decimals are exact, and
its digest is of them.
"""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from scudo_agent.desk.offload import offload
from scudo_agent.desk.problems import Problem
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.scope import AgentIdentity
from scudo_agent.desk.store.statements import DroppedError, Stated
from scudo_agent.errors import ConfigError, InputError
from scudo_agent.instant import format_instant

Agent = Callable[..., Coroutine[Any, Any, AgentIdentity]]
Period = Annotated[str, Path(pattern=r"^\d{4}(-(0[1-9]|1[0-2]))?$")]


class Correction(BaseModel):
    """Who has a closed period stated anew, and why."""

    model_config = ConfigDict(extra="forbid")

    by: Annotated[str, Field(min_length=1, max_length=200)]
    reason: Annotated[str, Field(min_length=1, max_length=2000)]


def add_statement_routes(router: APIRouter, store: DeskStore, agent: Agent) -> None:
    """Add the routes to the agents' router; `agent` knows whose key it is."""
    Who = Annotated[AgentIdentity, Depends(agent)]

    @router.get("/statements")
    async def statements(who: Who) -> list[dict[str, Any]]:
        """What was stated of the site, the newest period first."""
        return [_line(one) for one in await offload(store.statements.of_site, who)]

    @router.get("/statements/{period}", response_class=Response)
    async def statement(
        who: Who,
        period: Period,
        revision: Annotated[int | None, Query(ge=1, lt=1 << 31)] = None,
    ) -> Response:
        """The statement of a month or a contract year, up to now if it is not over."""
        return _answer(
            await _made(store.statements.get, who, period, revision=revision)
        )

    @router.post("/statements/{period}/corrections", response_class=Response)
    async def correct(who: Who, period: Period, body: Correction) -> Response:
        """State a closed period anew: a revision that says what changed."""
        found = await _made(
            store.statements.correct, who, period, by=body.by, reason=body.reason
        )
        return _answer(found)


async def _made(act: Callable[..., Stated], *args: Any, **named: Any) -> Stated:
    try:
        return await offload(act, *args, **named)
    except DroppedError as exc:
        raise Problem(410, str(exc)) from None
    except InputError as exc:
        raise Problem(404, str(exc)) from None
    except ConfigError as exc:
        raise Problem(422, str(exc)) from None


def _line(one: Stated) -> dict[str, Any]:
    return {
        "period": one.period,
        "revision": one.revision,
        "sha256": one.sha256,
        "made": format_instant(one.made),
        "by": one.actor,
        "why": one.why,
    }


def _answer(one: Stated) -> Response:
    headers = {
        "ETag": f'"{one.sha256}"',
        "X-Statement-Revision": str(one.revision),
    }
    return Response(one.body, media_type="application/json", headers=headers)
