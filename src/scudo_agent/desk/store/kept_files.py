"""A file that somebody sent, as it is kept: its name cleaned, its type looked at.

A name is what somebody typed and a type what a browser or a mail program claims: the
one is cleaned, the other decided by the content.
"""

from dataclasses import dataclass
from hashlib import sha256

from scudo_agent.locale.formats import clean

NAME_SIGNS = 100
UNKNOWN = "application/octet-stream"
_UNNAMED = "file"
_PICTURES = (
    (b"\x89PNG\r\n\x1a\n", b"", "image/png"),
    (b"\xff\xd8\xff", b"", "image/jpeg"),
    (b"RIFF", b"WEBP", "image/webp"),
)
SHOWN = frozenset(kind for _, _, kind in _PICTURES)
"""Types that a page may show; everything else is handed out, and never interpreted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A file to keep: a cleaned name, the type that its content has."""

    name: str
    media_type: str
    content: bytes
    sha256: str
    public: bool


def upload(name: str, content: bytes, *, public: bool) -> Kept:
    """A file that somebody sent, under a harmless name and the type that it has."""
    return Kept(
        name=file_name(name),
        media_type=type_of(content),
        content=content,
        sha256=sha256(content).hexdigest(),
        public=public,
    )


def type_of(content: bytes) -> str:
    """What the first bytes say that it is: a picture that is shown, or unknown."""
    for begin, then, kind in _PICTURES:
        if content.startswith(begin) and content[8:12].startswith(then):
            return kind
    return UNKNOWN


def file_name(given: str) -> str:
    """The last part of a path, in one line, without what no file's name has.

    No control, bidi or invisible sign, none of `<>:"|?*`, no dot in front; at most
    100 signs, of which the ending stays.
    """
    last = clean(given[-1000:]).replace("\\", "/").rpartition("/")[2]
    kept = "".join("_" if sign in '<>:"|?*' else sign for sign in last)
    name = kept.strip(" .")
    if len(name) > NAME_SIGNS:
        stem, dot, end = name.rpartition(".")
        ending = dot + end if stem and len(end) <= 10 else ""
        name = name[: NAME_SIGNS - len(ending)] + ending
    return name or _UNNAMED
