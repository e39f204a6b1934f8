"""What a report about a mail of ours says: which mail, and what became of it."""

import re

from scudo_agent.desk.mail.incoming import Incoming

_ID = re.compile(
    r"^message-id:[ \t\r\n]{0,20}(<[!-;=?-~]{1,400}>)", re.IGNORECASE | re.MULTILINE
)
_SAID = (
    re.compile(
        r"^diagnostic-code:\s{0,20}(?:[\w.-]{1,40}\s{0,9};)?\s{0,20}(.{1,900})",
        re.IGNORECASE | re.MULTILINE,
    ),
    re.compile(r"^status:\s{0,20}(.{1,900})", re.IGNORECASE | re.MULTILINE),
)
_LOOKED_AT = 200_000
_REASON = 300
_REFUSALS = (
    "non-accettazione",
    "errore-consegna",
    "preavviso-errore-consegna",
    "virus",
)


def about(mail: Incoming) -> tuple[str, ...]:
    """Message-IDs of the mails that it may be about, the surest first."""
    found = [mail.headers.get("x-riferimento-message-id", "").strip()]
    for file in mail.files:
        found += _ID.findall(file.content[:_LOOKED_AT].decode("utf-8", "replace"))
    text = f"{mail.body.said}\n{mail.body.quoted}"[:_LOOKED_AT]
    found += _ID.findall(text)
    found += mail.answers
    return tuple(dict.fromkeys(one for one in found if one))[:40]


def reason(mail: Incoming) -> str:
    """Why it was not delivered, in the server's words, on one line; may be empty."""
    texts = [
        file.content[:_LOOKED_AT].decode("utf-8", "replace")
        for file in mail.files
        if file.media_type == "message/delivery-status"
    ]
    for pattern in _SAID:
        for text in texts:
            if found := pattern.search(text):
                return " ".join(found[1].split())[:_REASON]
    return " ".join(mail.subject.split())[:_REASON]


def refusal(mail: Incoming) -> bool:
    """Whether a receipt of certified mail (PEC) says that it was not delivered."""
    said = mail.headers.get("x-ricevuta", "").strip().lower()
    if said:
        return any(one in said for one in _REFUSALS)
    subject = mail.subject.lower()
    return "mancata consegna" in subject or "non accettazione" in subject
