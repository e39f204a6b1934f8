"""What the desk serves over HTTP: APIs, pages, metrics and health, behind a guard."""

from collections.abc import Callable
from typing import Any, cast

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp

from scudo_agent.desk import problems
from scudo_agent.desk.api import agent_router
from scudo_agent.desk.api_join import join_router
from scudo_agent.desk.api_v1.description import add_description, description
from scudo_agent.desk.api_v1.refusals import AGENTS, JOIN
from scudo_agent.desk.api_v1.router import desk_router
from scudo_agent.desk.front import Front
from scudo_agent.desk.guard import Guard
from scudo_agent.desk.metrics import add_metrics
from scudo_agent.desk.offload import offload
from scudo_agent.desk.passwords import Passwords
from scudo_agent.desk.portal import add_pages
from scudo_agent.desk.settings import DeskSettings
from scudo_agent.desk.store.desk_store import DeskStore

_FOR_PROGRAMS = ("/v1/", "/-/", "/static/", "/metrics")


def apis(store: DeskStore, settings: DeskSettings, wake: Callable[[], None]) -> FastAPI:
    """What programs speak with, and its description; `wake`: mails may be due."""
    app = FastAPI(
        title="scudo desk",
        version="1",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.include_router(agent_router(store, wake), responses=AGENTS)
    app.include_router(join_router(store, settings), responses=JOIN)
    app.include_router(desk_router(store, wake))
    add_description(app)
    return app


def described() -> dict[str, Any]:
    """The description of the APIs, without a desk."""
    # The routes are made, and nobody asks them for anything.
    return description(apis(cast(DeskStore, None), DeskSettings(), lambda: None))


def application(
    store: DeskStore,
    settings: DeskSettings,
    url: Callable[[], str],
    *,
    wake: Callable[[], None],
    passwords: Passwords,
) -> ASGIApp:
    """The whole application; `url` is how the desk is reached."""
    app = apis(store, settings, wake)
    app.add_exception_handler(problems.Problem, problems.on_problem)
    app.add_exception_handler(RequestValidationError, problems.on_invalid)
    app.add_exception_handler(OperationalError, problems.on_store)
    front = Front(store, settings, url=url, passwords=passwords, wake=wake)
    portal = add_pages(app, front)

    async def on_http(request: Request, exc: Exception) -> Response:
        """A page for people, a problem for programs."""
        assert isinstance(exc, HTTPException)
        if exc.status_code == 404 and not request.url.path.startswith(_FOR_PROGRAMS):
            return await portal.missing(request)
        return await problems.on_http(request, exc)

    app.add_exception_handler(HTTPException, on_http)

    async def healthy(_: Request) -> Response:
        return PlainTextResponse("healthy\n")

    async def ready(_: Request) -> Response:
        await offload(store.writable)
        return PlainTextResponse("ready\n")

    add_metrics(app, store)
    app.add_route("/-/healthy", healthy, methods=["GET"])
    app.add_route("/-/ready", ready, methods=["GET"])
    return Guard(app)
