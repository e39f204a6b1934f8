"""Mails as tools write them: the shape, whom it follows, and what is to be read in it.

No mail of a real person is here: each was written after the documentation or the
habits of the tool or standard that it names.
"""

import base64
from dataclasses import dataclass, field
from email.header import Header

OWN = "assistenza@provider.example"
REF = "SC-7F3K-9QZ2"
MID = "<0193e1c0-0000-7000-8000-000000000001.open.1@provider.example>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One mail and what is in it; None: it does not matter here.

    `fate` is what becomes of it at a desk whose customer `ufficio@acme.example` is,
    that sent the mail `MID`, and that has no ticket of the number `REF`.
    """

    name: str
    follows: str
    data: bytes = field(repr=False)
    kind: str = "mail"
    said: str | None = None
    quoted: str | None = None
    signature: str | None = None
    subject: str | None = None
    sender: str | None = "ufficio@acme.example"
    files: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    certified: bool = False
    fate: str = "opened request"


def plain(
    body: str,
    *headers: str,
    subject: str = f"Re: [{REF}] Gestionale bloccato",
    sender: str = "Ufficio Acme <ufficio@acme.example>",
    kind: str = "text/plain; charset=utf-8",
    charset: str = "utf-8",
) -> bytes:
    """A mail of one part; `headers` come first, as they stand."""
    top = [
        *headers,
        f"From: {sender}",
        f"To: {OWN}",
        f"Subject: {subject}",
        "Date: Mon, 23 Nov 2026 11:02:03 +0100",
        "Message-ID: <abc.1@acme.example>",
        "MIME-Version: 1.0",
        f"Content-Type: {kind}",
        "Content-Transfer-Encoding: 8bit",
    ]
    return ("\n".join(top) + "\n\n").encode("utf-8") + body.encode(charset)


def parts(
    *bodies: str,
    subtype: str = "mixed",
    headers: tuple[str, ...] = (),
    subject: str = f"Re: [{REF}] Gestionale bloccato",
    sender: str = "Ufficio Acme <ufficio@acme.example>",
) -> bytes:
    """A mail of several parts; each body has its own headers."""
    inside = "".join(f"--cut\n{body}\n" for body in bodies) + "--cut--\n"
    return plain(
        inside,
        *headers,
        subject=subject,
        sender=sender,
        kind=f'multipart/{subtype}; boundary="cut"',
    )


def text(body: str, *, kind: str = "text/plain; charset=utf-8") -> str:
    """A part with text."""
    return f"Content-Type: {kind}\nContent-Transfer-Encoding: 8bit\n\n{body}"


def html(body: str) -> str:
    """A part with HTML."""
    return text(body, kind="text/html; charset=utf-8")


def enclosed(name: str, kind: str, content: bytes) -> str:
    """A part with a file."""
    coded = base64.encodebytes(content).decode()
    return (
        f'Content-Type: {kind}; name="{name}"\n'
        f'Content-Disposition: attachment; filename="{name}"\n'
        f"Content-Transfer-Encoding: base64\n\n{coded}"
    )


ANSWER = "Confermo, da stamattina non si entra."
QUOTED = "> Gestionale: https://erp.example/login risponde 503\n> Gravità 1"

_OUTLOOK_IT = f"""{ANSWER}

Da: Assistenza <{OWN}>
Inviato: lunedì 23 novembre 2026 10:42
A: Ufficio Acme <ufficio@acme.example>
Oggetto: [{REF}] Gestionale bloccato

Buongiorno,
abbiamo aperto per voi il ticket {REF}.
"""
_OUTLOOK_EN = f"""{ANSWER}

From: Assistenza <{OWN}>
Sent: Monday, November 23, 2026 10:42 AM
To: Ufficio Acme <ufficio@acme.example>
Subject: [{REF}] Gestionale bloccato

Good morning,
"""
_PEC_INNER = f"""From: Ufficio Acme <ufficio@acme.example>
To: {OWN}
Subject: Gestionale fermo
Message-ID: <inner@acme.example>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

{ANSWER}
"""


def _pec(transport: str, subject: str, inner: str) -> bytes:
    return parts(
        text("Il messaggio è contenuto nell'allegato postacert.eml."),
        'Content-Type: message/rfc822; name="postacert.eml"\n'
        'Content-Disposition: inline; filename="postacert.eml"\n\n' + inner,
        enclosed("daticert.xml", "application/xml", b"<postacert/>"),
        headers=(f"X-Trasporto: {transport}", "X-TipoRicevuta: completa"),
        subject=subject,
        sender='"Per conto di: ufficio@acme.example" <posta-certificata@pec.example>',
    )


def _receipt(kind: str, subject: str) -> bytes:
    return parts(
        text("Ricevuta"),
        enclosed("daticert.xml", "application/xml", b"<postacert/>"),
        headers=(f"X-Ricevuta: {kind}", f"X-Riferimento-Message-ID: {MID}"),
        subject=subject,
        sender="posta-certificata@pec.example",
    )


def _bounce(
    subject: str, action: str, *headers: str, sender: str = "MAILER-DAEMON@mx.example"
) -> bytes:
    return plain(
        "--cut\nContent-Type: text/plain\n\nIt could not be delivered.\n"
        "--cut\nContent-Type: message/delivery-status\n\n"
        "Reporting-MTA: dns; mx.example\n\n"
        f"Final-Recipient: rfc822; it@acme.example\nAction: {action}\n"
        "Status: 5.1.1\n\n"
        "--cut\nContent-Type: text/rfc822-headers\n\n"
        f"Message-ID: {MID}\nSubject: [{REF}] x\n\n--cut--\n",
        "Return-Path: <>",
        *headers,
        subject=subject,
        sender=sender,
        kind='multipart/report; report-type=delivery-status; boundary="cut"',
    )


def _coded(subject: str, charset: str) -> str:
    return Header(subject, charset, maxlinelen=998).encode()


SHAPES: tuple[Shape, ...] = (
    Shape(
        name="plain-top-posting",
        follows="RFC 3676 4.5, quotation with >",
        fate="landed reply",
        data=plain(
            f"{ANSWER}\n\nIl 23/11/2026 10:42, Assistenza ha scritto:\n{QUOTED}\n",
            f"In-Reply-To: {MID}",
            f"References: {MID}",
        ),
        said=ANSWER,
        quoted=f"Il 23/11/2026 10:42, Assistenza ha scritto:\n{QUOTED}",
        answers=(MID,),
    ),
    Shape(
        name="plain-bottom-posting",
        follows="RFC 1855, replies below the quotation",
        data=plain(f"On Mon, 23 Nov 2026, the desk wrote:\n{QUOTED}\n\n{ANSWER}\n"),
        said=ANSWER,
    ),
    Shape(
        name="interleaved",
        follows="RFC 1855, replies between the quotations",
        data=plain("> Da quando?\nDalle nove.\n> Chi?\nTutti.\n"),
        said="Dalle nove.\nTutti.",
        quoted="> Da quando?\n> Chi?",
    ),
    Shape(
        name="gmail-it",
        follows="Gmail, Italian",
        data=plain(
            f"{ANSWER}\n\nIl giorno lun 23 nov 2026 alle ore 10:42 Assistenza <\n"
            f"{OWN}> ha scritto:\n\n{QUOTED}\n"
        ),
        said=ANSWER,
    ),
    Shape(
        name="gmail-en",
        follows="Gmail, English",
        data=plain(
            f"{ANSWER}\n\nOn Mon, Nov 23, 2026 at 10:42 AM Assistenza <{OWN}>\n"
            f"wrote:\n\n{QUOTED}\n"
        ),
        said=ANSWER,
    ),
    Shape(
        name="gmail-html-only",
        follows="Gmail's gmail_quote without a text part",
        data=plain(
            f'<div dir="ltr">{ANSWER}</div><br><div class="gmail_quote">'
            '<div class="gmail_attr">Il giorno lun 23 nov 2026 Assistenza ha scritto:'
            "</div><blockquote>Gravità 1</blockquote></div>",
            kind="text/html; charset=utf-8",
        ),
        said=ANSWER,
    ),
    Shape(
        name="thunderbird-it",
        follows="Mozilla Thunderbird, Italian",
        data=plain(f"Il 23/11/26 10:42, Assistenza ha scritto:\n{QUOTED}\n{ANSWER}\n"),
        said=ANSWER,
    ),
    Shape(
        name="thunderbird-html",
        follows="Mozilla Thunderbird, moz-cite-prefix",
        data=plain(
            "<html><head><style>p{color:red}</style></head><body><p>"
            f'{ANSWER}</p><div class="moz-cite-prefix">Il 23/11/26, Assistenza ha'
            ' scritto:</div><blockquote type="cite"><p>Gravità 1</p></blockquote>'
            "</body></html>",
            kind="text/html; charset=utf-8",
        ),
        said=ANSWER,
    ),
    Shape(
        name="outlook-it",
        follows="Microsoft Outlook, Italian, plain text",
        data=plain(_OUTLOOK_IT, subject=f"R: [{REF}] Gestionale bloccato"),
        said=ANSWER,
        subject=f"R: [{REF}] Gestionale bloccato",
    ),
    Shape(
        name="outlook-en",
        follows="Microsoft Outlook, English, plain text",
        data=plain(_OUTLOOK_EN, subject=f"RE: [{REF}] Gestionale bloccato"),
        said=ANSWER,
    ),
    Shape(
        name="outlook-line",
        follows="Outlook on the web: a line above the quoted headers",
        data=plain(_OUTLOOK_IT.replace("\nDa:", f"\n{'_' * 32}\nDa:")),
        said=ANSWER,
    ),
    Shape(
        name="outlook-bold",
        follows="Outlook for Mac: headers between asterisks",
        data=plain(
            _OUTLOOK_EN.replace("From:", "*From: *")
            .replace("Sent:", "*Sent: *")
            .replace("To:", "*To: *")
            .replace("Subject:", "*Subject: *")
        ),
        said=ANSWER,
    ),
    Shape(
        name="outlook-original",
        follows="Outlook 2003: -----Messaggio originale-----",
        data=plain(
            f"{ANSWER}\n\n-----Messaggio originale-----\nDa: Assistenza\n"
            "Inviato: lunedì\nOggetto: ticket\n\nBuongiorno\n"
        ),
        said=ANSWER,
    ),
    Shape(
        name="outlook-html",
        follows="Outlook's divRplyFwdMsg",
        data=plain(
            f'<div class="elementToProof">{ANSWER}</div><div id="appendonsend"></div>'
            '<hr><div id="divRplyFwdMsg"><b>Da:</b> Assistenza<br><b>Inviato:</b> oggi'
            "</div><div>Buongiorno, gravità 1</div>",
            kind="text/html; charset=utf-8",
        ),
        said=ANSWER,
    ),
    Shape(
        name="winmail",
        follows="Microsoft TNEF (winmail.dat)",
        data=parts(
            text(ANSWER),
            enclosed("winmail.dat", "application/ms-tnef", b"\x78\x9f\x3e\x22"),
        ),
        said=ANSWER,
        files=("winmail.dat",),
    ),
    Shape(
        name="winmail-only",
        follows="Microsoft TNEF without a text part",
        data=parts(enclosed("winmail.dat", "application/ms-tnef", b"\x78\x9f\x3e\x22")),
        said="",
        files=("winmail.dat",),
    ),
    Shape(
        name="apple-it",
        follows="Apple Mail, Italian",
        data=plain(
            f"{ANSWER}\n\n> Il giorno 23 nov 2026, alle ore 10:42, Assistenza <{OWN}>"
            f" ha scritto:\n> \n{QUOTED}\n"
        ),
        said=ANSWER,
    ),
    Shape(
        name="iphone",
        follows="iOS Mail, signature and quotation",
        data=plain(
            f"{ANSWER}\n\nInviato da iPhone\n\n> Il giorno 23 nov 2026, alle ore"
            f" 10:42, Assistenza ha scritto:\n{QUOTED}\n"
        ),
        said=ANSWER,
        signature="Inviato da iPhone",
    ),
    Shape(
        name="outlook-mobile",
        follows="Outlook for Android",
        data=plain(
            f"{ANSWER}\n\nOttieni Outlook per Android<https://aka.example>\n"
            + _OUTLOOK_IT.partition("\n\n")[2]
        ),
        said=ANSWER,
    ),
    Shape(
        name="samsung",
        follows="Samsung Mail: -------- Messaggio originale --------",
        data=plain(
            f"{ANSWER}\n\nInviato da Galaxy\n\n-------- Messaggio originale --------\n"
            "Da: Assistenza\nData: 23/11/26\n"
        ),
        said=ANSWER,
        signature="Inviato da Galaxy",
    ),
    Shape(
        name="yahoo",
        follows="Yahoo Mail: no sign before quoted lines",
        data=plain(
            f"{ANSWER}\n\n    Il lunedì 23 novembre 2026 alle ore 10:42:00 CET,"
            " Assistenza ha scritto:  \n \n Buongiorno,\n gravità 1\n"
        ),
        said=ANSWER,
    ),
    Shape(
        name="libero",
        follows="Italian web mails: Messaggio originale with a border",
        data=plain(
            f"{ANSWER}\n\n----Messaggio originale----\nDa: {OWN}\nData: 23/11/2026\n"
        ),
        said=ANSWER,
    ),
    Shape(
        name="signature",
        follows="RFC 3676 4.3, signature after '-- '",
        data=plain(f"{ANSWER}\n\n-- \nUfficio acquisti\nAcme S.p.A.\n"),
        said=ANSWER,
        signature="--\nUfficio acquisti\nAcme S.p.A.",
    ),
    Shape(
        name="flowed",
        follows="RFC 3676 format=flowed",
        data=plain(
            "Confermo, \nda stamattina \nnon si entra.\n",
            kind="text/plain; charset=utf-8; format=flowed",
        ),
        said=ANSWER,
    ),
    Shape(
        name="flowed-delsp",
        follows="RFC 3676 DelSp=yes",
        data=plain(
            "Confermo, da stamat \ntina non si entra.\n",
            kind="text/plain; charset=utf-8; format=flowed; delsp=yes",
        ),
        said=ANSWER,
    ),
    Shape(
        name="prefix-r",
        follows="Outlook, Italian: R:",
        data=plain(ANSWER, subject=f"R: R: [{REF}] Gestionale"),
        said=ANSWER,
    ),
    Shape(
        name="prefix-i",
        follows="Outlook, Italian: I: (forwarded), whose content is the matter",
        data=plain(
            _OUTLOOK_IT.replace(ANSWER, "Potete guardare?"), subject="I: problema"
        ),
        said=_OUTLOOK_IT.replace(ANSWER, "Potete guardare?").strip(),
        subject="I: problema",
    ),
    Shape(
        name="prefix-fwd",
        follows="Gmail: Fwd: with '---------- Forwarded message'",
        data=plain(
            "Vedi sotto\n\n---------- Forwarded message ---------\nDa: fornitore\n",
            subject="Fwd: guasto",
        ),
        said="Vedi sotto\n\n---------- Forwarded message ---------\nDa: fornitore",
    ),
    Shape(
        name="alternative",
        follows="RFC 2046 5.1.4 multipart/alternative",
        data=parts(text(ANSWER), html(f"<p>{ANSWER}</p>"), subtype="alternative"),
        said=ANSWER,
    ),
    Shape(
        name="alternative-empty-text",
        follows="tools that leave the text part empty",
        data=parts(text("  \n"), html(f"<p>{ANSWER}</p>"), subtype="alternative"),
        said=ANSWER,
    ),
    Shape(
        name="related-inline-image",
        follows="RFC 2387 multipart/related",
        data=parts(
            html(f'<p>{ANSWER}</p><img src="cid:a">'),
            enclosed("image001.png", "image/png", b"\x89PNG"),
            subtype="related",
        ),
        said=ANSWER,
        files=("image001.png",),
    ),
    Shape(
        name="attachments",
        follows="RFC 2183 attachments",
        data=parts(
            text(ANSWER),
            enclosed("errore.png", "image/png", b"\x89PNG"),
            enclosed("log.txt", "text/plain", b"riga"),
        ),
        said=ANSWER,
        files=("errore.png", "log.txt"),
    ),
    Shape(
        name="attachment-name-coded",
        follows="RFC 2231 parameter values",
        data=parts(
            text(ANSWER),
            "Content-Type: image/png\nContent-Disposition: attachment;"
            " filename*=utf-8''perch%C3%A9.png\n"
            "Content-Transfer-Encoding: base64\n\niVBO",
        ),
        said=ANSWER,
        files=("perché.png",),
    ),
    Shape(
        name="attachment-name-words",
        follows="Outlook: encoded words in a file's name, against RFC 2047 5",
        data=parts(
            text(ANSWER),
            "Content-Type: image/png\nContent-Disposition: attachment;"
            ' filename="=?utf-8?Q?perch=C3=A9=2Epng?="\n'
            "Content-Transfer-Encoding: base64\n\niVBO",
        ),
        said=ANSWER,
        files=("perché.png",),
    ),
    Shape(
        name="attachment-path",
        follows="a name with a path, RFC 2183 2.3",
        data=parts(text(ANSWER), enclosed("..\\\\..\\\\boot.ini", "text/plain", b"x")),
        said=ANSWER,
        files=("boot.ini",),
    ),
    Shape(
        name="forwarded-as-attachment",
        follows="message/rfc822 as an attachment",
        data=parts(text(ANSWER), "Content-Type: message/rfc822\n\n" + _PEC_INNER),
        said=ANSWER,
        files=("message.eml",),
    ),
    Shape(
        name="smime-signed",
        follows="RFC 8551 multipart/signed",
        data=parts(
            text(ANSWER),
            enclosed("smime.p7s", "application/pkcs7-signature", b"0"),
            subtype="signed",
        ),
        said=ANSWER,
        files=("smime.p7s",),
    ),
    Shape(
        name="latin9",
        follows="ISO-8859-15, the euro sign",
        data=plain(
            "Perché 80 € l'ora?",
            kind="text/plain; charset=iso-8859-15",
            charset="iso-8859-15",
        ),
        said="Perché 80 € l'ora?",
    ),
    Shape(
        name="cp1252-named-latin1",
        follows="Windows: cp1252 without a name",
        data=plain("L’errore è “fermo”", kind="text/plain", charset="cp1252"),
        said="L’errore è “fermo”",
    ),
    Shape(
        name="unknown-charset",
        follows="a charset that nobody knows",
        data=plain(ANSWER, kind="text/plain; charset=x-unknown"),
        said=ANSWER,
    ),
    Shape(
        name="header-8bit",
        follows="8-bit headers, RFC 6532 without its envelope",
        data=plain(ANSWER, subject="È fermo più di un'ora"),
        said=ANSWER,
        subject="È fermo più di un'ora",
    ),
    Shape(
        name="header-latin1",
        follows="8-bit headers in Latin-1, by old programs",
        data=plain(ANSWER, subject="@@").replace(b"@@", "è fermo".encode("latin-1")),
        said=ANSWER,
        subject="è fermo",
    ),
    Shape(
        name="header-words",
        follows="RFC 2047 encoded words, two charsets",
        data=plain(
            ANSWER,
            subject=_coded("più", "utf-8") + " " + _coded("veloce è", "iso-8859-15"),
        ),
        said=ANSWER,
        subject="piùveloce è",
    ),
    Shape(
        name="header-words-broken",
        follows="RFC 2047 broken in the middle of a character",
        data=plain(ANSWER, subject="=?utf-8?B?cGnD?= =?utf-8?B?uQ==?="),
        said=ANSWER,
    ),
    Shape(
        name="quoted-printable",
        follows="RFC 2045 quoted-printable with soft breaks",
        data=plain(
            "Confermo, da stam=\nattina non si entra.=20\n",
            kind="text/plain; charset=utf-8",
        ).replace(b"Encoding: 8bit", b"Encoding: quoted-printable"),
        said=ANSWER,
    ),
    Shape(
        name="base64-broken",
        follows="base64 with signs that do not belong there",
        data=plain(
            base64.b64encode(ANSWER.encode()).decode()[:-4] + "!!\n",
            kind="text/plain; charset=utf-8",
        ).replace(b"Encoding: 8bit", b"Encoding: base64"),
    ),
    Shape(
        name="crlf-and-bare-cr",
        follows="RFC 5322 2.3 lines by CRLF, and bare CR by old programs",
        data=plain(f"{ANSWER}\rGrazie").replace(b"\n", b"\r\n"),
        said=f"{ANSWER}\nGrazie",
    ),
    Shape(
        name="calendar-reply",
        follows="RFC 5546 iTIP REPLY",
        fate="discarded calendar",
        data=parts(
            text("Accettato"),
            text("BEGIN:VCALENDAR", kind="text/calendar; method=REPLY"),
            subtype="alternative",
            subject="Accettato: manutenzione",
        ),
        kind="calendar",
    ),
    Shape(
        name="calendar-request",
        follows="RFC 5546 iTIP REQUEST: somebody wants to meet",
        data=parts(
            text(ANSWER),
            text("BEGIN:VCALENDAR", kind="text/calendar; method=REQUEST"),
            subtype="alternative",
        ),
        said=ANSWER,
        files=("file",),
    ),
    Shape(
        name="out-of-office",
        follows="RFC 3834 Auto-Submitted: auto-replied",
        fate="discarded auto",
        data=plain("Sono assente", "Auto-Submitted: auto-replied (vacation)"),
        kind="auto",
    ),
    Shape(
        name="exchange-oof",
        follows="Exchange out-of-office, by its subject alone",
        fate="quarantined perhaps_auto",
        data=plain(
            "Sono assente",
            "X-Auto-Response-Suppress: All",
            subject="Risposta automatica: [x]",
        ),
        kind="auto",
    ),
    Shape(
        name="autoresponder",
        follows="cPanel's autoresponder: X-Autorespond, Precedence",
        fate="discarded auto",
        data=plain("Grazie", "X-Autorespond: yes", "Precedence: auto_reply"),
        kind="auto",
    ),
    Shape(
        name="mailing-list",
        follows="RFC 2919 List-Id",
        fate="quarantined list",
        data=plain("Notizie", "List-Id: <news.acme.example>"),
        kind="list",
    ),
    Shape(
        name="bulk",
        follows="Precedence: bulk",
        fate="quarantined list",
        data=plain("Offerta", "Precedence: bulk"),
        kind="list",
    ),
    Shape(
        name="postfix-bounce",
        follows="Postfix, RFC 3464",
        fate="noted bounce",
        data=_bounce(
            "Undelivered Mail Returned to Sender",
            "failed",
            "Auto-Submitted: auto-replied",
        ),
        kind="bounce",
        sender="mailer-daemon@mx.example",
    ),
    Shape(
        name="postfix-delay",
        follows="Postfix's delayed notice, RFC 3464 Action: delayed",
        fate="noted delay",
        data=_bounce("Delayed Mail (still being retried)", "delayed"),
        kind="delay",
        sender="mailer-daemon@mx.example",
    ),
    Shape(
        name="exim-bounce",
        follows="Exim: X-Failed-Recipients",
        fate="discarded bounce",
        data=plain(
            "This message was created automatically",
            "X-Failed-Recipients: it@acme.example",
            subject="Mail delivery failed: returning message to sender",
            sender="Mail Delivery System <Mailer-Daemon@mx.example>",
        ),
        kind="bounce",
        sender="mailer-daemon@mx.example",
    ),
    Shape(
        name="qmail-bounce",
        follows="qmail: QSBMF, no report type",
        fate="discarded bounce",
        data=plain(
            "Hi. This is the qmail-send program",
            "Return-Path: <>",
            subject="failure notice",
            sender="MAILER-DAEMON@mx.example",
        ),
        kind="bounce",
        sender="mailer-daemon@mx.example",
    ),
    Shape(
        name="exchange-ndr",
        follows="Exchange: Non recapitabile, multipart/report",
        fate="noted bounce",
        data=_bounce(
            "Non recapitabile: [x]", "failed", sender="postmaster@acme.example"
        ),
        kind="bounce",
        sender="postmaster@acme.example",
    ),
    Shape(
        name="read-receipt",
        follows="RFC 8098 message disposition notification",
        fate="discarded receipt",
        data=plain(
            "--cut\nContent-Type: text/plain\n\nLetto\n--cut\nContent-Type:"
            " message/disposition-notification\n\nDisposition: displayed\n--cut--\n",
            subject="Letto: [x]",
            kind="multipart/report; report-type=disposition-notification;"
            ' boundary="cut"',
        ),
        kind="receipt",
    ),
    Shape(
        name="pec-accepted",
        follows="DPR 68/2005: ricevuta di accettazione",
        fate="noted receipt",
        data=_receipt("accettazione", "ACCETTAZIONE: Gestionale fermo"),
        kind="receipt",
        sender="posta-certificata@pec.example",
    ),
    Shape(
        name="pec-delivered",
        follows="DPR 68/2005: ricevuta di avvenuta consegna",
        fate="noted receipt",
        data=_receipt("avvenuta-consegna", "CONSEGNA: Gestionale fermo"),
        kind="receipt",
        sender="posta-certificata@pec.example",
    ),
    Shape(
        name="pec-not-delivered",
        follows="DM 2/11/2005: avviso di mancata consegna",
        fate="noted receipt",
        data=_receipt("errore-consegna", "AVVISO DI MANCATA CONSEGNA: x"),
        kind="receipt",
        sender="posta-certificata@pec.example",
    ),
    Shape(
        name="pec-envelope",
        follows="DM 2/11/2005: busta di trasporto",
        data=_pec(
            "posta-certificata", "POSTA CERTIFICATA: Gestionale fermo", _PEC_INNER
        ),
        said=ANSWER,
        subject="Gestionale fermo",
        certified=True,
    ),
    Shape(
        name="pec-anomaly",
        follows="DM 2/11/2005: busta di anomalia, around an ordinary mail",
        data=_pec("errore", "ANOMALIA MESSAGGIO: Gestionale fermo", _PEC_INNER),
        said=ANSWER,
        subject="Gestionale fermo",
        certified=False,
    ),
    Shape(
        name="own-mail-back",
        follows="a forwarding loop: our own header comes back",
        fate="discarded loop",
        data=plain("x", "X-Scudo-Desk: desk.provider.example"),
        kind="loop",
    ),
    Shape(
        name="own-address",
        follows="a loop: our own address as the sender",
        fate="discarded loop",
        data=plain("x", sender=f"Assistenza <{OWN}>"),
        kind="loop",
        sender=OWN,
    ),
    Shape(
        name="two-senders",
        follows="RFC 5322 3.6.2: several authors",
        fate="quarantined no_sender",
        data=plain(ANSWER, sender="a@acme.example, b@evil.example"),
        said=ANSWER,
        sender="",
    ),
    Shape(
        name="sender-with-quotes",
        follows="RFC 5322 quoted names with an address inside",
        fate="quarantined unknown_sender",
        data=plain(ANSWER, sender='"capo@acme.example" <ladro@evil.example>'),
        said=ANSWER,
        sender="ladro@evil.example",
    ),
    Shape(
        name="no-message-id",
        follows="mails of machines without Message-ID",
        data=plain(ANSWER).replace(b"Message-ID: <abc.1@acme.example>\n", b""),
        said=ANSWER,
    ),
    Shape(
        name="broken-message-id",
        follows="Message-ID: <[]>, at which the package's parser fails",
        data=plain(ANSWER).replace(b"<abc.1@acme.example>", b"<[]>"),
        said=ANSWER,
    ),
    Shape(
        name="no-date-zone",
        follows="RFC 5322 3.3: -0000",
        data=plain(ANSWER).replace(b"+0100", b"-0000"),
        said=ANSWER,
    ),
    Shape(
        name="all-quoted",
        follows="a reply that says nothing but the quotation",
        data=plain(f"{QUOTED}\n"),
        said=QUOTED,
    ),
    Shape(
        name="disclaimer-with-wrote",
        follows="a sentence that ends in 'ha scritto:' is none of a quotation",
        data=plain("Il fornitore ha scritto:\n- il disco è rotto\n- serve un ricambio"),
    ),
)
