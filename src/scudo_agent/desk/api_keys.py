"""The agents' API for another key in the place of one that is old."""

import logging
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from scudo_agent.desk.auth import fingerprint
from scudo_agent.desk.offload import offload
from scudo_agent.desk.problems import Problem
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.keys import NotRenewedError
from scudo_agent.desk.store.scope import AgentIdentity
from scudo_agent.wire import KeyRenewal, KeyTaken

Agent = Callable[..., Coroutine[Any, Any, AgentIdentity]]
_log = logging.getLogger(__name__)


def add_key_routes(router: APIRouter, store: DeskStore, agent: Agent) -> None:
    """Add the route to the agents' router; `agent` knows whose key it is."""

    @router.post("/key")
    async def renew(
        who: Annotated[AgentIdentity, Depends(agent)],
        key: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())],
        body: KeyRenewal,
    ) -> KeyTaken:
        """Take another key from its first use on; the old one a day longer."""
        present = fingerprint(key.credentials)
        try:
            await offload(store.keys.renew, who, present=present, fresh=body.key_sha256)
        except NotRenewedError:
            _log.error("%s: asks for another key with one that is replaced", who.actor)
            raise Problem(
                409, "this key was replaced, or the new one is known"
            ) from None
        return KeyTaken(key_sha256=body.key_sha256)
