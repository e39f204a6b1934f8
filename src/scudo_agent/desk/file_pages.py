"""Attaching a file on a ticket's page, and the list of those that are there."""

from dataclasses import dataclass
from typing import Any

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from scudo_agent.desk.forms import field_text
from scudo_agent.desk.life import WORDS_LIMIT, ActError, Note
from scudo_agent.desk.offload import offload
from scudo_agent.desk.pages import Page, When
from scudo_agent.desk.rights import Right
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.files import (
    FILE_LIMIT,
    FILES_LIMIT,
    TICKET_LIMIT,
    FileError,
)
from scudo_agent.desk.store.scope import Person
from scudo_agent.desk.store.views import TicketView
from scudo_agent.desk.uploads import SHOWN, is_file, upload
from scudo_agent.locale import Translator, formats
from scudo_agent.text import T, Text

_FIELDS = 5
_FIELD_BYTES = 20_000

REFUSED: dict[str, Text] = {
    "none": T("Choose a file first."),
    "empty": T("The file is empty."),
    "large": T(
        "The file is too large: {most} at most.", most={"bytes": float(FILE_LIMIT)}
    ),
    "full": T(
        "There is no room for it: the files of a ticket have {most} together.",
        most={"bytes": float(TICKET_LIMIT)},
    ),
    "many": T("A ticket has {n} files at most.", n=FILES_LIMIT),
    "words": T("That is too long: {n} signs at most.", n=WORDS_LIMIT),
    "broken": T("The file did not arrive whole: send it again."),
}
"""Why a file is not taken, to who sent it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """A file on the page; `picture` when a page may show it."""

    href: str
    name: str
    size: str
    at: When
    public: bool
    picture: bool


def file_rows(view: TicketView, page: Page, speaks: Translator) -> list[FileRow]:
    """The files that people attached, as far as this reader has them."""
    return [
        FileRow(
            href=f"/t/{view.line.ref}/files/{one.mark}",
            name=one.name or "",
            size=_size(one.size, speaks),
            at=page.when(one.stored, view.line.zone),
            public=one.public,
            picture=one.media_type in SHOWN,
        )
        for one in view.attachments
        if is_file(one)
    ]


class FileRefusedError(Exception):
    """A file is not taken; `text` says why, and `words` is the note beside it."""

    def __init__(self, text: Text, words: str = "") -> None:
        super().__init__(text.id)
        self.text = text
        self.words = words


def files_content(
    view: TicketView,
    page: Page,
    speaks: Translator,
    person: Person,
    refused: FileRefusedError | None = None,
) -> dict[str, Any]:
    """Contents of `files.html`."""
    return {
        "refused": "" if refused is None else speaks.render(refused.text),
        "words": "" if refused is None else refused.words,
        "rows": file_rows(view, page, speaks),
        "may": person.may(Right.REQUEST),
        "choose": person.may(Right.INTERNAL) and view.line.audience == "customer",
        "most": _size(FILE_LIMIT, speaks),
    }


def _size(size: int, speaks: Translator) -> str:
    return formats.size(size, formats.babel_locale(speaks.language))


async def take_file(
    store: DeskStore, person: Person, ref: str, request: Request
) -> bool:
    """Keep what the form brings, with its note; False if there is no such ticket.

    `FileRefusedError` says why a file is not taken: its note is not kept then, either.
    """
    try:
        async with request.form(
            max_files=1, max_fields=_FIELDS, max_part_size=_FIELD_BYTES
        ) as form:
            words = field_text({"words": str(form.get("words", ""))}, "words")
            public = form.get("public") == "1" or not person.may(Right.INTERNAL)
            given = form.get("file")
            if not isinstance(given, UploadFile) or not given.filename:
                raise FileRefusedError(REFUSED["none"], words)
            name, content = given.filename, await given.read()
    except HTTPException:
        raise FileRefusedError(REFUSED["broken"]) from None
    if len(words) > WORDS_LIMIT:
        raise FileRefusedError(REFUSED["words"], words)
    kept = await offload(upload, name, content, public=public)
    try:
        if await offload(store.files.put, person, ref, kept) is None:
            return False
        if words:
            note = Note(words=words, public=public)
            await offload(store.acts.do, person, ref, note, version=None)
    except FileError as exc:
        raise FileRefusedError(REFUSED[str(exc)], words) from None
    except ActError as exc:
        raise FileRefusedError(exc.text, words) from None
    return True
