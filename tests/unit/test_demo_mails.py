"""The demo shows its mails as a person would read them."""

import os
from email.message import EmailMessage
from pathlib import Path

import pytest

from scudo_agent.demo import mails


def _mail(subject: str, text: str, *, reply_to: str | None = None) -> bytes:
    message = EmailMessage()
    message["From"] = "desk@provider.example"
    message["To"] = "it@demo.example"
    message["Subject"] = subject
    if reply_to:
        message["In-Reply-To"] = reply_to
    message.set_content(text)
    message.add_alternative(f"<p>{text}</p>", subtype="html")
    return message.as_bytes()


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    for name in ("new", "cur", "tmp"):
        (tmp_path / name).mkdir()
    for at, (name, source) in enumerate(
        {
            "cur/b": _mail("Sito demo bloccato", "perché è fermo"),
            "new/a": _mail("Sito demo ripristinato", "fine", reply_to="<1@x.example>"),
            "tmp/c": _mail("not yet delivered", "x"),
        }.items()
    ):
        (tmp_path / name).write_bytes(source)
        os.utime(tmp_path / name, (at, at))
    return tmp_path


def test_mails_are_shown_oldest_first_with_heads_and_text(maildir: Path) -> None:
    shown = mails.read(maildir)
    assert "perché è fermo" in shown
    assert "<p>" not in shown
    assert "not yet delivered" not in shown
    assert "In-Reply-To: <1@x.example>" in shown
    assert shown.index("bloccato") < shown.index("ripristinato")


def test_raw_shows_what_was_sent(maildir: Path) -> None:
    assert "<p>" in mails.read(maildir, raw=True)


def test_a_mail_cannot_steer_the_terminal(maildir: Path) -> None:
    (maildir / "new" / "z").write_bytes(b"Subject: x\n\nred \x1b[31m bell \x07\n")
    shown = mails.read(maildir) + mails.read(maildir, raw=True)
    assert "\x1b" not in shown
    assert "\x07" not in shown


def test_no_mail_yet_is_said(tmp_path: Path) -> None:
    assert mails.read(tmp_path / "mail") == f"no mail yet in {tmp_path / 'mail'}"
