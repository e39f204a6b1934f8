"""The agent's link to its desk: whether it answers, and when it is asked again.

Timers are the loop's, and begin anew with the process, since what must not be
forgotten is in the store.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from scudo_agent.errors import StoreError
from scudo_agent.retry import Backoff
from scudo_agent.store.agent_store import AgentStore, wait
from scudo_agent.text import T, Text
from scudo_agent.ticketing.port import DeskError, NoAnswer, Refused, TicketSystem
from scudo_agent.ticketing.progress import (
    DeliveryEvent,
    DeliveryKind,
    DeliveryState,
    strange,
    words,
)

_log = logging.getLogger(__name__)


class Link:
    """What the greeter and the drainers know of the desk together."""

    def __init__(
        self,
        store: AgentStore,
        desk: TicketSystem,
        *,
        rng: random.Random,
        on_event: Callable[[DeliveryEvent], None],
    ) -> None:
        self.store = store
        self.desk = desk
        self.state = DeliveryState()
        self.hello_at = float("-inf")
        self.called = asyncio.Event()
        self.lost = 0
        self._rng = rng
        self._on_event = on_event
        self._backoff = Backoff()
        self._renewed = False

    @property
    def open(self) -> bool:
        """Whether events may be sent."""
        return self.state.connected and not self.state.frozen

    def greet_at(self, when: float) -> None:
        """Greet the desk at `when` (time of the loop), if not before."""
        self.hello_at = min(self.hello_at, when)
        self.called.set()

    def after(self, attempt: int, exc: DeskError | None = None) -> float:
        """When to try again after the `attempt`-th failure (time of the loop)."""
        asked = exc.retry_after_s if isinstance(exc, NoAnswer) else None
        delay = self._backoff.delay_s(attempt, self._rng, retry_after_s=asked)
        return asyncio.get_running_loop().time() + delay

    def lose(self, exc: DeskError) -> None:
        """The desk is not there for us; a greeting will tell when it is."""
        was = self.state.connected
        first = was or self.state.error is None
        self.lost += 1
        self.hello_at = self.after(self.lost, exc)
        if not isinstance(exc, NoAnswer):
            self.heard()
        self.fail(words(exc))
        self.state = replace(self.state, connected=False)
        self.called.set()
        if first:
            refused = isinstance(exc, Refused)
            kind = DeliveryKind.REFUSED if refused else DeliveryKind.LOST
            self.tell(kind, words(exc))

    async def freeze(self) -> None:
        """The desk has events under our numbers that we never wrote.

        Nothing more is delivered in this epoch, over restarts too: once we had
        written as many, the numbers would fit again and the events would not. A
        new epoch is asked for, once in a process.
        """
        await wait(self.store.freeze(self.state.epoch or 0))
        text = strange()
        _log.error("%s", text.id)
        self.state = replace(self.state, frozen=True, error=text)
        self.tell(DeliveryKind.FROZEN, text)
        if not self._renewed:
            self._renewed = True
            await self.store.renew()
            self.greet_at(float("-inf"))

    def heard(self) -> None:
        """The desk said something just now."""
        self.state = replace(self.state, last_answer=self.store.timeline.now())

    def fail(self, error: Text) -> None:
        """The greeting does not go on, and why."""
        failures = self.state.failures + 1
        self.state = replace(self.state, error=error, failures=failures)

    def tell(
        self, kind: DeliveryKind, text: Text, tickets: Mapping[str, str] | None = None
    ) -> None:
        """Tell who listens."""
        _log.debug("delivery %s", kind.value)
        self._on_event(DeliveryEvent(kind=kind, text=text, tickets=tickets or {}))


async def again_and_again(
    turn: Callable[[], Awaitable[None]], hold_back: Callable[[Text], None]
) -> None:
    """Take turns for ever; `hold_back` is told why one failed, and delays the next."""
    while True:
        try:
            await turn()
        except StoreError as exc:
            # Nothing that the desk said is lost: it is asked again.
            hold_back(T("the store failed: {reason}", reason=str(exc)))
        except Exception as exc:  # noqa: BLE001 - without it no ticket is opened
            _log.exception("the delivery stumbled")
            reason = f"{type(exc).__name__}: {exc}"
            hold_back(T("the delivery failed: {reason}", reason=reason))
