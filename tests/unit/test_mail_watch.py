"""What the screen is told of mails, and how seldom the desk is asked for it."""

import asyncio
from collections.abc import Callable
from typing import Any

from scudo_agent.agent.events import EventLog
from scudo_agent.agent.notices import NoticeWatch
from scudo_agent.deliver import DeliveryEvent, DeliveryKind
from scudo_agent.instant import HOUR, MINUTE, SECOND, Instant, format_instant
from scudo_agent.text import T, Text
from support.desking import T0
from support.sim import SimClock, simulate

REF = "SC-0000-0001"


class Desk:
    """A desk with one ticket, whose one mail leaves at `leaves`; counts questions."""

    def __init__(
        self, clock: SimClock, leaves: int, *, says: int | None = None
    ) -> None:
        self.clock = clock
        self.leaves = clock.wall() + leaves
        self.next = clock.wall() + (leaves if says is None else says)
        self.state = "pending"
        self.asked: list[int] = []

    async def ticket(self, ref: str, *, history: str) -> dict[str, Any]:
        assert (ref, history) == (REF, "mails")
        self.asked.append(self.clock.wall())
        if self.clock.wall() < self.leaves or self.state == "failed":
            mail = {"state": self.state, "next": format_instant(Instant(self.next))}
            return {"history": [], "mails_waiting": [mail]}
        entry = {"kind": "mail_accepted", "at": format_instant(Instant(self.leaves))}
        told = entry | {"text": "notice accepted", "detail": "it@acme.example"}
        return {"history": [told], "mails_waiting": []}


class Told(EventLog):
    """Keeps what is told, and nothing of a site."""

    def __init__(self) -> None:
        self.kept: list[str] = []

    def add(
        self,
        at: Instant,
        name: str,
        word: str,
        *,
        detail: Text | None = None,
        since: Instant | None = None,
    ) -> None:
        self.kept.append(f"{name} {word}")


def watched(
    make: Callable[[SimClock], Desk], *, seconds: float, events: int = 1
) -> tuple[Desk, Told]:
    """Let stages of the ticket be acknowledged, and time pass."""
    clock, told = SimClock(T0), Told()
    desk = make(clock)

    async def scene() -> None:
        watch = NoticeWatch(desk, told, now=clock.wall)
        for _ in range(events):
            watch.delivered(
                DeliveryEvent(
                    kind=DeliveryKind.ACKNOWLEDGED,
                    text=T("the desk answers"),
                    tickets={"an incident": REF},
                )
            )
            await asyncio.sleep(seconds / 2 / events)
        await asyncio.sleep(seconds / 2)
        await watch.close()

    simulate(clock, scene())
    return desk, told


def test_a_mail_that_leaves_at_once_is_told_after_two_questions() -> None:
    desk, told = watched(lambda clock: Desk(clock, SECOND // 5, says=0), seconds=60)
    assert told.kept == [f"{REF} notice"]
    assert len(desk.asked) == 2


def test_a_storms_mail_is_asked_for_when_it_is_due() -> None:
    desk, told = watched(lambda clock: Desk(clock, MINUTE), seconds=120, events=50)
    assert told.kept == [f"{REF} notice"]
    assert len(desk.asked) <= 4


def test_the_mail_of_an_unstable_ticket_is_not_waited_for_by_asking() -> None:
    desk, told = watched(lambda clock: Desk(clock, 8 * HOUR), seconds=3600, events=10)
    assert told.kept == []
    assert len(desk.asked) == 10  # once for each that was delivered


def test_a_mail_that_was_refused_for_good_is_not_asked_for_again() -> None:
    def refused(clock: SimClock) -> Desk:
        desk = Desk(clock, 0)
        desk.state = "failed"
        return desk

    desk, _ = watched(refused, seconds=60)
    assert len(desk.asked) == 1


def test_a_mail_that_does_not_leave_is_asked_for_seldom_and_not_for_ever() -> None:
    desk, told = watched(lambda clock: Desk(clock, HOUR, says=0), seconds=1800)
    assert told.kept == []
    assert len(desk.asked) < 15
