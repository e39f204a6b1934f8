"""A disk that fills: weeks of hours, then a whole agent that tells of it in time."""

import asyncio
import json
import mailbox
import random
from collections.abc import Callable, Coroutine, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from scudo_agent import config
from scudo_agent.agent.app import Agent, Options, running
from scudo_agent.agent.runtime import Runtime
from scudo_agent.agent.stored import stored_document
from scudo_agent.instant import DAY, HOUR, MINUTE, SECOND, Instant, parse_instant
from scudo_agent.judge.forecast import Hour, HourOf
from scudo_agent.model import Outcome
from scudo_agent.probes.registry import SETTINGS
from scudo_agent.store.agent_store import AgentStore
from scudo_agent.store.read import StoreReader
from scudo_agent.store.values import Write
from scudo_agent.text import T
from support.script import GOOD, ScriptEngine
from support.sim import SimClock, simulate
from support.sites import SITE, write_site

BEGIN = parse_instant("2026-02-01T00:00:00Z")
DISK = "{host: {disk: /, warn: 85%, degraded: 95%}}"
FORESEEN = SITE.replace(DISK, DISK.replace("95%", "95%, forecast: 14d"))
PACE = 0.012
"""A day; from 40 % on it comes to 95 % after 45.8 days."""


class World:
    """A simulated machine with one disk, which may be cleaned."""

    def __init__(self, folder: Path, now: Instant) -> None:
        self.folder, self.clock = folder, SimClock(now)
        self.cleaned: Instant | None = None

    def used(self, at: Instant) -> float:
        since = BEGIN if self.cleaned is None or at < self.cleaned else self.cleaned
        return 0.4 + PACE * (at - since) / DAY

    def outcome(self, check: str) -> Outcome:
        if check != "here/disk":
            return GOOD
        used = self.used(self.clock.wall())
        seen = T("{path} {used} used", path="/", used={"ratio": used})
        return Outcome(answered=True, seen=seen, values={"used": used})

    def lived(self, until: Instant) -> None:
        """The agent has lived from `BEGIN` on: its store has the hours."""
        store = AgentStore.open(
            self.folder / "state", site="prova", clock=SimClock(until), inline=True
        )
        starts = range(BEGIN, until - HOUR + 1, HOUR)
        store.commit(Write(hours=tuple(self.hour(Instant(at)) for at in starts)))
        store.close()

    def hour(self, start: Instant) -> HourOf:
        """What an agent keeps of an hour in which it looked every minute."""
        values = [self.used(Instant(start + n * MINUTE)) for n in range(60)]
        hour = Hour(
            start=start,
            n=60,
            offset_us=sum(n * MINUTE for n in range(60)),
            sum=sum(values),
            min=values[0],
            max=values[-1],
            last=values[-1],
        )
        return HourOf(check="here/disk", measure="host disk /", hour=hour)

    def live(
        self,
        during: Callable[[Agent], Coroutine[Any, Any, None]],
        *,
        kill: bool = False,
        text: str = FORESEEN,
    ) -> None:
        async def main() -> None:
            site = config.load(write_site(self.folder, text), SETTINGS)
            options = Options(
                state=self.folder / "state",
                desk_file=self.folder / "desk.yaml",
                clock=self.clock,
                engines=lambda _kind: ScriptEngine(self.outcome),
                rng=random.Random(7),
                simulated=True,
            )
            async with running(site, options) as agent:
                stop = asyncio.Event()
                task = asyncio.create_task(agent.runtime.run(stop))
                await during(agent)
                stop.set()
                await task

        with pytest.MonkeyPatch.context() as patched:
            if kill:  # nothing of a clean stop is written
                patched.setattr(Runtime, "close", _nothing)
            simulate(self.clock, main())

    def mails(self) -> list[EmailMessage]:
        """The opening first, then what refers to it."""
        box = mailbox.Maildir(self.folder / "state" / "mail")
        mails = [
            message_from_bytes(one.as_bytes(), policy=policy.default) for one in box
        ]
        return sorted(mails, key=lambda mail: len(mail.get_all("References", [])))


async def _nothing(_runtime: Runtime) -> None:
    return None


def wait(us: int) -> Callable[[Agent], Coroutine[Any, Any, None]]:
    async def during(_agent: Agent) -> None:
        await asyncio.sleep(us / SECOND)

    return during


@pytest.fixture
def folder() -> Iterator[Path]:
    shared = Path("/dev/shm")
    with TemporaryDirectory(dir=shared if shared.is_dir() else None) as name:
        yield Path(name)


def subjects(agent: Agent) -> list[str]:
    return [one.subject for one in agent.runtime.judge.open_incidents()]


def test_a_filling_disk_is_told_and_recovers_once_it_is_cleaned(folder: Path) -> None:
    full = Instant(BEGIN + round(0.55 / PACE * DAY))
    world = World(folder, Instant(full - 14 * DAY - 2 * HOUR))
    world.lived(world.clock.wall())
    told: dict[str, Any] = {}

    async def weeks(agent: Agent) -> None:
        await asyncio.sleep(HOUR / SECOND)
        told["early"] = subjects(agent)
        await asyncio.sleep(2 * HOUR / SECOND)
        told["due"] = subjects(agent)
        told["status"] = agent.status.document()
        world.cleaned = world.clock.wall()
        await asyncio.sleep(6 * HOUR / SECOND)
        told["cleaned"] = subjects(agent)

    world.live(weeks)

    assert told["early"] == []
    assert told["due"] == ["forecast:here/disk"]
    assert told["cleaned"] == []
    [disk] = [one for one in told["status"]["checks"] if one["check"] == "here/disk"]
    assert disk["state"] == "up"
    likely = parse_instant(disk["forecast"]["likely"])
    assert likely == pytest.approx(full, abs=MINUTE)

    opened, over = world.mails()
    assert opened["Subject"].startswith("[SC-")
    assert "Previsione: here/disk – gravità 3 (L segnalazione)" in opened["Subject"]
    body = opened.get_body(("plain",))
    assert body is not None
    words = " ".join(body.get_content().split())
    assert "here/disk (/): ora 78%, " in words
    assert "1,2% in più al giorno" in words
    assert "il limite di 95% è raggiunto mercoledì 18 marzo 2026" in words
    assert "una previsione, per ora tutto funziona (regola S5)" in words
    assert "Previsione rientrata: here/disk" in over["Subject"]
    assert over["References"] == opened["Message-ID"]


def test_a_killed_agent_goes_on_with_its_forecast(folder: Path) -> None:
    full = Instant(BEGIN + round(0.55 / PACE * DAY))
    world = World(folder, Instant(full - 13 * DAY))
    world.lived(world.clock.wall())
    world.live(wait(70 * MINUTE), kill=True)
    world.clock.mono_us += HOUR
    told: list[list[str]] = []

    async def again(agent: Agent) -> None:
        told.append(subjects(agent))
        await asyncio.sleep(10 * MINUTE / SECOND)
        told.append(subjects(agent))
        told.append(
            [str(row.incident_id) for row in agent.runtime.store.reader.incidents()]
        )

    world.live(again)

    assert told[:2] == [["forecast:here/disk"]] * 2
    assert len(told[2]) == 1
    assert len(world.mails()) == 1


def test_what_is_measured_is_kept_hour_by_hour(folder: Path) -> None:
    world = World(folder, Instant(BEGIN + 30 * MINUTE))
    world.live(wait(2 * HOUR), kill=True)
    reader = StoreReader.open(folder / "state")
    kept = reader.hours({"here/disk": "host disk /"})["here/disk"]
    reader.close()
    assert [one.start - BEGIN for one in kept] == [0, HOUR]  # the running one is lost
    assert [one.n for one in kept] == [30, 60]

    world.live(wait(10 * MINUTE))
    reader = StoreReader.open(folder / "state")
    kept = reader.hours({"here/disk": "host disk /"})["here/disk"]
    reader.close()
    assert kept[-1].start == BEGIN + 2 * HOUR  # a clean stop keeps it


def test_a_stopped_agent_tells_its_forecast_from_the_store(folder: Path) -> None:
    world = World(folder, Instant(BEGIN + 40 * DAY))
    world.lived(world.clock.wall())
    world.live(wait(5 * MINUTE))

    site = config.load(folder / "site.yaml", SETTINGS)
    reader = StoreReader.open(folder / "state")
    document = stored_document(site, reader, now=world.clock.wall())
    reader.close()

    [disk] = [one for one in document["checks"] if one["check"] == "here/disk"]
    assert disk["forecast"]["likely"].startswith("2026-03-18")
    json.dumps(document)


def test_a_forecast_that_is_taken_out_of_the_file_ends_with_it(folder: Path) -> None:
    full = Instant(BEGIN + round(0.55 / PACE * DAY))
    world = World(folder, Instant(full - 13 * DAY))
    world.lived(world.clock.wall())
    world.live(wait(10 * MINUTE))
    told: list[Any] = []

    async def without(agent: Agent) -> None:
        told.append(subjects(agent))
        told.append([str(row.state) for row in agent.runtime.store.reader.incidents()])
        await asyncio.sleep(60)

    world.live(without, text=SITE)

    assert told[0] == []
    assert told[1][0].startswith("recovered")
    reader = StoreReader.open(folder / "state")
    assert reader.hours({"here/disk": "host disk /"}) == {"here/disk": []}
    reader.close()
