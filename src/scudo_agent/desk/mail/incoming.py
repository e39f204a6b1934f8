"""A mail that came in, read with care: whose, about what, what was said.

The sender decides everything that stands in it. So its size, its parts and their
depth are bounded before anything parses it (the package's parser ends in a
RecursionError at 2,000 nested parts and takes seconds for 20,000 addresses), headers
are taken as they stand and decoded by us, and what cannot be read is a
`HostileMailError` with its reason: the mail is set aside and nothing is lost.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.header import decode_header
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from email.utils import getaddresses, parsedate_to_datetime

from scudo_agent.desk.mail.html_text import text_of
from scudo_agent.desk.mail.quoting import Folded, fold
from scudo_agent.errors import ScudoError
from scudo_agent.instant import Instant, from_datetime

SIZE = 25 * 1024 * 1024
HEADER_BYTES = 256 * 1024
LINES = 600_000
"""A file of 25 MB is some 350,000 lines of base64; each line costs, however short."""

CONTAINERS = 40
PARTS = 300
TEXT_BYTES = 2 * 1024 * 1024
CONTENT_HEADER = 4 * 1024
"""Signs of a header about a part: the package's parser counts all quotation marks of
it again for each `;`, which takes hours for 1 MB."""

FILES = 30
FILE_BYTES = 10 * 1024 * 1024

_VALUE = 8 * 1024
_WORDS = 998
_CONTROLS = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]+"
)
_CONTENT = re.compile(
    rb"(?<![^\r\n])(content-[a-z-]{1,40})[ \t]*:"
    rb"[^\r\n]*(?:(?:\r\n|\r|\n)[ \t][^\r\n]*)*",
    re.IGNORECASE,
)
"""A header about a part, on all its lines, wherever it stands."""

_CONTAINER = re.compile(rb"content-type:\s*(?:multipart/|message/)", re.IGNORECASE)
_BOUNDARY = re.compile(rb"boundary\s*=\s*\"?([^\"\r\n;]{1,200})", re.IGNORECASE)
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_LEFT_OUT = b"X-Scudo-Left-Out: "
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,400}>")
_FAULTS = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What the package is known to raise for mails that no program of people writes."""


class HostileMailError(ScudoError):
    """The mail is beyond what people's programs write; `str` says in what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """Something that came along; `name` is one line without a path.

    `left_out` is its size when it is too big to be kept; then `content` is empty.
    """

    name: str
    media_type: str
    content: bytes = field(repr=False)
    left_out: int = 0


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
    except _FAULTS as exc:
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
    if (rows := data.count(b"\n")) > LINES:
        raise HostileMailError(f"it has {rows} lines, {LINES} are taken")
    head = len(_END_OF_HEAD.split(data[: HEADER_BYTES + 4], maxsplit=1)[0])
    if head > HEADER_BYTES:
        raise HostileMailError(f"its header has more than {HEADER_BYTES} bytes")
    longest = max((len(found[0]) for found in _CONTENT.finditer(data)), default=0)
    if longest > CONTENT_HEADER:
        raise HostileMailError(f"a header about a part has {longest} bytes")
    containers = sum(1 for _ in _CONTAINER.finditer(data))
    if containers > CONTAINERS:
        raise HostileMailError(f"it has {containers} parts with parts of their own")
    marks = {found[1].strip() for found in _BOUNDARY.finditer(data)}
    if len(marks) > CONTAINERS:
        raise HostileMailError(f"it names {len(marks)} boundaries")
    if marks:
        any_of = b"|".join(re.escape(one) for one in sorted(marks))
        lines = re.compile(rb"^--(?:" + any_of + rb")", re.MULTILINE)
        parts = sum(1 for _ in lines.finditer(data))
        if parts > PARTS:
            raise HostileMailError(f"it has {parts} parts")


def _read(message: "Message[str, str]") -> Incoming:
    headers = _headers(message)
    certified = False
    if headers.get("x-trasporto", "").lower() in ("posta-certificata", "errore"):
        inner = _certified(message)
        if inner is not None:
            certified = headers["x-trasporto"].lower() == "posta-certificata"
            message, headers = inner, _headers(inner) | _kept(headers)
    senders = addresses(headers.get("from", ""))
    name, sender = senders[0] if len(senders) == 1 else ("", "")
    subject = headers.get("subject", "")
    forwarded = _forwarded(subject)
    text, files, types = _parts(message)
    return Incoming(
        headers=headers,
        sender=sender,
        sender_name=name,
        recipients=tuple(
            address
            for header in ("to", "cc", "delivered-to", "x-original-to")
            for _, address in addresses(headers.get(header, ""))
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


def _kept(envelope: dict[str, str]) -> dict[str, str]:
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
    """The mail inside of an envelope of certified mail: its `postacert.eml`."""
    for part in message.walk():
        if part.get_content_type() == "message/rfc822":
            inner = part.get_payload()
            if isinstance(inner, list) and inner and isinstance(inner[0], Message):
                return inner[0]
    return None


def _headers(message: "Message[str, str]") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in message.raw_items():
        low = name.lower()
        if low not in found:
            found[low] = decoded(str(value)[:_VALUE])
        elif low in ("delivered-to", "x-original-to") and len(found[low]) < _VALUE:
            found[low] += ", " + decoded(str(value)[:_VALUE])
    return found


def decoded(value: str) -> str:
    """A header's value as people read it, on one line and without controls."""
    raw = value.encode("utf-8", "surrogateescape")
    plain = re.sub(r"[\r\n]+[ \t]*", " ", _charset(raw, None))
    try:
        pieces = decode_header(plain)
    except _FAULTS:
        pieces = [(plain, None)]
    words = "".join(
        piece if isinstance(piece, str) else _charset(piece, charset)
        for piece, charset in pieces
    )
    return " ".join(_CONTROLS.sub(" ", words).split())


def _charset(raw: bytes, named: str | None) -> str:
    """Bytes as text: by their name, else UTF-8, else what Windows writes."""
    for one in (named, "utf-8"):
        if one is None or one.lower() in ("unknown-8bit", "default"):
            continue
        try:
            return raw.decode(one.strip().strip("\"'"))
        except (LookupError, ValueError):
            continue
    return raw.decode("cp1252", "replace")


def addresses(value: str) -> list[tuple[str, str]]:
    """Names and addresses of a header, as far as it is not absurdly long."""
    found = getaddresses([value[:_VALUE]])
    return [
        (name[:200], address.lower())
        for name, address in found
        if re.fullmatch(r"[^@\s<>,;:()\"]{1,64}@[^@\s<>,;:()\"]{1,190}", address)
    ]


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


def _parts(
    message: "Message[str, str]",
) -> tuple[str, tuple[File, ...], tuple[str, ...]]:
    """The text, the files, and the types of all leaves with what they are for."""
    plain: list[str] = []
    html: list[str] = []
    files: list[File] = []
    types = [_kind(message)]
    for part in _leaves(message):
        kind = part.get_content_type()
        types.append(_kind(part))
        name = part.get_filename()
        apart = name is not None or part.get_content_disposition() == "attachment"
        if kind in ("text/plain", "text/html") and not apart:
            words = _words(part)
            (plain if kind == "text/plain" else html).append(words)
        elif len(files) < FILES:
            files.append(_file(part, name, kind))
    text = "\n".join(plain)
    if not text.strip() and html:
        text = "\n".join(text_of(one) for one in html)
    return text, tuple(files), tuple(types)


def _kind(part: "Message[str, str]") -> str:
    """Type with the parameters that say what it is for."""
    kind = part.get_content_type()
    for name in ("report-type", "method"):
        value = part.get_param(name)
        if isinstance(value, str):
            kind += f"; {name}={value.lower()[:40]}"
    return kind


def _words(part: "Message[str, str]") -> str:
    raw = part.get_payload(decode=True)
    text = (
        _charset(raw[:TEXT_BYTES], part.get_content_charset())
        if isinstance(raw, bytes)
        else ""
    )
    if str(part.get_param("format", "")).lower() == "flowed":
        text = _unflowed(text, delete=str(part.get_param("delsp", "")).lower() == "yes")
    return text.replace("\x00", "")


def _unflowed(text: str, *, delete: bool) -> str:
    """RFC 3676: a line that ends with a space goes on in the next one."""
    lines: list[str] = []
    flowing = False
    for line in text.splitlines():
        bare = line[1:] if line.startswith(" ") else line
        if flowing and not bare.startswith(">") and not lines[-1].startswith(">"):
            lines[-1] += bare
        else:
            lines.append(bare)
        flowing = lines[-1].endswith(" ") and lines[-1] != "-- "
        if flowing and delete:
            lines[-1] = lines[-1][:-1]
    return "\n".join(lines)


def _file(part: "Message[str, str]", name: str | None, kind: str) -> File:
    if kind.startswith("message/") and part.is_multipart():
        inner = [one for one in part.get_payload() if isinstance(one, Message)]
        content = b"\n".join(one.as_bytes() for one in inner)
        name = name or ("message.eml" if kind == "message/rfc822" else "report.txt")
    else:
        raw = part.get_payload(decode=True)
        content = raw if isinstance(raw, bytes) else b""
    shown = decoded(str(name or "")).replace("\\", "/").rpartition("/")[2].strip(". ")
    return File(
        name=shown[:150] or "file",
        media_type=re.sub(r"[^a-z0-9.+/-]", "", kind.lower())[:100],
        content=content if len(content) <= FILE_BYTES else b"",
        left_out=len(content) if len(content) > FILE_BYTES else 0,
    )
