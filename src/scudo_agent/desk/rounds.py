"""What the desk does by itself when its time has come, again and again.

Nothing is counted here: what is due follows from rows, so that a restart, or a wall
clock that was set, changes nothing.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError

from scudo_agent.desk.escalation import Policy
from scudo_agent.desk.offload import offload
from scudo_agent.desk.store.desk_store import DeskStore, Work
from scudo_agent.instant import SECOND, Instant

_SOONEST_S = 0.01
_TICKETS_S = 60.0
"""So often it looks for tickets whose time has come since it looked last."""
_AGENTS_S = 10.0
_CALLS_S = 5.0
"""So often it looks for tickets that nobody has taken."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Duty:
    """One thing to look after; `told` is what is logged of so many."""

    work: Work
    told: str
    level: int = logging.INFO


class Rounds:
    """Goes from duty to duty; one that stumbles holds up no other.

    `led` leaves a duty out while another desk on the same database is about it.
    """

    def __init__(
        self,
        duties: Sequence[Duty],
        now: Callable[[], Instant],
        *,
        every_s: float,
        wake: Callable[[], None] = lambda: None,
        led: Callable[[str, Work], tuple[int, Instant | None]] = lambda _, work: work(),
    ) -> None:
        self._duties = duties
        self._led = led
        self._now = now
        self._every_s = every_s
        self._wake = wake
        self._ending = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    def start(self, name: str) -> None:
        """Go from now on."""
        self._running = asyncio.create_task(self._run(), name=name)

    async def stop(self, *, patience_s: float) -> None:
        """Go no more, in `patience_s` at most."""
        self._ending.set()
        if self._running is not None:
            await asyncio.wait([self._running], timeout=patience_s)
            self._running.cancel()
            await asyncio.wait([self._running])

    async def turn(self) -> int:
        """Do everything that is due now; how much that was."""
        done, _ = await self._turn()
        return done

    async def _run(self) -> None:
        while not self._ending.is_set():
            _, pause = await self._turn()
            try:
                async with asyncio.timeout(pause):
                    await self._ending.wait()
            except TimeoutError:
                continue

    async def _turn(self) -> tuple[int, float]:
        """How much was done, and the seconds until it is worth another look."""
        total, pause = 0, self._every_s
        for duty in self._duties:
            done, due = await self._do(duty)
            total += done
            if due is not None:
                left = (due - self._now()) / SECOND
                pause = min(pause, max(left, _SOONEST_S))
        if total:
            self._wake()
        return total, pause

    async def _do(self, duty: Duty) -> tuple[int, Instant | None]:
        try:
            done, due = await offload(self._led, duty.told, duty.work)
        except DBAPIError as exc:
            _log.error("'%s' cannot be done just now: %s", duty.told, exc.orig)
            return 0, None
        except Exception:  # noqa: BLE001 - the others still have to be looked after
            _log.exception("'%s' stumbled", duty.told)
            return 0, None
        if done:
            _log.log(duty.level, duty.told, done)
        return done, due


def tickets(store: DeskStore, wake: Callable[[], None]) -> Rounds:
    """Tickets that are quiet for long enough, that leave a storm, that are still bad;
    months whose statements are mailed.

    `wake` is called when there may be a mail of it.
    """
    duties = (
        Duty(
            store.closing.close_due,
            "%d tickets were quiet for long enough, and are closed",
        ),
        Duty(
            store.coverage.settle_due,
            "%d sites have another contract from today on",
        ),
        Duty(
            store.leaving.move_due,
            "%d incidents left a storm for tickets of their own",
        ),
        Duty(
            store.acts.insist_due,
            "%d closed tickets are still bad, and re-opened",
        ),
        Duty(
            store.retention.drop_due,
            "%d rows were kept for as long as they are to be, and are dropped",
        ),
        Duty(
            store.search.fill_due,
            "%d tickets without words to be found by have them now",
        ),
        Duty(
            store.replies.drop_due,
            "%d answers to programs were kept for a week, and are dropped",
            logging.DEBUG,
        ),
        Duty(
            store.webhook_outbox.drop_due,
            "%d deliveries to webhooks are a month old, and are dropped",
            logging.DEBUG,
        ),
        Duty(
            store.facts.end_due,
            "%d of the provider's tickets had no further alarm for an hour",
        ),
        Duty(
            store.statements.mail_due,
            "%d months are over: their statements are made, and mailed",
        ),
    )
    return Rounds(duties, store.now, every_s=_TICKETS_S, wake=wake, led=store.led)


def channels(duty: Work, store: DeskStore, wake: Callable[[], None]) -> Rounds:
    """Calls by channels other than mail, which may take a minute each."""
    duties = (Duty(duty, "%d calls were made by channels other than mail"),)
    return Rounds(duties, store.now, every_s=_CALLS_S, wake=wake, led=store.led)


def calls(store: DeskStore, policy: Policy, wake: Callable[[], None]) -> Rounds:
    """Tickets that nobody takes: who is on call is called."""

    def look() -> tuple[int, Instant | None]:
        return store.calls.look(policy)

    duties = (Duty(look, "%d calls are made: nobody takes a ticket", logging.WARNING),)
    return Rounds(duties, store.now, every_s=_CALLS_S, wake=wake, led=store.led)


def agents(store: DeskStore, wake: Callable[[], None]) -> Rounds:
    """Sites whose agents fell silent or are heard again, and keys nobody uses."""

    def look() -> tuple[int, Instant | None]:
        return sum(store.silence.look()), None

    def void_keys() -> tuple[int, Instant | None]:
        return 0 if store.silence.patient else store.keys.void_unheard(), None

    duties = (
        Duty(
            look,
            "%d sites fell silent or are heard again, as the provider's tickets say",
            logging.WARNING,
        ),
        Duty(
            void_keys,
            "%d agents were not heard for 30 days: their keys are void",
            logging.WARNING,
        ),
    )
    return Rounds(duties, store.now, every_s=_AGENTS_S, wake=wake, led=store.led)
