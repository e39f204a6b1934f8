"""What refuses a reload as a whole, and that the old version then goes on."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from scudo_agent import config
from scudo_agent.agent.events import EventLog
from scudo_agent.agent.reload import NAMED, Reloaded, Reloader, answer_of
from scudo_agent.agent.runtime import Runtime
from scudo_agent.config.judging import judging_site
from scudo_agent.config.site import Site
from scudo_agent.errors import InputError, ScudoError, StoreError
from scudo_agent.instant import parse_instant
from scudo_agent.judge.batch import Batch
from scudo_agent.judge.site import JudgeSite
from scudo_agent.probes.registry import SETTINGS
from scudo_agent.store.agent_store import AgentStore
from support.script import BAD, GOOD, ScriptEngine
from support.sim import SimClock, simulate
from support.sites import SITE, write_site

AT = parse_instant("2026-03-02T09:00:00Z")
MORE = SITE.replace(
    "services:", "  nas: {address: 192.0.2.9, checks: {ping: icmp}}\nservices:"
)


class Scene:
    """A runtime in simulated time, and what reloads it."""

    def __init__(self, folder: Path, *, recording: bool = False) -> None:
        self.folder = folder
        self.clock = SimClock(AT)
        self.bad: set[str] = set()
        self.store = AgentStore.open(
            folder / "state", site="prova", clock=self.clock, inline=True
        )
        self.write(SITE)
        self.runtime = Runtime(
            self.load(), self.store, self.clock, engines=lambda _kind: self.engine()
        )
        self.events = EventLog(self.runtime.site, self.runtime.judge)
        self.enrolled: list[str] = []
        self.refuses: ScudoError | None = None
        self.reloader = Reloader(
            self.runtime,
            self.events,
            load=self.load,
            enrol=self.enrol,
            recording=recording,
        )

    def engine(self) -> ScriptEngine:
        return ScriptEngine(lambda check: BAD if check in self.bad else GOOD)

    def write(self, text: str) -> None:
        write_site(self.folder, text)

    def load(self) -> Site:
        return config.load(self.folder / "site.yaml", SETTINGS)

    async def enrol(self, site: Site) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.enrolled.append(site.config_hash)

    async def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            await self.runtime.tick()
            await asyncio.sleep(0.1)

    def play(self, story: Callable[[], Awaitable[None]]) -> None:
        async def whole() -> None:
            await self.runtime.start()
            await story()
            await self.runtime.close()

        try:
            simulate(self.clock, whole())
        finally:
            self.store.close()

    async def refused(self, text: str) -> Reloaded:
        """Reload this file, which must not be taken."""
        before = self.runtime.site
        self.write(text)
        result = await self.reloader.reload()
        assert not result.done
        assert self.runtime.site is before
        assert self.runtime.file_taken.why == result.why
        await self.run(70)
        assert self.runtime.judge.state("erp/web").state == "up"
        assert self.runtime.pipeline.commit_error is None
        return result


def test_a_desk_that_refuses_refuses_it_all(tmp_path: Path) -> None:
    scene = Scene(tmp_path)

    async def story() -> None:
        await scene.run(10)
        scene.refuses = InputError("keep one of the two")
        result = await scene.refused(MORE)
        assert (result.why, result.code) == (("keep one of the two",), 2)
        scene.refuses = None
        assert (await scene.reloader.reload()).done
        assert scene.enrolled == [scene.runtime.site.config_hash]
        assert scene.runtime.file_taken.why == ()

    scene.play(story)


def test_a_record_is_of_one_file(tmp_path: Path) -> None:
    scene = Scene(tmp_path, recording=True)

    async def story() -> None:
        await scene.run(10)
        result = await scene.refused(MORE)
        assert "needs a restart: the events are recorded" in result.why[0]
        # What is not judged, and how late a relapse may come, may change.
        scene.write(SITE.replace("ACME S.p.A.", "ACME S.r.l."))
        contract = tmp_path / "contract.yaml"
        contract.write_text(contract.read_text() + "tickets: {reopen: 2h}\n")
        result = await scene.reloader.reload()
        assert result.done, result.why
        assert scene.runtime.pipeline.reopen_us == 2 * 3_600 * 1_000_000
        assert (
            scene.runtime.judge.reload(_rules(scene), scene.runtime.pipeline.last)
            == Batch()
        )

    scene.play(story)


def _rules(scene: Scene) -> JudgeSite:

    return judging_site(scene.runtime.site)


def test_a_store_that_takes_nothing_refuses_it(tmp_path: Path) -> None:
    scene = Scene(tmp_path)

    async def story() -> None:
        await scene.run(10)
        before = scene.runtime.site
        scene.runtime.pipeline.commit_error = StoreError("the disk is full")
        scene.runtime._retry_us = 1 << 62
        scene.write(MORE)
        result = await scene.reloader.reload()
        assert result.why == ("the disk is full",)
        assert scene.runtime.site is before
        scene.runtime._retry_us = 0
        scene.runtime.pipeline.commit_error = None

    scene.play(story)


def test_two_wishes_at_once_are_done_one_after_the_other(tmp_path: Path) -> None:
    scene = Scene(tmp_path)

    async def story() -> None:
        await scene.run(10)
        scene.write(MORE)
        one, two = await asyncio.gather(scene.reloader.begin(), scene.reloader.begin())
        assert one.done
        assert two.done
        assert one.differences
        assert not two.differences

    scene.play(story)


def test_what_was_reported_before_the_reload_is_judged_by_the_old_file(
    tmp_path: Path,
) -> None:
    scene = Scene(tmp_path)
    gone = SITE.replace("[erp/web, erp/db]", "[erp/db]").replace(
        ", web: {tcp: {port: 443}}", ""
    )

    async def story() -> None:
        await scene.run(70)
        scene.runtime.report("erp/web", BAD)
        scene.runtime.report("erp/db", BAD)
        scene.write(gone)
        result = await scene.reloader.reload()
        assert result.done, result.why
        assert scene.runtime.judge.state("erp/db").run_failed == 1
        await scene.run(70)
        assert "erp/web" not in scene.runtime.pipeline.seen
        assert {m.check for m in scene.store.load().checks} == set(
            scene.runtime.site.checks
        )

    scene.play(story)


def test_a_long_answer_is_cut_and_counted() -> None:
    why = tuple(f"site.yaml:{n}: wrong" for n in range(NAMED + 7))
    answer = answer_of(Reloaded(at=AT, why=why, code=2))

    assert len(answer["why"]) == NAMED
    assert answer["left_out"] == 7
    assert answer["done"] is False
