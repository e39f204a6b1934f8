"""A file put to a ticket by a program: its bytes are the body."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from scudo_agent.desk.api_v1.acts import Writer
from scudo_agent.desk.api_v1.answers import AttachmentOut
from scudo_agent.desk.api_v1.door import idempotent
from scudo_agent.desk.api_v1.refusals import refusals
from scudo_agent.desk.api_v1.tickets import Ref
from scudo_agent.desk.offload import offload
from scudo_agent.desk.problems import Problem
from scudo_agent.desk.storable import brings
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.files import REFUSED, FileError
from scudo_agent.desk.store.kept_files import UNKNOWN
from scudo_agent.desk.ticket_json import attachment_json
from scudo_agent.desk.uploads import upload
from scudo_agent.locale import translator


def add_attaching_route(
    router: APIRouter, store: DeskStore, committed: Callable[[], None]
) -> None:
    """Add the route; `committed` is called when somebody may have to be told."""

    @router.post(
        "/tickets/{ref}/attachments",
        status_code=201,
        dependencies=[Depends(idempotent)],
        responses=refusals(400, 409),
        openapi_extra=brings(UNKNOWN),
    )
    async def attach(
        request: Request,
        response: Response,
        use: Writer,
        ref: Ref,
        name: Annotated[
            str, Query(min_length=1, max_length=1000, pattern=r"^[^\x00-\x1f]+$")
        ] = "file",
        public: Annotated[
            bool, Query(description="False: for the provider's people only")
        ] = True,
    ) -> AttachmentOut:
        """Put a file to a ticket; the same content again is the same file.

        What type it has its content says. A customer's program's is always public.
        """
        speaks = translator(use.person.language or "en")
        kept = await offload(upload, name, await request.body(), public=public)
        try:
            found = await offload(store.files.put, use.person, ref.upper(), kept)
        except FileError as exc:
            said = speaks.render(REFUSED[str(exc)])
            status = 409 if str(exc) in ("full", "many") else 422
            raise Problem(status, said) from None
        if found is None:
            raise Problem(404, "there is no such ticket")
        committed()
        here = f"/v1/desk/tickets/{ref.upper()}/attachments/{found.mark}"
        response.headers["Location"] = here
        return AttachmentOut.model_validate(attachment_json(found))
