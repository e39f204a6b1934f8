"""The agents' API of stream L: the ledger, in order and chained."""

import logging
from collections.abc import Callable, Coroutine
from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from scudo_agent.desk.offload import offload
from scudo_agent.desk.problems import Problem
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.inbox import (
    BadEventError,
    OutOfOrderError,
    UnknownEpochError,
)
from scudo_agent.desk.store.scope import AgentIdentity
from scudo_agent.wire import BatchReply, LedgerBatch, LedgerGap, canonical

Agent = Callable[..., Coroutine[Any, Any, AgentIdentity]]
_log = logging.getLogger(__name__)


def add_ledger_routes(router: APIRouter, store: DeskStore, agent: Agent) -> None:
    """Add the routes to the agents' router; `agent` knows whose key it is."""
    Who = Annotated[AgentIdentity, Depends(agent)]

    @router.post("/streams/L/events")
    async def ledger(who: Who, body: LedgerBatch, request: Request) -> BatchReply:
        """Take states of services in order; each once, however often it is sent."""
        raw = (await request.json())["events"]
        hashes = [sha256(canonical(event)).hexdigest() for event in raw]
        for index, event in enumerate(body.events):
            if event.seq != (wanted := body.first_seq + index):
                reason = f"event {index} must have seq {wanted}"
                raise Problem(422, reason, index=index, seq=event.seq)
        try:
            return await offload(store.ledger.apply, who, body, hashes=hashes)
        except BadEventError as exc:
            _log.warning("%s: event %d refused: %s", who.actor, exc.seq, exc.reason)
            raise Problem(422, exc.reason, index=exc.index, seq=exc.seq) from None
        except (OutOfOrderError, UnknownEpochError) as exc:
            raise conflict(exc) from None

    @router.post("/streams/L/gaps")
    async def ledger_gap(who: Who, body: LedgerGap) -> BatchReply:
        """Learn that an event of the ledger will never come."""
        try:
            reply = await offload(store.ledger.gap, who, body)
        except (OutOfOrderError, UnknownEpochError) as exc:
            raise conflict(exc) from None
        _log.error("%s: ledger event %d will never come", who.actor, body.seq)
        return reply


def conflict(exc: OutOfOrderError | UnknownEpochError) -> Problem:
    """Another number is next, or the epoch is not known: the agent greets."""
    if isinstance(exc, OutOfOrderError):
        return Problem(409, str(exc), expected_seq=exc.expected_seq)
    return Problem(409, str(exc), hello=True)
