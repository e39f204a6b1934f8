"""Telling the desk what is muted and paused, so that its pages show it.

All that is in force goes in one small request after a greeting, when it is another
set than was told last, and now and then without a change: a desk that was put back
from a copy hears of it, too. Nothing depends on it: it is for people who read.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from scudo_agent.instant import Instant, format_instant
from scudo_agent.store.values import Intervention as Order
from scudo_agent.ticketing.port import DeskError
from scudo_agent.wire_site import Intervention, Interventions

AGAIN_AFTER = 20
"""Greetings, ten minutes of them, until it is told once more without a change."""

_log = logging.getLogger(__name__)


class NewsTaker(Protocol):
    """Who is told: the desk."""

    async def tell_interventions(self, told: Interventions) -> None:
        """Keep these instead of what was told before; raises `DeskError`."""


class InterventionNews:
    """Tells the desk; `in_force` are the mutes and pauses that hold now."""

    def __init__(
        self, desk: NewsTaker, in_force: Callable[[], Sequence[Order]]
    ) -> None:
        self._desk = desk
        self._in_force = in_force
        self._told: Interventions | None = None
        self._since = 0
        self._telling: asyncio.Task[None] | None = None

    def greeted(self, _reply: object) -> None:
        """The desk answered a greeting: tell it what it does not know yet."""
        self._since += 1
        now = Interventions(interventions=[_wire(one) for one in self._in_force()])
        if now == self._told and self._since < AGAIN_AFTER:
            return
        if self._telling is None or self._telling.done():
            task = self._tell(now)
            self._telling = asyncio.get_running_loop().create_task(task, name="mutes")

    async def _tell(self, now: Interventions) -> None:
        try:
            await self._desk.tell_interventions(now)
        except DeskError as exc:
            # The next greeting tries again.
            _log.info("the desk was not told what is muted and paused: %s", exc)
            self._told = None
            return
        self._told, self._since = now, 0

    async def close(self) -> None:
        """Tell no more."""
        if self._telling is not None:
            self._telling.cancel()
            await asyncio.wait([self._telling])


def _wire(order: Order) -> Intervention:
    return Intervention(
        id=order.id,
        kind=order.kind.value,
        scope=order.scope.value,
        name=order.name,
        since=format_instant(order.since),
        until=format_instant(Instant(order.end)),
        reason=order.reason,
        actor=order.actor,
    )
