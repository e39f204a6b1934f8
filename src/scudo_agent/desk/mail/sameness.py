"""Whether a mail came before: by what its writer sent, not by how it got here.

A worker that is killed after a mail has landed, and before the server was told, gets
it again; so does who takes mails by two ways.
"""

import re
from hashlib import sha256

_HEAD = 256 * 1024
_ON_THE_WAY = (
    b"received",
    b"return-path",
    b"delivered-to",
    b"x-original-to",
    b"envelope-to",
    b"x-delivered-to",
    b"x-envelope-to",
    b"authentication-results",
    b"received-spf",
    b"dkim-filter",
)
_PREFIXES = (b"x-spam", b"arc-", b"x-virus", b"x-received")
_NAME = re.compile(rb"([!-9;-~]{1,100})[ \t]*:")


def fingerprint(raw: bytes) -> str:
    """SHA-256 of a mail without what servers on its way put in front, as hex.

    Line ends count alike. Of a mail with neither a Message-ID nor a date nothing else
    tells two from one: there what servers wrote counts, too.
    """
    end = re.search(rb"\r?\n\r?\n", raw[:_HEAD])
    if end is None:
        return sha256(raw).hexdigest()
    fields = _fields(raw[: end.start()])
    names = {name for name, _ in fields}
    mine = sha256()
    for name, field in fields:
        if names & {b"message-id", b"date"} and _passing(name):
            continue
        mine.update(field + b"\n")
    mine.update(b"\n" + raw[end.end() :].replace(b"\r\n", b"\n").rstrip(b"\r\n"))
    return mine.hexdigest()


def _fields(head: bytes) -> list[tuple[bytes, bytes]]:
    """The header's fields with their names in small letters."""
    fields: list[tuple[bytes, list[bytes]]] = []
    for line in head.replace(b"\r\n", b"\n").split(b"\n"):
        found = _NAME.match(line)
        if line[:1] in (b" ", b"\t") and fields:
            fields[-1][1].append(line)
        else:
            fields.append((found[1].lower() if found else b"", [line]))
    return [(name, b"\n".join(lines)) for name, lines in fields]


def _passing(name: bytes) -> bool:
    return name in _ON_THE_WAY or name.startswith(_PREFIXES)
