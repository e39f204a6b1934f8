"""Requests by people's programs: tickets that no agent measures."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from scudo_agent.desk.api_v1.answers import RequestOut
from scudo_agent.desk.api_v1.asked import NewRequest
from scudo_agent.desk.api_v1.door import idempotent, needs
from scudo_agent.desk.api_v1.refusals import refusals
from scudo_agent.desk.api_v1.scopes import TokenScope
from scudo_agent.desk.offload import offload
from scudo_agent.desk.problems import Problem
from scudo_agent.desk.rights import Right
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.requests import Asked, RequestError
from scudo_agent.desk.store.tokens import TokenUse
from scudo_agent.instant import Instant, parse_instant
from scudo_agent.locale import translator

Asker = Annotated[TokenUse, Depends(needs(TokenScope.TICKETS_WRITE, Right.REQUEST))]
_STAFF_ONLY = ("channel", "received", "severity", "requester")


def add_request_routes(
    router: APIRouter, store: DeskStore, committed: Callable[[], None]
) -> None:
    """Add the route; `committed` is called when mails may be due."""

    @router.post(
        "/requests",
        status_code=201,
        dependencies=[Depends(idempotent)],
        responses=refusals(400, 409),
    )
    async def ask(use: Asker, body: NewRequest, response: Response) -> RequestOut:
        """Open a request; the receipt leaves at once, and asks for what is missing."""
        who, speaks = use.person, translator(use.person.language or "en")
        asked = _asked(use, body, store.now())
        try:
            ref = await offload(store.requests.open, who, asked)
        except RequestError as exc:
            faults = {name: speaks.render(text) for name, text in exc.faults.items()}
            said = " ".join(faults.values())
            raise Problem(422, said, where=next(iter(faults)), faults=faults) from None
        if ref is None:
            raise Problem(404, "there is no such site")
        committed()
        response.headers["Location"] = f"/v1/desk/tickets/{ref}"
        return RequestOut(ref=ref)


def _asked(use: TokenUse, body: NewRequest, now: Instant) -> Asked:
    """The request; a customer's program says nothing of who asks, when and how bad."""
    who = use.person
    if not who.staff:
        for name in _STAFF_ONLY:
            if getattr(body, name) is not None:
                raise Problem(422, f"'{name}' is for the provider's people", where=name)
    return Asked(
        tenant_id=body.customer,
        site_id=body.site,
        channel=body.channel or "software",
        received=now if body.received is None else parse_instant(body.received),
        description=body.description,
        category=body.category,
        severity=body.severity,
        url=body.url,
        software_version=body.software_version,
        conformity=body.conformity,
        backup=body.backup,
        detected=None if body.detected is None else parse_instant(body.detected),
        requester_id=None if who.staff else who.person_id,
        requester=None if body.requester is None else body.requester.model_dump(),
    )
