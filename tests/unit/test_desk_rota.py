"""The rota as people keep it: versions, swaps, the page, the API, the command."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path

from scudo_agent.cli import desk_on_call
from scudo_agent.desk.orders import Orders
from scudo_agent.desk.rights import Role
from scudo_agent.desk.rota import Rota, Swap, in_line
from scudo_agent.desk.store.people import ALL
from scudo_agent.instant import DAY, HOUR, Instant
from support.crew import OURS, Hand, hand
from support.desking import T0, Bench, bench

ROTA = {"version": "0", "zone": "Europe/Rome", "first": "2026-11-23", "time": "09:00",
        "every": "7"}  # fmt: skip


def desk(tmp_path: Path, walk: Callable[[Bench], Awaitable[None]]) -> None:
    async def go() -> None:
        async with bench(tmp_path) as b:
            await walk(b)

    asyncio.run(go())


def crew(b: Bench) -> tuple[Hand, Hand, Hand]:
    """A dispatcher and two technicians."""
    return (
        hand(b, Role.DISPATCHER, "Dora Dispatcher"),
        hand(b, Role.TECHNICIAN, "Tina Tecnica"),
        hand(b, Role.TECHNICIAN, "Ugo Tecnico"),
    )


def test_nine_oclock_stays_nine_oclock_when_the_clocks_change() -> None:
    rota = Rota(
        zone="Europe/Rome", first=date(2026, 10, 19), minute=540, every_days=7,
        people=(1, 2),
    )  # fmt: skip
    # Monday 26 October 09:00 CET is 08:00Z; a week of 168 hours would end at 07:00Z.
    eight = Instant(1_793_001_600 * 1_000_000)
    assert in_line(rota, (), Instant(eight - 1)) == (1, 2)
    assert in_line(rota, (), eight) == (2, 1)


def test_a_rota_is_written_down_in_versions_and_nobody_is_overwritten(
    tmp_path: Path,
) -> None:
    async def walk(b: Bench) -> None:
        dora, tina, ugo = crew(b)
        people = {"p1": str(tina.number), "p3": str(ugo.number)}
        done = await dora.client.post("/on-call/rota", data=ROTA | people, headers=OURS)
        assert (done.status_code, done.headers["location"]) == (
            303,
            "/on-call?done=rota",
        )
        page = await ugo.page("/on-call")
        assert "Viene chiamato per primo: Tina Tecnica." in page
        assert "/on-call/swap" not in page  # a technician reads it
        # Somebody had the page open since before.
        late = await dora.client.post("/on-call/rota", data=ROTA | people, headers=OURS)
        assert late.status_code == 409
        assert b.desk.store.rota.now().version == 1
        # One that begins later holds from then on, and the first one until then.
        b.clock.forward(3600)
        later = ROTA | {"version": "1", "first": "2026-11-26", "p1": str(ugo.number)}
        await dora.client.post("/on-call/rota", data=later, headers=OURS)
        now = b.desk.store.rota.now()
        assert (now.line[0], now.version) == (tina.number, 2)
        b.clock.forward(3 * 86400)
        assert b.desk.store.rota.now().line == (ugo.number,)
        # Whoever is locked out is not called.
        b.desk.store.people.disable(ALL, ugo.number, actor="person:admin")
        assert b.desk.store.rota.now().line == ()
        assert "Nessuno è reperibile" in await tina.page("/on-call")

    desk(tmp_path, walk)


def test_what_cannot_be_a_rota_is_refused_and_stays_in_the_form(tmp_path: Path) -> None:
    async def walk(b: Bench) -> None:
        dora, tina, _ = crew(b)
        one = {"p1": str(tina.number)}
        for wrong in (
            {"zone": "Europe/Atlantis"},
            {"every": "0"},
            {"every": "29"},
            {"time": "9"},
            {"first": "2026-02-30"},
            {"first": "9999-12-31"},
            {"p1": ""},
            {"p2": str(tina.number)},
            {"p1": "999"},
            {"version": "x"},
        ):
            form = ROTA | one | wrong
            answer = await dora.client.post("/on-call/rota", data=form, headers=OURS)
            assert answer.status_code == 422, wrong
            assert 'role="alert"' in answer.text
            if "zone" in wrong:
                assert 'value="Europe/Atlantis"' in answer.text
        assert b.desk.store.rota.versions() == ()

    desk(tmp_path, walk)


def test_a_swap_holds_for_its_hours_and_can_be_taken_back(tmp_path: Path) -> None:
    async def walk(b: Bench) -> None:
        dora, tina, ugo = crew(b)
        book = b.desk.store.rota
        rota = Rota(
            zone="Europe/Rome", first=date(2026, 11, 23), minute=540, every_days=7,
            people=(tina.number,),
        )  # fmt: skip
        book.put(rota, version=0, actor="person:admin")
        form = {"person": str(ugo.number), "start": "2026-11-24T09:00",
                "end": "2026-11-25T09:00", "words": "Ferie"}  # fmt: skip
        await dora.client.post("/on-call/swap", data=form, headers=OURS)
        backwards = form | {"end": "2026-11-24T08:00"}
        refused = await dora.client.post("/on-call/swap", data=backwards, headers=OURS)
        assert refused.status_code == 422
        assert book.now().line == (tina.number,)
        page = await tina.page("/on-call")
        assert "Ferie" in page
        assert "Dora Dispatcher" in page
        b.clock.forward(86400)
        assert book.now().line == (ugo.number, tina.number)
        number = str(book.now().swaps[0].swap_id)
        await dora.client.post("/on-call/back", data={"swap": number}, headers=OURS)
        assert book.now().line == (tina.number,)
        assert "annullato da Dora Dispatcher" in await tina.page("/on-call")
        again = await dora.client.post(
            "/on-call/back", data={"swap": number}, headers=OURS
        )
        assert again.status_code == 404

    desk(tmp_path, walk)


def test_api_and_command_say_the_same(tmp_path: Path) -> None:
    async def walk(b: Bench) -> None:
        _, tina, ugo = crew(b)
        book = b.desk.store.rota
        orders = Orders(b.desk).orders()
        empty = await orders["desk-on-call"]({}, "root")
        assert empty["line"] == empty["turns"] == []
        assert next(desk_on_call._lines(empty)).startswith("nobody is on call")
        rota = Rota(
            zone="Europe/Rome", first=date(2026, 11, 23), minute=540, every_days=7,
            people=(tina.number, ugo.number),
        )  # fmt: skip
        book.put(rota, version=0, actor="person:admin")
        start = Instant(T0 + DAY)
        book.swap(
            Swap(start=start, end=Instant(start + HOUR), person_id=ugo.number),
            "",
            actor="person:admin",
        )
        told = await orders["desk-on-call"]({}, "root")
        assert [one["name"] for one in told["line"]] == ["Tina Tecnica", "Ugo Tecnico"]
        names = [one["person"]["name"].split()[0] for one in told["turns"]]
        assert names[:4] == ["Tina", "Ugo", "Tina", "Ugo"]
        lines = list(desk_on_call._lines(told))
        assert lines[0] == "called first: Tina Tecnica, then Ugo Tecnico"
        assert lines[2].endswith("Ugo Tecnico, swapped")

    desk(tmp_path, walk)
