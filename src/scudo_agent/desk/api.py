"""The agents' API (`reliability.md` 1.3): hello, events, gaps, tickets.

Tenant and site come from the credential and from nowhere else. Errors are
`application/problem+json`; an answer is given after the commit, never before.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from scudo_agent.desk.api_interventions import add_intervention_routes
from scudo_agent.desk.api_keys import add_key_routes
from scudo_agent.desk.api_ledger import add_ledger_routes, conflict
from scudo_agent.desk.api_statements import add_statement_routes
from scudo_agent.desk.api_windows import add_window_routes
from scudo_agent.desk.auth import fingerprint
from scudo_agent.desk.clock_words import promised_json, promised_lines
from scudo_agent.desk.lifecycle import Condition
from scudo_agent.desk.limits import Buckets
from scudo_agent.desk.offload import offload
from scudo_agent.desk.problems import Problem
from scudo_agent.desk.storable import (
    INTEGER_LIMIT,
    brings,
    is_json,
    looked,
    unstorable,
)
from scudo_agent.desk.store.attachments import (
    BadAttachmentError,
    NoStageError,
    Picture,
)
from scudo_agent.desk.store.clocking import Promised
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.inbox import (
    BadEventError,
    OutOfOrderError,
    UnknownEpochError,
)
from scudo_agent.desk.store.scope import AgentIdentity, Scope
from scudo_agent.desk.ticket_json import view_json
from scudo_agent.errors import InputError
from scudo_agent.instant import Instant, format_instant, parse_instant
from scudo_agent.locale import translator
from scudo_agent.picture import MEDIA_TYPE, NoPictureError
from scudo_agent.wire import (
    Batch,
    BatchReply,
    EvidenceReply,
    Gap,
    Hello,
    HelloReply,
    OpenIncident,
    canonical,
)
from scudo_agent.wire_site import ContractState

_log = logging.getLogger(__name__)


def _seconds() -> float:
    return asyncio.get_running_loop().time()


Key = Annotated[
    HTTPAuthorizationCredentials | None,
    Depends(HTTPBearer(auto_error=False, description="The agent's own key.")),
]
StreamName = Literal["I"]


@dataclass(frozen=True, slots=True)
class _Api:
    """The endpoints' way to the store."""

    store: DeskStore
    committed: Callable[[], None]
    buckets: Buckets = field(default_factory=Buckets)

    async def agent(self, key: Key) -> AgentIdentity:
        """Whose key this is; 401 for none, a wrong or a revoked one."""
        if key is not None:
            who = await offload(self.store.keys.whose, fingerprint(key.credentials))
            if who is not None and not self.buckets.take(who.agent_id, _seconds()):
                raise Problem(429, "too many requests", headers={"Retry-After": "2"})
            if who is not None:
                return who
        raise Problem(401, "no valid agent key", headers={"WWW-Authenticate": "Bearer"})

    async def hello(self, who: AgentIdentity, hello: Hello) -> HelloReply:
        granted = await offload(self.store.agents.hello, who, hello)
        since = granted.key_since
        return HelloReply(
            epoch=granted.epoch,
            last_contiguous_seq=granted.last_seq,
            desk_wall=format_instant(self.store.now()),
            agent_id=who.agent_id,
            tenant_id=who.tenant_id,
            site_id=who.site_id,
            contract_id=granted.contract_id,
            contract_revision=granted.contract_revision,
            contract_sha256=granted.contract_sha256,
            windows_revision=granted.windows_revision,
            adoptable=granted.adoptable,
            mode="recovery" if granted.recovers else "normal",
            frozen=granted.frozen,
            renew_key=granted.renew_key,
            key_since=since and format_instant(since),
        )

    async def contract(self, who: AgentIdentity) -> ContractState:
        version = await offload(self.store.contracts.of, who)
        if version is None:
            raise Problem(404, "the desk has no contract for this site")
        return ContractState(
            contract_id=version.contract_id,
            revision=version.revision,
            sha256=version.sha256,
            body=dict(version.body),
        )

    async def events(
        self, who: AgentIdentity, stream: str, batch: Batch, raw: list[Any]
    ) -> BatchReply:
        hashes = [sha256(canonical(event)).hexdigest() for event in raw]
        _contiguous(batch)
        try:
            reply = await offload(
                self.store.inbox.apply, who, batch, stream=stream, hashes=hashes
            )
        except BadEventError as exc:
            _log.warning("%s: event %d refused: %s", who.actor, exc.seq, exc.reason)
            raise Problem(422, exc.reason, index=exc.index, seq=exc.seq) from None
        except (OutOfOrderError, UnknownEpochError) as exc:
            raise conflict(exc) from None
        self.committed()
        return reply

    async def gap(self, who: AgentIdentity, stream: str, gap: Gap) -> BatchReply:
        try:
            reply = await offload(self.store.inbox.gap, who, gap, stream=stream)
        except (OutOfOrderError, UnknownEpochError) as exc:
            raise conflict(exc) from None
        _log.error("%s: event %d will never come: %s", who.actor, gap.seq, gap.reason)
        return reply

    async def evidence(
        self, who: AgentIdentity, picture: Picture, *, digest: str
    ) -> EvidenceReply:
        if sha256(picture.content).hexdigest() != digest:
            raise Problem(422, "the picture is not the one that was sent")
        try:
            ref = await offload(self.store.attachments.put, who, picture)
        except NoStageError:
            raise Problem(404, "there is no such stage, or not yet") from None
        except (NoPictureError, BadAttachmentError) as exc:
            _log.warning("%s: a picture refused: %s", who.actor, exc)
            raise Problem(422, str(exc)) from None
        return EvidenceReply(ticket=ref)


def agent_router(store: DeskStore, committed: Callable[[], None]) -> APIRouter:
    """All routes below `/v1/agents/self`; `committed` is called after a commit."""
    api = _Api(store, committed)
    router = APIRouter(
        prefix="/v1/agents/self", tags=["agent"], route_class=_StorableRoute
    )
    # FastAPI finds a dependency by its object: one for all routes.
    Who = Annotated[AgentIdentity, Depends(api.agent)]

    @router.post("/hello")
    async def hello(who: Who, body: Hello) -> HelloReply:
        """Say that the agent lives; learn its epoch and what the desk has of it."""
        return await api.hello(who, body)

    add_ledger_routes(router, store, api.agent)
    add_key_routes(router, store, api.agent)

    @router.post("/streams/{stream}/events")
    async def events(
        who: Who,
        stream: StreamName,
        body: Batch,
        request: Request,
        idempotency_key: Annotated[str | None, Header(max_length=300)] = None,
    ) -> BatchReply:
        """Take events in order; each once, however often it is sent."""
        raw = (await request.json())["events"]
        return await api.events(who, stream, body, raw)

    @router.post("/streams/{stream}/gaps")
    async def gaps(who: Who, stream: StreamName, body: Gap) -> BatchReply:
        """Learn that an event will never come."""
        return await api.gap(who, stream, body)

    @router.get("/contract")
    async def contract(who: Who) -> ContractState:
        """The version of the contract that holds at the agent's site."""
        return await api.contract(who)

    @router.get("/incidents")
    async def incidents(
        who: Who,
        after: Annotated[str, Query(max_length=36)] = "",
        limit: Annotated[int, Query(ge=1, le=200)] = 200,
    ) -> list[OpenIncident]:
        """This agent's open incidents, for a store that has lost them."""
        return await offload(store.open_incidents.page, who, after, limit)

    _add_tickets(router, api)
    _add_evidence(router, api)
    add_intervention_routes(router, store, api.agent)
    add_window_routes(router, store, committed, api.agent)
    add_statement_routes(router, store, api.agent)
    return router


def _add_tickets(router: APIRouter, api: _Api) -> None:
    """The routes by which an agent reads its site's tickets, with their clocks."""
    store = api.store
    Who = Annotated[AgentIdentity, Depends(api.agent)]

    @router.get("/tickets")
    async def tickets(
        who: Who,
        condition: Annotated[Condition | None, Query()] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> list[dict[str, Any]]:
        """The site's tickets in the order of the queue."""
        scope = Scope.of_agent(who)
        lines = await offload(store.views.tickets, scope)
        wanted = [x for x in lines if condition is None or x.condition is condition]
        return await offload(promised_lines, store.clocks, scope, wanted[:limit])

    @router.get("/tickets/{ref}")
    async def ticket(
        who: Who,
        ref: str,
        history: Annotated[Literal["all", "mails"], Query()] = "all",
    ) -> dict[str, Any]:
        """One ticket with its history, or with what became of its mails alone."""
        view = None
        if unstorable(ref) is None:
            view = await offload(
                store.views.ticket,
                Scope.of_agent(who),
                ref,
                mails_only=history == "mails",
            )
        if view is None:
            raise Problem(404, "there is no such ticket")
        told = view_json(view, translator("en"))
        if history == "all":
            scope = Scope.of_agent(who)
            promised = await offload(store.clocks.of, scope, view.line.ref)
            told["promised"] = promised_json(promised or Promised())
        return told


def _add_evidence(router: APIRouter, api: _Api) -> None:
    """The route for the pictures that belong to stages."""

    @router.put(
        "/incidents/{incident_id}/evidence/{rev}", openapi_extra=brings(MEDIA_TYPE)
    )
    async def evidence(
        who: Annotated[AgentIdentity, Depends(api.agent)],
        incident_id: Annotated[str, Path(max_length=36)],
        rev: Annotated[int, Path(ge=1, lt=INTEGER_LIMIT)],
        request: Request,
        check: Annotated[str, Query(max_length=300)],
        taken: Annotated[str, Query(max_length=40)],
        x_content_sha256: Annotated[str, Header(max_length=64)],
    ) -> EvidenceReply:
        """Take the screenshot that belongs to a stage; once, however often sent."""
        if request.headers.get("content-type") != MEDIA_TYPE:
            raise Problem(422, f"evidence is {MEDIA_TYPE}")
        if unstorable([incident_id, check]) is not None:
            raise Problem(404, "there is no such stage, or not yet")
        picture = Picture(
            incident_id=incident_id,
            rev=rev,
            check=check,
            taken=_taken(taken),
            content=await request.body(),
        )
        return await api.evidence(who, picture, digest=x_content_sha256)


def _taken(text: str) -> Instant:
    try:
        return parse_instant(text)
    except InputError as exc:
        raise Problem(422, str(exc)) from None


def _contiguous(batch: Batch) -> None:
    """A batch is a run of its stream, beginning where it says."""
    for index, stage in enumerate(batch.events):
        if stage.seq != batch.first_seq + index:
            raise Problem(
                422,
                f"event {index} must have seq {batch.first_seq + index}",
                index=index,
                seq=stage.seq,
            )


class _StorableRoute(APIRoute):
    """Looks at a body before pydantic does, which fails on half a character."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The framework's handler behind our look."""
        handle, judged = super().get_route_handler(), is_json(self)

        async def behind(request: Request) -> Response:
            if judged and request.method in ("POST", "PUT"):
                await looked(await request.body())
            return await handle(request)

        return behind
