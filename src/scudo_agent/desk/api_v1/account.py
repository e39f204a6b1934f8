"""Maintenance windows and statements of account for programs; both only read."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from scudo_agent.desk.api_statements import Period
from scudo_agent.desk.api_v1.answers import StatementLine, WindowOut
from scudo_agent.desk.api_v1.directory import Id
from scudo_agent.desk.api_v1.door import needs
from scudo_agent.desk.api_v1.refusals import refusals
from scudo_agent.desk.api_v1.scopes import TokenScope
from scudo_agent.desk.offload import offload
from scudo_agent.desk.problems import Problem
from scudo_agent.desk.rights import Right
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.scope import AgentIdentity
from scudo_agent.desk.store.statements import DroppedError
from scudo_agent.desk.store.tokens import TokenUse
from scudo_agent.errors import ConfigError, InputError
from scudo_agent.instant import format_instant

Reader = Annotated[TokenUse, Depends(needs(TokenScope.SITES_READ, Right.COMPANY))]
_BASE = "/customers/{customer}/sites/{site}/statements"


def add_account_routes(router: APIRouter, store: DeskStore) -> None:
    """Add the routes."""

    @router.get("/windows")
    async def windows(use: Reader) -> list[WindowOut]:
        """Windows that are planned, open, or were over not more than 100 days ago."""
        lines = await offload(store.windows.lines, use.person.scope)
        return [
            WindowOut(
                customer=line.customer,
                site=line.site_id,
                zone=line.zone,
                window=line.state.model_dump(mode="json"),
            )
            for line in lines
        ]

    @router.get(_BASE)
    async def statements(use: Reader, customer: Id, site: Id) -> list[StatementLine]:
        """What was stated of a site, the newest period first."""
        who = await _site(store, use, customer, site)
        return [
            StatementLine(
                period=one.period,
                revision=one.revision,
                sha256=one.sha256,
                made=format_instant(one.made),
                by=one.actor,
                why=one.why,
            )
            for one in await offload(store.statements.of_site, who)
        ]

    @router.get(
        f"{_BASE}/{{period}}",
        response_class=Response,
        responses={200: {"content": {"application/json": {}}}, **refusals(410)},
    )
    async def statement(
        use: Reader,
        customer: Id,
        site: Id,
        period: Period,
        revision: Annotated[int | None, Query(ge=1, lt=1 << 31)] = None,
    ) -> Response:
        """The very bytes that are kept: decimals are exact, the digest is of them."""
        who = await _site(store, use, customer, site)
        try:
            one = await offload(store.statements.get, who, period, revision=revision)
        except DroppedError as exc:
            raise Problem(410, str(exc)) from None
        except InputError as exc:
            status = 422 if isinstance(exc, ConfigError) else 404
            raise Problem(status, str(exc)) from None
        headers = {
            "ETag": f'"{one.sha256}"',
            "X-Statement-Revision": str(one.revision),
        }
        return Response(one.body, media_type="application/json", headers=headers)


async def _site(
    store: DeskStore, use: TokenUse, customer: str, site: str
) -> AgentIdentity:
    """A site of the reader's, with a contract; 404 where there is none."""
    found = await offload(store.stated.site, use.person.scope, customer, site)
    if found is None:
        raise Problem(404, "there is no such site with a contract")
    return found.who
