"""What the provider's administrator tells a running desk, or one that stands still.

The same words reach it over its control socket and, when no desk runs, in the
process of the command itself: `scudo-agent desk …` need not know.
"""

import dataclasses
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import TypeAdapter, ValidationError

from scudo_agent.desk.app import Desk
from scudo_agent.desk.offload import offload
from scudo_agent.desk.on_call_json import on_call_json
from scudo_agent.desk.people_orders import PeopleOrders
from scudo_agent.desk.program_orders import ProgramOrders
from scudo_agent.desk.store.agents import AgentLine, Enrolment
from scudo_agent.desk.store.unsent import Unsent
from scudo_agent.errors import InputError
from scudo_agent.instant import Instant, format_instant

Order = Callable[[dict[str, Any], str], Awaitable[dict[str, Any]]]
"""Takes a request and who asks; what it returns is the answer."""

_log = logging.getLogger(__name__)
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
            "desk-outbox": self._outbox,
            "desk-outbox-retry": self._retry,
            "desk-on-call": self._on_call,
            **ProgramOrders(self._desk).orders(),
            **PeopleOrders(self._desk).orders(),
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

    async def _on_call(self, _asked: dict[str, Any], _actor: str) -> dict[str, Any]:
        return on_call_json(await offload(self._desk.store.rota.now))

    async def _outbox(self, asked: dict[str, Any], _actor: str) -> dict[str, Any]:
        unsent = self._desk.store.unsent
        found = await offload(unsent.listed)
        mails = [*found.mails]
        if asked.get("mail") is not None:
            one = await offload(unsent.one, _number(asked))
            mails = [_waits(asked) if one is None else one]
        return {
            "waiting": found.waiting,
            "failed": found.failed,
            "mails": [_mail(one) for one in mails],
        }

    async def _retry(self, asked: dict[str, Any], actor: str) -> dict[str, Any]:
        unsent, word = self._desk.store.unsent, _text(asked, "mail")
        which = None if word == "all" else _number(asked)
        if which is not None and await offload(unsent.one, which) is None:
            _waits(asked)
        done = await offload(unsent.retry, which)
        if done:
            _log.warning("%s lets mails try again: %s", actor, done)
            self._desk.wake_mails()
        return {"mails": done}


def _number(asked: dict[str, Any]) -> int:
    word = _text(asked, "mail")
    if not word.isascii() or not word.isdigit() or len(word) > 18:
        _waits(asked)
    return int(word)


def _waits(asked: dict[str, Any]) -> Unsent:
    raise InputError(f"no mail {asked['mail']} waits; 'list' says which do")


def _mail(one: Unsent) -> dict[str, Any]:
    """A mail as the command shows it: what, since when, why, and what to do."""
    if one.failed:
        why = f"refused for good: {one.error or 'nobody said why'}"
        do = f"mend the reason, then: scudo-agent desk outbox retry {one.mail}"
    else:
        do = "nothing, it is sent by itself; 'doctor' says whether mail is taken"
        why = "not tried yet"
        if one.attempts:
            why = f"{one.attempts} attempts failed, the last one: {one.error}"
        if one.behind is not None:
            why = f"mail {one.behind} of the same thread goes first"
    return {
        "mail": one.mail,
        "customer": one.tenant,
        "ticket": one.ticket,
        "thread": one.thread,
        "what": one.kind,
        "rev": one.rev,
        "to": one.recipient,
        "message_id": one.message_id,
        "state": "failed" if one.failed else "waits",
        "since": format_instant(one.since),
        "next": None if one.next is None else format_instant(one.next),
        "attempts": one.attempts,
        "why": why,
        "what_to_do": do,
    }


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
