"""What people do with mails that were set aside, and how much of it is kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from scudo_agent.desk.life import ActError, StaleError
from scudo_agent.desk.mail import incoming
from scudo_agent.desk.mail.why import Outcome, Why
from scudo_agent.desk.rights import Role
from scudo_agent.desk.store import mail_in, mail_room, quarantine
from scudo_agent.desk.store.scope import Person, Scope
from scudo_agent.instant import DAY, MINUTE, SECOND, Instant
from support.desk_scene import play
from support.desking import T0, Bench, site
from support.mail_shapes import plain
from support.mails_in import door

DISPATCHER = Person(tenant_id="@provider", role=Role.DISPATCHER, actor="person:77")
TECHNICIAN = Person(tenant_id="@provider", role=Role.TECHNICIAN, actor="person:78")


def stranger(words: str = "Aiuto", **keys: Any) -> bytes:
    given = {"subject": "Stampante", "sender": "Chi <chi@altrove.example>"}
    return plain(words, **given | keys)


def test_only_who_dispatches_sees_what_was_set_aside(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        at, ref = await door(b)
        held = at.land(stranger())
        room = b.desk.store.quarantine
        referent = Person(tenant_id="acme", role=Role.REFERENT, actor="person:9")
        for nobody in (TECHNICIAN, referent):
            assert room.listed(nobody) is None
            assert room.one(nobody, held.number) is None
            assert room.places(nobody) == ()
            assert not room.discard(nobody, held.number, version=1)
            filed = room.file(nobody, held.number, ref, version=1, public=True)
            assert filed is None
            here = ("acme", "acme-milano")
            assert room.open(nobody, held.number, here, version=1) is None
        page = room.listed(DISPATCHER)
        assert page is not None
        (line,) = page.lines
        assert (line.sender, line.why) == ("chi@altrove.example", Why.UNKNOWN_SENDER)
        assert room.places(DISPATCHER) == (("acme", "ACME S.p.A.", "acme-milano"),)
        assert room.one(DISPATCHER, 999) is None

    play(tmp_path, scene)


def test_a_mail_is_filed_as_the_senders_word_or_as_a_note(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        at, ref = await door(b)
        room = b.desk.store.quarantine
        held = at.land(stranger(subject=f"Re: [{ref}] x"))
        seen = room.one(DISPATCHER, held.number)
        assert seen is not None
        assert seen.mail is not None
        assert (seen.line.proposed, seen.mail.body.said) == (ref, "Aiuto")
        with pytest.raises(ActError):
            room.file(DISPATCHER, held.number, "SC-0000-0000", version=1, public=True)
        with pytest.raises(StaleError):
            room.file(DISPATCHER, held.number, ref, version=7, public=True)
        done = room.file(
            DISPATCHER, held.number, f"[{ref.lower()}]", version=1, public=True
        )
        assert done == ref
        last = at.entries(ref)[-1]
        assert (last.kind, last.actor) == ("message", "person:chi@altrove.example")
        assert last.data["filed_by"] == "person:77"
        row = at.row(held)
        assert (row.outcome, row.ref, row.decided_by) == ("landed", ref, "person:77")
        with pytest.raises(ActError):
            room.discard(DISPATCHER, held.number, version=2)
        other = at.land(stranger("Nota"))
        room.file(DISPATCHER, other.number, ref, version=1, public=False)
        last = at.entries(ref)[-1]
        assert (last.kind, last.actor) == ("remark", "person:77")
        # Whatever says that it is ours stays the sender's word.
        ours = at.land(stranger("Chiudete", sender="NOC <noc@provider.example>"))
        room.file(DISPATCHER, ours.number, ref, version=1, public=True)
        last = at.entries(ref)[-1]
        assert last.data["by_customer"] is True

    play(tmp_path, scene)


def test_a_request_is_opened_of_a_mail_from_when_it_came(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        at, _ = await door(b)
        room = b.desk.store.quarantine
        held = at.land(stranger(), received=Instant(T0 - MINUTE))
        b.clock.forward(7200)
        with pytest.raises(ActError):
            room.open(DISPATCHER, held.number, ("acme", "roma"), version=1)
        ref = room.open(DISPATCHER, held.number, ("acme", "acme-milano"), version=1)
        assert ref is not None
        view = b.desk.store.views.ticket(Scope.of_staff(), ref)
        assert view is not None
        assert (view.line.origin, view.line.received) == ("Mail", T0 - MINUTE)
        assert view.line.requester == {"name": "Chi", "mail": "chi@altrove.example"}
        await b.desk.send_mails()
        assert b.mails.mails[-1][0] == "chi@altrove.example"
        # Discarded by a program is not gone: somebody may take it out again.
        lost = at.land(stranger("Offerta?").replace(b"From:", b"List-Id: <x>\nFrom:"))
        assert lost.outcome is Outcome.DISCARDED
        again = room.open(DISPATCHER, lost.number, ("acme", "acme-milano"), version=1)
        assert again is not None

    play(tmp_path, scene)


def test_two_who_decide_do_it_once(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        at, ref = await door(b)
        room = b.desk.store.quarantine
        held = at.land(stranger())
        assert room.discard(DISPATCHER, held.number, version=1)
        before = at.entries(ref)
        with pytest.raises(StaleError):
            room.file(DISPATCHER, held.number, ref, version=1, public=True)
        assert at.entries(ref) == before
        assert room.listed(DISPATCHER) is not None
        discarded = room.listed(DISPATCHER, Outcome.DISCARDED)
        assert discarded is not None
        assert [one.number for one in discarded.lines] == [held.number]

    play(tmp_path, scene)


def test_the_oldest_mails_make_room_and_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = mail_room.KEPT_ROOM | {Outcome.QUARANTINED: (3, 10_000)}
    monkeypatch.setattr(mail_room, "KEPT_ROOM", room)

    async def scene(b: Bench) -> None:
        at, _ = await door(b)
        held = [at.land(stranger(f"{one}")) for one in range(5)]
        rows = [at.row(one) for one in held]
        assert [row.why for row in rows] == ["no_room"] * 2 + ["unknown_sender"] * 3
        assert [row.raw is None for row in rows] == [True] * 2 + [False] * 3
        large = at.land(stranger("x" * 9_500))
        assert at.row(large).raw is not None
        assert [at.row(one).raw is None for one in held] == [True] * 4 + [False]
        quarantine = b.desk.store.quarantine
        with pytest.raises(ActError):
            quarantine.open(
                DISPATCHER, held[0].number, ("acme", "acme-milano"), version=2
            )

    play(tmp_path, scene)


def test_mails_are_kept_for_their_time(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        at, ref = await door(b)
        waits = at.land(stranger())
        landed = at.land(
            f"Delivered-To: {at.reply_to(ref)}\n".encode()
            + plain("x", sender="it@acme.example")
        )
        spam = at.land(stranger("y").replace(b"From:", b"List-Id: <x>\nFrom:"))
        b.clock.forward(91 * DAY / SECOND)
        b.desk.store.retention.drop()
        assert at.row(waits).raw is not None
        assert at.row(landed).raw is None
        assert at.row(spam).raw is None
        b.clock.forward(320 * DAY / SECOND)
        b.desk.store.retention.drop()
        assert at.row(landed).ref == ref
        assert at.count()[0] == 2

    play(tmp_path, scene)


def test_strangers_give_way_to_those_whom_the_desk_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = mail_room.KEPT_ROOM | {Outcome.QUARANTINED: (6, 10_000)}
    monkeypatch.setattr(mail_room, "KEPT_ROOM", room)

    async def scene(b: Bench) -> None:
        at, ref = await door(b)
        # Both could be somebody's: one names a ticket, one is a customer's own.
        b.desk.enrol_embedded(site(name="acme-roma"))
        named = at.land(stranger(subject=f"Re: [{ref}] x"))
        known = at.land(plain("Fermo", subject="Fermo", sender="it@acme.example"))
        assert at.row(known).why == "which_site"
        flood = [
            at.land(stranger("x" * 3_000, sender=f"{one}@altrove.example"))
            for one in range(9)
        ]
        assert [at.row(one).raw is None for one in (named, known)] == [False] * 2
        assert at.row(flood[-1]).raw is not None
        assert [at.row(one).why for one in flood[:-2]] == ["no_room"] * 7

    play(tmp_path, scene)


def test_one_sender_has_no_more_than_its_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_room, "SENDER_ROOM", (3, 10_000))

    async def scene(b: Bench) -> None:
        at, _ = await door(b)
        other = at.land(stranger(sender="altra@altrove.example"))
        held = [at.land(stranger(f"{one}")) for one in range(5)]
        assert [at.row(one).raw is None for one in held] == [True] * 2 + [False] * 3
        large = at.land(stranger("x" * 9_500))
        assert at.row(large).raw is not None
        assert [at.row(one).raw is None for one in held] == [True] * 4 + [False]
        assert at.row(other).raw is not None

    play(tmp_path, scene)


def test_nobody_waits_for_the_writer_while_a_mail_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(b: Bench) -> None:
        at, ref = await door(b)
        database, writing, seen = b.desk.store.database, [0], []
        write, read = database.write, incoming.read

        @contextmanager
        def counted() -> Iterator[Connection]:
            with write() as db:
                writing[0] += 1
                try:
                    yield db
                finally:
                    writing[0] -= 1

        def watched(raw: bytes) -> incoming.Incoming:
            seen.append(writing[0])
            return read(raw)

        monkeypatch.setattr(database, "write", counted)
        monkeypatch.setattr(quarantine, "read", watched)
        monkeypatch.setattr(mail_in, "read", watched)
        room = b.desk.store.quarantine
        one, other = at.land(stranger("uno")), at.land(stranger("due"))
        room.file(DISPATCHER, one.number, ref, version=1, public=True)
        room.open(DISPATCHER, other.number, ("acme", "acme-milano"), version=1)
        assert seen == [0] * 4

    play(tmp_path, scene)


def test_who_decides_while_another_one_reads_the_mail_is_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(b: Bench) -> None:
        at, ref = await door(b)
        room, held = b.desk.store.quarantine, at.land(stranger())
        read = incoming.read

        def meanwhile(raw: bytes) -> incoming.Incoming:
            room.discard(DISPATCHER, held.number, version=1)
            return read(raw)

        monkeypatch.setattr(quarantine, "read", meanwhile)
        before = at.entries(ref)
        with pytest.raises(StaleError):
            room.file(DISPATCHER, held.number, ref, version=1, public=True)
        assert at.entries(ref) == before
        assert at.row(held).outcome == "discarded"

    play(tmp_path, scene)
