"""How an agent joins: it proves its invitation and shows the hash of its new key.

No credential is needed to ask; the invitation is one. Whoever joins has first
compared the desk's own certificate authority with the fingerprint in its token.
"""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from scudo_agent.desk.auth import Guesses, fingerprint
from scudo_agent.desk.offload import offload
from scudo_agent.desk.problems import Problem
from scudo_agent.desk.settings import DeskSettings
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.invitations import NotInvitedError


class JoinRequest(BaseModel):
    """The token's secret part, and the SHA-256 of the key that the agent made."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: Annotated[str, Field(min_length=20, max_length=100, pattern=r"^scj_[\w-]+$")]
    key_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class JoinReply(BaseModel):
    """Who the agent is now."""

    agent_id: str
    customer_id: str
    customer: str
    mail: str
    language: str
    site_id: str
    timezone: str
    contract_id: str | None


def join_router(store: DeskStore, settings: DeskSettings) -> APIRouter:
    """`POST /v1/join` and the certificate authority to compare."""
    router = APIRouter(prefix="/v1", tags=["join"])
    guesses = Guesses()

    @router.post("/join")
    async def join(request: Request, body: JoinRequest) -> JoinReply:
        """Take an invitation in, once."""
        client = request.client.host if request.client else ""
        now = store.now()
        if not guesses.take(client, now):
            raise Problem(429, "too many invitations were wrong", headers=_LATER)
        try:
            done = await offload(
                store.invitations.join, fingerprint(body.token), body.key_sha256
            )
        except NotInvitedError:
            raise Problem(403, "there is no such invitation, or no more") from None
        guesses.right(client, now)
        return JoinReply(
            agent_id=done.who.agent_id,
            customer_id=done.who.tenant_id,
            customer=done.customer,
            mail=done.mail,
            language=done.language,
            site_id=done.who.site_id,
            timezone=done.timezone,
            contract_id=done.contract_id,
        )

    @router.get("/ca")
    async def authority() -> Response:
        """The desk's own certificate authority, as PEM; it is no secret."""
        path = settings.authority
        if path is None:
            raise Problem(404, "this desk has no certificate authority of its own")
        content = await offload(path.read_bytes)
        return Response(content, media_type="application/x-pem-file")

    return router


_LATER = {"Retry-After": "60"}
