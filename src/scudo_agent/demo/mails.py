"""The mails of the demo's desk, read from its Maildir as a person would."""

import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

from scudo_agent.errors import ScudoError

_SHOWN = ("Date", "From", "To", "Subject", "In-Reply-To")


def read(maildir: Path, *, raw: bool = False) -> str:
    """All mails, oldest first: heads and text part, or `raw` as they were sent."""
    files = _files(maildir)
    if not files:
        return f"no mail yet in {maildir}"
    try:
        texts = [file.read_bytes() for file in files]
    except OSError as exc:
        raise ScudoError(f"{exc.filename}: {exc.strerror}") from None
    if raw:
        return "\n".join(_printable(text.decode("utf-8", "replace")) for text in texts)
    return f"\n{'─' * 78}\n".join(map(_pretty, texts))


def _files(maildir: Path) -> list[Path]:
    """The delivered mails by the time at which they came; `tmp` is not delivered."""
    found = [
        file
        for name in ("cur", "new")
        if (maildir / name).is_dir()
        for file in (maildir / name).iterdir()
        if file.is_file()
    ]
    return sorted(found, key=lambda file: (file.stat().st_mtime_ns, file.name))


def _pretty(source: bytes) -> str:
    message = email.message_from_bytes(source, policy=email.policy.default)
    body = message.get_body(("plain",)) if isinstance(message, EmailMessage) else None
    text = body.get_content() if body is not None else "(no text part)"
    return _printable("\n".join([*_heads(message), "", text.rstrip()]))


def _heads(message: EmailMessage) -> Iterator[str]:
    for name in _SHOWN:
        if message[name] is not None:
            yield f"{name + ':':<13}{message[name]}"


def _printable(text: str) -> str:
    """Nothing in a mail may steer the terminal."""
    return "".join(
        char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}"
        for char in text.replace("\r\n", "\n")
    )
