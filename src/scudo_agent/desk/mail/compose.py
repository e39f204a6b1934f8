"""A notice as a mail: headers, threading, and headers that cannot be injected.

A device's name or a page's title can carry control characters or an encoded
word that some versions of Python's email package unfold into a header of its own
(CVE-2024-6923, CVE-2026-1299). So header values are cleaned, and the serialised
head is read again: it must have exactly the headers that were meant.

What can hold anything (names, the subject) is folded by that package; the rest is put
together here, since a whole message of the package costs more than all else of a mail.
"""

import re
from email.headerregistry import Address
from email.parser import BytesParser
from email.policy import EmailPolicy, compat32
from email.utils import format_datetime
from functools import lru_cache
from typing import Any

from scudo_agent.desk.mail import parts
from scudo_agent.desk.mail.parts import ComposeError, Enclosure, Letter
from scudo_agent.instant import to_datetime

__all__ = ["ComposeError", "Enclosure", "Letter", "compose", "header_safe"]

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,400}>")
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


def header_safe(value: str, *, limit: int = _SUBJECT_LIMIT) -> str:
    """One line without control characters and without an encoded word."""
    text = _CONTROLS.sub(" ", value.encode("utf-8", "replace").decode())
    text = re.sub(r"=(?=\?)", "= ", text)
    return " ".join(text.split())[:limit]


def compose(letter: Letter) -> bytes:
    """The mail as it goes over the wire; `ComposeError` if it came out wrong."""
    head = [
        _addressed("From", letter.sender, letter.sender_name),
        _addressed("To", letter.recipient, ""),
        _folded("Subject", header_safe(letter.subject)),
        _plain("Date", format_datetime(to_datetime(letter.date))),
        _plain("Message-ID", letter.message_id),
        *_thread(letter),
        *_programs(letter),
        _plain("Content-Language", letter.language),
        _plain("MIME-Version", "1.0"),
    ]
    body = parts.body(letter)
    meant = [*(line.partition(b":")[0] for line in head), b"Content-Type"]
    data = b"".join(head) + body
    _verify(data, [name.decode().lower() for name in meant], letter)
    return data


def _thread(letter: Letter) -> list[bytes]:
    """What it answers and refers to, without what could be no Message-ID.

    Somebody else made the one of a customer's own mail.
    """
    near = [one for one in (letter.in_reply_to,) if one and _MESSAGE_ID.fullmatch(one)]
    far = [one for one in letter.references if _MESSAGE_ID.fullmatch(one)]
    lines = [_plain("In-Reply-To", one) for one in near]
    if far := far or near:
        lines.append(b"References: %s\r\n" % "\r\n ".join(far).encode())
    return lines


def _programs(letter: Letter) -> list[bytes]:
    """What tells other programs not to answer, and where people's answers go.

    Reports that a mail could not be delivered are wanted: none of it forbids those.
    """
    how = "auto-replied" if letter.replied else "auto-generated"
    lines = [
        _plain("Auto-Submitted", how),
        _plain("X-Auto-Response-Suppress", "DR, RN, NRN, OOF, AutoReply"),
    ]
    if letter.desk:
        lines.append(_plain("X-Scudo-Desk", f"{letter.desk}; hops=1"))
    if letter.reply_to is not None:
        lines.append(_addressed("Reply-To", letter.reply_to, letter.sender_name))
    return lines


def _verify(data: bytes, meant: list[str], letter: Letter) -> None:
    """Read the head as a receiver would and compare."""
    head = data[: data.index(b"\r\n\r\n") + 4]
    seen = BytesParser(policy=compat32).parsebytes(head, headersonly=True)
    got = [name.lower() for name in seen]
    if got != meant:
        raise ComposeError(f"the mail's headers came out as {', '.join(got)}")
    if str(seen["Message-ID"]).strip() != letter.message_id:
        raise ComposeError("the mail's Message-ID came out changed")


def _plain(name: str, value: str) -> bytes:
    """A header of ours: ASCII, on one line."""
    if not (value.isascii() and value.isprintable()):
        raise ComposeError(f"the mail's {name} has characters that do not belong there")
    return f"{name}: {value}\r\n".encode()


def _folded(name: str, value: Any) -> bytes:
    """A header that may hold anything, as the email package writes it."""
    _, parsed = _WIRE.header_store_parse(name, value)
    return _WIRE.fold_binary(name, parsed)


@lru_cache(maxsize=512)
def _addressed(field: str, address: str, name: str) -> bytes:
    return _folded(field, _address(address, name))


def _address(address: str, name: str) -> Address:
    local, _, domain = address.rpartition("@")
    return Address(header_safe(name, limit=100), local, domain)
