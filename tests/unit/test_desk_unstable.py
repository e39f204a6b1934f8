"""One thing again and again: one ticket, few mails, every stage kept."""

from pathlib import Path

import pytest
from sqlalchemy import func, select

from scudo_agent.desk.store.scope import Scope
from scudo_agent.desk.store.tables import mail_outbox, ticket, ticket_event
from scudo_agent.instant import DAY, HOUR, SECOND, Instant, format_instant
from scudo_agent.wire import Stage
from support.desk_scene import play
from support.desking import T0, Bench, Speaker, stage
from support.mails_told import unheard, untold
from support.storms import subjects, text

CYCLE_S = 20


def flap(rev: int, b: Bench) -> Stage:
    kind = "open" if rev == 1 else "reopen" if rev % 2 else "recover"
    return stage(rev, rev, kind, at=format_instant(b.clock.wall()))


def faults(b: Bench) -> list[str]:
    with b.desk.store.database.read() as db:
        return untold(db) + unheard(db)


def sent(b: Bench) -> list[int]:
    query = select(mail_outbox.c.sent_us).where(mail_outbox.c.state == "sent")
    with b.desk.store.database.read() as db:
        return sorted(db.execute(query).scalars())


async def flaps(
    b: Bench,
    agent: Speaker,
    stages: int,
    *,
    every_s: float = CYCLE_S,
    rev: int = 0,
    batch: int = 1,
) -> int:
    """So many stages more, sent in batches as they are due; the last one's rev."""
    last = rev + stages
    waiting: list[Stage] = []
    for number in range(rev + 1, last + 1):
        waiting.append(flap(number, b))
        if len(waiting) == batch or number == last:
            assert (await agent.send(*waiting)).status_code == 200
            await b.desk.send_mails()
            waiting.clear()
        b.clock.forward(every_s)
    return last


def test_a_day_of_flapping_is_one_ticket_and_six_mails(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        count = DAY // (CYCLE_S * SECOND)
        assert count == 4320
        rev = await flaps(b, agent, 20)
        await flaps(b, agent, count - rev, rev=rev, batch=100)
        with b.desk.store.database.read() as db:
            kept = (
                select(func.count())
                .where(ticket_event.c.rev.is_not(None))
                .where(ticket_event.c.actor.like("agent:%"))
            )
            assert db.execute(kept).scalar_one() == 4320
            assert len(db.execute(select(ticket.c.ref)).all()) == 1
        assert len(b.mails.mails) <= 6
        b.clock.forward(8 * 3600)
        await b.desk.send_mails()
        assert "instabile" in subjects(b)[-1]
        assert "2157 volte" in text(b).replace(".", "")
        assert faults(b) == []
        assert all(
            last - first >= DAY
            for first, last in zip(sent(b), sent(b)[6:], strict=False)
        )
        (line,) = b.desk.store.views.tickets(Scope.of_staff())
        assert line.unstable
        view = b.desk.store.views.ticket(Scope.of_staff(), line.ref)
        assert view is not None
        assert view.left_out > 3900
        assert view.opening is not None

    play(tmp_path, scene)


def test_two_relapses_are_told_each_and_the_third_is_not(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await flaps(b, agent, 6, every_s=600)
        assert len(b.mails.mails) == 6
        await flaps(b, agent, 3, every_s=600, rev=6)
        assert len(b.mails.mails) == 6
        (line,) = b.desk.store.views.tickets(Scope.of_staff())
        assert line.unstable

    play(tmp_path, scene)


def test_four_hours_of_quiet_bring_the_summary_once_a_mail_may_leave(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        rev = await flaps(b, agent, 6, every_s=3 * 3600)
        rev = await flaps(b, agent, 1, every_s=1, rev=rev)
        assert len(b.mails.mails) == 6
        b.clock.forward(4 * 3600 - 10)
        assert await b.desk.send_mails() == 0
        b.clock.forward(24 * 3600)
        assert await b.desk.send_mails() == 1
        # Stable again, and there is room: what is new has a mail of its own.
        await flaps(b, agent, 1, every_s=1, rev=rev)
        assert len(b.mails.mails) == 8
        assert faults(b) == []
        (line,) = b.desk.store.views.tickets(Scope.of_staff())
        assert not line.unstable

    play(tmp_path, scene)


@pytest.mark.parametrize("gap_h", [1, 3, 5, 7])
def test_whatever_the_rhythm_no_ticket_has_more_than_six_mails_a_day(
    tmp_path: Path, gap_h: int
) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await flaps(b, agent, 60, every_s=gap_h * 3600 / 2)
        b.clock.forward(2 * 86400)
        await b.desk.send_mails()
        dates = sent(b)
        assert all(
            last - first >= DAY for first, last in zip(dates, dates[6:], strict=False)
        )
        assert faults(b) == []

    play(tmp_path, scene)


def test_a_shared_ticket_relapses_when_it_was_over_and_not_before(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        twin = "0193e1c0-0000-7000-8000-000000000077"
        await agent.send(stage(1, 1), stage(2, 1, incident_id=twin))
        await agent.send(stage(3, 2, "recover"), stage(4, 3, "reopen"))
        (line,) = await agent.tickets()
        assert line["reopen_count"] == 0
        at = format_instant(Instant(T0 + HOUR))
        await agent.send(
            stage(5, 4, "recover", at=at),
            stage(6, 2, "recover", incident_id=twin, at=at),
            stage(7, 5, "reopen", at=at),
            stage(8, 3, "reopen", incident_id=twin, at=at),
        )
        (line,) = await agent.tickets()
        assert (line["reopen_count"], line["condition"]) == (1, "bad")

    play(tmp_path, scene)
