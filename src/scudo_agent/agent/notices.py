"""Tells on the screen what the desk did with a ticket: opened, notice accepted."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from scudo_agent.agent.events import EventLog
from scudo_agent.deliver import DeliveryEvent, DeliveryKind
from scudo_agent.instant import SECOND, Instant, parse_instant
from scudo_agent.text import T
from scudo_agent.ticketing.port import DeskError

_log = logging.getLogger(__name__)
_FIRST_S, _LAST_S = 0.5, 8.0
"""Between two looks at a ticket whose mail is due: longer from look to look."""
_FOR_S = 60.0
"""A mail that has not left so long after it was due is looked for no more."""
_AHEAD_S = 600.0
"""A mail that gathers is waited for if it is due within this time."""
_AT_ONCE = 16
"""Tickets that are followed. A drain of days brings hundreds: to read all of them
back, again and again, would keep the desk from its work."""
_KEPT = 10_000


class TicketSource(Protocol):
    """Where a ticket's history can be asked for."""

    async def ticket(self, ref: str, *, history: str) -> dict[str, Any]:
        """The ticket as the desk's API gives it; raises `DeskError`."""


class NoticeWatch:
    """Follows the tickets of delivered stages until their mails have left.

    Only some at once, the latest; what the others' mails did stands at the desk. It
    looks when a mail is due and not before: a storm's waits for a minute, and an
    unstable ticket's for hours, which is not waited for.
    """

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
        for ref in reversed(dict.fromkeys(event.tickets.values())):
            if len(self._tasks) >= _AT_ONCE:
                break
            running = self._tasks.get(ref)
            if running is None or running.done():
                task = asyncio.get_running_loop().create_task(self._follow(ref))
                self._tasks[ref] = task
                task.add_done_callback(partial(self._done, ref))

    def _done(self, ref: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(ref) is task:
            del self._tasks[ref]

    async def _follow(self, ref: str) -> None:
        loop = asyncio.get_running_loop()
        deadline, pause = loop.time() + _FOR_S, _FIRST_S
        while loop.time() < deadline:
            try:
                ticket = await self._source.ticket(ref, history="mails")
            except DeskError as exc:
                _log.debug("ticket %s cannot be read: %s", ref, exc)
                return
            self._tell(ref, ticket)
            if (due_s := self._due_s(ticket)) is None or due_s > _AHEAD_S:
                return
            if due_s > pause:
                deadline, pause = loop.time() + due_s + _FOR_S, _FIRST_S
            await asyncio.sleep(max(due_s, pause))
            pause = min(pause * 2, _LAST_S)

    def _due_s(self, ticket: dict[str, Any]) -> float | None:
        """In how many seconds the first mail that waits is due; None: none waits."""
        waiting = [
            parse_instant(mail["next"])
            for mail in ticket["mails_waiting"]
            if mail["state"] == "pending"
        ]
        return (min(waiting) - self._now()) / SECOND if waiting else None

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
