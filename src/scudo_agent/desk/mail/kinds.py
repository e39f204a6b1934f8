"""What a mail that came in is: somebody's words, or something that a program sent.

Only words open a ticket or are answered. Everything else is noted where it belongs:
an answer to it would be a loop (RFC 3834), and a ticket for each of certified mail's
receipts would bury the others.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from scudo_agent.desk.mail.incoming import Incoming


class Kind(StrEnum):
    """What a mail is."""

    MAIL = "mail"
    BOUNCE = "bounce"
    DELAY = "delay"
    RECEIPT = "receipt"
    """Of certified mail (PEC), or one that says that a mail was opened."""
    AUTO = "auto"
    CALENDAR = "calendar"
    LIST = "list"
    LOOP = "loop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What it is, and by which of its marks that was seen."""

    kind: Kind
    mark: str


HOP = "x-scudo-desk"
"""A header of every mail of a desk: one that comes back has gone in a circle."""

_AWAY = re.compile(
    r"^\s*(?:risposta automatica|automatic reply|auto(?:matic)?[ -]?reply|autoreply"
    r"|auto:|out of (?:the )?office|fuori (?:ufficio|sede)|assenza|assente dall"
    r"|abwesenheit|automatische antwort|réponse automatique)",
    re.IGNORECASE,
)
_BOUNCED = re.compile(
    r"^\s*(?:undeliver(?:able|ed)|mail delivery (?:failed|failure)"
    r"|delivery status notification|returned mail|delivery failure"
    r"|mancato recapito|non recapitabile|failure notice)",
    re.IGNORECASE,
)
_DELAYED = re.compile(
    r"(?:delay|ritard|warning: (?:could not|message)|still (?:being )?retr)",
    re.IGNORECASE,
)


def kind_of(mail: Incoming, *, own: frozenset[str]) -> Verdict:
    """What `mail` is; `own` are the desk's addresses, in small letters."""
    for rule in (_looped, _receipt, _bounce, _calendar, _automatic):
        verdict = rule(mail, own)
        if verdict is not None:
            return verdict
    return Verdict(kind=Kind.MAIL, mark="nothing says that a program wrote it")


def _looped(mail: Incoming, own: frozenset[str]) -> Verdict | None:
    if HOP in mail.headers:
        return Verdict(kind=Kind.LOOP, mark="X-Scudo-Desk")
    if mail.sender in own:
        return Verdict(kind=Kind.LOOP, mark="it comes from the desk's own address")
    return None


def _receipt(mail: Incoming, _: frozenset[str]) -> Verdict | None:
    # A receipt is no envelope; in an envelope the words are a person's own, whatever
    # the subject and the headers inside look like (DM 2/11/2005).
    if "x-ricevuta" in mail.headers and "x-trasporto" not in mail.headers:
        mark = f"X-Ricevuta: {mail.headers['x-ricevuta'][:60]}"
        return Verdict(kind=Kind.RECEIPT, mark=mark)
    if "multipart/report; report-type=disposition-notification" in mail.types:
        return Verdict(kind=Kind.RECEIPT, mark="disposition-notification")
    return None


def _bounce(mail: Incoming, _: frozenset[str]) -> Verdict | None:
    mark = ""
    if "multipart/report; report-type=delivery-status" in mail.types:
        mark = "multipart/report"
    elif "x-failed-recipients" in mail.headers:
        mark = "X-Failed-Recipients"
    elif mail.headers.get("return-path", "") in ("<>", "< >"):
        if not _AWAY.match(mail.subject) and _absent(mail):
            mark = "Return-Path: <>"
    elif mail.sender.partition("@")[0] in ("mailer-daemon", "postmaster"):
        mark = f"from {mail.sender}" if _BOUNCED.match(mail.subject) else ""
    if not mark:
        return None
    late = _DELAYED.search(mail.subject) or re.search(
        r"^action:\s*delayed", _status(mail), re.IGNORECASE | re.MULTILINE
    )
    return Verdict(kind=Kind.DELAY if late else Kind.BOUNCE, mark=mark)


def _absent(mail: Incoming) -> bool:
    """Whether nothing but the empty return path says what a program wrote."""
    said = mail.headers.get("auto-submitted", "no").lower()
    return said.startswith("no") or bool(_BOUNCED.match(mail.subject))


def _status(mail: Incoming) -> str:
    """The machine's part of a report."""
    return "\n".join(
        file.content[:20_000].decode("utf-8", "replace")
        for file in mail.files
        if file.media_type == "message/delivery-status"
    )


def _calendar(mail: Incoming, _: frozenset[str]) -> Verdict | None:
    for method in ("reply", "counter", "cancel"):
        if f"text/calendar; method={method}" in mail.types:
            return Verdict(kind=Kind.CALENDAR, mark=f"text/calendar, {method}")
    return None


def _automatic(mail: Incoming, _: frozenset[str]) -> Verdict | None:
    headers = mail.headers
    said = headers.get("auto-submitted", "no").partition(";")[0].strip().lower()
    if said != "no":
        return Verdict(kind=Kind.AUTO, mark=f"Auto-Submitted: {said[:40]}")
    for name in ("x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-reply"):
        if headers.get(name, "no").strip().lower() not in ("no", ""):
            return Verdict(kind=Kind.AUTO, mark=name)
    if "list-id" in headers or "list-post" in headers:
        return Verdict(kind=Kind.LIST, mark="List-Id")
    precedence = headers.get("precedence", "").strip().lower()
    if precedence in ("bulk", "junk", "list"):
        return Verdict(kind=Kind.LIST, mark=f"Precedence: {precedence}")
    if precedence == "auto_reply":
        return Verdict(kind=Kind.AUTO, mark="Precedence: auto_reply")
    if headers.get("x-ms-exchange-generated-message-source"):
        return Verdict(kind=Kind.AUTO, mark="X-MS-Exchange-Generated-Message-Source")
    if headers.get("return-path", "") in ("<>", "< >"):
        return Verdict(kind=Kind.AUTO, mark="Return-Path: <>")
    if _AWAY.match(mail.subject):
        return Verdict(kind=Kind.AUTO, mark="its subject says so")
    return None
