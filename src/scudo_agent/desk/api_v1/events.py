"""What happened since an instant, for programs that could not be told."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from scudo_agent.desk.api_v1.answers import EventsPage
from scudo_agent.desk.api_v1.asked import At
from scudo_agent.desk.api_v1.tickets import Limit, Reader, paged
from scudo_agent.desk.offload import offload
from scudo_agent.desk.problems import Problem
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.events import UnknownEventError
from scudo_agent.instant import parse_instant


def add_event_route(router: APIRouter, store: DeskStore) -> None:
    """Add the route."""

    @router.get("/events", response_model=EventsPage)
    async def events(
        request: Request,
        use: Reader,
        since: Annotated[At, Query(description="From then on, as the desk had it.")],
        after: Annotated[
            str | None, Query(pattern=r"^[0-9]{1,18}\.[0-9a-f]{16}$")
        ] = None,
        limit: Limit = 50,
    ) -> Response:
        """What happened to tickets, as webhooks are told it, oldest first."""
        try:
            page = await offload(
                store.events.page,
                use.person.scope,
                since=parse_instant(since),
                after=after,
                limit=limit,
            )
        except UnknownEventError:
            raise Problem(
                422, "'after' is no page's end of yours", where="query.after"
            ) from None
        return paged(request, "events", list(page.messages), page.following)
