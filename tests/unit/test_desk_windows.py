"""Windows live at the desk: announced, moved, cancelled, corrected (`domain.md` 4)."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from scudo_agent.contract.model import Announcement, Window, WindowKind
from scudo_agent.desk.store.scope import Scope
from scudo_agent.desk.store.tables import mail_outbox
from scudo_agent.desk.store.window_tables import APPEND_ONLY, window_announcement
from scudo_agent.desk.windows import TooLateError, check_open
from scudo_agent.instant import Instant, format_instant, parse_instant
from support.desk_scene import play
from support.desking import T0, Bench
from support.window_desk import LATER, NEW, SELF, SERIES, SERVICES, SPAN, planner


def test_a_window_is_announced_and_read_back(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        desk = await planner(b)
        assert (await desk.speaker.hello()).json()["windows_revision"] == 0
        window = await desk.add()
        assert window["id"].startswith("MW-")
        assert window["announcements"] == [
            {
                "announced": format_instant(T0),
                "start": "2026-11-26T21:00:00Z",
                "end": "2026-11-27T01:00:00Z",
            }
        ]
        assert (window["reason"], window["series"]) == (NEW["reason"], None)
        assert await desk.windows() == {"revision": T0, "windows": [window]}
        assert (await desk.speaker.hello()).json()["windows_revision"] == T0

    play(tmp_path, scene)


def test_announced_is_the_time_of_the_transaction_of_the_mail(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        desk = await planner(b)
        window = await desk.add()
        b.clock.forward(61.5)
        assert (await desk.move(window["id"])).status_code == 201
        query = select(
            window_announcement.c.announced_us, mail_outbox.c.created_us
        ).join(
            mail_outbox,
            mail_outbox.c.mail_id == window_announcement.c.mail_id,
        )
        with b.desk.store.database.read() as db:
            times = [tuple(row) for row in db.execute(query)]
        assert times == [(T0, T0), (T0 + 61_500_000, T0 + 61_500_000)]

    play(tmp_path, scene)


@pytest.mark.parametrize("word", ["announced", "announced_us", "created", "number"])
def test_nobody_can_say_when_the_customer_was_told(tmp_path: Path, word: str) -> None:
    async def scene(b: Bench) -> None:
        desk = await planner(b)
        said = {word: "2026-11-01T10:00:00+01:00"}
        reply = await desk.post("/windows", NEW | SPAN | said)
        assert reply.status_code == 422
        window = await desk.add()
        assert (await desk.move(window["id"], **said)).status_code == 422
        assert len((await desk.windows())["windows"]) == 1

    play(tmp_path, scene)


def test_without_its_mail_there_is_no_announcement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scudo_agent.desk.store.window_post import WindowPost

    async def scene(b: Bench) -> None:
        desk = await planner(b)
        window = await desk.add()

        def fails(*_: object) -> int:
            raise ZeroDivisionError

        monkeypatch.setattr(WindowPost, "put", fails)
        with pytest.raises(ZeroDivisionError):
            await desk.move(window["id"])
        with pytest.raises(ZeroDivisionError):
            await desk.post("/windows", NEW | SPAN)
        assert await desk.windows() == {"revision": T0, "windows": [window]}

    play(tmp_path, scene)


def test_a_desk_put_back_from_a_copy_gives_no_revision_a_second_time(
    tmp_path: Path,
) -> None:
    names: list[str] = []
    told: dict[int, dict[str, Any]] = {}

    def lived(seconds: float, **span: str) -> None:
        """The desk starts and a window is moved; what agents hear then."""

        async def scene(b: Bench) -> None:
            desk = await planner(b)
            if not names:
                names.append((await desk.add())["id"])
            b.clock.forward(seconds)
            if span:
                body = LATER | {"by": "anna"} | span
                path = f"/windows/{names[0]}/announcements"
                reply = await desk.post(path, body, key=f"after-{seconds}-s")
                assert reply.status_code == 201, reply.text
            revision = (await desk.speaker.hello()).json()["windows_revision"]
            windows = await desk.windows()
            assert windows["revision"] == revision
            # The same number never stands for other windows.
            assert told.setdefault(revision, windows) == windows

        play(tmp_path, scene)

    lived(1)
    saved = tmp_path / "copy"
    shutil.copytree(tmp_path / "desk", saved)
    lived(60, end="2026-11-28T03:00:00+01:00")
    shutil.rmtree(tmp_path / "desk")
    shutil.copytree(saved, tmp_path / "desk")
    lived(90)
    lived(120, end="2026-11-28T04:00:00+01:00")
    assert len(told) == 3


def test_a_window_is_moved_and_cancelled_and_each_is_a_revision(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        desk = await planner(b)
        name = (await desk.add())["id"]
        b.clock.forward(60)
        moved = (await desk.move(name)).json()
        assert moved["revision"] == T0 + 60_000_000
        assert [a["start"] for a in moved["windows"][0]["announcements"]] == [
            "2026-11-26T21:00:00Z",
            "2026-11-27T21:00:00Z",
        ]
        b.clock.forward(60)
        reply = await desk.cancel(name)
        assert reply.status_code == 200
        cancelled = reply.json()["windows"][0]["cancelled"]
        assert parse_instant(cancelled) == T0 + 120_000_000
        assert (await desk.windows())["revision"] == T0 + 120_000_000

    play(tmp_path, scene)


def test_the_desk_refuses_what_comes_after_the_end_or_the_cancellation(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        desk = await planner(b)
        gone, over = (await desk.add())["id"], (await desk.add())["id"]
        assert (await desk.cancel(gone)).status_code == 200
        for reply in (await desk.move(gone), await desk.cancel(gone)):
            assert reply.status_code == 409
            assert (
                "was cancelled at 2026-11-23 10:41:50 +01:00" in reply.json()["detail"]
            )
        # One microsecond before the end it can still be told otherwise.
        b.clock.at = parse_instant(SPAN["end"]) - 1
        assert (await desk.move(over, **SPAN)).status_code == 201
        b.clock.at += 1
        for reply in (await desk.move(over), await desk.cancel(over)):
            assert reply.status_code == 409
            assert "ended at 2026-11-27 02:00:00 +01:00" in reply.json()["detail"]
            assert "write a correction" in reply.json()["detail"]
        assert len((await desk.windows())["windows"][1]["announcements"]) == 2

    play(tmp_path, scene)


def test_a_moved_window_ends_when_it_now_ends(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        desk = await planner(b)
        name = (await desk.add())["id"]
        assert (await desk.move(name)).status_code == 201
        b.clock.at = int(parse_instant(SPAN["end"]))
        assert (await desk.move(name, end=SPAN["end"])).status_code == 422
        earlier = await desk.move(name, start=SPAN["start"], end=SPAN["end"])
        assert earlier.status_code == 201
        assert (await desk.move(name)).status_code == 409

    play(tmp_path, scene)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"end": SPAN["start"]}, "which is not after its start"),
    (
        {"start": "2026-11-20T22:00:00Z", "end": "2026-11-21T22:00:00Z"},
        "a customer is told before the end",
    ),
    ({"end": "2029-11-27T02:00:00+01:00"}, "at most two years ahead"),
    ({"services": ["erpp"]}, "unknown services: erpp; this site has erp, mail"),
    ({"services": ["erp", "erp"]}, "named twice: erp"),
    ({"services": ["erp", "*"]}, "'*' stands for all services: name it alone"),
    (
        {"peak_notice": "2026-11-20T22:00:00Z"},
        "a peak notice belongs to an upgrade, and this is ordinary",
    ),
    (
        {"kind": "upgrade", "peak_notice": "2026-11-24T22:00:00Z"},
        "which is yet to come: say when the customer told",
    ),
    ({"start": "2026-11-26T22:00:00"}, "is not an instant with an offset"),
    ({"kind": "secret"}, "Input should be 'ordinary'"),
    ({"services": []}, "at least 1 item"),
    ({"reason": "  "}, "at least 1 character"),
    ({"by": ""}, "at least 1 character"),
    ({"series": SERIES}, "a series has no 'start' and 'end' of its own"),
    ({"start": None}, "give 'start' and 'end', or a 'series'"),
    ({"reason": "a\x00b"}, "a text holds a NUL"),
]


@pytest.mark.parametrize(("change", "said"), REFUSED)
def test_what_cannot_be_meant_is_refused_with_what_would_be_right(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    async def scene(b: Bench) -> None:
        desk = await planner(b)
        reply = await desk.post("/windows", NEW | SPAN | change)
        assert reply.status_code == 422
        assert reply.headers["content-type"] == "application/problem+json"
        assert said in reply.json()["detail"]
        assert (await desk.windows()) == {"revision": 0, "windows": []}
        assert await b.desk.send_mails() == 0

    play(tmp_path, scene)


def test_services_come_with_the_site_file_and_can_be_told_anew(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        headers = agent.headers | {"Idempotency-Key": "request-0001"}
        reply = await b.client.post(f"{SELF}/windows", json=NEW | SPAN, headers=headers)
        assert "the desk knows no services of this site yet" in reply.json()["detail"]
        told = {"services": [one | {"contracted": True} for one in SERVICES]}
        await b.client.put(f"{SELF}/services", json=told, headers=agent.headers)
        reply = await b.client.get(f"{SELF}/services", headers=agent.headers)
        assert reply.json() == told
        twice = {"services": [SERVICES[0], SERVICES[0]]}
        reply = await b.client.put(
            f"{SELF}/services", json=twice, headers=agent.headers
        )
        assert reply.status_code == 422
        desk = await planner(b)
        await desk.add(services=["*"])
        await desk.add(services=["mail", "erp"])

    play(tmp_path, scene)


def test_the_same_request_twice_is_one_window_and_one_mail(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        desk = await planner(b)
        first = await desk.post("/windows", NEW | SPAN, key="one-and-the-same")
        b.clock.forward(5)
        again = await desk.post("/windows", NEW | SPAN, key="one-and-the-same")
        assert again.status_code == 201
        assert again.json() == first.json()
        other = await desk.post("/windows", NEW | LATER, key="one-and-the-same")
        assert other.status_code == 422
        assert "came before, with another request" in other.json()["detail"]
        name = first.json()["windows"][0]["id"]
        body = {"by": "anna", "reason": "rinviato"}
        # The same words for another thing are another request, too.
        reply = await desk.post(f"/windows/{name}/cancel", body, key="one-and-the-same")
        assert reply.status_code == 422
        for _ in range(2):
            reply = await desk.post(f"/windows/{name}/cancel", body, key="call-it-off")
            assert reply.status_code == 200
        assert (await desk.windows())["revision"] == T0 + 5_000_000
        assert await b.desk.send_mails() == 2

    play(tmp_path, scene)


@pytest.mark.parametrize("key", [None, "short", "with space", "x" * 201])
def test_a_change_needs_a_key(tmp_path: Path, key: str | None) -> None:
    async def scene(b: Bench) -> None:
        desk = await planner(b)
        headers = dict(desk.speaker.headers)
        if key is not None:
            headers["Idempotency-Key"] = key
        reply = await b.client.post(f"{SELF}/windows", json=NEW | SPAN, headers=headers)
        assert reply.status_code == 422
        assert reply.json()["where"] == "header.Idempotency-Key"

    play(tmp_path, scene)


@pytest.mark.rights
def test_no_agent_reaches_the_windows_of_another_site(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        desk = await planner(b)
        series = await desk.add(series=SERIES)
        name = (await desk.add())["id"]
        before = await desk.windows()
        for where in ({"customer": "beta", "name": "beta"}, {"name": "acme-roma"}):
            other = await planner(b, **where)
            assert (await other.windows()) == {"revision": 0, "windows": []}
            assert "MW-" not in (await other.get("/windows.ics")).text
            for what in (name, series["series"], series["id"], "MW-0000-0000"):
                for reply in (await other.move(what), await other.cancel(what)):
                    assert reply.status_code == 404
                    assert reply.json()["detail"] == "this site has no such window"
                correction = {"by": "eva", "change": "x", "reason": "y"}
                reply = await other.post(f"/windows/{what}/corrections", correction)
                assert reply.status_code == 404
            # The same key of another site is another key.
            await other.add()
        assert await desk.windows() == before
        for scope, seen in (
            (Scope(tenant_id="acme"), ["acme-milano", "acme-roma"]),
            (Scope(tenant_id="acme", site_id="acme-roma"), ["acme-roma"]),
            (Scope(tenant_id="beta", site_id="acme-roma"), []),
            (Scope.of_staff(), ["acme-milano", "acme-roma", "beta"]),
        ):
            lines = b.desk.store.windows.lines(scope)
            assert sorted({line.site_id for line in lines}) == seen

    play(tmp_path, scene)


@pytest.mark.parametrize("name", ["%00", "%C3%A8", "a" * 101, "%20", "MW-%0A"])
def test_a_name_that_no_window_has_is_not_found(tmp_path: Path, name: str) -> None:
    async def scene(b: Bench) -> None:
        desk = await planner(b)
        assert (await desk.cancel(name)).status_code == 404

    play(tmp_path, scene)


def test_a_correction_stands_apart_and_changes_nothing_else(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        desk = await planner(b)
        window = await desk.add()
        b.clock.at = int(parse_instant(LATER["end"]))
        for number in (1, 2):
            body = {"by": "eva", "change": f"ended earlier {number}", "reason": "x"}
            reply = await desk.post(f"/windows/{window['id']}/corrections", body)
            assert reply.status_code == 201
            assert reply.json()["revision"] == b.clock.at + number - 1
        [now] = (await desk.windows())["windows"]
        assert [(c["by"], c["change"]) for c in now.pop("corrections")] == [
            ("eva", "ended earlier 1"),
            ("eva", "ended earlier 2"),
        ]
        assert window | {"corrections": []} == now | {"corrections": []}
        assert await b.desk.send_mails() == 1

    play(tmp_path, scene)


def test_what_was_written_of_a_window_stands_for_good(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        desk = await planner(b)
        series = await desk.add(series=SERIES)
        body = {"by": "eva", "change": "x", "reason": "y"}
        await desk.post(f"/windows/{series['id']}/corrections", body)
        await desk.cancel(series["id"])
        database = b.desk.store.database
        for table in APPEND_ONLY:
            with database.read() as db:
                before = db.execute(select(table)).all()
            assert before, table.name
            change = update(table).values(by_name="somebody else")
            for act, said in ((change, "changed"), (delete(table), "deleted")):
                with (
                    pytest.raises(
                        IntegrityError, match=f"{table.name} is never {said}"
                    ),
                    database.write() as db,
                ):
                    db.execute(act)
            with database.read() as db:
                assert db.execute(select(table)).all() == before

    play(tmp_path, scene)


def test_the_windows_are_there_after_a_restart_and_time_goes_on(
    tmp_path: Path,
) -> None:
    kept: list[dict[str, Any]] = []

    async def first(b: Bench) -> None:
        desk = await planner(b)
        b.clock.forward(3600)
        await desk.add()
        kept.append(await desk.windows())

    async def second(b: Bench) -> None:
        # The machine's clock is an hour behind what was announced.
        assert b.desk.store.now() >= parse_instant(
            kept[0]["windows"][0]["announcements"][0]["announced"]
        )
        desk = await planner(b)
        assert await desk.windows() == kept[0]

    play(tmp_path, first)
    play(tmp_path, second)


def test_a_series_is_windows_with_one_mail(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        desk = await planner(b)
        await desk.add(series=SERIES)
        windows = (await desk.windows())["windows"]
        assert (await desk.windows())["revision"] == T0
        assert len({w["series"] for w in windows}) == 1
        assert windows[0]["series"].startswith("MS-")
        assert [w["announcements"][0]["start"] for w in windows] == [
            "2026-12-05T21:00:00Z",
            "2027-01-02T21:00:00Z",
            "2027-02-06T21:00:00Z",
        ]
        assert await b.desk.send_mails() == 1

    play(tmp_path, scene)


def test_the_occurrences_of_a_series_may_be_announced_one_by_one(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        desk = await planner(b)
        await desk.add(series=SERIES | {"announce": "each"})
        windows = (await desk.windows())["windows"]
        assert len({w["series"] for w in windows}) == 1
        assert await b.desk.send_mails() == 3

    play(tmp_path, scene)


def test_a_series_is_cancelled_as_far_as_it_is_yet_to_come(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        desk = await planner(b)
        series = (await desk.add(series=SERIES))["series"]
        windows = (await desk.windows())["windows"]
        await desk.cancel(windows[2]["id"])
        b.clock.at = int(parse_instant(windows[0]["announcements"][0]["end"]))
        reply = await desk.cancel(series)
        assert [w["id"] for w in reply.json()["windows"]] == [windows[1]["id"]]
        again = await desk.cancel(series)
        assert again.status_code == 409
        assert "all of its windows are over or cancelled" in again.json()["detail"]
        assert (await desk.move(series)).status_code == 404
        assert await b.desk.send_mails() == 3

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rule": "some day"}, "is no recurrence such as"),
        ({"last": "2026-11-30"}, "has no day from 2026-11-23 to 2026-11-30"),
        ({"last": "2026-13-30"}, "a day is wrong"),
        ({"last": "tomorrow"}, "should match pattern"),
        ({"last": "2030-01-01"}, "announce two years at most"),
        ({"zone": "Mars/Base"}, "'Mars/Base' is no time zone"),
        ({"first": "2027-02-28", "last": "2026-12-31"}, "before it begins"),
        (
            {"first": "2026-11-01", "last": "2026-11-22"},
            "has no occurrence that is yet to come",
        ),
    ],
)
def test_a_series_that_cannot_be_meant_is_refused(
    tmp_path: Path, change: dict[str, str], said: str
) -> None:
    async def scene(b: Bench) -> None:
        desk = await planner(b)
        reply = await desk.post("/windows", NEW | {"series": SERIES | change})
        assert reply.status_code == 422
        assert said in reply.json()["detail"]
        assert (await desk.windows())["revision"] == 0

    play(tmp_path, scene)


def test_an_occurrence_in_the_hour_that_is_left_out_is_no_window(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        desk = await planner(b)
        await desk.add(
            series={
                "rule": "every sunday 02:00-03:00",
                "first": "2027-03-21",
                "last": "2027-04-04",
            }
        )
        starts = [
            w["announcements"][0]["start"] for w in (await desk.windows())["windows"]
        ]
        assert starts == ["2027-03-21T01:00:00Z", "2027-04-04T00:00:00Z"]

    play(tmp_path, scene)


def test_a_peak_notice_may_come_with_a_later_announcement(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        desk = await planner(b)
        window = await desk.add(kind="upgrade")
        assert window["peak_notice"] is None
        told = "2026-11-20T09:00:00Z"
        moved = await desk.move(window["id"], peak_notice=told)
        assert moved.json()["windows"][0]["peak_notice"] == told
        # A move that says nothing of it leaves it as it was.
        moved = await desk.move(window["id"])
        assert moved.json()["windows"][0]["peak_notice"] == told

    play(tmp_path, scene)


def test_a_refusal_names_whole_seconds() -> None:
    told = Announcement(announced=T0, start=T0, end=Instant(T0 + 3_600_123_456))
    window = Window(
        id="w1",
        kind=WindowKind.ORDINARY,
        services=("erp",),
        announcements=(told,),
        cancelled=Instant(T0 + 5_123_456),
    )
    with pytest.raises(TooLateError, match=r"at \S{10} \S{8} \+01:00: "):
        check_open(window, T0, zone="Europe/Rome")
    over = replace(window, cancelled=None)
    with pytest.raises(TooLateError, match=r"ended at \S{10} \S{8} \+01:00: "):
        check_open(over, told.end, zone="Europe/Rome")
