"""The agents' API of mutes and pauses: what is in force, told as a whole."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from scudo_agent.desk.offload import offload
from scudo_agent.desk.problems import Problem
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.scope import AgentIdentity
from scudo_agent.wire_site import Interventions

Agent = Callable[..., Coroutine[Any, Any, AgentIdentity]]


def add_intervention_routes(router: APIRouter, store: DeskStore, agent: Agent) -> None:
    """Add the route to the agents' router; `agent` knows whose key it is."""
    Who = Annotated[AgentIdentity, Depends(agent)]

    @router.put("/interventions")
    async def interventions(who: Who, body: Interventions) -> Interventions:
        """Tell the mutes and pauses that are in force; the others are over."""
        if len({one.id for one in body.interventions}) < len(body.interventions):
            raise Problem(422, "an id is there twice")
        if not await offload(store.interventions.put, who, body.interventions):
            raise Problem(409, "there are two agents with this key")
        return body
