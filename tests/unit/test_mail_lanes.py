"""Several mails leave at once; those of one ticket in their order, one by one."""

import asyncio
import threading
from collections.abc import Callable
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from scudo_agent.desk.mail.transport import TransportError
from scudo_agent.desk.mail_lanes import LANES
from scudo_agent.desk.store.mailbox import LEASE_US
from scudo_agent.desk.store.tables import mail_outbox
from scudo_agent.instant import HOUR, SECOND, Instant, format_instant
from support.desk_scene import Scene, play
from support.desking import T0, Bench, Speaker, stage

ROW = "0193e1c0-0000-7000-8000-0000000000{:02d}"
LIMIT_S = 20


class Server:
    """A mail server that does with each mail what `act` does, by its Message-ID."""

    def __init__(self, act: Callable[[str], None]) -> None:
        self.act = act
        self.taken: list[str] = []
        self.full = threading.Event()
        self.wanted = 0

    def send(self, sender: str, recipient: str, data: bytes) -> None:
        """Take the mail when `act` returns."""
        name = str(message_from_bytes(data, policy=default)["Message-ID"])
        self.act(name)
        self.taken.append(name)
        if len(self.taken) == self.wanted:
            self.full.set()

    def rest(self) -> None:
        """Nothing is kept open."""


async def opened(agent: Speaker, numbers: range) -> None:
    """As many incidents, hours apart: each is mailed by itself."""
    ats = {n: format_instant(Instant(T0 - (50 - n) * HOUR)) for n in numbers}
    stages = [
        stage(
            n,
            incident_id=ROW.format(n),
            subject_key=f"service:s{n}",
            at=ats[n],
            since=ats[n],
        )
        for n in numbers
    ]
    assert (await agent.send(*stages)).status_code == 200


async def worked(b: Bench, server: Server, wanted: int) -> None:
    """Let the worker run until the server took as many mails."""
    server.wanted = wanted
    worker = b.desk._worker
    assert worker is not None
    working = asyncio.create_task(worker.run())
    full = await asyncio.to_thread(server.full.wait, LIMIT_S)
    await worker.stop(working, patience_s=LIMIT_S)
    assert full, server.taken


def states(b: Bench) -> list[str]:
    with b.desk.store.database.read() as db:
        query = select(mail_outbox.c.state).order_by(mail_outbox.c.mail_id)
        return list(db.execute(query).scalars())


def test_as_many_mails_as_lanes_are_under_way_at_once(tmp_path: Path) -> None:
    together = threading.Barrier(LANES)

    def act(name: str) -> None:
        together.wait(LIMIT_S)

    server = Server(act)

    async def scene(b: Bench) -> None:
        await opened(await b.agent(), range(1, 2 * LANES + 1))
        # With one lane less the barrier would break, and no mail would be taken.
        await worked(b, server, 2 * LANES)
        assert len(set(server.taken)) == 2 * LANES
        assert states(b) == ["sent"] * 2 * LANES

    play(tmp_path, scene, transport=server)


def test_a_mail_waits_for_the_one_before_it_of_its_ticket(tmp_path: Path) -> None:
    others = threading.Event()

    def act(name: str) -> None:
        if ".open." not in name or ROW.format(1) not in name:
            return
        # It is kept until all that can leave without it has left.
        assert others.wait(LIMIT_S)

    server = Server(act)

    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await opened(agent, range(1, 7))
        back = stage(
            7, 2, "recover", incident_id=ROW.format(1), subject_key="service:s1"
        )
        assert (await agent.send(back)).status_code == 200
        at_server = server.act

        def counted(name: str) -> None:
            at_server(name)
            if len(server.taken) == 4:
                others.set()

        server.act = counted
        await worked(b, server, 7)
        first, last = (
            next(n for n in server.taken if ROW.format(1) in n and kind in n)
            for kind in (".open.", ".recover.")
        )
        assert server.taken.index(first) >= 4
        assert server.taken.index(last) > server.taken.index(first)
        assert set(states(b)) == {"sent"}

    play(tmp_path, scene, transport=server)


def _later(name: str) -> None:
    raise TransportError("451 come again", answered=True)


def _never(name: str) -> None:
    raise TransportError("550 no such user", permanent=True, answered=True)


def _defect(name: str) -> None:
    raise ZeroDivisionError("a defect")


@pytest.mark.parametrize(
    ("fault", "left"), [(_later, "pending"), (_never, "failed"), (_defect, "pending")]
)
def test_an_error_in_one_lane_ends_none_of_the_others(
    tmp_path: Path, fault: Callable[[str], None], left: str
) -> None:
    def act(name: str) -> None:
        if ROW.format(2) in name:
            fault(name)

    server = Server(act)

    async def scene(b: Bench) -> None:
        await opened(await b.agent(), range(1, 7))
        await worked(b, server, 5)
        assert states(b) == ["sent", left, *["sent"] * 4]

    play(tmp_path, scene, transport=server)


def test_a_mail_that_cannot_be_read_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(lambda name: None)

    async def scene(b: Bench) -> None:
        await opened(await b.agent(), range(1, 4))
        read = b.desk.store.mail.errand

        def reading(claim: Any) -> Any:
            if ROW.format(1) in claim.row.message_id:
                raise KeyError("stage")
            return read(claim)

        monkeypatch.setattr(b.desk.store.mail, "errand", reading)
        await worked(b, server, 2)
        assert states(b) == ["pending", "sent", "sent"]

    play(tmp_path, scene, transport=server)


def test_what_waits_for_an_older_mail_is_not_asked_for_again_and_again(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await agent.send(stage())
        await agent.send(stage(2, 2, "recover"))
        b.mails.faults = [TransportError("451 come again", answered=True)]
        await b.desk.send_mails()
        turn = b.desk.store.mail.turn((), 4)
        # The recovery's own time is past, but it waits for the opening.
        assert turn.claims == ()
        assert turn.due is not None
        assert turn.due > b.desk.store.now()

    play(tmp_path, scene)


def test_a_line_that_broke_is_tried_sooner_than_a_server_that_said_later(
    tmp_path: Path,
) -> None:
    async def waits(b: Bench, *, answered: bool) -> int:
        b.mails.faults = [TransportError("no", answered=answered)]
        await b.desk.send_mails()
        due = b.desk.store.mail.turn((), 1).due
        assert due is not None
        return due - b.desk.store.now()

    def scene_of(found: list[int], *, answered: bool) -> Scene:
        async def scene(b: Bench) -> None:
            await (await b.agent()).send(stage())
            found.append(await waits(b, answered=answered))

        return scene

    found: list[int] = []
    play(tmp_path / "broke", scene_of(found, answered=False))
    play(tmp_path / "said", scene_of(found, answered=True))
    # The same random number, of a quarter of the span.
    assert found[1] == pytest.approx(4 * found[0], rel=0.01)


def test_a_mail_that_waited_for_slow_ones_is_given_back(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        await (await b.agent()).send(stage())
        (claim,) = b.desk.store.mail.turn((), 4).claims
        b.clock.forward(LEASE_US / SECOND / 2 + 1)
        worker = b.desk._worker
        assert worker is not None
        outcome = worker.deliver(claim)
        assert outcome is not None
        assert b.mails.mails == []
        (again,) = b.desk.store.mail.turn([outcome], 4).claims
        assert again.fence == claim.fence + 1

    play(tmp_path, scene)
