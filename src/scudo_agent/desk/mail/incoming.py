"""A mail that came in, read with care: whose, about what, what was said.

The sender decides everything that stands in it. So its size, its parts and their
depth are bounded before anything parses it (the package's parser ends in a
RecursionError at 2,000 nested parts and takes seconds for 20,000 addresses), headers
are taken as they stand and decoded by us, and what cannot be read is a
`HostileMailError` with its reason: the mail is set aside and nothing is lost.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import TypeVar

from scudo_agent.desk.mail.bodies import File, contents
from scudo_agent.desk.mail.header_words import (
    ADDRESS_IN,
    FAULTS,
    VALUE,
    addresses,
    decoded,
    raw_headers,
    sender_of,
)
from scudo_agent.desk.mail.quoting import Folded, fold
from scudo_agent.errors import ScudoError
from scudo_agent.instant import Instant, from_datetime

SIZE = 25 * 1024 * 1024
HEADER_BYTES = 256 * 1024
LINES = 600_000
"""A file of 25 MB is some 350,000 lines of base64; each line costs, however short."""

CONTAINERS = 40
PARTS = 300
CONTENT_HEADER = 4 * 1024
"""Signs of a header about a part: the package's parser counts all quotation marks of
it again for each `;`, which takes hours for 1 MB."""

_CONTENT = re.compile(
    rb"(?<![^\r\n])(content-[a-z-]{1,40})[ \t]*:"
    rb"[^\r\n]*(?:(?:\r\n|\r|\n)[ \t][^\r\n]*)*",
    re.IGNORECASE,
)
"""A header about a part, on all its lines, wherever it stands."""

_CONTAINER = re.compile(rb"content-type:\s*(?:multipart/|message/)", re.IGNORECASE)
_BOUNDARY = re.compile(rb"boundary([*\d]*)\s*=\s*([^\r\n]*)", re.IGNORECASE)
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_LEFT_OUT = b"X-Scudo-Left-Out: "
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,400}>")
_HEADERS = 2_000
"""How many headers are decoded; what is inside of an envelope may have any number."""

_REPEATED = 20
"""How often a header of recipients is looked at: each server on the way adds one."""

_Value = TypeVar("_Value")


class HostileMailError(ScudoError):
    """The mail is beyond what people's programs write; `str` says in what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """One mail. `sender` is one address in small letters, or empty if there is not
    exactly one; `answers` are the Message-IDs that it refers to, the nearest first.

    `headers` has each header once (the first) by its small name, decoded; `certified`
    tells that it came in an envelope of certified mail (PEC); `forwarded`, that its
    subject says it was.
    """

    headers: dict[str, str]
    sender: str
    sender_name: str
    recipients: tuple[str, ...]
    subject: str
    message_id: str | None
    answers: tuple[str, ...]
    sent: Instant | None
    body: Folded
    files: tuple[File, ...]
    types: tuple[str, ...]
    certified: bool = False
    forwarded: bool = False


def read(data: bytes) -> Incoming:
    """Read one mail; `HostileMailError` if it is too big, too deep or unreadable."""
    bounded(data)
    try:
        message = BytesParser(policy=compat32).parsebytes(data)
        return _read(message)
    except FAULTS as exc:
        raise HostileMailError(f"it cannot be read: {type(exc).__name__}") from exc


def left_out(data: bytes, size: int) -> bytes:
    """What is kept of a mail that is too large, `size` bytes: only its headers.

    It is marked as such by a first line of ours, by which `read` refuses it.
    """
    head = _END_OF_HEAD.split(data[:HEADER_BYTES], maxsplit=1)[0]
    return _LEFT_OUT + b"%d\r\n" % size + head + b"\r\n\r\n"


def bounded(data: bytes) -> None:
    """Refuse a mail that only costs: `HostileMailError` says what is too much."""
    size = len(data)
    if data.startswith(_LEFT_OUT):  # of anybody's mail, it sets aside his own
        told = data[len(_LEFT_OUT) : len(_LEFT_OUT) + 15].split(b"\r")[0]
        size = int(told) if told.isdigit() else SIZE + 1
        raise HostileMailError(f"it has {size} bytes, {SIZE} are taken")
    if size > SIZE:
        raise HostileMailError(f"it has {size} bytes, {SIZE} are taken")
    rows = data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")
    if rows > LINES:
        raise HostileMailError(f"it has {rows} lines, {LINES} are taken")
    head = len(_END_OF_HEAD.split(data[: HEADER_BYTES + 4], maxsplit=1)[0])
    if head > HEADER_BYTES:
        raise HostileMailError(f"its header has more than {HEADER_BYTES} bytes")
    about = [found[0] for found in _CONTENT.finditer(data)]
    longest = max(map(len, about), default=0)
    if longest > CONTENT_HEADER:
        raise HostileMailError(f"a header about a part has {longest} bytes")
    containers = sum(1 for _ in _CONTAINER.finditer(data))
    if containers > CONTAINERS:
        raise HostileMailError(f"it has {containers} parts with parts of their own")
    _few_parts(data, {mark for header in about for mark in _marks(header)})


def _few_parts(data: bytes, marks: set[bytes]) -> None:
    if len(marks) > CONTAINERS:
        raise HostileMailError(f"it names {len(marks)} boundaries")
    if marks:
        any_of = b"|".join(re.escape(one) for one in sorted(marks))
        lines = re.compile(rb"(?<![^\r\n])--(?:" + any_of + rb")")
        parts = sum(1 for _ in lines.finditer(data))
        if parts > PARTS:
            raise HostileMailError(f"it has {parts} parts")


def _marks(header: bytes) -> Iterator[bytes]:
    """The boundaries that a header names, as the package's parser will read them."""
    for found in _BOUNDARY.finditer(header):
        value = found[2]
        if value.startswith(b'"'):
            mark, closed, behind = value[1:].partition(b'"')
            odd = not closed or not (behind.strip() + b";").startswith(b";")
        else:
            mark, odd = value.partition(b";")[0], b'"' in value.partition(b";")[0]
            odd = odd or b"<" in mark
        # RFC 2231 and quoted pairs: nobody writes them here, and we do not read them.
        if found[1] or odd or b"\\" in mark:
            raise HostileMailError("a boundary is written as no mail program does")
        yield mark.rstrip()


def _read(message: "Message[str, str]") -> Incoming:
    headers, raw = _headers(message), raw_headers(message)
    certified = False
    if headers.get("x-trasporto", "").lower() in ("posta-certificata", "errore"):
        inner = _certified(message)
        if inner is not None:
            certified = headers["x-trasporto"].lower() == "posta-certificata"
            message = inner
            headers = _headers(inner) | _kept(headers)
            raw = raw_headers(inner) | _kept(raw)
    name, sender = sender_of(raw)
    subject = headers.get("subject", "")
    forwarded = _forwarded(subject)
    leaves = list(islice(_leaves(message), PARTS + 1))
    if len(leaves) > PARTS:
        raise HostileMailError(f"it has more than {PARTS} parts")
    text, files, types = contents(message, leaves)
    return Incoming(
        headers=headers,
        sender=sender,
        sender_name=name,
        recipients=tuple(
            address
            for header in ("to", "cc", "delivered-to", "x-original-to")
            for value in raw.get(header, [])[:_REPEATED]
            for _, address in addresses(value)
        ),
        subject=subject,
        message_id=_first_id(headers.get("message-id", "")),
        answers=_answers(headers),
        sent=_date(headers.get("date", "")),
        body=fold(text, forwarded=forwarded),
        files=files,
        types=types,
        certified=certified,
        forwarded=forwarded,
    )


def _kept(envelope: dict[str, _Value]) -> dict[str, _Value]:
    """What of the envelope's headers says how the mail came."""
    names = (
        "x-trasporto",
        "x-riferimento-message-id",
        "return-path",
        "delivered-to",
        "x-original-to",
    )
    return {name: envelope[name] for name in names if name in envelope}


def _certified(message: "Message[str, str]") -> "Message[str, str] | None":
    """The mail inside of an envelope of certified mail: its `postacert.eml`.

    Only a provider's own address sends envelopes ("Per conto di: SENDER"), and what
    is inside has the sender that is named there. That the envelope really is that
    provider's is for the mail server to check.
    """
    name, outer = sender_of(raw_headers(message))
    if outer.partition("@")[0] != "posta-certificata":
        return None
    for part in message.walk():
        if part.get_content_type() == "message/rfc822":
            inner = part.get_payload()
            first = inner[0] if isinstance(inner, list) and inner else None
            if not isinstance(first, Message):
                return None
            _, sender = sender_of(raw_headers(first))
            named = ADDRESS_IN.findall(name.lower())
            return first if not named or sender in named else None
    return None


def _headers(message: "Message[str, str]") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in islice(message.raw_items(), _HEADERS):
        low = name.lower()
        if low not in found:
            found[low] = decoded(str(value)[:VALUE])
        elif low in ("delivered-to", "x-original-to") and len(found[low]) < VALUE:
            found[low] += ", " + decoded(str(value)[:VALUE])
    return found


def _first_id(value: str) -> str | None:
    found = _MESSAGE_ID.search(value)
    return found[0] if found else None


def _answers(headers: dict[str, str]) -> tuple[str, ...]:
    """What it answers: the mail itself, then those before, the latest first."""
    near = _MESSAGE_ID.findall(headers.get("in-reply-to", ""))[:10]
    far = _MESSAGE_ID.findall(headers.get("references", ""))[-30:]
    return tuple(dict.fromkeys([*near, *reversed(far)]))


def _date(value: str) -> Instant | None:
    """When it says that it was sent; None if it says nothing that can be a date."""
    try:
        sent = parsedate_to_datetime(value)
        if sent.tzinfo is None:
            return None  # "-0000": the sender does not say where it was
        return from_datetime(sent)
    except (ValueError, TypeError, OverflowError, IndexError, ScudoError):
        return None


def _forwarded(subject: str) -> bool:
    return bool(re.match(r"^\s*(?:I|Fwd?|FW|Inoltro?|WG)\s*:", subject, re.IGNORECASE))


def _leaves(message: "Message[str, str]") -> "Iterator[Message[str, str]]":
    """Parts without parts; an enclosed mail is one, and is not looked into."""
    if message.get_content_maintype() == "message" or not message.is_multipart():
        yield message
        return
    for part in message.get_payload():
        if isinstance(part, Message):
            yield from _leaves(part)
