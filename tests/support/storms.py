"""What a desk's test mails say."""

import email
from email.message import EmailMessage
from email.policy import default

from support.desking import Bench


def read(data: bytes) -> EmailMessage:
    """A mail as its reader's program sees it."""
    return email.message_from_bytes(data, policy=default)


def text(b: Bench, place: int = -1) -> str:
    """The words of one of the mails that were sent, on one line."""
    part = read(b.mails.mails[place][1]).get_body(("plain",))
    assert part is not None
    return " ".join(str(part.get_content()).split())


def subjects(b: Bench) -> list[str]:
    """The subjects of all that were sent."""
    return [str(read(data)["Subject"]) for _, data in b.mails.mails]
