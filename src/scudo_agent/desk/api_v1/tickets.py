"""Tickets for programs: lists by page, one with its history, its files."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import JSONResponse, Response

from scudo_agent.desk.api_v1.answers import TicketOut, TicketPage
from scudo_agent.desk.api_v1.door import needs
from scudo_agent.desk.api_v1.scopes import TokenScope
from scudo_agent.desk.clock_words import promised_json
from scudo_agent.desk.lifecycle import Condition, Status
from scudo_agent.desk.marks import MARK
from scudo_agent.desk.offload import offload
from scudo_agent.desk.problems import Problem
from scudo_agent.desk.rights import Right
from scudo_agent.desk.store.clocking import Promised
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.queue import Wish
from scudo_agent.desk.store.ticket_pages import UnknownCursorError
from scudo_agent.desk.store.tokens import TokenUse
from scudo_agent.desk.store.views import TicketLine
from scudo_agent.desk.ticket_json import line_json, view_json
from scudo_agent.locale import translator

Reader = Annotated[TokenUse, Depends(needs(TokenScope.TICKETS_READ, Right.READ))]
Ref = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,40}$", examples=["SC-7F3K-9QZ2"])]
Name = Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00-\x1f]+$")]
Limit = Annotated[int, Query(ge=1, le=200)]


def add_ticket_routes(router: APIRouter, store: DeskStore) -> None:
    """Add the routes that read tickets."""

    @router.get("/tickets", response_model=TicketPage)
    async def tickets(
        request: Request,
        use: Reader,
        status: Annotated[list[Status], Query(max_length=20)] = [],  # noqa: B006
        condition: Annotated[list[Condition], Query(max_length=20)] = [],  # noqa: B006
        severity: Annotated[list[int], Query(max_length=3)] = [],  # noqa: B006
        customer: Name = None,
        site: Name = None,
        origin: Name = None,
        category: Name = None,
        assignee: Annotated[
            int | None, Query(ge=0, lt=1 << 63, description="0: nobody")
        ] = None,
        q: Annotated[
            str | None,
            Query(
                max_length=200,
                pattern=r"^[^\x00-\x1f]+$",
                description="Words that all have to be found; a phrase in quotes.",
            ),
        ] = None,
        after: Annotated[str | None, Query(pattern=r"^[A-Z0-9-]{1,40}$")] = None,
        limit: Limit = 50,
    ) -> Response:
        """Tickets, the newest first; `Link` and `next` say where the rest is."""
        if any(code not in (1, 2, 3) for code in severity):
            raise Problem(422, "the severity is 1, 2 or 3", where="query.severity")
        wish = Wish(
            text=q or "",
            customer=customer,
            site=site,
            statuses=[one.value for one in status],
            severities=severity,
            origin=origin,
            category=category,
            assignee=assignee,
        )
        scope = use.person.scope
        try:
            lines, more = await offload(
                store.ticket_pages.page,
                scope,
                wish,
                conditions=condition,
                after=after,
                limit=limit,
            )
        except UnknownCursorError:
            raise Problem(
                422, "'after' is no ticket of yours to go on after", where="query.after"
            ) from None
        last = lines[-1].ref if more else None
        return paged(request, "tickets", [ticket_line(line) for line in lines], last)

    @router.get("/tickets/{ref}", response_model=TicketOut)
    async def ticket(use: Reader, ref: Ref) -> Response:
        """One ticket with what its reader may see of its history."""
        return await one_ticket(store, use, ref)

    @router.get(
        "/tickets/{ref}/attachments/{attachment}",
        response_class=Response,
        responses={200: {"content": {"application/octet-stream": {}}}},
    )
    async def attachment(
        use: Reader, ref: Ref, attachment: Annotated[str, Path(pattern=f"^{MARK}$")]
    ) -> Response:
        """The bytes of a file, with the ticket's own right."""
        found = await offload(
            store.attachments.content, use.person.scope, ref.upper(), attachment
        )
        if found is None:
            raise Problem(404, "there is no such file")
        one, content = found
        headers = {
            "Content-Disposition": "attachment",
            "X-Content-Sha256": one.sha256,
        }
        return Response(content, media_type="application/octet-stream", headers=headers)


async def one_ticket(store: DeskStore, use: TokenUse, ref: str) -> Response:
    """A ticket as it is now; 404 where the reader has none of that number."""
    who = use.person
    view = await offload(store.views.ticket, who.scope, ref.upper())
    if view is None:
        raise Problem(404, "there is no such ticket")
    found = view_json(view, translator(who.language or "en"))
    if not who.may(Right.INTERNAL):
        found["mails_waiting"] = []
    promised = await offload(store.clocks.of, who.scope, ref.upper())
    found |= {
        "customer_id": view.line.tenant_id,
        "promised": promised_json(promised or Promised()),
    }
    out = TicketOut.model_validate(found)
    return JSONResponse(
        out.model_dump(mode="json"), headers={"ETag": f'"{view.line.version}"'}
    )


def ticket_line(line: TicketLine) -> dict[str, Any]:
    """A ticket of a list, with its customer's id."""
    return line_json(line) | {"customer_id": line.tenant_id}


def paged(
    request: Request, name: str, found: list[dict[str, Any]], last: str | None
) -> Response:
    """Part of a list; after `last` comes the rest (None: nothing does)."""
    following, headers = None, {}
    if last is not None:
        kept = [(k, v) for k, v in request.query_params.multi_items() if k != "after"]
        following = f"{request.url.path}?{urlencode([*kept, ('after', last)])}"
        headers["Link"] = f'<{following}>; rel="next"'
    return JSONResponse({name: found, "next": following}, headers=headers)
