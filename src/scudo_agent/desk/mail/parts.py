"""What a mail is made of, and its body: two texts, a calendar, files."""

import base64
from binascii import b2a_qp
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from scudo_agent.errors import ScudoError
from scudo_agent.instant import Instant

_LINE = 76
_KINDS = {"html": "text/html", "json": "application/json"}


class ComposeError(ScudoError):
    """The mail came out with other headers than were put in: it is not sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosure:
    """A file that goes along: `html` or `json`, both UTF-8."""

    name: str
    kind: Literal["html", "json"]
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a mail is made of; `subject` and `text` may hold anything.

    `calendar` is an iCalendar file that goes along, `enclosures` are others.
    `references` are the mails of its thread, `reply_to` is where answers go if not to
    the sender; `desk` names who sent it, for whoever gets it back; `replied` tells that
    it answers a mail by itself.
    """

    sender: str
    sender_name: str
    recipient: str
    subject: str
    text: str
    html: str
    message_id: str
    in_reply_to: str | None
    date: Instant
    language: str
    calendar: bytes | None = None
    enclosures: tuple[Enclosure, ...] = ()
    references: tuple[str, ...] = ()
    reply_to: str | None = None
    desk: str = ""
    replied: bool = False


def body(letter: Letter) -> bytes:
    """The mail's body with the headers that say what it is."""
    texts = _several(
        "alternative", [_text("plain", letter.text), _text("html", letter.html)]
    )
    files = [_file(one) for one in letter.enclosures]
    if letter.calendar is not None:
        files.insert(0, _calendar(letter.calendar.decode()))
    return _several("mixed", [texts, *files]) if files else texts


def _several(kind: str, parts: list[bytes]) -> bytes:
    # Of what it parts: no text can hold the mark that it is parted by.
    mark = b"=_" + sha256(b"".join(parts)).hexdigest()[:32].encode()
    head = b'Content-Type: multipart/%s;\r\n boundary="%s"\r\n\r\n' % (
        kind.encode(),
        mark,
    )
    between = b"".join(b"--%s\r\n%s\r\n" % (mark, part) for part in parts)
    return head + between + b"--%s--\r\n" % mark


def _text(kind: str, text: str, more: str = "") -> bytes:
    way, data = _encoded(text)
    head = (
        f'Content-Type: text/{kind}; charset="utf-8"{more}\r\n'
        f"Content-Transfer-Encoding: {way}\r\n\r\n"
    )
    return head.encode() + data


def _encoded(text: str) -> tuple[str, bytes]:
    """As it is, if every mail server can carry it so; else quoted-printable."""
    clean = text.encode("utf-8", "replace").replace(b"\x00", b"")
    lines = clean.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    data = b"\r\n".join(lines)
    if data.isascii() and all(len(line) <= _LINE for line in lines):
        return "7bit", data
    return "quoted-printable", b2a_qp(data)


def _calendar(text: str) -> bytes:
    name = '; method="PUBLISH"\r\nContent-Disposition: attachment;'
    return _text("calendar", text, f'{name} filename="maintenance.ics"')


def _file(one: Enclosure) -> bytes:
    if not (one.name.isascii() and one.name.isprintable()) or '"' in one.name:
        raise ComposeError(f"{one.name!r} cannot be the name of a file in a mail")
    head = (
        f"Content-Type: {_KINDS[one.kind]}\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        f'Content-Disposition: attachment;\r\n filename="{one.name}"\r\n\r\n'
    )
    return head.encode() + base64.encodebytes(one.content).replace(b"\n", b"\r\n")
