"""What the agent tells its desk of mutes and pauses, and when."""

import asyncio

from scudo_agent.agent.intervention_news import AGAIN_AFTER, InterventionNews
from scudo_agent.instant import Instant
from scudo_agent.store.values import Intervention, InterventionKind, Scope
from scudo_agent.ticketing.port import DeskError, NoAnswer
from scudo_agent.wire_site import Interventions


class Taker:
    """A desk that keeps what it is told, or fails as it is told."""

    def __init__(self) -> None:
        self.told: list[list[str]] = []
        self.faults: list[DeskError] = []

    async def tell_interventions(self, told: Interventions) -> None:
        if self.faults:
            raise self.faults.pop()
        self.told.append([one.id for one in told.interventions])


def order(id_: str) -> Intervention:
    return Intervention(
        id=id_,
        kind=InterventionKind.PAUSE,
        scope=Scope.TARGET,
        name="sw1",
        since=Instant(0),
        until=Instant(10),
        reason="x",
        actor="anna",
    )


def test_a_change_is_told_once_and_everything_now_and_then() -> None:
    desk, in_force = Taker(), [order("a")]
    news = InterventionNews(desk, lambda: in_force)

    async def greet(times: int = 1) -> None:
        for _ in range(times):
            news.greeted(None)
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    async def scene() -> None:
        await greet(3)
        assert desk.told == [["a"]]
        in_force.append(order("b"))
        desk.faults.append(NoAnswer("gone"))
        await greet()
        assert desk.told == [["a"]]
        await greet(2)
        assert desk.told == [["a"], ["a", "b"]]
        in_force.clear()
        await greet(2)
        assert desk.told[2:] == [[]]
        # A desk that was put back from a copy hears of it all the same.
        await greet(AGAIN_AFTER)
        assert desk.told[3:] == [[]]
        await news.close()

    asyncio.run(scene())
