"""What the provider's administrator tells a running desk, or one that stands still.

The same words reach it over its control socket and, when no desk runs, in the
process of the command itself: `scudo-agent desk …` need not know.
"""

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import TypeAdapter, ValidationError

from scudo_agent.desk.app import Desk
from scudo_agent.desk.offload import offload
from scudo_agent.desk.store.agents import AgentLine, Enrolment
from scudo_agent.errors import InputError
from scudo_agent.instant import Instant, format_instant

Order = Callable[[dict[str, Any], str], Awaitable[dict[str, Any]]]
"""Takes a request and who asks; what it returns is the answer."""

_ENROLMENT = TypeAdapter(Enrolment)


def enrolment_json(enrolment: Enrolment) -> Any:
    """An enrolment as a request carries it."""
    return _ENROLMENT.dump_python(enrolment, mode="json")


class Orders:
    """The orders of one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def orders(self) -> dict[str, Order]:
        """By the words of requests."""
        return {
            "desk-login": self._login,
            "desk-enrol": self._enrol,
            "desk-invite": self._invite,
            "desk-agents": self._agents,
            "desk-revoke": self._revoke,
            "desk-unfreeze": self._unfreeze,
        }

    async def _login(self, _asked: dict[str, Any], _actor: str) -> dict[str, Any]:
        return {"link": await offload(self._desk.login_link)}

    async def _enrol(self, asked: dict[str, Any], _actor: str) -> dict[str, Any]:
        enrolment, key = _enrolment(asked), _text(asked, "key_sha256")
        store = self._desk.store
        who = await offload(store.agents.enrol, enrolment, key_sha256=key)
        return {"agent": who.agent_id}

    async def _invite(self, asked: dict[str, Any], actor: str) -> dict[str, Any]:
        enrolment, token = _enrolment(asked), _text(asked, "token_sha256")
        who = await offload(
            self._desk.store.invitations.invite,
            enrolment,
            token,
            replaces=asked.get("replaces") is True,
            actor=actor,
        )
        authority = self._desk.settings.authority
        return {
            "agent": who.agent_id,
            "url": self._desk.url,
            "ca": None if authority is None else str(authority.absolute()),
        }

    async def _agents(self, _asked: dict[str, Any], _actor: str) -> dict[str, Any]:
        lines = await offload(self._desk.store.agents.lines)
        now = self._desk.store.now()
        return {"at": format_instant(now), "agents": [_line(one) for one in lines]}

    async def _revoke(self, asked: dict[str, Any], _actor: str) -> dict[str, Any]:
        name = _text(asked, "agent")
        if not await offload(self._desk.store.agents.revoke, name):
            raise InputError(f"'{name}' is no agent of this desk")
        return {"agent": name}

    async def _unfreeze(self, asked: dict[str, Any], _actor: str) -> dict[str, Any]:
        name = _text(asked, "agent")
        await offload(self._desk.store.clones.unfreeze, name)
        return {"agent": name}


def _enrolment(asked: dict[str, Any]) -> Enrolment:
    try:
        return _ENROLMENT.validate_python(asked.get("enrolment"))
    except ValidationError as exc:
        raise InputError(f"no enrolment: {exc.error_count()} faults") from None


def _text(asked: dict[str, Any], key: str) -> str:
    value = asked.get(key)
    if not isinstance(value, str) or not value:
        raise InputError(f"'{key}' needs a text")
    return value


def _line(line: AgentLine) -> dict[str, Any]:
    fields = dataclasses.asdict(line)
    instants = ("heard", "revoked", "frozen", "key_since")
    return {
        name: format_instant(Instant(value))
        if name in instants and value is not None
        else value
        for name, value in fields.items()
    }
