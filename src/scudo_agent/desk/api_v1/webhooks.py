"""Webhooks by the API: the provider's administrator's alone."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from starlette.responses import Response

from scudo_agent.desk.api_v1.answers import (
    DeliveryOut,
    MissedOut,
    NewWebhookOut,
    RetriedOut,
    WebhookOut,
)
from scudo_agent.desk.api_v1.asked import NewWebhook
from scudo_agent.desk.api_v1.door import idempotent, needs
from scudo_agent.desk.api_v1.refusals import refusals
from scudo_agent.desk.api_v1.scopes import TokenScope
from scudo_agent.desk.offload import offload
from scudo_agent.desk.problems import Problem
from scudo_agent.desk.rights import Right
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.tokens import TokenUse
from scudo_agent.desk.store.webhooks import Delivery, Webhook
from scudo_agent.desk.webhook_sending import new_secret
from scudo_agent.desk.webhook_target import checked_url
from scudo_agent.errors import InputError
from scudo_agent.instant import Instant, format_instant

Keeper = Annotated[TokenUse, Depends(needs(TokenScope.WEBHOOKS, Right.PEOPLE))]
Number = Annotated[int, Path(ge=1, lt=1 << 63)]


def add_webhook_routes(
    router: APIRouter, store: DeskStore, committed: Callable[[], None]
) -> None:
    """Add the routes; `committed` is called when something may be due."""
    post: dict[str, Any] = {
        "dependencies": [Depends(idempotent)],
        "responses": refusals(400, 409),
    }

    @router.get("/webhooks")
    async def webhooks(use: Keeper) -> list[WebhookOut]:
        """All webhooks, the oldest first; their secrets are shown to nobody."""
        return [_webhook(one) for one in await offload(store.webhooks.lines)]

    @router.post("/webhooks", status_code=201, **post)
    async def add(use: Keeper, body: NewWebhook) -> NewWebhookOut:
        """Add a webhook; its secret is in this answer, and nowhere else again."""
        secret = new_secret()
        try:
            checked_url(body.url)
            hook = await offload(
                store.webhooks.add,
                body.customer,
                body.url,
                events=[one.value for one in body.events],
                secret=secret,
                actor=use.person.actor,
            )
        except InputError as exc:
            raise Problem(422, str(exc)) from None
        return NewWebhookOut(secret=secret, **_webhook(hook).model_dump())

    @router.delete("/webhooks/{webhook}", status_code=204)
    async def remove(use: Keeper, webhook: Number) -> Response:
        """Tell it nothing more, and forget it."""
        if not await offload(store.webhooks.remove, webhook):
            raise _none()
        return Response(status_code=204)

    @router.get("/webhooks/{webhook}/deliveries")
    async def deliveries(use: Keeper, webhook: Number) -> list[DeliveryOut]:
        """Its latest 100 deliveries, the newest first."""
        if await offload(store.webhooks.one, webhook) is None:
            raise _none()
        found = await offload(store.webhooks.deliveries, webhook)
        return [_delivery(one) for one in found]

    @router.post("/webhooks/{webhook}/retry", **post)
    async def retry(use: Keeper, webhook: Number) -> RetriedOut:
        """Have it at work again, and send what failed once more."""
        again = await offload(store.webhooks.retry, webhook)
        if again is None:
            raise _none()
        committed()
        return RetriedOut(again=again.messages, missed=_missed(again.missed))


def _missed(data: dict[str, str] | None) -> MissedOut | None:
    return None if data is None else MissedOut.model_validate(data)


def _none() -> Problem:
    return Problem(404, "there is no such webhook")


def _webhook(hook: Webhook) -> WebhookOut:
    return WebhookOut(
        id=hook.webhook_id,
        customer_id=hook.customer,
        url=hook.url,
        events=list(hook.events),
        created=format_instant(hook.created),
        stopped=_moment(hook.disabled),
        why=hook.why,
        waiting=hook.waiting,
        failed=hook.failed,
    )


def _delivery(one: Delivery) -> DeliveryOut:
    return DeliveryOut(
        id=one.delivery_id,
        event=one.event,
        state=one.state,
        created=format_instant(one.created),
        next=format_instant(one.next),
        attempts=one.attempts,
        sent=_moment(one.sent),
        error=one.error,
    )


def _moment(at: Instant | None) -> str | None:
    return None if at is None else format_instant(at)
