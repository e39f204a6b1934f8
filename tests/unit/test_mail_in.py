"""What becomes of mails that come in: on their ticket, a request, noted, set aside."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from scudo_agent.desk.lifecycle import Status
from scudo_agent.desk.mail.incoming import read
from scudo_agent.desk.mail.why import Outcome, Why
from scudo_agent.desk.rights import Role
from scudo_agent.desk.store import mail_in as mail_in_module
from scudo_agent.desk.store import mail_room
from scudo_agent.desk.store.scope import Scope
from scudo_agent.desk.store.tables import contract_version
from scudo_agent.instant import MINUTE, Instant
from support.crew import hand
from support.desk_scene import play
from support.desking import T0, Bench, contract, site
from support.mail_shapes import ANSWER, MID, REF, SHAPES, enclosed, parts, plain
from support.mail_shapes import text as part
from support.mails_in import CUSTOMER, Door, door
from support.people import new_person


def fate(landed: Any) -> str:
    return f"{landed.outcome} {landed.why}"


def to(address: str, raw: bytes) -> bytes:
    """The same mail, delivered to another address of the desk."""
    return f"Delivered-To: {address}\n".encode() + raw


def line(b: Bench, ref: str) -> Any:
    view = b.desk.store.views.ticket(Scope.of_staff(), ref)
    assert view is not None
    return view.line


def test_each_shape_becomes_what_is_written_beside_it(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        at, _ = await door(b)
        became = {}
        for shape in SHAPES:
            at.later()
            became[shape.name] = fate(at.land(shape.data))
        assert became == {shape.name: shape.fate for shape in SHAPES}

    play(tmp_path, scene)


def test_each_shape_of_a_persons_lands_by_the_reply_address(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        at, ref = await door(b)
        address = at.reply_to(ref, CUSTOMER)
        for shape in SHAPES:
            if shape.kind == "mail" and shape.sender == CUSTOMER:
                at.later()
                landed = at.land(to(address, shape.data))
                assert (shape.name, landed.ref) == (shape.name, ref)
                assert fate(landed) == "landed reply"
                last = at.entries(ref)[-1]
                assert last.kind == "message"
                assert last.data["by_customer"] is True
                assert last.data["mail_in"] == landed.number
                if shape.said:
                    assert last.data["words"] == shape.said.strip()
                if shape.quoted:
                    assert last.data["quoted"] == shape.quoted.strip()
                if shape.signature:
                    assert last.data["signature"] == shape.signature.strip()

    play(tmp_path, scene)


def test_no_shape_opens_what_it_must_not(tmp_path: Path) -> None:
    """The number of a ticket in its subject is enough for nothing."""

    async def scene(b: Bench) -> None:
        at, ref = await door(b)
        for shape in SHAPES:
            at.later()
            landed = at.land(shape.data.replace(REF.encode(), ref.encode()))
            if REF in read(shape.data).subject and "opened" in shape.fate:
                assert (shape.name, fate(landed)) == (
                    shape.name,
                    "quarantined ref_only",
                )
                assert at.row(landed).proposed == ref
            elif shape.kind != "mail" or "landed" in shape.fate:
                assert (shape.name, fate(landed)) == (shape.name, shape.fate)

    play(tmp_path, scene)


def test_threat_22_a_forged_sender_and_a_guessed_number_reach_no_ticket(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        at, ref = await door(b)
        evil = to(at.reply_to(ref, "it@acme.example"), plain(ANSWER))
        b.desk.enrol_embedded(site("evil", "evil-roma"))
        made = new_person(Role.REFERENT, "evil", mail="ladro@evil.example")
        b.desk.store.people.add(made, actor="test")
        before = at.entries(ref)
        own = at.reply_to(ref, CUSTOMER)
        head, _, tail = own.partition("@")
        foreign = plain(ANSWER, f"In-Reply-To: {MID}", sender="ladro@evil.example")
        cases = {
            # Somebody of another customer, with all that a reader of the mail has.
            "not_allowed": foreign,
            # A forged sender, who is allowed, with the number alone.
            "ref_only": plain(ANSWER, subject=f"Re: [{ref}] x"),
            # An address that the desk did not make, and one made for somebody else.
            "bad_address": to(f"{head[:-3]}abc@{tail}", plain("x")),
            # A Message-ID that can be worked out from a number is no proof.
            "unknown_sender": plain("x", subject="x", sender="chi@altrove.example"),
        }
        for why, raw in cases.items():
            landed = at.land(raw)
            assert fate(landed) == f"quarantined {why}"
            assert landed.ref is None
            assert at.row(landed).raw == raw
        assert at.row(at.land(foreign)).proposed == ref
        assert at.entries(ref) == before
        assert await b.desk.send_mails() == 0  # nobody is answered
        # The very address, from one who has a say there.
        assert fate(at.land(evil)) == "landed reply"

    play(tmp_path, scene)


def test_a_token_is_for_one_ticket_and_one_reader(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        at, ref = await door(b)
        opened = at.land(plain("Altro", "X-A: b", subject="Stampante"))
        assert opened.ref is not None
        mine = at.reply_to(ref, CUSTOMER)
        local = mine.partition("@")[0]
        assert len(local) <= 64
        # The token of one ticket behind the number of another one.
        swapped = mine.replace(ref.lower(), opened.ref.lower())
        assert fate(at.land(to(swapped, plain("x")))) == "quarantined bad_address"
        # Made for somebody who never had a mail of it, and who is not the sender.
        stranger = at.reply_to(ref, "altri@altrove.example")
        assert fate(at.land(to(stranger, plain("y")))) == "quarantined bad_address"
        # Servers that write addresses in capitals change nothing.
        landed = at.land(to(mine.upper(), plain("z")))
        assert (fate(landed), landed.ref) == ("landed reply", ref)

    play(tmp_path, scene)


def test_reply_addresses_hold_after_a_restart(tmp_path: Path) -> None:
    made = []

    async def scene(b: Bench) -> None:
        at, ref = await door(b)
        made.append((ref, at.reply_to(ref)))

    async def later(b: Bench) -> None:
        ref, address = made[0]
        at = Door(b)
        assert at.reply_to(ref) == address
        landed = at.land(to(address, plain("x", sender="it@acme.example")))
        assert fate(landed) == "landed reply"

    play(tmp_path, scene)
    play(tmp_path, later)


def test_a_mail_is_a_request_with_a_receipt_in_its_thread(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        at, _ = await door(b)
        raw = parts(
            part("Su https://erp.example/login non si entra.\n\n-- \nUfficio\n"),
            enclosed("errore.png", "image/png", b"\x89PNG\r\n\x1a\n0000"),
            subject="R: Gestionale fermo",
        )
        b.clock.forward(3600)
        landed = at.land(raw, received=Instant(T0 + 10 * MINUTE))
        assert landed.ref is not None
        found = line(b, landed.ref)
        assert (found.origin, found.channel) == ("Mail", "mail")
        assert found.title == {"it": "Gestionale fermo"}
        # When our server had it: not its own date, and not when it was stored.
        assert found.received == T0 + 10 * MINUTE
        assert found.request["url"] == "https://erp.example/login"
        assert found.requester_id is not None
        entry = at.entries(landed.ref)[0]
        assert entry.data["signature"] == "--\nUfficio"
        assert "screenshot" not in entry.data["missing"]
        await b.desk.send_mails()
        recipient, mail = b.mails.mails[-1]
        assert recipient == CUSTOMER
        assert b"In-Reply-To: <abc.1@acme.example>" in mail
        view = b.desk.store.views.ticket(Scope.of_staff(), landed.ref)
        assert view is not None
        assert [one.name for one in view.attachments] == ["errore.png"]

    play(tmp_path, scene)


def test_a_customers_answer_ends_the_waiting_and_reopens(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        at, ref = await door(b)
        tina = hand(b)
        own = at.reply_to(ref)
        await tina.do(ref, "triage", severity="1")
        await tina.do(ref, "start", mode="phone")
        await tina.do(ref, "wait", words="Da quando?")
        assert line(b, ref).status is Status.WAITING_CUSTOMER
        mine = plain("Dalle nove.", sender="IT <it@acme.example>")
        landed = at.land(to(own, mine))
        assert line(b, ref).status is Status.IN_PROGRESS
        last = at.entries(ref)[-1]
        assert last.actor == "person:it@acme.example"
        await b.desk.send_mails()
        # As the same word on the page: who looks after it hears of it.
        assert b.mails.mails[-1][0] == "noc@provider.example"
        await tina.do(ref, "close", words="fatto")
        again = plain("Non funziona ancora.", sender="IT <it@acme.example>")
        assert at.land(to(own, again)).outcome is Outcome.LANDED
        assert line(b, ref).status is Status.REOPENED
        assert at.land(to(own, mine)) == landed  # it came before

    play(tmp_path, scene)


def test_what_staff_write_is_internal_and_only_by_their_own_mails(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        at, ref = await door(b)
        tina = hand(b)
        mail = "tina@people.example"
        mine = plain("Chiamo io.", sender=f"Tina <{mail}>")
        landed = at.land(to(at.reply_to(ref, mail), mine))
        assert fate(landed) == "landed reply"
        last = at.entries(ref)[-1]
        assert (last.kind, last.actor) == ("remark", tina.person.actor)
        # A customer has that customer's address: a forged sender makes nobody ours.
        forged = plain("Chiudete pure.", sender=f"Tina <{mail}>")
        landed = at.land(to(at.reply_to(ref), forged))
        assert fate(landed) == "quarantined staff_elsewhere"
        fresh = plain("x", subject="Nota", sender=f"Tina <{mail}>")
        assert fate(at.land(fresh)) == "quarantined staff"

    play(tmp_path, scene)


def test_a_mail_comes_once_whatever_way_it_comes(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        at, ref = await door(b)
        raw = to(at.reply_to(ref), plain("Ancora fermo.", sender="it@acme.example"))
        landed = at.land(raw)
        before = at.count()
        travelled = b"Received: from a by b; today\nReturn-Path: <x@y>\n" + raw
        for again in (raw, raw.replace(b"\n", b"\r\n"), travelled):
            assert at.land(again) == landed
        assert at.count() == before

    play(tmp_path, scene)


def test_a_bounce_marks_the_mail_and_tells_the_provider(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        at, ref = await door(b)
        shapes = {one.name: one for one in SHAPES}
        before = line(b, ref).version
        assert at.land(shapes["postfix-delay"].data).ref == ref
        assert at.entries(ref)[-1].kind == "mail_late"
        staff = Scope.of_staff()
        failing = b.desk.store.directory.failing
        assert failing(staff, "IT@acme.example") is None
        assert at.land(shapes["postfix-bounce"].data).why is Why.BOUNCE
        last = at.entries(ref)[-1]
        assert (last.kind, last.data["recipient"]) == ("mail_back", "it@acme.example")
        assert last.data["error"] == "5.1.1"
        assert failing(staff, "IT@acme.example") == "5.1.1"
        await b.log_in()
        page = (await b.client.get("/customers/acme")).text
        assert "5.1.1" in page
        assert at.land(shapes["pec-not-delivered"].data).why is Why.RECEIPT
        assert at.entries(ref)[-1].kind == "mail_back"
        assert line(b, ref).version == before
        customer = Scope(tenant_id="acme")
        view = b.desk.store.views.ticket(customer, ref)
        assert view is not None
        assert not {one.kind for one in view.entries} & {"mail_back", "mail_late"}
        assert await b.desk.send_mails() == 0
        # The next one that arrives ends it.
        await hand(b).do(ref, "message", words="Prova")
        await b.desk.send_mails()
        assert failing(staff, "it@acme.example") is None

    play(tmp_path, scene)


def test_an_automatic_answer_is_a_line_that_only_the_provider_sees(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        at, ref = await door(b)
        away = plain("Sono assente", "Auto-Submitted: auto-replied")
        landed = at.land(to(at.reply_to(ref), away))
        assert (fate(landed), landed.ref) == ("noted auto", ref)
        last = at.entries(ref)[-1]
        assert (last.kind, last.data["said"]) == ("mail_noted", "Sono assente")
        assert line(b, ref).status is Status.NEW
        assert await b.desk.send_mails() == 0

    play(tmp_path, scene)


def test_a_customer_with_two_sites_is_asked_about(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        at, _ = await door(b)
        b.desk.enrol_embedded(site("acme", "acme-roma"))
        landed = at.land(plain("Aiuto", subject="Stampante"))
        assert fate(landed) == "quarantined which_site"
        assert at.row(landed).customer == "acme"

    play(tmp_path, scene)


def test_what_cannot_be_read_is_kept_as_it_is(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        at, _ = await door(b)
        deep = parts("Content-Type: message/rfc822\n\n" * 60)
        landed = at.land(deep)
        assert fate(landed) == "quarantined hostile"
        assert at.row(landed).raw == deep
        assert "parts with parts" in at.row(landed).detail
        odd = plain("\\ud800 \\x00 \x00 x", subject="\x00\ud83d".replace("\ud83d", "x"))
        surrogates = odd.replace(b"charset=utf-8", b"charset=unicode_escape")
        assert at.land(surrogates).outcome is Outcome.OPENED

    play(tmp_path, scene)


def test_a_contract_that_this_desk_cannot_read_keeps_no_mail_out(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        await b.agent(customer="altro", name="altro-roma", brings=contract())
        at, _ = await door(b)
        with b.desk.store.database.write() as db:
            broken = {"body": {"id": "prova", "title": "?"}, "sha256": "0" * 64}
            db.execute(update(contract_version).values(broken))
        landed = at.land(plain("Fermo", subject="Fermo", sender="it@altro.example"))
        assert fate(landed) == "opened request"
        assert landed.ref is not None
        assert line(b, landed.ref).site_id == "altro-roma"

    play(tmp_path, scene)


def test_a_mail_that_made_the_desk_stumble_is_set_aside_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(b: Bench) -> None:
        at, _ = await door(b)
        raw = plain("Fermo", subject="Fermo")

        def stumbles(*_: object, **__: object) -> None:
            raise RecursionError

        with monkeypatch.context() as patched:
            patched.setattr(mail_in_module, "read", stumbles)
            patched.setattr(mail_in_module, "kind_of", stumbles)
            with pytest.raises(RecursionError):
                at.land(raw)
            assert at.count()[0] == 0
            landed = at.mail_in.land_unread(raw, "RecursionError", source="pipe")
        assert fate(landed) == "quarantined hostile"
        row = at.row(landed)
        assert (row.detail, row.raw, row.size) == ("RecursionError", raw, len(raw))
        # It is there: neither the same mail again nor another way changes that.
        assert at.land(raw) == landed
        assert at.mail_in.land_unread(raw, "x", source="imap:INBOX") == landed
        assert at.count()[0] == 1

    play(tmp_path, scene)


def test_of_a_hostile_mail_the_headers_are_kept(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        at, _ = await door(b)
        deep = parts("Content-Type: message/rfc822\n\n" * 60) + b"x" * 2**20
        row = at.row(at.land(deep))
        assert (row.why, row.size) == ("hostile", len(deep))
        assert len(row.raw) < mail_room.HEAD_BYTES
        assert b"Subject:" in row.raw
        assert "parts with parts" in row.detail

    play(tmp_path, scene)
