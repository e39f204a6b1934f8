"""Tells on the screen what the desk did with a ticket: opened, notice accepted."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from scudo_agent.agent.events import EventLog
from scudo_agent.deliver import DeliveryEvent, DeliveryKind
from scudo_agent.instant import Instant, parse_instant
from scudo_agent.text import T
from scudo_agent.ticketing.port import DeskError

_log = logging.getLogger(__name__)
_EVERY_S = 0.5
_FOR_S = 60.0
_KEPT = 10_000


class TicketSource(Protocol):
    """Where a ticket's history can be asked for."""

    async def ticket(self, ref: str) -> dict[str, Any]:
        """The ticket as the desk's API gives it; raises `DeskError`."""


class NoticeWatch:
    """Follows the tickets of delivered stages until their mails have left."""

    def __init__(
        self,
        source: TicketSource,
        events: EventLog,
        *,
        now: Callable[[], Instant],
    ) -> None:
        self._began = now()
        self._source = source
        self._events = events
        self._now = now
        self._told: dict[str, int] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.tickets: dict[str, str] = {}
        """Public numbers by incident, of the latest ones."""

    def delivered(self, event: DeliveryEvent) -> None:
        """Delivery acknowledged stages of these tickets."""
        if event.kind is not DeliveryKind.ACKNOWLEDGED:
            self._events.add(self._now(), "desk", event.kind.value, detail=event.text)
            return
        self.tickets.update(event.tickets)
        for kept in (self.tickets, self._told):
            while len(kept) > _KEPT:
                del kept[next(iter(kept))]
        for ref in set(event.tickets.values()):
            running = self._tasks.get(ref)
            if running is None or running.done():
                task = asyncio.get_running_loop().create_task(self._follow(ref))
                self._tasks[ref] = task
                task.add_done_callback(partial(self._done, ref))

    def _done(self, ref: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(ref) is task:
            del self._tasks[ref]

    async def _follow(self, ref: str) -> None:
        deadline = asyncio.get_running_loop().time() + _FOR_S
        while asyncio.get_running_loop().time() < deadline:
            try:
                ticket = await self._source.ticket(ref)
            except DeskError as exc:
                _log.debug("ticket %s cannot be read: %s", ref, exc)
                return
            self._tell(ref, ticket)
            if not ticket["mails_waiting"]:
                return
            await asyncio.sleep(_EVERY_S)

    def _tell(self, ref: str, ticket: dict[str, Any]) -> None:
        mails = [e for e in ticket["history"] if e["kind"].startswith("mail")]
        known = self._told.get(ref, 0)
        self._told[ref] = len(mails)
        for entry in mails[known:]:
            if parse_instant(entry["at"]) < self._began:
                continue  # of an earlier run of this agent
            self._events.add(
                parse_instant(entry["at"]),
                ref,
                "notice",
                detail=T(
                    "{what}: {detail}", what=entry["text"], detail=entry["detail"]
                ),
            )

    async def close(self) -> None:
        """Follow nothing any more."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
