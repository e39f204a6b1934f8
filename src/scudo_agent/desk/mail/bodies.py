"""What stands in the parts of a mail: its text under one limit, and its files."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import Message
from email.policy import Compat32

from scudo_agent.desk.mail.header_words import decoded, text_in
from scudo_agent.desk.mail.html_text import SIZE as HTML_SIGNS
from scudo_agent.desk.mail.html_text import text_of

TEXT_BYTES = 2 * 1024 * 1024
CUT = "[…]"
"""Stands where a text goes on that is not read further; the original has it."""

FILES = 30
FILE_BYTES = 10 * 1024 * 1024


class _AsItStands(Compat32):
    """Writes headers as they came: to fold them anew takes a second for each MB."""

    def fold_binary(self, name: str, value: str) -> bytes:
        said = f"{name}: {value}\n".replace("\r\n", "\n")
        return said.encode("utf-8", "surrogateescape")


_AS_IT_STANDS = _AsItStands()


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """Something that came along; `name` is one line without a path.

    `left_out` is its size when it is too big to be kept; then `content` is empty.
    """

    name: str
    media_type: str
    content: bytes = field(repr=False)
    left_out: int = 0


def contents(
    message: "Message[str, str]", leaves: "Sequence[Message[str, str]]"
) -> tuple[str, tuple[File, ...], tuple[str, ...]]:
    """The text, the files, and the types of all leaves with what they are for."""
    plain: list[str] = []
    html: list[str] = []
    files: list[File] = []
    types = [_kind(message)]
    room = TEXT_BYTES
    for part in leaves:
        kind = part.get_content_type()
        types.append(_kind(part))
        name = part.get_filename()
        apart = name is not None or part.get_content_disposition() == "attachment"
        if kind in ("text/plain", "text/html") and not apart:
            words, taken = _words(part, room)
            room -= taken
            (plain if kind == "text/plain" else html).append(words)
        elif len(files) < FILES:
            files.append(_file(part, name, kind))
    text = "\n".join(plain)
    if not text.strip() and html:
        text = _of_html(html)
    return text, tuple(files), tuple(types)


def _of_html(documents: list[str]) -> str:
    """The text of all of them, under one limit; a mark stands where it was cut."""
    room, texts = HTML_SIGNS, []
    for one in documents:
        texts.append(text_of(one[:room]))
        if len(one) > room:
            texts.append(CUT)
            break
        room -= len(one)
    return "\n".join(texts)


def _kind(part: "Message[str, str]") -> str:
    """Type with the parameters that say what it is for."""
    kind = part.get_content_type()
    for name in ("report-type", "method"):
        value = part.get_param(name)
        if isinstance(value, str):
            kind += f"; {name}={value.lower()[:40]}"
    return kind


def _words(part: "Message[str, str]", room: int) -> tuple[str, int]:
    """A part's text, no more than `room` bytes of it, and how many it took."""
    raw = part.get_payload(decode=True)
    if not isinstance(raw, bytes):
        return "", 0
    text = text_in(raw[:room], part.get_content_charset())
    if str(part.get_param("format", "")).lower() == "flowed":
        text = _unflowed(text, delete=str(part.get_param("delsp", "")).lower() == "yes")
    if len(raw) > room:
        text += f"\n{CUT}"
    return text.replace("\x00", ""), min(len(raw), room)


def _unflowed(text: str, *, delete: bool) -> str:
    """RFC 3676: a line that ends with a space goes on in the next one."""
    lines: list[list[str]] = []
    flowing = False
    for line in text.splitlines():
        bare = line[1:] if line.startswith(" ") else line
        if flowing and not bare.startswith(">") and not _begins(lines[-1]):
            lines[-1].append(bare)
        else:
            lines.append([bare])
        signature = len(lines[-1]) == 1 and bare == "-- "
        # An empty piece ends as what stands before it does.
        flowing = (bare or _end(lines[-1])).endswith(" ") and not signature
        if flowing and delete:
            lines[-1][-1] = lines[-1][-1][:-1]
    return "\n".join("".join(pieces) for pieces in lines)


def _begins(pieces: list[str]) -> bool:
    """Whether a line is quoted."""
    return pieces[0].startswith(">")


def _end(pieces: list[str]) -> str:
    return next((one for one in reversed(pieces) if one), "")


def _file(part: "Message[str, str]", name: str | None, kind: str) -> File:
    if kind.startswith("message/") and part.is_multipart():
        inner = [one for one in part.get_payload() if isinstance(one, Message)]
        content = b"\n".join(one.as_bytes(policy=_AS_IT_STANDS) for one in inner)
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
