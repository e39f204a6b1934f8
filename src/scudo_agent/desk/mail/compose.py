"""A notice as a mail: headers, threading, and headers that cannot be injected.

A device's name or a page's title can carry control characters or an encoded
word that some versions of Python's email package unfold into a header of its own
(CVE-2024-6923, CVE-2026-1299). So header values are cleaned, and the serialised
mail is read again: it must have exactly the headers that were meant.
"""

import re
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime
from typing import Any, Literal

from scudo_agent.errors import ScudoError
from scudo_agent.instant import Instant, to_datetime

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_SUBJECT_LIMIT = 300


class _Folding(EmailPolicy):
    """Folds a subject where its line is full, never right after its name.

    The package moves one that fits on a line of its own there whole; some readers then
    show it with a space before it.
    """

    def fold_binary(self, name: str, value: Any) -> bytes:
        """The header's lines, as they go over the wire."""
        folded = super().fold_binary(name, value)
        stranded = f"{name}:\r\n ".encode()
        if name != "Subject" or not folded.startswith(stranded):
            return folded
        head, _, last = folded[len(stranded) :].rstrip().rpartition(b" ")
        while head and len(stranded) - 2 + len(head) > (self.max_line_length or 78):
            head, _, word = head.rpartition(b" ")
            last = word + b" " + last
        if not head:
            return folded
        return b"%s: %s\r\n %s\r\n" % (name.encode(), head, last)


_WIRE = _Folding(linesep="\r\n")


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


def header_safe(value: str, *, limit: int = _SUBJECT_LIMIT) -> str:
    """One line without control characters and without an encoded word."""
    text = _CONTROLS.sub(" ", value.encode("utf-8", "replace").decode())
    text = re.sub(r"=(?=\?)", "= ", text)
    return " ".join(text.split())[:limit]


def compose(letter: Letter) -> bytes:
    """The mail as it goes over the wire; `ComposeError` if it came out wrong."""
    message = EmailMessage(policy=_WIRE)
    message["From"] = _address(letter.sender, letter.sender_name)
    message["To"] = _address(letter.recipient, "")
    message["Subject"] = header_safe(letter.subject)
    message["Date"] = format_datetime(to_datetime(letter.date))
    message["Message-ID"] = letter.message_id
    if letter.in_reply_to is not None:
        message["In-Reply-To"] = letter.in_reply_to
        message["References"] = letter.in_reply_to
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_body(letter.text), subtype="plain", charset="utf-8")
    message.add_alternative(_body(letter.html), subtype="html", charset="utf-8")
    if letter.calendar is not None:
        message.add_attachment(
            letter.calendar.decode(),
            subtype="calendar",
            charset="utf-8",
            params={"method": "PUBLISH"},
            filename="maintenance.ics",
        )
    for one in letter.enclosures:
        kinds = {"html": ("text", "html"), "json": ("application", "json")}
        main, sub = kinds[one.kind]
        message.add_attachment(
            one.content, maintype=main, subtype=sub, filename=one.name
        )
    # Set now: an earlier one would have moved into the first part.
    message["Content-Language"] = letter.language
    meant = sorted(name.lower() for name in message)
    data = message.as_bytes()
    _verify(data, meant, letter)
    return data


def _verify(data: bytes, meant: list[str], letter: Letter) -> None:
    """Read the bytes as a receiver would and compare."""
    seen = BytesParser(policy=SMTP).parsebytes(data, headersonly=True)
    got = sorted(name.lower() for name in seen)
    if got != meant:
        raise ComposeError(f"the mail's headers came out as {', '.join(got)}")
    if str(seen["Message-ID"]).strip() != letter.message_id:
        raise ComposeError("the mail's Message-ID came out changed")


def _address(address: str, name: str) -> Address:
    local, _, domain = address.rpartition("@")
    return Address(header_safe(name, limit=100), local, domain)


def _body(text: str) -> str:
    """UTF-8 can hold it, and lines end as mails' do."""
    clean = text.encode("utf-8", "replace").decode().replace("\x00", "")
    return clean.replace("\r\n", "\n").replace("\r", "\n")
