"""What was promised of tickets at the desk: clocks, and contracts that are over."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from scudo_agent.desk.clocks import Mark, Moment, promises
from scudo_agent.desk.life import Estimate, Mode, Move, Note, Triage
from scudo_agent.desk.lifecycle import Status
from scudo_agent.desk.rights import Role
from scudo_agent.desk.store.clocking import Promised
from scudo_agent.desk.store.coverage import Cover
from scudo_agent.desk.store.scope import Person, Scope
from scudo_agent.instant import HOUR, Instant, format_instant, parse_instant
from support.contract_data import SHOP, calendar_of, data
from support.desk_scene import play
from support.desking import T0, Bench, contract, stage
from support.storms import text

ADMIN = Person(tenant_id="@provider", role=Role.ADMIN, actor="person:admin")
HALF = {
    "service_hours": {
        "weekly": {"mon-fri": ["09:00-18:00"]},
        "half_days": {"dates": ["06-02"], "hours": ["09:00-13:00"]},
    }
}
EARLY = {
    "holidays": {"country": None},
    "service_hours": {"weekly": {"mon-sun": ["02:30-06:00"]}},
}
TABLE: list[tuple[dict[str, Any], str, str, str]] = [
    ({}, "2026-04-03T16:30:00+02:00", "4 hours", "2026-04-07T11:30:00+02:00"),
    ({}, "2026-05-30T10:00:00+02:00", "16 hours", "2026-06-03T16:00:00+02:00"),
    ({}, "2026-12-24T17:00:00+01:00", "3 days", "2026-12-30T18:00:00+01:00"),
    ({}, "2027-10-01T17:00:00+02:00", "4 hours", "2027-10-05T12:00:00+02:00"),
    ({}, "2024-10-03T17:00:00+02:00", "4 hours", "2024-10-04T12:00:00+02:00"),
    (
        {"holidays": {"province": "MI"}},
        "2026-12-04T17:00:00+01:00",
        "4 hours",
        "2026-12-09T12:00:00+01:00",
    ),
    (
        {"holidays": {"remove": ["06-02"]}},
        "2026-06-01T17:00:00+02:00",
        "4 hours",
        "2026-06-02T12:00:00+02:00",
    ),
    (HALF, "2026-06-02T08:00:00+02:00", "4 hours", "2026-06-02T13:00:00+02:00"),
    (SHOP, "2026-06-01T17:30:00+02:00", "6 hours", "2026-06-03T10:00:00+02:00"),
    (SHOP, "2026-06-01T17:30:00+02:00", "1 days", "2026-06-02T13:00:00+02:00"),
    (SHOP, "2026-04-24T17:30:00+02:00", "1 days", "2026-04-27T18:30:00+02:00"),
    (EARLY, "2026-03-29T00:00:00+01:00", "1 hours", "2026-03-29T04:00:00+02:00"),
]
"""The table of `domain.md` 6: contract, opened, within, due."""


def clock(name: str, within: str, until: str, **when: Any) -> dict[str, Any]:
    n, unit = within.split()
    return {
        "name": name,
        "within": int(n),
        "unit": f"working_{unit}",
        "until": until,
        "when": when,
    }


def promised(b: Bench, ref: str) -> Promised:
    found = b.desk.store.clocks.of(Scope.of_staff(), ref)
    assert found is not None
    return found


def marks(b: Bench, ref: str) -> dict[str, str]:
    return {one.name: one.mark.value for one in promised(b, ref).clocks}


def due(b: Bench, ref: str) -> str | None:
    view = b.desk.store.views.ticket(Scope.of_staff(), ref)
    assert view is not None
    return None if view.line.due is None else format_instant(view.line.due)


def test_the_hand_worked_table_through_tickets(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        b.clock.at = int(parse_instant("2028-01-01T00:00:00Z"))
        for number, (keys, opened, within, expected) in enumerate(TABLE):
            body = contract(f"c{number}") | keys | {"year_start": "2020-01-01"}
            body["clocks"] = [clock("c", within, "taken")]
            agent = await b.agent(name=f"s{number}", brings=body)
            at: dict[str, Any] = dict.fromkeys(
                ("at", "since"), format_instant(parse_instant(opened))
            )
            at |= {"severity": 2, "rule": "S2"}
            sent = await agent.send(
                stage(1, incident_id=f"0193e1c0-0000-7000-8000-{number:012d}", **at)
            )
            ref = sent.json()["results"][0]["ticket"]
            (one,) = promised(b, ref).clocks
            assert one.due == parse_instant(expected)
            assert one.mark is Mark.MISSED
            assert due(b, ref) == format_instant(parse_instant(expected))

    play(tmp_path, scene)


CLOCKS = [
    clock("take", "4 hours", "taken"),
    clock("answer", "6 hours", "answered"),
    clock("process", "16 hours", "processed", severity=[2, 3]),
    clock("solve", "8 hours", "resolved"),
]


def do(b: Bench, ref: str, act: Any) -> None:
    view = b.desk.store.views.ticket(Scope.of_staff(), ref)
    assert view is not None
    done = b.desk.store.acts.do(ADMIN, ref, act, version=view.line.version)
    assert done is not None


def test_clocks_follow_the_life_of_a_ticket(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        body = contract() | {"clocks": CLOCKS}
        agent = await b.agent(brings=body)
        ref = (await agent.send(stage())).json()["results"][0]["ticket"]
        # Received on Monday at 10:42 in Rome; severity 1 has no clock to process it.
        assert marks(b, ref) == dict.fromkeys(("take", "answer", "solve"), "running")
        assert due(b, ref) == "2026-11-23T13:42:00Z"
        b.clock.forward(3600)
        do(b, ref, Triage(severity=2, words="Solo una parte"))
        assert marks(b, ref) == {
            "take": "met",
            "answer": "running",
            "process": "running",
            "solve": "running",
        }
        assert due(b, ref) == "2026-11-23T15:42:00Z"
        do(b, ref, Note(words="Ci stiamo lavorando.", public=True))
        do(b, ref, Estimate(at=Instant(T0 + 9 * HOUR)))
        assert marks(b, ref)["answer"] == "met"
        do(b, ref, Move(to=Status.IN_PROGRESS, mode=Mode.PHONE))
        do(b, ref, Move(to=Status.WAITING_CUSTOMER, words="Riavviate?"))
        assert marks(b, ref) | {"process": "met", "solve": "paused"} == marks(b, ref)
        assert due(b, ref) is None
        b.clock.forward(86_400)
        do(b, ref, Move(to=Status.IN_PROGRESS, mode=Mode.PHONE))
        # A day of nine working hours was the customer's.
        assert due(b, ref) == "2026-11-25T08:42:00Z"
        b.clock.forward(86_400)
        assert marks(b, ref)["solve"] == "missed"
        found = next(one for one in promised(b, ref).clocks if one.name == "solve")
        assert found.left_us < 0

    play(tmp_path, scene)


def test_the_notice_counts_from_the_opening_and_the_page_tells(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent(brings=contract() | {"clocks": CLOCKS[:1]})
        await b.log_in()
        b.clock.forward(1200)
        ref = (await agent.send(stage())).json()["results"][0]["ticket"]
        await b.desk.send_mails()
        assert "presa in carico entro le 14:42 (4 ore lavorative)" in text(b)
        page = (await b.client.get(f"/t/{ref}")).text
        assert "presa in carico" in page
        assert "restano 3 h 40 min di orario di servizio" in page

    play(tmp_path, scene)


def test_after_the_end_of_a_contract(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent(brings=contract() | {"clocks": CLOCKS})
        await b.log_in()
        over = Cover(
            contract_id="prova",
            since=date(2026, 1, 1),
            until=date(2026, 11, 22),
            actor="person:admin",
        )
        b.desk.store.coverage.put("acme", "acme-milano", over)
        ref = (await agent.send(stage())).json()["results"][0]["ticket"]
        assert promised(b, ref).clocks == ()
        await b.desk.send_mails()
        (told,) = b.mails.mails
        assert told[0] == "noc@provider.example"
        assert "il contratto è terminato il 22 novembre 2026" in text(b)
        page = (await b.client.get(f"/t/{ref}")).text
        assert "Il contratto è terminato il 22 novembre 2026" in page
        await agent.send(stage(2, 2, "recover"))
        await b.desk.send_mails()
        assert {to for to, _ in b.mails.mails} == {"noc@provider.example"}
        # The customer's own view has no such ticket.
        mine = Scope(tenant_id="acme")
        assert b.desk.store.clocks.of(mine, ref) is None

    play(tmp_path, scene)


def test_other_ways_and_days_that_nobody_knows() -> None:
    body = data(**SHOP, clocks=[clock("c", "4 hours", "taken")])
    body["requests"] = {"clocks_for": ["Mail"]}
    opening = [Moment(at=T0, kind="requested", actor="person:7", severity=2)]
    assert promises(calendar_of(body), T0, "Telefono", opening, T0) == ()
    assert len(promises(calendar_of(body), T0, "Mail", opening, T0)) == 1
    far = parse_instant("2101-01-03T10:00:00Z")
    body = data(clocks=[clock("c", "4 hours", "taken")])
    assert promises(calendar_of(body), far, "Mail", opening, far) == ()


@pytest.mark.parametrize("language", ["it", "en"])
def test_every_mark_has_words(language: str) -> None:
    from scudo_agent.desk.clock_words import _BADGES
    from scudo_agent.locale import translator

    words = {translator(language).render(word) for _, word, _ in _BADGES.values()}
    assert len(words) == len(Mark)
