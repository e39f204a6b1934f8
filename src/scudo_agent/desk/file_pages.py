"""Attaching a file on a ticket's page, and the list of those that are there."""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from scudo_agent.desk.forms import field_text
from scudo_agent.desk.life import WORDS_LIMIT, ActError, Note
from scudo_agent.desk.offload import offload
from scudo_agent.desk.pages import Page, When
from scudo_agent.desk.rights import Right
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.files import (
    FILE_LIMIT,
    REFUSED,
    FileError,
)
from scudo_agent.desk.store.scope import Person
from scudo_agent.desk.store.views import TicketView
from scudo_agent.desk.uploads import SHOWN, BrokenError, is_file, read_parts, upload
from scudo_agent.locale import Translator, formats
from scudo_agent.text import Text

_FIELDS = 5


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
            size=size_words(one.size, speaks),
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
        "most": size_words(FILE_LIMIT, speaks),
    }


def size_words(size: int, speaks: Translator) -> str:
    """A number of bytes as people say it."""
    return formats.size(size, formats.babel_locale(speaks.language))


async def take_file(
    store: DeskStore, person: Person, ref: str, request: Request
) -> bool:
    """Keep what the form brings, with its note; False if there is no such ticket.

    `FileRefusedError` says why a file is not taken: its note is not kept then, either.
    """
    try:
        form, brought = await read_parts(request, files=1, fields=_FIELDS)
    except BrokenError:
        raise FileRefusedError(REFUSED["broken"]) from None
    words = field_text(form, "words")
    public = form.get("public") == "1" or not person.may(Right.INTERNAL)
    if not brought:
        raise FileRefusedError(REFUSED["none"], words)
    ((name, content),) = brought
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
