"""`scudo-agent desk mail-in < MAIL`: a mail server hands a mail to the desk.

A mail server takes exit code 75 for "later" and keeps the mail; any other failure it
tells the sender, and the mail is lost to the desk. So every failure is 75.
"""

import argparse
import os
import pwd
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from scudo_agent.cli.verbs import add_embedding, verb
from scudo_agent.errors import ScudoError

if TYPE_CHECKING:
    from scudo_agent.cli.verbs import Verbs
    from scudo_agent.desk.settings import DeskSettings

ACTION = "mail-in"

LATER = 75
"""`EX_TEMPFAIL` of sysexits.h."""


def add_verbs(verbs: "Verbs") -> None:
    """`desk mail-in`."""
    parser = verb(
        verbs,
        ACTION,
        "take a mail from a mail server on standard input; exit 0 kept, 75 later",
        example="|/usr/bin/scudo-agent desk mail-in --settings /etc/scudo/desk.yaml",
    )
    add_embedding(parser)


def take(args: argparse.Namespace) -> int:
    """Put the mail on standard input where the desk takes it; 0: it is on the disk."""
    try:
        return _keep(_settings(args), sys.stdin.buffer)
    except (ScudoError, OSError) as exc:
        print(f"{exc}", file=sys.stderr)
        return LATER


def _keep(settings: "DeskSettings", mail: BinaryIO) -> int:
    from scudo_agent.clock import SystemClock
    from scudo_agent.desk.mail.spool import Spool

    if settings.mail.incoming is None:
        raise ScudoError("no mail comes in at this desk: its settings have no mail.in")
    if not settings.folder.is_dir():
        raise ScudoError(f"{settings.folder}: is no folder; has the desk ever run?")
    owner = settings.folder.stat().st_uid
    if os.geteuid() != owner:  # else the desk could not read what is kept
        raise ScudoError(
            f"{settings.folder}: belongs to {_name(owner)}; run it as that"
        )
    if Spool(settings.spool).put(mail, SystemClock().wall()) is None:
        raise ScudoError("there is no mail on standard input")
    return 0


def _name(uid: int) -> str:
    try:
        return f"the user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user number {uid}"


def _settings(args: argparse.Namespace) -> "DeskSettings":
    from scudo_agent.agent.desks import desk_settings
    from scudo_agent.desk.settings import load_desk_settings

    if args.settings is not None:
        return load_desk_settings(args.settings)
    if args.site is None:
        raise ScudoError("which desk? Name its settings: --settings FILE")
    folder = Path(args.site).parent
    return desk_settings(folder / "desk.yaml", folder / "state")
