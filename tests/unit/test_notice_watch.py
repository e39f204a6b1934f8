"""What the desk did with a ticket is read back: of some tickets, not of hundreds."""

import asyncio
from typing import Any, cast

from scudo_agent.agent.events import EventLog
from scudo_agent.agent.notices import NoticeWatch
from scudo_agent.deliver import DeliveryEvent, DeliveryKind
from scudo_agent.instant import Instant
from scudo_agent.text import T
from support.sim import SimClock, simulate


class Desk:
    """Every ticket's mail waits until it was asked for `patience` times."""

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.asked: list[str] = []

    async def ticket(self, ref: str, *, history: str = "all") -> dict[str, Any]:
        self.asked.append(ref)
        due = {"state": "pending", "next": "1970-01-01T00:00:00Z"}
        waits = self.asked.count(ref) < self.patience
        return {"mails_waiting": [due] if waits else [], "history": []}


def delivered(*refs: str) -> DeliveryEvent:
    return DeliveryEvent(
        kind=DeliveryKind.ACKNOWLEDGED,
        text=T("the desk answers"),
        tickets={f"incident-{ref}": ref for ref in refs},
    )


def watched(desk: Desk, *events: DeliveryEvent, seconds: float) -> NoticeWatch:
    """What becomes of these events within so many seconds."""

    async def main() -> NoticeWatch:
        watch = NoticeWatch(desk, cast(EventLog, None), now=lambda: Instant(0))
        for event in events:
            watch.delivered(event)
        await asyncio.sleep(seconds)
        await watch.close()
        return watch

    return simulate(SimClock(Instant(0)), main())


def test_of_a_drain_of_hundreds_only_the_latest_are_read_back() -> None:
    desk = Desk(patience=1_000)
    refs = [f"SC-{n}" for n in range(500)]
    watch = watched(desk, delivered(*refs[:250]), delivered(*refs[250:]), seconds=90)
    assert len(set(desk.asked)) == 16
    assert len(desk.asked) < 16 * 20, "it asks less and less often"
    assert len(watch.tickets) == 500


def test_a_ticket_is_followed_until_its_mail_has_left_and_again_later() -> None:
    desk = Desk(patience=3)
    watched(desk, delivered("SC-1"), seconds=20)
    assert desk.asked == ["SC-1"] * 3
    watched(desk, delivered("SC-1"), delivered("SC-1"), seconds=20)
    assert desk.asked == ["SC-1"] * 4
