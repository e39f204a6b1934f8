"""Mails: in order, threaded, at least once, and with no header that was not meant."""

import asyncio
import dataclasses
import email
from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP, default
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from scudo_agent.desk import notice
from scudo_agent.desk.mail import compose as compose_module
from scudo_agent.desk.mail.compose import (
    ComposeError,
    Enclosure,
    Letter,
    compose,
    header_safe,
)
from scudo_agent.desk.mail.transport import MaildirTransport, TransportError
from scudo_agent.desk.store.mailbox import (
    LEASE_US,
    Errand,
    Mailbox,
    Outcome,
    Turn,
)
from scudo_agent.desk.store.scope import Scope
from scudo_agent.desk.store.tables import mail_outbox
from scudo_agent.instant import SECOND
from support.desk_scene import play
from support.desking import INCIDENT, OTHER, T0, Bench, stage

INJECTION = "A subject=?UTF-8?Q?=0A?=Bcc: x@evil.example"
MEANT = {
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "auto-submitted",
    "x-auto-response-suppress",
    "content-language",
    "mime-version",
    "content-type",
}


def letter(
    subject: str = "Ciao", *, text: str = "x", reply_to: str | None = None
) -> Letter:
    return Letter(
        sender="desk@provider.example",
        sender_name="AltecMonitor",
        recipient="it@acme.example",
        subject=subject,
        text=text,
        html=f"<p>{text}</p>",
        message_id="<1.open.1@provider.example>",
        in_reply_to=reply_to,
        date=T0,
        language="it",
    )


def read(data: bytes) -> EmailMessage:
    return email.message_from_bytes(data, policy=default)


def states(b: Bench) -> list[str]:
    with b.desk.store.database.read() as db:
        query = select(mail_outbox.c.state).order_by(mail_outbox.c.mail_id)
        return list(db.execute(query).scalars())


def test_a_subject_cannot_make_a_header() -> None:
    message = read(compose(letter(INJECTION)))
    assert {name.lower() for name in message.keys()} == MEANT  # noqa: SIM118
    assert message["Bcc"] is None
    assert "evil.example" in message["Subject"]


@given(st.text(max_size=80), st.lists(st.text(max_size=80), max_size=3))
def test_what_a_customer_calls_his_mail_makes_no_header(
    answered: str, thread: list[str]
) -> None:
    made = {
        **dataclasses.asdict(letter(reply_to=f"<{answered}@acme.example>")),
        "references": ("<a@acme.example>", *(f"<{one}>" for one in thread)),
        "reply_to": "desk+sc-7f3k-9qz2-abc@provider.example",
        "desk": "provider.example",
        "replied": True,
    }
    message = read(compose(Letter(**made)))
    names = {name.lower() for name in message.keys()}  # noqa: SIM118
    assert names - {"in-reply-to"} == MEANT | {"references", "reply-to", "x-scudo-desk"}
    assert message["References"].split()[0] == "<a@acme.example>"
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["X-Scudo-Desk"] == "provider.example; hops=1"
    assert not any(name.startswith("list-") for name in names)


@given(st.text(max_size=400), st.text(max_size=400))
def test_whatever_a_device_says_the_headers_are_those_meant(
    subject: str, text: str
) -> None:
    data = compose(letter(f"[SC-7F3K-9QZ2] {subject}", text=text, reply_to="<a@b>"))
    message = email.message_from_bytes(data, policy=SMTP)
    names = sorted(name.lower() for name in message.keys())  # noqa: SIM118
    assert names == sorted(MEANT | {"in-reply-to", "references"})
    assert str(message["Subject"]).startswith("[SC-7F3K-9QZ2]")


@given(st.text(max_size=400), st.text(max_size=100), st.binary(max_size=300))
def test_bodies_and_files_come_out_as_they_were(
    text: str, line: str, content: bytes
) -> None:
    made = Letter(
        **{
            **dataclasses.asdict(letter(text=f"{text}\n{line * 20}")),
            "calendar": b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n",
            "enclosures": (Enclosure(name="a.json", kind="json", content=content),),
        }
    )
    data = compose(made)
    assert all(len(row) <= 78 for row in data.split(b"\r\n"))
    message = read(data)
    plain, html = (message.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None
    assert html is not None
    clean = made.text.encode("utf-8", "replace").decode().replace("\x00", "")
    clean = clean.replace("\r\n", "\n").replace("\r", "\n")
    assert plain.get_content().replace("\r\n", "\n") == clean
    assert html.get_content().replace("\r\n", "\n") == f"<p>{clean}</p>"
    ics, file = message.iter_attachments()
    assert ics.get_content_type() == "text/calendar"
    assert (ics.get_param("method"), ics.get_filename()) == (
        "PUBLISH",
        "maintenance.ics",
    )
    assert (file.get_filename(), file.get_content()) == ("a.json", content)
    assert not [part.defects for part in message.walk() if part.defects]


@pytest.mark.parametrize("name", ["a\r\nBcc: x@evil.example", "città", "a\x00"])
def test_a_message_id_that_is_none_is_refused(name: str) -> None:
    made = {**dataclasses.asdict(letter()), "message_id": f"<{name}@provider.example>"}
    with pytest.raises(ComposeError, match="Message-ID"):
        compose(Letter(**made))


@pytest.mark.parametrize("length", range(60, 90))
def test_a_long_subject_is_folded_where_its_line_is_full(length: int) -> None:
    subject = f"[SC-7F3K-9QZ2] {'Gestionale non risponde da molto ' * 3}"[:length]
    data = compose(letter(subject))
    first = next(one for one in data.split(b"\r\n") if one.startswith(b"Subject:"))
    assert first.startswith(b"Subject: [SC-7F3K-9QZ2] Gestionale")
    assert all(len(line) <= 78 for line in data.split(b"\r\n"))
    assert read(data)["Subject"] == " ".join(subject.split())


@pytest.mark.parametrize(
    "bad", ["a\r\nBcc: x@evil.example", "a\x00b\x1b[31m", "=?utf-8?q?x?=", "\u2028x"]
)
def test_header_values_lose_what_could_harm(bad: str) -> None:
    safe = header_safe(bad)
    assert safe.isprintable()
    assert "=?" not in safe


def test_a_mail_that_comes_out_with_other_headers_is_not_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forged = b"To: it@acme.example\r\nBcc: x@evil.example\r\n"
    monkeypatch.setattr(compose_module, "_addressed", lambda *_: forged)
    with pytest.raises(ComposeError, match="bcc"):
        compose(letter())


def test_the_notice_has_both_parts_and_says_it_is_automatic(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        ref = (await agent.send(stage())).json()["results"][0]["ticket"]
        await b.desk.send_mails()
        ((to, data),) = b.mails.mails
        message = read(data)
        assert to == "it@acme.example"
        assert message["Message-ID"] == f"<{INCIDENT}.open.1@provider.example>"
        assert message["In-Reply-To"] is None
        assert message["Auto-Submitted"] == "auto-generated"
        assert message["Subject"].startswith(f"[{ref}] Gestionale bloccato")
        text, html = (message.get_body((kind,)) for kind in ("plain", "html"))
        assert text is not None
        assert html is not None
        for part in (text, html):
            assert f"https://desk.example/t/{ref}" in part.get_content()
        (ticket,) = await agent.tickets()
        view = b.desk.store.views.ticket(Scope.of_staff(), ticket["ref"])
        assert view is not None
        accepted = view.entries[-1]
        assert (accepted.kind, accepted.actor) == ("mail_accepted", "desk")
        assert accepted.data["recipient"] == "it@acme.example"

    play(tmp_path, scene)


def test_later_mails_thread_under_the_opening(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent(language="en")
        await agent.send(
            stage(severity=2, rule="S3"),
            stage(2, 2, "raise"),
            stage(3, 3, "recover"),
            stage(4, 4, "reopen"),
        )
        await b.desk.send_mails()
        first, *later = (read(data) for _, data in b.mails.mails)
        assert [m["Message-ID"].split(".")[1] for m in (first, *later)] == [
            "open",
            "recover",
            "reopen",
        ]
        ids = [first["Message-ID"]]
        for one in later:
            assert one["In-Reply-To"] == first["Message-ID"]
            assert one["References"].split() == ids
            ids.append(one["Message-ID"])

    play(tmp_path, scene)


def test_a_refusal_for_now_is_tried_again_with_the_same_message_id(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await agent.send(stage())
        b.mails.faults = [TransportError("451 greylisted"), TransportError("gone")]
        assert await b.desk.send_mails() == 1
        assert await b.desk.send_mails() == 0
        for _ in range(3):
            b.clock.forward(60)
            await b.desk.send_mails()
        assert states(b) == ["sent"]
        assert len(b.mails.mails) == 1

    play(tmp_path, scene)


def test_a_recovery_never_overtakes_its_opening(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        b.mails.faults = [TransportError("451 later")]
        await agent.send(stage())
        await b.desk.send_mails()
        await agent.send(stage(2, 2, "recover"))
        await agent.send(stage(3, 1, incident_id=OTHER, subject_key="check:a/b"))
        await b.desk.send_mails()
        assert [OTHER in str(read(m)["Message-ID"]) for _, m in b.mails.mails] == [True]
        b.clock.forward(60)
        await b.desk.send_mails()
        assert [str(read(m)["Message-ID"]).split(".")[1] for _, m in b.mails.mails] == [
            "open",
            "open",
            "recover",
        ]

    play(tmp_path, scene)


def test_a_refusal_for_good_is_shown_on_the_ticket(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        b.mails.faults = [TransportError("550 no such user", permanent=True)]
        ref = (await agent.send(stage())).json()["results"][0]["ticket"]
        await b.desk.send_mails()
        assert states(b) == ["failed"]
        view = b.desk.store.views.ticket(Scope.of_staff(), ref)
        assert view is not None
        assert view.entries[-1].kind == "mail_refused"
        assert "550" in view.entries[-1].data["error"]

    play(tmp_path, scene)


def test_after_five_days_it_is_given_up(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await agent.send(stage())
        for hours in (0, 119, 2):
            b.clock.forward(hours * 3600)
            b.mails.faults = [TransportError("451 later")]
            await b.desk.send_mails()
        assert states(b) == ["failed"]

    play(tmp_path, scene)


def test_one_mail_that_cannot_be_written_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await agent.send(
            stage(), stage(2, 1, incident_id=OTHER, subject_key="check:a/b")
        )
        original = notice.render
        calls = 0

        def fails_first(*given: object) -> object:
            nonlocal calls
            calls += 1
            if calls == 1:
                raise ZeroDivisionError("a defect")
            return original(*given)  # type: ignore[arg-type]

        monkeypatch.setattr("scudo_agent.desk.jobs.render", fails_first)
        await b.desk.send_mails()
        assert states(b) == ["pending", "sent"]

    play(tmp_path, scene)


def test_what_is_reported_late_is_told_as_what_was(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent(language="en")
        b.clock.forward(3600)
        await agent.send(stage(), stage(2, 2, "recover"))
        await b.desk.send_mails()
        ((_, data),) = b.mails.mails
        assert "ERP down for 20 s, already over" in read(data)["Subject"]

    play(tmp_path, scene)


def test_the_worker_goes_on_after_any_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scudo_agent.desk import mail_lanes

    monkeypatch.setattr(mail_lanes, "_STORE_PAUSE_S", 0.01)

    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await agent.send(stage())
        store = b.desk.store
        turn, faults = store.mail.turn, [ZeroDivisionError("a defect")]
        done = asyncio.Event()
        loop = asyncio.get_running_loop()

        def stumbling(told: Sequence[Outcome], most: int) -> Turn:
            # The first time it claims nothing; the second it records nothing.
            if faults and (told or len(faults) == 2):
                raise faults.pop()
            if told:
                loop.call_soon_threadsafe(done.set)
            return turn(told, most)

        faults.append(ZeroDivisionError("another one"))
        monkeypatch.setattr(store.mail, "turn", stumbling)
        worker = b.desk._worker
        assert worker is not None
        working = asyncio.create_task(worker.run())
        async with asyncio.timeout(20):
            await done.wait()
        await worker.stop(working, patience_s=20)
        assert states(b) == ["sent"]
        assert len(b.mails.mails) == 1

    play(tmp_path, scene)


def test_two_workers_never_have_the_same_mail(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await agent.send(stage())
        store = b.desk.store
        one = Mailbox(store.database, store.now, owner="one")
        two = Mailbox(store.database, store.now, owner="two")
        (first,) = one.turn((), 4).claims
        assert two.turn((), 4).claims == ()
        b.clock.forward(LEASE_US / SECOND + 1)
        (second,) = two.turn((), 4).claims
        assert second.fence == first.fence + 1
        late = Outcome(claim=first, sent=store.now(), of="open")
        assert one.turn([late], 0).lost == (late,)
        held = Outcome(claim=second, sent=store.now(), of="open")
        assert two.turn([held], 0).lost == ()
        told = store.mail.errand(second)
        assert isinstance(told, Errand)
        view = store.views.ticket(Scope.of_staff(), told.ref)
        assert view is not None
        assert [e.kind for e in view.entries].count("mail_accepted") == 1

    play(tmp_path, scene)


def test_an_escalation_that_was_over_when_its_turn_came_is_folded(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await agent.send(stage(severity=2), stage(2, 2, "raise"))
        await b.desk.send_mails()
        with b.desk.store.database.write() as db:
            # As if the worker had held its lease when the recovery came.
            db.execute(
                update(mail_outbox)
                .where(mail_outbox.c.kind == "raise")
                .values(state="pending", owner=None, lease_until_us=T0 + LEASE_US)
            )
        await agent.send(stage(3, 3, "recover"))
        assert states(b) == ["sent", "pending", "pending"]
        b.clock.forward(LEASE_US / SECOND + 1)
        await b.desk.send_mails()
        assert states(b) == ["sent", "folded", "sent"]

    play(tmp_path, scene)


def test_a_maildir_gets_the_mail_whole(tmp_path: Path) -> None:
    data = compose(letter("Città"))
    MaildirTransport(tmp_path / "mail").send("a@b.example", "c@d.example", data)
    (kept,) = (tmp_path / "mail" / "new").iterdir()
    assert read(kept.read_bytes())["Subject"] == "Città"


def test_a_maildir_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("in the way")
    with pytest.raises(TransportError) as caught:
        MaildirTransport(tmp_path / "mail").send("a@b", "c@d", b"x")
    assert not caught.value.permanent


ROOT: dict[str, Any] = {
    "subject_key": "check:sw/ping",
    "subject": {"id": "sw/ping", "title": {}},
}
ERP = [{"id": "erp", "title": {"it": "Gestionale", "en": "ERP"}}]


def test_a_ticket_has_one_name_from_its_raise_to_its_recovery(tmp_path: Path) -> None:
    minor: dict[str, Any] = {**ROOT, "severity": 2, "rule": "S3", "affected": []}

    async def scene(b: Bench) -> None:
        agent = await b.agent()
        opening = stage(1, 1, **minor)
        await agent.send(opening)
        await b.desk.send_mails()
        await agent.send(stage(2, 2, "raise", **ROOT, affected=ERP))
        await b.desk.send_mails()
        await agent.send(stage(3, 3, "recover", **ROOT, affected=[]))
        await agent.send(stage(4, 4, "reopen", **ROOT, affected=[]))
        await b.desk.send_mails()
        subjects = [read(data)["Subject"] for _, data in b.mails.mails]
        named = [subject.partition("] ")[2] for subject in subjects]
        assert named == [
            "sw/ping bloccato – gravità 2 (M non bloccante)",
            "Gestionale bloccato – gravità ora 1 (H bloccante)",
            "Gestionale di nuovo attivo dopo 30 s",
            "Di nuovo: Gestionale bloccato – gravità 1 (H bloccante)",
        ]

    play(tmp_path, scene)


def test_one_late_mail_has_the_name_and_severity_that_its_ticket_got(
    tmp_path: Path,
) -> None:
    minor: dict[str, Any] = {**ROOT, "severity": 2, "rule": "S3", "affected": []}

    async def scene(b: Bench) -> None:
        agent = await b.agent()
        b.clock.forward(3600)
        await agent.send(
            stage(1, 1, **minor),
            stage(2, 2, "raise", **ROOT, affected=ERP),
            stage(3, 3, "recover", **ROOT, affected=[]),
        )
        await b.desk.send_mails()
        ((_, data),) = b.mails.mails
        message = read(data)
        assert message["Subject"].endswith(
            "Gestionale bloccato per 30 s, già rientrato"
        )
        part = message.get_body(("plain",))
        assert part is not None
        assert "(regola S1)" in part.get_content()

    play(tmp_path, scene)
