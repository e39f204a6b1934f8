"""What somebody wrote in a mail, put on a ticket or made a request of.

Quotations and signatures are folded away and kept; files come along under the limits
of files that people attach, and what has no room is named.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, select

from scudo_agent.desk.life import MAIL_LIMIT, Note
from scudo_agent.desk.mail.incoming import Incoming
from scudo_agent.desk.store.acts import Acts, Told
from scudo_agent.desk.store.files import FileError, check_file, keep
from scudo_agent.desk.store.kept_files import Kept, upload
from scudo_agent.desk.store.requests import (
    DESCRIPTION_LIMIT,
    TITLE_LIMIT,
    Asked,
    ByMail,
    Requests,
)
from scudo_agent.desk.store.scope import Person
from scudo_agent.desk.store.tables import ticket
from scudo_agent.instant import Instant

QUOTED_LIMIT, SIGNATURE_LIMIT = 20_000, 2_000
"""Signs of what is folded away; the mail itself has all of it."""

NAME_LIMIT = 200
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_URL = re.compile(r"https?://[^\s<>\"'()\[\]]{3,400}[^\s<>\"'()\[\].,;:!?]")
_ID = re.compile(r"<[!-;=?-~]{1,250}>")
_PREFIX = re.compile(r"^\s*(?:(?:R|RE|AW|I|FW|FWD|Inoltro)\s*:\s*)+", re.IGNORECASE)


class Filing:
    """Puts mails where they belong, within the transaction of who decided that."""

    def __init__(
        self, acts: Acts, requests: Requests, now: Callable[[], Instant]
    ) -> None:
        self._acts = acts
        self._requests = requests
        self._now = now

    def say(
        self,
        db: Connection,
        who: Person,
        row: Any,
        mail: Incoming,
        *,
        told: Told,
        public: bool | None = None,
    ) -> None:
        """Put somebody's mail on a ticket, with its files; `ActError` if it takes none.

        Of the provider's people it is an internal note, unless `public` says more.
        """
        shown = not who.staff if public is None else public
        words = plain(mail.body.said) or plain(mail.subject) or "–"
        data = dict(told.data) | folded(mail)
        files = [upload(one.name, one.content, public=shown) for one in mail.files]
        if len(words) > MAIL_LIMIT:
            files.insert(0, upload("mail.txt", words.encode(), public=shown))
            words = words[: MAIL_LIMIT - 1].rstrip() + "…"
        act = Note(words=words, public=shown, by_mail=True)
        left_out = [one.name for one in mail.files if one.left_out]
        # Before the word: an entry of history never changes.
        self._acts.check(row, act, who)
        left_out += _attached(db, who, row, files, self._now())
        if left_out := [plain(one) for one in left_out if one]:
            data["left_out"] = left_out
        told = replace(told, data=data)
        self._acts.do_in(db, who, row, act, version=None, told=told)

    def open(
        self,
        db: Connection,
        who: Person,
        where: tuple[str, str],
        mail: Incoming,
        told: Told,
    ) -> Any:
        """Open a request with what a mail says; its ticket's row.

        `where` is the customer and the site, `told` when our server had the mail, and
        what its entry of history keeps. `RequestError` when the site takes none.
        """
        words = plain(mail.body.said) or plain(mail.subject) or "–"
        files = [upload(one.name, one.content, public=True) for one in mail.files]
        if len(words) > DESCRIPTION_LIMIT:
            files.insert(0, upload("mail.txt", words.encode(), public=True))
            words = words[: DESCRIPTION_LIMIT - 1].rstrip() + "…"
        title = _PREFIX.sub("", plain(mail.subject))[:TITLE_LIMIT].strip()
        by_mail = ByMail(
            title=title,
            message_id=message_id_of(mail),
            pictured=any(one.media_type.startswith("image/") for one in files),
            told=dict(told.data) | folded(mail),
        )
        asking = {"name": plain(mail.sender_name)[:NAME_LIMIT], "mail": mail.sender}
        url = _URL.search(words)
        ref = self._requests.open_in(
            db,
            who,
            Asked(
                tenant_id=where[0],
                site_id=where[1],
                channel="mail",
                received=told.at,
                description=words,
                url=None if url is None else url[0],
                requester_id=None if who.staff else who.person_id,
                requester=None if who.person_id and not who.staff else asking,
                mail=by_mail,
            ),
        )
        row = db.execute(select(ticket).where(ticket.c.ref == ref)).one()
        _attached(db, who, row, files, self._now())
        return row


def _attached(
    db: Connection, who: Person, row: Any, files: list[Kept], now: Instant
) -> list[str]:
    """Attach files to the ticket of `row`; the names of those without room there."""
    left_out = []
    for file in files:
        try:
            check_file(file)
            keep(db, who, row, file, now)
        except FileError:
            left_out.append(file.name)
    return left_out


def plain(text: str) -> str:
    """Foreign text as any database takes it: no controls but line ends and tabs."""
    whole = text.encode("utf-8", "replace").decode()
    return _CONTROLS.sub("", whole.replace("\r\n", "\n").replace("\r", "\n")).strip()


def folded(mail: Incoming) -> dict[str, str]:
    """What is folded away of a mail, for the entry of history."""
    parts = {
        "quoted": plain(mail.body.quoted)[:QUOTED_LIMIT],
        "signature": plain(mail.body.signature)[:SIGNATURE_LIMIT],
    }
    return {name: text for name, text in parts.items() if text}


def message_id_of(mail: Incoming) -> str | None:
    """Its Message-ID, if a mail of ours can refer to it."""
    found = mail.message_id
    return found if found is not None and _ID.fullmatch(found) else None
