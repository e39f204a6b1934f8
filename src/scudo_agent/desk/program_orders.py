"""What the provider's administrator tells the desk of programs: tokens, webhooks."""

import dataclasses
import logging
from typing import Any

from scudo_agent.desk.api_v1.scopes import TokenScope
from scudo_agent.desk.app import Desk
from scudo_agent.desk.offload import offload
from scudo_agent.desk.store.tokens import NAME_LIMIT, TokenLine
from scudo_agent.desk.store.webhooks import Delivery, Webhook
from scudo_agent.desk.webhook_body import PING, HookEvent
from scudo_agent.desk.webhook_sending import Message, Sender
from scudo_agent.desk.webhook_target import checked_url
from scudo_agent.errors import InputError
from scudo_agent.instant import Instant, format_instant
from scudo_agent.wire import canonical

_log = logging.getLogger(__name__)
_INSTANTS = frozenset(
    {"created", "expires", "revoked", "used", "disabled", "next", "sent"}
)


class ProgramOrders:
    """The orders of one desk about programs."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def orders(self) -> dict[str, Any]:
        """By the words of requests."""
        return {
            "desk-token-add": self._add_token,
            "desk-token-list": self._tokens,
            "desk-token-revoke": self._revoke,
            "desk-webhook-add": self._add_webhook,
            "desk-webhook-list": self._webhooks,
            "desk-webhook-remove": self._remove,
            "desk-webhook-retry": self._retry,
            "desk-webhook-show": self._show,
            "desk-webhook-test": self._test,
        }

    async def _add_token(self, asked: dict[str, Any], actor: str) -> dict[str, Any]:
        tokens, name = self._desk.store.tokens, _text(asked, "name")
        if len(name) > NAME_LIMIT:
            raise InputError(f"a token's name has at most {NAME_LIMIT} signs")
        life = asked.get("life_us")
        person = await offload(tokens.person_id, _text(asked, "mail"))
        line = await offload(
            tokens.add,
            person,
            name,
            token_sha256=_text(asked, "token_sha256"),
            scopes=_among(asked, "scopes", TokenScope),
            life_us=life if isinstance(life, int) and life > 0 else None,
        )
        _log.warning("%s made token %d of %s", actor, line.token_id, line.mail)
        return {"token": token_json(line)}

    async def _tokens(self, asked: dict[str, Any], _actor: str) -> dict[str, Any]:
        tokens, mail = self._desk.store.tokens, asked.get("mail")
        whose = None if mail is None else await offload(tokens.person_id, str(mail))
        lines = await offload(tokens.lines, whose)
        return {"tokens": [token_json(line) for line in lines]}

    async def _revoke(self, asked: dict[str, Any], actor: str) -> dict[str, Any]:
        number = _number(asked, "token")
        if not await offload(self._desk.store.tokens.revoke, number):
            raise InputError(f"no token {number} is valid; 'list' says which are")
        _log.warning("%s revoked token %d", actor, number)
        return {"token": number}

    async def _add_webhook(self, asked: dict[str, Any], actor: str) -> dict[str, Any]:
        url, customer = _text(asked, "url"), asked.get("customer")
        checked_url(url)
        hook = await offload(
            self._desk.store.webhooks.add,
            None if customer is None else str(customer),
            url,
            events=_among(asked, "events", HookEvent) if asked.get("events") else (),
            secret=_text(asked, "secret"),
            actor=actor,
        )
        return {"webhook": webhook_json(hook)}

    async def _webhooks(self, _asked: dict[str, Any], _actor: str) -> dict[str, Any]:
        hooks = await offload(self._desk.store.webhooks.lines)
        return {"webhooks": [webhook_json(one) for one in hooks]}

    async def _show(self, asked: dict[str, Any], _actor: str) -> dict[str, Any]:
        hook, _ = await self._found(asked)
        found = await offload(self._desk.store.webhooks.deliveries, hook.webhook_id)
        deliveries = [delivery_json(one) for one in found]
        return {"webhook": webhook_json(hook), "deliveries": deliveries}

    async def _remove(self, asked: dict[str, Any], _actor: str) -> dict[str, Any]:
        hook, _ = await self._found(asked)
        await offload(self._desk.store.webhooks.remove, hook.webhook_id)
        return {"webhook": hook.webhook_id}

    async def _retry(self, asked: dict[str, Any], _actor: str) -> dict[str, Any]:
        hook, _ = await self._found(asked)
        again = await offload(self._desk.store.webhooks.retry, hook.webhook_id)
        self._desk.wake_mails()
        return {
            "webhook": hook.webhook_id,
            "again": 0 if again is None else again.messages,
            "missed": None if again is None else again.missed,
        }

    async def _test(self, asked: dict[str, Any], _actor: str) -> dict[str, Any]:
        hook, secret = await self._found(asked)
        now = self._desk.store.now()
        error = await ping(self._desk.sender, hook, secret, now)
        return {"webhook": hook.webhook_id, "url": hook.url, "error": error}

    async def _found(self, asked: dict[str, Any]) -> tuple[Webhook, str]:
        number = _number(asked, "webhook")
        found = await offload(self._desk.store.webhooks.one, number)
        if found is None:
            raise InputError(f"there is no webhook {number}; 'list' says which are")
        return found


async def ping(sender: Sender, hook: Webhook, secret: str, now: Instant) -> str:
    """Send a message that tells nothing; why it was not taken, empty if it was."""
    body = {"type": PING, "timestamp": format_instant(now), "data": {}}
    message = Message(
        url=hook.url,
        secret=secret,
        message_id=f"msg_ping_{now}",
        body=canonical(body),
    )
    return (await sender.send(message, now)).error


def token_json(line: TokenLine) -> dict[str, Any]:
    """A token as commands and the API show it; it does not have the token itself."""
    return _json(line)


def webhook_json(hook: Webhook) -> dict[str, Any]:
    """A webhook likewise, without its secret."""
    return {"customer": hook.customer} | _json(hook)


def delivery_json(one: Delivery) -> dict[str, Any]:
    """What became of one message."""
    return _json(one)


def _json(line: Any) -> dict[str, Any]:
    fields = dataclasses.asdict(line)
    return {
        name: format_instant(Instant(value))
        if name in _INSTANTS and value is not None
        else value
        for name, value in fields.items()
        if name != "tenant_id"
    }


def _among(
    asked: dict[str, Any], key: str, known: type[TokenScope] | type[HookEvent]
) -> tuple[str, ...]:
    given, names = asked.get(key), [one.value for one in known]
    if not isinstance(given, list) or not given:
        raise InputError(f"name at least one of the {key}: {', '.join(names)}")
    for one in given:
        if one not in names:
            raise InputError(f"'{one}' is none of the {key}: {', '.join(names)}")
    return tuple(given)


def _text(asked: dict[str, Any], key: str) -> str:
    value = asked.get(key)
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"'{key}' needs a text")
    return value.strip()


def _number(asked: dict[str, Any], key: str) -> int:
    word = str(asked.get(key))
    if not word.isascii() or not word.isdigit() or len(word) > 18:
        raise InputError(f"'{word}' is no {key}'s number; 'list' says which are")
    return int(word)
