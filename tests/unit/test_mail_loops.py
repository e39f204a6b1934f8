"""Programs that answer each other end, and the provider is told once (threat 23)."""

from email import message_from_bytes, policy
from pathlib import Path

from scudo_agent.desk.mail.why import Outcome
from scudo_agent.desk.store.mail_room import A_DAY, NOTES, OPENINGS, WORDS
from scudo_agent.desk.store.scope import Scope
from scudo_agent.instant import HOUR, MINUTE, SECOND
from support.desk_scene import play
from support.desking import Bench
from support.mail_shapes import plain
from support.mails_in import CUSTOMER, Door, door

MARKS = ("Auto-Submitted", "X-Scudo-Desk", "X-Auto-Response-Suppress", "Precedence")


def answer(mail: bytes, number: int, *, thread: bool) -> bytes:
    """What a bad autoresponder says to a mail: nothing tells that a program wrote."""
    got = message_from_bytes(mail, policy=policy.default)
    refers = (f"In-Reply-To: {got['Message-ID']}",) if thread else ()
    return plain(
        f"Grazie, abbiamo ricevuto il messaggio {number}",
        *refers,
        subject="Conferma",
        sender=str(got["To"]),
    )


async def converse(b: Bench, at: Door, *, thread: bool, first: bytes) -> int:
    """Let the desk and an autoresponder write until neither does; mails of its own."""
    said, heard, mail = 0, len(b.mails.mails), first
    while True:
        said += 1
        at.land(mail)
        b.clock.forward(MINUTE / SECOND)
        await b.desk.send_mails()
        theirs = [one for to, one in b.mails.mails[heard:] if to == CUSTOMER]
        heard = len(b.mails.mails)
        if not theirs or said > 200:
            return said
        mail = answer(theirs[-1], said, thread=thread)


def test_threat_23_a_desk_that_talks_with_an_autoresponder_ends(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        at, _ = await door(b)
        # It never refers to anything: each of its mails is a new one, until enough.
        said = await converse(
            b, at, thread=False, first=plain("Il gestionale è fermo", subject="Fermo")
        )
        assert said == OPENINGS + 1
        # It answers the receipt: on that ticket it makes no mail to itself.
        at.later()
        said = await converse(
            b, at, thread=True, first=plain("La stampante", subject="Stampante")
        )
        assert said == 2

    play(tmp_path, scene)


def test_two_desks_that_are_each_others_customers_end_at_once(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        at, _ = await door(b)
        at.land(plain("Fermo", subject="Fermo"))
        await b.desk.send_mails()
        receipt = b.mails.mails[-1][1]
        before = at.count()
        # What one desk sends, another one (or itself) takes for what it is.
        back = at.land(receipt)
        assert back.outcome is Outcome.DISCARDED
        bare = b"\r\n".join(
            line
            for line in receipt.split(b"\r\n")
            if not line.startswith((b"X-Scudo-Desk", b"Message-ID", b"From"))
        )
        other = at.land(b"From: desk@altro.example\r\nMessage-ID: <a@b>\r\n" + bare)
        assert other.outcome in (Outcome.DISCARDED, Outcome.NOTED)
        assert await b.desk.send_mails() == 0
        assert at.count()[0] == before[0] + 2

    play(tmp_path, scene)


def test_too_many_are_set_aside_and_the_provider_hears_of_it_once(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        at, ref = await door(b)
        own = f"Delivered-To: {at.reply_to(ref)}\n".encode()
        sender = "IT <it@acme.example>"
        outcomes = [
            str(at.land(own + plain(f"Messaggio {one}", sender=sender)).why)
            for one in range(WORDS + 5)
        ]
        assert outcomes == ["reply"] * WORDS + ["too_many"] * 5
        await b.desk.send_mails()
        alarms = [
            mail
            for to, mail in b.mails.mails
            if b"mail-flood" in mail or b"Troppe" in mail
        ]
        assert len(alarms) == 1
        # It goes on and stays set aside; an hour of quiet ends it.
        b.clock.forward(50 * MINUTE / SECOND)
        assert str(at.land(own + plain("ancora", sender=sender)).why) == "too_many"
        b.clock.forward(61 * MINUTE / SECOND)
        assert str(at.land(own + plain("dopo", sender=sender)).why) == "reply"
        over, _ = b.desk.store.facts.end_due()
        assert over == 1

    play(tmp_path, scene)


def test_two_programs_that_answer_each_other_slowly_end_within_a_day(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        at, ref = await door(b)
        own = f"Delivered-To: {at.reply_to(ref)}\n".encode()
        sender = "IT <it@acme.example>"
        why = []
        for one in range(A_DAY + 4):
            b.clock.forward(25 * MINUTE / SECOND)
            why.append(str(at.land(own + plain(f"{one}", sender=sender)).why))
        assert why == ["reply"] * A_DAY + ["too_many"] * 4
        # A new request is of the same count; somebody else's is not.
        fresh = plain("Fermo", subject="Fermo", sender=sender)
        assert str(at.land(fresh).why) == "too_many"
        assert str(at.land(plain("Fermo", subject="Altro")).why) == "request"
        await b.desk.send_mails()
        alarms = [mail for _, mail in b.mails.mails if b"Troppe" in mail]
        assert len(alarms) == 1
        # It is only of a day.
        b.clock.forward(15 * HOUR / SECOND)
        assert str(at.land(own + plain("dopo", sender=sender)).why) == "reply"

    play(tmp_path, scene)


def test_what_programs_tell_fills_no_history(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        at, ref = await door(b)
        own = f"Delivered-To: {at.reply_to(ref)}\nAuto-Submitted: auto-replied\n"
        before = len(at.entries(ref))
        for one in range(NOTES + 10):
            landed = at.land(own.encode() + plain(f"Sono assente {one}"))
            assert (landed.outcome, landed.ref) == (Outcome.NOTED, ref)
        assert len(at.entries(ref)) == before + NOTES
        view = b.desk.store.views.ticket(Scope(tenant_id="acme"), ref)
        assert view is not None
        assert not [one for one in view.entries if one.kind == "mail_noted"]

    play(tmp_path, scene)
