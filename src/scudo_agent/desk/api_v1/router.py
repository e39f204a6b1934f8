"""All routes of the API for people's programs, behind one door."""

from collections.abc import Callable

from fastapi import APIRouter

from scudo_agent.desk.api_v1.account import add_account_routes
from scudo_agent.desk.api_v1.acts import add_act_routes
from scudo_agent.desk.api_v1.attaching import add_attaching_route
from scudo_agent.desk.api_v1.customer_acts import add_customer_act_routes
from scudo_agent.desk.api_v1.directory import add_directory_routes, add_people_routes
from scudo_agent.desk.api_v1.door import Door
from scudo_agent.desk.api_v1.events import add_event_route
from scudo_agent.desk.api_v1.people_acts import add_people_act_routes
from scudo_agent.desk.api_v1.refusals import DESK
from scudo_agent.desk.api_v1.requests import add_request_routes
from scudo_agent.desk.api_v1.tickets import add_ticket_routes
from scudo_agent.desk.api_v1.webhooks import add_webhook_routes
from scudo_agent.desk.api_v1.window_acts import add_window_act_routes
from scudo_agent.desk.store.desk_store import DeskStore

PREFIX = "/v1/desk"


def desk_router(store: DeskStore, committed: Callable[[], None]) -> APIRouter:
    """All routes below `/v1/desk`; `committed` is called when mails may be due."""
    router = APIRouter(
        prefix=PREFIX,
        tags=["desk"],
        route_class=Door(store).route_class(),
        responses=DESK,
    )
    add_people_routes(router, store)
    add_directory_routes(router, store)
    add_ticket_routes(router, store)
    add_act_routes(router, store, committed)
    add_request_routes(router, store, committed)
    add_attaching_route(router, store, committed)
    add_window_act_routes(router, store, committed)
    add_people_act_routes(router, store, committed)
    add_customer_act_routes(router, store)
    add_account_routes(router, store)
    add_event_route(router, store)
    add_webhook_routes(router, store, committed)
    return router
