"""What programs ask the desk to do: every key is named here, and no other is taken."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from scudo_agent.desk.webhook_body import HookEvent
from scudo_agent.desk.webhook_target import URL_LIMIT


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NewWebhook(_Asked):
    """Tell this URL what happens to tickets.

    Without `events`: everything. With `customer` it hears what that customer may
    read of its own tickets, without it everything of all.
    """

    url: Annotated[
        str,
        Field(min_length=1, max_length=URL_LIMIT, examples=["https://hook.example/"]),
    ]
    events: Annotated[list[HookEvent], Field(max_length=20)] = []
    customer: Annotated[str | None, Field(min_length=1, max_length=200)] = None
