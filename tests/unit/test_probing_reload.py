"""Engines and runs under way when the site file has another version."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from scudo_agent import config
from scudo_agent.agent.probing import Probing
from scudo_agent.config.site import Site
from scudo_agent.errors import ScudoError
from scudo_agent.instant import Instant
from scudo_agent.model import Outcome
from scudo_agent.probes.port import Report
from scudo_agent.probes.registry import SETTINGS
from support.script import GOOD, ScriptEngine
from support.sim import SimClock, simulate
from support.sites import SITE, write_site

WEB = ", web: {tcp: {port: 443}}"
REST = SITE.replace("[erp/web, erp/db]", "[erp/db]").replace(WEB, "")


class Counting(ScriptEngine):
    """Says whether it is open."""

    def __init__(self, took_s: float, *, refuses: bool = False) -> None:
        super().__init__(lambda _check: GOOD, took_s=took_s)
        self.refuses = refuses
        self.closed = False

    async def start(self, report: Report) -> None:
        if self.refuses:
            raise ScudoError("it has not the rights")
        await super().start(report)

    async def close(self) -> None:
        await super().close()
        self.closed = True


class Scene:
    """Probing over engines that count; what was told, in order."""

    def __init__(self, folder: Path, took_s: float = 2.0) -> None:
        self.folder = folder
        self.clock = SimClock(Instant(0))
        self.took_s = took_s
        self.refuses: set[str] = set()
        self.engines: dict[str, list[Counting]] = {}
        self.told: list[str] = []
        self.probing = Probing(
            self.site(SITE), self.clock, engines=self.engine, report=self.report
        )

    def site(self, text: str) -> Site:
        return config.load(write_site(self.folder, text), SETTINGS)

    def engine(self, kind: str) -> Counting:
        one = Counting(self.took_s, refuses=kind in self.refuses)
        self.engines.setdefault(kind, []).append(one)
        return one

    def report(self, path: str, _outcome: Outcome) -> None:
        self.told.append(path)

    async def reload(self, text: str) -> None:
        site = self.site(text)
        for engine in self.probing.reload(await self.probing.prepare(site)):
            await engine.close()

    async def run(self, turns: int) -> None:
        for _ in range(turns):
            self.probing.fire()
            await asyncio.sleep(0.1)

    async def until_running(self, path: str) -> None:
        while path not in self.probing.running:
            self.probing.fire()
            await asyncio.sleep(0.1)

    def play(self, story: Callable[[], Awaitable[None]]) -> None:
        async def whole() -> None:
            await self.probing.start()
            await story()
            await self.probing.close()

        simulate(self.clock, whole())


def test_a_run_of_a_check_that_goes_says_nothing(tmp_path: Path) -> None:
    scene = Scene(tmp_path)

    async def story() -> None:
        await scene.until_running("erp/web")
        await scene.reload(REST)
        await scene.run(1000)
        assert "erp/web" not in scene.told
        assert scene.told.count("erp/db") >= 1
        assert "erp/web" not in scene.probing.running

    scene.play(story)


def test_a_run_of_a_check_that_changed_says_nothing_and_it_runs_anew(
    tmp_path: Path,
) -> None:
    scene = Scene(tmp_path)

    async def story() -> None:
        await scene.until_running("erp/web")
        runs = scene.engines["tcp"][0].runs["erp/web"]
        await scene.reload(SITE.replace("port: 443", "port: 8443"))
        await scene.run(15)
        assert scene.engines["tcp"][0].runs["erp/web"] == runs
        assert "erp/web" not in scene.told
        await scene.run(60)
        assert scene.engines["tcp"][0].runs["erp/web"] == runs + 1
        assert scene.told.count("erp/web") == 1

    scene.play(story)


def test_a_check_that_went_and_came_back_waits_for_its_old_run(tmp_path: Path) -> None:
    scene = Scene(tmp_path)

    async def story() -> None:
        await scene.until_running("erp/web")
        await scene.reload(REST)
        await scene.reload(SITE)
        await scene.run(15)
        assert scene.engines["tcp"][0].runs["erp/web"] == 1
        await scene.run(60)
        assert scene.engines["tcp"][0].runs["erp/web"] == 2
        assert scene.told.count("erp/web") == 1

    scene.play(story)


def test_a_run_of_a_check_that_stayed_is_told(tmp_path: Path) -> None:
    scene = Scene(tmp_path)

    async def story() -> None:
        await scene.until_running("erp/db")
        await scene.reload(REST)
        await scene.run(25)
        assert scene.told.count("erp/db") == 1

    scene.play(story)


def test_engines_come_and_go_with_their_kinds(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    other = SITE.replace(
        "web: {tcp: {port: 443}}", 'web: {http: "http://192.0.2.10/"}'
    ).replace("db: {tcp: {port: 5432}}", 'db: {http: "http://192.0.2.10/db"}')

    async def story() -> None:
        await scene.until_running("erp/web")
        (tcp,) = scene.engines["tcp"]
        (icmp,) = scene.engines["icmp"]
        await scene.reload(other)
        assert tcp.closed
        assert not icmp.closed
        await scene.run(80)
        assert scene.engines["http"][0].runs["erp/web"] >= 1
        assert scene.told.count("erp/web") == 1

    scene.play(story)


def test_a_kind_that_cannot_begin_changes_nothing(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.refuses = {"http"}
    more = SITE.replace(
        "web: {tcp: {port: 443}}", 'web: {http: "http://192.0.2.10/"}'
    ).replace(
        "switch: {address: 192.0.2.2, checks: {ping: icmp}}",
        "switch: {address: 192.0.2.2, checks: {ping: icmp, "
        "a: {dns: {name: a.example}}}}",
    )

    async def story() -> None:
        await scene.until_running("erp/web")
        with pytest.raises(ScudoError, match="rights"):
            await scene.reload(more)
        assert all(one.closed for one in scene.engines["dns"])
        await scene.run(30)
        assert scene.told.count("erp/web") == 1

    scene.play(story)
