"""Files that people attach: what they are called, what they are, how they are served.

A name is what somebody typed and a type what a browser claims: the one is cleaned, the
other decided by the content. Only pictures are ever shown in a page; all else is handed
out as bytes to be kept.
"""

from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from scudo_agent.desk.forms import read_form
from scudo_agent.desk.store.attachments import SCREENSHOT, Attachment
from scudo_agent.desk.store.kept_files import NAME_SIGNS as NAME_SIGNS
from scudo_agent.desk.store.kept_files import SHOWN as SHOWN
from scudo_agent.desk.store.kept_files import UNKNOWN as UNKNOWN
from scudo_agent.desk.store.kept_files import file_name as file_name
from scudo_agent.desk.store.kept_files import type_of as type_of
from scudo_agent.desk.store.kept_files import upload as upload

_FIELD_BYTES = 40_000
"""Of one field: 10,000 signs of four bytes each."""


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
