"""Agents renew their keys: both hold meanwhile, whatever is killed (threat 7)."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from scudo_agent.agent import key_renewal
from scudo_agent.agent.key_renewal import KeyRenewal, place_of, ring_of
from scudo_agent.config.secret import Secret, resolve
from scudo_agent.desk.auth import fingerprint, new_key
from scudo_agent.desk.store.tables import security_event
from scudo_agent.instant import DAY, SECOND, format_instant
from scudo_agent.ticketing.desk import DeskClient
from scudo_agent.ticketing.key import KeyRing
from scudo_agent.wire import Hello, HelloReply
from support.desk_scene import play
from support.desking import Bench, Speaker, site

AGENT = "acme/acme-milano/1"
WEEK_S = 7 * DAY // SECOND
DAY_S = DAY // SECOND


class Killed(BaseException):
    """The process is no more."""


class OneAgent:
    """An agent's key on the disk, and a process of it whenever it is `born`."""

    def __init__(self, desk: Bench, folder: Path) -> None:
        self.desk = desk
        self.place = folder / "desk.key"
        self.place.write_text(desk.desk.enrol_embedded(site()) + "\n")
        self.cut: Callable[[httpx.Request], bool] = lambda request: False
        self.born()

    def born(self) -> None:
        """A process begins with what is on the disk."""
        given = resolve("file:desk.key", base=self.place.parent)
        self.ring = ring_of(given, place_of(given, self.place.parent))
        self.client = DeskClient(
            "http://desk", self.ring, transport=_Line(self.desk, self)
        )
        self.renewal = KeyRenewal(self.ring, self.client, self.place)

    async def hello(self) -> HelloReply:
        """Greet, as every 30 s, and let what follows from it come to its end."""
        reply = await self.client.hello(HELLO)
        self.renewal.heard(reply)
        if (task := self.renewal._task) is not None:
            with suppress(Killed):
                await task
        return reply

    async def holds(self, key: str) -> bool:
        """Whether the desk takes a key."""
        speaker = Speaker(self.desk.client, key)
        path = "/v1/agents/self/tickets"
        reply = await speaker.client.get(path, headers=speaker.headers)
        return reply.status_code == 200

    @property
    def key(self) -> str:
        """The key that is on the disk."""
        return self.place.read_text().strip()


class _Line(httpx.ASGITransport):
    def __init__(self, desk: Bench, agent: OneAgent) -> None:
        super().__init__(app=desk.desk.asgi)
        self._agent = agent

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        reply = await super().handle_async_request(request)
        if self._agent.cut(request):
            raise Killed
        return reply


HELLO = Hello(
    epoch=None,
    store_id="store-1",
    head_seq={"I": 0},
    acked_seq={"I": 0},
    wall="2026-03-01T10:00:00Z",
    mono_us=1,
    boot_id="boot",
)


def events(desk: Bench) -> list[str]:
    """What the desk noted, by kind."""
    with desk.desk.store.database.read() as db:
        return list(db.execute(select(security_event.c.kind)).scalars())


def run(folder: Path, scene: Callable[[Bench, OneAgent], Any]) -> None:
    """Play a scene with one agent at a desk."""

    async def scened(desk: Bench) -> None:
        await scene(desk, OneAgent(desk, folder))

    play(folder, scened)


def test_a_week_old_key_is_replaced_and_holds_a_day_longer(tmp_path: Path) -> None:
    async def scene(desk: Bench, agent: OneAgent) -> None:
        old = agent.key
        first = await agent.hello()
        assert not first.renew_key
        assert first.key_since == format_instant(desk.clock.wall())
        desk.clock.forward(WEEK_S)
        assert (await agent.hello()).renew_key
        new = agent.key
        assert new != old
        assert agent.place.stat().st_mode & 0o777 == 0o600
        assert await agent.holds(old), "nobody has used the new one yet"
        assert not (await agent.hello()).renew_key
        assert await agent.holds(old)
        desk.clock.forward(DAY_S)
        assert not await agent.holds(old)
        assert not await agent.holds(old)
        assert await agent.holds(new)
        assert events(desk) == ["key_renewed", "void_key_used"], "told once"

    run(tmp_path, scene)


def kill_at(agent: OneAgent, point: str, patch: pytest.MonkeyPatch) -> None:
    """Have the process end at one point of the renewal."""

    def die(*_: object) -> None:
        raise Killed

    if point == "before anything":
        patch.setattr(key_renewal, "new_key", die)
    elif point == "the next key is on the disk":
        patch.setattr(key_renewal, "fingerprint", die)
    elif point == "the desk has it, its reply is lost":
        agent.cut = lambda request: request.url.path.endswith("/key")
    elif point == "the reply came":
        patch.setattr(key_renewal, "_swap", die)
    elif point == "the present key is kept beside":
        patch.setattr(Path, "replace", _only_files_of("desk.key.before", Path.replace))
    elif point == "the next key is in its place":
        patch.setattr(agent.ring, "use", die)


def _only_files_of(name: str, replace: Callable[[Path, Path], Path]) -> Any:
    def replaced(self: Path, target: Path) -> Path:
        if self.name == "desk.key.next" and target.name == "desk.key":
            raise Killed
        return replace(self, target)

    return replaced


POINTS = (
    "before anything",
    "the next key is on the disk",
    "the desk has it, its reply is lost",
    "the reply came",
    "the present key is kept beside",
    "the next key is in its place",
)


@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere_it_goes_on(
    tmp_path: Path,
    point: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene(desk: Bench, agent: OneAgent) -> None:
        old = agent.key
        await agent.hello()
        desk.clock.forward(WEEK_S)
        with monkeypatch.context() as patch:
            kill_at(agent, point, patch)
            await agent.hello()
        agent.cut = lambda request: False
        # The desk is killed, too: what it committed is all that another one has.
        desk.desk.store.database.close()
        await desk.desk.start(mails=False)
        # For two days nobody starts it again.
        desk.clock.forward(2 * DAY_S)
        for _ in range(2):
            agent.born()
            await agent.hello()
        await agent.hello()
        assert agent.key != old
        assert await agent.holds(agent.key)
        desk.clock.forward(DAY_S)
        assert not await agent.holds(old)
        reply = await agent.hello()
        assert not reply.renew_key
        assert not (tmp_path / "desk.key.next").exists()

    run(tmp_path, scene)


def test_a_revoked_agent_is_refused_with_every_key_it_has(tmp_path: Path) -> None:
    async def scene(desk: Bench, agent: OneAgent) -> None:
        old = agent.key
        await agent.hello()
        desk.clock.forward(WEEK_S)
        await agent.hello()
        assert await agent.holds(old)
        desk.desk.store.agents.revoke(AGENT)
        # The next one was never used; the old one is within its day.
        assert not await agent.holds(agent.key)
        assert not await agent.holds(old)

    run(tmp_path, scene)


def test_a_key_of_people_ends_those_that_were_renewed(tmp_path: Path) -> None:
    async def scene(desk: Bench, agent: OneAgent) -> None:
        first = agent.key
        desk.clock.forward(WEEK_S)
        await agent.hello()
        await agent.hello()
        second, given = agent.key, new_key()
        desk.desk.enrol_embedded(site(), key=given)
        assert not await agent.holds(first)
        assert not await agent.holds(second)
        assert await agent.holds(given)

    run(tmp_path, scene)


def test_whoever_has_the_replaced_key_cannot_take_the_agents_place(
    tmp_path: Path,
) -> None:
    async def scene(desk: Bench, agent: OneAgent) -> None:
        stolen = agent.key
        desk.clock.forward(WEEK_S)
        await agent.hello()
        await agent.hello()
        thief = Speaker(desk.client, stolen)
        asked = {"key_sha256": fingerprint(new_key())}
        path = "/v1/agents/self/key"
        reply = await desk.client.post(path, json=asked, headers=thief.headers)
        assert reply.status_code == 409
        mine = Speaker(desk.client, agent.key)
        for known in (stolen, agent.key):
            body = {"key_sha256": fingerprint(known)}
            reply = await desk.client.post(path, json=body, headers=mine.headers)
            assert reply.status_code == 409

    run(tmp_path, scene)


def test_a_desk_put_back_from_a_copy_knows_the_key_before(tmp_path: Path) -> None:
    async def scene(desk: Bench, agent: OneAgent) -> None:
        old = agent.key
        await agent.hello()
        desk.clock.forward(WEEK_S)
        with desk.desk.store.database.write() as db:
            rows = db.exec_driver_sql("SELECT key_sha256, key_us FROM agent").all()
        await agent.hello()
        await agent.hello()
        assert agent.key != old
        with desk.desk.store.database.write() as db:
            db.exec_driver_sql("DELETE FROM agent_key")
            db.exec_driver_sql(
                "UPDATE agent SET key_sha256 = ?, key_us = ?", tuple(rows[0])
            )
        agent.born()  # a start has both from the disk
        assert (await agent.hello()).renew_key, "taken with the key before"
        await agent.hello()
        assert agent.key != old
        assert await agent.holds(agent.key)

    run(tmp_path, scene)


def test_a_key_that_stands_in_no_file_is_told_and_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(desk: Bench, agent: OneAgent) -> None:
        ring = KeyRing(Secret(agent.key, reference="credential:desk-key"))
        client = DeskClient("http://desk", ring, transport=_Line(desk, agent))
        assert place_of(ring.present, tmp_path) is None
        renewal = KeyRenewal(ring, client, None)
        desk.clock.forward(WEEK_S)
        for _ in range(2):
            renewal.heard(await client.hello(HELLO))
            await asyncio.sleep(0)
        assert caplog.text.count("credential:desk-key: is due to be renewed") == 1
        assert await agent.holds(agent.key)
        await client.close()

    run(tmp_path, scene)


def test_a_folder_that_takes_no_file_leaves_the_key_as_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(desk: Bench, agent: OneAgent) -> None:
        old = agent.key
        (tmp_path / "desk.key.next.new").mkdir()
        (tmp_path / "desk.key.next.new" / "in the way").touch()
        desk.clock.forward(WEEK_S)
        await agent.hello()
        assert "cannot be renewed" in caplog.text
        assert agent.key == old
        assert await agent.holds(old)

    run(tmp_path, scene)


def test_a_renewed_key_that_nobody_uses_for_30_days_is_void(tmp_path: Path) -> None:
    async def scene(desk: Bench, agent: OneAgent) -> None:
        await agent.hello()
        desk.clock.forward(40 * DAY_S)
        assert desk.desk.store.keys.void_unheard() == 0, "it was never renewed"
        await agent.hello()
        await agent.hello()
        desk.clock.forward(30 * DAY_S - 1)
        assert desk.desk.store.keys.void_unheard() == 0
        desk.clock.forward(1)
        assert desk.desk.store.keys.void_unheard() == 1
        assert not await agent.holds(agent.key)
        assert "key_unheard" in events(desk)

    run(tmp_path, scene)


def test_a_clock_that_was_set_voids_no_key(tmp_path: Path) -> None:
    async def scene(desk: Bench, agent: OneAgent) -> None:
        desk.clock.forward(WEEK_S)
        await agent.hello()
        await agent.hello()
        agents = desk.desk._agents
        assert agents is not None
        await agents.turn()
        desk.clock.forward(10 * 365 * DAY_S)
        await agents.turn()
        assert await agent.holds(agent.key)

    run(tmp_path, scene)
