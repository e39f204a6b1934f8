"""The pages of mails that came in: those that are set aside, one mail, its original.

Whoever assigns work decides about them. A mail is shown as text: nothing of what it
brings is ever drawn, and its files leave with the original alone.
"""

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from starlette.responses import Response

from scudo_agent.desk.front import NUMBER
from scudo_agent.desk.life import ActError, StaleError
from scudo_agent.desk.mail.line import Line
from scudo_agent.desk.mail.why import Outcome
from scudo_agent.desk.mail_in_words import OUTCOMES, WHYS
from scudo_agent.desk.offload import offload
from scudo_agent.desk.pages import When
from scudo_agent.desk.rights import Right
from scudo_agent.desk.settings import DeskSettings
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.quarantine import HeldMail, MailLine
from scudo_agent.desk.uploads import UNKNOWN, disposition
from scudo_agent.desk.visit import Doors, Refusal, Visit
from scudo_agent.locale import formats
from scudo_agent.text import T

_ORDER = (
    Outcome.QUARANTINED,
    Outcome.LANDED,
    Outcome.OPENED,
    Outcome.NOTED,
    Outcome.DISCARDED,
)
_OPEN = (Outcome.QUARANTINED, Outcome.DISCARDED, Outcome.NOTED)

_SAID, _HEADERS = 100_000, 60_000
"""Signs of a mail's text and bytes of its headers on a page; the original has all."""

_DONE = MappingProxyType(
    {
        "file": T("The mail is on its ticket."),
        "open": T("The request is open."),
        "discard": T("The mail is discarded."),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A line of the list."""

    line: MailLine
    who: str
    why: str
    came: When


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A file that a mail brought, as it calls itself."""

    name: str
    kind: str
    size: str


class MailPages:
    """Handlers of the pages."""

    def __init__(self, store: DeskStore, settings: DeskSettings) -> None:
        self._store = store
        self._mails = store.quarantine
        self._line = Line(settings.spool)

    async def listed(self, visit: Visit) -> Response:
        """Those that are set aside; with `?of=` what became of others."""
        asked = visit.request.query_params.get("of", "")
        of = Outcome(asked) if asked in list(Outcome) else Outcome.QUARANTINED
        found = await offload(self._mails.listed, visit.person, of, page=visit.number)
        state = await offload(self._line.read)
        if found is None:
            return visit.missing()
        say, page = visit.say, visit.page
        lost = None if state is None else state.lost
        path = f"/mail-in?of={of}&page="
        content: dict[str, Any] = {
            "title": say(T("Mails that came in")),
            "chips": [(one.value, say(OUTCOMES[one]), one is of) for one in _ORDER],
            "waits": of is Outcome.QUARANTINED,
            "done": visit.done(_DONE),
            "lost": None if lost is None else page.when(lost, visit.zone),
            "why": "" if state is None else state.why,
            "rows": [
                _Row(
                    line=one,
                    who=_who(one),
                    why=say(WHYS[one.why]),
                    came=page.when(one.received, visit.zone),
                )
                for one in found.lines
            ],
            "number": found.page,
            "pages": found.pages,
            "before": f"{path}{found.page - 1}" if found.page > 1 else "",
            "after": f"{path}{found.page + 1}" if found.page < found.pages else "",
        }
        return visit.answer("mails_in.html", content)

    async def one(self, visit: Visit) -> Response:
        """One mail."""
        return await self._show(visit)

    async def act(self, visit: Visit) -> Response:
        """One of its forms: `file` on a ticket, `open` a request, or `discard`."""
        number, act = _number(visit), visit.part("act")
        if number is None or act not in _DONE:
            return visit.missing()
        try:
            done = await offload(self._do, visit, number, act)
        except StaleError as exc:
            return await self._show(
                visit, Refusal(text=exc.text, form=visit.form, status=409)
            )
        except ActError as exc:
            return await self._show(visit, Refusal(text=exc.text, form=visit.form))
        if not done:
            return visit.missing()
        visit.front.wake()
        return visit.go(f"/mail-in?done={act}")

    def _do(self, visit: Visit, number: int, act: str) -> object:
        who, form = visit.person, visit.form
        given = form.get("version", "")
        if not NUMBER.fullmatch(given):
            raise ActError(T("Say which version of the mail you have seen."))
        version = int(given)
        if act == "discard":
            return self._mails.discard(who, number, version=version)
        if act == "open":
            tenant, _, site = form.get("site", "").partition("/")
            return self._mails.open(who, number, (tenant, site), version=version)
        if (readers := form.get("as")) not in ("customer", "internal"):
            raise ActError(T("Say who is to read it."))
        ref, public = form.get("ref", ""), readers == "customer"
        return self._mails.file(who, number, ref, version=version, public=public)

    async def original(self, visit: Visit) -> Response:
        """The mail as it came; of what is set aside only for who decides."""
        number = _number(visit)
        if number is None:
            return visit.missing()
        raw = await offload(self._mails.original, visit.person, number)
        if raw is None:
            return visit.missing()
        headers = {
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Content-Disposition": disposition(f"mail-{number}.eml", inline=False),
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "no-store",
        }
        return Response(raw, media_type=UNKNOWN, headers=headers)

    async def _show(self, visit: Visit, refusal: Refusal | None = None) -> Response:
        number = _number(visit)
        if number is None:
            return visit.missing()
        content = await offload(self._content, visit, number)
        if content is None:
            return visit.missing()
        return visit.again("mail_in.html", content, refusal)

    def _content(self, visit: Visit, number: int) -> dict[str, Any] | None:
        held = self._mails.one(visit.person, number)
        if held is None:
            return None
        say, page, line = visit.say, visit.page, held.line
        decided = line.decided
        places = self._mails.places(visit.person)
        of_sender = [f"{one}/{site}" for one, _, site in places if one == line.customer]
        return _opened(visit, held) | {
            "line": line,
            "who": _who(line),
            "came": page.when(line.received, visit.zone),
            "size": _size(visit, line.size),
            "outcome": say(OUTCOMES[line.outcome]),
            "why": say(WHYS[line.why]),
            "decided": None if decided is None else page.when(decided, visit.zone),
            "decider": self._named(line.decided_by),
            "decides": line.outcome in _OPEN,
            "readable": held.mail is not None,
            "sites": [
                (f"{one}/{site}", f"{name} · {site}") for one, name, site in places
            ],
            "suggested": of_sender[0] if len(of_sender) == 1 else "",
        }

    def _named(self, actor: str | None) -> str:
        number = (actor or "").removeprefix("person:")
        if not NUMBER.fullmatch(number):
            return ""
        return self._store.people.names([int(number)]).get(int(number), "")


def _opened(visit: Visit, held: HeldMail) -> dict[str, Any]:
    """What stands in a mail, as text."""
    head = re.split(rb"\r?\n\r?\n", (held.raw or b"")[:_HEADERS], maxsplit=1)[0]
    lines = head.decode("utf-8", "replace").splitlines()
    content: dict[str, Any] = {
        "headers": "\n".join(formats.clean(one) for one in lines),
        "to": "",
        "said": "",
        "quoted": "",
        "signature": "",
        "files": [],
    }
    if (mail := held.mail) is None:
        return content
    return content | {
        "to": formats.clean(mail.headers.get("to", ""))[:500],
        "said": _text(mail.body.said),
        "quoted": _text(mail.body.quoted),
        "signature": _text(mail.body.signature),
        "files": [
            _File(
                name=formats.clean(one.name),
                kind=one.media_type,
                size=_size(visit, one.left_out or len(one.content)),
            )
            for one in mail.files
        ],
    }


def _text(words: str) -> str:
    """Lines of a mail without signs that turn or hide what stands beside them."""
    return "\n".join(formats.clean(one) for one in words[:_SAID].split("\n"))


def _size(visit: Visit, size: int) -> str:
    return formats.size(size, formats.babel_locale(visit.reader.language))


def add_mails_in(doors: Doors) -> None:
    """Add the pages."""
    pages = MailPages(doors.front.store, doors.front.settings)
    doors.page("/mail-in", pages.listed, sees=Right.DISPATCH)
    doors.page("/mail-in/{number}", pages.one, sees=Right.DISPATCH)
    doors.form("/mail-in/{number}/{act}", pages.act, sees=Right.DISPATCH)
    doors.page("/mail-in/{number}/original", pages.original, sees=Right.INTERNAL)


def _number(visit: Visit) -> int | None:
    given = visit.part("number")
    return int(given) if re.fullmatch(r"[1-9][0-9]{0,15}", given) else None


def _who(line: MailLine) -> str:
    name, address = formats.clean(line.sender_name), formats.clean(line.sender)
    return f"{name} <{address}>" if name and address else name or address or "–"
