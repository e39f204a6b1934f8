"""The mails about windows: what they say, their thread, their calendar."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from icalendar import Calendar

from scudo_agent.desk.mail.transport import TransportError
from scudo_agent.instant import SECOND, parse_instant
from support.desk_scene import play
from support.desking import Bench
from support.window_desk import LATER, SERIES, SPAN, plain, planner, read_mails

LONG = "Sostituzione " * 20


def events(data: str | bytes) -> list[Any]:
    """The events of an iCalendar file, read by the library that others use."""
    return list(Calendar.from_ical(data).walk("VEVENT"))


def test_the_customer_reads_what_when_and_why_in_italian(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        desk = await planner(b)
        window = await desk.add(services=["erp", "mail"])
        assert await b.desk.send_mails() == 1
        [mail] = read_mails(b)
        assert b.mails.mails[0][0] == "it@acme.example"
        assert mail["Subject"] == (
            f"[{window['id']}] Manutenzione ordinaria: Gestionale e Posta, "
            "26 nov 2026, ore 22:00"
        )
        assert mail["Content-Language"] == "it"
        assert plain(mail).splitlines() == [
            "Buongiorno,",
            "",
            "abbiamo programmato una manutenzione.",
            "Nell'orario qui sotto sono possibili interruzioni.",
            "",
            "Che cosa     Manutenzione ordinaria: Aggiornamento del gestionale",
            "Servizi      Gestionale e Posta",
            "Inizio       giovedì 26 novembre 2026, 22:00:00 (ora italiana)",
            "Fine         venerdì 27 novembre 2026, 02:00:00 (ora italiana)",
            "",
            "Il file allegato è per il vostro calendario.",
            "Se l'orario non vi va bene, rispondete a questo messaggio: dal numero",
            "nell'oggetto capiamo di quale manutenzione si tratta.",
            "",
            "AltecMonitor",
        ]

    play(tmp_path, scene)


def test_an_english_customer_reads_english(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        desk = await planner(b, language="en")
        window = await desk.add(kind="extraordinary", services=["*"])
        await desk.cancel(window["id"])
        await b.desk.send_mails()
        told, cancelled = read_mails(b)
        # A long subject is folded before its first word.
        assert told["Subject"].strip() == (
            f"[{window['id']}] Extraordinary maintenance: all services, "
            "26 Nov 2026, 22:00"
        )
        assert "we have planned maintenance." in plain(told)
        assert "does not take place: it has been cancelled." in plain(cancelled)
        assert "Reason       rinviato" in plain(cancelled)

    play(tmp_path, scene)


def test_what_had_begun_is_ended_and_not_called_off(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        desk = await planner(b, language="en")
        window = await desk.add(kind="extraordinary", services=["*"])
        start = parse_instant(window["announcements"][0]["start"])
        b.clock.forward((start - b.desk.store.now()) / SECOND + 60)
        await desk.cancel(window["id"])
        await b.desk.send_mails()
        _, ended = read_mails(b)
        assert "Ended: Extraordinary maintenance" in ended["Subject"]
        assert "which had begun, has been ended" in plain(ended)
        assert "cancelled" not in plain(ended)

    play(tmp_path, scene)


def test_mails_of_a_window_are_one_thread_in_order(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        desk = await planner(b)
        name = (await desk.add())["id"]
        b.clock.forward(60)
        await desk.move(name)
        await desk.cancel(name)
        b.mails.faults.append(TransportError("greylisted", permanent=False))
        assert await b.desk.send_mails() == 1
        assert b.mails.mails == []
        b.clock.forward(60)
        assert await b.desk.send_mails() == 3
        told, moved, cancelled = read_mails(b)
        assert told["Message-ID"] == f"<{name}.window_announced.1@provider.example>"
        assert told["In-Reply-To"] is None
        for later in (moved, cancelled):
            assert later["In-Reply-To"] == told["Message-ID"]
        # The first one tells what was announced then, whatever came since.
        assert "26 nov" in told["Subject"]
        assert "Spostata" in moved["Subject"]
        assert "27 nov" in moved["Subject"]
        before = "Al posto di  giovedì 26 novembre 2026, 22:00 – 02:00"
        assert before in plain(moved)
        assert "Annullata" in cancelled["Subject"]

    play(tmp_path, scene)


def test_the_calendar_goes_along_and_is_read_back(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        desk = await planner(b)
        name = (await desk.add(reason=f"{LONG}, prima; poi\nil resto"))["id"]
        b.clock.forward(60)
        await desk.move(name)
        b.clock.forward(60)
        await desk.cancel(name)
        await b.desk.send_mails()
        found = []
        for mail in read_mails(b):
            [part] = mail.iter_attachments()
            assert part.get_content_type() == "text/calendar"
            assert part["Content-Type"].params["method"] == "PUBLISH"
            [event] = events(part.get_content())
            found.append((event["SEQUENCE"], event["STATUS"], event.start))
            assert event["UID"] == f"{name}@provider.example"
        first, second = (
            datetime.fromisoformat(span["start"]).astimezone(UTC)
            for span in (SPAN, LATER)
        )
        assert found == [
            (0, "CONFIRMED", first),
            (1, "CONFIRMED", second),
            (2, "CANCELLED", second),
        ]

    play(tmp_path, scene)


def test_the_export_has_every_window_and_is_the_same_each_time(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        desk = await planner(b)
        await desk.add(series=SERIES)
        gone = (await desk.add())["id"]
        await desk.cancel(gone)
        reply = await desk.get("/windows.ics")
        assert reply.headers["content-type"] == "text/calendar; charset=utf-8"
        states = {w["id"]: w for w in (await desk.windows())["windows"]}
        found = events(reply.content)
        assert len(found) == len(states) == 4
        for event in found:
            state = states[event["UID"].partition("@")[0]]
            last = state["announcements"][-1]
            begun = parse_instant(event.start.isoformat())
            ended = parse_instant(event.end.isoformat())
            assert (begun, ended) == tuple(
                parse_instant(last[word]) for word in ("start", "end")
            )
            cancelled = state["cancelled"] is not None
            assert event["STATUS"] == ("CANCELLED" if cancelled else "CONFIRMED")
            assert event["SUMMARY"].endswith(
                "Gestionale" if "erp" in state["services"] else "tutti i servizi"
            )
        b.clock.forward(3600)
        assert (await desk.get("/windows.ics")).content == reply.content

    play(tmp_path, scene)


def test_a_series_is_told_in_one_screen(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        desk = await planner(b)
        rule = {"rule": "every sunday 01:00-05:00", "last": "2027-11-20"}
        window = await desk.add(reason=LONG, series=rule)
        await b.desk.send_mails()
        [mail] = read_mails(b)
        assert mail["Subject"].startswith(f"[{window['series']}] Manutenzione")
        assert "51 date dal 29 nov 2026" in mail["Subject"]
        lines = plain(mail).splitlines()
        assert len(lines) <= 30
        assert max(map(len, lines)) <= 80
        assert "  domenica 29 novembre 2026, 01:00 – 05:00" in lines
        assert "  e altre 43, l'ultima domenica 14 novembre 2027" in lines
        [part] = mail.iter_attachments()
        assert len(events(part.get_content())) == 51

    play(tmp_path, scene)


@pytest.mark.parametrize("reason", ["Bcc: x@y\r\nTo: z", "=?utf-8?q?x?=", "a\u202eb"])
def test_a_reason_cannot_make_a_header_or_turn_a_line(
    tmp_path: Path, reason: str
) -> None:
    async def scene(b: Bench) -> None:
        desk = await planner(b)
        titles = [{"id": "erp", "title": {"it": reason}}]
        await b.client.put(
            "/v1/agents/self/services",
            json={"services": titles},
            headers=desk.speaker.headers,
        )
        await desk.add(reason=reason)
        assert await b.desk.send_mails() == 1
        [mail] = read_mails(b)
        assert mail["To"] == "it@acme.example"
        assert mail["Bcc"] is None
        assert "\u202e" not in plain(mail) + str(mail["Subject"])
        [part] = mail.iter_attachments()
        [event] = events(part.get_content())
        assert "\u202e" not in str(event["DESCRIPTION"])

    play(tmp_path, scene)


def test_a_notice_that_is_refused_for_good_is_shown(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        desk = await planner(b)
        await desk.add()
        b.mails.faults.append(TransportError("no such mailbox", permanent=True))
        await b.desk.send_mails()
        await b.log_in()
        page = (await b.client.get("/maintenance")).text
        assert "rifiutato definitivamente" in page

    play(tmp_path, scene)
