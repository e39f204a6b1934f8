"""What people's programs do with tickets: each act names the version that it saw.

A ticket that changed since is left as it is (412), and the answer has it as it is
now. A right that is missing is 403, what cannot be done as things are is 409.
"""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header
from starlette.responses import Response

from scudo_agent.desk.api_v1.answers import TicketOut
from scudo_agent.desk.api_v1.asked import (
    NewAssignment,
    NewEstimate,
    NewNote,
    NewRedundant,
    NewState,
    NewTriage,
)
from scudo_agent.desk.api_v1.door import idempotent, needs
from scudo_agent.desk.api_v1.refusals import refusals
from scudo_agent.desk.api_v1.scopes import TokenScope
from scudo_agent.desk.api_v1.tickets import Ref, one_ticket, ticket_line
from scudo_agent.desk.life import (
    Act,
    ActError,
    Assign,
    Estimate,
    Move,
    Note,
    Redundant,
    RightError,
    StaleError,
    Triage,
)
from scudo_agent.desk.offload import offload
from scudo_agent.desk.problems import Problem
from scudo_agent.desk.rights import Right
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.tokens import TokenUse
from scudo_agent.instant import parse_instant
from scudo_agent.locale import translator

Writer = Annotated[TokenUse, Depends(needs(TokenScope.TICKETS_WRITE, Right.REQUEST))]
Seen = Annotated[
    str | None,
    Header(
        alias="If-Match",
        pattern=r'^"[0-9]{1,9}"$',
        description='The version that was seen, as `ETag` gave it: `"7"`.',
    ),
]
_ONE = "/tickets/{ref}"


def add_act_routes(
    router: APIRouter, store: DeskStore, committed: Callable[[], None]
) -> None:
    """Add the routes; `committed` is called when mails may be due."""
    post: dict[str, Any] = {
        "response_model": TicketOut,
        "dependencies": [Depends(idempotent)],
        "responses": refusals(400, 409, 412, 428),
    }

    async def do(use: TokenUse, ref: str, act: Act, seen: str | None) -> Response:
        version = None if seen is None else int(seen.strip('"'))
        await _done(store, use, ref.upper(), act, version)
        committed()
        return await one_ticket(store, use, ref)

    @router.post(f"{_ONE}/notes", **post)
    async def note(use: Writer, ref: Ref, body: NewNote, seen: Seen = None) -> Response:
        """Write a note; it changes nothing that was there, and needs no `If-Match`."""
        return await do(use, ref, Note(words=body.words, public=body.public), seen)

    @router.post(f"{_ONE}/triage", **post)
    async def triage(
        use: Writer, ref: Ref, body: NewTriage, seen: Seen = None
    ) -> Response:
        """Set severity, urgency and category."""
        return await do(use, ref, Triage(**body.model_dump()), seen)

    @router.post(f"{_ONE}/assignment", **post)
    async def assignment(
        use: Writer, ref: Ref, body: NewAssignment, seen: Seen = None
    ) -> Response:
        """Give the ticket to somebody, or to nobody."""
        return await do(use, ref, Assign(person_id=body.person), seen)

    @router.post(f"{_ONE}/estimate", **post)
    async def estimate(
        use: Writer, ref: Ref, body: NewEstimate, seen: Seen = None
    ) -> Response:
        """Tell the customer when the service is thought to be back."""
        act = Estimate(at=parse_instant(body.at), words=body.words)
        return await do(use, ref, act, seen)

    @router.post(f"{_ONE}/redundant", **post)
    async def redundant(
        use: Writer, ref: Ref, body: NewRedundant, seen: Seen = None
    ) -> Response:
        """Note that a redundant system took over, or that the original is back."""
        return await do(use, ref, Redundant(on=body.on, words=body.words), seen)

    @router.post(f"{_ONE}/state", **post)
    async def state(
        use: Writer, ref: Ref, body: NewState, seen: Seen = None
    ) -> Response:
        """Go to another state."""
        given = body.model_dump(exclude={"estimate"})
        at = None if body.estimate is None else parse_instant(body.estimate)
        return await do(use, ref, Move(**given, estimate=at), seen)


async def _done(
    store: DeskStore, use: TokenUse, ref: str, act: Act, version: int | None
) -> None:
    who, speaks = use.person, translator(use.person.language or "en")
    try:
        changed = await offload(store.acts.do, who, ref, act, version=version)
    except RightError as exc:
        raise Problem(403, speaks.render(exc.text)) from None
    except StaleError as exc:
        if version is None:
            raise Problem(428, f"If-Match: {speaks.render(exc.text)}") from None
        view = await offload(store.views.ticket, who.scope, ref)
        now = {} if view is None else ticket_line(view.line)
        raise Problem(
            412, speaks.render(exc.text), version=now.get("version"), ticket=now
        ) from None
    except ActError as exc:
        raise Problem(409, speaks.render(exc.text)) from None
    if changed is None:
        raise Problem(404, "there is no such ticket")
