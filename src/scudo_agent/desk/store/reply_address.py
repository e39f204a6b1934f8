"""Where an answer to a mail of the desk goes: an address for one ticket and one reader.

`assistenza+sc-7f3k-9qz2-TOKEN@provider.example`: the token is an HMAC over the ticket
and the recipient of the mail, so that nobody makes the address of a ticket that he
was not written to about (threat 22). It proves what the answer is to, and never who
sent it: that the desk's rules decide (`mail_rules`).
"""

import base64
import hmac
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection, insert, select

from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.mail_tables import desk_secret
from scudo_agent.desk.store.tables import PROVIDER_TENANT
from scudo_agent.instant import Instant

KEY_BYTES = 32
TOKEN_SIGNS = 20
"""100 bits: each guess is a mail, and one that fails is set aside."""

LOCAL_LIMIT = 64 - len("+sc-7f3k-9qz2-") - TOKEN_SIGNS
"""Signs before the `@` of the address that answers go to (RFC 5321 4.5.3.1.1)."""

_NAME = "reply_address"
_TAG = re.compile(
    rf"\+(sc(?:-[0-9a-z]{{4}}){{1,4}})-([a-z2-7]{{{TOKEN_SIGNS}}})@",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """What an address claims: the ticket's number, and a token for it."""

    ref: str
    token: str


class ReplyAddresses:
    """Makes the addresses that the desk's mails name; any thread may ask."""

    def __init__(
        self, database: Database, now: Callable[[], Instant], base: str | None
    ) -> None:
        self._database = database
        self._now = now
        self._base = base
        self._key: bytes | None = None

    def make(self, ref: str, recipient: str) -> str | None:
        """Where `recipient` answers about the ticket; None where no mail comes in."""
        if self._base is None:
            return None
        if self._key is None:
            with self._database.write() as db:
                self._key = key_of(db, self._now())
        return address(self._key, self._base, ref, recipient)


def address(key: bytes, base: str, ref: str, recipient: str) -> str:
    """`base` with the tag of one ticket and one recipient."""
    local, _, host = base.rpartition("@")
    return f"{local}+{ref.lower()}-{_token(key, ref, recipient)}@{host}"


def key_of(db: Connection, now: Instant) -> bytes:
    """The desk's key, made when it is first needed; backups carry it."""
    known = db.execute(
        select(desk_secret.c.secret).where(desk_secret.c.name == _NAME)
    ).scalar()
    if known is not None:
        return bytes.fromhex(known)
    key = secrets.token_bytes(KEY_BYTES)
    row = {
        "tenant_id": PROVIDER_TENANT,
        "name": _NAME,
        "secret": key.hex(),
        "made_us": now,
    }
    db.execute(insert(desk_secret).values(row))
    return key


def tags_in(addresses: Iterable[str]) -> tuple[Tag, ...]:
    """What these addresses claim, whatever stands before and behind it."""
    found = (_TAG.search(one) for one in addresses)
    tags = (
        Tag(ref=one[1].upper(), token=one[2].lower())
        for one in found
        if one is not None
    )
    return tuple(dict.fromkeys(tags))


def holder(key: bytes, tag: Tag, recipients: Iterable[str]) -> str | None:
    """For which of these recipients the desk made the tag; None: for none of them.

    All are compared, each in constant time: how long it takes tells nothing.
    """
    found = None
    for one in recipients:
        if hmac.compare_digest(_token(key, tag.ref, one), tag.token):
            found = one
    return found


def _token(key: bytes, ref: str, recipient: str) -> str:
    said = b"\0".join((b"reply", ref.upper().encode(), recipient.lower().encode()))
    made = hmac.new(key, said, sha256).digest()
    return base64.b32encode(made).decode().lower()[:TOKEN_SIGNS]
