"""Mails that lie about who wrote them, what they are, or what they are made of."""

import time
from pathlib import Path

import pytest

from scudo_agent.desk.mail.bodies import CUT, TEXT_BYTES
from scudo_agent.desk.mail.header_words import addresses, decoded
from scudo_agent.desk.mail.html_text import text_of
from scudo_agent.desk.mail.incoming import PARTS, HostileMailError, read
from scudo_agent.desk.mail.kinds import Kind, kind_of
from scudo_agent.desk.mail.returned import about
from scudo_agent.desk.mail.why import Outcome, Why
from scudo_agent.desk.store.reply_address import holder, tags_in
from support.desk_scene import play
from support.desking import Bench
from support.mail_shapes import OWN, enclosed, parts, plain, text
from support.mails_in import CUSTOMER, door

NAMED = "=?utf-8?q?mario=40acme=2Eexample_=28?="


@pytest.mark.parametrize(
    ("line", "sender", "name"),
    [
        (f"{NAMED} <x@evil.example>", "x@evil.example", "mario@acme.example ("),
        (
            "=?utf-8?q?mario=40acme=2Eexample=2C?= <x@evil.example>",
            "x@evil.example",
            "mario@acme.example,",
        ),
        (
            "=?utf-8?q?Nicol=C3=B2_Rossi_=28ACME?= <m@acme.example>",
            "m@acme.example",
            "Nicolò Rossi (ACME",
        ),
        ("=?utf-8?q?mario=40acme=2Eexample?=", "", ""),
        ('"Rossi, Mario" <Mario@ACME.example>', "mario@acme.example", "Rossi, Mario"),
        ("mario@acme.example (Mario)", "mario@acme.example", "Mario"),
        ("mario@acme.example <x@evil.example>", None, None),
        ("mario@acme.example(<x@evil.example>", "", ""),
        ("mario@acme.example)<x@evil.example>", "", ""),
        ("mario@acme.example, <x@evil", "", ""),
        ("<mario@acme.example> <x@evil.example>", "", ""),
        ("a" * 3_000 + " <mario@acme.example>", "", ""),
    ],
)
def test_the_sender_is_read_from_the_line_as_it_stands(
    line: str, sender: str | None, name: str | None
) -> None:
    mail = read(plain("x", sender=line))
    if sender is None:  # nobody agrees on what it means: never the one in the name
        assert mail.sender in ("", "x@evil.example")
    else:
        assert (mail.sender, mail.sender_name) == (sender, name)


def test_two_lines_of_from_are_no_sender() -> None:
    assert read(plain("x", "From: mario@acme.example")).sender == ""


def test_recipients_are_read_from_the_lines_as_they_stand() -> None:
    hidden = "=?utf-8?q?a=40b=2Eexample=2C?= <c@d.example>"
    mail = read(plain("x", f"Cc: {hidden}", f"Delivered-To: {hidden}"))
    assert set(mail.recipients) == {"c@d.example", OWN}


def test_other_letters_make_no_address_of_ours() -> None:
    found = addresses("x <mario@\u212aappa.example>")
    assert "mario@kappa.example" not in [one for _, one in found]


INNER = "From: {who}\nTo: x@y.example\nSubject: {subject}\n{more}\nManca il pezzo\n"


def envelope(
    outer: str,
    *,
    who: str = CUSTOMER,
    subject: str = "Gestionale",
    kind: str = "posta-certificata",
    more: str = "",
) -> bytes:
    inner = INNER.format(who=who, subject=subject, more=more)
    return parts(
        text("Messaggio di posta certificata"),
        "Content-Type: message/rfc822\n\n" + inner,
        enclosed("daticert.xml", "application/xml", b"<postacert/>"),
        headers=(f"X-Trasporto: {kind}", "X-Riferimento-Message-ID: <a@b.example>"),
        sender=outer,
        subject="POSTA CERTIFICATA: x",
    )


GENUINE = f'"Per conto di: {CUSTOMER}" <posta-certificata@pec.example>'


def test_an_envelope_is_a_providers_and_names_who_is_inside() -> None:
    mail = read(envelope(GENUINE))
    assert (mail.sender, mail.certified) == (CUSTOMER, True)
    own = "Per conto di: Acme <posta-certificata@pec.example>"
    assert read(envelope(own)).sender == CUSTOMER


@pytest.mark.parametrize("kind", ["posta-certificata", "errore"])
@pytest.mark.parametrize(
    "outer",
    [
        "x@evil.example",
        f'"Per conto di: {CUSTOMER}" <x@evil.example>',
        '"Per conto di: ladro@evil.example" <posta-certificata@pec.example>',
    ],
)
def test_whoever_writes_that_it_is_an_envelope_stays_the_sender(
    kind: str, outer: str
) -> None:
    mail = read(envelope(outer, kind=kind))
    assert mail.sender == outer.rpartition("<")[2].rstrip(">")
    assert not mail.certified


@pytest.mark.parametrize(
    "subject", ["Consegna: materiale mancante", "Accettazione: no", "Preavviso: x"]
)
@pytest.mark.parametrize("more", ["", "X-Ricevuta: avvenuta-consegna\n"])
def test_certified_words_of_people_are_no_receipt(subject: str, more: str) -> None:
    mail = read(envelope(GENUINE, subject=subject, more=more))
    assert mail.subject == subject
    assert kind_of(mail, own=frozenset({OWN})).kind is Kind.MAIL


@pytest.mark.parametrize(
    "word",
    [
        "=?unicode_escape?q?a=5Cud800=40x.it?=",
        "=?raw-unicode-escape?q?=5Cud800?=",
        "=?utf-7?q?+2AA-?=",
        "=?idna?q?a?=",
        "=?punycode?b?" + "YWFhYQ==" + "?=",
        "=?utf-16?b?ANgA2A==?=",
    ],
)
def test_words_in_no_charset_of_text_make_text_all_the_same(word: str) -> None:
    assert "\ud800" not in decoded(word)
    decoded(word).encode()
    mail = read(
        plain("a\\ud800", f"X-A: {word}", subject=word, kind="text/plain")
        .replace(b"text/plain", b"text/plain; charset=unicode_escape")
        .replace(b"Message-ID", b"X-Other")
    )
    assert mail.body.said == "a\\ud800"
    file = "Content-Disposition: attachment; filename*=unicode_escape''%5Cud800\n\nx"
    assert read(parts(file)).files[0].name.encode()


def test_real_charsets_are_read() -> None:
    for name, raw in (
        ("ISO-8859-15", "=A4"),
        ("windows-1252", "=80"),
        ("KOI8-R", "=C1"),
        ("utf8", "=E2=82=AC"),
        ("gb18030", "=A2=E3"),
    ):
        assert decoded(f"=?{name}?q?{raw}?=") in ("€", "а"), name


def test_a_tag_of_other_letters_is_none_and_breaks_nothing() -> None:
    token = "a" * 20
    assert tags_in([f"x+\u017fc-7f3k-9qz2-{token}@provider.example"]) == ()
    assert tags_in([f"x+sc-7f3k-9qz2-\u017f{token[1:]}@provider.example"]) == ()
    (tag,) = tags_in([f"x+SC-7f3k-9qz2-{token}@provider.example"])
    assert holder(b"k" * 32, tag, [CUSTOMER]) is None


def test_a_report_names_only_ids_that_are_written_in_signs() -> None:
    ids = b"Message-ID: <a\x00b@c.example>\nMessage-ID: <d@e.example>\n"
    mail = read(parts(enclosed("head.txt", "text/rfc822-headers", ids)))
    assert about(mail) == ("<d@e.example>",)


@pytest.mark.parametrize(
    ("named", "mark"),
    [
        ("boundary*=us-ascii''QQ", "QQ"),
        ('boundary*0="Q"; boundary*1="Q"', "QQ"),
        ('boundary="\\"QQ"', '"QQ'),
        ("boundary=<QQ>", "QQ"),
        ('boundary=""QQ', '""QQ'),
        ('boundary=" QQ"', " QQ"),
        ('boundary=""', ""),
        ('boundary\n =\n "QQ"', "QQ"),
    ],
)
def test_parts_are_counted_however_their_boundary_is_written(
    named: str, mark: str
) -> None:
    body = f"--{mark}\n\nx\n" * (PARTS + 50)
    with pytest.raises(HostileMailError):
        read(plain(body, kind=f"multipart/mixed; {named}"))


def test_lines_count_by_whatever_they_end() -> None:
    with pytest.raises(HostileMailError, match="lines"):
        read(plain("x\r" * 700_000))


def test_all_texts_of_a_mail_share_one_limit() -> None:
    mail = read(parts(*[text("abcdefg " * 40_000)] * 20))
    assert len(mail.body.said) < TEXT_BYTES + 10_000
    assert CUT in mail.body.said


def test_html_has_a_limit_and_says_where_it_ends() -> None:
    part = "Content-Type: text/html\n\n" + "<p>abc</p>" * 20_000
    said = read(parts(part, part, part)).body.said
    assert said.endswith(CUT)
    assert len(said) < 256 * 1024


@pytest.mark.parametrize(
    "unit", ["<b>a", "<b></i>", "<p>a", "a <b> ", "<div></div>", "&#1;", "<i></b>a "]
)
def test_html_costs_what_it_weighs(unit: str) -> None:
    before = time.process_time()
    text_of(unit * (256 * 1024 // len(unit)))
    assert time.process_time() - before < 10


def test_flowed_lines_cost_what_they_weigh() -> None:
    before = time.process_time()
    mail = read(plain("a \n" * 550_000, kind="text/plain; format=flowed"))
    assert time.process_time() - before < 20
    assert mail.body.said.startswith("a a a a")


def test_an_enclosed_mail_is_kept_as_it_came_at_what_it_weighs() -> None:
    head = "Subject: a\n b;  c " + "x; " * 400_000
    before = time.process_time()
    mail = read(parts(f"Content-Type: message/rfc822\n\n{head}\n\nxyz"))
    (took, file) = time.process_time() - before, mail.files[0]
    assert file.content.decode().strip() == f"{head}\n\nxyz".strip()
    assert took < 10


LISTED = ("List-Id: <team.acme.example>", "Precedence: list")


@pytest.mark.parametrize("mark", LISTED)
def test_what_somebody_known_says_through_a_list_is_set_aside(
    tmp_path: Path, mark: str
) -> None:
    async def scene(b: Bench) -> None:
        at, ref = await door(b)
        sent = len(b.mails.mails)
        landed = at.land(plain("Il server è fermo", mark, subject="Fermo"))
        assert (landed.outcome, landed.why) == (Outcome.QUARANTINED, Why.LIST)
        own = f"Delivered-To: {at.reply_to(ref)}"
        landed = at.land(plain("Va meglio", mark, own, sender="it@acme.example"))
        assert (landed.outcome, landed.why) == (Outcome.QUARANTINED, Why.LIST)
        stranger = plain("Offerta", mark, sender="news@shop.example")
        assert at.land(stranger).outcome is Outcome.DISCARDED
        await b.desk.send_mails()
        late = [to for to, _ in b.mails.mails[sent:]]
        assert "it@acme.example" not in late
        assert CUSTOMER not in late

    play(tmp_path, scene)
