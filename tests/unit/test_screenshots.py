"""Which stages get a picture, and what becomes of it."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scudo_agent.agent.browser import NoShotError, View
from scudo_agent.agent.evidence import KEPT, KEPT_US, Evidence, EvidenceFolder
from scudo_agent.agent.screenshots import QUEUE, Screenshots, Sights
from scudo_agent.instant import SECOND, Instant
from scudo_agent.judge.batch import Batch
from scudo_agent.model import Outcome
from scudo_agent.pipeline import Committed
from scudo_agent.probes.http import HttpSettings
from scudo_agent.text import T
from scudo_agent.ticketing.port import Exhibit, NoAnswer, Rejected
from scudo_agent.ticketing.progress import DeliveryEvent, DeliveryKind
from scudo_agent.wire import Stage
from support.desking import INCIDENT, T0, evidence, stage
from support.pictures import png

ANSWERED = Outcome(answered=False, seen=T("503"), values={"status": 503.0})
SILENT = Outcome(answered=False, seen=T("connection refused"))
ACKNOWLEDGED = DeliveryEvent(kind=DeliveryKind.ACKNOWLEDGED, text=T("it has them"))


class Scene:
    """A site with two web checks, a browser and a desk that do as they are told."""

    def __init__(self, state: Path) -> None:
        self.now = T0
        self.outcomes: dict[str, Outcome] = {"erp/web": ANSWERED, "crm/web": ANSWERED}
        self.isolated = False
        self.counts: Counter[str] = Counter()
        self.shot: list[str] = []
        self.at_once = self.most_at_once = 0
        self.fault: Exception | None = None
        self.refusals: list[Exception] = []
        self.exhibits: list[Exhibit] = []
        self.changed = asyncio.Condition()
        self.gate = asyncio.Event()
        self.gate.set()
        settings = {
            path: HttpSettings(url=f"http://{path.partition('/')[0]}.example/")
            for path in self.outcomes
        }
        self.shots = Screenshots(
            Sights(
                views={
                    path: View(settings=one, allowed=lambda _address: True)
                    for path, one in settings.items()
                },
                outcome=self.outcomes.get,
                isolated=lambda: self.isolated,
                now=lambda: self.now,
                count=self._count,
            ),
            self._shoot,
            self,
            state=state,
            rng=random.Random(1),
        )

    def _count(self, result: str) -> None:
        self.counts[result] += 1
        asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def _shoot(self, view: View) -> bytes:
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            await self.gate.wait()
            self.shot.append(view.settings.url)
            if self.fault is not None:
                raise self.fault
            return png()
        finally:
            self.at_once -= 1

    async def exhibit(self, exhibit: Exhibit) -> None:
        """Take it, or refuse it with the next of `refusals`."""
        if self.refusals:
            raise self.refusals.pop(0)
        self.exhibits.append(exhibit)
        await self._tell()

    def commit(self, *stages: Stage) -> None:
        """As the pipeline tells it."""
        self.shots.committed(
            Committed(observations=(), batch=Batch(), stages=tuple(stages))
        )

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait for it, 10 s at most."""
        async with asyncio.timeout(10), self.changed:
            await self.changed.wait_for(reached)


def play(state: Path, scene: Callable[[Scene], Any]) -> Scene:
    """Run the scene beside its screenshots."""

    async def run() -> Scene:
        one = Scene(state)
        running = asyncio.create_task(one.shots.run())
        try:
            await scene(one)
        finally:
            running.cancel()
            await asyncio.wait([running])
        return one

    return asyncio.run(run())


def files(state: Path) -> list[str]:
    """What waits on the disk."""
    return sorted(path.name for path in (state / "evidence").glob("*"))


async def gone(state: Path) -> None:
    """Wait until nothing waits, 10 s at most."""
    async with asyncio.timeout(10):
        while files(state):  # noqa: ASYNC110 - a disk has no event
            await asyncio.sleep(0)


def test_an_opening_gets_a_picture_and_the_desk_has_it(tmp_path: Path) -> None:
    async def scene(s: Scene) -> None:
        s.commit(stage())
        await s.until(lambda: bool(s.exhibits))

    s = play(tmp_path, scene)
    (one,) = s.exhibits
    assert (one.incident_id, one.rev, one.check) == (INCIDENT, 1, "erp/web")
    assert (one.taken, one.content) == (T0, png())
    assert s.shot == ["http://erp.example/"]
    assert s.counts == {"taken": 1}


@pytest.mark.parametrize(
    ("changes", "counted"),
    [
        ({"kind": "recover"}, {}),
        ({"kind": "raise"}, {}),
        ({"kind": "note"}, {}),
        ({"rule": "S4", "severity": 3}, {}),
        ({"rule": "S5", "severity": 3}, {}),
        ({"audience": "provider"}, {}),
        ({"members": [evidence("erp/db")]}, {}),
        ({"members": [evidence() | {"state": "up"}]}, {}),
        ({"members": [evidence("crm/web")]}, {"nothing": 1}),
    ],
)
def test_what_gets_none(
    tmp_path: Path, changes: dict[str, Any], counted: dict[str, int]
) -> None:
    async def scene(s: Scene) -> None:
        s.outcomes["crm/web"] = SILENT
        s.commit(stage(**{"kind": "open"} | changes))
        s.commit(stage(2, 2, "reopen"))
        await s.until(lambda: s.counts["taken"] == 1)

    s = play(tmp_path, scene)
    assert len(s.shot) == 1
    assert s.counts == {"taken": 1, **counted}


def test_an_agent_that_is_cut_off_looks_at_nothing(tmp_path: Path) -> None:
    async def scene(s: Scene) -> None:
        s.isolated = True
        s.commit(stage())
        s.isolated = False
        s.commit(stage(2, 2, "reopen"))
        await s.until(lambda: s.counts["taken"] == 1)

    assert len(play(tmp_path, scene).shot) == 1


def test_of_two_members_the_one_that_answers_is_shown(tmp_path: Path) -> None:
    async def scene(s: Scene) -> None:
        s.outcomes["crm/web"] = SILENT
        s.commit(stage(members=[evidence("crm/web"), evidence("erp/web")]))
        await s.until(lambda: bool(s.exhibits))

    assert play(tmp_path, scene).exhibits[0].check == "erp/web"


def test_one_browser_at_a_time_and_a_short_queue(tmp_path: Path) -> None:
    async def scene(s: Scene) -> None:
        s.gate.clear()
        for rev in range(1, QUEUE + 6):
            s.commit(stage(rev, rev, "reopen"))
        await s.until(lambda: s.counts["dropped"] == 5)
        s.gate.set()
        await s.until(lambda: len(s.exhibits) == QUEUE)

    s = play(tmp_path, scene)
    assert s.counts == {"taken": QUEUE, "dropped": 5}
    assert s.most_at_once == 1


@pytest.mark.parametrize("fault", [NoShotError("it crashed"), ValueError("strange")])
def test_a_browser_that_fails_stops_nothing(tmp_path: Path, fault: Exception) -> None:
    async def scene(s: Scene) -> None:
        s.fault = fault
        s.commit(stage())
        await s.until(lambda: s.counts["failed"] == 1)
        s.fault = None
        s.commit(stage(2, 2, "reopen"))
        await s.until(lambda: bool(s.exhibits))

    assert play(tmp_path, scene).exhibits[0].rev == 2


@pytest.mark.parametrize(
    "refusal",
    [NoAnswer("404 there is no such stage, or not yet"), ValueError("strange")],
)
def test_a_picture_waits_until_the_desk_has_its_stage(
    tmp_path: Path, refusal: Exception
) -> None:
    async def scene(s: Scene) -> None:
        s.refusals = [refusal]
        s.commit(stage())
        await s.until(lambda: s.counts["taken"] == 1)
        s.shots.delivered(ACKNOWLEDGED)
        await s.until(lambda: bool(s.exhibits))
        await gone(tmp_path)

    play(tmp_path, scene)


def test_what_the_desk_refuses_for_good_goes(tmp_path: Path) -> None:
    async def scene(s: Scene) -> None:
        s.refusals = [Rejected("422 damaged")]
        s.commit(stage())
        await s.until(lambda: s.counts["refused"] == 1)
        s.commit(stage(2, 2, "reopen"))
        await s.until(lambda: bool(s.exhibits))

    s = play(tmp_path, scene)
    assert [one.rev for one in s.exhibits] == [2]


def kept(state: Path, rev: int = 1, taken: Instant = T0) -> Evidence:
    """A picture that an earlier process left."""
    one = Evidence(incident_id=INCIDENT, rev=rev, check="erp/web", taken=taken)
    assert EvidenceFolder(state).keep(one, png())
    return one


def test_after_a_kill_what_was_taken_is_delivered(tmp_path: Path) -> None:
    kept(tmp_path)
    (tmp_path / "evidence" / "half.png").write_bytes(b"\x89PNG")
    (tmp_path / "evidence" / "x.json.new").write_bytes(b"{")
    assert (tmp_path / "evidence" / f"{INCIDENT}.1.png").stat().st_mode & 0o77 == 0

    async def scene(s: Scene) -> None:
        await s.until(lambda: bool(s.exhibits))
        await gone(tmp_path)

    assert play(tmp_path, scene).exhibits[0].content == png()


def test_what_is_old_or_damaged_is_given_up(tmp_path: Path) -> None:
    folder = EvidenceFolder(tmp_path)
    kept(tmp_path, 1, Instant(T0 - KEPT_US - 1))
    young = kept(tmp_path, 2, Instant(T0 - KEPT_US))
    for name, text in (("a", "{"), ("b", "[]"), (f"{INCIDENT}.9", "{}")):
        (tmp_path / "evidence" / f"{name}.json").write_text(text)
    assert folder.waiting(T0) == [young]
    assert files(tmp_path) == [f"{young.name}.json", f"{young.name}.png"]


def test_not_more_than_a_hundred_wait(tmp_path: Path) -> None:
    for rev in range(1, KEPT + 1):
        kept(tmp_path, rev, Instant(T0 + rev * SECOND))
    one = Evidence(incident_id=INCIDENT, rev=KEPT + 1, check="erp/web", taken=T0)
    assert not EvidenceFolder(tmp_path).keep(one, png())
    assert len(EvidenceFolder(tmp_path).waiting(T0)) == KEPT
