"""Files that people attach: what they are called, what they are, how they are served.

A name is what somebody typed and a type what a browser claims: the one is cleaned, the
other decided by the content. Only pictures are ever shown in a page; all else is handed
out as bytes to be kept.
"""

from hashlib import sha256
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from scudo_agent.desk.forms import read_form
from scudo_agent.desk.store.attachments import SCREENSHOT, Attachment
from scudo_agent.desk.store.files import Kept
from scudo_agent.locale.formats import clean

NAME_SIGNS = 100
UNKNOWN = "application/octet-stream"
_UNNAMED = "file"
_FIELD_BYTES = 40_000
"""Of one field: 10,000 signs of four bytes each."""
_PICTURES = (
    (b"\x89PNG\r\n\x1a\n", b"", "image/png"),
    (b"\xff\xd8\xff", b"", "image/jpeg"),
    (b"RIFF", b"WEBP", "image/webp"),
)
SHOWN = frozenset(kind for _, _, kind in _PICTURES)
"""Types that a page may show; everything else is handed out, and never interpreted."""


class BrokenError(Exception):
    """A form that brings files did not arrive whole."""


async def read_parts(
    request: Request, *, files: int, fields: int
) -> tuple[dict[str, str], list[tuple[str, bytes]]]:
    """The fields of a form, and the files that it brings: name and content.

    `BrokenError` for one that is not whole, or has more than that.
    """
    kind = request.headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        return read_form(await request.body()), []
    found: dict[str, str] = {}
    brought = []
    try:
        async with request.form(
            max_files=files, max_fields=fields, max_part_size=_FIELD_BYTES
        ) as form:
            for name, value in form.multi_items():
                if isinstance(value, str):
                    found[name] = value
                elif value.filename:
                    brought.append((value.filename, await value.read()))
    except HTTPException:
        raise BrokenError from None
    return found, brought


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


def disposition(name: str, *, inline: bool) -> str:
    """The `Content-Disposition` of a name (RFC 6266): ASCII, and as it is."""
    plain = "".join(
        sign if sign.isascii() and (sign.isalnum() or sign in " ._-()") else "_"
        for sign in name
    )
    how = "inline" if inline else "attachment"
    return f"{how}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def answer(request: Request, one: Attachment, content: bytes) -> Response:
    """A file as it leaves: it may do nothing in the reader's browser.

    It was made at a page, or by somebody, that may be hostile.
    """
    shown = one.media_type in SHOWN
    name = one.name or f"{one.kind}-{one.mark[:8]}.png"
    etag = f'"{one.sha256}"'
    headers = {
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Content-Disposition": disposition(name, inline=shown),
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "private, no-cache",
        "ETag": etag,
    }
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    kind = one.media_type if shown else UNKNOWN
    return Response(content, media_type=kind, headers=headers)


def is_file(one: Attachment) -> bool:
    """Whether a person attached it."""
    return one.kind != SCREENSHOT
