"""What every claimed mail has, whatever it is about: the head of an errand."""

from dataclasses import dataclass
from typing import Any, TypedDict

from scudo_agent.instant import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Which mail it is, who claimed it, and to whom it goes.

    `attempts` counts this one; `created` is when its row was written; `refers` are the
    mails that it refers to.
    """

    mail_id: int
    fence: int
    attempts: int
    message_id: str
    in_reply_to: str | None
    recipient: str
    language: str
    created: Instant
    refers: tuple[str, ...] = ()


class HeadFields(TypedDict):
    """The fields of a `Head`, for the errands that have more."""

    mail_id: int
    fence: int
    attempts: int
    message_id: str
    in_reply_to: str | None
    recipient: str
    language: str
    created: Instant


def head_of(row: Any, fence: int) -> HeadFields:
    """The head of the errand that a row of the outbox is, claimed under `fence`."""
    return HeadFields(
        mail_id=row.mail_id,
        fence=fence,
        attempts=row.attempts + 1,
        message_id=row.message_id,
        in_reply_to=row.in_reply_to,
        recipient=row.recipient,
        language=row.language,
        created=row.created_us,
    )
