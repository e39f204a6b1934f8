"""Mute, unmute, pause, resume: what the running agent does when it is told to."""

from collections.abc import Callable, Iterable, Mapping

from scudo_agent.agent.control import Handler
from scudo_agent.agent.document import Document, intervention_document
from scudo_agent.agent.events import EventLog
from scudo_agent.agent.interventions import checks_of
from scudo_agent.agent.runtime import Runtime
from scudo_agent.errors import InputError
from scudo_agent.store.values import Intervention, InterventionKind
from scudo_agent.text import T, Text

_MUTE, _PAUSE = InterventionKind.MUTE, InterventionKind.PAUSE


class Ordering:
    """Orders of people, carried out in the loop and told on the screen."""

    def __init__(
        self,
        runtime: Runtime,
        events: EventLog,
        tickets: Mapping[str, str],
        *,
        greet: Callable[[], None],
    ) -> None:
        self._runtime = runtime
        self._events = events
        self._tickets = tickets
        self._greet = greet

    def handlers(self) -> dict[str, Handler]:
        """The words of requests."""
        return {
            "mute": lambda asked, actor: self._begin(_MUTE, asked, actor),
            "pause": lambda asked, actor: self._begin(_PAUSE, asked, actor),
            "unmute": lambda asked, actor: self._end(_MUTE, asked, actor),
            "resume": lambda asked, actor: self._end(_PAUSE, asked, actor),
            "greet": self._greet_desk,
            "outbox-retry": self._retry,
        }

    async def _retry(self, asked: Document, _actor: str) -> Document:
        """Send events again that the desk refused."""
        seqs, told = _numbers(asked, "seqs"), _numbers(asked, "told")
        await self._runtime.store.release(seqs, told)
        self._greet()
        return {}

    async def _greet_desk(self, _asked: Document, _actor: str) -> Document:
        """The desk has news (a window): do not wait for the next greeting."""
        self._greet()
        return {}

    async def _begin(
        self, kind: InterventionKind, asked: Document, actor: str
    ) -> Document:
        runtime = self._runtime
        order = await runtime.interventions.begin(
            kind,
            _text(asked, "what"),
            for_us=_whole(asked, "for_us"),
            reason=_text(asked, "reason"),
            actor=actor,
        )
        word = "muted" if kind is _MUTE else "paused"
        said = T(
            "until {until}, by {actor}: {reason}",
            until={"instant": order.until},
            actor=actor,
            reason=order.reason,
        )
        return self._done([order], word, said, _note(order))

    async def _end(
        self, kind: InterventionKind, asked: Document, actor: str
    ) -> Document:
        what = _text(asked, "what")
        orders = await self._runtime.interventions.end(kind, what, actor=actor)
        word = "unmuted" if kind is _MUTE else "resumed"
        note = _end_note(orders[0], actor)
        return self._done(orders, word, T("by {actor}", actor=actor), note)

    def _done(
        self, orders: list[Intervention], word: str, said: Text, note: Text
    ) -> Document:
        runtime, site = self._runtime, self._runtime.site
        runtime.rearrange()
        first = orders[0]
        checks = checks_of(site, first.scope, first.name)
        runtime.note(checks, note)
        # The desk's pages show it: told with a greeting, and that is now.
        self._greet()
        self._events.add(runtime.timeline.now(), first.name, word, detail=said)
        return {
            "zone": site.timezone,
            "orders": [intervention_document(site, order) for order in orders],
            "services": [
                service.id
                for service in site.services.values()
                if not set(checks).isdisjoint(service.checks)
            ],
            "tickets": sorted(self._open_tickets(checks)),
        }

    def _open_tickets(self, checks: Iterable[str]) -> set[str]:
        """Tickets that are open already: they stay."""
        wanted = set(checks)
        return {
            self._tickets.get(one.incident, one.subject)
            for one in self._runtime.judge.open_incidents()
            if not wanted.isdisjoint(one.members)
        }


def _note(order: Intervention) -> Text:
    values = {"actor": order.actor, "what": order.name, "reason": order.reason}
    until = {"instant": order.until}
    if order.kind is _MUTE:
        return T("{actor} muted {what} until {until}: {reason}", until=until, **values)
    return T("{actor} paused {what} until {until}: {reason}", until=until, **values)


def _end_note(order: Intervention, actor: str) -> Text:
    if order.kind is _MUTE:
        return T("{actor} ended the mute of {what}", actor=actor, what=order.name)
    return T("{actor} ended the pause of {what}", actor=actor, what=order.name)


def _text(asked: Document, key: str) -> str:
    value = asked.get(key)
    if not isinstance(value, str):
        raise InputError(f"'{key}' of the request is no text")
    return value


def _whole(asked: Document, key: str) -> int:
    value = asked.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError(f"'{key}' of the request is no whole number")
    return value


def _numbers(asked: Document, name: str) -> list[int]:
    found = asked.get(name, [])
    if not isinstance(found, list) or not all(type(one) is int for one in found):
        raise InputError(f"'{name}' of the request are no whole numbers")
    return found
